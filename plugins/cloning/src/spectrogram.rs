//! The spectrogram that the speaker encoder hears: 40 mel bands of power, every 10 ms.
//!
//! As Resemblyzer makes it (resemble-ai/Resemblyzer, `resemblyzer/audio.py` and `hparams.py`: `librosa.feature.melspectrogram`
//! with a window of 25 ms, a step of 10 ms, 40 bands): a periodic Hann window, frames centred on their time with silence
//! beyond the ends, power, Slaney's filters of equal area. No logarithm.

use std::sync::Arc;

use ndarray::Array2;
use realfft::{RealFftPlanner, RealToComplex};
use visage_models::{MEL_BINS, mel_filters};

/// Samples a second that the encoder hears.
pub const ENCODER_RATE: u32 = 16_000;
/// Mel bands.
pub(crate) const BANDS: usize = 40;
/// Samples of a window: 25 ms.
const WINDOW: usize = 400;
/// Samples from one frame to the next: 10 ms.
pub(crate) const STEP: usize = 160;

/// Makes spectrograms; owns the filters and the transform.
pub(crate) struct Spectrogram {
    transform: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// The weights of each band that are not zero, and the bin of the first.
    filters: Vec<(usize, Vec<f32>)>,
}

impl Default for Spectrogram {
    fn default() -> Self {
        let window = (0..WINDOW)
            .map(|n| {
                let turn = std::f64::consts::TAU * n as f64 / WINDOW as f64;
                (0.5 - 0.5 * turn.cos()) as f32
            })
            .collect();
        let filters = mel_filters(BANDS).chunks_exact(MEL_BINS).map(trimmed).collect();
        Self { transform: RealFftPlanner::new().plan_fft_forward(WINDOW), window, filters }
    }
}

fn trimmed(filter: &[f32]) -> (usize, Vec<f32>) {
    let first = filter.iter().position(|weight| *weight > 0.0).unwrap_or(0);
    let end = filter.iter().rposition(|weight| *weight > 0.0).map_or(first, |last| last + 1);
    (first, filter[first..end].to_vec())
}

impl Spectrogram {
    /// Frames of a sound: f32 `[1 + samples / 160, 40]`, power in each band, of samples at [`ENCODER_RATE`].
    pub(crate) fn of(&self, samples: &[f32]) -> Array2<f32> {
        let mut mels = Array2::zeros((samples.len() / STEP + 1, BANDS));
        let mut frame = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        for (index, mut row) in mels.rows_mut().into_iter().enumerate() {
            for (n, (value, weight)) in frame.iter_mut().zip(&self.window).enumerate() {
                let at = (index * STEP + n).checked_sub(WINDOW / 2);
                *value = at.and_then(|at| samples.get(at)).map_or(0.0, |sample| sample * weight);
            }
            self.transform
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .expect("the buffers are the transform's own");
            for (band, (first, weights)) in row.iter_mut().zip(&self.filters) {
                *band = weights.iter().zip(&spectrum[*first..]).map(|(weight, bin)| weight * bin.norm_sqr()).sum();
            }
        }
        mels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_in_its_band_and_frames_are_centred() {
        let tone = |hertz: f32, count: usize| -> Vec<f32> {
            (0..count).map(|n| (std::f32::consts::TAU * hertz * n as f32 / 16_000.0).sin()).collect()
        };
        let loudest = |row: ndarray::ArrayView1<'_, f32>| {
            row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(band, _)| band)
        };
        let spectrogram = Spectrogram::default();
        // Slaney's mel of 8 kHz is 45.2, so a band is 1.1 mel wide: 1 kHz is 15 mel, 4 kHz 35.2.
        for (hertz, band) in [(1_000.0, 13), (4_000.0, 31)] {
            let mels = spectrogram.of(&tone(hertz, 3_200));
            assert_eq!(mels.dim(), (21, BANDS));
            let found = loudest(mels.row(10)).expect("there are bands");
            assert!(found.abs_diff(band) <= 1, "{hertz} Hz is in band {found}");
        }
        // Half a window of the first frame lies before the sound.
        let mels = spectrogram.of(&tone(1_000.0, 3_200));
        let power = |frame: usize| mels.row(frame).sum();
        assert!((0.2..0.55).contains(&(power(0) / power(10))), "{}", power(0) / power(10));
        assert!((power(2) / power(10) - 1.0).abs() < 0.05, "{}", power(2) / power(10));
        assert_eq!(spectrogram.of(&[]).dim(), (1, BANDS));
    }
}
