//! Text to sound through the door of `voice`: the answer begins with the first piece that is spoken, and goes on as the others
//! are. Handlers wait here, the tick does not.

use std::{collections::BTreeMap, io, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use crossbeam_channel::TrySendError;
use futures_util::{StreamExt, stream};
use tokio::{sync::mpsc, time::timeout};
use utoipa::{
    IntoResponses, PartialSchema,
    openapi::{ContentBuilder, HeaderBuilder, RefOr, ResponseBuilder},
};
use visage_core::{Emotion, Language};
use visage_schedule::{SpeechDoor, SpeechError, SpeechPiece, SpeechRequest, VoiceSettings};
use visage_stream::{SoundEncoder, SoundFormat};

use crate::problem::{Code, Problem};

use super::body::sentence;

/// Longest wait for the first piece. A model is loaded in a few seconds, and others may be before.
const PATIENCE: Duration = Duration::from_secs(60);
/// The header in which a person is told what is not as it was asked for.
const NOTICE: HeaderName = HeaderName::from_static("visage-notice");

/// What is to be spoken, and how it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) text: String,
    pub(crate) language: Language,
    pub(crate) emotion: Option<Emotion>,
    pub(crate) voice: VoiceSettings,
    pub(crate) format: SoundFormat,
}

/// How the sound stands in the OpenAPI document.
pub(crate) struct Sound;

impl IntoResponses for Sound {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let notice = HeaderBuilder::new()
            .schema(Some(String::schema()))
            .description(Some("What is not as it was asked for, in words. May come several times."))
            .build();
        let formats = [SoundFormat::Wav { rate: 1 }, SoundFormat::Pcm { rate: 1 }, SoundFormat::Opus];
        let response = formats.into_iter().map(SoundFormat::media_type).fold(
            ResponseBuilder::new()
                .description("The sound, sent while it is being made")
                .header(NOTICE.as_str(), notice),
            |response, kind| {
                let kind = kind.split(';').next().unwrap_or(kind);
                response.content(kind, ContentBuilder::new().build())
            },
        );
        [("200".to_owned(), RefOr::T(response.build()))].into()
    }
}

/// Where the pieces come out.
type Pieces = mpsc::Receiver<Result<SpeechPiece, SpeechError>>;

/// Has a text spoken. The answer comes with its first sound; when the client goes away, nothing more is spoken.
pub(crate) async fn speak(door: &SpeechDoor, order: Order) -> Result<Response, Problem> {
    let encoder = SoundEncoder::new(order.format).map_err(|error| unavailable(&error.to_string()))?;
    let (mut request, mut pieces) = SpeechRequest::new(order.text, order.language, order.voice);
    request.emotion = order.emotion;
    door.requests.try_send(request).map_err(|error| match error {
        TrySendError::Full(_) => {
            Problem::new(Code::Busy, "As many texts as can be spoken at once are being spoken. Try again in a second.")
        }
        TrySendError::Disconnected(_) => unavailable("the voice has ended after a fault; start the program again"),
    })?;
    let piece = timeout(PATIENCE, pieces.recv())
        .await
        .map_err(|_| Problem::new(Code::Busy, "The text was not spoken in time. Try again in a second."))?
        .ok_or_else(|| unavailable("the program is about to end"))?
        .map_err(|error| match error {
            SpeechError::Text(words) => Problem::new(Code::TextEmpty, sentence(&words)),
            SpeechError::Unavailable(words) => unavailable(&words),
        })?;
    let notices: Vec<_> = piece.notices.iter().filter_map(|notice| header_value(notice)).collect();
    let last = piece.last;
    let (encoder, bytes) = encode(encoder, piece).await.map_err(|error| unavailable(&error.to_string()))?;
    let body = if last {
        // All of it: the answer has a length.
        Body::from(bytes)
    } else {
        let rest = stream::unfold(Some((encoder, pieces)), next);
        Body::from_stream(stream::iter([Ok(bytes)]).chain(rest))
    };
    let kind = [(header::CONTENT_TYPE, order.format.media_type())];
    let mut response = (kind, body).into_response();
    for notice in notices {
        response.headers_mut().append(NOTICE, notice);
    }
    Ok(response)
}

/// The next bytes. An error cuts the connection, so that nobody takes half a text for a whole one.
async fn next(state: Option<(SoundEncoder, Pieces)>) -> Option<(io::Result<Bytes>, Option<(SoundEncoder, Pieces)>)> {
    let (encoder, mut pieces) = state?;
    let made = match pieces.recv().await {
        Some(Ok(piece)) => {
            let last = piece.last;
            encode(encoder, piece).await.map(|(encoder, bytes)| (bytes, (!last).then_some((encoder, pieces))))
        }
        Some(Err(error)) => Err(io::Error::other(error)),
        None => Err(io::Error::other("it was given up")),
    };
    Some(match made {
        Ok((bytes, state)) => (Ok(bytes), state),
        Err(error) => {
            tracing::warn!("speech that is being sent ends too early: {error}");
            (Err(error), None)
        }
    })
}

/// Encodes a piece, which takes some milliseconds, off the network's threads.
async fn encode(mut encoder: SoundEncoder, piece: SpeechPiece) -> io::Result<(SoundEncoder, Bytes)> {
    let encoded = tokio::task::spawn_blocking(move || -> io::Result<(SoundEncoder, Bytes)> {
        let bytes = encoder.push(&piece.samples, piece.last).map_err(io::Error::other)?;
        Ok((encoder, bytes.into()))
    });
    encoded.await.map_err(io::Error::other)?
}

/// Words as a header may have them.
fn header_value(words: &str) -> Option<HeaderValue> {
    let plain: String =
        words.chars().map(|letter| if letter == ' ' || letter.is_ascii_graphic() { letter } else { '?' }).collect();
    HeaderValue::try_from(plain).ok()
}

fn unavailable(words: &str) -> Problem {
    Problem::new(Code::Unavailable, sentence(words))
}
