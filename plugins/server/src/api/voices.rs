//! `/api/voices`: who can speak, and how one of them is chosen.

use axum::{extract::State, response::Json};
use visage_core::{Language, Script, language_of};
use visage_schedule::{SpeechDoor, VoiceInfo};

use crate::{
    problem::{Code, Problem},
    routes::Context,
};

use super::{body::shown, refusal::Unready};

/// The voices, in the order in which they are taken where none is named.
pub(crate) struct Shelf(pub(crate) Vec<VoiceInfo>);

/// List the voices
///
/// Those that can speak on this machine and those that could; the ones that speak where none is named come first.
#[utoipa::path(get, path = "/api/voices", operation_id = "list_voices", tag = "Speech", responses(
    (status = 200, body = Vec<VoiceInfo>, description = "They"), Unready))]
pub(crate) async fn list(State(context): State<Context>) -> Result<Json<Vec<VoiceInfo>>, Problem> {
    Ok(Json(Shelf::look(door(&context)?).await?.0))
}

/// Where texts are handed in.
pub(crate) fn door(context: &Context) -> Result<&SpeechDoor, Problem> {
    let door = context.speech.as_ref();
    door.ok_or_else(|| Problem::new(Code::Unavailable, "This program runs without a voice."))
}

impl Shelf {
    /// The voices as they are now.
    pub(crate) async fn look(door: &SpeechDoor) -> Result<Self, Problem> {
        let list = door.voices.clone();
        // It looks at the disk.
        let voices = tokio::task::spawn_blocking(move || list()).await;
        voices.map(Self).map_err(|_| Problem::new(Code::Unavailable, "The voices could not be looked at."))
    }

    /// Who speaks a text, in which language. What is not asked for is found: the language in the text, the voice among those
    /// that are installed.
    pub(crate) fn choose(
        &self,
        voice: Option<&str>,
        language: Option<Language>,
        text: &str,
    ) -> Result<(&VoiceInfo, Language), Problem> {
        let family = self.family(voice);
        let Some(first) = family.first() else {
            let detail = match voice {
                Some(name) => format!("There is no voice \"{}\"; GET /api/voices lists them.", shown(name)),
                None => "There are no voices.".to_owned(),
            };
            return Err(Problem::new(Code::UnknownVoice, detail));
        };
        let language = language.unwrap_or_else(|| language_in(text, &languages(&family)));
        let mut speakers = family.iter().copied().filter(|voice| voice.languages.contains(&language)).peekable();
        let Some(speaker) = speakers.peek().copied() else {
            let spoken: Vec<_> = languages(&family).iter().map(ToString::to_string).collect();
            let (id, spoken) = (voice.unwrap_or(&first.id), spoken.join(", "));
            let detail = format!("The voice {} speaks {spoken}, not {language}. Choose another.", shown(id));
            return Err(Problem::new(Code::LanguageNotSpoken, detail));
        };
        let found = speakers.find(|voice| voice.installed).ok_or_else(|| {
            let advice = speaker.advice.as_deref().unwrap_or("see `visage doctor`");
            let detail = format!("The voice {} is not installed; {advice}.", speaker.id);
            Problem::new(Code::VoiceNotInstalled, detail)
        })?;
        Ok((found, language))
    }

    /// The language that a text is read in by the voices that a name means, or by any.
    pub(crate) fn language(&self, family: Option<&str>, text: &str) -> Language {
        language_in(text, &languages(&self.family(family)))
    }

    /// The voices that a name means: one, or all of an engine; all that there are without a name.
    pub(crate) fn family(&self, name: Option<&str>) -> Vec<&VoiceInfo> {
        let is_meant = |voice: &&VoiceInfo| name.is_none_or(|name| voice.id == name || voice.engine == name);
        self.0.iter().filter(is_meant).collect()
    }
}

/// The languages that are spoken by one of them.
fn languages(voices: &[&VoiceInfo]) -> Vec<Language> {
    let mut found = Vec::new();
    for language in voices.iter().flat_map(|voice| &voice.languages) {
        if !found.contains(language) {
            found.push(*language);
        }
    }
    found
}

/// Which of the languages a text is in: as it says itself, or as it looks.
fn language_in(text: &str, languages: &[Language]) -> Language {
    let first = languages.first().copied().unwrap_or_default();
    if languages.len() < 2 {
        return first;
    }
    let (script, _) = Script::read(text);
    let language = script.language.unwrap_or_else(|| language_of(&script.plain(), first));
    if languages.contains(&language) { language } else { first }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A voice that is installed or not.
    pub(crate) fn voice(id: &str, engine: &'static str, languages: &[Language], installed: bool) -> VoiceInfo {
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

    /// What a machine has with the default models, and with Kokoro or without.
    pub(crate) fn shelf(kokoro: bool) -> Shelf {
        use Language::{English, German};
        Shelf(vec![
            voice("piper-en-joe", "piper", &[English], true),
            voice("espeak-ng", "espeak-ng", &[English, German], true),
            voice("kokoro/af_heart", "kokoro", &[English], kokoro),
            voice("kokoro/ef_dora", "kokoro", &[German], kokoro),
            voice("kokoro/am_onyx", "kokoro", &[English], kokoro),
        ])
    }

    #[test]
    fn a_voice_is_chosen_for_what_is_asked() {
        use Language::{English, German};
        let (text, deutsch) = ("Hello, how are you?", "Hallo, wie geht es dir?");
        let ssml = "<speak xml:lang='de'>Ja.</speak>";
        let cases = [
            (None, None, text, Ok(("piper-en-joe", English))),
            (None, None, deutsch, Ok(("espeak-ng", German))),
            (None, None, ssml, Ok(("espeak-ng", German))),
            (None, Some(German), text, Ok(("espeak-ng", German))),
            (Some("espeak-ng"), None, text, Ok(("espeak-ng", English))),
            // A voice of one language reads everything in it.
            (Some("piper-en-joe"), None, deutsch, Ok(("piper-en-joe", English))),
            (Some("piper-en-joe"), Some(German), deutsch, Err((Code::LanguageNotSpoken, "speaks en, not de"))),
            (Some("kokoro"), None, text, Ok(("kokoro/af_heart", English))),
            (Some("kokoro"), None, deutsch, Ok(("kokoro/ef_dora", German))),
            (Some("kokoro/am_onyx"), None, text, Ok(("kokoro/am_onyx", English))),
            (Some("kokoro/am_onyx"), Some(German), text, Err((Code::LanguageNotSpoken, "kokoro/am_onyx speaks en"))),
            (Some("nobody"), None, text, Err((Code::UnknownVoice, "\"nobody\""))),
            (Some(""), None, text, Err((Code::UnknownVoice, "GET /api/voices"))),
        ];
        for (voice, language, text, expected) in cases {
            let shelf = shelf(true);
            let chosen = shelf.choose(voice, language, text);
            match (chosen, expected) {
                (Ok((voice, language)), Ok(expected)) => assert_eq!((voice.id.as_str(), language), expected),
                (Err(problem), Err((code, words))) => {
                    assert!(problem.code == code && problem.detail.contains(words), "{problem}");
                }
                (chosen, expected) => panic!("{voice:?} {language:?} {text}: {chosen:?}, not {expected:?}"),
            }
        }
        let missing = shelf(false).choose(Some("kokoro"), None, text).expect_err("it is not there");
        assert_eq!(missing.code, Code::VoiceNotInstalled);
        assert!(missing.detail.ends_with("is not installed; run `visage models fetch kokoro`."), "{missing}");
        let nobody = Shelf(vec![voice("a", "a", &[English], false), voice("b", "b", &[German], false)]);
        assert_eq!(nobody.choose(None, None, deutsch).expect_err("nobody is there").code, Code::VoiceNotInstalled);
        assert_eq!(Shelf(Vec::new()).choose(None, None, text).expect_err("nobody").code, Code::UnknownVoice);
    }
}
