//! Other sample rates become Whisper's 16 kHz, and whatever comes in becomes sound: finite and in -1..=1.

use visage_core::{SAMPLE_RATE, StreamResampler, resample};

use crate::{error::HearingError, whisper::WHISPER_RATE};

/// A stream at 48 kHz becomes one at 16 kHz, some 10 ms late.
pub(crate) struct Downsampler {
    resampler: StreamResampler,
    sound: Vec<f32>,
}

impl Default for Downsampler {
    fn default() -> Self {
        Self { resampler: StreamResampler::new(SAMPLE_RATE, WHISPER_RATE), sound: Vec::new() }
    }
}

impl Downsampler {
    /// Takes samples at 48 kHz and appends what they become to `out`. What does not fill 10 ms waits for the next call.
    pub(crate) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.sound.clear();
        // Not-a-number would stay in the filter for ever.
        self.sound.extend(samples.iter().map(|&sample| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }));
        let before = out.len();
        self.resampler.push(&self.sound, out);
        // A filter overshoots at full scale; who listens wants -1..=1.
        for sample in &mut out[before..] {
            *sample = sample.clamp(-1.0, 1.0);
        }
    }
}

/// A whole recording at any rate becomes one at 16 kHz of the same length.
///
/// # Errors
/// The rate is not from 8,000 to 192,000.
pub(crate) fn to_whisper_rate(samples: &[f32], rate: u32) -> Result<Vec<f32>, HearingError> {
    if !(8_000..=192_000).contains(&rate) {
        return Err(HearingError::SampleRate(rate));
    }
    Ok(resample(samples, rate, WHISPER_RATE))
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn tone(hertz: f32, rate: f32, count: usize) -> Vec<f32> {
        (0..count).map(|index| 0.5 * (TAU * hertz * index as f32 / rate).sin()).collect()
    }

    fn loudness(samples: &[f32]) -> f32 {
        (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_stream_keeps_speech_and_loses_what_16_khz_cannot_hold() {
        for (hertz, lowest, highest) in [(440.0, 0.34, 0.36), (3_000.0, 0.34, 0.36), (12_000.0, 0.0, 0.005)] {
            let mut downsampler = Downsampler::default();
            let mut out = Vec::new();
            // Odd pieces: the length of a piece must not matter.
            for piece in tone(hertz, 48_000.0, 48_000).chunks(777) {
                downsampler.push(piece, &mut out);
            }
            assert!((15_800..=16_000).contains(&out.len()), "{} samples", out.len());
            let found = loudness(&out[1_000..]);
            assert!((lowest..=highest).contains(&found), "{hertz} Hz: {found}");
        }
    }

    #[test]
    fn broken_samples_do_no_harm() {
        let mut downsampler = Downsampler::default();
        let mut out = Vec::new();
        downsampler.push(&[f32::NAN; 960], &mut out);
        downsampler.push(&tone(440.0, 48_000.0, 9_600), &mut out);
        assert!(loudness(&out[1_000..]) > 0.3);
    }

    #[test]
    fn full_scale_stays_in_range() {
        let mut downsampler = Downsampler::default();
        let mut out = Vec::new();
        let square: Vec<f32> = (0..9_600).map(|index| if index / 60 % 2 == 0 { 1.0 } else { -1.0 }).collect();
        downsampler.push(&square, &mut out);
        assert!(out.len() > 3_000 && out.iter().all(|sample| sample.abs() <= 1.0));
    }

    #[test]
    fn recordings_of_any_rate_keep_their_length() {
        for rate in [8_000, 16_000, 22_050, 44_100, 48_000] {
            let out = to_whisper_rate(&tone(440.0, rate as f32, rate as usize), rate).expect("a usual rate");
            assert!(out.len().abs_diff(16_000) <= 2, "{rate}: {}", out.len());
            assert!((0.33..0.37).contains(&loudness(&out[2_000..14_000])), "{rate}");
        }
        assert!(matches!(to_whisper_rate(&[0.0; 10], 12), Err(HearingError::SampleRate(12))));
    }
}
