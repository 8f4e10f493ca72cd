//! What an author writes in `character.ron`. The same types are the bodies of REST: a character has the same fields in RON
//! and in JSON. What has its default is left out when it is written.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use visage_core::{Blendshape, Emotion, HeadPose, Language};

use crate::Part;

/// The version of the schema that is written. Version 1 is read, too.
pub const SCHEMA_VERSION: u32 = 2;

/// A model's id where none is given: espeak-ng is always there.
pub(crate) const ESPEAK: &str = "espeak-ng";
/// The portrait's name where none is given.
pub(crate) const PORTRAIT: &str = "portrait.png";

/// A character as its author writes it. Every field but `name` and `voices` has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CharacterFile {
    /// Version of the schema.
    #[serde(default = "schema_version")]
    #[schema(default = schema_version, minimum = 2, maximum = 2)]
    pub schema_version: u32,
    /// Its id. If given, it must be the name of its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub id: Option<String>,
    /// What it is called.
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    pub name: String,
    /// The portrait's file name, in the character's folder: JPEG, PNG or WebP.
    #[serde(default = "portrait", skip_serializing_if = "is_portrait")]
    #[schema(default = portrait, max_length = 100)]
    pub portrait: String,
    /// The name of a RON file with landmarks placed by hand, for pictures in which no face is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub landmarks: Option<String>,
    /// What is to draw it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(default = Renderer::default)]
    pub renderer: Renderer,
    /// The language it speaks of its own accord; must be one of `voices`. The first of `voices` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Its voice in each language; at least one.
    pub voices: BTreeMap<Language, Voice>,
    /// What it says, by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub personality: BTreeMap<Language, Speech>,
    /// How it shows emotions, where that differs from the built-in way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub emotions: BTreeMap<Emotion, EmotionFace>,
    /// How it moves at rest.
    #[serde(default, skip_serializing_if = "is_default")]
    pub idle: Idle,
    /// What stands behind the head.
    #[serde(default, skip_serializing_if = "is_default")]
    pub background: Background,
    /// When it was made. Set by the store.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created: Option<DateTime<Utc>>,
    /// When it was last changed through the store. Set by the store.
    #[serde(default, with = "rfc3339", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated: Option<DateTime<Utc>>,
}

impl CharacterFile {
    /// A character with this name and espeak-ng's voice.
    pub fn new(name: &str, language: Language) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            id: None,
            name: name.to_owned(),
            portrait: portrait(),
            landmarks: None,
            renderer: Renderer::default(),
            language: None,
            voices: [(language, Voice::default())].into(),
            personality: BTreeMap::new(),
            emotions: BTreeMap::new(),
            idle: Idle::default(),
            background: Background::default(),
            created: None,
            updated: None,
        }
    }

    /// The languages it speaks, its own first.
    pub fn languages(&self) -> Vec<Language> {
        let mut languages: Vec<_> = self.voices.keys().copied().collect();
        if let Some(own) = self.language {
            languages.sort_by_key(|language| *language != own);
        }
        languages
    }

    /// Every file that it names, with what it is for.
    pub fn assets(&self) -> Vec<(Part, &str)> {
        let mut assets = vec![(Part::Portrait, self.portrait.as_str())];
        assets.extend(self.landmarks.as_deref().map(|name| (Part::Landmarks, name)));
        if let Background::Picture(name) = &self.background {
            assets.push((Part::Background, name));
        }
        for (&language, voice) in &self.voices {
            assets.extend(voice.reference.as_deref().map(|name| (Part::Reference(language), name)));
        }
        assets
    }

    /// The name of the file that is this part, if it has one.
    pub fn asset(&self, part: Part) -> Option<&str> {
        self.assets().into_iter().find(|(of, _)| *of == part).map(|(_, name)| name)
    }

    /// Names the file that is this part; with `None` it has none (a portrait cannot be taken away, and a voice without
    /// its language cannot have a reference).
    pub(crate) fn set_asset(&mut self, part: Part, name: Option<String>) -> bool {
        match (part, name) {
            (Part::Portrait, Some(name)) => self.portrait = name,
            (Part::Portrait, None) => return false,
            (Part::Landmarks, name) => self.landmarks = name,
            (Part::Background, Some(name)) => self.background = Background::Picture(name),
            (Part::Background, None) => self.background = Background::Original,
            (Part::Reference(language), name) => match self.voices.get_mut(&language) {
                Some(voice) => voice.reference = name,
                None => return false,
            },
        }
        true
    }
}

/// What is to draw a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Renderer {
    /// The best that keeps up with the tick.
    #[default]
    Auto,
    /// The portrait as a warped mesh.
    Warp,
    /// The neural renderer, where it is there and keeps up.
    LivePortrait,
}

/// What makes a voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Piper: quick, one voice for each model.
    Piper,
    /// Kokoro.
    Kokoro,
    /// XTTS v2, which imitates a reference.
    Xtts,
    /// espeak-ng: no model needed.
    Espeak,
}

impl Engine {
    /// The engine that a model's id is for, by what it begins with.
    pub fn of_model(model: &str) -> Option<Self> {
        let starts = [
            ("piper", Self::Piper),
            ("kokoro", Self::Kokoro),
            ("clone/", Self::Kokoro),
            ("xtts", Self::Xtts),
            ("espeak", Self::Espeak),
        ];
        starts.into_iter().find_map(|(start, engine)| model.starts_with(start).then_some(engine))
    }
}

/// A voice in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Voice {
    /// What makes it. Told from the model if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Catalogue id of the model ("kokoro/bf_emma" is one of a model's voices), "clone/" and the id of a cloned voice, or
    /// "espeak-ng".
    #[serde(skip_serializing_if = "is_espeak")]
    #[schema(max_length = 100)]
    pub model: String,
    /// The name of a recording of the voice to be imitated, for engines that can: WAV, FLAC, Ogg or MP3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub reference: Option<String>,
    /// Speed as a factor.
    #[serde(skip_serializing_if = "is_one")]
    #[schema(minimum = 0.5, maximum = 2.0)]
    pub speed: f32,
    /// Pitch as a factor.
    #[serde(skip_serializing_if = "is_one")]
    #[schema(minimum = 0.5, maximum = 2.0)]
    pub pitch: f32,
    /// Loudness as a factor.
    #[serde(skip_serializing_if = "is_one")]
    #[schema(minimum = 0.0, maximum = 2.0)]
    pub volume: f32,
}

impl Default for Voice {
    fn default() -> Self {
        Self { engine: None, model: ESPEAK.to_owned(), reference: None, speed: 1.0, pitch: 1.0, volume: 1.0 }
    }
}

impl Voice {
    /// What makes it: given, or told from the model, or espeak-ng.
    pub fn engine(&self) -> Engine {
        self.engine.or_else(|| Engine::of_model(&self.model)).unwrap_or(Engine::Espeak)
    }
}

/// What a character says in one language.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Speech {
    /// Who it is, told to a language model before the conversation.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 20_000)]
    pub system_prompt: String,
    /// The answer to the first "hello"; after that the intents answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 2_000)]
    pub greeting: String,
    /// What it knows to answer, in order of precedence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 500)]
    pub intents: Vec<Intent>,
    /// Honest answers for everything else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub fallback: Vec<String>,
}

/// What a character answers when one of the words is heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Words or phrases, in lower case.
    #[schema(min_items = 1, max_items = 100)]
    pub words: Vec<String>,
    /// Answers to choose from. `{name}` is the character's name.
    #[schema(min_items = 1, max_items = 100)]
    pub replies: Vec<String>,
    /// The emotion to answer with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emotion: Option<Emotion>,
}

/// How a character shows an emotion. What is left out is as built in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmotionFace {
    /// Weights of blendshapes at full strength, 0..=1. They replace the built-in ones as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shapes: Option<BTreeMap<Blendshape, f32>>,
    /// The head at full strength: angles in radians and movement, each -1..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadPose>,
    /// Time constant with which it appears, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.02, maximum = 10.0)]
    pub onset: Option<f32>,
    /// Time constant with which it fades, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.02, maximum = 60.0)]
    pub decay: Option<f32>,
    /// How strongly the emotion of a text acts on the face: 0 not at all, 1 fully.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub response: Option<f32>,
}

/// How a character moves at rest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Idle {
    /// All of it but blinks: 0 is still, 1 is lively.
    #[serde(skip_serializing_if = "is_default_liveliness")]
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub liveliness: f32,
    /// Blinks a minute, on average.
    #[serde(skip_serializing_if = "is_default_blinks")]
    #[schema(minimum = 0.0, maximum = 60.0)]
    pub blinks: f32,
    /// How far the eyes wander, as a factor.
    #[serde(skip_serializing_if = "is_one")]
    #[schema(minimum = 0.0, maximum = 2.0)]
    pub gaze: f32,
    /// How far the head sways, as a factor.
    #[serde(skip_serializing_if = "is_one")]
    #[schema(minimum = 0.0, maximum = 2.0)]
    pub sway: f32,
    /// How deep the breath is, as a factor.
    #[serde(skip_serializing_if = "is_one")]
    #[schema(minimum = 0.0, maximum = 2.0)]
    pub breath: f32,
}

impl Default for Idle {
    fn default() -> Self {
        Self { liveliness: 0.7, blinks: 16.0, gaze: 1.0, sway: 1.0, breath: 1.0 }
    }
}

/// What stands behind the head.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    /// What the picture shows there, filled in where the head was.
    #[default]
    Original,
    /// One colour.
    Colour(Colour),
    /// The name of a picture in the character's folder, scaled to cover.
    Picture(String),
    /// Nothing. Where the output has no transparency (video), black.
    Transparent,
}

/// An sRGB colour, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^#[0-9a-fA-F]{6}$", example = "#30465c")]
pub struct Colour(pub [u8; 3]);

/// This is no colour.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no colour; write it as #rrggbb, such as \"#30465c\"")]
pub struct WrongColour(pub String);

impl FromStr for Colour {
    type Err = WrongColour;
    fn from_str(text: &str) -> Result<Self, WrongColour> {
        let wrong = || WrongColour(text.chars().take(40).collect());
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or_else(wrong)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).map_err(|_| wrong())?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(out, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Serialize for Colour {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Times as text (RFC 3339), in UTC and whole seconds when written.
mod rfc3339 {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        DateTime::parse_from_rfc3339(&text).map(|time| Some(time.to_utc())).map_err(|cause| {
            let text: String = text.chars().take(40).collect();
            D::Error::custom(format!("{text:?} is no time ({cause}); write it as \"2026-11-23T12:00:00Z\""))
        })
    }
}

fn schema_version() -> u32 {
    SCHEMA_VERSION
}

pub(crate) fn portrait() -> String {
    PORTRAIT.to_owned()
}

fn is_portrait(name: &str) -> bool {
    name == PORTRAIT
}

fn is_espeak(model: &str) -> bool {
    model == ESPEAK
}

// The signatures of these are serde's.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(value: &f32) -> bool {
    *value == 1.0
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_default_liveliness(value: &f32) -> bool {
    *value == Idle::default().liveliness
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_default_blinks(value: &f32) -> bool {
    *value == Idle::default().blinks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_six_digits() {
        assert_eq!("#30465C".parse(), Ok(Colour([0x30, 0x46, 0x5c])));
        assert_eq!(Colour([1, 2, 255]).to_string(), "#0102ff");
        for wrong in ["", "30465c", "#30465", "#30465cc", "#+0465c", "red", "#äöü"] {
            assert!(wrong.parse::<Colour>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn engines_are_told_from_models() {
        for (model, engine) in [
            ("piper-en-joe", Some(Engine::Piper)),
            ("espeak-ng", Some(Engine::Espeak)),
            ("xtts-v2", Some(Engine::Xtts)),
            ("kokoro/bf_emma", Some(Engine::Kokoro)),
            ("clone/anna", Some(Engine::Kokoro)),
            ("x", None),
        ] {
            assert_eq!(Engine::of_model(model), engine, "{model}");
        }
    }
}
