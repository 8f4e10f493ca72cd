//! A text as XTTS was trained on it: lower case, abbreviations and signs as words, single spaces.
//!
//! Source: `multilingual_cleaners` in `TTS/tts/layers/xtts/tokenizer.py` of idiap/coqui-ai-TTS. Its step from digits to
//! words is left out: numbers are words before a text comes here, and what is left of them stays digits.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use visage_core::Language;

/// What is written short with a dot behind it, and what is said.
type Abbreviations = &'static [(&'static str, &'static str)];

const ENGLISH: Abbreviations = &[
    ("mrs", "misess"),
    ("mr", "mister"),
    ("dr", "doctor"),
    ("st", "saint"),
    ("co", "company"),
    ("jr", "junior"),
    ("maj", "major"),
    ("gen", "general"),
    ("drs", "doctors"),
    ("rev", "reverend"),
    ("lt", "lieutenant"),
    ("hon", "honorable"),
    ("sgt", "sergeant"),
    ("capt", "captain"),
    ("esq", "esquire"),
    ("ltd", "limited"),
    ("col", "colonel"),
    ("ft", "fort"),
];
const GERMAN: Abbreviations = &[("fr", "frau"), ("dr", "doktor"), ("st", "sankt"), ("co", "firma"), ("jr", "junior")];

/// How a sign is said.
fn sign(sign: char, language: Language) -> Option<&'static str> {
    let [english, german] = match sign {
        '&' => ["and", "und"],
        '@' => ["at", "at"],
        '%' => ["percent", "prozent"],
        '#' => ["hash", "raute"],
        '$' => ["dollar", "dollar"],
        '£' => ["pound", "pfund"],
        '°' => ["degree", "grad"],
        _ => return None,
    };
    Some(match language {
        Language::English => english,
        Language::German => german,
    })
}

fn abbreviations(language: Language) -> (&'static Regex, Abbreviations) {
    fn pattern(known: Abbreviations) -> Regex {
        let words: Vec<_> = known.iter().map(|(short, _)| *short).collect();
        Regex::new(&format!(r"\b({})\.", words.join("|"))).expect("the words have no signs of a pattern in them")
    }
    static OF_ENGLISH: LazyLock<Regex> = LazyLock::new(|| pattern(ENGLISH));
    static OF_GERMAN: LazyLock<Regex> = LazyLock::new(|| pattern(GERMAN));
    match language {
        Language::English => (&OF_ENGLISH, ENGLISH),
        Language::German => (&OF_GERMAN, GERMAN),
    }
}

/// The text as it goes to the tokeniser. Empty if there is nothing in it.
pub(crate) fn cleaned(text: &str, language: Language) -> String {
    let lower = text.replace('"', "").to_lowercase();
    let (pattern, known) = abbreviations(language);
    let said = |short: &Captures| {
        let long = known.iter().find(|(word, _)| *word == &short[1]).map(|(_, long)| *long);
        long.expect("the pattern has the words of the table").to_owned()
    };
    let whole = pattern.replace_all(&lower, said);
    let mut text = String::with_capacity(whole.len());
    for character in whole.chars() {
        match sign(character, language) {
            Some(word) => text.extend([" ", word, " "]),
            None => text.push(character),
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_said_in_words() {
        let cases = [
            (Language::English, "Hello  Mr. Smith,\nhow are YOU?", "hello mister smith, how are you?"),
            (Language::English, "Drs. and Dr. Who & co.", "doctors and doctor who and company"),
            (Language::English, "\"Best.\" Alco. 5%, £20", "best. alco. 5 percent , pound 20"),
            (Language::German, "Frau Dr. Müller & Co.", "frau doktor müller und firma"),
            (Language::German, "Mr. Fr. 20°", "mr. frau 20 grad"),
            (Language::English, " \t\n ", ""),
            (Language::English, "\"\"", ""),
        ];
        for (language, text, expected) in cases {
            assert_eq!(cleaned(text, language), expected, "{text}");
        }
    }
}
