//! Loudness as EBU R128 measures it, and the limiter behind it.
//!
//! A voice gets one gain for all that it says, so that its pieces keep their proportions: a "yes" by itself is not blown
//! up, and nothing pumps. The gain is known before the first piece, because a voice's own loudness is a fact of its model
//! ([`Speech::loudness`](crate::Speech::loudness)). Only a piece that is far louder or softer than its voice is moved.

use ebur128::{EbuR128, Mode};
use visage_core::SAMPLE_RATE;

/// Integrated loudness that voices are brought to, LUFS: the lower end of what AES TD1008 (2021) recommends for speech in
/// streams, so that peaks need not be pressed down. One channel; on two loudspeakers it is 3 LU more.
pub const LOUDNESS: f32 = -20.0;
/// No true peak (between the samples, too) is higher: -1 dBTP, as EBU R128 asks for.
pub const PEAK: f32 = 0.891;
/// How far a piece may be from its voice's loudness before it is moved, LU: what sentences differ by in natural speech.
const NATURAL: f32 = 3.0;
/// The length of a gating block of BS.1770, samples: what is shorter has no integrated loudness.
const BLOCK: usize = SAMPLE_RATE as usize * 2 / 5;
/// Half of the limiter's window, samples: 1.5 ms. Gain changes over it are not heard as distortion.
const WINDOW: usize = SAMPLE_RATE as usize * 3 / 2_000;

/// The integrated loudness of mono samples at 48 kHz, LUFS. What is shorter than a block counts as one block of the same
/// energy. `None` for silence.
pub fn loudness(samples: &[f32]) -> Option<f32> {
    let short = samples.len() < BLOCK;
    let mut meter = EbuR128::new(1, SAMPLE_RATE, if short { Mode::M } else { Mode::I }).ok()?;
    meter.add_frames_f32(samples).ok()?;
    let measured = if short {
        meter.add_frames_f32(&vec![0.0; BLOCK - samples.len()]).ok()?;
        meter.loudness_momentary().ok()? + 10.0 * (BLOCK as f64 / samples.len().max(1) as f64).log10()
    } else {
        meter.loudness_global().ok()?
    };
    measured.is_finite().then_some(measured as f32)
}

/// Brings a voice's piece to [`LOUDNESS`] times `volume`, without a true peak above [`PEAK`]. `own` is the voice's own
/// loudness, LUFS.
pub(crate) fn level(samples: &mut [f32], own: Option<f32>, volume: f32) {
    let Some(measured) = loudness(samples) else { return };
    let from_voice = (measured - own.unwrap_or(measured)).clamp(-NATURAL, NATURAL);
    let gain = decibels(LOUDNESS + from_voice - measured) * volume.clamp(0.0, 4.0);
    samples.iter_mut().for_each(|sample| *sample *= gain);
    limit(samples);
}

fn decibels(decibels: f32) -> f32 {
    10.0_f32.powf(decibels / 20.0)
}

/// Turns what is above [`PEAK`] down, gently around each peak, and the rest not at all.
fn limit(samples: &mut [f32]) {
    if samples.iter().any(|sample| sample.abs() > PEAK) {
        // The gain that each sample needs; then the least in a window around it; then the mean of those, which is smooth and
        // never more than the sample's own need.
        let needed: Vec<f32> = samples.iter().map(|sample| (PEAK / sample.abs()).min(1.0)).collect();
        let mut least = vec![1.0_f32; needed.len()];
        for (at, gain) in needed.iter().enumerate().filter(|(_, gain)| **gain < 1.0) {
            for slot in &mut least[at.saturating_sub(WINDOW)..(at + WINDOW + 1).min(needed.len())] {
                *slot = slot.min(*gain);
            }
        }
        let mut sums = Vec::with_capacity(least.len() + 1);
        sums.push(0.0_f64);
        for gain in &least {
            sums.push(sums[sums.len() - 1] + f64::from(*gain));
        }
        for (at, sample) in samples.iter_mut().enumerate() {
            let (from, to) = (at.saturating_sub(WINDOW), (at + WINDOW + 1).min(least.len()));
            *sample *= ((sums[to] - sums[from]) / (to - from) as f64) as f32;
        }
    }
    // Between the samples there may be a little more.
    let peak = true_peak(samples);
    if peak > PEAK {
        let gain = PEAK / peak;
        samples.iter_mut().for_each(|sample| *sample *= gain);
    }
}

/// The highest value of mono samples at 48 kHz, also between them: four times oversampled, as BS.1770 says.
fn true_peak(samples: &[f32]) -> f32 {
    let measured = EbuR128::new(1, SAMPLE_RATE, Mode::TRUE_PEAK).and_then(|mut meter| {
        meter.add_frames_f32(samples)?;
        meter.true_peak(0)
    });
    measured.unwrap_or(0.0) as f32
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    /// A tone of 1 kHz, which BS.1770 weights with almost 1: its loudness is its level in dBFS less 3 (one channel's sine).
    fn tone(seconds: f32, level: f32) -> Vec<f32> {
        let samples = (seconds * SAMPLE_RATE as f32) as usize;
        (0..samples).map(|at| decibels(level) * (at as f32 / SAMPLE_RATE as f32 * 1_000.0 * TAU).sin()).collect()
    }

    #[test]
    fn a_tone_is_as_loud_as_the_standard_says() {
        for (seconds, level) in [(3.0, -23.0), (0.5, -23.0), (0.2, -23.0), (0.1, -40.0)] {
            let found = loudness(&tone(seconds, level)).expect("it is not silent");
            assert!((found - (level - 3.01)).abs() < 0.3, "{seconds} s at {level} dBFS: {found} LUFS");
        }
        assert_eq!(loudness(&[0.0; 48_000]), None);
        assert_eq!(loudness(&[]), None);
    }

    #[test]
    fn pieces_of_a_voice_keep_their_proportions_within_bounds() {
        // The level of a piece of a voice of -26 LUFS, and the loudness that it gets.
        let cases = [
            (-23.0, Some(-26.0), -20.0),
            (-25.0, Some(-26.0), -22.0),
            (-33.0, Some(-26.0), -23.0),
            (-11.0, Some(-26.0), -17.0),
            (-11.0, None, -20.0),
            (-60.0, None, -20.0),
        ];
        for (level_of_piece, own, expected) in cases {
            for seconds in [2.0, 0.3] {
                let mut samples = tone(seconds, level_of_piece);
                level(&mut samples, own, 1.0);
                let found = loudness(&samples).expect("it is not silent");
                assert!((found - expected).abs() < 0.3, "{level_of_piece} {own:?} {seconds}: {found}");
            }
        }
        let mut half = tone(2.0, -23.0);
        level(&mut half, None, 0.5);
        assert!((loudness(&half).expect("it is not silent") - (LOUDNESS - 6.02)).abs() < 0.1);
    }

    #[test]
    fn peaks_are_limited_and_nothing_else_is() {
        let mut samples = tone(1.0, -10.0);
        let before = samples.clone();
        for at in [1_000, 30_000, 30_010] {
            samples[at] = 3.0;
        }
        limit(&mut samples);
        assert!(true_peak(&samples) <= PEAK * 1.001);
        // Further away than the window nothing has changed but by the last touch for what is between the samples.
        let touch = samples[10_007] / before[10_007];
        assert!((0.7..=1.0).contains(&touch), "{touch}");
        for at in 5_000..25_000 {
            assert!((samples[at] - before[at] * touch).abs() < 1e-4, "{at}");
        }
        // The gain does not jump.
        let gains: Vec<f32> = (900..990).map(|at| samples[at] / before[at]).filter(|gain| gain.is_finite()).collect();
        assert!(gains.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.1), "{gains:?}");
        // What is soft enough stays as it is, to the bit.
        let mut soft = before.clone();
        limit(&mut soft);
        assert_eq!(soft, before);
        limit(&mut []);
    }
}
