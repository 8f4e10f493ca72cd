//! What a client gets when something is wrong: problem details (RFC 9457) as `application/problem+json`, with a `detail`
//! for people and a `code` for programs.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// What is wrong, for programs. In JSON in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body is not JSON, or not the JSON that the endpoint takes.
    MalformedBody,
    /// The body is longer than 64 KiB.
    BodyTooLarge,
    /// The body is not declared as `application/json`.
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
}

impl Code {
    /// The HTTP status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedBody => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TextEmpty
            | Self::TextTooLong
            | Self::UnknownEmotion
            | Self::UnknownLanguage
            | Self::UnknownCharacter
            | Self::StrengthOutOfRange => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::WebSocketExpected => StatusCode::UPGRADE_REQUIRED,
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
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
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
        let body = Body {
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
        if self.code == Code::WebSocketExpected {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}
