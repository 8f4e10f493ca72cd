//! Which code comes next: scores become shares, and one is drawn.
//!
//! Source: the processors of huggingface/transformers (`generation/logits_process.py`) in the order in which `generate`
//! applies them: repetition penalty (Keskar et al. 2019, arXiv:1909.05858), temperature, top k, top p (Holtzman et al.
//! 2019, arXiv:1904.09751).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::XttsError;

/// The code that the reference fills the places of voice and text with, and therefore punishes as one that was said
/// (`compute_embeddings` in `TTS/tts/layers/xtts/gpt.py`).
const FILLER: usize = 1;

/// How a text is spoken. [`Xtts::sampling`](crate::Xtts::sampling) gives what the checkpoint asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// How even the shares are made: above 0; small ones make speech monotonous, above 1 it wanders.
    pub temperature: f32,
    /// Only this many of the best codes are drawn from; 0 for all.
    pub top_k: usize,
    /// And only the best whose shares add up to this much; in 0..=1, 1 for all.
    pub top_p: f32,
    /// How much less likely a code becomes that was said before; 1 or more, 1 for not at all.
    pub repetition_penalty: f32,
    /// Whether the best code is taken each time, and none drawn. For comparison; speech sounds dull by it.
    pub greedy: bool,
    /// What is drawn: the same seed gives the same speech.
    pub seed: u64,
    /// How fast, 0.25..=4; 1 as the voice speaks.
    pub speed: f32,
    /// Codes at most, 1024 samples at 22.05 kHz (46 ms) each; what the checkpoint takes is a bound as well (28 s).
    pub most_codes: usize,
}

impl Default for Sampling {
    /// As `Xtts.inference` has it.
    fn default() -> Self {
        Self {
            temperature: 0.75,
            top_k: 50,
            top_p: 0.85,
            repetition_penalty: 10.0,
            greedy: false,
            seed: 0,
            speed: 1.0,
            most_codes: usize::MAX,
        }
    }
}

impl Sampling {
    /// Whether every setting has a meaning.
    pub(crate) fn check(&self) -> Result<(), XttsError> {
        let wrong = [
            (!(self.temperature > 0.0 && self.temperature.is_finite()), "the temperature must be above 0"),
            (!(0.0..=1.0).contains(&self.top_p), "top_p must be in 0..=1"),
            (
                !(self.repetition_penalty >= 1.0 && self.repetition_penalty.is_finite()),
                "repetition_penalty must be 1 or more",
            ),
            (!(0.25..=4.0).contains(&self.speed), "the speed must be in 0.25..=4"),
            (self.most_codes == 0, "most_codes must be 1 or more"),
        ];
        wrong.iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, reason)| Err(XttsError::Sampling(reason)))
    }
}

/// Draws codes one after the other.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    said: Vec<bool>,
    random: ChaCha8Rng,
}

impl Sampler {
    /// For `codes` different codes, of which `start` has been said.
    pub fn new(sampling: Sampling, codes: usize, start: usize) -> Self {
        let mut said = vec![false; codes];
        for code in [FILLER, start] {
            if let Some(said) = said.get_mut(code) {
                *said = true;
            }
        }
        Self { sampling, said, random: ChaCha8Rng::seed_from_u64(sampling.seed) }
    }

    /// The next code, from a finite score for each.
    pub fn next(&mut self, scores: &mut [f32]) -> usize {
        punish(scores, &self.said, self.sampling.repetition_penalty);
        let code = if self.sampling.greedy {
            best(scores)
        } else {
            let shares = shares(scores, &self.sampling);
            drawn(&shares, self.random.random())
        };
        if let Some(said) = self.said.get_mut(code) {
            *said = true;
        }
        code
    }
}

/// Makes codes that were said less likely.
fn punish(scores: &mut [f32], said: &[bool], penalty: f32) {
    for (score, _) in scores.iter_mut().zip(said).filter(|(_, said)| **said) {
        *score = if *score < 0.0 { *score * penalty } else { *score / penalty };
    }
}

/// The first of the best.
fn best(scores: &[f32]) -> usize {
    let better = |best: usize, code: usize| if scores[code] > scores[best] { code } else { best };
    (0..scores.len()).fold(0, better)
}

/// The share of each code, by temperature, top k and top p; they add up to 1.
fn shares(scores: &[f32], sampling: &Sampling) -> Vec<f32> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let highest = order.first().map_or(0.0, |&code| scores[code]);
    if sampling.top_k > 0 && sampling.top_k < order.len() {
        // What is as good as the last of them stays.
        let least = scores[order[sampling.top_k - 1]];
        order.retain(|&code| scores[code] >= least);
    }
    let weight = |code: usize| ((scores[code] - highest) / sampling.temperature).exp();
    let total: f32 = order.iter().map(|&code| weight(code)).sum();
    if sampling.top_p < 1.0 {
        // From the worst on, as long as what is left is enough.
        let mut gone = 0.0;
        while let Some(&code) = order.last().filter(|_| order.len() > 1) {
            gone += weight(code) / total;
            if gone > 1.0 - sampling.top_p {
                break;
            }
            order.pop();
        }
    }
    let total: f32 = order.iter().map(|&code| weight(code)).sum();
    let mut shares = vec![0.0; scores.len()];
    for code in order {
        shares[code] = weight(code) / total;
    }
    shares
}

/// The code in whose share a `place` in 0..1 lies.
fn drawn(shares: &[f32], place: f64) -> usize {
    let mut before = 0.0;
    for (code, share) in shares.iter().enumerate() {
        before += f64::from(*share);
        if place < before {
            return code;
        }
    }
    // Rounding may leave a gap at the end.
    shares.iter().rposition(|&share| share > 0.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tensors;

    #[test]
    fn shares_are_those_of_the_reference() {
        let tensors = Tensors::load("sampling");
        let (scores, seen) = (tensors.f32("scores"), tensors.i64("seen"));
        let settings = tensors.f32("settings");
        let expected = tensors.f32("shares");
        let rows = settings.chunks_exact(4).zip(expected.chunks_exact(scores.len()));
        assert_eq!(rows.len(), 5);
        for (setting, expected) in rows {
            let [temperature, top_k, top_p, repetition_penalty] = [0, 1, 2, 3].map(|n| setting[n]);
            let sampling =
                Sampling { temperature, top_k: top_k as usize, top_p, repetition_penalty, ..Sampling::default() };
            let mut said = vec![false; scores.len()];
            seen.iter().for_each(|&code| said[code as usize] = true);
            let mut scores = scores.clone();
            punish(&mut scores, &said, repetition_penalty);
            let found = shares(&scores, &sampling);
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{setting:?}: {worst}");
            let kept = |shares: &[f32]| shares.iter().filter(|&&share| share > 0.0).count();
            assert_eq!(kept(&found), kept(expected), "{setting:?}");
        }
    }

    #[test]
    fn draws_follow_shares_and_seed() {
        let shares = [0.25, 0.0, 0.5, 0.25];
        let cases = [(0.0, 0), (0.24, 0), (0.25, 2), (0.74, 2), (0.75, 3), (0.999, 3), (1.0, 3)];
        for (place, expected) in cases {
            assert_eq!(drawn(&shares, place), expected, "{place}");
        }
        let run = |seed| {
            let mut sampler = Sampler::new(Sampling { seed, ..Sampling::default() }, 8, 7);
            (0..20).map(|_| sampler.next(&mut [0.0, 1.0, 0.5, 0.2, 0.9, 0.1, 1.1, 0.0])).collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn what_was_said_is_said_less() {
        let sampling = Sampling { greedy: true, repetition_penalty: 2.0, ..Sampling::default() };
        let mut sampler = Sampler::new(sampling, 4, 3);
        // The filler (1) and the start (3) count as said, and each code once it was.
        let codes: Vec<_> = (0..4).map(|_| sampler.next(&mut [1.0, 1.9, -0.1, 1.5])).collect();
        assert_eq!(codes, [0, 1, 1, 1]);
        let mut scores = [2.0, -2.0, 3.0];
        punish(&mut scores, &[true, true, false], 4.0);
        assert_eq!(scores, [0.5, -8.0, 3.0]);
    }

    #[test]
    fn settings_without_a_meaning_are_refused() {
        Sampling::default().check().expect("they are those of the reference");
        let wrong = [
            Sampling { temperature: 0.0, ..Sampling::default() },
            Sampling { temperature: f32::NAN, ..Sampling::default() },
            Sampling { top_p: 1.1, ..Sampling::default() },
            Sampling { repetition_penalty: 0.5, ..Sampling::default() },
            Sampling { speed: 0.0, ..Sampling::default() },
            Sampling { most_codes: 0, ..Sampling::default() },
        ];
        for sampling in wrong {
            assert!(sampling.check().is_err(), "{sampling:?}");
        }
    }
}
