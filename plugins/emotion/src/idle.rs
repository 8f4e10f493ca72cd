//! Idle life as one layer: blink, gaze, sway, breath. The same seed gives the same life.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use visage_core::{Blendshape, FacePose, TICK_SECONDS};
use visage_schedule::IdleMotion;

use crate::{Blink, Gaze, Sway};

/// Time constant with which the amount of a motion follows the character's settings, seconds. Editing them, or another
/// character, does not make the head jump.
const SETTLE_SECONDS: f32 = 0.3;

/// How much of each motion there is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Amounts {
    lively: f32,
    gaze: f32,
    sway: f32,
    breath: f32,
}

impl Amounts {
    fn of(motion: &IdleMotion) -> Self {
        let lively = motion.liveliness;
        Self { lively, gaze: lively * motion.gaze, sway: lively * motion.sway, breath: lively * motion.breath }
    }

    fn approach(&mut self, goal: Self) {
        let share = 1.0 - (-TICK_SECONDS / SETTLE_SECONDS).exp();
        for (now, goal) in [
            (&mut self.lively, goal.lively),
            (&mut self.gaze, goal.gaze),
            (&mut self.sway, goal.sway),
            (&mut self.breath, goal.breath),
        ] {
            *now += (goal - *now) * share;
        }
    }
}

/// Everything that moves without being told to.
#[derive(Clone, Debug)]
pub struct Idle {
    random: ChaCha8Rng,
    blink: Blink,
    gaze: Gaze,
    sway: Sway,
    amounts: Amounts,
}

impl Idle {
    /// A new life from a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            blink: Blink::default(),
            gaze: Gaze::default(),
            sway: Sway::default(),
            amounts: Amounts::of(&IdleMotion::default()),
        }
    }

    /// One tick. `motion` says how the character moves at rest, `loudness` is the root mean square of the tick's sound.
    pub fn step(&mut self, motion: &IdleMotion, loudness: f32) -> FacePose {
        self.amounts.approach(Amounts::of(motion));
        let Amounts { lively, gaze, sway, breath } = self.amounts;
        let lids = self.blink.step(motion.blinks, &mut self.random);
        self.gaze.step(&mut self.random);
        let mut pose = FacePose::default();
        self.gaze.add_to(&mut pose, gaze);
        pose[Blendshape::EyeBlinkLeft] = lids;
        pose[Blendshape::EyeBlinkRight] = lids;
        pose[Blendshape::BrowInnerUp] = (loudness * 0.8).min(0.2) * lively;
        pose.head = self.sway.step(loudness, sway, breath);
        pose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(seed: u64, motion: IdleMotion) -> Vec<FacePose> {
        let mut idle = Idle::new(seed);
        (0..600).map(|_| idle.step(&motion, 0.1)).collect()
    }

    #[test]
    fn the_same_seed_lives_the_same_life() {
        let motion = IdleMotion::default();
        assert_eq!(life(3, motion), life(3, motion));
        assert_ne!(life(3, motion), life(4, motion));
    }

    #[test]
    fn each_motion_can_be_stilled_by_itself() {
        let still = IdleMotion { liveliness: 1.0, blinks: 0.0, gaze: 0.0, sway: 0.0, breath: 0.0 };
        let check = |motion: IdleMotion, blinks: bool, gazes: bool, sways: bool, breathes: bool| {
            let poses = &life(3, motion)[150..];
            let moves = |value: &dyn Fn(&FacePose) -> f32| {
                let values: Vec<f32> = poses.iter().map(value).collect();
                let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
                high - low > 0.002
            };
            assert_eq!(moves(&|pose| pose[Blendshape::EyeBlinkLeft]), blinks, "{motion:?}: blinks");
            assert_eq!(moves(&|pose| pose[Blendshape::EyeLookOutLeft]), gazes, "{motion:?}: gaze");
            assert_eq!(moves(&|pose| pose.head.yaw), sways, "{motion:?}: sway");
            assert_eq!(moves(&|pose| pose.head.translation[1]), breathes, "{motion:?}: breath");
        };
        check(still, false, false, false, false);
        check(IdleMotion { blinks: 30.0, ..still }, true, false, false, false);
        check(IdleMotion { gaze: 1.0, ..still }, false, true, false, false);
        check(IdleMotion { breath: 1.0, ..still }, false, false, false, true);
        check(IdleMotion { sway: 1.0, ..still }, false, false, true, false);
        let asleep = IdleMotion { liveliness: 0.0, ..IdleMotion::default() };
        check(asleep, true, false, false, false);
    }

    #[test]
    fn a_change_of_the_settings_is_no_jerk() {
        let mut idle = Idle::new(1);
        let lively = IdleMotion { liveliness: 1.0, sway: 2.0, ..IdleMotion::default() };
        let still = IdleMotion { liveliness: 0.0, ..lively };
        let mut before = idle.step(&lively, 0.0).head;
        for tick in 1..600 {
            let now = idle.step(if (tick / 100) % 2 == 0 { &lively } else { &still }, 0.0).head;
            assert!((now.yaw - before.yaw).abs() < 0.02, "tick {tick}");
            before = now;
        }
    }
}
