//! Blinks. A person blinks about 15 times a minute at rest (Bentivoglio et al. 1997, "Analysis of blink rate patterns in
//! normal subjects"); a blink closes in about 80 ms and opens more slowly.

use rand::{Rng, RngExt};

/// Lid weights of a blink, tick by tick.
const COURSE: [f32; 7] = [0.45, 1.0, 1.0, 0.75, 0.4, 0.15, 0.05];
/// Ticks between blinks, at least and at most.
const PAUSE: (u32, u32) = (55, 190);
/// Ticks between the two halves of a double blink.
const DOUBLE_PAUSE: u32 = 6;
/// How many blinks are double.
const DOUBLE_SHARE: f32 = 0.12;

/// The lids over time.
#[derive(Clone, Debug)]
pub struct Blink {
    wait: u32,
    at: Option<usize>,
}

impl Default for Blink {
    fn default() -> Self {
        Self { wait: PAUSE.0, at: None }
    }
}

impl Blink {
    /// One tick: how far the lids are closed, 0..=1.
    pub fn step(&mut self, random: &mut impl Rng) -> f32 {
        if let Some(at) = self.at {
            self.at = (at + 1 < COURSE.len()).then_some(at + 1);
            if self.at.is_none() {
                let double = random.random::<f32>() < DOUBLE_SHARE;
                self.wait = if double { DOUBLE_PAUSE } else { random.random_range(PAUSE.0..PAUSE.1) };
            }
            return COURSE[at];
        }
        self.wait = self.wait.saturating_sub(1);
        if self.wait == 0 {
            self.at = Some(0);
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn blinks_come_about_fifteen_times_a_minute_and_close_wholly() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut blink = Blink::default();
        let lids: Vec<f32> = (0..30 * 60 * 10).map(|_| blink.step(&mut random)).collect();
        let closings = lids.windows(2).filter(|pair| pair[0] < 1.0 && pair[1] == 1.0).count();
        assert!((100..250).contains(&closings), "{closings} blinks in ten minutes");
        assert!(lids.iter().filter(|lid| **lid == 0.0).count() > lids.len() * 8 / 10, "mostly open");
    }
}
