//! Where the sentences of a paragraph end.
//!
//! Ends follow UAX #29 (`unicode-segmentation`), which knows decimals, closing quotes and dots before small letters. It is
//! corrected where a language's reader goes on: after abbreviations, initials, numbers in a row, and a question or an
//! exclamation that is quoted inside a sentence.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use visage_core::Language;

use super::normalise::{Goes, abbreviation};

/// The sentences of a paragraph, with the spaces after them. Together they are the paragraph.
pub fn sentences(paragraph: &str, language: Language) -> Vec<Range<usize>> {
    let mut sentences: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for part in paragraph.split_sentence_bounds() {
        let end = start + part.len();
        match sentences.last_mut() {
            Some(last) if goes_on(&paragraph[last.clone()], part, language) => last.end = end,
            _ => sentences.push(start..end),
        }
        start = end;
    }
    sentences
}

/// Words with which sentences begin and by which one knows that the dot before them was an end.
const ENGLISH_STARTS: &[&str] = &[
    "The",
    "A",
    "An",
    "He",
    "She",
    "It",
    "We",
    "You",
    "They",
    "I",
    "This",
    "That",
    "These",
    "Those",
    "There",
    "Then",
    "But",
    "And",
    "So",
    "However",
    "In",
    "On",
    "At",
    "If",
    "When",
    "What",
    "Who",
    "Why",
    "How",
    "My",
    "His",
    "Her",
    "Its",
    "Our",
    "Their",
    "Yes",
    "No",
    "Not",
    "For",
    "After",
    "Before",
    "Please",
    "Let",
    "Do",
    "Did",
    "Is",
    "Are",
    "Was",
    "Were",
    "Can",
    "Now",
    "Here",
    "Today",
    "Yesterday",
    "Tomorrow",
    "Later",
    "Afterwards",
    "It's",
    "That's",
    "I'm",
    "Don't",
];
const GERMAN_STARTS: &[&str] = &[
    "Der",
    "Die",
    "Das",
    "Ein",
    "Eine",
    "Er",
    "Sie",
    "Es",
    "Wir",
    "Ihr",
    "Ich",
    "Du",
    "Man",
    "Dies",
    "Diese",
    "Dieser",
    "Dieses",
    "Und",
    "Aber",
    "Oder",
    "Doch",
    "Denn",
    "Dann",
    "Danach",
    "Da",
    "Dort",
    "Hier",
    "Heute",
    "Gestern",
    "Morgen",
    "Jetzt",
    "Nun",
    "Auch",
    "So",
    "Wenn",
    "Als",
    "Wie",
    "Was",
    "Wer",
    "Wo",
    "Warum",
    "Wann",
    "In",
    "Im",
    "Am",
    "An",
    "Auf",
    "Bei",
    "Mit",
    "Nach",
    "Von",
    "Vor",
    "Für",
    "Seit",
    "Nein",
    "Ja",
    "Bitte",
    "Danke",
    "Mein",
    "Meine",
    "Sein",
    "Seine",
    "Kein",
    "Keine",
    "Alle",
    "Viele",
    "Außerdem",
    "Deshalb",
    "Trotzdem",
    "Später",
    "Damals",
    "Nicht",
    "Ist",
    "Hat",
    "Kann",
];
/// Words before a German number in a row ("am 3. Tag").
const BEFORE_ORDINAL: &[&str] = &[
    "am", "im", "vom", "zum", "zur", "beim", "der", "die", "das", "dem", "den", "des", "ins", "ab", "bis", "seit",
    "ein", "eine", "einem", "einen", "einer", "eines", "jeder", "jede", "jedes", "jeden", "jedem", "mein", "meine",
    "dein", "deine", "sein", "seine", "seinem", "seinen", "ihr", "ihre", "ihrem", "ihren", "unser", "unsere", "und",
    "oder", "dieser", "diese", "dieses",
];
/// Nouns that a German number in a row stands before also where no article does ("3. Etage").
#[rustfmt::skip]
const AFTER_ORDINAL: &[&str] = &[
    "Jahrhundert", "Jahrtausend", "Klasse", "Stock", "Etage", "Platz", "Mal", "Tag", "Geburtstag", "Jahrestag",
    "Weltkrieg", "Kapitel", "Runde", "Liga", "Auflage", "Lebensjahr", "Quartal", "Semester", "Bundesliga",
    "Obergeschoss", "OG", "Sinfonie", "Satz", "Akt", "Halbzeit", "Staffel", "Folge", "Gebot", "Advent", "Teil",
];

/// Quotes and brackets that open.
const OPENING: [char; 10] = ['(', '"', '\'', '„', '“', '‚', '[', '«', '»', '‘'];
/// Quotes that close.
const CLOSING: [char; 8] = ['"', '“', '”', '»', '«', '\'', '’', '‘'];

/// Whether `next` belongs to the same sentence as `before`, though UAX #29 sees an end between them.
fn goes_on(before: &str, next: &str, language: Language) -> bool {
    let before = before.trim_end();
    let Some(text) = before.strip_suffix('.') else {
        let quoted = before.trim_end_matches(CLOSING);
        let said = quoted.len() < before.len() && quoted.ends_with(['!', '?', '…']);
        return said && next.starts_with(char::is_lowercase) || !before.contains(char::is_alphanumeric);
    };
    let text = text.trim_end();
    // "Mo.–Fr.", "Dr.-Ing."
    let word = last_word(text).rsplit(['-', '–', '/']).next().unwrap_or_default();
    let following = next.trim_start_matches(OPENING).split_whitespace().next().unwrap_or_default();
    let following = following.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    let (starts, german) = match language {
        Language::English => (ENGLISH_STARTS, false),
        Language::German => (GERMAN_STARTS, true),
    };
    let starts = starts.contains(&following);
    let number_follows = following.starts_with(|letter: char| letter.is_ascii_digit());
    if let Some(goes) =
        abbreviation(&known(text, word), language).or_else(|| abbreviation(&word.to_lowercase(), language))
    {
        return match goes {
            Goes::On => true,
            Goes::WithNumber => number_follows,
            Goes::Either => !starts,
            Goes::WithCapital => false,
        };
    }
    let mut letters = word.chars();
    match (letters.next(), letters.next()) {
        // An initial ("J. Bach"). The English "I" and a letter after a word like "plan" end sentences.
        (Some(letter), None) if letter.is_uppercase() => return german || letter != 'I' && !starts,
        (Some(letter), None) if letter.is_alphabetic() => return !starts,
        _ => {}
    }
    // "J.R.R. Tolkien"
    let initials = word.contains('.')
        && word.split('.').all(|part| part.chars().count() == 1 && part.starts_with(char::is_uppercase));
    if initials {
        return !starts;
    }
    let previous = last_word(text[..text.len() - word.len()].trim_end());
    let number = word.len() <= 4 && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let roman = word.len() > 1 && word.bytes().all(|byte| matches!(byte, b'I' | b'V' | b'X'));
    if !german || starts {
        return false;
    }
    // "Hauptstr. 5"
    if word.ends_with("str") || word.ends_with("Str") {
        return true;
    }
    let named = language.months().iter().chain(AFTER_ORDINAL).any(|noun| following.starts_with(noun));
    number && (named || BEFORE_ORDINAL.contains(&previous.to_lowercase().as_str()))
        || roman && previous.starts_with(char::is_uppercase)
}

/// The last word of a text, without quotes and brackets before it.
fn last_word(text: &str) -> &str {
    text.split_whitespace().next_back().unwrap_or_default().trim_start_matches(OPENING)
}

/// An abbreviation of several letters that are apart ("z. B") as the table has it ("z.b"); otherwise the word.
fn known(text: &str, word: &str) -> String {
    let mut key = word.to_lowercase();
    let mut rest = text[..text.len() - word.len()].trim_end();
    for _ in 0..3 {
        let part = last_word(rest);
        let Some(letters) = part.strip_suffix('.').filter(|letters| letters.chars().all(char::is_alphabetic)) else {
            break;
        };
        if letters.chars().count() > 2 || letters.is_empty() {
            break;
        }
        key = format!("{}.{key}", letters.to_lowercase());
        rest = rest[..rest.len() - part.len()].trim_end();
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, sentences_apart: &str) {
        let text = sentences_apart.replace('|', "");
        let found: Vec<&str> =
            sentences(&text, language).into_iter().map(|range| text.get(range).unwrap_or("?")).collect();
        assert_eq!(found.join("|"), sentences_apart);
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        let english = [
            "",
            "Hello.",
            "Hello. |How are you? |Fine!",
            "Dr. Smith met Mrs. Jones. |They talked.",
            "Pi is 3.14159. |Really!",
            "It costs 1,000.50 dollars. |No more.",
            "J. S. Bach, e.g. The Fugue.",
            "So am I. |You too.",
            "No. |That is wrong.",
            "See No. 5 there. |And No. 6.",
            "He said \"Stop!\" |Then he left.",
            "\"Stop!\" he cried. |\"Why?\" she asked.",
            "He lives in the U.S. Army base. |She lives in the U.S. |They met.",
            "We ate apples, pears, etc. |Then we slept.",
            "It starts at 5 p.m. |Bring a friend.",
            "It starts at 5 p.m. on Monday.",
            "I live on Main St. |It is loud.",
            "St. Paul was here. |So was St. Peter.",
            "Well... |I think so. |Wait... |What?",
            "Visit example.com. |It is new.",
            "See www.example.com/a.html. |Then write to me@example.org. |Bye.",
            "Version 2.0 is out. |Version 2.0.1 follows.",
            "(He left.) |Nobody saw it.",
            "Yahoo! |It works.",
            "What?! |No way!!! |Yes.",
            "Smith et al. wrote it. |Smith et al. Found nothing.",
            "Acme Inc. makes it. |I work for Acme Inc. |It is fun.",
            "Plan B. |Then plan C.",
            "One. |2. |Three.",
            "i.e. this one. |That is it.",
            "The Ph.D. student left.",
            "On p. 5 it says so. |See p. |Nothing.",
            "Mr. T. said hello.",
            "J.R.R. Tolkien wrote it. |She is from the U.S.A. |He is not.",
        ];
        for text in english {
            check(Language::English, text);
        }
        let german = [
            "Am 3. Mai kommt Dr. Meier. |Gut!",
            "Am 3. Tag regnete es. |Er wurde der 3. |Das war gut.",
            "Es gibt z. B. Äpfel. |Und Birnen.",
            "Es gibt z.B. Äpfel, d. h. Obst. |Gut.",
            "Ich bin 25. |Das ist alt.",
            "Das kostet 1.000,50 Euro. |Viel Geld.",
            "Äpfel, Birnen usw. |Das reicht. |Äpfel usw. Obst.",
            "Das ist in der Hauptstr. 5. |Gleich dort.",
            "Ludwig XIV. war König. |Friedrich II. |Er auch. |Friedrich II. König von Preußen.",
            "Der 2. Weltkrieg begann 1939. |Er war lang.",
            "3. Etage, bitte. |In der 10. Klasse lernt man das.",
            "Um 14.30 Uhr geht es los. |Um 15 Uhr endet es.",
            "„Komm!“, sagte er. |„Nein!“ rief sie. |„Nein!“ |Sie ging.",
            "Prof. Dr. h. c. Müller kam. |Fr. Meier auch.",
            "Das dauert 5 Min. |Dann ist es fertig.",
            "Es waren ca. 3 Mio. Menschen da. |Viele blieben.",
            "Siehe S. 5 und Abb. 3. |Danke.",
            "Kaiser Augustus lebte von 63 v. Chr. bis 14 n. Chr. |Danach kam Tiberius.",
            "Wir treffen uns am 5. oder 6. Juni. |Bis dann.",
            "Mo.–Fr. 9–17 Uhr ist offen. |Vom 1.-15. August nicht.",
            "Prof. Dr.-Ing. Müller kommt. |Heute?",
            "Die Firma heißt Meier & Co. KG. |Sie ist alt.",
        ];
        for text in german {
            check(Language::German, text);
        }
    }
}
