//! The face of a still: an emotion, a mouth of speech, single shapes and the head become one pose. Pure.

use std::collections::BTreeMap;

use visage_core::{Blendshape, Emotion, FacePose, HeadPose, Viseme, emotion_face, under_speech, viseme_mouth};
use visage_library::EmotionFace;

use crate::problem::{Code, Problem};

/// Farthest that a still may turn or move the head: radians, or distances between the eyes.
const HEAD_LIMIT: f32 = 1.0;

/// What a still is to show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expression {
    /// The emotion.
    pub(crate) emotion: Emotion,
    /// The mouth.
    pub(crate) viseme: Viseme,
    /// Weights that replace those of emotion and mouth.
    pub(crate) shapes: BTreeMap<Blendshape, f32>,
    /// The head, instead of the emotion's.
    pub(crate) head: Option<HeadPose>,
}

impl Expression {
    /// The pose. A character's own face of the emotion wins over the built-in one.
    pub(crate) fn pose(&self, own: &BTreeMap<Emotion, EmotionFace>) -> Result<FacePose, Problem> {
        let mut pose = emotion_face(self.emotion);
        if let Some(own) = own.get(&self.emotion) {
            if let Some(shapes) = &own.shapes {
                let weights: Vec<_> = shapes.iter().map(|(&shape, &weight)| (shape, weight)).collect();
                pose = FacePose { head: pose.head, ..FacePose::of(&weights) };
            }
            pose.head = own.head.unwrap_or(pose.head);
        }
        let mouth = viseme_mouth(self.viseme);
        if !mouth.is_empty() {
            pose = under_speech(&pose, 1.0);
            pose.add_scaled(&FacePose::of(mouth), 1.0);
        }
        for (&shape, &weight) in &self.shapes {
            if !(0.0..=1.0).contains(&weight) {
                let detail = format!("The weight of {shape:?} is {weight}; weights go from 0 (rest) to 1 (full).");
                return Err(Problem::new(Code::PoseOutOfRange, detail));
            }
            pose[shape] = weight;
        }
        if let Some(head) = self.head {
            let values = [head.yaw, head.pitch, head.roll].into_iter().chain(head.translation);
            if let Some(value) = { values }.find(|value| !(-HEAD_LIMIT..=HEAD_LIMIT).contains(value)) {
                let detail = format!("The head is to move by {value}; each of its values goes from -1 to 1.");
                return Err(Problem::new(Code::PoseOutOfRange, detail));
            }
            pose.head = head;
        }
        Ok(pose.clamped())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emotion_mouth_and_shapes_are_combined() {
        let surprised = Expression { emotion: Emotion::Surprised, ..Expression::default() };
        let none = BTreeMap::new();
        assert_eq!(surprised.pose(&none), Ok(emotion_face(Emotion::Surprised)));

        let closed = Expression { viseme: Viseme::PP, ..surprised.clone() }.pose(&none).expect("in range");
        assert_eq!(closed[Blendshape::JawOpen], 0.0, "the mouth of speech wins");
        assert!(closed[Blendshape::BrowInnerUp] > 0.8, "the brows are the emotion's");
        assert!(closed[Blendshape::MouthPressLeft] > 0.0);

        let smile = Expression { emotion: Emotion::Happy, viseme: Viseme::Aa, ..Expression::default() };
        let smile = smile.pose(&none).expect("in range");
        assert!(smile[Blendshape::MouthSmileLeft] > 0.3 && smile[Blendshape::JawOpen] > 0.5);

        let by_hand = Expression { shapes: [(Blendshape::JawOpen, 0.0)].into(), ..surprised };
        assert_eq!(by_hand.pose(&none).expect("in range")[Blendshape::JawOpen], 0.0, "a given weight wins");
    }

    #[test]
    fn a_characters_own_face_wins() {
        let own = EmotionFace { shapes: Some([(Blendshape::CheekPuff, 1.0)].into()), ..EmotionFace::default() };
        let turned = EmotionFace { head: Some(HeadPose { yaw: 0.5, ..HeadPose::default() }), ..EmotionFace::default() };
        let own = [(Emotion::Happy, own), (Emotion::Sad, turned)].into();
        let happy = Expression { emotion: Emotion::Happy, ..Expression::default() }.pose(&own).expect("in range");
        assert_eq!((happy[Blendshape::CheekPuff], happy[Blendshape::MouthSmileLeft]), (1.0, 0.0));
        assert_eq!(happy.head, emotion_face(Emotion::Happy).head, "what is left out is built in");
        let sad = Expression { emotion: Emotion::Sad, ..Expression::default() }.pose(&own).expect("in range");
        assert_eq!((sad.head.yaw, sad.shapes), (0.5, emotion_face(Emotion::Sad).shapes));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        let head = |yaw, up| Some(HeadPose { yaw, translation: [0.0, up, 0.0], ..HeadPose::default() });
        let cases = [
            (Some(1.5), None),
            (Some(-0.1), None),
            (Some(f32::NAN), None),
            (None, head(1.01, 0.0)),
            (None, head(0.0, -2.0)),
            (None, head(f32::NAN, 0.0)),
        ];
        for (weight, head) in cases {
            let shapes = weight.map(|weight| (Blendshape::JawOpen, weight)).into_iter().collect();
            let expression = Expression { shapes, head, ..Expression::default() };
            let problem = expression.pose(&BTreeMap::new()).expect_err("out of range");
            assert_eq!(problem.code, Code::PoseOutOfRange);
        }
        let whole = Expression { head: head(-1.0, 1.0), ..Expression::default() };
        assert!(whole.pose(&BTreeMap::new()).is_ok());
    }
}
