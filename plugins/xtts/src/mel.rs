//! Mel spectrograms as the two encoders were trained on them: windowed Fourier transforms (`realfft`) and triangular bands.
//!
//! Source: `torchaudio.transforms.MelSpectrogram` with power 2, frames centred and the ends reflected, mel by the HTK
//! formula; its settings are those of `wav_to_mel_cloning` (`TTS/tts/models/xtts.py`) and of
//! `get_torch_mel_spectrogram_class` (`TTS/encoder/models/base_encoder.py`) of idiap/coqui-ai-TTS.

use std::{f64::consts::TAU, fmt, sync::Arc};

use ndarray::Array2;
use realfft::{RealFftPlanner, RealToComplex};

use crate::numbers::MelNumbers;

/// The least power whose logarithm the conditioning encoder is given (`wav_to_mel_cloning`).
const LEAST_POWER: f32 = 1e-5;

/// What differs between the two spectrograms beside their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Hann window, bands of equal area (`norm="slaney"`), natural logarithm.
    Conditioning,
    /// Hamming window, bands of equal height, power.
    Speaker,
}

/// A spectrogram with everything ready.
pub(crate) struct Mel {
    numbers: MelNumbers,
    kind: Kind,
    transform: Arc<dyn RealToComplex<f32>>,
    /// The window, with zeros around it up to the length of the transform.
    window: Vec<f32>,
    bands: Vec<Band>,
}

impl fmt::Debug for Mel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mel").field("numbers", &self.numbers).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A triangle over neighbouring frequencies.
#[derive(Debug)]
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Mel {
    pub fn new(numbers: MelNumbers, kind: Kind) -> Self {
        let transform = RealFftPlanner::<f32>::new().plan_fft_forward(numbers.fft);
        let (middle, half) = match kind {
            Kind::Conditioning => (0.5, 0.5),
            Kind::Speaker => (0.54, 0.46),
        };
        let mut window = vec![0.0; numbers.fft];
        let before = (numbers.fft - numbers.window) / 2;
        for (n, value) in window[before..before + numbers.window].iter_mut().enumerate() {
            // Periodic: the sample after the last is the first again.
            *value = (middle - half * (TAU * n as f64 / numbers.window as f64).cos()) as f32;
        }
        Self { numbers, kind, transform, window, bands: bands(&numbers, kind) }
    }

    /// Samples that a sound must have at least: its ends are reflected.
    pub fn least(&self) -> usize {
        self.numbers.fft / 2 + 1
    }

    /// The spectrogram of mono samples in -1..=1, at the rate of its numbers: [bands, 1 + samples / hop].
    ///
    /// # Panics
    /// For fewer samples than [`Self::least`], which is a bug of the caller.
    pub fn run(&self, samples: &[f32]) -> Array2<f32> {
        assert!(samples.len() >= self.least(), "the caller has checked the length");
        let MelNumbers { fft, hop, mels, .. } = self.numbers;
        let frames = 1 + samples.len() / hop;
        let mut mel = Array2::zeros((mels, frames));
        let mut piece = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut powers = vec![0.0; spectrum.len()];
        for frame in 0..frames {
            let start = (frame * hop) as isize - (fft / 2) as isize;
            for (n, (value, window)) in piece.iter_mut().zip(&self.window).enumerate() {
                *value = samples[reflected(start + n as isize, samples.len())] * window;
            }
            self.transform
                .process_with_scratch(&mut piece, &mut spectrum, &mut scratch)
                .expect("the buffers are the transform's own");
            for (power, value) in powers.iter_mut().zip(&spectrum) {
                *power = value.norm_sqr();
            }
            for (value, Band { first, weights }) in mel.column_mut(frame).iter_mut().zip(&self.bands) {
                let power: f32 = weights.iter().zip(&powers[*first..]).map(|(weight, power)| weight * power).sum();
                *value = match self.kind {
                    Kind::Conditioning => power.max(LEAST_POWER).ln(),
                    Kind::Speaker => power,
                };
            }
        }
        mel
    }
}

/// An index into `length` samples that go back where they end, without saying the last one twice.
fn reflected(at: isize, length: usize) -> usize {
    let last = length as isize - 1;
    let at = at.abs();
    (if at > last { 2 * last - at } else { at }) as usize
}

/// Triangles of equal width in mel from 0 Hz to the highest frequency.
fn bands(numbers: &MelNumbers, kind: Kind) -> Vec<Band> {
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    let highest = mel(f64::from(numbers.highest));
    let corner = |n: usize| hertz(highest * n as f64 / (numbers.mels + 1) as f64);
    let frequencies = numbers.fft / 2 + 1;
    let frequency = |n: usize| f64::from(numbers.rate / 2) * n as f64 / (frequencies - 1) as f64;
    let band = |band: usize| {
        let [low, peak, high] = [0, 1, 2].map(|n| corner(band + n));
        let area = match kind {
            Kind::Conditioning => 2.0 / (high - low),
            Kind::Speaker => 1.0,
        };
        let weight = |n: usize| {
            let frequency = frequency(n);
            ((frequency - low) / (peak - low)).min((high - frequency) / (high - peak)).max(0.0) * area
        };
        let first = (0..frequencies).find(|&n| weight(n) > 0.0).unwrap_or(frequencies);
        let weights = (first..frequencies).map(weight).take_while(|&weight| weight > 0.0);
        Band { first, weights: weights.map(|weight| weight as f32).collect() }
    };
    (0..numbers.mels).map(band).collect()
}

/// What the speaker encoder hears: each sample less `emphasis` of the one before it, so that high tones count as much as
/// low ones. Before the first stands the second (`PreEmphasis` in `TTS/encoder/models/base_encoder.py`).
///
/// # Panics
/// For fewer than two samples, which is a bug of the caller.
pub(crate) fn emphasised(samples: &[f32], emphasis: f32) -> Vec<f32> {
    let before = std::iter::once(&samples[1]).chain(samples);
    samples.iter().zip(before).map(|(sample, before)| sample - emphasis * before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tensors, clip};

    #[test]
    fn spectrograms_are_those_of_the_reference() {
        let tensors = Tensors::load("voice");
        let clip = clip();
        let conditioning = MelNumbers { rate: 22_050, fft: 2048, window: 1024, hop: 256, mels: 80, highest: 8_000.0 };
        let mel = Mel::new(conditioning, Kind::Conditioning).run(&clip[..22_050]);
        let worst = tensors.farthest("first_mel", mel.as_slice().expect("it was made in C order"));
        assert!(worst < 1e-3, "{worst}");
        let emphasised = emphasised(&tensors.f32("sound_16000"), 0.97);
        let mel = Mel::new(NUMBERS, Kind::Speaker).run(&emphasised);
        // Power: the loudest is some hundreds.
        let (found, expected) = (mel.into_raw_vec_and_offset().0, tensors.f32("speaker_mel"));
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / b.max(1e-3)).fold(0.0, f32::max);
        assert!(found.len() == expected.len() && worst < 1e-3, "{worst}");
    }

    const NUMBERS: MelNumbers =
        MelNumbers { rate: 16_000, fft: 512, window: 400, hop: 160, mels: 64, highest: 8_000.0 };

    #[test]
    fn ends_are_reflected() {
        let cases = [(-2, 2), (-1, 1), (0, 0), (4, 4), (5, 3), (6, 2)];
        for (at, expected) in cases {
            assert_eq!(reflected(at, 5), expected, "{at}");
        }
    }

    #[test]
    fn a_tone_is_loudest_in_its_band() {
        for hertz in [300.0, 1_000.0, 5_000.0] {
            let tone: Vec<f32> = (0..4_000).map(|n| (TAU * hertz * f64::from(n) / 16_000.0).sin() as f32).collect();
            for kind in [Kind::Conditioning, Kind::Speaker] {
                let spectrogram = Mel::new(NUMBERS, kind);
                let mel = spectrogram.run(&tone);
                assert_eq!(mel.dim(), (64, 26));
                let column = mel.column(12);
                let (loudest, _) =
                    column.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("there are 64 bands");
                let Band { first, weights } = &spectrogram.bands[loudest];
                let bin = (hertz * 512.0 / 16_000.0).round() as usize;
                assert!((*first..first + weights.len()).contains(&bin), "{hertz} Hz is in band {loudest}");
            }
        }
    }

    #[test]
    fn bands_overlap_by_half_and_leave_nothing_out() {
        let bands = bands(&NUMBERS, Kind::Speaker);
        let mut sums = vec![0.0; 257];
        for Band { first, weights } in &bands {
            for (n, weight) in weights.iter().enumerate() {
                sums[first + n] += weight;
            }
        }
        // From the first peak to the last the triangles add up to one.
        for (n, sum) in sums.iter().enumerate().skip(2).take(240) {
            assert!((sum - 1.0f32).abs() < 1e-4, "{n}: {sum}");
        }
        assert_eq!(sums[0], 0.0);
    }

    #[test]
    fn a_steady_sound_loses_most_of_itself() {
        let found = emphasised(&[1.0, 0.5, 0.5, 1.0], 0.97);
        let expected = [1.0 - 0.485, 0.5 - 0.97, 0.015, 1.0 - 0.485];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
}
