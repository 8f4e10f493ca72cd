//! Who can speak, as whoever is to choose a voice sees it, and how one is chosen. Pure.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use visage_core::{Language, Script, language_of};

/// A voice that may be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(id: &str, engine: &'static str, languages: &[Language], installed: bool) -> VoiceInfo {
        VoiceInfo {
            id: id.to_owned(),
            engine,
            name: id.to_owned(),
            languages: languages.to_vec(),
            description: "a voice".to_owned(),
            licence: "MIT".to_owned(),
            installed,
            advice: (!installed).then(|| format!("run `visage models fetch {engine}`")),
        }
    }

    #[test]
    fn a_voice_is_chosen_for_what_is_asked() {
        use Language::{English, German};
        let shelf = |kokoro| {
            [
                voice("piper-en-joe", "piper", &[English], true),
                voice("espeak-ng", "espeak-ng", &[English, German], true),
                voice("kokoro/af_heart", "kokoro", &[English], kokoro),
                voice("kokoro/ef_dora", "kokoro", &[German], kokoro),
                voice("kokoro/am_onyx", "kokoro", &[English], kokoro),
            ]
        };
        let (text, deutsch) = ("Hello, how are you?", "Hallo, wie geht es dir?");
        let ssml = "<speak xml:lang='de'>OK.</speak>";
        let cases = [
            (None, None, text, Ok(("piper-en-joe", English))),
            (None, None, deutsch, Ok(("espeak-ng", German))),
            (None, None, ssml, Ok(("espeak-ng", German))),
            (None, Some(German), text, Ok(("espeak-ng", German))),
            (Some("espeak-ng"), None, text, Ok(("espeak-ng", English))),
            // A voice of one language reads everything in it.
            (Some("piper-en-joe"), None, deutsch, Ok(("piper-en-joe", English))),
            (Some("piper-en-joe"), Some(German), deutsch, Err("the voice piper-en-joe speaks en, not de")),
            (Some("kokoro"), None, text, Ok(("kokoro/af_heart", English))),
            (Some("kokoro"), None, deutsch, Ok(("kokoro/ef_dora", German))),
            (Some("kokoro/am_onyx"), None, text, Ok(("kokoro/am_onyx", English))),
            (Some("kokoro/am_onyx"), Some(German), text, Err("the voice kokoro/am_onyx speaks en")),
            (Some("nobody"), None, text, Err("there is no voice \"nobody\"")),
            (Some(""), None, text, Err("there is no voice \"\"")),
        ];
        for (name, language, text, expected) in cases {
            let voices = shelf(true);
            match (choose_voice(&voices, name, language, text), expected) {
                (Ok((voice, language)), Ok(expected)) => assert_eq!((voice.id.as_str(), language), expected),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
                (chosen, expected) => panic!("{name:?} {language:?} {text}: {chosen:?}, not {expected:?}"),
            }
        }
        let missing = choose_voice(&shelf(false), Some("kokoro"), None, text).expect_err("it is not there").to_string();
        assert_eq!(missing, "the voice kokoro/af_heart is not installed; run `visage models fetch kokoro`");
        let nobody = [voice("a", "a", &[English], false), voice("b", "b", &[German], false)];
        let missing = choose_voice(&nobody, None, None, deutsch).expect_err("nobody is there");
        assert!(matches!(missing, ChoiceError::NotInstalled { voice, .. } if voice == "b"));
        assert!(matches!(choose_voice(&[], None, None, text), Err(ChoiceError::Unknown(_))));
    }
}
