//! Mood, mouth and idle motion become one face.

use visage_core::{Blendshape, FacePose, under_speech};

/// One face from the layers. `speech` in 0..=1 says how much the mouth belongs to speech.
pub fn compose(mood: &FacePose, mouth: &FacePose, idle: &FacePose, speech: f32) -> FacePose {
    let mut pose = under_speech(mood, speech);
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
