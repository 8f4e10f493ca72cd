//! Where the eyes look: mostly at the viewer, with small quick jumps (saccades) to and fro.
//!
//! Amplitudes and pauses are in the range that Lee, Badler and Badler measured ("Eyes Alive", SIGGRAPH 2002).

use rand::{Rng, RngExt};
use visage_core::{Blendshape, FacePose};

/// Ticks that a gaze is held, at least and at most.
const HOLD: (u32, u32) = (15, 75);
/// How often the eyes come back to the viewer.
const HOME_SHARE: f32 = 0.6;
/// Largest excursion, in weights of the look shapes.
const REACH: f32 = 0.28;
/// Share of the way that a saccade covers in a tick: about 60 ms from end to end.
const SPEED: f32 = 0.65;

/// The direction of the eyes; x to the character's left, y up, each in -1..=1.
#[derive(Clone, Debug, Default)]
pub struct Gaze {
    now: [f32; 2],
    goal: [f32; 2],
    hold: u32,
}

impl Gaze {
    /// One tick.
    pub fn step(&mut self, random: &mut impl Rng) {
        if self.hold == 0 {
            self.hold = random.random_range(HOLD.0..HOLD.1);
            let home = random.random::<f32>() < HOME_SHARE;
            // Even at home the eyes are never quite still.
            let reach = if home { 0.05 } else { REACH };
            self.goal = [random.random_range(-reach..reach), random.random_range(-reach..reach) * 0.6];
        }
        self.hold -= 1;
        for (now, goal) in self.now.iter_mut().zip(self.goal) {
            *now += (goal - *now) * SPEED;
        }
    }

    /// Adds the gaze, scaled by `amount`, to a pose.
    pub fn add_to(&self, pose: &mut FacePose, amount: f32) {
        use Blendshape::{
            EyeLookDownLeft, EyeLookDownRight, EyeLookInLeft, EyeLookInRight, EyeLookOutLeft, EyeLookOutRight,
            EyeLookUpLeft, EyeLookUpRight,
        };
        let [x, y] = self.now.map(|value| value * amount);
        pose[EyeLookOutLeft] += x.max(0.0);
        pose[EyeLookInRight] += x.max(0.0);
        pose[EyeLookInLeft] += (-x).max(0.0);
        pose[EyeLookOutRight] += (-x).max(0.0);
        pose[EyeLookUpLeft] += y.max(0.0);
        pose[EyeLookUpRight] += y.max(0.0);
        pose[EyeLookDownLeft] += (-y).max(0.0);
        pose[EyeLookDownRight] += (-y).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn both_eyes_look_the_same_way_and_move() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let mut gaze = Gaze::default();
        let mut seen = Vec::new();
        for _ in 0..900 {
            gaze.step(&mut random);
            let mut pose = FacePose::default();
            gaze.add_to(&mut pose, 1.0);
            assert_eq!(pose[Blendshape::EyeLookOutLeft], pose[Blendshape::EyeLookInRight]);
            assert!(pose.shapes.iter().all(|weight| (0.0..=REACH).contains(weight)));
            seen.push(pose[Blendshape::EyeLookOutLeft]);
        }
        assert!(seen.iter().any(|x| *x > 0.1) && seen.contains(&0.0));
    }
}
