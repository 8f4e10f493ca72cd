//! How fast voices are, on 1 and 2 threads: `cargo run --example speed -- piper-en-joe kokoro/af_heart`.
//!
//! For each voice: seconds until it is loaded and warm, until the first piece of a text is ready, and seconds of computing
//! for a second of speech; how loud it is.

use std::time::Instant;

use visage_core::{Language, SAMPLE_RATE};
use visage_models::Store;
use visage_schedule::VoiceSettings;
use visage_voice::{Synthesiser, Variation, default_voice, loudness, pieces};

const TEXT: &str = "Good morning, my name is Mira. I would like to show you around the museum, and I hope that you will \
                    enjoy it. Please follow me through this door.";
/// How often a text is spoken; the fastest counts, as other programs only make it slower.
const RUNS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let language = Language::English;
    let named: Vec<String> = std::env::args().skip(1).collect();
    let models = if named.is_empty() { vec![default_voice(language).model] } else { named };
    for model in models {
        let settings = VoiceSettings { model: model.clone(), ..default_voice(language) };
        for threads in [1, 2] {
            let mut voices = Synthesiser::new(Store::default(), threads, Variation::None);
            let began = Instant::now();
            voices.prepare(&[(language, settings.clone())]);
            let loaded = began.elapsed().as_secs_f32();
            let (mut first, mut per_second, mut sound) = (f32::MAX, f32::MAX, Vec::new());
            for _ in 0..RUNS {
                sound.clear();
                let began = Instant::now();
                for (index, piece) in pieces(TEXT, language).iter().enumerate() {
                    sound.extend(voices.finish(piece, language, &settings)?.samples);
                    if index == 0 {
                        first = first.min(began.elapsed().as_secs_f32());
                    }
                }
                let seconds = sound.len() as f32 / SAMPLE_RATE as f32;
                per_second = per_second.min(began.elapsed().as_secs_f32() / seconds);
            }
            for notice in voices.take_notices() {
                eprintln!("{notice}");
            }
            println!(
                "{model}, {threads} thread(s): warm after {loaded:.2} s, first piece after {first:.3} s, {per_second:.3} s a \
                 second, {:.1} LUFS",
                loudness(&sound).unwrap_or(f32::NEG_INFINITY)
            );
        }
    }
    Ok(())
}
