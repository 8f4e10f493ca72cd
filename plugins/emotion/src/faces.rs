//! The built-in face of each emotion, as weights of blendshapes. A character's file may replace any of them.
//!
//! The shapes follow the action units of Ekman and Friesen's Facial Action Coding System for the basic emotions (happy
//! 6+12, sad 1+4+15, surprised 1+2+5+26, angry 4+5+7+23), written in ARKit's names; the amounts are ours, chosen by
//! looking at the default characters.

use visage_core::{Blendshape, Blendshape::*, Emotion, FacePose, HeadPose};

/// The face of an emotion at full strength.
pub fn face_of(emotion: Emotion) -> FacePose {
    let (weights, head): (&[(Blendshape, f32)], HeadPose) = match emotion {
        Emotion::Neutral => (&[], HeadPose::default()),
        Emotion::Happy => (
            &[
                (MouthSmileLeft, 0.75),
                (MouthSmileRight, 0.75),
                (MouthDimpleLeft, 0.2),
                (MouthDimpleRight, 0.2),
                (CheekSquintLeft, 0.5),
                (CheekSquintRight, 0.5),
                (EyeSquintLeft, 0.25),
                (EyeSquintRight, 0.25),
                (BrowOuterUpLeft, 0.2),
                (BrowOuterUpRight, 0.2),
            ],
            HeadPose { pitch: 0.02, roll: 0.02, ..HeadPose::default() },
        ),
        Emotion::Sad => (
            &[
                (MouthFrownLeft, 0.7),
                (MouthFrownRight, 0.7),
                (MouthShrugLower, 0.3),
                (BrowInnerUp, 0.8),
                (BrowDownLeft, 0.1),
                (BrowDownRight, 0.1),
                (EyeSquintLeft, 0.1),
                (EyeSquintRight, 0.1),
                (EyeLookDownLeft, 0.2),
                (EyeLookDownRight, 0.2),
                (EyeBlinkLeft, 0.18),
                (EyeBlinkRight, 0.18),
            ],
            HeadPose { pitch: -0.06, roll: 0.03, ..HeadPose::default() },
        ),
        Emotion::Surprised => (
            &[
                (BrowInnerUp, 0.9),
                (BrowOuterUpLeft, 0.9),
                (BrowOuterUpRight, 0.9),
                (EyeWideLeft, 0.8),
                (EyeWideRight, 0.8),
                (JawOpen, 0.3),
                (MouthFunnel, 0.25),
            ],
            HeadPose { pitch: 0.03, translation: [0.0, 0.01, -0.02], ..HeadPose::default() },
        ),
        Emotion::Angry => (
            &[
                (BrowDownLeft, 0.9),
                (BrowDownRight, 0.9),
                (EyeSquintLeft, 0.35),
                (EyeSquintRight, 0.35),
                (EyeWideLeft, 0.2),
                (EyeWideRight, 0.2),
                (NoseSneerLeft, 0.35),
                (NoseSneerRight, 0.35),
                (MouthPressLeft, 0.5),
                (MouthPressRight, 0.5),
                (MouthFrownLeft, 0.35),
                (MouthFrownRight, 0.35),
            ],
            HeadPose { pitch: -0.04, translation: [0.0, 0.0, 0.03], ..HeadPose::default() },
        ),
        Emotion::Thoughtful => (
            &[
                (BrowOuterUpLeft, 0.95),
                (BrowDownRight, 0.55),
                (EyeSquintRight, 0.3),
                (EyeLookUpLeft, 0.4),
                (EyeLookUpRight, 0.4),
                (EyeLookOutLeft, 0.5),
                (EyeLookInRight, 0.5),
                (MouthPucker, 0.35),
                (MouthLeft, 0.5),
                (MouthPressLeft, 0.2),
                (MouthPressRight, 0.2),
            ],
            HeadPose { yaw: 0.05, pitch: 0.03, roll: 0.05, ..HeadPose::default() },
        ),
    };
    FacePose { head, ..FacePose::of(weights) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_are_in_range_and_differ() {
        for emotion in Emotion::ALL {
            let face = face_of(emotion);
            assert_eq!(face, face.clone().clamped(), "{emotion}");
            for other in Emotion::ALL.into_iter().filter(|other| *other != emotion) {
                let distance: f32 = face.shapes.iter().zip(&face_of(other).shapes).map(|(a, b)| (a - b).abs()).sum();
                assert!(distance > 1.0, "{emotion} looks like {other}");
            }
        }
    }
}
