//! The emotions a character can show.

use std::{
    fmt,
    ops::{Index, IndexMut},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An emotion of the face and the voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Emotion {
    /// At ease.
    #[default]
    Neutral,
    /// Smiling, cheeks raised.
    Happy,
    /// Corners of the mouth down, inner brows up.
    Sad,
    /// Brows and lids up, jaw dropped a little.
    Surprised,
    /// Brows down and together, lips pressed.
    Angry,
    /// One brow up, gaze away, lips gathered.
    Thoughtful,
}

impl Emotion {
    /// All emotions, in order.
    pub const ALL: [Self; 6] = [Self::Neutral, Self::Happy, Self::Sad, Self::Surprised, Self::Angry, Self::Thoughtful];

    /// The name used in RON files, on the command line and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Happy => "happy",
            Self::Sad => "sad",
            Self::Surprised => "surprised",
            Self::Angry => "angry",
            Self::Thoughtful => "thoughtful",
        }
    }
}

impl fmt::Display for Emotion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// No emotion has the given name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no emotion \"{0}\"; the emotions are neutral, happy, sad, surprised, angry and thoughtful")]
pub struct UnknownEmotion(pub String);

impl FromStr for Emotion {
    type Err = UnknownEmotion;
    fn from_str(name: &str) -> Result<Self, UnknownEmotion> {
        Self::ALL.into_iter().find(|emotion| emotion.name() == name).ok_or_else(|| UnknownEmotion(name.to_owned()))
    }
}

/// How much of each emotion there is at one instant, each in 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EmotionWeights(pub [f32; 6]);

impl Index<Emotion> for EmotionWeights {
    type Output = f32;
    fn index(&self, emotion: Emotion) -> &f32 {
        &self.0[emotion as usize]
    }
}

impl IndexMut<Emotion> for EmotionWeights {
    fn index_mut(&mut self, emotion: Emotion) -> &mut f32 {
        &mut self.0[emotion as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for emotion in Emotion::ALL {
            assert_eq!(emotion.name().parse(), Ok(emotion));
        }
        assert_eq!("cheerful".parse::<Emotion>(), Err(UnknownEmotion("cheerful".into())));
    }
}
