//! Sounds for tests.

use std::{fs::File, path::Path};

/// A clip of `fixtures`: mono samples, and how many a second.
pub(crate) fn clip(name: &str) -> (Vec<f32>, u32) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("{name}.flac"));
    let file = File::open(&path).expect("it is in the project");
    let sound = visage_core::decode_sound(file, 60).expect("a sound");
    (sound.samples, sound.rate)
}

/// Numbers of a file of `fixtures`: little-endian f32.
pub(crate) fn numbers(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let bytes = std::fs::read(path).expect("it is in the project");
    bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect()
}

/// A repeatable noise in -1..=1 (xorshift). No two seeds above zero give the same.
pub(crate) fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}
