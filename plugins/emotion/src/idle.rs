//! Idle life as one layer: blink, gaze, sway, breath. The same seed gives the same life.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use visage_core::{Blendshape, FacePose};

use crate::{Blink, Gaze, Sway};

/// Everything that moves without being told to.
#[derive(Clone, Debug)]
pub struct Idle {
    random: ChaCha8Rng,
    blink: Blink,
    gaze: Gaze,
    sway: Sway,
}

impl Idle {
    /// A new life from a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            blink: Blink::default(),
            gaze: Gaze::default(),
            sway: Sway::default(),
        }
    }

    /// One tick. `liveliness` in 0..=1 scales gaze and sway (blinks stay: nobody lives without), `loudness` is the root
    /// mean square of the tick's sound.
    pub fn step(&mut self, liveliness: f32, loudness: f32) -> FacePose {
        let lids = self.blink.step(&mut self.random);
        self.gaze.step(&mut self.random);
        let mut pose = FacePose::default();
        self.gaze.add_to(&mut pose, liveliness);
        pose[Blendshape::EyeBlinkLeft] = lids;
        pose[Blendshape::EyeBlinkRight] = lids;
        pose[Blendshape::BrowInnerUp] = (loudness * 0.8).min(0.2) * liveliness;
        pose.add_scaled(&FacePose { head: self.sway.step(loudness), ..FacePose::default() }, liveliness);
        pose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_lives_the_same_life() {
        let life = |seed| {
            let mut idle = Idle::new(seed);
            (0..600).map(|_| idle.step(1.0, 0.1)).collect::<Vec<_>>()
        };
        assert_eq!(life(3), life(3));
        assert_ne!(life(3), life(4));
    }
}
