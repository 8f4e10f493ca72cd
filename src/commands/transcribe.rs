//! `visage transcribe`: a sound file becomes text.

use serde::Serialize;
use visage_core::{Language, SAMPLE_RATE};
use visage_hearing::{HearingPlugin, Transcription, Whisper, transcribe};
use visage_models::Store;

use super::sound;
use crate::cli::Transcribe;

#[derive(Serialize)]
struct Printed {
    text: String,
    language: Language,
    /// Length of the sound.
    seconds: f32,
    /// Whether the file held all that it promised.
    whole: bool,
}

pub fn run(asked: &Transcribe) -> anyhow::Result<()> {
    let recording = sound::read(&asked.file)?;
    let mut whisper = Whisper::open(&Store::default(), HearingPlugin::default().threads)?;
    let heard = transcribe(&mut whisper, &recording.samples, SAMPLE_RATE, asked.language)?;
    if asked.json {
        let Transcription { text, language, seconds } = heard;
        let printed = Printed { text, language, seconds, whole: recording.whole };
        super::print(serde_json::to_string_pretty(&printed)?)?;
    } else if heard.text.is_empty() {
        eprintln!("{}: no words could be heard.", asked.file.display());
    } else {
        super::print(heard.text)?;
    }
    Ok(())
}
