//! Who speaks: a speaker encoder that turns a sound into a direction, near to that of other sounds of the same voice.
//!
//! The network is Resemblyzer's (GE2E; Wan et al. 2018), made into ONNX by `models/speaker/export.py`; the preparation and
//! the cutting into windows are those of resemble-ai/Resemblyzer, `resemblyzer/audio.py` and `voice_encoder.py`. What finds
//! silence there is another detector than here (`crate::voiced`), so only prepared sound is compared number by number.

use ndarray::{Array3, Axis, s};
use serde::{Deserialize, Serialize};
use visage_core::resample;
use visage_models::{Session, SessionOptions, Store};

use crate::{
    CloningError,
    spectrogram::{BANDS, ENCODER_RATE, STEP, Spectrogram},
    voiced::voiced_only,
};

/// The encoder's id in the model catalogue.
pub const SPEAKER_ENCODER: &str = "speaker";
/// Its file.
const MODEL: &str = "encoder.onnx";
/// Numbers of an embedding.
pub const EMBEDDING: usize = 256;
/// Frames that the network hears at once: 1.6 s.
const WINDOW_FRAMES: usize = 160;
/// Windows a second.
const WINDOWS_A_SECOND: f64 = 1.3;
/// The last window is left out if less of it than this is sound and there is another one.
const LEAST_COVERAGE: f64 = 0.75;
/// Root mean square that sound is brought to: -30 dBFS.
const TARGET_RMS: f64 = 0.031_622_776_601_683_79;

/// The direction of a voice: 256 numbers, none negative, of length 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// An embedding from 256 numbers, which are brought to length 1.
    ///
    /// # Errors
    /// They are not 256, not all numbers, or all zero.
    pub fn new(numbers: Vec<f32>) -> Result<Self, CloningError> {
        let length = numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
        if numbers.len() != EMBEDDING || !length.is_finite() || length <= 0.0 {
            let reason = format!("{} numbers of length {length}", numbers.len());
            return Err(CloningError::Encoder(reason));
        }
        Ok(Self(numbers.into_iter().map(|number| (f64::from(number) / length) as f32).collect()))
    }

    /// The mean of several, brought to length 1.
    ///
    /// # Errors
    /// There is none.
    pub fn mean<'a>(all: impl IntoIterator<Item = &'a Self>) -> Result<Self, CloningError> {
        let mut sum = vec![0.0; EMBEDDING];
        all.into_iter().flat_map(|one| one.0.iter().enumerate()).for_each(|(at, number)| sum[at] += number);
        Self::new(sum)
    }

    /// The cosine of the angle to another one: 1 for the same direction. Two recordings of one voice have about 0.8 to
    /// 0.95, of two voices 0.4 to 0.75 (docs/avatar/cloning.md).
    pub fn similarity(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }

    /// The 256 numbers.
    pub fn numbers(&self) -> &[f32] {
        &self.0
    }
}

/// Hears who speaks. Owned by one thread; hearing blocks, about 20 ms for a second of sound.
pub struct SpeakerEncoder {
    session: Session,
    spectrogram: Spectrogram,
}

impl SpeakerEncoder {
    /// Loads the encoder, which is shipped with the program.
    ///
    /// # Errors
    /// ONNX Runtime or the encoder's file is missing or unusable.
    pub fn load(threads: usize) -> Result<Self, CloningError> {
        let path = Store::default().file(SPEAKER_ENCODER, MODEL)?;
        let session = Session::load(&path, &SessionOptions { threads, ..SessionOptions::default() })?;
        Ok(Self { session, spectrogram: Spectrogram::default() })
    }

    /// The voice in a sound of any rate: brought to 16 kHz and -30 dBFS, without its silences.
    ///
    /// # Errors
    /// The network failed, or there is nothing in the sound.
    pub fn embed(&mut self, samples: &[f32], rate: u32) -> Result<Embedding, CloningError> {
        self.embed_prepared(&prepare(samples, rate))
    }

    /// The voice in sound at 16 kHz, as it is: the mean of what the network says of windows of 1.6 s, 1.3 of them a second.
    ///
    /// # Errors
    /// The network failed, or there is nothing in the sound.
    pub fn embed_prepared(&mut self, samples: &[f32]) -> Result<Embedding, CloningError> {
        Embedding::mean(&self.embed_windows(samples)?)
    }

    /// What the network says of each window.
    pub(crate) fn embed_windows(&mut self, samples: &[f32]) -> Result<Vec<Embedding>, CloningError> {
        let starts = window_starts(samples.len());
        let mut sound = samples.to_vec();
        let end = (starts[starts.len() - 1] + WINDOW_FRAMES) * STEP;
        sound.resize(sound.len().max(end), 0.0);
        let mels = self.spectrogram.of(&sound);
        let mut windows = Array3::zeros((starts.len(), WINDOW_FRAMES, BANDS));
        for (mut window, start) in windows.outer_iter_mut().zip(&starts) {
            window.assign(&mels.slice(s![*start..start + WINDOW_FRAMES, ..]));
        }
        let outputs = self.session.run(&[("mels", windows.into())])?;
        let embeddings = outputs.f32("embeddings")?;
        embeddings.axis_iter(Axis(0)).map(|one| Embedding::new(one.iter().copied().collect())).collect()
    }
}

/// Sound as the encoder wants it: mono at [`ENCODER_RATE`], at -30 dBFS, without its silences.
pub(crate) fn prepare(samples: &[f32], rate: u32) -> Vec<f32> {
    let mut sound = resample(samples, rate, ENCODER_RATE);
    normalise(&mut sound);
    voiced_only(&sound)
}

/// Brings sound to -30 dBFS. (Resemblyzer leaves louder sound as it is; but the network hears power, so one voice would be
/// two directions, a soft one and a loud one.)
fn normalise(samples: &mut [f32]) {
    let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
    let gain = TARGET_RMS / power.sqrt();
    if gain.is_finite() {
        samples.iter_mut().for_each(|sample| *sample *= gain as f32);
    }
}

/// The first frame of each window over a sound of so many samples. There is always one; the last may go beyond the end.
fn window_starts(samples: usize) -> Vec<usize> {
    let frames = (samples + 1).div_ceil(STEP);
    let step = (f64::from(ENCODER_RATE) / WINDOWS_A_SECOND / STEP as f64).round() as usize;
    let end = (frames + step + 1).saturating_sub(WINDOW_FRAMES).max(1);
    let mut starts: Vec<usize> = (0..end).step_by(step).collect();
    if let [_, .., last] = starts[..] {
        let covered = (samples as f64 - (last * STEP) as f64) / (WINDOW_FRAMES * STEP) as f64;
        if covered < LEAST_COVERAGE {
            starts.pop();
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{clip, numbers};

    fn encoder() -> SpeakerEncoder {
        SpeakerEncoder::load(1).expect("it is shipped, and ONNX Runtime was fetched")
    }

    /// The fixtures are made by Resemblyzer's own code (fixtures/README.md).
    #[test]
    fn the_spectrogram_is_librosas() {
        let (samples, _) = clip("af_heart");
        let expected = numbers("af_heart.mels.bin");
        let mels = Spectrogram::default().of(&samples);
        let largest = expected.iter().copied().fold(0.0, f32::max);
        let mut worst = 0.0f32;
        for (found, expected) in mels.iter().zip(&expected) {
            worst = worst.max((found - expected).abs() / largest);
        }
        assert!(expected.len().abs_diff(mels.len()) <= 160 * BANDS, "{} of {}", mels.len(), expected.len());
        assert!(worst < 1e-6, "{worst:e}");
    }

    #[test]
    fn it_hears_what_resemblyzer_hears() {
        let mut encoder = encoder();
        for name in ["af_heart", "am_adam"] {
            let (samples, _) = clip(name);
            let found = encoder.embed_prepared(&samples).expect("it hears");
            let expected = numbers(&format!("{name}.embedding.bin"));
            assert_eq!(expected.len(), EMBEDDING);
            let worst = found.numbers().iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{name}: {worst:e}");
        }
    }

    #[test]
    fn a_voice_is_itself_at_any_rate_and_loudness_and_nobody_else() {
        let mut encoder = encoder();
        let ((heart, rate), (adam, _)) = (clip("af_heart"), clip("am_adam"));
        let half = heart.len() / 2;
        let whole = encoder.embed(&heart, rate).expect("it hears");
        let soft: Vec<f32> = heart.iter().map(|sample| sample * 0.01).collect();
        let silences = [vec![0.0; 40_000], heart.clone(), vec![0.0; 40_000]].concat();
        let cases = [
            ("soft", soft, rate, 0.99),
            ("at 48 kHz", resample(&heart, rate, 48_000), 48_000, 0.99),
            ("with silence around it", silences, rate, 0.98),
            ("its first half", heart[..half].to_vec(), rate, 0.8),
            ("its second half", heart[half..].to_vec(), rate, 0.8),
        ];
        let other = encoder.embed(&adam, rate).expect("it hears");
        for (case, samples, rate, least) in cases {
            let found = encoder.embed(&samples, rate).expect(case);
            let similarity = found.similarity(&whole);
            assert!(similarity > least, "{case}: {similarity}");
            assert!(found.similarity(&other) < 0.75, "{case}: {}", found.similarity(&other));
        }
    }

    #[test]
    fn silence_and_nothing_are_answers_or_errors_but_no_panic() {
        let mut encoder = encoder();
        for samples in [&[][..], &[0.0; 100][..], &[0.0; 50_000][..]] {
            if let Ok(embedding) = encoder.embed(samples, 16_000) {
                assert_eq!(embedding.numbers().len(), EMBEDDING);
            }
        }
    }

    #[test]
    fn windows_lie_as_resemblyzer_lays_them() {
        // From `VoiceEncoder.compute_partial_slices` of the Python package.
        let cases: [(usize, &[usize]); 7] = [
            (0, &[0]),
            (16_000, &[0]),
            (25_600, &[0]),
            (30_000, &[0]),
            (32_000, &[0, 77]),
            (48_000, &[0, 77, 154]),
            (64_000, &[0, 77, 154, 231]),
        ];
        for (samples, expected) in cases {
            assert_eq!(window_starts(samples), expected, "{samples}");
        }
    }

    #[test]
    fn sound_is_brought_to_one_loudness() {
        for (size, expected) in [(0.001, 0.0316), (0.01, 0.0316), (0.5, 0.0316), (0.0, 0.0)] {
            let mut sound: Vec<f32> = (0..1_000).map(|n| if n % 2 == 0 { size } else { -size }).collect();
            normalise(&mut sound);
            assert!((sound[0] - expected).abs() < 1e-4, "{size}: {}", sound[0]);
        }
        normalise(&mut []);
    }

    #[test]
    fn embeddings_have_length_1_and_their_mean_lies_between() {
        let axis = |at: usize| {
            let mut numbers = vec![0.0; EMBEDDING];
            numbers[at] = 7.0;
            Embedding::new(numbers).expect("a direction")
        };
        let (a, b) = (axis(0), axis(1));
        assert_eq!((a.similarity(&a), a.similarity(&b)), (1.0, 0.0));
        let mean = Embedding::mean([&a, &b]).expect("two of them");
        assert!((mean.similarity(&a) - 0.5f32.sqrt()).abs() < 1e-6);
        for wrong in [vec![0.0; EMBEDDING], vec![1.0; 3], vec![f32::NAN; EMBEDDING]] {
            assert!(Embedding::new(wrong).is_err());
        }
        assert!(Embedding::mean([]).is_err());
    }
}
