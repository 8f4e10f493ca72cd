//! What a text that is to be said may hold besides its words: emotions, pauses, and how fast, high and loud it is. Whoever
//! speaks it and whoever shows it read it here, so that people never see mark-up. docs/avatar/tts.md describes it for people.
//!
//! Two languages are read. Any text may hold the small mark-up, words in square brackets: `[happy]` and the other emotions,
//! which hold from there on, and `[pause]`, `[pause 0.5s]`, `[pause 500ms]`; other brackets are text, and so is a tag with a
//! backslash before it. A text that begins with `<speak` is SSML (W3C, "Speech Synthesis Markup Language 1.1") and may hold
//! the small mark-up as well, because SSML knows no emotions.

mod ssml;

use std::borrow::Cow;

use crate::{Emotion, Language};

/// The longest pause that can be asked for at one place, seconds.
pub const LONGEST_MARKED_PAUSE: f32 = 10.0;
/// The pause of a `[pause]` without a length, seconds.
const PLAIN_PAUSE: f32 = 0.5;

/// A text taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// The language that the text says it is in (`xml:lang` of `<speak>`).
    pub language: Option<Language>,
}

/// A part of a [`Script`].
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words.
    Text {
        /// As people read them. In a text without SSML a line break ends a paragraph.
        text: String,
        /// How they are said.
        style: Style,
        /// What is said for them.
        reading: Reading,
    },
    /// Silence, seconds, in 0..=[`LONGEST_MARKED_PAUSE`], instead of the pause that the punctuation there asks for.
    Pause(f32),
    /// A sentence ends here, with a mark or without.
    SentenceEnd,
    /// A paragraph ends here.
    ParagraphEnd,
}

/// How words are said. Factors are of the voice's own settings: 1 leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// The emotion; `None` is that of the whole text.
    pub emotion: Option<Emotion>,
    /// Speed, 0.25..=4.
    pub rate: f32,
    /// Pitch, 0.5..=2.
    pub pitch: f32,
    /// Loudness (amplitude), 0..=4.
    pub volume: f32,
    /// Emphasis.
    pub emphasis: Emphasis,
}

impl Default for Style {
    fn default() -> Self {
        Self { emotion: None, rate: 1.0, pitch: 1.0, volume: 1.0, emphasis: Emphasis::None }
    }
}

/// How much weight words have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emphasis {
    /// Less than others.
    Reduced,
    /// As others.
    #[default]
    None,
    /// More.
    Moderate,
    /// Much more.
    Strong,
}

/// What is said for a written text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Its words, as a reader of the language says them.
    #[default]
    AsWritten,
    /// These words instead.
    Alias(String),
    /// Its words, read as what the author says it is.
    As(SayAs),
}

/// What an author says a text is (SSML's `interpret-as`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SayAs {
    /// Single letters and digits (`characters`, `spell-out`, `verbatim`).
    Characters,
    /// Single digits (`digits`).
    Digits,
    /// A number (`cardinal`, `number`).
    Cardinal,
    /// A number in a row (`ordinal`).
    Ordinal,
    /// A fraction (`fraction`).
    Fraction,
    /// A date whose numbers mean this: letters of `d`, `m` and `y` in order; empty if the text must tell.
    Date(&'static str),
    /// A time of day (`time`).
    Time,
    /// A telephone number (`telephone`).
    Telephone,
    /// An amount of money (`currency`).
    Currency,
    /// A measured quantity (`unit`).
    Unit,
}

/// Mark-up that cannot be read. The position counts characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkupError {
    /// It is no XML.
    #[error("the text's SSML cannot be read at character {at}: {reason}; it is spoken without its mark-up")]
    Xml {
        /// Where.
        at: usize,
        /// What is wrong.
        reason: String,
    },
    /// An element that is not known.
    #[error(
        "the text's SSML has <{name}> at character {at}, which is not known here ({known}); it is spoken without its \
         mark-up",
        known = ssml::KNOWN
    )]
    Element {
        /// Where.
        at: usize,
        /// Its name.
        name: String,
    },
    /// An attribute whose value means nothing.
    #[error(
        "the text's SSML has {attribute}=\"{value}\" in <{element}> at character {at}, which means nothing here; it is \
         spoken without its mark-up"
    )]
    Value {
        /// Where.
        at: usize,
        /// The element.
        element: String,
        /// The attribute.
        attribute: String,
        /// Its value.
        value: String,
    },
}

impl Script {
    /// Takes a text apart. Where its mark-up is wrong, the script is that of the text without tags, and the error says why: a
    /// listener is better served by plain words than by silence.
    pub fn read(text: &str) -> (Self, Option<MarkupError>) {
        if !ssml::begins(text) {
            return (Self::small(text), None);
        }
        match ssml::read(text) {
            Ok(script) => (script, None),
            Err(error) => (Self::small(&ssml::without_tags(text)), Some(error)),
        }
    }

    /// A text with the small mark-up only.
    fn small(text: &str) -> Self {
        let mut script = Self::default();
        script.add(text, &mut Style::default());
        script
    }

    /// Adds words that may hold the small mark-up. An emotion in them goes on in `style`.
    fn add(&mut self, text: &str, style: &mut Style) {
        let mut words = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('[') {
            let (before, from) = rest.split_at(at);
            let Some((tag, after)) = tag(from) else {
                words.push_str(&rest[..=at]);
                rest = &from[1..];
                continue;
            };
            if let Some(before) = before.strip_suffix('\\') {
                words.push_str(before);
                words.push_str(&from[..from.len() - after.len()]);
                rest = after;
                continue;
            }
            words.push_str(before);
            self.push(std::mem::take(&mut words), *style, &Reading::AsWritten);
            match tag {
                Tag::Emotion(emotion) => style.emotion = Some(emotion),
                Tag::Pause(seconds) => self.pause(seconds),
            }
            // A tag goes with one of the spaces around it.
            rest = if self.ends_with_space() { after.trim_start_matches(' ') } else { after };
        }
        words.push_str(rest);
        self.push(words, *style, &Reading::AsWritten);
    }

    fn push(&mut self, words: String, style: Style, reading: &Reading) {
        match self.parts.last_mut() {
            _ if words.is_empty() => {}
            Some(Part::Text { text, style: last, reading: Reading::AsWritten })
                if *last == style && *reading == Reading::AsWritten =>
            {
                text.push_str(&words);
            }
            _ => self.parts.push(Part::Text { text: words, style, reading: reading.clone() }),
        }
    }

    /// Silence; pauses in a row add up.
    fn pause(&mut self, seconds: f32) {
        if let Some(Part::Pause(before)) = self.parts.last_mut() {
            *before = (*before + seconds).min(LONGEST_MARKED_PAUSE);
        } else {
            self.parts.push(Part::Pause(seconds));
        }
    }

    /// Whether what was said last ends with a space, or nothing was said yet.
    fn ends_with_space(&self) -> bool {
        let last = self.parts.iter().rev().find_map(|part| match part {
            Part::Text { text, .. } => Some(text.ends_with(char::is_whitespace)),
            Part::Pause(_) => None,
            Part::SentenceEnd | Part::ParagraphEnd => Some(true),
        });
        last.unwrap_or(true)
    }

    /// The words as people read them, without mark-up.
    pub fn plain(&self) -> String {
        let mut plain = String::new();
        for part in &self.parts {
            match part {
                Part::Text { text, .. } => plain.push_str(text),
                Part::Pause(_) => {}
                Part::SentenceEnd if !plain.ends_with(char::is_whitespace) && !plain.is_empty() => plain.push(' '),
                Part::ParagraphEnd if !plain.ends_with('\n') && !plain.is_empty() => {
                    plain.truncate(plain.trim_end_matches(' ').len());
                    plain.push('\n');
                }
                Part::SentenceEnd | Part::ParagraphEnd => {}
            }
        }
        plain.truncate(plain.trim_end().len());
        plain
    }

    /// Whether an emotion is marked anywhere.
    pub fn has_emotion(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Text { style: Style { emotion: Some(_), .. }, .. }))
    }
}

/// A tag of the small mark-up.
enum Tag {
    Emotion(Emotion),
    Pause(f32),
}

/// The longest tag, bytes with its brackets: beyond, brackets hold text. It keeps the search for the closing one short.
const LONGEST_TAG: usize = 24;

/// The tag that a text beginning with `[` begins with, and the text after it.
fn tag(text: &str) -> Option<(Tag, &str)> {
    let end = text.bytes().take(LONGEST_TAG).position(|byte| byte == b']')?;
    let inside = text[1..end].trim().to_ascii_lowercase();
    let tag = match inside.strip_prefix("pause") {
        Some("") => Tag::Pause(PLAIN_PAUSE),
        Some(length) if length.starts_with([' ', '=', ':']) => {
            Tag::Pause(seconds(length.trim_start_matches([' ', '=', ':']))?)
        }
        _ => Tag::Emotion(inside.parse().ok()?),
    };
    Some((tag, &text[end + 1..]))
}

/// A length of time: "0.5s", "500ms", also with a space or a decimal comma. Seconds, at most [`LONGEST_MARKED_PAUSE`].
fn seconds(text: &str) -> Option<f32> {
    let text = text.trim().trim_start_matches('+');
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => return None,
    };
    Some((number_of(number)? * scale).min(LONGEST_MARKED_PAUSE))
}

/// A number from zero on, of digits and at most one decimal point or comma.
fn number_of(text: &str) -> Option<f32> {
    let text = text.trim();
    let plain = text.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | ','));
    if plain { text.replace(',', ".").parse().ok().filter(|number: &f32| number.is_finite()) } else { None }
}

/// The text as people read it, without mark-up.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('[') || ssml::begins(text) {
        Cow::Owned(Script::read(text).0.plain())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests;
