//! The name that a person gives.

use visage_core::Language::{self, English, German};

/// Words that are no name where a name is expected.
const NO_NAMES: &[&str] = &[
    "not", "a", "an", "the", "very", "so", "just", "your", "here", "fine", "good", "ok", "okay", "nicht", "ein",
    "eine", "der", "die", "das", "sehr", "hier", "gut", "müde", "tired", "what", "was", "wie", "and", "und", "is",
    "ist", "back", "back", "wieder", "da", "happy", "sad", "froh", "traurig", "egal", "auch", "too", "still", "noch",
    "sorry",
];
/// Longest name, in letters.
const LONGEST: usize = 24;

/// The name in "my name is …", "call me …", "ich heiße …" and the like; and after a greeting also in "I'm …" and "ich bin
/// …", which elsewhere rather say how somebody is.
pub(crate) fn given_name(text: &str, language: Language) -> Option<String> {
    let (sure, after_greeting, greetings): (&[&[&str]], &[&[&str]], &[&str]) = match language {
        English => (
            &[
                &["my", "name", "is"],
                &["my", "name's"],
                &["name", "is"],
                &["call", "me"],
                &["i", "am", "called"],
                &["i'm", "called"],
            ],
            &[&["i", "am"], &["i'm"], &["this", "is"]],
            &["hello", "hi", "hey", "morning", "evening", "afternoon"],
        ),
        German => (
            &[&["ich", "heiße"], &["ich", "heisse"], &["mein", "name", "ist"], &["nenn", "mich"], &["nenne", "mich"]],
            &[&["ich", "bin"], &["hier", "ist"]],
            &["hallo", "hi", "hey", "moin", "servus", "tag", "morgen", "abend"],
        ),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let lower: Vec<String> = words.iter().map(|word| bare(word).to_lowercase().replace('’', "'")).collect();
    let greeted = lower.iter().take(3).any(|word| greetings.contains(&word.as_str()));
    let phrases = sure.iter().chain(if greeted { after_greeting } else { &[] });
    for phrase in phrases {
        let Some(start) = lower.windows(phrase.len()).position(|window| window.iter().eq(phrase.iter())) else {
            continue;
        };
        // "What is my name", "your name is": a question, or somebody else's name.
        let asks = start > 0 && matches!(lower[start - 1].as_str(), "your" | "whose" | "his" | "her" | "the");
        let name = words.get(start + phrase.len()).map(|word| bare(word)).filter(|name| is_name(name));
        // "I'm Anna's friend", "ich bin Anna dankbar": a name is at the end of its clause.
        let clause_ends = sure.contains(phrase)
            || words.get(start + phrase.len()).is_some_and(|word| word.ends_with(['.', ',', '!', ';']))
            || start + phrase.len() + 1 == words.len();
        if let Some(name) = name.filter(|_| !asks && clause_ends) {
            return Some(capitalised(name));
        }
    }
    None
}

fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| !letter.is_alphanumeric())
}

fn is_name(word: &str) -> bool {
    let letters = word.chars().count();
    (2..=LONGEST).contains(&letters)
        && word.chars().all(|letter| letter.is_alphabetic() || letter == '-')
        && !NO_NAMES.contains(&word.to_lowercase().as_str())
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_moods() {
        let cases = [
            ("My name is Anna.", English, Some("Anna")),
            ("Hello there, my name's bob!", English, Some("Bob")),
            ("You can call me Jean-Luc, please", English, Some("Jean-Luc")),
            ("Hi, I'm Anna.", English, Some("Anna")),
            ("Hi, I’m Anna.", English, Some("Anna")),
            ("I'm tired.", English, None),
            ("Hello, I am happy.", English, None),
            ("Hello, I'm looking for Anna.", English, None),
            ("What is my name?", English, None),
            ("Your name is Mira.", English, None),
            ("My name is not important.", English, None),
            ("Ich heiße Jürgen.", German, Some("Jürgen")),
            ("ich heisse klara und du", German, Some("Klara")),
            ("Hallo, ich bin Anna.", German, Some("Anna")),
            ("Ich bin müde.", German, None),
            ("Ich bin Student.", German, None),
            ("Wie heiße ich?", German, None),
            ("Mein Name ist", German, None),
            ("", German, None),
        ];
        for (text, language, expected) in cases {
            assert_eq!(given_name(text, language).as_deref(), expected, "{text}");
        }
    }
}
