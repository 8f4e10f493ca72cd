//! How one emotion gives way to another: each weight runs towards its target, faster when it grows than when it fades.

use visage_core::{Emotion, EmotionWeights, TICK_SECONDS};

/// Time constant of an emotion that appears, seconds.
const ONSET_SECONDS: f32 = 0.15;
/// Time constant of an emotion that fades, seconds.
const DECAY_SECONDS: f32 = 0.35;

/// The emotions shown now and the one aimed at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Feeling {
    target: Emotion,
    strength: f32,
    weights: EmotionWeights,
}

impl Feeling {
    /// Changes the target. `strength` is in 0..=1.
    pub fn aim(&mut self, emotion: Emotion, strength: f32) {
        self.target = emotion;
        self.strength = strength.clamp(0.0, 1.0);
    }

    /// One tick.
    pub fn step(&mut self) {
        for emotion in Emotion::ALL {
            let goal = if emotion == self.target { self.strength } else { 0.0 };
            let weight = &mut self.weights[emotion];
            let constant = if goal > *weight { ONSET_SECONDS } else { DECAY_SECONDS };
            *weight += (goal - *weight) * (1.0 - (-TICK_SECONDS / constant).exp());
        }
    }

    /// The emotion aimed at.
    pub const fn target(&self) -> Emotion {
        self.target
    }

    /// What is shown now.
    pub const fn weights(&self) -> EmotionWeights {
        self.weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emotion_gives_way_to_the_next_without_a_jump() {
        let mut feeling = Feeling::default();
        feeling.aim(Emotion::Happy, 1.0);
        (0..60).for_each(|_| feeling.step());
        feeling.aim(Emotion::Sad, 0.5);
        let mut before = feeling.weights();
        for _ in 0..90 {
            feeling.step();
            let now = feeling.weights();
            for emotion in Emotion::ALL {
                assert!((now[emotion] - before[emotion]).abs() < 0.25, "{emotion} jumps");
            }
            before = now;
        }
        assert!(before[Emotion::Happy] < 0.01);
        assert!((before[Emotion::Sad] - 0.5).abs() < 0.01);
    }
}
