//! Which language a written text is in.

use whatlang::{Detector, Lang};

use crate::{Language, folded};

/// Frequent short words that are of one language only.
const ENGLISH: &[&str] = &[
    "the", "is", "are", "you", "your", "my", "what", "whats", "how", "why", "who", "where", "when", "and", "of", "to",
    "it", "its", "im", "i", "me", "can", "do", "does", "not", "hello", "hey", "please", "thanks", "thank", "yes",
    "good", "bye", "goodbye", "tell", "name", "have", "this", "that", "with", "for", "be",
];
const GERMAN: &[&str] = &[
    "der", "das", "ist", "sind", "du", "dein", "deine", "mein", "meine", "wer", "wie", "wo", "wann", "warum", "und",
    "von", "zu", "es", "ich", "mir", "mich", "dir", "dich", "kannst", "kann", "nicht", "kein", "hallo", "bitte",
    "danke", "ja", "nein", "gut", "guten", "tschuess", "sag", "heisse", "heisst", "habe", "hast", "ein", "eine", "mit",
    "fuer", "auf", "geht", "uhr", "spaet", "moin", "servus", "bin", "bist", "wieviel", "welcher", "welches",
];
/// Letters from which on statistics of letters say something.
const ENOUGH_LETTERS: usize = 24;

/// The language of a text: by its short words and its umlauts; where they do not decide, by statistics of its letters;
/// where it is too short for that, `otherwise`.
pub fn language_of(text: &str, otherwise: Language) -> Language {
    let words = folded(text);
    let count = |list: &[&str]| words.split_whitespace().filter(|word| list.contains(word)).count();
    let umlauts = text.chars().filter(|letter| "äöüÄÖÜß".contains(*letter)).count();
    let (english, german) = (count(ENGLISH), count(GERMAN) + umlauts);
    if english != german {
        return if german > english { Language::German } else { Language::English };
    }
    if text.chars().filter(|letter| letter.is_alphabetic()).count() < ENOUGH_LETTERS {
        return otherwise;
    }
    match Detector::with_allowlist(vec![Lang::Eng, Lang::Deu]).detect_lang(text) {
        Some(Lang::Deu) => Language::German,
        Some(Lang::Eng) => Language::English,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_apart() {
        use Language::{English, German};
        let cases = [
            ("Hello there!", German, English),
            ("Wie geht's dir?", English, German),
            ("Was machst du heute Abend noch?", English, German),
            ("What do you do tonight?", German, English),
            ("ok", German, German),
            ("ok", English, English),
            ("42", German, German),
            ("", English, English),
            ("Tschüss", English, German),
            ("Donaudampfschifffahrtsgesellschaftskapitän", English, German),
            ("Photosynthesis converts sunlight into chemical energy.", German, English),
            ("Pflanzen verwandeln Sonnenlicht direkt in chemische Energie.", English, German),
        ];
        for (text, otherwise, expected) in cases {
            assert_eq!(language_of(text, otherwise), expected, "{text}");
        }
    }
}
