//! Speech synthesis and recognition on their own, models warm.

use std::time::Instant;

use visage_core::{Language, SAMPLE_RATE, resample};
use visage_hearing::{HearingPlugin, Tongue, WHISPER_RATE, Whisper};
use visage_models::Store;
use visage_voice::{Synthesiser, Variation, default_voice, synthesise};

use super::{Row, percentile};

/// About five seconds when spoken.
const TEXT: &str = "The quick brown fox jumps over the lazy dog, and then it walks back home across the quiet field.";
/// How often each thing is done; the median counts.
const RUNS: usize = 5;
const THREADS: usize = 2;
/// The length that the budgets speak of, seconds.
const FIVE_SECONDS: f64 = 5.0;

pub fn measure() -> Vec<Row> {
    let mut voices = Synthesiser::new(Store::default(), THREADS, Variation::None);
    let voice = default_voice(Language::English);
    let mut times = Vec::new();
    let mut speech = Vec::new();
    // The first run loads the model and is not counted.
    for run in 0..=RUNS {
        let began = Instant::now();
        match synthesise(&mut voices, TEXT, Language::English, &voice) {
            Ok(made) => speech = made.samples.to_vec(),
            Err(error) => return vec![Row::missing("5 s of speech synthesised", error)],
        }
        if run > 0 {
            times.push(began.elapsed().as_secs_f64());
        }
    }
    let seconds = speech.len() as f64 / f64::from(SAMPLE_RATE);
    let per_second = percentile(&mut times, 0.5) / seconds;
    let mut rows = vec![
        Row::new("5 s of speech synthesised", per_second * FIVE_SECONDS * 1e3, "ms")
            .at_most(500.0)
            .note(format!("{} of {seconds:.1} s, {THREADS} threads, median of {RUNS}", voice.model)),
    ];
    rows.push(transcription(&speech, seconds));
    rows
}

fn transcription(speech: &[f32], seconds: f64) -> Row {
    const WHAT: &str = "5 s of speech transcribed";
    let threads = HearingPlugin::default().threads;
    let mut whisper = match Whisper::open(&Store::default(), threads) {
        Ok(whisper) => whisper,
        Err(error) => return Row::missing(WHAT, error),
    };
    let length = speech.len().min(5 * SAMPLE_RATE as usize);
    let sound = resample(&speech[..length], SAMPLE_RATE, WHISPER_RATE);
    let mut times = Vec::new();
    for run in 0..=RUNS {
        let began = Instant::now();
        if let Err(error) = whisper.understand(&sound, Tongue::Known(Language::English), "") {
            return Row::missing(WHAT, error);
        }
        if run > 0 {
            times.push(began.elapsed().as_secs_f64());
        }
    }
    let measured = seconds.min(FIVE_SECONDS);
    Row::new(WHAT, percentile(&mut times, 0.5) * 1e3, "ms")
        .at_most(700.0)
        .note(format!("whisper-base on {measured:.1} s, {threads} thread(s), median of {RUNS}"))
}
