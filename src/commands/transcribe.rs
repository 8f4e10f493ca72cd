//! `visage transcribe`: a sound file becomes text.

use serde::Serialize;
use visage_core::{Language, SAMPLE_RATE};
use visage_hearing::{Whisper, transcribe};
use visage_models::Store;

use super::sound;
use crate::cli::Transcribe;

/// Threads that Whisper uses: all that there are, up to where more gains nothing.
const MOST_THREADS: usize = 8;

#[derive(Serialize)]
struct Printed {
    text: String,
    language: Language,
    /// Length of the sound.
    seconds: f32,
}

pub fn run(asked: &Transcribe) -> anyhow::Result<()> {
    let samples = sound::read(&asked.file)?;
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().min(MOST_THREADS));
    let mut whisper = Whisper::open(&Store::default(), threads)?;
    let heard = transcribe(&mut whisper, &samples, SAMPLE_RATE, asked.language)?;
    if asked.json {
        let printed = Printed { text: heard.text, language: heard.language, seconds: heard.seconds };
        super::print(serde_json::to_string_pretty(&printed)?)?;
    } else {
        super::print(heard.text)?;
    }
    Ok(())
}
