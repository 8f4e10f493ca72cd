//! Other sample rates become Whisper's 16 kHz.

use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::InterleavedSlice};
use visage_core::SAMPLE_RATE;

use crate::{error::HearingError, whisper::WHISPER_RATE};

/// Samples at 48 kHz that are converted at once: 10 ms.
const CHUNK: usize = 480;

/// A stream at 48 kHz becomes one at 16 kHz, 5 ms late.
pub(crate) struct Downsampler {
    resampler: Fft<f32>,
    pending: Vec<f32>,
    converted: Vec<f32>,
}

impl Default for Downsampler {
    fn default() -> Self {
        let resampler = Fft::new(SAMPLE_RATE as usize, WHISPER_RATE as usize, CHUNK, 1, FixedSync::Both)
            .expect("both rates and the chunk are constants greater than zero");
        let converted = vec![0.0; resampler.output_frames_max()];
        Self { resampler, pending: Vec::new(), converted }
    }
}

impl Downsampler {
    /// Takes samples at 48 kHz and appends what they become to `out`. What does not fill 10 ms waits for the next call.
    pub(crate) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        // Not-a-number would stay in the filter for ever.
        self.pending
            .extend(samples.iter().map(|&sample| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }));
        let mut used = 0;
        while self.pending.len() - used >= self.resampler.input_frames_next() {
            let chunk = &self.pending[used..][..self.resampler.input_frames_next()];
            used += chunk.len();
            let capacity = self.converted.len();
            let written = InterleavedSlice::new(chunk, 1, chunk.len())
                .and_then(|input| Ok((input, InterleavedSlice::new_mut(&mut self.converted, 1, capacity)?)))
                .ok()
                .and_then(|(input, mut output)| self.resampler.process_into_buffer(&input, &mut output, None).ok());
            if let Some((_, written)) = written {
                // A filter overshoots at full scale; who listens wants -1..=1.
                out.extend(self.converted[..written].iter().map(|sample| sample.clamp(-1.0, 1.0)));
            }
        }
        self.pending.drain(..used);
    }
}

/// A whole recording at any rate becomes one at 16 kHz of the same length.
///
/// # Errors
/// The rate is not from 8,000 to 192,000.
pub(crate) fn to_whisper_rate(samples: &[f32], rate: u32) -> Result<Vec<f32>, HearingError> {
    if rate == WHISPER_RATE {
        return Ok(samples.to_vec());
    }
    if !(8_000..=192_000).contains(&rate) {
        return Err(HearingError::SampleRate(rate));
    }
    let fail = |reason: String| HearingError::Engine(format!("the sound cannot be resampled ({reason})"));
    let mut resampler = Fft::<f32>::new(rate as usize, WHISPER_RATE as usize, 1024, 1, FixedSync::Input)
        .map_err(|error| fail(error.to_string()))?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|error| fail(error.to_string()))?;
    let output = resampler.process_all(&input, samples.len(), None).map_err(|error| fail(error.to_string()))?;
    Ok(output.take_data())
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
