//! SSML, the part of it that is understood: speak, p, s, break, prosody, emphasis, say-as and sub.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{Emphasis, MarkupError, Part, Reading, SayAs, Script, Style, number_of, seconds};
use crate::Emotion;

/// The elements that are understood, for people.
pub(super) const KNOWN: &str = "known are speak, p, s, break, prosody, emphasis, say-as and sub";

/// The silences of `<break strength>`, seconds: those of our own punctuation, in the same order (nothing, less than a comma,
/// comma, colon, sentence, more than a paragraph).
const STRENGTHS: [(&str, f32); 6] =
    [("none", 0.0), ("x-weak", 0.06), ("weak", 0.14), ("medium", 0.26), ("strong", 0.38), ("x-strong", 0.8)];
/// A `<break>` that says nothing more is of medium strength, as SSML has it.
const PLAIN_BREAK: f32 = 0.26;
/// What SSML's words for prosody mean, as factors. SSML gives no numbers; these are steps that one hears and that every voice
/// can follow. The steps of loudness are 12, 6, 0, 3 and 6 dB.
const RATES: [(&str, f32); 6] =
    [("x-slow", 0.6), ("slow", 0.8), ("medium", 1.0), ("default", 1.0), ("fast", 1.25), ("x-fast", 1.6)];
const PITCHES: [(&str, f32); 6] =
    [("x-low", 0.75), ("low", 0.88), ("medium", 1.0), ("default", 1.0), ("high", 1.12), ("x-high", 1.25)];
const VOLUMES: [(&str, f32); 7] = [
    ("silent", 0.0),
    ("x-soft", 0.25),
    ("soft", 0.5),
    ("medium", 1.0),
    ("default", 1.0),
    ("loud", 1.41),
    ("x-loud", 2.0),
];
/// The orders of the numbers in a date that SSML's `format` may name.
const DATES: [&str; 11] = ["", "dmy", "mdy", "ymd", "dm", "md", "my", "ym", "d", "m", "y"];

/// Whether a text is SSML: `<speak`, perhaps after an XML declaration.
pub(super) fn begins(text: &str) -> bool {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let text = match text.strip_prefix("<?xml").and_then(|declared| declared.split_once("?>")) {
        Some((_, after)) => after.trim_start(),
        None => text,
    };
    text.strip_prefix("<speak").is_some_and(|after| after.starts_with(['>', '/', ' ', '\t', '\r', '\n']))
}

/// What an open element changes.
struct Open {
    name: String,
    style: Style,
    reading: Reading,
}

/// Reads SSML.
///
/// # Errors
/// It is no XML, or says something that is not understood.
pub(super) fn read(text: &str) -> Result<Script, MarkupError> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    // "AT&T" is read as people mean it.
    config.allow_dangling_amp = true;
    let mut script = Script::default();
    let mut open: Vec<Open> = Vec::new();
    let mut words = String::new();
    // Where the words began.
    let mut began = Place { text, byte: 0 };
    let mut emotion = None;
    let mut ended = false;
    loop {
        let place = Place { text, byte: usize::try_from(reader.buffer_position()).unwrap_or(text.len()) };
        if words.is_empty() {
            began = place;
        }
        let event = reader.read_event().map_err(|error| {
            let byte = usize::try_from(reader.error_position()).unwrap_or(text.len());
            Place { text, byte }.xml(error)
        })?;
        match event {
            Event::Text(text) => words.push_str(&text.decode().map_err(|error| place.xml(error))?),
            Event::CData(text) => words.push_str(&text.decode().map_err(|error| place.xml(error))?),
            Event::GeneralRef(name) => {
                let written = name.decode().map_err(|error| place.xml(error))?;
                let letter = match &*written {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => name.resolve_char_ref().map_err(|error| place.xml(error))?,
                };
                words.push(letter.ok_or_else(|| place.xml(format!("&{written}; is not known")))?);
            }
            Event::Start(start) => {
                said(std::mem::take(&mut words), open.last(), &mut emotion, &mut script, began)?;
                let element = Element { place, name: name_of(start.local_name().as_ref()), start: &start };
                if ended || open.is_empty() != (element.name == "speak") {
                    return Err(place.xml("there must be one <speak> around everything else"));
                }
                if let Some(Open { name, .. }) = open.last().filter(|open| open.reading != Reading::AsWritten) {
                    return Err(place.xml(format!("<{name}> may hold words only")));
                }
                let style = open.last().map_or_else(Style::default, |open| open.style);
                open.push(element.enter(style, &mut script)?);
            }
            Event::End(_) => {
                said(std::mem::take(&mut words), open.last(), &mut emotion, &mut script, began)?;
                match open.pop().map(|open| open.name).as_deref() {
                    Some("p") => script.parts.push(Part::ParagraphEnd),
                    Some("s") => script.parts.push(Part::SentenceEnd),
                    Some("speak") => ended = true,
                    _ => {}
                }
            }
            Event::DocType(_) => return Err(place.xml("a document type has no meaning here")),
            Event::Eof => {
                said(std::mem::take(&mut words), open.last(), &mut emotion, &mut script, began)?;
                return match open.last() {
                    Some(open) => Err(place.xml(format!("<{}> is not closed", open.name))),
                    None => Ok(script),
                };
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => {}
        }
    }
}

/// Adds the words that an element holds before its next tag.
fn said(
    words: String,
    open: Option<&Open>,
    emotion: &mut Option<Emotion>,
    script: &mut Script,
    place: Place,
) -> Result<(), MarkupError> {
    let Some(Open { style, reading, .. }) = open else {
        let blank = words.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty();
        return if blank { Ok(()) } else { Err(place.xml("there is text outside of <speak>")) };
    };
    let words = spaced(&words, script.ends_with_space());
    let mut style = Style { emotion: *emotion, ..*style };
    match reading {
        Reading::AsWritten => script.add(&words, &mut style),
        Reading::Alias(_) | Reading::As(_) => script.push(words, style, reading),
    }
    *emotion = style.emotion;
    Ok(())
}

/// A text as XML means it: line breaks and spaces in a row are one space, and none follows another.
fn spaced(text: &str, after_space: bool) -> String {
    let mut spaced = String::with_capacity(text.len());
    let mut space = after_space;
    for letter in text.chars() {
        let is_space = matches!(letter, ' ' | '\t' | '\r' | '\n');
        if !(is_space && space) {
            spaced.push(if is_space { ' ' } else { letter });
        }
        space = is_space;
    }
    spaced
}

fn name_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A place in the text, for errors.
#[derive(Clone, Copy)]
struct Place<'a> {
    text: &'a str,
    byte: usize,
}

impl Place<'_> {
    /// Which character it is, from 1.
    fn at(self) -> usize {
        self.text.char_indices().take_while(|(byte, _)| *byte < self.byte).count() + 1
    }

    fn xml(self, reason: impl ToString) -> MarkupError {
        MarkupError::Xml { at: self.at(), reason: reason.to_string() }
    }
}

/// An element that begins.
struct Element<'a> {
    place: Place<'a>,
    name: String,
    start: &'a BytesStart<'a>,
}

impl Element<'_> {
    /// What holds inside the element. Breaks and the ends of what came before are written to the script.
    fn enter(&self, mut style: Style, script: &mut Script) -> Result<Open, MarkupError> {
        let mut reading = Reading::AsWritten;
        match self.name.as_str() {
            "speak" => {
                script.language = self.attribute("lang")?.and_then(|code| code.get(..2)?.to_lowercase().parse().ok());
            }
            "p" => self.end_before(script, Part::ParagraphEnd),
            "s" => self.end_before(script, Part::SentenceEnd),
            "break" => {
                let strength = self.value("strength", |name| named(&STRENGTHS, name))?;
                let time = self.value("time", seconds)?;
                script.pause(time.or(strength).unwrap_or(PLAIN_BREAK));
            }
            "prosody" => {
                if let Some(rate) = self.value("rate", |text| named(&RATES, text).or_else(|| share(text)))? {
                    style.rate = (style.rate * rate).clamp(0.25, 4.0);
                }
                if let Some(pitch) = self.value("pitch", |text| named(&PITCHES, text).or_else(|| tone(text)))? {
                    style.pitch = (style.pitch * pitch).clamp(0.5, 2.0);
                }
                if let Some(volume) = self.value("volume", |text| named(&VOLUMES, text).or_else(|| loudness(text)))? {
                    style.volume = (style.volume * volume).clamp(0.0, 4.0);
                }
            }
            "emphasis" => {
                let level = self.value("level", |name| match name {
                    "strong" => Some(Emphasis::Strong),
                    "moderate" => Some(Emphasis::Moderate),
                    "none" => Some(Emphasis::None),
                    "reduced" => Some(Emphasis::Reduced),
                    _ => None,
                })?;
                style.emphasis = level.unwrap_or(Emphasis::Moderate);
            }
            "say-as" => {
                let format = self.value("format", |format| {
                    let format = format.to_lowercase();
                    // Times have formats ("hms12"), which the text itself tells better.
                    Some(DATES.into_iter().find(|known| *known == format).unwrap_or_default())
                })?;
                let says = self.value("interpret-as", |name| say_as(name, format.unwrap_or_default()))?;
                reading = says.map_or(Reading::AsWritten, Reading::As);
            }
            "sub" => reading = self.attribute("alias")?.map_or(Reading::AsWritten, Reading::Alias),
            _ => return Err(MarkupError::Element { at: self.place.at(), name: self.name.clone() }),
        }
        Ok(Open { name: self.name.clone(), style, reading })
    }

    /// What stands before a paragraph or sentence is one of its own.
    fn end_before(&self, script: &mut Script, end: Part) {
        if matches!(script.parts.last(), Some(Part::Text { .. })) {
            script.parts.push(end);
        }
    }

    fn attribute(&self, wanted: &str) -> Result<Option<String>, MarkupError> {
        for attribute in self.start.attributes() {
            let attribute = attribute.map_err(|error| self.place.xml(error))?;
            if attribute.key.local_name().as_ref() == wanted.as_bytes() {
                let value = attribute.normalized_value(XmlVersion::default()).map_err(|error| self.place.xml(error))?;
                return Ok(Some(value.into_owned()));
            }
        }
        Ok(None)
    }

    /// An attribute's value by `meaning`, `None` if there is no such attribute.
    fn value<T>(&self, attribute: &str, meaning: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, MarkupError> {
        let Some(value) = self.attribute(attribute)? else { return Ok(None) };
        match meaning(value.trim()) {
            Some(meaning) => Ok(Some(meaning)),
            None => Err(MarkupError::Value {
                at: self.place.at(),
                element: self.name.clone(),
                attribute: attribute.to_owned(),
                value,
            }),
        }
    }
}

fn named(names: &[(&str, f32)], wanted: &str) -> Option<f32> {
    names.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
}

/// A factor: "120%", "+20%", "-10%", "1.2".
fn share(text: &str) -> Option<f32> {
    match text.strip_suffix('%') {
        Some(percent) => match (percent.strip_prefix('+'), percent.strip_prefix('-')) {
            (Some(more), _) => Some(1.0 + number_of(more)? / 100.0),
            (_, Some(less)) => Some((1.0 - number_of(less)? / 100.0).max(0.0)),
            (None, None) => Some(number_of(percent)? / 100.0),
        },
        None => number_of(text),
    }
}

/// A number with a sign, or without one.
fn signed(text: &str) -> Option<f32> {
    match text.strip_prefix('-') {
        Some(number) => Some(-number_of(number)?),
        None => number_of(text.strip_prefix('+').unwrap_or(text)),
    }
}

/// A factor of pitch: percent, or semitones ("+2st"). Hertz would need the voice's own pitch, which is not known here.
fn tone(text: &str) -> Option<f32> {
    match text.strip_suffix("st") {
        Some(semitones) => Some((signed(semitones)? / 12.0).exp2()),
        None => share(text).filter(|_| text.ends_with('%')),
    }
}

/// A factor of loudness: decibels ("+6dB"), percent, or SSML 1.0's numbers up to 100, which is the voice's own.
fn loudness(text: &str) -> Option<f32> {
    match (text.strip_suffix("dB"), text.ends_with('%')) {
        (Some(decibels), _) => Some(10_f32.powf(signed(decibels)? / 20.0)),
        (None, true) => share(text),
        (None, false) => number_of(text).map(|number| number / 100.0),
    }
}

fn say_as(name: &str, format: &'static str) -> Option<SayAs> {
    Some(match name {
        "characters" | "spell-out" | "verbatim" => SayAs::Characters,
        "digits" => SayAs::Digits,
        "cardinal" | "number" => SayAs::Cardinal,
        "ordinal" => SayAs::Ordinal,
        "fraction" => SayAs::Fraction,
        "date" => SayAs::Date(format),
        "time" => SayAs::Time,
        "telephone" => SayAs::Telephone,
        "currency" => SayAs::Currency,
        "unit" => SayAs::Unit,
        _ => return None,
    })
}

/// What is left of a broken text when everything in angle brackets is taken away.
pub(super) fn without_tags(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some((before, tag)) = rest.split_once('<') {
        left.push_str(before);
        // A bracket that is never closed is one character too much, not the end of the text. What follows it has no closing
        // bracket either.
        let Some((_, after)) = tag.split_once('>') else {
            left.push_str(&tag.replace('<', " "));
            rest = "";
            break;
        };
        rest = after;
    }
    left.push_str(rest);
    let left = left.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    spaced(&left.replace("&amp;", "&"), true)
}
