//! Blinks. A person blinks about 15 times a minute at rest (Bentivoglio et al. 1997, "Analysis of blink rate patterns in
//! normal subjects"); a blink closes in about 80 ms and opens more slowly.

use rand::{Rng, RngExt};
use visage_core::TICK_HZ;

/// Lid weights of a blink, tick by tick.
const COURSE: [f32; 7] = [0.45, 1.0, 1.0, 0.75, 0.4, 0.15, 0.05];
/// The pause between blinks, at least and at most, as a factor of the mean pause.
const PAUSE: (f32, f32) = (0.45, 1.55);
/// Ticks between the two halves of a double blink.
const DOUBLE_PAUSE: u32 = 6;
/// How many blinks are double.
const DOUBLE_SHARE: f32 = 0.12;

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The lids are open until this much of the mean pause has passed.
    Open { passed: f32, until: f32 },
    /// The second half of a double blink follows after this many ticks.
    Again(u32),
    /// The lids are at this point of their course.
    Blinking(usize),
}

/// The lids over time.
#[derive(Clone, Debug)]
pub struct Blink(Phase);

impl Default for Blink {
    fn default() -> Self {
        Self(Phase::Open { passed: 0.0, until: PAUSE.0 })
    }
}

/// Ticks of an average pause, so that there are `rate` blinks a minute, double ones counted twice.
fn mean_pause(rate: f32) -> f32 {
    let ticks_per_blink = 60.0 * TICK_HZ as f32 / rate;
    let open = ticks_per_blink - COURSE.len() as f32 - DOUBLE_SHARE * DOUBLE_PAUSE as f32;
    (open / (1.0 - DOUBLE_SHARE)).max(1.0)
}

impl Blink {
    /// One tick: how far the lids are closed, 0..=1. `rate` is blinks a minute on average and may change at any time; at 0
    /// the eyes stay open.
    pub fn step(&mut self, rate: f32, random: &mut impl Rng) -> f32 {
        let (lids, next) = match self.0 {
            Phase::Blinking(at) if at + 1 < COURSE.len() => (COURSE[at], Phase::Blinking(at + 1)),
            Phase::Blinking(at) => {
                let again = random.random::<f32>() < DOUBLE_SHARE;
                let until = random.random_range(PAUSE.0..PAUSE.1);
                (COURSE[at], if again { Phase::Again(DOUBLE_PAUSE) } else { Phase::Open { passed: 0.0, until } })
            }
            Phase::Again(0) => (0.0, Phase::Blinking(0)),
            Phase::Again(left) => (0.0, Phase::Again(left - 1)),
            Phase::Open { passed, until } if passed < until => {
                let step = if rate > 0.0 { 1.0 / mean_pause(rate) } else { 0.0 };
                (0.0, Phase::Open { passed: passed + step, until })
            }
            Phase::Open { .. } => (0.0, Phase::Blinking(0)),
        };
        self.0 = next;
        lids
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn blinks(lids: &[f32]) -> usize {
        lids.windows(2).filter(|pair| pair[0] < 1.0 && pair[1] == 1.0).count()
    }

    #[test]
    fn blinks_come_as_often_as_they_should_and_close_wholly() {
        for rate in [4.0, 16.0, 40.0] {
            let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
            let mut blink = Blink::default();
            let lids: Vec<f32> = (0..30 * 60 * 30).map(|_| blink.step(rate, &mut random)).collect();
            let expected = 30.0 * rate;
            let found = blinks(&lids) as f32;
            assert!((found / expected - 1.0).abs() < 0.15, "{found} blinks in half an hour, {expected} expected");
            let open = lids.iter().filter(|lid| **lid == 0.0).count() as f32 / lids.len() as f32;
            assert!(open > 1.0 - (rate + 1.0) * COURSE.len() as f32 / 1_500.0, "open for {open} of the time");
        }
    }

    #[test]
    fn a_new_rate_counts_at_once() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut blink = Blink::default();
        assert!((0..9_000).all(|_| blink.step(0.0, &mut random) == 0.0), "no blinks are wanted");
        let lids: Vec<f32> = (0..300).map(|_| blink.step(30.0, &mut random)).collect();
        assert!(blinks(&lids) >= 3, "ten seconds, thirty a minute");
    }
}
