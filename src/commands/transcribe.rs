//! `visage transcribe`: a sound file becomes text.

use serde::Serialize;
use visage_core::{Language, SAMPLE_RATE};
use visage_hearing::{HearingPlugin, Whisper, transcribe};
use visage_models::Store;

use super::sound;
use crate::cli::Transcribe;

#[derive(Serialize)]
struct Printed {
    text: String,
    language: Language,
    /// Length of the sound.
    seconds: f32,
}

pub fn run(asked: &Transcribe) -> anyhow::Result<()> {
    let samples = sound::read(&asked.file)?;
    let mut whisper = Whisper::open(&Store::default(), HearingPlugin::default().threads)?;
    let heard = transcribe(&mut whisper, &samples, SAMPLE_RATE, asked.language)?;
    if asked.json {
        let printed = Printed { text: heard.text, language: heard.language, seconds: heard.seconds };
        super::print(serde_json::to_string_pretty(&printed)?)?;
    } else {
        super::print(heard.text)?;
    }
    Ok(())
}
