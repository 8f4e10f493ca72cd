//! `/api/emotions`: the faces that a character has unless its file brings its own. An editor starts from them.

use std::collections::BTreeMap;

use axum::response::Json;
use visage_core::{BLENDSHAPES, Blendshape, Emotion};
use visage_library::EmotionFace;
use visage_schedule::EmotionPreset;

/// List the built-in emotions
///
/// The face of each emotion, and how it comes and goes, with all that a character's file can say of it.
#[utoipa::path(get, path = "/api/emotions", tag = "Characters", responses(
    (status = 200, body = BTreeMap<Emotion, EmotionFace>, description = "By emotion")))]
pub(crate) async fn emotions() -> Json<BTreeMap<Emotion, EmotionFace>> {
    Json(Emotion::ALL.into_iter().map(|emotion| (emotion, built_in(emotion))).collect())
}

fn built_in(emotion: Emotion) -> EmotionFace {
    let EmotionPreset { face, onset, decay, response } = EmotionPreset::built_in(emotion);
    let weight = |shape: Blendshape| Some((shape, face[shape])).filter(|(_, weight)| *weight > 0.0);
    EmotionFace {
        shapes: Some(BLENDSHAPES.into_iter().filter_map(weight).collect()),
        head: Some(face.head),
        onset: Some(onset),
        decay: Some(decay),
        response: Some(response),
    }
}

#[cfg(test)]
mod tests {
    use visage_core::{FacePose, emotion_face};

    use super::*;

    /// What is listed, written into a character's file, is the built-in face.
    #[test]
    fn built_in_faces_are_listed_whole() {
        for emotion in Emotion::ALL {
            let listed = built_in(emotion);
            let weights: Vec<_> = listed.shapes.expect("listed").into_iter().collect();
            let face = FacePose { head: listed.head.expect("listed"), ..FacePose::of(&weights) };
            assert_eq!(face, emotion_face(emotion), "{emotion}");
        }
    }
}
