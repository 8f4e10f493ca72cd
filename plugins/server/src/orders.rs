//! From the body of a request to an order for the tick: pure checks, every refusal in words.

use serde::{Deserialize, de::DeserializeOwned};
use utoipa::ToSchema;
use visage_core::{Emotion, Language};
use visage_schedule::{QueueMode, RemoteCommand};

use crate::{
    api::shown,
    problem::{Code, Problem},
};

/// Longest text to say or to answer, in characters.
pub const MAX_TEXT_CHARS: usize = visage_core::LONGEST_TEXT;

/// The body of `POST /api/say`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SayBody {
    /// One or more sentences.
    #[schema(min_length = 1, max_length = 5_000, pattern = r"[^\s\x00-\x1f\x7f]")]
    text: String,
    /// Its language; guessed from the text if left out.
    #[schema(value_type = Option<Language>)]
    language: Option<String>,
    /// The emotion of face and voice while it is said.
    #[schema(value_type = Option<Emotion>)]
    emotion: Option<String>,
    /// When it is said; instead of everything that is said and waits if left out.
    queue: Option<QueueMode>,
}

/// The body of `POST /api/chat`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatBody {
    /// What the person wrote.
    #[schema(min_length = 1, max_length = 5_000, pattern = r"[^\s\x00-\x1f\x7f]")]
    text: String,
}

/// The body of `POST /api/emotion`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmotionBody {
    /// Which.
    #[schema(value_type = Emotion)]
    emotion: String,
    /// How much; fully if left out.
    #[schema(minimum = 0.0, maximum = 1.0)]
    strength: Option<f64>,
}

/// `POST /api/say`.
pub(crate) fn say(body: &[u8]) -> Result<RemoteCommand, Problem> {
    let body: SayBody = read(body)?;
    Ok(RemoteCommand::Say {
        text: text(&body.text)?,
        language: body.language.as_deref().map(language).transpose()?,
        emotion: body.emotion.as_deref().map(emotion).transpose()?,
        queue: body.queue.unwrap_or_default(),
    })
}

/// `POST /api/chat`.
pub(crate) fn chat(body: &[u8]) -> Result<RemoteCommand, Problem> {
    let body: ChatBody = read(body)?;
    Ok(RemoteCommand::Chat { text: text(&body.text)? })
}

/// `POST /api/emotion`.
pub(crate) fn show_emotion(body: &[u8]) -> Result<RemoteCommand, Problem> {
    let body: EmotionBody = read(body)?;
    let strength = body.strength.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&strength) {
        let detail = format!("The strength is {strength}; it goes from 0 (not at all) to 1 (fully).");
        return Err(Problem::new(Code::StrengthOutOfRange, detail));
    }
    Ok(RemoteCommand::Emotion { emotion: emotion(&body.emotion)?, strength: strength as f32 })
}

/// A body that is JSON of this form.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        // serde_json says where by itself: "… at line 1 column 12".
        let what = if error.is_data() { "The JSON does not fit this endpoint" } else { "The body is not valid JSON" };
        Problem::new(Code::MalformedBody, format!("{what}: {error}."))
    })
}

/// A text that can be said.
pub(crate) fn text(text: &str) -> Result<String, Problem> {
    let count = text.chars().count();
    // Control characters other than line feeds are not said, and some engines stumble over them.
    let clean = |letter: char| if letter.is_control() && !letter.is_whitespace() { ' ' } else { letter };
    let text: String = text.chars().map(clean).collect();
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::new(Code::TextEmpty, "The text is empty; there is nothing to say."));
    }
    if count > MAX_TEXT_CHARS {
        let detail = format!("The text has {count} characters; at most {MAX_TEXT_CHARS} can be taken at once.");
        return Err(Problem::new(Code::TextTooLong, detail));
    }
    Ok(text.to_owned())
}

/// The emotion of a name.
pub(crate) fn emotion(name: &str) -> Result<Emotion, Problem> {
    name.parse().map_err(|_| {
        let names: Vec<_> = Emotion::ALL.iter().map(|emotion| emotion.name()).collect();
        let detail = format!("There is no emotion \"{}\"; there are: {}.", shown(name), names.join(", "));
        Problem::new(Code::UnknownEmotion, detail)
    })
}

/// The language of a code.
pub(crate) fn language(code: &str) -> Result<Language, Problem> {
    code.parse().map_err(|_| {
        let detail = format!("There is no language \"{}\" here; use \"en\" or \"de\".", shown(code));
        Problem::new(Code::UnknownLanguage, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_bodies_become_orders() {
        let say_all = RemoteCommand::Say {
            text: "Hallo!".into(),
            language: Some(Language::German),
            emotion: Some(Emotion::Happy),
            queue: QueueMode::Next,
        };
        let cases = [
            (say(br#"{"text": " Hallo! ", "language": "de", "emotion": "happy", "queue": "next"}"#), say_all),
            (
                say(br#"{"text": "Hi.", "language": null}"#),
                RemoteCommand::Say { text: "Hi.".into(), language: None, emotion: None, queue: QueueMode::Replace },
            ),
            (chat(br#"{"text": "Who are you?"}"#), RemoteCommand::Chat { text: "Who are you?".into() }),
            (
                show_emotion(br#"{"emotion": "sad", "strength": 0.5}"#),
                RemoteCommand::Emotion { emotion: Emotion::Sad, strength: 0.5 },
            ),
            (
                show_emotion(br#"{"emotion": "angry"}"#),
                RemoteCommand::Emotion { emotion: Emotion::Angry, strength: 1.0 },
            ),
        ];
        for (order, expected) in cases {
            assert_eq!(order, Ok(expected));
        }
    }

    #[test]
    fn bad_bodies_are_refused_in_words() {
        fn check(order: Result<RemoteCommand, Problem>, code: Code, words: &str) {
            let problem = order.expect_err(words);
            assert_eq!(problem.code, code, "{problem}");
            assert!(problem.detail.contains(words), "{problem}");
        }
        let long = format!(r#"{{"text": "{}"}}"#, "a".repeat(MAX_TEXT_CHARS + 1));
        check(say(b""), Code::MalformedBody, "not valid JSON: EOF while parsing a value at line 1 column 0");
        check(say(br#"{"text": "Hi}"#), Code::MalformedBody, "line 1 column 13");
        check(say(b"{\"text\": \"\xff\"}"), Code::MalformedBody, "not valid JSON");
        check(say(br#"["Hi"]"#), Code::MalformedBody, "does not fit");
        check(say(br#"{}"#), Code::MalformedBody, "missing field `text`");
        check(say(br#"{"text": 5}"#), Code::MalformedBody, "line 1 column 10");
        check(say(br#"{"text": "Hi", "loud": true}"#), Code::MalformedBody, "unknown field `loud`");
        check(say(br#"{"text": "Hi", "queue": "soon"}"#), Code::MalformedBody, "unknown variant `soon`");
        check(say(br#"{"text": " \n "}"#), Code::TextEmpty, "nothing to say");
        check(say(long.as_bytes()), Code::TextTooLong, "5001 characters");
        check(say(br#"{"text": "Hi", "language": "fr"}"#), Code::UnknownLanguage, "\"fr\"");
        check(say(br#"{"text": "Hi", "emotion": "glad"}"#), Code::UnknownEmotion, "there are: neutral, happy");
        check(chat(br#"{"text": ""}"#), Code::TextEmpty, "empty");
        check(show_emotion(br#"{"emotion": "sad", "strength": 1.5}"#), Code::StrengthOutOfRange, "1.5");
        check(show_emotion(br#"{"emotion": "sad", "strength": -1}"#), Code::StrengthOutOfRange, "-1");
        check(show_emotion(br#"{"emotion": ""}"#), Code::UnknownEmotion, "There is no emotion");
        let endless = format!(r#"{{"emotion": "{}"}}"#, "ä".repeat(5_000));
        check(show_emotion(endless.as_bytes()), Code::UnknownEmotion, "ä…\"");
        check(say(b"{\"text\": \"\\u0007\\u0000 \"}"), Code::TextEmpty, "nothing to say");
    }
}
