//! What a client gets when something is wrong: problem details (RFC 9457) as `application/problem+json`, with a `detail`
//! for people and a `code` for programs.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong, for programs. In JSON in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body is not JSON, or not the JSON that the endpoint takes.
    MalformedBody,
    /// The body is longer than the endpoint takes.
    BodyTooLarge,
    /// The body is not declared as a media type that the endpoint takes.
    WrongContentType,
    /// The text is empty.
    TextEmpty,
    /// The text has too many characters.
    TextTooLong,
    /// There is no such emotion.
    UnknownEmotion,
    /// There is no such language.
    UnknownLanguage,
    /// There is no such character.
    UnknownCharacter,
    /// There is no such voice.
    UnknownVoice,
    /// The voice is known, but something that it needs is not on this machine.
    VoiceNotInstalled,
    /// The voice does not speak the language.
    LanguageNotSpoken,
    /// Speed, pitch, volume or rate is not one that can be had.
    SettingOutOfRange,
    /// The strength is not in 0..=1.
    StrengthOutOfRange,
    /// Too many orders wait, or too many viewers are connected.
    Busy,
    /// The part that is asked for does not run.
    Unavailable,
    /// There is nothing at this path.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The request comes from a page of another site.
    ForeignOrigin,
    /// The request is addressed to a host name that this server does not answer to.
    UnknownHost,
    /// The path takes a WebSocket only.
    WebSocketExpected,
    /// Only who has the access token may ask for this, and the request brings none.
    TokenRequired,
    /// The access token, or the session made with one, is not valid.
    TokenWrong,
    /// Wrong access tokens came from this address again and again.
    TooManyAttempts,
    /// This address asks more often than is served.
    TooManyRequests,
    /// The body came too slowly.
    RequestTooSlow,
    /// The server speaks TLS, and the request came without.
    TlsRequired,
    /// The query cannot be read.
    MalformedQuery,
    /// The form lacks a field, or has one that is wrong.
    MalformedForm,
    /// The body ended too early.
    BodyCutOff,
    /// The size is not one that can be drawn.
    SizeOutOfRange,
    /// A weight or a movement is not in its range.
    PoseOutOfRange,
    /// The body is not a character; `detail` says which field is wrong.
    InvalidCharacter,
    /// The id cannot be one.
    InvalidId,
    /// The id is taken.
    CharacterExists,
    /// The default character cannot be deleted.
    CharacterProtected,
    /// What is stored is not a character; it can be replaced or deleted.
    CharacterBroken,
    /// The character was changed in the meantime.
    CharacterChanged,
    /// The character has no such part.
    NoSuchPart,
    /// The header If-Match is missing.
    ConditionMissing,
    /// The file is not of a kind that is taken, whatever its name says.
    WrongFileType,
    /// The picture cannot become a portrait: no face, damaged, …
    UnusablePortrait,
    /// The recording cannot become a voice reference: silent, too short, cut off, …
    UnusableSound,
    /// Nobody has said that the voice may be cloned.
    PermissionMissing,
    /// There is no such cloned voice.
    NoSuchVoice,
    /// There is no such job.
    UnknownJob,
    /// The voice came with its engine and cannot be deleted.
    VoiceBuiltIn,
    /// What is to be called off is done.
    JobFinished,
    /// The archive cannot be taken in.
    UnusableArchive,
    /// The store of characters cannot be read or written.
    StoreUnavailable,
}

impl Code {
    /// The HTTP status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedBody | Self::MalformedQuery | Self::BodyCutOff => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongContentType | Self::WrongFileType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TextEmpty
            | Self::TextTooLong
            | Self::UnknownEmotion
            | Self::UnknownLanguage
            | Self::UnknownVoice
            | Self::VoiceNotInstalled
            | Self::LanguageNotSpoken
            | Self::SettingOutOfRange
            | Self::StrengthOutOfRange
            | Self::MalformedForm
            | Self::SizeOutOfRange
            | Self::PoseOutOfRange
            | Self::InvalidCharacter
            | Self::InvalidId
            | Self::UnusablePortrait
            | Self::UnusableSound
            | Self::PermissionMissing
            | Self::UnusableArchive => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::Unavailable | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound | Self::UnknownCharacter | Self::NoSuchPart | Self::NoSuchVoice | Self::UnknownJob => {
                StatusCode::NOT_FOUND
            }
            Self::CharacterExists
            | Self::CharacterProtected
            | Self::CharacterBroken
            | Self::VoiceBuiltIn
            | Self::JobFinished => StatusCode::CONFLICT,
            Self::CharacterChanged => StatusCode::PRECONDITION_FAILED,
            Self::ConditionMissing => StatusCode::PRECONDITION_REQUIRED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::WebSocketExpected => StatusCode::UPGRADE_REQUIRED,
            Self::TokenRequired | Self::TokenWrong => StatusCode::UNAUTHORIZED,
            Self::TooManyAttempts | Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::RequestTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TlsRequired => StatusCode::BAD_REQUEST,
        }
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// For programs.
    pub code: Code,
    /// For people: one or two sentences.
    pub detail: String,
}

/// The members of RFC 9457, section 3.1, and `code`. The type is "about:blank", so the title is the status's phrase.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Always "about:blank": the title is the status in words.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// For people: what is wrong and what to do.
    detail: &'a str,
    /// For programs.
    code: Code,
}

impl Problem {
    /// A problem with words of its own.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let body = ProblemBody {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code,
        };
        let json = serde_json::to_string(&body).expect("strings and numbers only, which always serialise");
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], json).into_response();
        let headers = response.headers_mut();
        if self.code == Code::Busy {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self.code, Code::TokenRequired | Code::TokenWrong) {
            // RFC 6750, section 3.
            let wrong = self.code == Code::TokenWrong;
            let challenge =
                if wrong { r#"Bearer realm="visage", error="invalid_token""# } else { r#"Bearer realm="visage""# };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.code == Code::WebSocketExpected {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}
