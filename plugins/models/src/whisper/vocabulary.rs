//! Whisper's tokens as bytes.
//!
//! `vocabulary.json` writes each token in the characters that GPT-2's tokeniser puts for bytes (openai/gpt-2,
//! src/encoder.py, `bytes_to_unicode`): printable Latin-1 stands for itself, every other byte for the next character
//! from U+0100 on.

use super::ConvertError;

/// The first token that has no text; the file names only those before it, and whisper.cpp knows the others.
const FIRST_SPECIAL: &str = "<|endoftext|>";

/// The texts of all tokens that have one, in order.
pub(super) fn tokens(vocabulary: &str) -> Result<Vec<Vec<u8>>, ConvertError> {
    let words: Vec<String> =
        serde_json::from_str(vocabulary).map_err(|error| ConvertError::Vocabulary(error.to_string()))?;
    let texts = words.iter().position(|word| word == FIRST_SPECIAL);
    let texts = texts.ok_or_else(|| ConvertError::Vocabulary(format!("{FIRST_SPECIAL} is missing")))?;
    let alphabet = alphabet();
    let byte = |letter: char| alphabet.iter().position(|&own| own == letter).map(|byte| byte as u8);
    let decode = |word: &String| {
        let bytes: Option<Vec<u8>> = word.chars().map(byte).collect();
        bytes.ok_or_else(|| ConvertError::Vocabulary(format!("{word:?} has a character that is no byte")))
    };
    words[..texts].iter().map(decode).collect()
}

/// The character of each byte.
fn alphabet() -> [char; 256] {
    let mut next = '\u{100}'..;
    std::array::from_fn(|byte| match byte as u8 {
        own @ (b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff) => char::from(own),
        // 68 bytes remain; the range holds far more characters.
        _ => next.next().unwrap_or(char::REPLACEMENT_CHARACTER),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_bytes() {
        let tokens = tokens(r#"["!", "Ġth", "Ċ", "Ã¤", "Ń", "", "<|endoftext|>", "<|en|>"]"#).expect("it is good");
        let expected: [&[u8]; 6] = [b"!", b" th", b"\n", "ä".as_bytes(), &[0xad], b""];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn every_byte_has_its_own_character() {
        let mut letters = alphabet().to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 256);
        assert!(!letters.contains(&char::REPLACEMENT_CHARACTER));
    }

    #[test]
    fn a_foreign_vocabulary_is_refused() {
        for text in ["{}", r#"["a"]"#, r#"["漢", "<|endoftext|>"]"#] {
            assert!(matches!(tokens(text), Err(ConvertError::Vocabulary(_))), "{text}");
        }
    }
}
