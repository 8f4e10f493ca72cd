//! Phonemes in espeak-ng's IPA: telling them apart, and what kind of sound each is.

/// The symbols of an IPA text that are not phonemes of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// Begins a phoneme.
    Base,
    /// Belongs to the phoneme before it: length, nasality, syllabicity, aspiration, r-colouring.
    Modifier,
    /// Belongs to the phoneme after it: stress.
    Stress,
    /// Between words.
    Space,
    /// A mark of punctuation: a pause.
    Pause,
    /// Not part of a pronunciation (tie bars, language switches); it is dropped.
    Other,
}

/// What an IPA character is.
pub fn symbol(character: char) -> Symbol {
    match character {
        'ˈ' | 'ˌ' => Symbol::Stress,
        ' ' | '\n' => Symbol::Space,
        '.' | ',' | ';' | ':' | '!' | '?' => Symbol::Pause,
        'ː' | 'ˑ' | '˞' | 'ʰ' | 'ʲ' | 'ʷ' | 'ˤ' | 'ˠ' => Symbol::Modifier,
        '\u{0361}' | '\u{035C}' | '\u{200D}' | '-' | '_' | '\'' | '"' => Symbol::Other,
        '\u{0300}'..='\u{036F}' => Symbol::Modifier,
        character if character.is_alphabetic() => Symbol::Base,
        _ => Symbol::Other,
    }
}

/// Canonical decomposition of the composed letters that IPA uses, as Piper's training did it (NFD). IPA has few of them,
/// so a table does.
pub fn decompose(text: &str) -> String {
    let mut decomposed = String::with_capacity(text.len());
    for character in text.chars() {
        let pair = match character {
            'ç' => "c\u{327}",
            'ã' => "a\u{303}",
            'ẽ' => "e\u{303}",
            'ĩ' => "i\u{303}",
            'õ' => "o\u{303}",
            'ũ' => "u\u{303}",
            'ỹ' => "y\u{303}",
            'ñ' => "n\u{303}",
            'á' => "a\u{301}",
            'à' => "a\u{300}",
            'é' => "e\u{301}",
            'è' => "e\u{300}",
            'ä' => "a\u{308}",
            'ö' => "o\u{308}",
            'ü' => "u\u{308}",
            'ï' => "i\u{308}",
            other => {
                decomposed.push(other);
                continue;
            }
        };
        decomposed.push_str(pair);
    }
    decomposed
}

/// The sound of a phoneme, as far as its length and its energy go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Silence.
    Pause,
    /// p t k: a closure, then a burst.
    Stop,
    /// b d g: a shorter closure with some voice.
    VoicedStop,
    /// f s ʃ θ x h, and affricates: noise.
    Fricative,
    /// v z ʒ ð: noise and voice.
    VoicedFricative,
    /// m n ŋ l r j w: voice, softer than a vowel.
    Sonorant,
    /// ə and the like: short vowels without stress.
    Schwa,
    /// A vowel.
    Vowel,
    /// A long vowel.
    LongVowel,
}

/// The kind of a phoneme ("ə", "tʃ", "ɑː"); the empty one is a pause.
pub fn kind(phoneme: &str) -> Kind {
    let Some(first) = phoneme.chars().next() else { return Kind::Pause };
    let long = phoneme.contains('ː');
    match first {
        't' if phoneme.chars().nth(1).is_some_and(|second| matches!(second, 'ʃ' | 's' | 'ɕ')) => Kind::Fricative,
        'd' if phoneme.chars().nth(1).is_some_and(|second| matches!(second, 'ʒ' | 'z' | 'ʑ')) => {
            Kind::VoicedFricative
        }
        'p' | 't' | 'k' | 'c' | 'q' | 'ʔ' | 'ʈ' => Kind::Stop,
        'b' | 'd' | 'ɡ' | 'g' | 'ɟ' | 'ɖ' | 'ɢ' | 'ɾ' => Kind::VoicedStop,
        'f' | 's' | 'ʃ' | 'θ' | 'x' | 'χ' | 'h' | 'ç' | 'ɸ' | 'ɕ' | 'ʂ' | 'ħ' => Kind::Fricative,
        'v' | 'z' | 'ʒ' | 'ð' | 'ɣ' | 'ʁ' | 'β' | 'ʑ' | 'ʐ' | 'ɦ' | 'ʝ' => Kind::VoicedFricative,
        'm' | 'n' | 'ŋ' | 'ɲ' | 'ɱ' | 'l' | 'ɫ' | 'ɭ' | 'ʎ' | 'r' | 'ɹ' | 'ɻ' | 'ʀ' | 'j' | 'w' | 'ʋ' | 'ɥ' | 'ʍ' => {
            Kind::Sonorant
        }
        'ə' | 'ɐ' | 'ɚ' | 'ᵻ' | 'ɨ' if !long => Kind::Schwa,
        _ if long => Kind::LongVowel,
        _ => Kind::Vowel,
    }
}

/// Whether a phoneme's sound begins with silence: the mouth is closed somewhere before the burst that is heard.
pub fn begins_closed(phoneme: &str) -> bool {
    matches!(kind(phoneme), Kind::Stop | Kind::VoicedStop) || phoneme.starts_with("tʃ") || phoneme.starts_with("dʒ")
}

/// The phonemes of an IPA text in order, with modifiers but without stress, spaces and marks; affricates (tʃ, dʒ) are
/// one phoneme.
pub fn phonemes(ipa: &str) -> Vec<String> {
    let mut phonemes: Vec<String> = Vec::new();
    let mut joined = false;
    for character in ipa.chars() {
        match symbol(character) {
            Symbol::Base => {
                match phonemes.last_mut() {
                    Some(last) if joined && is_affricate(last, character) => last.push(character),
                    _ => phonemes.push(character.to_string()),
                }
                joined = true;
            }
            Symbol::Modifier => {
                if let Some(last) = phonemes.last_mut() {
                    last.push(character);
                }
            }
            Symbol::Stress | Symbol::Space | Symbol::Pause => joined = false,
            Symbol::Other => {}
        }
    }
    phonemes
}

/// Whether `before` followed by `next` without a break is one phoneme.
pub fn is_affricate(before: &str, next: char) -> bool {
    matches!((before, next), ("t", 'ʃ') | ("d", 'ʒ'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phonemes_are_told_apart() {
        let cases = [
            ("həlˈoʊ", vec!["h", "ə", "l", "o", "ʊ"]),
            ("tʃˈɜːtʃ, dʒˌʌdʒ.", vec!["tʃ", "ɜː", "tʃ", "dʒ", "ʌ", "dʒ"]),
            ("wˈaɪt ʃˈuː", vec!["w", "a", "ɪ", "t", "ʃ", "uː"]),
            ("bɔ̃ʒˈuːɹ", vec!["b", "ɔ̃", "ʒ", "uː", "ɹ"]),
            (" . ", vec![]),
        ];
        for (ipa, expected) in cases {
            assert_eq!(phonemes(ipa), expected, "{ipa}");
        }
    }

    #[test]
    fn decomposition_is_the_one_of_unicode() {
        assert_eq!(decompose("ɪç ã"), "ɪc\u{327} a\u{303}");
        assert_eq!(decompose("həlˈoʊ"), "həlˈoʊ");
    }

    #[test]
    fn kinds_of_sounds() {
        let cases = [
            ("", Kind::Pause),
            ("p", Kind::Stop),
            ("tʃ", Kind::Fricative),
            ("ɡ", Kind::VoicedStop),
            ("m", Kind::Sonorant),
            ("ə", Kind::Schwa),
            ("ɜː", Kind::LongVowel),
            ("y", Kind::Vowel),
        ];
        for (phoneme, expected) in cases {
            assert_eq!(kind(phoneme), expected, "{phoneme}");
        }
        assert!(begins_closed("tʃ") && begins_closed("b") && !begins_closed("s"));
    }
}
