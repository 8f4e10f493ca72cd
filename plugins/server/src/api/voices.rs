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
