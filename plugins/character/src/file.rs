//! `character.ron`: what an author writes, with a default or a clear error for every field.

use std::{collections::BTreeMap, path::Path};

use ron::extensions::Extensions;
use serde::{Deserialize, Serialize};
use visage_core::{Blendshape, Emotion, FacePose, HeadPose, Language};
use visage_schedule::{CharacterProfile, IntentReply, Personality, VoiceSettings};

/// The only version of the file so far.
pub const SCHEMA_VERSION: u32 = 1;

/// What is wrong with a character.
#[derive(Debug, thiserror::Error)]
pub enum CharacterError {
    /// The file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The text is not a character.
    #[error("{path}, line {line}, column {column}: {reason}")]
    Syntax {
        /// The file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A value makes no sense.
    #[error("{path}: {reason}")]
    Value {
        /// The file.
        path: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// No character has this id.
    #[error("there is no character \"{id}\"; there are: {known}")]
    Unknown {
        /// The id asked for.
        id: String,
        /// The ids there are.
        known: String,
    },
    /// The folder of characters holds none that can be used.
    #[error("no character found in {folder}: each needs a folder of its own with a character.ron in it")]
    Empty {
        /// The folder that was searched.
        folder: String,
    },
}

impl CharacterError {
    /// Whether it is the file of the character `id` that is wrong.
    pub fn is_about(&self, id: &str) -> bool {
        match self {
            Self::Unreadable { path, .. } | Self::Syntax { path, .. } | Self::Value { path, .. } => {
                Path::new(path).parent().and_then(Path::file_name).is_some_and(|folder| folder == id)
            }
            Self::Unknown { .. } | Self::Empty { .. } => false,
        }
    }
}

/// A voice in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// Catalogue id of the model, or "espeak-ng".
    pub model: String,
    /// Speed as a factor, 0.5..=2.
    #[serde(default = "one")]
    pub speed: f32,
    /// Pitch as a factor, 0.5..=2.
    #[serde(default = "one")]
    pub pitch: f32,
    /// Loudness as a factor, 0..=2.
    #[serde(default = "one")]
    pub volume: f32,
}

/// What a character answers when one of the words is heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Words or phrases, in lower case.
    pub words: Vec<String>,
    /// Answers to choose from. `{name}` is the character's name.
    pub replies: Vec<String>,
    /// The emotion to answer with.
    #[serde(default)]
    pub emotion: Option<Emotion>,
}

/// What a character says in one language.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speech {
    /// The answer to the first "hello"; after that the intents answer.
    pub greeting: String,
    /// What it knows to answer, in order of precedence.
    pub intents: Vec<Intent>,
    /// Honest answers for everything else.
    pub fallback: Vec<String>,
}

/// The face of an emotion.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmotionFace {
    /// Weights of blendshapes, 0..=1.
    pub shapes: BTreeMap<Blendshape, f32>,
    /// The head: angles in radians and movement, each -1..=1.
    pub head: HeadPose,
}

/// How the character moves at rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Idle {
    /// 0 is still, 1 is lively.
    pub liveliness: f32,
}

impl Default for Idle {
    fn default() -> Self {
        Self { liveliness: 0.7 }
    }
}

/// A character as its author writes it. Every field but `name` and `voices` has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CharacterFile {
    /// Version of the schema.
    #[serde(default = "schema_version")]
    pub schema_version: u32,
    /// What it is called.
    pub name: String,
    /// The portrait's file name, in the same folder.
    #[serde(default = "portrait")]
    pub portrait: String,
    /// The language it speaks of its own accord; must be one of `voices`. The first of `voices` if left out.
    #[serde(default)]
    pub language: Option<Language>,
    /// Its voice in each language.
    pub voices: BTreeMap<Language, Voice>,
    /// What it says, by language.
    #[serde(default)]
    pub personality: BTreeMap<Language, Speech>,
    /// Faces of emotions that differ from the built-in ones.
    #[serde(default)]
    pub emotions: BTreeMap<Emotion, EmotionFace>,
    /// Motion at rest.
    #[serde(default)]
    pub idle: Idle,
}

fn one() -> f32 {
    1.0
}

fn schema_version() -> u32 {
    SCHEMA_VERSION
}

fn portrait() -> String {
    "portrait.png".to_owned()
}

impl CharacterFile {
    /// Reads the text of a `character.ron`. Errors name line and column.
    pub fn parse(text: &str) -> Result<Self, CharacterError> {
        Self::parse_named(text, "character.ron")
    }

    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, CharacterError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|cause| CharacterError::Unreadable { path: name.clone(), cause })?;
        Self::parse_named(&text, &name)
    }

    fn parse_named(text: &str, name: &str) -> Result<Self, CharacterError> {
        let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
        let file: Self = options.from_str(text).map_err(|error| CharacterError::Syntax {
            path: name.to_owned(),
            line: error.span.start.line,
            column: error.span.start.col,
            reason: error.code.to_string(),
        })?;
        file.check().map_err(|reason| CharacterError::Value { path: name.to_owned(), reason })?;
        Ok(file)
    }

    fn check(&self) -> Result<(), String> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(format!(
                "schema_version is {}, this Visage reads version {SCHEMA_VERSION}",
                self.schema_version
            ));
        }
        if self.name.trim().is_empty() {
            return Err("name is empty: what is the character called?".into());
        }
        let portrait = Path::new(&self.portrait);
        if portrait.file_name().is_none_or(|file| file != portrait.as_os_str()) {
            return Err(format!("portrait is {:?}: give the name of a file in the character's folder", self.portrait));
        }
        if self.voices.is_empty() {
            return Err("voices is empty: give at least one, such as { en: (model: \"espeak-ng\") }".into());
        }
        if let Some(language) = self.language.filter(|language| !self.voices.contains_key(language)) {
            return Err(format!("language is {language}, but voices has no voice for it"));
        }
        for (language, voice) in &self.voices {
            for (field, value, range) in [
                ("speed", voice.speed, 0.5..=2.0),
                ("pitch", voice.pitch, 0.5..=2.0),
                ("volume", voice.volume, 0.0..=2.0),
            ] {
                if !range.contains(&value) {
                    let (low, high) = range.into_inner();
                    return Err(format!("voices: {language}: {field} is {value}, it must be from {low} to {high}"));
                }
            }
        }
        for (emotion, face) in &self.emotions {
            if let Some((shape, weight)) = face.shapes.iter().find(|(_, weight)| !(0.0..=1.0).contains(*weight)) {
                return Err(format!("emotions: {emotion}: {shape:?} is {weight}, it must be from 0 to 1"));
            }
            let HeadPose { yaw, pitch, roll, translation: [x, y, z] } = face.head;
            if let Some(value) = [yaw, pitch, roll, x, y, z].into_iter().find(|value| !(-1.0..=1.0).contains(value)) {
                return Err(format!("emotions: {emotion}: head has {value}, it must be from -1 to 1"));
            }
        }
        if !(0.0..=1.0).contains(&self.idle.liveliness) {
            return Err(format!("idle: liveliness is {}, it must be from 0 to 1", self.idle.liveliness));
        }
        Ok(())
    }

    /// The file with every default filled in.
    pub fn to_ron(&self) -> String {
        let style = ron::ser::PrettyConfig::default().extensions(Extensions::IMPLICIT_SOME);
        ron::ser::to_string_pretty(self, style).expect("a character has no value that RON cannot write")
    }

    /// The languages it speaks, its own first.
    pub fn languages(&self) -> Vec<Language> {
        let mut languages: Vec<_> = self.voices.keys().copied().collect();
        if let Some(own) = self.language {
            languages.sort_by_key(|language| *language != own);
        }
        languages
    }

    /// What the other plugins need, for the character `id` whose files are in `folder`.
    pub fn profile(&self, id: &str, folder: &Path) -> CharacterProfile {
        let voice = |language| {
            let voice: &Voice = &self.voices[&language];
            VoiceSettings { model: voice.model.clone(), speed: voice.speed, pitch: voice.pitch, volume: voice.volume }
        };
        CharacterProfile {
            id: id.to_owned(),
            name: self.name.clone(),
            portrait: folder.join(&self.portrait),
            voices: self.languages().into_iter().map(|language| (language, voice(language))).collect(),
            personalities: self
                .personality
                .iter()
                .map(|(&language, speech)| Personality {
                    language,
                    greeting: speech.greeting.clone(),
                    intents: speech
                        .intents
                        .iter()
                        .map(|intent| IntentReply {
                            words: intent.words.clone(),
                            replies: intent.replies.clone(),
                            emotion: intent.emotion,
                        })
                        .collect(),
                    fallback: speech.fallback.clone(),
                })
                .collect(),
            emotions: self
                .emotions
                .iter()
                .map(|(&emotion, face)| {
                    let weights: Vec<_> = face.shapes.iter().map(|(&shape, &weight)| (shape, weight)).collect();
                    (emotion, FacePose { head: face.head, ..FacePose::of(&weights) })
                })
                .collect(),
            liveliness: self.idle.liveliness,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each wrong file and a part of what is said about it.
    #[test]
    fn wrong_files_say_what_is_wrong_and_where() {
        let cases = [
            ("(", "line 1"),
            ("(name: \"A\")", "voices"),
            ("(name: \" \", voices: {en: (model: \"espeak-ng\")})", "name is empty"),
            ("(\n  name: \"A\",\n  colour: 3,\n)", "line 3"),
            ("(name: \"A\", voices: {})", "voices is empty"),
            ("(name: \"A\", language: de, voices: {en: (model: \"x\")})", "no voice for it"),
            ("(name: \"A\", voices: {en: (model: \"x\", speed: 9.0)})", "speed is 9"),
            ("(name: \"A\", voices: {fr: (model: \"x\")})", "fr"),
            ("(name: \"A\", portrait: \"../b.png\", voices: {en: (model: \"x\")})", "name of a file"),
            ("(name: \"A\", schema_version: 7, voices: {en: (model: \"x\")})", "version 1"),
            ("(name: \"A\", voices: {en: (model: \"x\")}, emotions: {happy: (shapes: {jawOpen: 2.0})})", "from 0 to 1"),
            ("(name: \"A\", voices: {en: (model: \"x\")}, emotions: {sad: (head: (yaw: NaN))})", "head has NaN"),
            ("(name: \"A\", voices: {en: (model: \"x\")}, emotions: {sad: (head: (pitch: 9.0))})", "from -1 to 1"),
            ("(name: \"A\", voices: {en: (model: \"x\", speed: NaN)})", "speed is NaN"),
            ("(name: \"A\", voices: {en: (model: \"x\")}, idle: (liveliness: 2.0))", "liveliness"),
        ];
        for (text, part) in cases {
            let error = CharacterFile::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_own_language_comes_first() {
        let text = "(name: \"A\", language: de, voices: {en: (model: \"x\"), de: (model: \"y\")})";
        let file = CharacterFile::parse(text).expect("correct");
        assert_eq!(file.languages(), [Language::German, Language::English]);
        let profile = file.profile("a", Path::new("/characters/a"));
        assert_eq!(profile.voices[0].1.model, "y");
        assert_eq!(profile.portrait, Path::new("/characters/a/portrait.png"));
    }
}
