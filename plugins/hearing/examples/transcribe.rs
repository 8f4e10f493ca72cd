//! Writes down what is said in WAV files, and how long that took.
//!
//! `cargo run -p visage_hearing --example transcribe -- THREADS FILE…`

use std::time::Instant;

use visage_hearing::{Whisper, transcribe};
use visage_models::Store;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().unwrap_or_default().parse().unwrap_or(1);
    let began = Instant::now();
    let mut whisper = Whisper::open(&Store::default(), threads)?;
    println!("model loaded in {:.2} s, {threads} threads", began.elapsed().as_secs_f32());
    for file in arguments {
        let mut reader = hound::WavReader::open(&file)?;
        let rate = reader.spec().sample_rate;
        let samples: Vec<f32> =
            reader.samples::<i16>().map_while(Result::ok).map(|s| f32::from(s) / 32_768.0).collect();
        let began = Instant::now();
        let written = transcribe(&mut whisper, &samples, rate, None)?;
        let took = began.elapsed().as_secs_f32();
        println!("{file}: {:.1} s in {took:.2} s, {}: {}", written.seconds, written.language, written.text);
    }
    Ok(())
}
