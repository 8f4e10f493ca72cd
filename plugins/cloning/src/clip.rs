//! Whether a recording is fit to be cloned, and what to do about it if it is not.
//!
//! Sound is read elsewhere (`visage_core::decode_sound`); here it is mono samples and their rate. Each refusal says what is
//! wrong with how much of it, and how to record it better.

use sha2::{Digest, Sha256};
use visage_core::resample;

use crate::{
    CloningError, Embedding, SpeakerEncoder, denoise,
    spectrogram::ENCODER_RATE,
    voiced::{FRAME, seconds, voiced_frames},
};

/// Samples a second that a recording may have.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;
/// Seconds of a recording at most. More than half a minute adds nothing to an embedding.
pub const LONGEST_CLIP: f32 = 120.0;
/// Seconds in which somebody speaks, at least: two windows of the encoder.
pub const LEAST_VOICED: f32 = 3.0;
/// A recording whose loudest sample is below this is silent: -50 dBFS.
const SILENT_PEAK: f32 = 0.003_16;
/// A top is flat if samples as near to the loudest as this...
const TOP: f32 = 0.98;
/// ...differ from the one before by no more than this share of the loudest...
const FLAT: f32 = 1e-3;
/// ...so many times in a row.
const FLAT_RUN: usize = 3;
/// The share of all samples that may lie in flat tops. A clean recording has a few by chance.
const CLIPPED_SHARE: f32 = 5e-4;
/// Speech must be so much louder than what is heard between its sounds, dB.
pub const LEAST_SIGNAL_TO_NOISE: f32 = 15.0;
/// The share of frames, the softest ones, that are taken for the noise.
const NOISE_SHARE: f32 = 0.1;
/// Digital silence would be infinitely far below speech, dB.
const BEST_SIGNAL_TO_NOISE: f32 = 80.0;
/// Voices in two parts of one recording (of two windows each) that are less similar than this are those of two people, or
/// of one in very different moods: calm clips of one human have 0.78 to 0.91, with angry, sleepy or whispered ones 0.52 to 0.67.
const ONE_SPEAKER: f32 = 0.6;

/// What is wanted of a recording before it is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClipOptions {
    /// Take noise out first (RNNoise). It helps with hiss and fans, and makes a clean voice a little duller.
    pub denoise: bool,
}

/// A recording that is fit to be cloned.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceClip {
    /// Mono samples at 16 kHz, with their silences.
    samples: Vec<f32>,
    /// Seconds in which somebody speaks.
    pub voiced_seconds: f32,
    /// How much louder speech is than what is heard between its sounds, dB, at most 80.
    pub signal_to_noise: f32,
    /// SHA-256 of the recording as it was given (rate and samples, 32 bits each, little-endian), lower-case hexadecimal.
    pub sha256: String,
}

impl ReferenceClip {
    /// Judges a recording: mono samples in -1..=1 and how many a second.
    ///
    /// # Errors
    /// It is of no use as it is. The message says why and what to do.
    pub fn check(samples: &[f32], rate: u32, options: ClipOptions) -> Result<Self, CloningError> {
        if !RATES.contains(&rate) {
            return Err(CloningError::Rate { rate });
        }
        if samples.iter().any(|sample| !sample.is_finite()) {
            return Err(CloningError::NotANumber);
        }
        let length = samples.len() as f32 / rate as f32;
        if length > LONGEST_CLIP {
            return Err(CloningError::TooLong { found: length });
        }
        let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        if peak < SILENT_PEAK {
            return Err(CloningError::Silent);
        }
        let clipped = flat_tops(samples, peak);
        if clipped > CLIPPED_SHARE {
            return Err(CloningError::Clipped { share: clipped });
        }
        let sound = if options.denoise {
            resample(&denoise(samples, rate), visage_core::SAMPLE_RATE, ENCODER_RATE)
        } else {
            resample(samples, rate, ENCODER_RATE)
        };
        let voiced = voiced_frames(&sound);
        let voiced_seconds = seconds(voiced.iter().filter(|voiced| **voiced).count());
        if voiced_seconds < LEAST_VOICED {
            return Err(CloningError::TooShort { found: voiced_seconds });
        }
        let signal_to_noise = signal_to_noise(&sound, &voiced);
        if signal_to_noise < LEAST_SIGNAL_TO_NOISE {
            return Err(CloningError::Noisy { found: signal_to_noise, denoised: options.denoise });
        }
        Ok(Self { samples: sound, voiced_seconds, signal_to_noise, sha256: hash(samples, rate) })
    }

    /// The voice in it.
    ///
    /// # Errors
    /// The encoder failed, or hears two people.
    pub fn embed(&self, encoder: &mut SpeakerEncoder) -> Result<Embedding, CloningError> {
        let windows = encoder.embed_windows(&crate::encoder::prepare(&self.samples, ENCODER_RATE))?;
        let whole = Embedding::mean(&windows)?;
        // A single window may be half a breath: the means of two neighbours are compared.
        let parts = windows.windows(2).map(Embedding::mean).collect::<Result<Vec<_>, _>>()?;
        let between = parts.iter().flat_map(|a| parts.iter().map(|b| a.similarity(b)));
        let similarity = between.fold(1.0, f32::min);
        if similarity < ONE_SPEAKER {
            return Err(CloningError::SeveralSpeakers { similarity });
        }
        Ok(whole)
    }
}

/// The share of samples that lie in flat tops, as a converter makes them that was driven too hard.
fn flat_tops(samples: &[f32], peak: f32) -> f32 {
    let (mut flat, mut run) = (0, 0);
    for pair in samples.windows(2) {
        if pair[1].abs() >= TOP * peak && (pair[1] - pair[0]).abs() <= FLAT * peak {
            run += 1;
            flat += match run {
                ..FLAT_RUN => 0,
                FLAT_RUN => FLAT_RUN,
                _ => 1,
            };
        } else {
            run = 0;
        }
    }
    flat as f32 / samples.len().max(1) as f32
}

/// How much louder speech is than what is heard between its sounds, dB: the mean power of voiced frames against that of
/// the softest tenth of all frames.
fn signal_to_noise(samples: &[f32], voiced: &[bool]) -> f32 {
    let power = |frame: &[f32]| frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / FRAME as f64;
    let mut powers: Vec<f64> = samples.chunks_exact(FRAME).map(power).collect();
    let speech: Vec<f64> = powers.iter().zip(voiced).filter(|(_, voiced)| **voiced).map(|(power, _)| *power).collect();
    powers.sort_by(f64::total_cmp);
    let softest =
        &powers[..((powers.len() as f32 * NOISE_SHARE) as usize).clamp(1, powers.len().max(1)).min(powers.len())];
    let mean = |powers: &[f64]| powers.iter().sum::<f64>() / powers.len().max(1) as f64;
    let (speech, noise) = (mean(&speech), mean(softest));
    let ratio = (speech - noise).max(0.0) / noise.max(1e-12);
    (10.0 * ratio.max(1e-3).log10() as f32).min(BEST_SIGNAL_TO_NOISE)
}

fn hash(samples: &[f32], rate: u32) -> String {
    let mut hasher = Sha256::new();
    hasher.update(rate.to_le_bytes());
    samples.iter().for_each(|sample| hasher.update(sample.to_le_bytes()));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{clip, noise};

    fn check(samples: &[f32], rate: u32, denoise: bool) -> Result<ReferenceClip, CloningError> {
        ReferenceClip::check(samples, rate, ClipOptions { denoise })
    }

    fn scaled(samples: &[f32], gain: f32) -> Vec<f32> {
        samples.iter().map(|sample| sample * gain).collect()
    }

    /// A sound with white noise so many dB below it.
    fn noisy(samples: &[f32], decibels: f32) -> Vec<f32> {
        let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
        let size = (3.0 * power).sqrt() * 10f32.powf(-decibels / 20.0);
        samples.iter().zip(noise(samples.len(), 3)).map(|(sample, noise)| sample + size * noise).collect()
    }

    #[test]
    fn good_recordings_pass() {
        for name in ["af_heart", "am_adam"] {
            let (samples, rate) = clip(name);
            let whole = check(&samples, rate, false).expect(name);
            assert!((LEAST_VOICED..5.5).contains(&whole.voiced_seconds), "{}", whole.voiced_seconds);
            assert!(whole.signal_to_noise > 25.0, "{}", whole.signal_to_noise);
            assert_eq!(whole.sha256.len(), 64);
            let cases = [
                ("softer", scaled(&samples, 0.05), rate),
                ("louder, not clipped", scaled(&samples, 1.4), rate),
                ("another rate", resample(&samples, rate, 44_100), 44_100),
                ("a little noise", noisy(&samples, 25.0), rate),
            ];
            for (case, samples, rate) in cases {
                let clip = check(&samples, rate, false).expect(case);
                assert_ne!(clip.sha256, whole.sha256, "{case}");
            }
        }
    }

    #[test]
    fn bad_recordings_are_refused_with_what_to_do() {
        let (good, rate) = clip("af_heart");
        let clipped: Vec<f32> = scaled(&good, 6.0).iter().map(|sample| sample.clamp(-1.0, 1.0)).collect();
        let mut broken = good.clone();
        broken[1_000] = f32::NAN;
        let tone: Vec<f32> = (0..5 * rate).map(|n| 0.3 * (n as f32 * 0.2).sin()).collect();
        let cases: [(&str, Vec<f32>, u32, &str); 12] = [
            ("empty", Vec::new(), rate, "silent"),
            ("zeros", vec![0.0; 5 * rate as usize], rate, "silent"),
            ("nearly zeros", scaled(&good, 0.001), rate, "not muted"),
            ("two seconds", good[..2 * rate as usize].to_vec(), rate, "10 to 30 seconds"),
            ("noise", scaled(&noise(5 * rate as usize, 1), 0.3), rate, "s of speech were found"),
            ("a tone", tone, rate, "s of speech were found"),
            ("clipped", clipped.clone(), rate, "turn the microphone down"),
            ("clipped, then made softer", scaled(&clipped, 0.3), rate, "flat tops"),
            ("loud noise", noisy(&good, 6.0), rate, "ask for noise reduction"),
            ("not a number", broken, rate, "not numbers"),
            ("an odd rate", good.clone(), 100, "100 samples a second"),
            ("too long", vec![0.1; 121 * 8_000], 8_000, "120 s at most"),
        ];
        for (case, samples, rate, words) in cases {
            let error = check(&samples, rate, false).map(|clip| clip.signal_to_noise).expect_err(case).to_string();
            assert!(error.contains(words), "{case}: {error}");
        }
    }

    #[test]
    fn noise_reduction_saves_a_noisy_recording() {
        let (good, rate) = clip("am_adam");
        let noisy = noisy(&good, 8.0);
        assert!(matches!(check(&noisy, rate, false), Err(CloningError::Noisy { denoised: false, .. })));
        let clean = check(&noisy, rate, true).expect("the noise is gone");
        assert!(clean.signal_to_noise > 25.0, "{}", clean.signal_to_noise);
        // It is still the same recording.
        assert_eq!(clean.sha256, hash(&noisy, rate));
    }

    #[test]
    fn two_people_are_not_one_voice() {
        let mut encoder = SpeakerEncoder::load(1).expect("it is shipped, and ONNX Runtime was fetched");
        let ((heart, rate), (adam, _)) = (clip("af_heart"), clip("am_adam"));
        let mut embed = |samples: &[f32]| check(samples, rate, false).expect("it is good").embed(&mut encoder);
        let (heart_voice, adam_voice) = (embed(&heart).expect("one voice"), embed(&adam).expect("one voice"));
        let similarity = heart_voice.similarity(&adam_voice);
        assert!(similarity < 0.75, "{similarity}");
        let error = embed(&[heart, adam].concat()).expect_err("two voices").to_string();
        assert!(error.contains("more than one voice"), "{error}");
    }
}
