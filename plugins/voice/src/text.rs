//! Cuts a text into the pieces that are spoken one after the other: sentences, and parts of long sentences, so that the
//! first sound comes before the whole text is made.
//!
//! Sentence ends follow UAX #29 (`unicode-segmentation`), corrected for abbreviations, initials and German ordinals.
//! What cannot be spoken (emoji, markup) is taken out first.

use unicode_segmentation::UnicodeSegmentation;
use visage_core::Language;

/// The first piece of a text is cut at its first comma if it is longer than this, characters: two seconds of sound, which
/// a processor makes in about 0.2 s.
const FIRST_PIECE: usize = 32;
/// Later pieces are cut at commas if they are longer than this, characters.
const LATER_PIECE: usize = 180;
/// In between, a piece is at most this many times as long as all before it: it is ready before they have been heard, even
/// where a second of sound takes a third of a second to make.
const GROWTH: usize = 3;
/// Pieces up to this length, characters, are not cut for [`GROWTH`]: too short ones sound chopped.
const SECOND_PIECE: usize = 60;
/// A piece that has no comma is cut between words if it is longer than this, characters. It bounds the memory and the
/// time of one synthesis.
const LONGEST_PIECE: usize = 260;
/// No cut leaves less than this on either side, characters: shorter pieces sound chopped.
const SHORTEST_PIECE: usize = 12;

/// A piece of text that is synthesised at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The words with their punctuation. Never empty, at most 260 characters.
    pub text: String,
    /// Silence after it, seconds.
    pub pause: f32,
}

/// Cuts `text` into pieces, in order. A text without anything to say gives none.
pub fn pieces(text: &str, language: Language) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for paragraph in text.split(['\n', '\r', '\u{2028}', '\u{2029}']) {
        let cleaned = clean(paragraph);
        for sentence in sentences(&cleaned, language) {
            cut(&sentence, language, &mut pieces);
        }
        if let Some(last) = pieces.last_mut() {
            last.pause = last.pause.max(PARAGRAPH_PAUSE);
        }
    }
    if let Some(last) = pieces.last_mut() {
        last.pause = TURN_PAUSE;
    }
    pieces
}

const PARAGRAPH_PAUSE: f32 = 0.6;
/// After the last piece: the mouth comes to rest while the turn still counts as speaking.
const TURN_PAUSE: f32 = 0.15;

/// The silence that the end of a piece asks for, seconds.
fn pause_after(text: &str) -> f32 {
    let end = text.trim_end_matches(['"', '\'', ')', ']', '”', '“', '’', '»', '«', ' ']).chars().next_back();
    match end {
        Some('.' | '!' | '?') => 0.38,
        Some('…') => 0.5,
        Some(';' | ':' | '–' | '—') => 0.26,
        Some(',') => 0.14,
        _ => 0.03,
    }
}

/// Takes out what has no sound: emoji, markup, control characters, and the brackets that espeak-ng reads as phonemes.
fn clean(paragraph: &str) -> String {
    let paragraph = paragraph.replace("...", "…").replace("[[", " ").replace("]]", " ");
    let mut clean = String::with_capacity(paragraph.len());
    for character in paragraph.chars() {
        match character {
            '*' | '`' | '#' | '~' | '|' | '_' | '<' | '>' | '{' | '}' | '\\' | '^' => clean.push(' '),
            _ if character.is_control() || is_pictogram(character) => clean.push(' '),
            _ => clean.push(character),
        }
    }
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Emoji, dingbats, variation selectors, joiners, private use: Unicode blocks that hold pictures, not words.
fn is_pictogram(character: char) -> bool {
    matches!(u32::from(character),
        0x200B..=0x200F | 0x2060..=0x206F | 0x2190..=0x21FF | 0x2300..=0x27BF | 0x2B00..=0x2BFF | 0x3030
        | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF | 0x1F000..=0x1FAFF | 0xE0000..=0x10FFFF)
}

/// The sentences of one paragraph, trimmed; those without a letter or digit are left out.
fn sentences(paragraph: &str, language: Language) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for part in paragraph.split_sentence_bounds() {
        match sentences.last_mut() {
            Some(last) if goes_on(last, part, language) => last.push_str(part),
            _ => sentences.push(part.to_owned()),
        }
    }
    sentences
        .into_iter()
        .map(|sentence| sentence.trim().to_owned())
        .filter(|sentence| sentence.chars().any(char::is_alphanumeric))
        .collect()
}

/// Abbreviations after which a sentence goes on, lower case, without their last dot.
const ENGLISH_ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "mt", "vs", "gen", "col", "capt", "lt", "sgt", "rev", "hon",
    "gov", "pres", "sen", "rep", "dept", "fig", "vol", "approx", "est", "ave", "blvd", "jan", "feb", "apr", "jun",
    "jul", "aug", "sept", "sep", "oct", "nov", "dec", "e.g", "i.e", "cf", "u.s", "u.k",
];
const GERMAN_ABBREVIATIONS: &[&str] = &[
    "dr", "prof", "hr", "fr", "nr", "bzw", "ca", "evtl", "ggf", "inkl", "exkl", "max", "min", "mio", "mrd", "st",
    "str", "tel", "vgl", "z.b", "d.h", "u.a", "o.ä", "i.d.r", "s.o", "s.u", "bspw", "sog", "geb", "gest", "abs", "art",
    "bd", "jh", "jhd", "jan", "feb", "apr", "jun", "jul", "aug", "sept", "sep", "okt", "nov", "dez", "dipl", "ing",
];
/// Words other than months that follow a German ordinal ("am 3. Tag"), by their beginning.
#[rustfmt::skip]
const AFTER_ORDINAL: &[&str] = &[
    "Jahrhundert", "Jahrtausend", "Klasse", "Stock", "Etage", "Platz", "Mal", "Tag", "Geburtstag", "Jahrestag",
    "Weltkrieg", "Kapitel", "Runde", "Liga", "Auflage", "Lebensjahr",
];

/// Whether `next` belongs to the same sentence as `before`, though UAX #29 sees an end between them.
fn goes_on(before: &str, next: &str, language: Language) -> bool {
    let Some(word) = before.trim_end().strip_suffix('.').and_then(|text| text.split_whitespace().next_back()) else {
        return !before.chars().any(char::is_alphanumeric);
    };
    let word = word.trim_start_matches(['(', '"', '\'', '„', '“', '‚', '[']);
    let abbreviations = match language {
        Language::English => ENGLISH_ABBREVIATIONS,
        Language::German => GERMAN_ABBREVIATIONS,
    };
    if abbreviations.contains(&word.to_lowercase().as_str()) {
        return true;
    }
    let next = next.trim_start();
    let mut letters = word.chars();
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_alphabetic()
    {
        // An initial ("J. Bach") or half of an abbreviation ("z. B."). The English "I" ends sentences.
        return !(language == Language::English && letter == 'I');
    }
    if word.eq_ignore_ascii_case("no") {
        return next.starts_with(|character: char| character.is_ascii_digit());
    }
    language == Language::German
        && word.len() <= 4
        && word.chars().all(|character| character.is_ascii_digit())
        && language.months().iter().chain(AFTER_ORDINAL).any(|follower| next.starts_with(follower))
}

/// Cuts one sentence into pieces and adds them.
fn cut(sentence: &str, language: Language, pieces: &mut Vec<Piece>) {
    let mut rest = sentence;
    while !rest.is_empty() {
        let before: usize = pieces.iter().map(|piece| count(&piece.text)).sum();
        let (text, after) = rest.split_at(cut_point(rest, before, language).unwrap_or(rest.len()));
        let text = text.trim();
        if !text.is_empty() {
            pieces.push(Piece { text: text.to_owned(), pause: pause_after(text) });
        }
        rest = after.trim_start();
    }
}

/// Where to cut a text, with `before` characters spoken before it: byte index of the first character of the rest. `None`
/// if it is short enough to stay whole, or has no good place for a cut.
fn cut_point(text: &str, before: usize, language: Language) -> Option<usize> {
    let total = count(text);
    let wanted = if before == 0 { FIRST_PIECE } else { (before * GROWTH).clamp(SECOND_PIECE, LATER_PIECE) };
    if total <= wanted {
        return None;
    }
    let cuts = cuts(text, language);
    let within = |kind: Cut, limit: usize| {
        cuts.iter().filter(move |(_, at, cut)| {
            *cut == kind && *at >= SHORTEST_PIECE && total - at >= SHORTEST_PIECE && *at <= limit
        })
    };
    let first = |kind: Cut, limit: usize| within(kind, limit).next().map(|(byte, ..)| *byte);
    let last = |kind: Cut, limit: usize| within(kind, limit).next_back().map(|(byte, ..)| *byte);
    let good = if before == 0 {
        first(Cut::Clause, 2 * FIRST_PIECE).or_else(|| first(Cut::Conjunction, 2 * FIRST_PIECE))
    } else if wanted < LATER_PIECE {
        last(Cut::Clause, wanted).or_else(|| last(Cut::Conjunction, wanted)).or_else(|| first(Cut::Clause, LATER_PIECE))
    } else {
        last(Cut::Clause, wanted).or_else(|| first(Cut::Clause, LONGEST_PIECE))
    };
    if good.is_some() || total <= LONGEST_PIECE {
        return good;
    }
    let hard = || text.char_indices().nth(LONGEST_PIECE).map(|(byte, _)| byte);
    last(Cut::Conjunction, LONGEST_PIECE).or_else(|| last(Cut::Word, LONGEST_PIECE)).or_else(hard)
}

#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// After a comma, semicolon, colon, dash or bracket.
    Clause,
    /// Before a word that begins a new thought.
    Conjunction,
    /// Between any two words.
    Word,
}

const ENGLISH_CONJUNCTIONS: &[&str] =
    &["and", "but", "or", "because", "that", "which", "while", "when", "if", "so", "who", "where", "although"];
const GERMAN_CONJUNCTIONS: &[&str] = &["und", "aber", "oder", "weil", "dass", "sondern", "denn", "wenn", "obwohl"];

/// Every place between two words: byte and character index of the second word, and how good a place it is.
fn cuts(text: &str, language: Language) -> Vec<(usize, usize, Cut)> {
    let conjunctions = match language {
        Language::English => ENGLISH_CONJUNCTIONS,
        Language::German => GERMAN_CONJUNCTIONS,
    };
    let mut cuts = Vec::new();
    let mut before = ' ';
    for (characters, (byte, character)) in text.char_indices().enumerate() {
        if before == ' ' && character != ' ' && byte > 0 {
            let end = text[..byte].trim_end().chars().next_back().unwrap_or(' ');
            let word = text[byte..].split(' ').next().unwrap_or_default();
            let kind = if matches!(end, ',' | ';' | ':' | '–' | '—' | ')' | '…' | '?' | '!') {
                Cut::Clause
            } else if conjunctions.contains(&word) {
                Cut::Conjunction
            } else {
                Cut::Word
            };
            cuts.push((byte, characters, kind));
        }
        before = character;
    }
    cuts
}

fn count(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, text: &str, expected: &[&str]) {
        let found: Vec<String> = pieces(text, language).into_iter().map(|piece| piece.text).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        let english: &[(&str, &[&str])] = &[
            ("", &[]),
            (" …  🙂 ", &[]),
            ("Hello.", &["Hello."]),
            ("Hello. How are you?", &["Hello.", "How are you?"]),
            ("Dr. Smith met Mrs. Jones. They talked.", &["Dr. Smith met Mrs. Jones.", "They talked."]),
            ("Pi is 3.14159. Really!", &["Pi is 3.14159.", "Really!"]),
            ("It costs 1,000.50 dollars.", &["It costs 1,000.50 dollars."]),
            ("J. S. Bach, e.g. The Fugue.", &["J. S. Bach, e.g. The Fugue."]),
            ("So am I. You too.", &["So am I.", "You too."]),
            ("No. That is wrong.", &["No.", "That is wrong."]),
            ("See No. 5 there.", &["See No. 5 there."]),
            ("First line\nSecond line", &["First line", "Second line"]),
            ("**Bold** and `code` 🎉!", &["Bold and code !"]),
            ("He said \"Stop!\" Then he left.", &["He said \"Stop!\"", "Then he left."]),
            ("Say [[h@l'oU]] now.", &["Say h@l'oU now."]),
        ];
        for (text, expected) in english {
            check(Language::English, text, expected);
        }
        let german: &[(&str, &[&str])] = &[
            ("Am 3. Mai kommt Dr. Meier. Gut!", &["Am 3. Mai kommt Dr. Meier.", "Gut!"]),
            ("Es gibt z. B. Äpfel. Und Birnen.", &["Es gibt z. B. Äpfel.", "Und Birnen."]),
            ("Ich bin 25. Das ist alt.", &["Ich bin 25.", "Das ist alt."]),
            ("Das kostet 1.000,50 Euro.", &["Das kostet 1.000,50 Euro."]),
        ];
        for (text, expected) in german {
            check(Language::German, text, expected);
        }
    }

    #[test]
    fn long_first_sentences_begin_early() {
        check(
            Language::English,
            "If you would like to know more about me, ask whatever comes to your mind, and I will try to answer.",
            &["If you would like to know more about me,", "ask whatever comes to your mind, and I will try to answer."],
        );
        // After a short beginning the next piece is short too.
        check(
            Language::English,
            "Hello. The house that stands on the hill, which my grandfather built, was sold to a family from the city.",
            &[
                "Hello.",
                "The house that stands on the hill,",
                "which my grandfather built, was sold to a family from the city.",
            ],
        );
        check(
            Language::English,
            "The weather outside is really lovely today and we should go for a walk in the park.",
            &["The weather outside is really lovely today", "and we should go for a walk in the park."],
        );
    }

    #[test]
    fn nothing_is_lost_and_no_piece_is_too_long() {
        let texts =
            ["word ".repeat(500), "x".repeat(3_000), "a, ".repeat(400), "ä–".repeat(700), "Ja! Nein? ".repeat(90)];
        for text in texts {
            for language in [Language::English, Language::German] {
                let pieces = pieces(&text, language);
                assert!(pieces.iter().all(|piece| !piece.text.is_empty() && count(&piece.text) <= LONGEST_PIECE));
                let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
                let spoken: String = pieces.iter().map(|piece| letters(&piece.text)).collect();
                assert_eq!(spoken, letters(&text));
            }
        }
    }

    #[test]
    fn pauses_follow_punctuation() {
        let pauses: Vec<f32> =
            pieces("One. Two: three?\nFour. Five", Language::English).iter().map(|piece| piece.pause).collect();
        assert_eq!(pauses, [0.38, PARAGRAPH_PAUSE, 0.38, TURN_PAUSE]);
    }
}
