//! The mouth from sound alone, for speech whose phonemes nobody knows: sound files and live microphones.
//!
//! A small and honest analyser: loudness opens the mouth; the strongest frequencies of the two lowest formants say which
//! vowel it is near to (G. E. Peterson and H. L. Barney, "Control methods used in a study of the vowels", 1952: means of
//! men and women); noise above 4 kHz says s or sh. It cannot see lips close on p, b and m other than by their silence.

use std::f32::consts::TAU;

use visage_core::{SAMPLE_RATE, SAMPLES_PER_TICK, VISEMES, Viseme, VisemeWeights};

/// A vowel's mouth, its first and second formant in Hz.
const VOWELS: [(Viseme, f32, f32); 5] = [
    (Viseme::Aa, 780.0, 1_200.0),
    (Viseme::E, 560.0, 1_950.0),
    (Viseme::I, 320.0, 2_450.0),
    (Viseme::O, 500.0, 880.0),
    (Viseme::U, 340.0, 950.0),
];

/// Softer than this (root mean square) is silence, however soft the speaker is: -52 dBFS.
const SILENCE: f32 = 0.0025;
/// Share of the loudness that is forgotten in a tick: the speaker's level is followed within some three seconds.
const FORGET: f32 = 0.01;
/// How far the mouth follows the sound within a tick.
const FOLLOW: f32 = 0.6;

/// Analysed frequencies up to 4 kHz, Hz apart. A glottal harmonic at least is then inside each step.
const LOW_STEP: f32 = 70.0;
const LOW_COUNT: usize = 56;
/// Analysed frequencies from 4 to 10 kHz, Hz apart.
const HIGH_STEP: f32 = 300.0;
const HIGH_COUNT: usize = 20;

/// Follows a stream of sound, one block of a tick at a time.
#[derive(Clone, Debug)]
pub struct Analyser {
    /// Level of the speaker's loud sounds, root mean square.
    loud: f32,
    weights: VisemeWeights,
    window: Vec<f32>,
}

impl Default for Analyser {
    fn default() -> Self {
        let hann = |index: usize| 0.5 - 0.5 * (TAU * index as f32 / SAMPLES_PER_TICK as f32).cos();
        Self { loud: 0.03, weights: VisemeWeights::default(), window: (0..SAMPLES_PER_TICK).map(hann).collect() }
    }
}

impl Analyser {
    /// The visemes of the next block: 1,600 samples at 48 kHz, in -1..=1. Costs about 0.2 ms.
    pub fn next(&mut self, block: &[f32; SAMPLES_PER_TICK]) -> VisemeWeights {
        let level = (block.iter().map(|s| s * s).sum::<f32>() / SAMPLES_PER_TICK as f32).sqrt();
        let level = if level.is_finite() { level } else { 0.0 };
        self.loud = (self.loud * (1.0 - FORGET)).max(level).max(4.0 * SILENCE);
        let mut heard = VisemeWeights::default();
        if level > SILENCE.max(0.05 * self.loud) {
            // The ear's loudness grows with about the square root of the amplitude.
            let openness = (level / self.loud).sqrt().clamp(0.0, 1.0);
            self.classify(block, openness, &mut heard);
        }
        for viseme in VISEMES {
            self.weights[viseme] += FOLLOW * (heard[viseme] - self.weights[viseme]);
            if self.weights[viseme] < 0.01 {
                self.weights[viseme] = 0.0;
            }
        }
        self.weights
    }

    /// The visemes now; what [`Self::next`] gave last.
    pub fn weights(&self) -> VisemeWeights {
        self.weights
    }

    fn classify(&self, block: &[f32; SAMPLES_PER_TICK], openness: f32, heard: &mut VisemeWeights) {
        let windowed: Vec<f32> = block.iter().zip(&self.window).map(|(sample, gain)| sample * gain).collect();
        let low: Vec<f32> = (0..LOW_COUNT).map(|n| energy_at(&windowed, low_frequency(n))).collect();
        let high: Vec<f32> = (0..HIGH_COUNT).map(|n| energy_at(&windowed, 4_000.0 + n as f32 * HIGH_STEP)).collect();
        let low_energy: f32 = low.iter().sum::<f32>() * LOW_STEP;
        let high_energy: f32 = high.iter().sum::<f32>() * HIGH_STEP;
        let hiss = (high_energy / (low_energy + high_energy + 1e-12)).clamp(0.0, 1.0);
        let hiss = ((hiss - 0.25) / 0.4).clamp(0.0, 1.0);
        // s is noisiest above 6 kHz, sh below.
        let upper: f32 = high[7..].iter().sum::<f32>() / high.iter().sum::<f32>().max(1e-12);
        heard[Viseme::SS] = hiss * upper;
        heard[Viseme::CH] = hiss * (1.0 - upper);
        let (first, second) = formants(&low);
        let fit = |(_, f1, f2): &(Viseme, f32, f32)| {
            let distance = ((first / f1).ln() / 0.25).powi(2) + ((second / f2).ln() / 0.25).powi(2);
            (-0.5 * distance).exp() + 1e-6
        };
        let total: f32 = VOWELS.iter().map(fit).sum();
        for vowel in &VOWELS {
            heard[vowel.0] = (1.0 - hiss) * openness * fit(vowel) / total;
        }
    }
}

fn low_frequency(index: usize) -> f32 {
    150.0 + index as f32 * LOW_STEP
}

/// Energy of a sound at a frequency (G. Goertzel, 1958).
fn energy_at(samples: &[f32], frequency: f32) -> f32 {
    let coefficient = 2.0 * (TAU * frequency / SAMPLE_RATE as f32).cos();
    let (mut last, mut before) = (0.0_f32, 0.0_f32);
    for sample in samples {
        let next = sample + coefficient * last - before;
        before = last;
        last = next;
    }
    (last * last + before * before - coefficient * last * before).max(0.0) / samples.len() as f32
}

/// Centres of the first and second formant in Hz, from energies at [`low_frequency`].
fn formants(low: &[f32]) -> (f32, f32) {
    // Harmonics fall by 6 dB an octave (source and lips together); what is left is the mouth.
    let weighted: Vec<f32> =
        low.iter().enumerate().map(|(n, energy)| energy * (low_frequency(n) / 500.0).powi(2)).collect();
    // Five steps (350 Hz) even the harmonics out.
    let smooth: Vec<f32> = (0..weighted.len())
        .map(|n| {
            let part = &weighted[n.saturating_sub(2)..(n + 3).min(weighted.len())];
            part.iter().sum::<f32>() / part.len() as f32
        })
        .collect();
    let strongest = |from: f32, to: f32| {
        let inside = (0..smooth.len()).filter(|n| (from..to).contains(&low_frequency(*n)));
        inside.max_by(|a, b| smooth[*a].total_cmp(&smooth[*b])).map_or(from, low_frequency)
    };
    let first = strongest(220.0, 1_000.0);
    let second = strongest((first + 250.0).max(750.0), 3_000.0);
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice of 120 Hz with two formants, or noise, or nothing.
    fn vowel(first: f32, second: f32) -> Vec<f32> {
        let gain = |f: f32, formant: f32| 1.0 / (1.0 + ((f - formant) / 90.0).powi(2));
        (0..SAMPLES_PER_TICK * 12)
            .map(|index| {
                let t = index as f32 / SAMPLE_RATE as f32;
                (1..30)
                    .map(|harmonic| harmonic as f32 * 120.0)
                    .map(|f| (gain(f, first) + 0.6 * gain(f, second)) * (500.0 / f) * (TAU * f * t).sin() * 0.1)
                    .sum::<f32>()
            })
            .collect()
    }

    fn noise(highest_first: bool) -> Vec<f32> {
        let mut random = 7_u32;
        let mut last = 0.0;
        (0..SAMPLES_PER_TICK * 12)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let sample = random as f32 / u32::MAX as f32 - 0.5;
                let high = if highest_first { sample - last } else { sample };
                last = sample;
                high * 0.2
            })
            .collect()
    }

    fn strongest(samples: &[f32]) -> (Viseme, f32) {
        let mut analyser = Analyser::default();
        for block in samples.chunks_exact(SAMPLES_PER_TICK) {
            analyser.next(block.try_into().expect("chunks are exact"));
        }
        let weights = analyser.weights();
        VISEMES.into_iter().map(|v| (v, weights[v])).max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are visemes")
    }

    #[test]
    fn vowels_and_hisses_are_told_apart() {
        for (viseme, first, second) in VOWELS {
            let (found, weight) = strongest(&vowel(first, second));
            assert!(found == viseme && weight > 0.5, "{viseme:?}: {found:?} {weight}");
        }
        assert_eq!(strongest(&noise(true)).0, Viseme::SS);
    }

    #[test]
    fn silence_is_rest_and_nothing_jumps() {
        let mut analyser = Analyser::default();
        let mut sound = vowel(780.0, 1_200.0);
        sound.extend(vec![0.0; SAMPLES_PER_TICK * 12]);
        let mut last = VisemeWeights::default();
        for block in sound.chunks_exact(SAMPLES_PER_TICK) {
            let weights = analyser.next(block.try_into().expect("chunks are exact"));
            assert!(weights.0.iter().zip(last.0).all(|(now, then)| (now - then).abs() <= FOLLOW + 1e-6));
            last = weights;
        }
        assert_eq!(last, VisemeWeights::default());
        analyser.next(&[f32::NAN; SAMPLES_PER_TICK]);
        assert!(analyser.weights().0.iter().all(|weight| weight.is_finite()));
    }

    #[test]
    fn a_soft_speaker_opens_the_mouth_too() {
        let mut analyser = Analyser::default();
        let soft: Vec<f32> = vowel(780.0, 1_200.0).iter().map(|sample| sample * 0.1).collect();
        for _ in 0..30 {
            for block in soft.chunks_exact(SAMPLES_PER_TICK) {
                analyser.next(block.try_into().expect("chunks are exact"));
            }
        }
        assert!(analyser.weights()[Viseme::Aa] > 0.4, "{:?}", analyser.weights());
    }
}
