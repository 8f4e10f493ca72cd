//! Words as they are compared: however they are written, typed or heard.

pub(crate) use visage_core::folded;

/// Whether the folded text has the phrase, at the borders of words.
pub(crate) fn has(folded_text: &str, phrase: &str) -> bool {
    let phrase = folded(phrase);
    !phrase.is_empty() && folded_text.contains(&phrase)
}

/// Whether the folded text has one of the phrases.
pub(crate) fn has_any(folded_text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| has(folded_text, phrase))
}

/// The share of `said`'s words that are found in `other` in the same order, 0..=1. 0 for a text without words.
pub(crate) fn likeness(said: &str, other: &str) -> f32 {
    let (said, other) = (folded(said), folded(other));
    let words: Vec<&str> = said.split_whitespace().collect();
    let others: Vec<&str> = other.split_whitespace().collect();
    // The longest common subsequence, row by row.
    let mut row = vec![0usize; others.len() + 1];
    for word in &words {
        let mut diagonal = 0;
        for column in 1..row.len() {
            let above = row[column];
            row[column] = if others[column - 1] == *word { diagonal + 1 } else { above.max(row[column - 1]) };
            diagonal = above;
        }
    }
    if words.is_empty() { 0.0 } else { row[others.len()] as f32 / words.len() as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_at_the_borders_of_words() {
        let cases = [
            ("Hello, Mira!", "hello", true),
            ("Othello is a play.", "hello", false),
            ("Wie spät ist es?", "wie spaet", true),
            ("wie spaet ist es", "Wie spät", true),
            ("What's the time?", "whats the time", true),
            ("Wie heißt du?", "heisst du", true),
            ("…", "", false),
            ("anything", "", false),
        ];
        for (text, phrase, expected) in cases {
            assert_eq!(has(&folded(text), phrase), expected, "{text} / {phrase}");
        }
    }

    #[test]
    fn an_echo_is_like_what_was_said() {
        let said = "I'm a portrait that learned to talk. A program moves my face.";
        assert_eq!(likeness("portrait that learned to talk", said), 1.0);
        assert!(likeness("a portrait of burned to talk", said) > 0.6);
        assert!(likeness("what time is it", said) < 0.3);
        assert_eq!(likeness("", said), 0.0);
    }
}
