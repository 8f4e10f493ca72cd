//! `/api/voices/clone`: a recording becomes a voice, which takes minutes, so that whoever asks gets a job to look at. And
//! `DELETE /api/voices/{id}`, by which such a voice goes.

use std::ops::RangeInclusive;

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Json, Response},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use visage_library::MAX_SOUND_BYTES;
use visage_schedule::{CloneJob, CloneOrder, CloneRefusal, CloneState, CloningDoor};

use crate::{
    orders,
    problem::{Code, Problem},
    routes::Context,
};

use super::{
    body::{self, Form, sentence, shown},
    picture,
    recording::samples,
    refusal::{BuiltIn, Finished, Malformed, NoJob, NoVoice, TooLarge, Unready, Unusable, WrongType},
    voices,
};

/// Longest form, bytes: a recording and some words.
const MAX_FORM_BYTES: usize = MAX_SOUND_BYTES + 64 * 1024;
/// Longest recording that is decoded, seconds: two minutes, beyond which nobody gives more than a fitting needs.
const LONGEST: u32 = 120;
/// How many styles may be tried, and how many are if nothing is said (docs/avatar/cloning.md).
const TRIES: RangeInclusive<u32> = 1..=100;
const USUAL_TRIES: u32 = 30;

/// A voice that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is the description; the form is read field by field")]
pub(crate) struct CloneForm {
    /// WAV, FLAC, Ogg Vorbis or MP3: 10 to 30 seconds of one person in a quiet room. It is not kept.
    #[schema(value_type = String, format = Binary)]
    recording: Vec<u8>,
    /// What people are to call the voice.
    #[schema(min_length = 1, max_length = 80, example = "Anna")]
    name: String,
    /// What it is to speak.
    #[schema(value_type = visage_core::Language)]
    language: String,
    /// The words by which the owner of the voice allows it to be cloned. They are kept with the voice.
    #[schema(min_length = 10, max_length = 2_000, example = "I allow that my voice is cloned.")]
    permission: String,
    /// Who said them.
    #[schema(min_length = 1, max_length = 80, example = "Anna")]
    by: String,
    /// Whether noise is to be taken out of the recording first.
    #[schema(default = false, value_type = bool, required = false)]
    denoise: Option<bool>,
    /// How many styles are tried. More take longer and come a little nearer.
    #[schema(minimum = 1, maximum = 100, default = 30, value_type = u32, required = false)]
    tries: Option<u32>,
}

/// How far a voice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CloneState)]
pub(crate) enum Stage {
    /// Others come before it.
    Waiting,
    /// It is being fitted.
    Fitting,
    /// It can speak.
    Done,
    /// It came to nothing.
    Failed,
    /// It was called off.
    CalledOff,
}

/// A voice that is being made, or was.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = CloneJob)]
pub(crate) struct JobBody {
    /// Behind `/api/voices/clone/`.
    #[schema(pattern = "^[0-9a-f]{12}-[0-9]+$", example = "5f0c2a91b3de-1")]
    id: String,
    /// What people are to call the voice.
    name: String,
    /// How far it is.
    state: Stage,
    /// The share of the work that is done, 0 to 1.
    #[schema(minimum = 0.0, maximum = 1.0)]
    progress: f32,
    /// Its id among the voices; null until it is done.
    #[schema(example = "clone/anna")]
    voice: Option<String>,
    /// Similarity to the recording of the most similar voice that the engine has by itself, with sentences that were not fitted,
    /// -1 to 1; null until it is done.
    #[schema(minimum = -1.0, maximum = 1.0)]
    similarity_before: Option<f32>,
    /// And of the clone.
    #[schema(minimum = -1.0, maximum = 1.0)]
    similarity_after: Option<f32>,
    /// Why it came to nothing; null if it did not.
    reason: Option<String>,
}

impl From<CloneJob> for JobBody {
    fn from(CloneJob { id, name, state }: CloneJob) -> Self {
        let waiting = Self {
            id,
            name,
            state: Stage::Waiting,
            progress: 0.0,
            voice: None,
            similarity_before: None,
            similarity_after: None,
            reason: None,
        };
        match state {
            CloneState::Waiting => waiting,
            CloneState::Fitting { progress } => Self { state: Stage::Fitting, progress, ..waiting },
            CloneState::Done { voice, similarity_before, similarity_after } => Self {
                state: Stage::Done,
                progress: 1.0,
                voice: Some(voice),
                similarity_before: Some(similarity_before),
                similarity_after: Some(similarity_after),
                ..waiting
            },
            CloneState::Failed { reason } => Self { state: Stage::Failed, reason: Some(sentence(&reason)), ..waiting },
            CloneState::CalledOff => Self { state: Stage::CalledOff, ..waiting },
        }
    }
}

/// How the id of a job stands in the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it is the description of a parameter")]
pub(crate) struct Which {
    /// Which: the id of a job.
    #[param(pattern = "^[0-9a-f]{12}-[0-9]+$", example = "5f0c2a91b3de-1")]
    job: String,
}

/// How the id of a cloned voice stands in the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it is the description of a parameter")]
pub(crate) struct Whose {
    /// Whose: the id of a cloned voice, its slash written as `%2F`, or what is behind the slash.
    #[param(pattern = "^(clone/)?[a-z0-9][a-z0-9-]{0,62}$", example = "clone/anna")]
    id: String,
}

/// Clone a voice
///
/// The style of Kokoro that comes nearest to a recording becomes a voice, in some minutes. The recording and the statement of
/// permission are checked at once; the rest is a job that `GET /api/voices/clone/{job}` looks at. One is done after the
/// other.
#[utoipa::path(post, path = "/api/voices/clone", operation_id = "clone_voice", tag = "Speech",
    request_body(content = CloneForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, body = JobBody, description = "The recording is good, and its turn comes", headers(
            ("Location" = String, description = "The address of the job")),
            links(
                ("look" = (operation_id = "get_clone", parameters(("job" = "$response.body#/id")))),
                ("call_off" = (operation_id = "call_off_clone", parameters(("job" = "$response.body#/id")))))),
        Malformed, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn begin(State(context): State<Context>, request: Request) -> Result<Response, Problem> {
    let door = door(&context)?.clone();
    let _place = picture::upload(&context)?;
    if body::declared(request.headers()) != "multipart/form-data" {
        let detail = "Send a form (multipart/form-data) with the fields recording, name, language, permission and by.";
        return Err(Problem::new(Code::WrongContentType, detail));
    }
    let fields = ["recording", "name", "language", "permission", "by", "denoise", "tries"];
    let mut form = Form::read(request, &fields, MAX_FORM_BYTES).await?;
    let recording = form.need("recording")?;
    let order = order(&mut form)?;
    let job = off_the_network(move || {
        let order = with_sound(order, recording)?;
        door.0.begin(order).map_err(Problem::from)
    })
    .await?;
    let location = [(header::LOCATION, format!("/api/voices/clone/{}", job.id))];
    Ok((StatusCode::ACCEPTED, location, Json(JobBody::from(job))).into_response())
}

/// What the form asks for, still without the recording.
fn order(form: &mut Form) -> Result<CloneOrder, Problem> {
    let tries = form.word("tries")?.unwrap_or(USUAL_TRIES);
    if !TRIES.contains(&tries) {
        let detail = format!("{tries} styles are to be tried; it goes from {} to {}.", TRIES.start(), TRIES.end());
        return Err(Problem::new(Code::SettingOutOfRange, detail));
    }
    Ok(CloneOrder {
        samples: Vec::new(),
        rate: 0,
        name: form.text("name")?,
        language: orders::language(&form.text("language")?)?,
        permission: form.text("permission")?,
        by: form.text("by")?,
        denoise: form.word("denoise")?.unwrap_or(false),
        tries: tries as usize,
    })
}

fn with_sound(order: CloneOrder, recording: Bytes) -> Result<CloneOrder, Problem> {
    let sound = samples(recording, LONGEST)?;
    Ok(CloneOrder { samples: sound.samples, rate: sound.rate, ..order })
}

/// Look at a voice that is being made
///
/// Jobs that have ended are remembered for a while, and not beyond the end of the program.
#[utoipa::path(get, path = "/api/voices/clone/{job}", operation_id = "get_clone", tag = "Speech", params(Which), responses(
    (status = 200, body = JobBody, description = "How far it is"), NoJob, Unready))]
pub(crate) async fn look(
    State(context): State<Context>,
    job: Result<Path<String>, PathRejection>,
) -> Result<Json<JobBody>, Problem> {
    let id = named(job);
    let job = door(&context)?.0.look(&id).ok_or_else(|| no_job(&id))?;
    Ok(Json(job.into()))
}

/// Call off a voice that is being made
///
/// Nothing is left of it. One that is done already is a voice, and goes by `DELETE /api/voices/{id}`.
#[utoipa::path(delete, path = "/api/voices/clone/{job}", operation_id = "call_off_clone", tag = "Speech", params(Which),
    responses((status = 204, description = "It will not be made"), NoJob, Finished, Unready))]
pub(crate) async fn call_off(
    State(context): State<Context>,
    job: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = named(job);
    let job = door(&context)?.0.call_off(&id).ok_or_else(|| no_job(&id))?;
    match job.state {
        CloneState::CalledOff | CloneState::Failed { .. } => Ok(StatusCode::NO_CONTENT),
        CloneState::Waiting | CloneState::Fitting { .. } | CloneState::Done { .. } => {
            let detail = "The voice is there already; DELETE /api/voices/{id} deletes it.";
            Err(Problem::new(Code::JobFinished, detail))
        }
    }
}

/// Delete a cloned voice
///
/// Whoever has given the permission can take it back at any time, so this is done also if characters speak with the voice:
/// another one then speaks for them, and a notice says so.
#[utoipa::path(delete, path = "/api/voices/{id}", operation_id = "delete_voice", tag = "Speech", params(Whose),
    responses((status = 204, description = "It is gone"), NoVoice, BuiltIn, Unready))]
pub(crate) async fn delete(
    State(context): State<Context>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let door = door(&context)?.clone();
    let id = named(id);
    let known = voices::look(voices::door(&context)?).await?;
    if known.iter().any(|voice| voice.id == id && voice.cloned.is_none()) {
        let detail = format!("The voice \"{}\" came with its engine; only cloned voices can be deleted.", shown(&id));
        return Err(Problem::new(Code::VoiceBuiltIn, detail));
    }
    off_the_network(move || door.0.delete(&id).map_err(Problem::from)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where recordings are handed in.
fn door(context: &Context) -> Result<&CloningDoor, Problem> {
    let door = context.cloning.as_ref();
    door.ok_or_else(|| Problem::new(Code::Unavailable, "This program runs without a voice."))
}

/// The last part of the address. What is no text is the id of nothing.
fn named(part: Result<Path<String>, PathRejection>) -> String {
    part.map_or_else(|_| "\u{fffd}".to_owned(), |Path(id)| id)
}

fn no_job(id: &str) -> Problem {
    let detail = format!("There is no job \"{}\", or it ended so long ago that it is forgotten.", shown(id));
    Problem::new(Code::UnknownJob, detail)
}

/// Work that takes a second, or waits for the disk.
async fn off_the_network<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| {
        Problem::new(Code::Unavailable, "The voice could not be looked at because of a fault; try again.")
    })?
}

impl From<CloneRefusal> for Problem {
    fn from(refusal: CloneRefusal) -> Self {
        let code = match &refusal {
            CloneRefusal::Permission(_) => Code::PermissionMissing,
            CloneRefusal::Name(_) => Code::MalformedForm,
            CloneRefusal::Recording(_) => Code::UnusableSound,
            CloneRefusal::NotInstalled(_) => Code::VoiceNotInstalled,
            CloneRefusal::Busy => Code::Busy,
            CloneRefusal::Unknown(_) => Code::NoSuchVoice,
            CloneRefusal::Unavailable(_) => Code::Unavailable,
        };
        Self::new(code, sentence(&refusal.to_string()))
    }
}
