//! Noise taken out of a recording, by `nnnoiseless` (RNNoise; Valin 2018).

use nnnoiseless::DenoiseState;
use visage_core::{SAMPLE_RATE, resample};

/// RNNoise takes samples of the size of 16-bit numbers.
const SCALE: f32 = 32_768.0;

/// The sound without its noise: mono samples at 48 kHz, as long as the sound was, from samples of any rate.
pub fn denoise(samples: &[f32], rate: u32) -> Vec<f32> {
    let sound = resample(samples, rate, SAMPLE_RATE);
    let mut state = DenoiseState::new();
    let mut clean = Vec::with_capacity(sound.len() + 2 * DenoiseState::FRAME_SIZE);
    let mut frame = [0.0; DenoiseState::FRAME_SIZE];
    let mut out = [0.0; DenoiseState::FRAME_SIZE];
    // What comes out is one frame late, and what comes first is only a fade: one more frame of silence is put in, and
    // the first that comes out left away.
    for start in (0..sound.len() + DenoiseState::FRAME_SIZE).step_by(DenoiseState::FRAME_SIZE) {
        for (value, at) in frame.iter_mut().zip(start..) {
            *value = sound.get(at).map_or(0.0, |sample| sample * SCALE);
        }
        state.process_frame(&mut out, &frame);
        clean.extend(out.iter().map(|sample| sample / SCALE));
    }
    clean.drain(..DenoiseState::FRAME_SIZE.min(clean.len()));
    clean.truncate(sound.len());
    clean
}
