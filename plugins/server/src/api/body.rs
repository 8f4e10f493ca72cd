//! Reading what a client sends, within limits, with every refusal in words.

use std::collections::BTreeMap;

use axum::{
    extract::{
        DefaultBodyLimit, FromRequest, FromRequestParts, Multipart, Path, Query, Request, multipart::MultipartError,
    },
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use visage_library::check_id;

use crate::problem::{Code, Problem};

/// How [`Id`] stands in the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it is the description of a parameter")]
pub(crate) struct Whose {
    /// Whose: a character's id.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "mira")]
    id: String,
}

/// The id of a character, from the path. What cannot be an id is the id of nobody.
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unknown = |words: String| Problem::new(Code::UnknownCharacter, words);
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| unknown("The address names no character.".into()))?;
        check_id(&id).map_err(|error| unknown(sentence(&error.to_string())))?;
        Ok(Self(id))
    }
}

/// What stands behind the question mark.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => {
                let words = rejection.body_text();
                let reason = words.strip_prefix("Failed to deserialize query string: ").unwrap_or(&words);
                Err(Problem::new(Code::MalformedQuery, format!("The query is wrong: {}.", shown(reason))))
            }
        }
    }
}

/// The media type that a request declares, in lower case and without parameters; empty if it declares none.
pub(crate) fn declared(headers: &HeaderMap) -> String {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body of a request that declares one of the media types; `type/*` stands for all of that type.
pub(crate) async fn typed(request: Request, types: &[&str], limit: usize) -> Result<Bytes, Problem> {
    let kind = declared(request.headers());
    let fits = |wanted: &&str| match wanted.strip_suffix("/*") {
        Some(family) => kind.split('/').next() == Some(family) && kind.contains('/'),
        None => kind == **wanted,
    };
    if !types.iter().any(fits) {
        let detail = format!("Send the body with one of these headers: Content-Type: {}.", types.join(", "));
        return Err(Problem::new(Code::WrongContentType, detail));
    }
    read(request, limit).await
}

/// The body of a request that says it is JSON. A page of another site cannot say so without our leave.
pub(crate) async fn json(request: Request, limit: usize) -> Result<Bytes, Problem> {
    typed(request, &["application/json"], limit).await
}

/// A body of at most `limit` bytes. One that declares more is refused before it is read.
async fn read(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large(limit));
    }
    let mut stream = request.into_body().into_data_stream();
    let mut body = Vec::with_capacity(length.map_or(0, |length| length as usize));
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| {
            tracing::debug!("a body could not be read: {error}");
            Problem::new(Code::BodyCutOff, "The body could not be read to its end.")
        })?;
        if body.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

pub(super) fn too_large(limit: usize) -> Problem {
    let size = match limit {
        0..1_048_576 => format!("{} KiB", limit / 1024),
        _ => format!("{} MiB", limit / 1_048_576),
    };
    Problem::new(Code::BodyTooLarge, format!("The body is longer than the {size} that are taken here."))
}

/// The fields of a form (`multipart/form-data`).
pub(crate) struct Form(BTreeMap<String, Bytes>);

impl Form {
    /// Reads a form of at most `limit` bytes in all, with no other fields than `names`.
    pub(crate) async fn read(mut request: Request, names: &[&str], limit: usize) -> Result<Self, Problem> {
        DefaultBodyLimit::max(limit).apply(&mut request);
        let mut form = Multipart::from_request(request, &()).await.map_err(|rejection| {
            let detail = format!("The form cannot be read: {}.", shown(&rejection.body_text()));
            Problem::new(Code::MalformedBody, detail)
        })?;
        let mut fields = BTreeMap::new();
        while let Some(field) = form.next_field().await.map_err(|error| wrong_form(&error, limit))? {
            // A file's name is the client's own and is never looked at.
            let name = field.name().unwrap_or_default().to_owned();
            if !names.contains(&name.as_str()) {
                let detail = format!("The form has no field \"{}\"; it has: {}.", shown(&name), names.join(", "));
                return Err(Problem::new(Code::MalformedForm, detail));
            }
            let bytes = field.bytes().await.map_err(|error| wrong_form(&error, limit))?;
            if fields.insert(name.clone(), bytes).is_some() {
                return Err(Problem::new(Code::MalformedForm, format!("The form has the field \"{name}\" twice.")));
            }
        }
        Ok(Self(fields))
    }

    /// Takes a field out, if it is there.
    pub(crate) fn take(&mut self, name: &str) -> Option<Bytes> {
        self.0.remove(name)
    }

    /// Takes a field out that must be there.
    pub(crate) fn need(&mut self, name: &str) -> Result<Bytes, Problem> {
        self.take(name)
            .ok_or_else(|| Problem::new(Code::MalformedForm, format!("The form lacks the field \"{name}\".")))
    }

    /// Takes a field out that is text, without what is empty around it; empty if it is not there.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Problem> {
        let text = self.take(name).unwrap_or_default();
        let text = std::str::from_utf8(&text).map_err(|_| {
            Problem::new(Code::MalformedForm, format!("The field \"{name}\" is no text: write it in UTF-8."))
        })?;
        Ok(text.trim().to_owned())
    }

    /// Takes a field out that is JSON.
    pub(crate) fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|error| wrong_field(name, &error))
    }

    /// Takes a field out that is one word, such as the name of an emotion or a number.
    pub(crate) fn word<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let word = std::str::from_utf8(&text).unwrap_or("\u{fffd}").trim();
        // A number is one in JSON, a name is a string.
        serde_json::from_str(word)
            .or_else(|_| serde_json::from_value(serde_json::Value::from(word)))
            .map(Some)
            .map_err(|error| wrong_field(name, &error))
    }
}

fn wrong_field(name: &str, error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedForm, format!("The field \"{name}\" is wrong: {}.", shown(&error.to_string())))
}

fn wrong_form(error: &MultipartError, limit: usize) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(limit),
        _ => Problem::new(Code::MalformedBody, format!("The form cannot be read: {}.", shown(&error.body_text()))),
    }
}

/// What a client wrote, short enough to be repeated in an answer.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Words of another crate as a sentence. What begins with the name of a field or file keeps it as it is.
pub(crate) fn sentence(words: &str) -> String {
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    let mut letters = words.chars();
    let is_word =
        words.split(' ').next().is_some_and(|word| word.trim_end_matches(['.', ',']).chars().all(char::is_alphabetic));
    match letters.next().filter(|_| is_word) {
        Some(first) => format!("{}{}{end}", first.to_uppercase(), letters.as_str()),
        None => format!("{words}{end}"),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn post(kind: &str, body: impl Into<Body>) -> Request {
        Request::builder().header(header::CONTENT_TYPE, kind).body(body.into()).expect("a request")
    }

    fn form(parts: &[(&str, &str)]) -> Request {
        let mut body = String::new();
        for (name, value) in parts {
            body += &format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        post("multipart/form-data; boundary=X", body + "--X--\r\n")
    }

    #[tokio::test]
    async fn bodies_are_read_within_limits_and_types() {
        let cases = [
            ("application/json", 10, None),
            ("Application/JSON; charset=utf-8", 10, None),
            ("image/png", 10, None),
            ("image/svg+xml", 10, None),
            ("image", 10, Some(Code::WrongContentType)),
            ("text/plain", 10, Some(Code::WrongContentType)),
            ("", 10, Some(Code::WrongContentType)),
            ("application/json", 100, None),
            ("application/json", 101, Some(Code::BodyTooLarge)),
        ];
        for (kind, length, refusal) in cases {
            let read = typed(post(kind, vec![b'x'; length]), &["application/json", "image/*"], 100).await;
            assert_eq!(read.as_ref().err().map(|problem| problem.code), refusal, "{kind} {length}");
            assert!(read.is_err() || read.is_ok_and(|body| body.len() == length));
        }
        let mut declared = post("application/json", "short");
        declared.headers_mut().insert(header::CONTENT_LENGTH, "1000000".parse().expect("a number"));
        assert_eq!(json(declared, 100).await.expect_err("too long").code, Code::BodyTooLarge);
    }

    #[tokio::test]
    async fn forms_have_the_fields_they_should() {
        let names = ["size", "emotion", "shapes"];
        let read = |parts: &'static [(&str, &str)]| async move { Form::read(form(parts), &names, 1_000).await };
        let mut good =
            read(&[("size", " 512 "), ("emotion", "sad"), ("shapes", "{\"a\": 0.5}")]).await.expect("a form");
        assert_eq!(good.word::<u32>("size"), Ok(Some(512)));
        assert_eq!(good.word::<visage_core::Emotion>("emotion"), Ok(Some(visage_core::Emotion::Sad)));
        assert_eq!(good.json::<BTreeMap<String, f32>>("shapes"), Ok(Some([("a".into(), 0.5)].into())));
        assert_eq!(good.need("size").expect_err("taken").code, Code::MalformedForm);
        let mut said = read(&[("size", " \"42\" of them\n")]).await.expect("a form");
        assert_eq!((said.text("size"), said.text("size")), (Ok("\"42\" of them".into()), Ok(String::new())));
        for (parts, words) in
            [(&[("colour", "red")][..], "no field \"colour\""), (&[("size", "1"), ("size", "2")][..], "twice")]
        {
            let problem = read(parts).await.err().expect(words);
            assert!(problem.detail.contains(words), "{problem}");
        }
        let mut wrong = read(&[("size", "big"), ("shapes", "{")]).await.expect("a form");
        assert!(wrong.word::<u32>("size").expect_err("no number").detail.contains("\"size\" is wrong"));
        assert!(wrong.json::<BTreeMap<String, f32>>("shapes").is_err());
        let long = "x".repeat(2_000);
        let parts = [("size", long.as_str())];
        assert_eq!(Form::read(form(&parts), &names, 1_000).await.err().expect("long").code, Code::BodyTooLarge);
        let cut =
            post("multipart/form-data; boundary=X", "--X\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n1");
        assert_eq!(Form::read(cut, &names, 1_000).await.err().expect("cut").code, Code::MalformedBody);
    }

    #[test]
    fn words_become_sentences() {
        assert_eq!(sentence("there is no id"), "There is no id.");
        assert_eq!(sentence("ölig."), "Ölig.");
        assert_eq!(sentence("voices.en: it is 9"), "voices.en: it is 9.");
        assert_eq!(sentence(""), ".");
    }
}
