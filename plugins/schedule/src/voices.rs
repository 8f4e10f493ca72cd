//! Who can speak, as whoever is to choose a voice sees it, and how one is chosen. Pure.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use visage_core::{Language, Script, language_of};

/// A voice that may be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct VoiceInfo {
    /// Its name in settings and requests.
    #[schema(example = "kokoro/bf_emma")]
    pub id: String,
    /// What makes it.
    #[schema(example = "kokoro")]
    pub engine: &'static str,
    /// What people call it.
    #[schema(example = "Emma")]
    pub name: String,
    /// What it speaks.
    pub languages: Vec<Language>,
    /// How it sounds, in a few words.
    #[schema(example = "British English, female")]
    pub description: String,
    /// The licence of its model: an SPDX name.
    #[schema(example = "Apache-2.0")]
    pub licence: String,
    /// Whether what it speaks with is on this machine.
    pub installed: bool,
    /// What to do before it speaks; null if it speaks by its name alone.
    pub advice: Option<String>,
    /// Where it comes from, if it was made after a recording; null if it came with its engine. Only such a voice can be
    /// deleted.
    pub cloned: Option<Cloned>,
}

/// Where a cloned voice comes from.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Cloned {
    /// Who has said that it may be cloned.
    pub permission_by: String,
    /// Similarity to the recording of the most similar voice that the engine has by itself, -1 to 1; 0 if it has none.
    #[schema(minimum = -1.0, maximum = 1.0)]
    pub similarity_before: f32,
    /// And of the clone.
    #[schema(minimum = -1.0, maximum = 1.0)]
    pub similarity_after: f32,
    /// Whether what it says carries the mark of a cloned voice.
    pub marked: bool,
}

/// Gives the voices, those first that are to be taken where none is named. It looks at the disk, so it is not for the tick.
pub type ListVoices = Arc<dyn Fn() -> Vec<VoiceInfo> + Send + Sync>;

/// Why no voice was chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No voice and no engine has this name.
    #[error("there is no voice \"{0}\"; `visage voices list` and GET /api/voices list them")]
    Unknown(String),
    /// What was asked for does not speak the language.
    #[error("the voice {voice} speaks {spoken}, not {language}; choose another", spoken = names(spoken))]
    NotSpoken {
        /// What was asked for.
        voice: String,
        /// What it speaks.
        spoken: Vec<Language>,
        /// What it should have spoken.
        language: Language,
    },
    /// It is known, but cannot speak on this machine.
    #[error("the voice {voice} is not installed; {advice}")]
    NotInstalled {
        /// Its id.
        voice: String,
        /// What to do.
        advice: String,
    },
    /// It is installed, but its name alone does not say how it is to sound.
    #[error("the voice {voice} does not speak by its name alone; {advice}")]
    NotAlone {
        /// Its id.
        voice: String,
        /// What to do.
        advice: String,
    },
}

fn names(languages: &[Language]) -> String {
    languages.iter().map(|language| language.code()).collect::<Vec<_>>().join(", ")
}

/// The voices that a name means: one by its id, or all of an engine; all that there are without a name.
pub fn voices_named<'a>(voices: &'a [VoiceInfo], name: Option<&str>) -> Vec<&'a VoiceInfo> {
    let is_meant = |voice: &&VoiceInfo| name.is_none_or(|name| voice.id == name || voice.engine == name);
    voices.iter().filter(is_meant).collect()
}

/// Who is to speak a text, in which language. What is not asked for is found: the language in the text, the voice among
/// those that are installed and speak by their name alone, the first that speaks it.
///
/// # Errors
/// What is asked for is not to be had; the message says what to do.
pub fn choose_voice<'a>(
    voices: &'a [VoiceInfo],
    name: Option<&str>,
    language: Option<Language>,
    text: &str,
) -> Result<(&'a VoiceInfo, Language), ChoiceError> {
    let family = voices_named(voices, name);
    let Some(first) = family.first() else { return Err(ChoiceError::Unknown(name.unwrap_or_default().to_owned())) };
    let spoken = languages(&family);
    let language = language.unwrap_or_else(|| language_in(text, &spoken));
    let speakers: Vec<_> = family.iter().copied().filter(|voice| voice.languages.contains(&language)).collect();
    let Some(speaker) = speakers.first() else {
        let voice = name.unwrap_or(&first.id).to_owned();
        return Err(ChoiceError::NotSpoken { voice, spoken, language });
    };
    let found = speakers.iter().find(|voice| voice.installed && voice.advice.is_none()).ok_or_else(|| {
        let advice = speaker.advice.clone().unwrap_or_else(|| "run `visage doctor`".to_owned());
        let voice = speaker.id.clone();
        if speaker.installed {
            ChoiceError::NotAlone { voice, advice }
        } else {
            ChoiceError::NotInstalled { voice, advice }
        }
    })?;
    Ok((found, language))
}

/// The languages that are spoken by one of them.
pub fn languages(voices: &[&VoiceInfo]) -> Vec<Language> {
    let mut found = Vec::new();
    for language in voices.iter().flat_map(|voice| &voice.languages) {
        if !found.contains(language) {
            found.push(*language);
        }
    }
    found
}

/// Which of the languages a text is in: as it says itself, or as it looks; the first one if that tells nothing.
pub fn language_in(text: &str, languages: &[Language]) -> Language {
    let first = languages.first().copied().unwrap_or_default();
    if languages.len() < 2 {
        return first;
    }
    let (script, _) = Script::read(text);
    let language = script.language.unwrap_or_else(|| language_of(&script.plain(), first));
    if languages.contains(&language) { language } else { first }
}
