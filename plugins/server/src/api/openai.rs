//! `POST /v1/audio/speech`: the same as `/api/tts/synthesize` for programs that were written for OpenAI's API. Requests and
//! refusals have its form (platform.openai.com, "Create speech").

use std::{collections::BTreeMap, ops::RangeInclusive};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Json, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder},
};
use visage_core::{Emotion, Language, folded};
use visage_schedule::{VoiceInfo, VoiceSettings, choose_voice, language_in, languages, voices_named};
use visage_stream::SoundFormat;

use crate::{
    orders,
    problem::{Code, Problem},
    routes::Context,
};

use super::{
    body::{self, shown},
    speech::{self, Order, Sound},
    synthesize::MAX_BYTES,
    voices,
};

/// Samples a second of what is sent as WAV and PCM, as OpenAI's API has it.
const RATE: u32 = 24_000;
/// What the speed may be. Engines bring it into what they can do.
const SPEEDS: RangeInclusive<f64> = 0.25..=4.0;
/// Models of theirs begin so. None of them says who is to speak.
const FOREIGN_MODELS: [&str; 2] = ["tts-", "gpt-"];

/// A voice of OpenAI's API, and who speaks for it where Kokoro is installed. Elsewhere the first voice of the language does.
struct Name {
    name: &'static str,
    english: &'static str,
    german: &'static str,
}

const fn female(name: &'static str, english: &'static str) -> Name {
    Name { name, english, german: "kokoro/ef_dora" }
}

const fn male(name: &'static str, english: &'static str) -> Name {
    Name { name, english, german: "kokoro/em_alex" }
}

const NAMES: [Name; 13] = [
    female("alloy", "kokoro/af_alloy"),
    male("ash", "kokoro/am_michael"),
    male("ballad", "kokoro/bm_george"),
    male("cedar", "kokoro/am_puck"),
    female("coral", "kokoro/af_bella"),
    male("echo", "kokoro/am_echo"),
    male("fable", "kokoro/bm_fable"),
    female("marin", "kokoro/af_heart"),
    female("nova", "kokoro/af_nova"),
    male("onyx", "kokoro/am_onyx"),
    female("sage", "kokoro/af_sarah"),
    female("shimmer", "kokoro/af_sky"),
    male("verse", "kokoro/am_fenrir"),
];

/// Words of instructions that name an emotion.
const MOODS: [(Emotion, &[&str]); 5] = [
    (Emotion::Happy, &["happy", "cheerful", "joyful", "excited", "enthusiastic", "froehlich", "gluecklich"]),
    (Emotion::Sad, &["sad", "sorrowful", "melancholic", "mournful", "traurig"]),
    (Emotion::Angry, &["angry", "furious", "annoyed", "wuetend", "zornig"]),
    (Emotion::Surprised, &["surprised", "amazed", "astonished", "ueberrascht"]),
    (Emotion::Thoughtful, &["thoughtful", "pensive", "contemplative", "nachdenklich"]),
];

/// A text, and who is to speak it how. Members that are not listed are ignored.
#[derive(ToSchema)]
#[schema(as = OpenAiSpeech)]
#[allow(dead_code, reason = "it is the description; the body is read member by member")]
pub(crate) struct SpeechBody {
    /// "tts-1", "gpt-4o-mini-tts" and the like: the voice decides. Or an engine, or the id of a voice of `GET /api/voices`.
    #[schema(example = "tts-1")]
    model: String,
    /// What to say; may hold mark-up.
    #[schema(min_length = 1, max_length = 5_000, pattern = r"[^\s\x00-\x1f\x7f]")]
    input: String,
    /// A name of OpenAI's ("alloy", "nova", …), or the id of a voice of `GET /api/voices`; as it is, or as `{"id": …}`.
    #[schema(value_type = String, example = "alloy")]
    voice: String,
    /// "wav" (also if it is left out), "opus" or "pcm".
    #[schema(value_type = Option<String>, pattern = "^(wav|opus|pcm)$")]
    response_format: Option<String>,
    /// Speed as a factor.
    #[schema(minimum = 0.25, maximum = 4.0, default = 1.0)]
    speed: Option<f64>,
    /// How to say it: an emotion is understood ("cheerful", "sad", …), the rest is ignored.
    #[schema(value_type = Option<String>)]
    instructions: Option<String>,
    /// "audio" alone.
    #[schema(value_type = Option<String>, pattern = "^audio$")]
    stream_format: Option<String>,
}

/// A refusal in the form of OpenAI's API.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OpenAiError)]
pub(crate) struct ErrorBody {
    #[schema(inline)]
    error: ErrorWords,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ErrorWords {
    /// For people: what is wrong and what to do.
    message: String,
    /// "invalid_request_error" or "server_error".
    r#type: &'static str,
    /// The member that is wrong.
    param: Option<&'static str>,
    /// For programs.
    #[schema(value_type = String)]
    code: Value,
}

/// Why nothing is spoken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// Whether it may go well in a second.
    busy: bool,
    param: Option<&'static str>,
    code: Value,
    message: String,
}

impl Refusal {
    fn wrong(param: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        let param = Some(param);
        Self { status: StatusCode::BAD_REQUEST, busy: false, param, code: code.into(), message: message.into() }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = match problem.code.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        let param = match problem.code {
            Code::TextEmpty | Code::TextTooLong => Some("input"),
            Code::UnknownVoice | Code::VoiceNotInstalled => Some("voice"),
            _ => None,
        };
        let code = serde_json::to_value(problem.code).unwrap_or_default();
        Self { status, busy: problem.code == Code::Busy, param, code, message: problem.detail }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let r#type = if self.status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let error = ErrorWords { message: self.message, r#type, param: self.param, code: self.code };
        let mut response = (self.status, Json(ErrorBody { error })).into_response();
        if self.busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl IntoResponses for Refusal {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let refusal = |words: &str| {
            let content = |name| ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build();
            let response =
                ResponseBuilder::new().description(words).content("application/json", content("OpenAiError"));
            // What is refused before the endpoint is asked has the form that it has everywhere.
            RefOr::T(response.content("application/problem+json", content("Problem")).build())
        };
        let cases = [
            ("400", "The request cannot be read, or what it says cannot be done; `message` says why."),
            ("404", "There is no such model."),
            ("413", "The body is longer than this endpoint takes."),
            ("415", "The body is not declared as JSON."),
            ("503", "Too much is being spoken already (try again after Retry-After), or nobody can speak."),
        ];
        cases.into_iter().map(|(status, words)| (status.to_owned(), refusal(words))).collect()
    }
}

/// Speak a text, as OpenAI's API does
///
/// For programs that were written for it: its clients work with the address of this server and `/v1`.
#[utoipa::path(post, path = "/v1/audio/speech", operation_id = "openai_speech", tag = "Speech",
    request_body = SpeechBody, responses(Sound, Refusal))]
pub(crate) async fn speech(State(context): State<Context>, request: Request) -> Result<Response, Refusal> {
    let asked = Asked::read(&body::json(request, MAX_BYTES).await?)?;
    let door = voices::door(&context)?;
    let order = asked.order(&voices::look(door).await?)?;
    Ok(speech::speak(door, order).await?)
}

/// What is asked for, checked as far as that goes without knowing the voices.
#[derive(Debug)]
struct Asked {
    model: String,
    text: String,
    voice: String,
    format: SoundFormat,
    speed: f32,
    emotion: Option<Emotion>,
}

impl Asked {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let members: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
            let detail = format!("The body is not a JSON object: {error}.");
            Refusal::from(Problem::new(Code::MalformedBody, detail))
        })?;
        let model = need(&members, "model")?;
        let text = orders::text(need(&members, "input")?)?;
        let voice = match members.get("voice") {
            Some(Value::Object(voice)) => string("voice", voice.get("id"))?,
            voice => string("voice", voice)?,
        };
        let voice = voice.ok_or_else(|| missing("voice"))?;
        let format = match string("response_format", members.get("response_format"))? {
            None | Some("wav") => SoundFormat::Wav { rate: RATE },
            Some("pcm") => SoundFormat::Pcm { rate: RATE },
            Some("opus") => SoundFormat::Opus,
            Some(other) => {
                let words =
                    format!("\"{}\" is not offered as response_format; ask for wav, opus or pcm.", shown(other));
                return Err(Refusal::wrong("response_format", "unsupported_format", words));
            }
        };
        let speed = match members.get("speed") {
            None | Some(Value::Null) => 1.0,
            Some(speed) => speed.as_f64().filter(|speed| SPEEDS.contains(speed)).ok_or_else(|| {
                let words = format!("speed is {speed}; it is a number from {} to {}.", SPEEDS.start(), SPEEDS.end());
                Refusal::wrong("speed", "setting_out_of_range", words)
            })?,
        };
        match string("stream_format", members.get("stream_format"))? {
            None | Some("audio") => {}
            Some(_) => {
                let words = "Only \"audio\" is offered as stream_format: the sound comes while it is being made.";
                return Err(Refusal::wrong("stream_format", "unsupported_format", words));
            }
        }
        let emotion = string("instructions", members.get("instructions"))?.and_then(|instructions| {
            let emotion = mood(instructions);
            tracing::debug!("of the instructions only an emotion counts: {emotion:?}");
            emotion
        });
        Ok(Self { model: model.to_owned(), text, voice: voice.to_owned(), format, speed: speed as f32, emotion })
    }

    fn order(self, voices: &[VoiceInfo]) -> Result<Order, Refusal> {
        let (model, language) = self.speaker(voices)?;
        let voice = VoiceSettings { model, reference: None, speed: self.speed, pitch: 1.0, volume: 1.0 };
        Ok(Order { text: self.text, language, emotion: self.emotion, voice, format: self.format })
    }

    /// Who speaks, in which language: the model says among which voices, the voice which one.
    fn speaker(&self, voices: &[VoiceInfo]) -> Result<(String, Language), Refusal> {
        let is_foreign = FOREIGN_MODELS.iter().any(|begin| self.model.starts_with(begin));
        let model = (!is_foreign).then_some(self.model.as_str());
        let family = voices_named(voices, model);
        if family.is_empty() && model.is_some() {
            let message = format!(
                "The model `{}` does not exist. tts-1 and the like mean what the voice means; engines and voices are listed \
                 by GET /api/voices.",
                shown(&self.model)
            );
            let refusal = Refusal::wrong("model", "model_not_found", message);
            return Err(Refusal { status: StatusCode::NOT_FOUND, ..refusal });
        }
        let choose = |voice: Option<&str>, language: Option<Language>| {
            let (voice, language) = choose_voice(voices, voice, language, &self.text).map_err(Problem::from)?;
            Ok((voice.id.clone(), language))
        };
        if let Some(name) = NAMES.iter().find(|name| name.name == self.voice) {
            let language = language_in(&self.text, &languages(&family));
            let meant = match language {
                Language::English => name.english,
                Language::German => name.german,
            };
            let is_there = family.iter().any(|voice| voice.id == meant && voice.installed);
            return choose(if is_there { Some(meant) } else { model }, Some(language));
        }
        // "bf_emma" of the model "kokoro" is "kokoro/bf_emma".
        let whole = model.map_or_else(|| self.voice.clone(), |model| format!("{model}/{}", self.voice));
        let own = [self.voice.as_str(), &whole].into_iter().find(|id| !voices_named(voices, Some(id)).is_empty());
        match own {
            None => {
                let names: Vec<_> = NAMES.iter().map(|name| name.name).collect();
                let message = format!(
                    "There is no voice \"{}\"; there are {}, and those that GET /api/voices lists.",
                    shown(&self.voice),
                    names.join(", ")
                );
                Err(Refusal::wrong("voice", "unknown_voice", message))
            }
            Some(own) if voices_named(voices, Some(own)).iter().all(|voice| !family.contains(voice)) => {
                let message = format!("The model {} does not have the voice {}.", shown(&self.model), shown(own));
                Err(Refusal::wrong("voice", "unknown_voice", message))
            }
            Some(own) => choose(Some(own), None),
        }
    }
}

/// A member that is a string, if it is there.
fn string<'a>(name: &'static str, value: Option<&'a Value>) -> Result<Option<&'a str>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::wrong(name, "malformed_body", format!("{name} must be a string."))),
    }
}

/// A member that must be there.
fn need<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, Refusal> {
    string(name, members.get(name))?.ok_or_else(|| missing(name))
}

fn missing(name: &'static str) -> Refusal {
    Refusal::wrong(name, "malformed_body", format!("{name} is missing."))
}

/// The emotion that instructions name first.
fn mood(instructions: &str) -> Option<Emotion> {
    let words = folded(instructions);
    let of_word = |word: &str| MOODS.iter().find(|(_, names)| names.contains(&word)).map(|(emotion, _)| *emotion);
    words.split_whitespace().find_map(of_word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use visage_testkit::voices_of_a_machine;

    use super::*;

    const ENGLISH: &str = "Hello, how are you?";
    const GERMAN: &str = "Hallo, wie geht es dir?";

    fn asked(body: &Value) -> Result<Asked, Refusal> {
        Asked::read(body.to_string().as_bytes())
    }

    #[test]
    fn a_request_is_read_as_clients_send_it() {
        let plain = asked(&json!({"model": "tts-1", "input": "Hi.", "voice": "alloy"})).expect("it is one");
        assert_eq!((plain.format, plain.speed, plain.emotion), (SoundFormat::Wav { rate: 24_000 }, 1.0, None));
        let full = json!({"model": "gpt-4o-mini-tts", "input": "Hi.", "voice": {"id": "nova"}, "speed": 4,
            "response_format": "pcm", "stream_format": "audio", "user": "ignored",
            "instructions": "Speak in a cheerful and positive tone."});
        let full = asked(&full).expect("it is one");
        assert_eq!((full.voice.as_str(), full.speed), ("nova", 4.0));
        assert_eq!((full.format, full.emotion), (SoundFormat::Pcm { rate: 24_000 }, Some(Emotion::Happy)));
    }

    #[test]
    fn bad_requests_are_refused_with_the_member_that_is_wrong() {
        for (member, value, param, code, words) in [
            ("model", json!(null), "model", "malformed_body", "model is missing"),
            ("input", json!(5), "input", "malformed_body", "must be a string"),
            ("input", json!(""), "input", "text_empty", "nothing to say"),
            ("input", json!("a".repeat(5_001)), "input", "text_too_long", "5001"),
            ("voice", json!(null), "voice", "malformed_body", "voice is missing"),
            ("voice", json!({"name": "x"}), "voice", "malformed_body", "voice is missing"),
            ("voice", json!(["alloy"]), "voice", "malformed_body", "must be a string"),
            ("response_format", json!("mp3"), "response_format", "unsupported_format", "wav, opus or pcm"),
            ("response_format", json!("aac"), "response_format", "unsupported_format", "\"aac\""),
            ("response_format", json!("flac"), "response_format", "unsupported_format", "\"flac\""),
            ("speed", json!(0.2), "speed", "setting_out_of_range", "from 0.25 to 4"),
            ("speed", json!("fast"), "speed", "setting_out_of_range", "\"fast\""),
            ("stream_format", json!("sse"), "stream_format", "unsupported_format", "audio"),
            ("instructions", json!({}), "instructions", "malformed_body", "must be a string"),
        ] {
            let mut body = json!({"model": "tts-1", "input": "Hi.", "voice": "alloy"});
            body[member] = value;
            let refusal = asked(&body).expect_err(words);
            let found = (refusal.status.as_u16(), refusal.param, refusal.code.as_str());
            assert_eq!(found, (400, Some(param), Some(code)), "{refusal:?}");
            assert!(refusal.message.contains(words), "{refusal:?}");
        }
        for body in ["", "[]", "{\"model\"", "null"] {
            let refusal = Asked::read(body.as_bytes()).expect_err(body);
            assert_eq!((refusal.status.as_u16(), refusal.code), (400, json!("malformed_body")));
        }
    }

    #[test]
    fn model_and_voice_say_who_speaks() {
        use Language::{English, German};
        #[rustfmt::skip]
        let cases = [
            ("tts-1", "onyx", ENGLISH, true, Ok(("kokoro/am_onyx", English))),
            ("tts-1", "onyx", ENGLISH, false, Ok(("piper-en-joe", English))),
            // The machine of this test has no kokoro/af_nova.
            ("gpt-4o-mini-tts", "nova", ENGLISH, true, Ok(("piper-en-joe", English))),
            ("tts-1-hd", "nova", GERMAN, true, Ok(("kokoro/ef_dora", German))),
            ("tts-1-hd", "nova", GERMAN, false, Ok(("espeak-ng", German))),
            ("tts-1", "espeak-ng", GERMAN, true, Ok(("espeak-ng", German))),
            ("tts-1", "kokoro", ENGLISH, true, Ok(("kokoro/af_heart", English))),
            ("kokoro", "alloy", ENGLISH, true, Ok(("kokoro/af_heart", English))),
            ("kokoro", "am_onyx", GERMAN, true, Ok(("kokoro/am_onyx", English))),
            ("kokoro", "kokoro/ef_dora", ENGLISH, true, Ok(("kokoro/ef_dora", German))),
            ("piper-en-joe", "alloy", GERMAN, true, Ok(("piper-en-joe", English))),
            ("piper", "alloy", ENGLISH, true, Ok(("piper-en-joe", English))),
            ("espeak-ng", "shimmer", GERMAN, true, Ok(("espeak-ng", German))),
            ("kokoro", "alloy", ENGLISH, false, Err((400, "voice_not_installed"))),
            ("kokoro", "piper-en-joe", ENGLISH, true, Err((400, "unknown_voice"))),
            ("tts-1", "nobody", ENGLISH, true, Err((400, "unknown_voice"))),
            ("kokoro", "nobody", ENGLISH, true, Err((400, "unknown_voice"))),
            ("whisper-1", "alloy", ENGLISH, true, Err((404, "model_not_found"))),
            ("", "alloy", ENGLISH, true, Err((404, "model_not_found"))),
        ];
        for (model, voice, input, kokoro, expected) in cases {
            let asked = asked(&json!({"model": model, "input": input, "voice": voice})).expect("it is one");
            let order = asked.order(&voices_of_a_machine(kokoro));
            let found = order.as_ref().map(|order| (order.voice.model.as_str(), order.language));
            let found = found.map_err(|refusal| (refusal.status.as_u16(), refusal.code.as_str().unwrap_or_default()));
            assert_eq!(found, expected, "{model} {voice} {input}");
        }
    }

    #[test]
    fn names_are_of_voices_that_there_are() {
        for (index, name) in NAMES.iter().enumerate() {
            assert!(NAMES[..index].iter().all(|other| other.name < name.name && other.english != name.english));
            assert!(name.english.starts_with("kokoro/") && name.german.starts_with("kokoro/"));
        }
    }

    #[test]
    fn instructions_may_name_an_emotion() {
        for (instructions, expected) in [
            ("Speak in a sad, slow voice.", Some(Emotion::Sad)),
            ("You are ANGRY, then happy", Some(Emotion::Angry)),
            ("Sprich fröhlich!", Some(Emotion::Happy)),
            ("Sound like a pirate.", None),
            ("", None),
        ] {
            assert_eq!(mood(instructions), expected, "{instructions}");
        }
    }
}
