//! The head at rest: slow sway, breath, and small nods on the stresses of speech.

use std::f64::consts::TAU;

use visage_core::{HeadPose, TICK_HZ, TICK_SECONDS};

/// Breaths in a second: 15 a minute.
const BREATH_HZ: f32 = 0.25;
/// The nod follows the loudness of the voice with this time constant, seconds.
const NOD_SECONDS: f32 = 0.12;

/// One axis of the sway: three sines whose periods never meet, so that the motion does not visibly repeat.
#[derive(Clone, Copy, Debug)]
struct Drift {
    radius: f32,
    hertz: [f32; 3],
    phase: f32,
}

impl Drift {
    fn at(&self, seconds: f64) -> f32 {
        let [a, b, c] = self.hertz;
        let wave = |hertz: f32, phase: f32| (angle(hertz, seconds) + phase + self.phase).sin();
        self.radius * (0.55 * wave(a, 0.0) + 0.3 * wave(b, 1.3) + 0.15 * wave(c, 4.1))
    }
}

/// How far a wave has come in its period, radians. In double precision, because a program may run for weeks.
fn angle(hertz: f32, seconds: f64) -> f32 {
    ((f64::from(hertz) * seconds).fract() * TAU) as f32
}

const YAW: Drift = Drift { radius: 0.055, hertz: [0.071, 0.173, 0.419], phase: 0.0 };
const PITCH: Drift = Drift { radius: 0.030, hertz: [0.089, 0.211, 0.463], phase: 2.0 };
const ROLL: Drift = Drift { radius: 0.028, hertz: [0.059, 0.139, 0.367], phase: 4.0 };

/// The motion of the head over time.
#[derive(Clone, Debug, Default)]
pub struct Sway {
    ticks: u64,
    nod: f32,
}

impl Sway {
    /// One tick. `loudness` is the root mean square of the tick's sound, `sway` and `breath` scale the two motions.
    pub fn step(&mut self, loudness: f32, sway: f32, breath: f32) -> HeadPose {
        let seconds = self.ticks as f64 / f64::from(TICK_HZ);
        self.ticks += 1;
        self.nod += ((loudness * 3.0).min(1.0) - self.nod) * (1.0 - (-TICK_SECONDS / NOD_SECONDS).exp());
        let chest = breath * angle(BREATH_HZ, seconds).sin();
        HeadPose {
            yaw: sway * YAW.at(seconds),
            pitch: sway * (PITCH.at(seconds) - 0.035 * self.nod) + 0.004 * chest,
            roll: sway * (ROLL.at(seconds) + 0.01 * self.nod),
            translation: [0.25 * sway * YAW.at(seconds), 0.012 * chest - 0.01 * sway * self.nod, 0.0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_moves_smoothly_and_little() {
        let mut sway = Sway::default();
        let mut before = sway.step(0.0, 1.0, 1.0);
        for tick in 0..9_000 {
            let loudness = if (tick / 20) % 2 == 0 { 0.3 } else { 0.0 };
            let now = sway.step(loudness, 1.0, 1.0);
            for (old, new) in [(before.yaw, now.yaw), (before.pitch, now.pitch), (before.roll, now.roll)] {
                assert!(new.abs() < 0.12, "too far: {new}");
                assert!((new - old).abs() < 0.02, "a jerk: {old} to {new}");
            }
            before = now;
        }
    }

    #[test]
    fn the_head_moves_as_smoothly_after_a_month() {
        let mut sway = Sway { ticks: 30 * 24 * 3_600 * u64::from(TICK_HZ), ..Sway::default() };
        let yaws: Vec<f32> = (0..900).map(|_| sway.step(0.0, 1.0, 1.0).yaw).collect();
        let steps: Vec<f32> = yaws.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
        assert!(steps.iter().all(|step| *step < 0.01), "a jerk");
        assert!(steps.iter().filter(|step| **step == 0.0).count() < 9, "it stands still");
    }
}
