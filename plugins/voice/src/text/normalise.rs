//! Written text in words: numbers, dates, times, money, units, abbreviations, addresses and signs are written out as a reader of
//! the language says them, so that every engine, and the mouth, say the same.
//!
//! A text is read from left to right. Where a number, a sign or a word that is no plain word begins, the rules of the language
//! (`english`, `german`) are tried in order; the first that fits says what is spoken for how much of the text. Each rule looks
//! ahead over a bounded number of characters, so that the time is in proportion to the text's length. What no rule knows is
//! left as it is, and what has no sound is left out.

mod english;
mod fractions;
mod german;
mod letters;
mod links;
mod numbers;
mod quantities;
mod read_as;
mod spellout;

use regex::{Captures, Regex};
use visage_core::Language::{self, English, German};

pub use read_as::read_as;

/// What a text is cut at: a run without spaces, or several that are said together, and what is said for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// As it is written, with the spaces after it.
    pub written: String,
    /// In words, with a space after it if another word follows. Empty if it has no sound.
    pub spoken: String,
}

/// The words of a text without line breaks (a sentence or a part of one). Joined, `written` is the text.
pub fn normalise(text: &str, language: Language) -> Vec<Word> {
    let links = links::links(text, language);
    let mut link = links.iter().peekable();
    let mut out = Out::default();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        while link.next_if(|link| link.start < at).is_some() {}
        let place = Place { text, at };
        let length = if first.is_whitespace() {
            let run = place.run(char::is_whitespace);
            out.space(run);
            run.len()
        } else if let Some(link) = link.next_if(|link| link.start == at) {
            out.expand(&text[at..link.end], &link.spoken);
            link.end - at
        } else if let Some((length, spoken)) = place.read(first, language) {
            // An abbreviation's dot may be the sentence's as well.
            let after = &text[at + length..];
            let mark = after.contains(char::is_alphanumeric) || after.starts_with(['?', '!', '.', '…', ',', ';', ':']);
            let ends = text[at..at + length].ends_with('.') && !mark;
            out.expand(&text[at..at + length], if ends { format!("{spoken}.") } else { spoken }.as_str());
            length
        } else {
            place.plain(first, language, &mut out)
        };
        at += length;
    }
    out.finish()
}

/// A text in words, joined.
pub fn spoken(text: &str, language: Language) -> String {
    let words: String = normalise(text, language).into_iter().map(|word| word.spoken).collect();
    words.trim_end().to_owned()
}

/// Whether a sentence can go on after an abbreviation: written in small letters, without spaces and without its last dot
/// ("z.b", "dr"). `None` if it is none.
pub fn abbreviation(written: &str, language: Language) -> Option<Goes> {
    let table = match language {
        English => english::ABBREVIATIONS,
        German => german::ABBREVIATIONS,
    };
    table.iter().find(|(short, ..)| *short == written).map(|(_, _, goes)| *goes)
}

/// Whether a sentence goes on after an abbreviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goes {
    /// It does ("Dr.").
    On,
    /// If a number follows ("No. 5").
    WithNumber,
    /// It may end there, which the next word tells ("usw.", "U.S.").
    Either,
    /// It ends there if the next word has a capital ("etc.", "p.m.").
    WithCapital,
}

/// An abbreviation in small letters without its last dot, its words (empty: they depend on what is around it), and whether a
/// sentence goes on after it.
type Abbreviation = (&'static str, &'static str, Goes);

/// A rule for what begins at a place.
struct Rule {
    language: Language,
    /// Anchored at its beginning.
    pattern: Regex,
    /// What is said; `None` if it is not what it looks like.
    read: fn(&Found) -> Option<String>,
}

impl Rule {
    /// `{N}`, `{UNIT}`, `{CURRENCY}`, `{MONTH}` and `{PER}` in the pattern stand for numbers, units, currencies, months and
    /// what something is counted for, as the language writes them.
    fn new(pattern: &str, language: Language, read: fn(&Found) -> Option<String>) -> Self {
        let (number, months, each) = match language {
            English => (english::NUMBER, english::MONTHS, english::EACH),
            German => (german::NUMBER, german::MONTHS, german::EACH),
        };
        let pattern = pattern
            .replace("{PER}", &format!(r"(?:/({each}|{{UNIT}})\b{{end-half}})?"))
            .replace("{N}", number)
            .replace("{MONTH}", months)
            .replace("{UNIT}", quantities::unit_pattern())
            .replace("{CURRENCY}", quantities::currency_pattern());
        let pattern = Regex::new(&format!("^(?:{pattern})")).expect("the patterns are our own and are tested");
        Self { language, pattern, read }
    }
}

/// What a rule has found.
struct Found<'a> {
    /// The language that is read.
    language: Language,
    captures: Captures<'a>,
    place: Place<'a>,
    /// One past the found text.
    end: usize,
}

impl<'a> Found<'a> {
    /// A group of the pattern, empty if it is not there.
    fn get(&self, group: usize) -> &'a str {
        self.captures.get(group).map_or("", |found| found.as_str())
    }

    /// The one of two words that is the language's.
    fn either(&self, english: &'static str, german: &'static str) -> &'static str {
        match self.language {
            English => english,
            German => german,
        }
    }

    /// The text before what was found.
    fn before(&self) -> &'a str {
        &self.place.text[..self.place.at]
    }

    /// The text after it.
    fn after(&self) -> &'a str {
        &self.place.text[self.end..]
    }
}

/// Words that a rule may look back at or ahead to, at most.
const CONTEXT_WORDS: usize = 6;
/// Characters that a rule may look back at or ahead to, at most.
const CONTEXT: usize = 120;

/// The words of a text backwards, without marks around them; few, and no further than a rule may look.
fn backwards(text: &str) -> impl Iterator<Item = &str> {
    let mut start = text.len().saturating_sub(CONTEXT);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].split_whitespace().rev().take(CONTEXT_WORDS).map(bare)
}

/// The words of a text, without marks around them; few, and no further than a rule may look.
fn forwards(text: &str) -> impl Iterator<Item = &str> {
    let mut end = text.len().min(CONTEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].split_whitespace().take(CONTEXT_WORDS).map(bare)
}

/// A word without marks around it. The dot of an ordinal stays.
fn bare(word: &str) -> &str {
    word.trim_matches([
        '(', ')', '[', ']', '"', '\'', '„', '“', '”', '‚', '‘', '’', '«', '»', ',', ';', ':', '!', '?', '*', '_',
    ])
}

/// A place in a text.
#[derive(Clone, Copy)]
struct Place<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Place<'a> {
    fn rest(self) -> &'a str {
        &self.text[self.at..]
    }

    fn before(self) -> Option<char> {
        self.text[..self.at].chars().next_back()
    }

    /// The characters from here that are of a kind.
    fn run(self, kind: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(|letter| !kind(letter)).unwrap_or(rest.len())]
    }

    /// What the rules say of what begins here: its length in bytes and its words.
    fn read(self, first: char, language: Language) -> Option<(usize, String)> {
        let begins = !self.before().is_some_and(char::is_alphanumeric);
        if first.is_alphabetic() {
            return if begins { self.word(language) } else { None };
        }
        if first.is_ascii_digit() && !begins {
            return None;
        }
        let next = self.rest()[first.len_utf8()..].chars().next();
        let may_begin = match first {
            '.' | '+' | '(' | '\'' | '’' => next.is_some_and(|next| next.is_ascii_digit()),
            '[' => true,
            // A smile.
            ':' | ';' => self.before().is_none_or(char::is_whitespace),
            '!' => next == Some('['),
            _ => first.is_ascii_digit() || is_currency(first) || numbers::vulgar(first).is_some(),
        };
        if may_begin {
            return self.first_of(rules(language));
        }
        let number_follows = next.is_some_and(|next| next.is_ascii_digit() || is_currency(next));
        let before =
            self.before().is_none_or(|before| before.is_whitespace() || matches!(before, '(' | '[' | '„' | '"'));
        if matches!(first, '-' | '−' | '–') && number_follows && before {
            return Some((first.len_utf8(), "minus".to_owned()));
        }
        None
    }

    /// The first rule that fits here.
    fn first_of(self, rules: &[Rule]) -> Option<(usize, String)> {
        rules.iter().find_map(|rule| {
            let captures = rule.pattern.captures(self.rest())?;
            let length = captures.get(0)?.end();
            let found = Found { language: rule.language, captures, place: self, end: self.at + length };
            if length == 0 || !ends_well(&self.rest()[..length], found.after()) {
                return None;
            }
            (rule.read)(&found).map(|spoken| (length, spoken))
        })
    }

    /// A word that is no plain word.
    fn word(self, language: Language) -> Option<(usize, String)> {
        let word = self.run(|letter| letter.is_alphabetic() || matches!(letter, '\'' | '’' | '\u{ad}'));
        let word = word.trim_end_matches(['\'', '’']);
        let next = self.rest()[word.len()..].chars().next();
        // Most words are plain: small letters with a space or a mark after them.
        let plain = !word.contains(|letter: char| letter.is_uppercase() || letter == '\u{ad}');
        if plain && next.is_none_or(|next| next.is_whitespace() || matches!(next, ',' | ';' | '!' | '?' | '…')) {
            return None;
        }
        if let Some(read) = self.first_of(word_rules(language)) {
            return Some(read);
        }
        let read = match language {
            English => english::word(word, self),
            German => german::word(word, self),
        };
        if read.is_some() {
            return read;
        }
        if next == Some('.')
            && let Some(read) = self.shortened(language)
        {
            return Some(read);
        }
        let spoken = letters::acronym(word, self.shouting(word, language), language);
        // A soft hyphen of the writer's is no joint of ours.
        let spoken = spoken.or_else(|| word.contains('\u{ad}').then(|| word.replace('\u{ad}', "")));
        spoken.map(|spoken| (word.len(), spoken))
    }

    /// An abbreviation with its dots: "e.g.", "z. B.".
    fn shortened(self, language: Language) -> Option<(usize, String)> {
        const MOST_PARTS: usize = 4;
        let rest = self.rest();
        let (mut key, mut at) = (String::new(), 0);
        let mut found = None;
        for _ in 0..MOST_PARTS {
            let part = Place { text: rest, at }.run(char::is_alphabetic);
            let after = &rest[at + part.len()..];
            if part.is_empty() || part.len() > 14 || !after.starts_with('.') {
                break;
            }
            key.push_str(&part.to_lowercase());
            at += part.len() + 1;
            let spoken = match language {
                English => english::abbreviation(&key, self, at),
                German => german::abbreviation(&key, self, at),
            };
            if let Some(spoken) = spoken {
                found = Some((at, spoken));
            }
            key.push('.');
            let space =
                rest[at..].chars().next().filter(|next| matches!(next, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}'));
            at += space.map_or(0, char::len_utf8);
        }
        // "U.S." is known, "U.S.A." is longer.
        let initials = self.initials();
        let longer = |read: &(usize, String)| initials.as_ref().is_none_or(|(length, _)| read.0 >= *length);
        found.filter(longer).or(initials)
    }

    /// Letters with dots that no table knows: "U.S.A.", "J. S. Bach".
    fn initials(self) -> Option<(usize, String)> {
        let rest = self.rest();
        let (mut letters, mut at) = (String::new(), 0);
        while let Some(letter) = rest[at..].chars().next().filter(|letter| letter.is_uppercase()) {
            if !rest[at + letter.len_utf8()..].starts_with('.') {
                break;
            }
            letters.push(letter);
            at += letter.len_utf8() + 1;
        }
        let one = letters.chars().count() == 1;
        // A letter at the end of a sentence has the sentence's dot.
        let goes_on = rest[at..].contains(char::is_alphanumeric);
        match letters.as_str() {
            "" => None,
            _ if one && !goes_on => None,
            _ => Some((at, letters::spelled(&letters))),
        }
    }

    /// Whether a word beside this one is stressed by capitals: "THIS IS NOT it".
    fn shouting(self, word: &str, language: Language) -> bool {
        let shouted = |word: &str| letters::is_shouted(word.trim_end_matches('.'), language);
        backwards(&self.text[..self.at]).next().is_some_and(shouted)
            || forwards(&self.text[self.at + word.len()..]).next().is_some_and(shouted)
    }

    /// What no rule knows. Returns how many bytes it is long.
    fn plain(self, first: char, language: Language, out: &mut Out) -> usize {
        if first.is_ascii_digit() {
            let run = self.run(|letter| letter.is_ascii_digit());
            let few = run.len() <= 18;
            let number = numbers::Number { whole: run.to_owned(), decimals: None };
            let words =
                if few { number.words(numbers::Form::Counting, language) } else { numbers::digits(run, language) };
            out.expand(run, &words);
            return run.len();
        }
        if first.is_alphabetic() {
            let run = self.run(|letter| letter.is_alphabetic() || matches!(letter, '\'' | '’'));
            out.keep(run);
            return run.len();
        }
        if self.rest().starts_with("...") {
            let run = self.run(|letter| letter == '.');
            out.put(run, "…");
            return run.len();
        }
        let written = &self.rest()[..first.len_utf8()];
        match sign(self, first, language) {
            Said::Words(words) => out.expand(written, &words),
            Said::Mark(mark) => out.put(written, mark),
            Said::AsItIs => out.keep(written),
            Said::Nothing => out.put(written, ""),
            Said::Gap => out.gap(written),
        }
        written.len()
    }
}

/// Whether a found text may end before `after`: not inside a word or a number.
fn ends_well(found: &str, after: &str) -> bool {
    let mut next = after.chars();
    let (Some(last), Some(first)) = (found.chars().next_back(), next.next()) else { return true };
    if last.is_alphanumeric() && (first.is_alphanumeric() || first == '_') {
        return false;
    }
    // "1/2/3" is no half.
    let joins = matches!(first, '.' | ',') || matches!(first, ':' | '/') && found.contains(first);
    let goes_on = joins && next.next().is_some_and(|next| next.is_ascii_digit());
    !(last.is_ascii_digit() && goes_on)
}

fn is_currency(letter: char) -> bool {
    matches!(letter, '$' | '€' | '£' | '¥' | '₹' | '₽' | '₺' | '₩' | '₴' | '₪' | '₫' | '₦' | '₱' | '₿')
}

fn rules(language: Language) -> &'static [Rule] {
    match language {
        English => &english::RULES,
        German => &german::RULES,
    }
}

fn word_rules(language: Language) -> &'static [Rule] {
    match language {
        English => &english::WORD_RULES,
        German => &german::WORD_RULES,
    }
}

/// What is said for a sign.
enum Said {
    Words(String),
    /// Another mark, that the engines understand.
    Mark(&'static str),
    AsItIs,
    Nothing,
    /// Nothing, but what stands on either side is apart.
    Gap,
}

/// Signs with a meaning, marks, and what has no sound.
fn sign(place: Place, sign: char, language: Language) -> Said {
    let after = &place.rest()[sign.len_utf8()..];
    let next = after.chars().next();
    let digit_next = after.trim_start_matches(' ').starts_with(|next: char| next.is_ascii_digit());
    let before = place.text[..place.at].trim_end_matches(' ').chars().next_back();
    let digit_before = before.is_some_and(|before| before.is_ascii_digit());
    let letter_next = next.is_some_and(char::is_alphanumeric);
    let apart = place.before().is_none_or(char::is_whitespace) && next.is_none_or(char::is_whitespace);
    let between = digit_before && digit_next;
    let words = |english: &'static str, german: &'static str| {
        Said::Words(if language == English { english } else { german }.to_owned())
    };
    match sign {
        '&' => words("and", "und"),
        '%' => words("percent", "Prozent"),
        '‰' => words("per mille", "Promille"),
        '+' if apart || letter_next || before.is_some_and(|before| before == '+' || before.is_alphanumeric()) => {
            words("plus", "plus")
        }
        '=' if apart || digit_next => words("equals", "gleich"),
        '@' if letter_next => words("at", "ät"),
        '#' if digit_next => words("number", "Nummer"),
        '#' if letter_next => words("hashtag", "Hashtag"),
        '§' => words("section", "Paragraf"),
        '°' => words("degrees", "Grad"),
        '×' | '⋅' | '·' | '∙' if between => words("times", "mal"),
        '*' if between => words("times", "mal"),
        '÷' => words("divided by", "geteilt durch"),
        '/' | ':' if apart && between => words("divided by", "geteilt durch"),
        '−' | '-' if apart && between => words("minus", "minus"),
        '±' => words("plus or minus", "plus minus"),
        '~' | '≈' | '∼' if digit_next => words("about", "etwa"),
        '≈' => words("is about", "ungefähr gleich"),
        '≠' => words("is not equal to", "ungleich"),
        '≤' => words("less than or equal to", "kleiner oder gleich"),
        '≥' => words("greater than or equal to", "größer oder gleich"),
        '<' if digit_next && before.is_some_and(char::is_alphanumeric) => words("less than", "kleiner als"),
        '>' if digit_next
            && (digit_before || before.is_none_or(|before| before.is_alphanumeric() || before == '(')) =>
        {
            words("greater than", "größer als")
        }
        '^' if place.before().is_some_and(char::is_alphanumeric) && letter_next => words("to the power of", "hoch"),
        '²' => words("squared", "hoch zwei"),
        '³' => words("cubed", "hoch drei"),
        '√' => words("the square root of", "Wurzel aus"),
        '∞' => words("infinity", "unendlich"),
        '€' => words("euros", "Euro"),
        '$' => words("dollars", "Dollar"),
        '£' => words("pounds", "Pfund"),
        '[' | '{' => Said::Mark("("),
        ']' | '}' => Said::Mark(")"),
        '₀'..='₉' => Said::Words(numbers::digit_word(u32::from(sign) - u32::from('₀'), language).to_owned()),
        _ if let Some((numerator, denominator)) = numbers::vulgar(sign) => {
            Said::Words(numbers::fraction(numerator, denominator, language))
        }
        // Letters of one word, as in "Kolleg*innen", are kept apart by what is not said.
        '*' | '_' | ':' if language == German && german::is_inner(place, after) => Said::Mark("-"),
        '/' | '\\' | '|' | '_' | '=' | '<' | '>' | '~' | '^' | '#' | '*' | '`' | '@' | '+' => {
            let inside = place.before().is_some_and(char::is_alphanumeric) && letter_next;
            if inside && !matches!(sign, '*' | '`') { Said::Gap } else { Said::Nothing }
        }
        '\u{ad}' => Said::Nothing,
        // Of a word that goes on: "don't", "well-known".
        _ if sign.is_control() || is_pictogram(sign) => Said::Gap,
        _ => Said::AsItIs,
    }
}

/// Emoji, dingbats, variation selectors, joiners, private use: Unicode blocks that hold pictures, not words; and marks of
/// trade. What they picture is seen, not said.
fn is_pictogram(character: char) -> bool {
    matches!(u32::from(character),
        0xA9 | 0xAE | 0x200B..=0x200F | 0x2022 | 0x2060..=0x206F | 0x2122 | 0x2190..=0x21FF | 0x2300..=0x27BF
        | 0x2B00..=0x2BFF | 0x3030 | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF | 0x1F000..=0x1FAFF
        | 0xE0000..=0x10FFFF)
}

/// The words as they are put together.
#[derive(Default)]
struct Out {
    words: Vec<Word>,
    word: Word,
    /// What was said last wants a space before a letter.
    apart: bool,
}

impl Out {
    /// Words instead of what is written.
    fn expand(&mut self, written: &str, spoken: &str) {
        self.word.written.push_str(written);
        if spoken.is_empty() {
            return;
        }
        if self.word.spoken.ends_with(char::is_alphanumeric) {
            self.word.spoken.push(' ');
        }
        self.word.spoken.push_str(spoken);
        self.apart = true;
    }

    /// What is written, as it is.
    fn keep(&mut self, written: &str) {
        self.put(written, written);
    }

    /// A mark, or nothing, instead of what is written.
    fn put(&mut self, written: &str, mark: &str) {
        self.word.written.push_str(written);
        if mark.is_empty() {
            return;
        }
        if self.apart && mark.starts_with(char::is_alphanumeric) && self.word.spoken.ends_with(char::is_alphanumeric) {
            self.word.spoken.push(' ');
        }
        self.word.spoken.push_str(mark);
        self.apart = false;
    }

    /// Nothing instead of what is written, and a space.
    fn gap(&mut self, written: &str) {
        self.word.written.push_str(written);
        self.apart = true;
    }

    /// The spaces after a word.
    fn space(&mut self, written: &str) {
        self.word.written.push_str(written);
        if !self.word.spoken.is_empty() {
            self.word.spoken.push(' ');
        }
        self.words.push(std::mem::take(&mut self.word));
        self.apart = false;
    }

    fn finish(mut self) -> Vec<Word> {
        if !self.word.written.is_empty() {
            self.words.push(self.word);
        }
        self.words
    }
}

#[cfg(test)]
mod tests;
