//! `/api/voices`: who can speak.

use axum::{extract::State, response::Json};
use visage_schedule::{ChoiceError, SpeechDoor, VoiceInfo};

use crate::{
    problem::{Code, Problem},
    routes::Context,
};

use super::{
    body::{sentence, shown},
    refusal::Unready,
};

/// List the voices
///
/// Those that can speak on this machine and those that could; the ones that speak where none is named come first.
#[utoipa::path(get, path = "/api/voices", operation_id = "list_voices", tag = "Speech", responses(
    (status = 200, body = Vec<VoiceInfo>, description = "They"), Unready))]
pub(crate) async fn list(State(context): State<Context>) -> Result<Json<Vec<VoiceInfo>>, Problem> {
    Ok(Json(look(door(&context)?).await?))
}

/// Where texts are handed in.
pub(crate) fn door(context: &Context) -> Result<&SpeechDoor, Problem> {
    let door = context.speech.as_ref();
    door.ok_or_else(|| Problem::new(Code::Unavailable, "This program runs without a voice."))
}

/// The voices as they are now.
pub(crate) async fn look(door: &SpeechDoor) -> Result<Vec<VoiceInfo>, Problem> {
    let list = door.voices.clone();
    // It looks at the disk.
    let voices = tokio::task::spawn_blocking(move || list()).await;
    voices.map_err(|_| Problem::new(Code::Unavailable, "The voices could not be looked at."))
}

impl From<ChoiceError> for Problem {
    fn from(error: ChoiceError) -> Self {
        let code = match &error {
            ChoiceError::Unknown(name) => {
                let detail = format!("There is no voice \"{}\"; GET /api/voices lists them.", shown(name));
                return Self::new(Code::UnknownVoice, detail);
            }
            ChoiceError::NotSpoken { .. } => Code::LanguageNotSpoken,
            ChoiceError::NotInstalled { .. } | ChoiceError::NotAlone { .. } => Code::VoiceNotInstalled,
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use visage_core::Language::{self, English, German};

    use super::*;

    /// What a machine has with the default models, and with Kokoro or without.
    pub(crate) fn shelf(kokoro: bool) -> Vec<VoiceInfo> {
        let voice = |id: &str, engine: &'static str, languages: &[Language], installed: bool| VoiceInfo {
            id: id.to_owned(),
            engine,
            name: id.to_owned(),
            languages: languages.to_vec(),
            description: "a voice".to_owned(),
            licence: "MIT".to_owned(),
            installed,
            advice: (!installed).then(|| format!("run `visage models fetch {engine}`")),
        };
        vec![
            voice("piper-en-joe", "piper", &[English], true),
            voice("espeak-ng", "espeak-ng", &[English, German], true),
            voice("kokoro/af_heart", "kokoro", &[English], kokoro),
            voice("kokoro/ef_dora", "kokoro", &[German], kokoro),
            voice("kokoro/am_onyx", "kokoro", &[English], kokoro),
        ]
    }
}
