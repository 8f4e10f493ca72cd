//! Records a few seconds of a moving picture and a tone: `cargo run -p visage_stream --example record -- out.webm`.

use std::{f32::consts::TAU, path::PathBuf, time::Instant};

use visage_core::{AudioBlock, Frame, SAMPLE_RATE, TICK_HZ, Tick};
use visage_stream::{AudioSettings, Recorder, VideoSettings};

const SIDE: u32 = 512;
const SECONDS: u64 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or("name a file to write")?);
    let began = Instant::now();
    let mut recorder = Recorder::create(&path, Tick(0), VideoSettings::recording(), AudioSettings::recording())?;
    for tick in (0..SECONDS * u64::from(TICK_HZ)).map(Tick) {
        recorder.sound(&tone(tick))?;
        recorder.frame(&picture(tick))?;
    }
    let recording = recorder.finish()?;
    println!("{recording:?} in {:.1} s", began.elapsed().as_secs_f32());
    Ok(())
}

/// A disc on soft shades that goes round once in two seconds.
fn picture(tick: Tick) -> Frame {
    let (sin, cos) = (tick.seconds() as f32 * TAU / 2.0).sin_cos();
    let (x0, y0) = (256.0 + 150.0 * cos, 256.0 + 150.0 * sin);
    let pixel = |x: u32, y: u32| {
        let inside = (x as f32 - x0).hypot(y as f32 - y0) < 60.0;
        if inside { [230, 160, 60, 255] } else { [(x / 4) as u8, (y / 4) as u8, 90, 255] }
    };
    let rgba: Vec<u8> = (0..SIDE * SIDE).flat_map(|index| pixel(index % SIDE, index / SIDE)).collect();
    Frame { tick, width: SIDE, height: SIDE, rgba: rgba.into() }
}

/// A tone of 440 Hz.
fn tone(tick: Tick) -> AudioBlock {
    let mut block = AudioBlock::silence(tick);
    for (index, sample) in block.samples.iter_mut().enumerate() {
        let seconds = (tick.first_sample() + index as u64) as f32 / SAMPLE_RATE as f32;
        *sample = 0.3 * (TAU * 440.0 * seconds).sin();
    }
    block
}
