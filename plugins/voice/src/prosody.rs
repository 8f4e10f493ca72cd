//! How emphasis and emotion change a voice: its speed, pitch and loudness.
//!
//! The directions are those that studies of acted and natural speech agree on (Murray and Arnott 1993, "Toward the
//! simulation of emotion in synthetic speech"; Schröder 2001, "Emotional speech synthesis: a review"). The steps are smaller
//! than theirs: a pitch that is made by playing faster moves the formants too, and beyond 8 % the voice is another person's.

use std::ops::Mul;

use visage_core::{Emotion, Emphasis};

/// Factors on a voice's settings; 1 leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prosody {
    /// Speed.
    pub(crate) rate: f32,
    /// Pitch.
    pub(crate) pitch: f32,
    /// Loudness (amplitude).
    pub(crate) volume: f32,
}

impl Prosody {
    const fn new(rate: f32, pitch: f32, volume: f32) -> Self {
        Self { rate, pitch, volume }
    }

    /// Weight is slower, louder and a little higher speech. The steps are small: the words around it are pieces of their own.
    pub(crate) const fn of_emphasis(emphasis: Emphasis) -> Self {
        match emphasis {
            Emphasis::Reduced => Self::new(1.06, 0.98, 0.8),
            Emphasis::None => Self::new(1.0, 1.0, 1.0),
            Emphasis::Moderate => Self::new(0.92, 1.03, 1.15),
            Emphasis::Strong => Self::new(0.85, 1.06, 1.3),
        }
    }

    /// Joy, surprise and anger are quicker and louder, the first two higher; grief and thought are slower and softer.
    pub(crate) const fn of_emotion(emotion: Emotion) -> Self {
        match emotion {
            Emotion::Neutral => Self::new(1.0, 1.0, 1.0),
            Emotion::Happy => Self::new(1.05, 1.05, 1.08),
            Emotion::Sad => Self::new(0.88, 0.96, 0.8),
            Emotion::Surprised => Self::new(1.04, 1.08, 1.1),
            Emotion::Angry => Self::new(1.08, 1.02, 1.25),
            Emotion::Thoughtful => Self::new(0.9, 0.98, 0.9),
        }
    }
}

impl Mul for Prosody {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::new(self.rate * other.rate, self.pitch * other.pitch, self.volume * other.volume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_emotion_sounds_different_and_none_like_another_person() {
        let all = Emotion::ALL.map(Prosody::of_emotion);
        for (index, prosody) in all.iter().enumerate() {
            assert!(!all[..index].contains(prosody), "{:?}", Emotion::ALL[index]);
            assert!((0.92..=1.08).contains(&prosody.pitch), "{prosody:?}");
        }
    }
}
