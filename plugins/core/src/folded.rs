//! Words as they are compared: however they are written, typed or heard.

/// Lower case, without punctuation and apostrophes, umlauts and ß written out ("ä" and "ae" are the same), one space
/// between words and one at either end. Empty for a text without words.
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for letter in text.to_lowercase().chars() {
        match letter {
            'ä' => out.push_str("ae"),
            'ö' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            '\'' | '’' | '‘' | '`' => {}
            letter if letter.is_alphanumeric() => out.push(letter),
            _ => out.push(' '),
        }
    }
    let words: Vec<&str> = out.split_whitespace().collect();
    if words.is_empty() { String::new() } else { format!(" {} ", words.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_it_is_written_it_is_the_same() {
        let cases = [
            ("Wie heißt du?", " wie heisst du "),
            ("What's  the\ntime?", " whats the time "),
            ("Äpfel – ÖL!", " aepfel oel "),
            ("…", ""),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(folded(text), expected, "{text:?}");
        }
    }
}
