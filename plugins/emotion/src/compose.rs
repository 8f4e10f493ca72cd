//! Mood, mouth and idle motion become one face.

use visage_core::{BLENDSHAPES, Blendshape, FacePose};

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
    use Blendshape::*;
    match shape {
        MouthSmileLeft | MouthSmileRight | MouthFrownLeft | MouthFrownRight | MouthDimpleLeft | MouthDimpleRight
        | MouthLeft | MouthRight => Owner::Both,
        shape if (JawForward as u8..=MouthUpperUpRight as u8).contains(&(shape as u8)) => Owner::Speech,
        TongueOut => Owner::Speech,
        _ => Owner::Mood,
    }
}

/// One face from the layers. `speech` in 0..=1 says how much the mouth belongs to speech.
pub fn compose(mood: &FacePose, mouth: &FacePose, idle: &FacePose, speech: f32) -> FacePose {
    let mut pose = FacePose { head: mood.head, ..FacePose::default() };
    for shape in BLENDSHAPES {
        let share = match owner(shape) {
            Owner::Speech => 1.0 - speech,
            Owner::Both => 1.0 - SPEECH_OVER_MOOD * speech,
            Owner::Mood => 1.0,
        };
        pose[shape] = mood[shape] * share;
    }
    pose.add_scaled(mouth, 1.0);
    for (lid, wide, squint) in [
        (Blendshape::EyeBlinkLeft, Blendshape::EyeWideLeft, Blendshape::EyeSquintLeft),
        (Blendshape::EyeBlinkRight, Blendshape::EyeWideRight, Blendshape::EyeSquintRight),
    ] {
        // Lids do not add up: the lower one wins, and a closing lid is neither wide nor squinted.
        let blink = idle[lid];
        pose[lid] = pose[lid].max(blink) - blink;
        pose[wide] *= 1.0 - blink;
        pose[squint] *= 1.0 - blink;
    }
    pose.add_scaled(idle, 1.0);
    pose.clamped()
}

#[cfg(test)]
mod tests {
    use super::*;
    use visage_core::{Emotion, emotion_face};

    #[test]
    fn speech_closes_a_surprised_mouth() {
        let surprised = emotion_face(Emotion::Surprised);
        let closed = FacePose::of(&[(Blendshape::MouthPressLeft, 0.4)]);
        let rest = FacePose::default();
        assert!(compose(&surprised, &rest, &rest, 0.0)[Blendshape::JawOpen] > 0.2);
        assert_eq!(compose(&surprised, &closed, &rest, 1.0)[Blendshape::JawOpen], 0.0);
    }

    #[test]
    fn a_blink_closes_every_mood_exactly() {
        let blink = FacePose::of(&[(Blendshape::EyeBlinkLeft, 1.0), (Blendshape::EyeBlinkRight, 1.0)]);
        for emotion in Emotion::ALL {
            let pose = compose(&emotion_face(emotion), &FacePose::default(), &blink, 0.0);
            assert_eq!(pose[Blendshape::EyeBlinkLeft], 1.0, "{emotion}");
            assert_eq!(pose[Blendshape::EyeWideLeft], 0.0, "{emotion}");
        }
    }

    #[test]
    fn a_smile_survives_speech() {
        let pose = compose(&emotion_face(Emotion::Happy), &FacePose::default(), &FacePose::default(), 1.0);
        assert!(pose[Blendshape::MouthSmileLeft] > 0.3);
    }
}
