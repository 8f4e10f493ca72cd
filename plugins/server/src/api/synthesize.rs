//! `POST /api/tts/synthesize`: a text becomes sound, without the character.

use std::ops::RangeInclusive;

use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;
use utoipa::ToSchema;
use visage_schedule::{VoiceInfo, VoiceSettings, choose_voice};
use visage_stream::SoundFormat;

use crate::{
    orders,
    problem::{Code, Problem},
    routes::Context,
};

use super::{
    body,
    refusal::{Malformed, TooLarge, Unready, Unusable, WrongType},
    speech::{self, Order, Sound},
    voices,
};

/// Longest body, bytes: 5,000 characters, however they are written.
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// Samples a second that may be asked for, and what is sent if nothing is.
const RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];
const USUAL_RATE: u32 = 48_000;
/// What speed and pitch may be, and volume: as in a character's file.
const FACTORS: RangeInclusive<f32> = 0.5..=2.0;
const VOLUMES: RangeInclusive<f32> = 0.0..=2.0;

/// A form of sound.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A WAV file, 16 bit, mono.
    #[default]
    Wav,
    /// An Ogg file with Opus, mono.
    Opus,
    /// Bare samples, 16 bit, the lower byte first, mono.
    Pcm,
}

/// A text, and who is to speak it how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SynthesizeBody {
    /// One or more sentences; may hold mark-up.
    #[schema(min_length = 1, max_length = 5_000, pattern = r"[^\s\x00-\x1f\x7f]")]
    text: String,
    /// The id of a voice, or an engine; the first voice that is installed and speaks the language if left out.
    #[schema(example = "espeak-ng")]
    voice: Option<String>,
    /// The text's language; found in the text if left out.
    #[schema(value_type = Option<visage_core::Language>)]
    language: Option<String>,
    /// How it is said where the text does not say so itself.
    #[schema(value_type = Option<visage_core::Emotion>)]
    emotion: Option<String>,
    /// Speed as a factor.
    #[schema(minimum = 0.5, maximum = 2.0, default = 1.0)]
    speed: Option<f32>,
    /// Pitch as a factor.
    #[schema(minimum = 0.5, maximum = 2.0, default = 1.0)]
    pitch: Option<f32>,
    /// Loudness as a factor.
    #[schema(minimum = 0.0, maximum = 2.0, default = 1.0)]
    volume: Option<f32>,
    /// In what form the sound is sent; WAV if left out.
    #[schema(inline)]
    format: Option<Format>,
    /// Samples a second: 8000, 16000, 22050, 24000, 44100 or 48000. Opus always has 48000.
    #[schema(minimum = 8_000, maximum = 48_000, default = 48_000, value_type = Option<u32>)]
    rate: Option<f64>,
}

/// Speak a text
///
/// The sound comes while it is being made: the first bytes as soon as the first sentence is spoken.
#[utoipa::path(post, path = "/api/tts/synthesize", tag = "Speech", request_body = SynthesizeBody, responses(
    Sound, Malformed, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn synthesize(State(context): State<Context>, request: Request) -> Result<Response, Problem> {
    let body: SynthesizeBody = orders::read(&body::json(request, MAX_BYTES).await?)?;
    let door = voices::door(&context)?;
    let order = order(&voices::look(door).await?, &body)?;
    speech::speak(door, order).await
}

fn order(voices: &[VoiceInfo], body: &SynthesizeBody) -> Result<Order, Problem> {
    let text = orders::text(&body.text)?;
    let language = body.language.as_deref().map(orders::language).transpose()?;
    let emotion = body.emotion.as_deref().map(orders::emotion).transpose()?;
    let speed = factor("speed", body.speed, FACTORS)?;
    let pitch = factor("pitch", body.pitch, FACTORS)?;
    let volume = factor("volume", body.volume, VOLUMES)?;
    let format = format(body.format.unwrap_or_default(), body.rate)?;
    let (voice, language) = choose_voice(voices, body.voice.as_deref(), language, &text)?;
    let voice = VoiceSettings { model: voice.id.clone(), reference: None, speed, pitch, volume };
    Ok(Order { text, language, emotion, voice, format })
}

/// A factor that is in its range; 1 if none is asked for.
fn factor(name: &str, asked: Option<f32>, range: RangeInclusive<f32>) -> Result<f32, Problem> {
    let value = asked.unwrap_or(1.0);
    if range.contains(&value) {
        return Ok(value);
    }
    let detail = format!("The {name} is {value}; it goes from {} to {}.", range.start(), range.end());
    Err(Problem::new(Code::SettingOutOfRange, detail))
}

fn format(format: Format, rate: Option<f64>) -> Result<SoundFormat, Problem> {
    let asked = rate.unwrap_or(USUAL_RATE.into());
    // JSON knows one kind of numbers: 8000.0 is 8000.
    let rate = RATES.into_iter().find(|rate| f64::from(*rate) == asked);
    let wrong = |rates: &str| {
        let detail = format!("The rate is {asked}; it may be {rates}.");
        Problem::new(Code::SettingOutOfRange, detail)
    };
    match (format, rate) {
        (Format::Opus, Some(USUAL_RATE)) => Ok(SoundFormat::Opus),
        (Format::Opus, _) => Err(wrong("48000 with Opus")),
        (Format::Wav, Some(rate)) => Ok(SoundFormat::Wav { rate }),
        (Format::Pcm, Some(rate)) => Ok(SoundFormat::Pcm { rate }),
        (Format::Wav | Format::Pcm, None) => Err(wrong("8000, 16000, 22050, 24000, 44100 or 48000")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use visage_core::{Emotion, Language};
    use visage_testkit::voices_of_a_machine;

    use super::*;

    fn ordered(body: &serde_json::Value) -> Result<Order, Problem> {
        order(&voices_of_a_machine(true), &orders::read(body.to_string().as_bytes())?)
    }

    #[test]
    fn a_body_becomes_an_order() {
        let voice = |model: &str, speed, pitch, volume| VoiceSettings {
            model: model.into(),
            reference: None,
            speed,
            pitch,
            volume,
        };
        let hello = Order {
            text: "Hello.".into(),
            language: Language::English,
            emotion: None,
            voice: voice("piper-en-joe", 1.0, 1.0, 1.0),
            format: SoundFormat::Wav { rate: 48_000 },
        };
        assert_eq!(ordered(&json!({"text": " Hello. "})), Ok(hello.clone()));
        let all = json!({"text": "Hello.", "voice": "kokoro", "language": "de", "emotion": "sad", "speed": 0.5,
            "pitch": 2, "volume": 0, "format": "pcm", "rate": 16_000});
        let expected = Order {
            language: Language::German,
            emotion: Some(Emotion::Sad),
            voice: voice("kokoro/ef_dora", 0.5, 2.0, 0.0),
            format: SoundFormat::Pcm { rate: 16_000 },
            ..hello.clone()
        };
        assert_eq!(ordered(&all), Ok(expected));
        for (format, rate, expected) in [
            (json!("opus"), json!(null), SoundFormat::Opus),
            (json!("opus"), json!(48_000), SoundFormat::Opus),
            (json!("pcm"), json!(8_000.0), SoundFormat::Pcm { rate: 8_000 }),
            (json!("wav"), json!(8_000), SoundFormat::Wav { rate: 8_000 }),
            (json!(null), json!(null), SoundFormat::Wav { rate: 48_000 }),
        ] {
            let found = ordered(&json!({"text": "Hello.", "format": format, "rate": rate}));
            assert_eq!(found, Ok(Order { format: expected, ..hello.clone() }));
        }
    }

    #[test]
    fn bad_bodies_are_refused_in_words() {
        for (member, value, code, words) in [
            ("text", json!(" "), Code::TextEmpty, "nothing to say"),
            ("text", json!("a".repeat(5_001)), Code::TextTooLong, "5001"),
            ("text", json!(1), Code::MalformedBody, "invalid type"),
            ("voice", json!("nobody"), Code::UnknownVoice, "\"nobody\""),
            ("language", json!("fr"), Code::UnknownLanguage, "\"fr\""),
            ("emotion", json!("glad"), Code::UnknownEmotion, "\"glad\""),
            ("speed", json!(2.5), Code::SettingOutOfRange, "The speed is 2.5; it goes from 0.5 to 2."),
            ("pitch", json!(0.4), Code::SettingOutOfRange, "pitch"),
            ("volume", json!(-1), Code::SettingOutOfRange, "from 0 to 2"),
            ("format", json!("mp3"), Code::MalformedBody, "`wav`, `opus`, `pcm`"),
            ("voice", json!("kokoro/am_onyx"), Code::LanguageNotSpoken, "The voice kokoro/am_onyx speaks en, not de;"),
            ("rate", json!(8_000.5), Code::SettingOutOfRange, "8000.5"),
            ("rate", json!(12_345), Code::SettingOutOfRange, "22050"),
            ("loud", json!(true), Code::MalformedBody, "unknown field `loud`"),
        ] {
            let mut body = json!({"text": "Hello.", "language": "de"});
            body[member] = value;
            let problem = ordered(&body).expect_err(words);
            assert!(problem.code == code && problem.detail.contains(words), "{member}: {problem}");
        }
        let missing = order(
            &voices_of_a_machine(false),
            &orders::read(br#"{"text": "Hello.", "voice": "kokoro"}"#).expect("a body"),
        );
        let missing = missing.expect_err("it is not installed");
        assert_eq!(missing.code, Code::VoiceNotInstalled);
        assert!(missing.detail.ends_with("is not installed; run `visage models fetch kokoro`."), "{missing}");
        let opus = ordered(&json!({"text": "Hello.", "format": "opus", "rate": 24_000})).expect_err("no such rate");
        assert_eq!(opus.code, Code::SettingOutOfRange);
    }
}
