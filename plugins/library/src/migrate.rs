//! Version 1 of the schema, as the first Visage wrote it, and what becomes of it.
//!
//! What changed: in version 1 an emotion's face replaced the built-in one as a whole, so a face without `head` held the
//! head still. In version 2 what is left out is the built-in value. Everything else of version 1 means the same.

use std::collections::BTreeMap;

use serde::Deserialize;
use visage_core::{Blendshape, Emotion, HeadPose, Language};

use crate::{
    Background, CharacterFile, EmotionFace, Idle, Intent, Renderer, SCHEMA_VERSION, Speech, Voice, file::portrait,
};

/// A character of version 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CharacterV1 {
    #[serde(rename = "schema_version")]
    _version: u32,
    name: String,
    #[serde(default = "portrait")]
    portrait: String,
    #[serde(default)]
    language: Option<Language>,
    voices: BTreeMap<Language, VoiceV1>,
    #[serde(default)]
    personality: BTreeMap<Language, SpeechV1>,
    #[serde(default)]
    emotions: BTreeMap<Emotion, FaceV1>,
    #[serde(default)]
    idle: IdleV1,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoiceV1 {
    model: String,
    #[serde(default = "one")]
    speed: f32,
    #[serde(default = "one")]
    pitch: f32,
    #[serde(default = "one")]
    volume: f32,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SpeechV1 {
    greeting: String,
    intents: Vec<Intent>,
    fallback: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FaceV1 {
    shapes: BTreeMap<Blendshape, f32>,
    head: HeadPose,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct IdleV1 {
    liveliness: f32,
}

impl Default for IdleV1 {
    fn default() -> Self {
        Self { liveliness: 0.7 }
    }
}

fn one() -> f32 {
    1.0
}

impl From<CharacterV1> for CharacterFile {
    fn from(old: CharacterV1) -> Self {
        let voice = |VoiceV1 { model, speed, pitch, volume }| Voice { model, speed, pitch, volume, ..Voice::default() };
        let speech = |SpeechV1 { greeting, intents, fallback }| Speech {
            system_prompt: String::new(),
            greeting,
            intents,
            fallback,
        };
        let face =
            |FaceV1 { shapes, head }| EmotionFace { shapes: Some(shapes), head: Some(head), ..EmotionFace::default() };
        Self {
            schema_version: SCHEMA_VERSION,
            id: None,
            name: old.name,
            portrait: old.portrait,
            landmarks: None,
            renderer: Renderer::Auto,
            language: old.language,
            voices: old.voices.into_iter().map(|(language, old)| (language, voice(old))).collect(),
            personality: old.personality.into_iter().map(|(language, old)| (language, speech(old))).collect(),
            emotions: old.emotions.into_iter().map(|(emotion, old)| (emotion, face(old))).collect(),
            idle: Idle { liveliness: old.idle.liveliness, ..Idle::default() },
            background: Background::Original,
            created: None,
            updated: None,
        }
    }
}
