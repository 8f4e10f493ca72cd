//! Speaks a text into a WAV file and says what it cost.
//!
//! `cargo run -p visage_voice --example speak -- en out.wav "Hello. How are you?"`

use std::time::Instant;

use visage_core::{Language, SAMPLE_RATE, to_i16};
use visage_models::Store;
use visage_voice::{Synthesiser, Variation, default_voice, finish, pieces, synthesise};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [language, file, text, options @ ..] = &arguments[..] else {
        return Err("usage: speak en|de FILE.wav TEXT [THREADS] [VOICE] [PITCH]".into());
    };
    let language: Language = language.parse()?;
    let threads = options.first().map_or(Ok(2), |threads| threads.parse())?;
    let mut voice = default_voice(language);
    if let Some(model) = options.get(1) {
        voice.model.clone_from(model);
    }
    if let Some(pitch) = options.get(2) {
        voice.pitch = pitch.parse()?;
    }
    let mut voices = Synthesiser::new(Store::default(), threads, Variation::None);
    let began = Instant::now();
    voices.prepare(language, &voice);
    println!("voice ready after {:.2} s", began.elapsed().as_secs_f32());
    for piece in pieces(text, language) {
        let began = Instant::now();
        let speech = voices.speak(&piece.text, language, &voice)?;
        let made = began.elapsed().as_secs_f32();
        let finished = finish(&speech, voice.volume, piece.pause)?;
        let took = began.elapsed().as_secs_f32();
        let length = finished.samples.len() as f32 / SAMPLE_RATE as f32;
        println!("{length:5.2} s made in {took:.3} s ({:.3} s of it by the engine): {}", made, piece.text);
    }
    let speech = synthesise(&mut voices, text, language, &voice)?;
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(file, format)?;
    for sample in speech.samples {
        wav.write_sample(to_i16(sample))?;
    }
    wav.finalize()?;
    for span in speech.timeline.0 {
        println!("{:7.3} {:7.3} {}", span.start as f32 / 48e3, span.end as f32 / 48e3, span.phoneme);
    }
    speech.notices.iter().for_each(|notice| println!("{notice}"));
    Ok(())
}
