//! Which values a character may have. Types are checked by reading it, this checks ranges and what must fit together.

use std::ops::RangeInclusive;

use chrono::Datelike;
use visage_core::HeadPose;

use crate::{
    CharacterFile, Engine, FileError, SCHEMA_VERSION, Voice,
    file::{EmotionFace, Intent, Speech},
    location::is_id,
};

/// Longest name of a character and of a model, and longest word of an intent, in characters.
const MAX_NAME: usize = 100;
/// Longest piece of text that is spoken at once, in characters.
const MAX_SPOKEN: usize = 2_000;
/// Longest system prompt, in characters.
const MAX_PROMPT: usize = 20_000;
/// Most intents in one language.
const MAX_INTENTS: usize = 500;
/// Most words or replies of one intent, and most fallbacks.
const MAX_CHOICES: usize = 100;

/// Characters besides letters and digits that the name of a file may have. All of them are kept as they are by file
/// systems and by object storages.
const NAME_MARKS: &str = " .-_()+,'&@=";
/// Longest file name in bytes; file systems allow 255, and what is written is staged under a longer name.
const MAX_FILE_NAME: usize = 100;

/// Checks the name of a file that lies beside `character.ron`.
pub(crate) fn file_name(name: &str) -> Result<(), String> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_FILE_NAME {
        "it is longer than 100 bytes"
    } else if name.contains(['/', '\\', ':']) {
        "it is a path; the file must lie in the character's folder"
    } else if name.starts_with(['.', ' ']) || name.ends_with(['.', ' ']) {
        "it begins or ends with a dot or a space"
    } else if let Some(wrong) = name.chars().find(|&c| !(c.is_alphanumeric() || NAME_MARKS.contains(c))) {
        return Err(format!("it has {wrong:?} in it; use letters, digits and {NAME_MARKS:?}"));
    } else if name.eq_ignore_ascii_case("character.ron") {
        "that is the character's own file"
    } else {
        return Ok(());
    };
    Err(reason.to_owned())
}

impl CharacterFile {
    /// Checks what its fields hold. What comes from [`CharacterFile::parse`] and [`CharacterFile::from_json`] has passed.
    ///
    /// # Errors
    /// Names the first field that is wrong, without line and column.
    pub fn check(&self) -> Result<(), FileError> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(unknown_version(self.schema_version));
        }
        if let Some(id) = self.id.as_deref().filter(|id| !is_id(id)) {
            let reason = format!("{id:?} is no id; use 1 to 63 of a-z, 0-9 and -, or leave the field out");
            return Err(FileError::value("id", reason));
        }
        if self.name.trim().is_empty() {
            return Err(FileError::value("name", "it is empty: what is the character called?"));
        }
        length("name", &self.name, MAX_NAME)?;
        for (part, name) in self.assets() {
            let wrong =
                |reason| FileError::value(part.field(), format!("{name:?} is no name of a file here: {reason}"));
            file_name(name).map_err(wrong)?;
        }
        if self.voices.is_empty() {
            let reason = "it is empty: give at least one voice, such as { en: (model: \"espeak-ng\") }";
            return Err(FileError::value("voices", reason));
        }
        if let Some(language) = self.language.filter(|language| !self.voices.contains_key(language)) {
            return Err(FileError::value("language", format!("it is {language}, but voices has no voice for it")));
        }
        for (language, voice) in &self.voices {
            voice.check(&format!("voices.{language}"))?;
        }
        for (language, speech) in &self.personality {
            speech.check(&format!("personality.{language}"))?;
        }
        for (emotion, face) in &self.emotions {
            face.check(&format!("emotions.{emotion}"))?;
        }
        range("idle.liveliness", self.idle.liveliness, 0.0..=1.0)?;
        range("idle.blinks", self.idle.blinks, 0.0..=60.0)?;
        range("idle.gaze", self.idle.gaze, 0.0..=2.0)?;
        range("idle.sway", self.idle.sway, 0.0..=2.0)?;
        range("idle.breath", self.idle.breath, 0.0..=2.0)?;
        for (field, time) in [("created", self.created), ("updated", self.updated)] {
            if time.is_some_and(|time| !(0..=9999).contains(&time.year())) {
                return Err(FileError::value(field, "its year must be from 0 to 9999"));
            }
        }
        Ok(())
    }
}

impl Voice {
    fn check(&self, field: &str) -> Result<(), FileError> {
        let of_model = Engine::of_model(&self.model);
        length(&format!("{field}.model"), &self.model, MAX_NAME)?;
        match (self.engine, of_model) {
            (None, None) => {
                let reason = format!(
                    "{:?} does not say which engine it is for; add engine: piper, kokoro, xtts or espeak",
                    self.model
                );
                return Err(FileError::value(format!("{field}.model"), reason));
            }
            (Some(engine), Some(other)) if engine != other => {
                let reason = format!("it is for another engine than the model {:?}; leave one of them out", self.model);
                return Err(FileError::value(format!("{field}.engine"), reason));
            }
            _ => {}
        }
        range(&format!("{field}.speed"), self.speed, 0.5..=2.0)?;
        range(&format!("{field}.pitch"), self.pitch, 0.5..=2.0)?;
        range(&format!("{field}.volume"), self.volume, 0.0..=2.0)
    }
}

impl Speech {
    fn check(&self, field: &str) -> Result<(), FileError> {
        length(&format!("{field}.system_prompt"), &self.system_prompt, MAX_PROMPT)?;
        length(&format!("{field}.greeting"), &self.greeting, MAX_SPOKEN)?;
        if self.intents.len() > MAX_INTENTS {
            return Err(FileError::value(format!("{field}.intents"), format!("there are more than {MAX_INTENTS}")));
        }
        for (index, Intent { words, replies, .. }) in self.intents.iter().enumerate() {
            let field = format!("{field}.intents[{index}]");
            texts(&format!("{field}.words"), words, MAX_NAME, 1)?;
            texts(&format!("{field}.replies"), replies, MAX_SPOKEN, 1)?;
        }
        texts(&format!("{field}.fallback"), &self.fallback, MAX_SPOKEN, 0)
    }
}

impl EmotionFace {
    fn check(&self, field: &str) -> Result<(), FileError> {
        for (shape, weight) in self.shapes.iter().flatten() {
            // The name as it is written in the file.
            let shape = serde_json::to_value(shape).ok().and_then(|name| name.as_str().map(str::to_owned));
            range(&format!("{field}.shapes.{}", shape.unwrap_or_default()), *weight, 0.0..=1.0)?;
        }
        if let Some(HeadPose { yaw, pitch, roll, translation }) = self.head {
            for (name, value) in [("yaw", yaw), ("pitch", pitch), ("roll", roll)] {
                range(&format!("{field}.head.{name}"), value, -1.0..=1.0)?;
            }
            for value in translation {
                range(&format!("{field}.head.translation"), value, -1.0..=1.0)?;
            }
        }
        let ranges = [("onset", self.onset, 0.02..=10.0), ("decay", self.decay, 0.02..=60.0)];
        for (name, value, allowed) in ranges.into_iter().chain([("response", self.response, 0.0..=1.0)]) {
            if let Some(value) = value {
                range(&format!("{field}.{name}"), value, allowed)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn unknown_version(version: u32) -> FileError {
    FileError::value("schema_version", format!("it is {version}, this Visage reads versions 1 to {SCHEMA_VERSION}"))
}

fn range(field: &str, value: f32, allowed: RangeInclusive<f32>) -> Result<(), FileError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let (low, high) = allowed.into_inner();
    Err(FileError::value(field, format!("it is {value}, it must be from {low} to {high}")))
}

fn length(field: &str, text: &str, most: usize) -> Result<(), FileError> {
    match text.chars().count() {
        count if count > most => Err(FileError::value(field, format!("it has {count} characters, {most} are allowed"))),
        _ => Ok(()),
    }
}

fn texts(field: &str, texts: &[String], longest: usize, fewest: usize) -> Result<(), FileError> {
    if texts.len() < fewest || texts.len() > MAX_CHOICES {
        let reason = format!("there are {}, it must be from {fewest} to {MAX_CHOICES}", texts.len());
        return Err(FileError::value(field, reason));
    }
    texts.iter().enumerate().try_for_each(|(index, text)| length(&format!("{field}[{index}]"), text, longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_names_only() {
        for good in ["portrait.png", "Porträt 2.jpeg", "a", "voice-en-0123456789abcdef.wav", "a..b", "写真.png"] {
            assert_eq!(file_name(good), Ok(()), "{good}");
        }
        let long = "a".repeat(101);
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "a.",
            "a ",
            " a",
            "a/b",
            "../a",
            "/a",
            "a\\b",
            "C:a",
            "a#1",
            "a%2e",
            "a~",
            "a\0",
            "a\n",
            "character.ron",
            "Character.RON",
            "a*",
            "a\"b",
            &long,
        ] {
            assert!(file_name(bad).is_err(), "{bad:?}");
        }
    }
}
