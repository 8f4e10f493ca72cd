//! The built-in faces: what each emotion and each viseme looks like, as weights of blendshapes. A character's file may
//! replace the face of an emotion.
//!
//! Emotions follow the action units of Ekman and Friesen's Facial Action Coding System for the basic emotions (happy
//! 6+12, sad 1+4+15, surprised 1+2+5+26, angry 4+5+7+23), written in ARKit's names; the amounts are ours, chosen by
//! looking at the default characters. Visemes were chosen after the pictures of Oculus' viseme reference and Apple's
//! pictures of each blendshape.

use crate::{BLENDSHAPES, Blendshape, Blendshape::*, Emotion, FacePose, HeadPose, Viseme};

/// The face of an emotion at full strength.
pub fn emotion_face(emotion: Emotion) -> FacePose {
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

/// The blendshapes of a viseme at full strength.
pub fn viseme_mouth(viseme: Viseme) -> &'static [(Blendshape, f32)] {
    match viseme {
        Viseme::Sil => &[],
        // Lips pressed together, rolled in a little; the jaw is up.
        Viseme::PP => &[(MouthPressLeft, 0.5), (MouthPressRight, 0.5), (MouthRollLower, 0.28), (MouthRollUpper, 0.22)],
        // The lower lip under the upper teeth, the upper lip raised off it.
        Viseme::FF => &[
            (JawOpen, 0.06),
            (MouthRollLower, 0.75),
            (MouthUpperUpLeft, 0.35),
            (MouthUpperUpRight, 0.35),
            (MouthShrugLower, 0.2),
        ],
        // The tongue's tip between parted teeth.
        Viseme::TH => &[
            (JawOpen, 0.2),
            (TongueOut, 0.35),
            (MouthUpperUpLeft, 0.15),
            (MouthUpperUpRight, 0.15),
            (MouthLowerDownLeft, 0.25),
            (MouthLowerDownRight, 0.25),
        ],
        // Teeth nearly together, both rows to be seen.
        Viseme::DD => &[
            (JawOpen, 0.14),
            (MouthLowerDownLeft, 0.35),
            (MouthLowerDownRight, 0.35),
            (MouthUpperUpLeft, 0.18),
            (MouthUpperUpRight, 0.18),
        ],
        // The back of the tongue closes, the lips are loose.
        Viseme::Kk => &[
            (JawOpen, 0.22),
            (MouthLowerDownLeft, 0.15),
            (MouthLowerDownRight, 0.15),
            (MouthStretchLeft, 0.1),
            (MouthStretchRight, 0.1),
        ],
        // Lips pushed forward and open like a trumpet, teeth together.
        Viseme::CH => &[
            (JawOpen, 0.1),
            (MouthFunnel, 0.65),
            (MouthPucker, 0.25),
            (MouthLowerDownLeft, 0.15),
            (MouthLowerDownRight, 0.15),
        ],
        // Teeth together, lips spread.
        Viseme::SS => &[
            (JawOpen, 0.05),
            (MouthStretchLeft, 0.4),
            (MouthStretchRight, 0.4),
            (MouthLowerDownLeft, 0.3),
            (MouthLowerDownRight, 0.3),
            (MouthUpperUpLeft, 0.2),
            (MouthUpperUpRight, 0.2),
        ],
        // The tongue behind the upper teeth: a little more open than t and d.
        Viseme::Nn => &[
            (JawOpen, 0.19),
            (MouthLowerDownLeft, 0.22),
            (MouthLowerDownRight, 0.22),
            (MouthUpperUpLeft, 0.1),
            (MouthUpperUpRight, 0.1),
        ],
        // Corners drawn in, lips slightly rounded.
        Viseme::RR => &[(JawOpen, 0.15), (MouthFunnel, 0.32), (MouthPucker, 0.3)],
        // Wide open.
        Viseme::Aa => &[
            (JawOpen, 0.65),
            (MouthLowerDownLeft, 0.25),
            (MouthLowerDownRight, 0.25),
            (MouthUpperUpLeft, 0.12),
            (MouthUpperUpRight, 0.12),
        ],
        // Half open and wide.
        Viseme::E => &[
            (JawOpen, 0.36),
            (MouthStretchLeft, 0.32),
            (MouthStretchRight, 0.32),
            (MouthLowerDownLeft, 0.22),
            (MouthLowerDownRight, 0.22),
            (MouthUpperUpLeft, 0.12),
            (MouthUpperUpRight, 0.12),
        ],
        // A wide slit, corners back.
        Viseme::I => &[
            (JawOpen, 0.17),
            (MouthSmileLeft, 0.28),
            (MouthSmileRight, 0.28),
            (MouthStretchLeft, 0.42),
            (MouthStretchRight, 0.42),
            (MouthLowerDownLeft, 0.25),
            (MouthLowerDownRight, 0.25),
            (MouthUpperUpLeft, 0.2),
            (MouthUpperUpRight, 0.2),
        ],
        // A round opening.
        Viseme::O => &[(JawOpen, 0.42), (MouthFunnel, 0.55), (MouthPucker, 0.35)],
        // A small round opening, lips far forward.
        Viseme::U => &[(JawOpen, 0.16), (MouthPucker, 0.8), (MouthFunnel, 0.3)],
    }
}

/// Who has the say over a shape while the character speaks.
enum Owner {
    /// Speech alone: the mood's share is taken away as speech sets in.
    Speech,
    /// Both: a smile or a frown stays visible in a speaking mouth.
    Both,
    /// The mood: eyes, brows, cheeks, nose.
    Mood,
}

/// How much of a smile or frown speech takes away.
const SPEECH_OVER_MOOD: f32 = 0.45;

fn owner(shape: Blendshape) -> Owner {
    match shape {
        MouthSmileLeft | MouthSmileRight | MouthFrownLeft | MouthFrownRight | MouthDimpleLeft | MouthDimpleRight
        | MouthLeft | MouthRight => Owner::Both,
        shape if (JawForward as u8..=MouthUpperUpRight as u8).contains(&(shape as u8)) => Owner::Speech,
        TongueOut => Owner::Speech,
        _ => Owner::Mood,
    }
}

/// What is left of a mood's face while the mouth speaks: all of eyes and brows, some of a smile, nothing of an open jaw.
/// `speech` in 0..=1 says how much the mouth belongs to speech.
pub fn under_speech(mood: &FacePose, speech: f32) -> FacePose {
    let mut pose = mood.clone();
    for shape in BLENDSHAPES {
        pose[shape] *= match owner(shape) {
            Owner::Speech => 1.0 - speech,
            Owner::Both => 1.0 - SPEECH_OVER_MOOD * speech,
            Owner::Mood => 1.0,
        };
    }
    pose
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VISEMES;

    #[test]
    fn faces_are_in_range_and_differ() {
        for emotion in Emotion::ALL {
            let face = emotion_face(emotion);
            assert_eq!(face, face.clone().clamped(), "{emotion}");
            for other in Emotion::ALL.into_iter().filter(|other| *other != emotion) {
                let distance: f32 =
                    face.shapes.iter().zip(&emotion_face(other).shapes).map(|(a, b)| (a - b).abs()).sum();
                assert!(distance > 1.0, "{emotion} looks like {other}");
            }
        }
    }

    #[test]
    fn only_the_mouth_moves() {
        for viseme in VISEMES {
            for (shape, amount) in viseme_mouth(viseme) {
                let index = *shape as u8;
                assert!(
                    (Blendshape::JawForward as u8..=Blendshape::MouthUpperUpRight as u8).contains(&index)
                        || *shape == Blendshape::TongueOut
                );
                assert!((0.0..=1.0).contains(amount));
            }
        }
    }
}
