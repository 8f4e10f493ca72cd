//! Sliders for the face of an emotion: the 52 blendshapes, grouped as a person looks at a face, and the head.

use std::collections::BTreeMap;

use bevy_egui::egui::{CollapsingHeader, Grid, Slider, Ui};
use visage_core::{Blendshape, Blendshape::*, Emotion, FacePose, HeadPose, emotion_face};
use visage_library::EmotionFace;

/// A slider: what it is called, and the blendshapes of the left and of the right side that it moves. One that has no
/// sides has a single shape.
type Row = (&'static str, &'static [Blendshape]);

/// All sliders. The two shapes of a row are left and right, but for the gaze, whose rows are directions.
const GROUPS: [(&str, &[Row]); 5] = [
    (
        "Brows",
        &[
            ("down", &[BrowDownLeft, BrowDownRight]),
            ("inner ends up", &[BrowInnerUp]),
            ("outer ends up", &[BrowOuterUpLeft, BrowOuterUpRight]),
        ],
    ),
    (
        "Eyes",
        &[
            ("closed", &[EyeBlinkLeft, EyeBlinkRight]),
            ("squint", &[EyeSquintLeft, EyeSquintRight]),
            ("wide", &[EyeWideLeft, EyeWideRight]),
        ],
    ),
    (
        GAZE,
        &[
            ("up", &[EyeLookUpLeft, EyeLookUpRight]),
            ("down", &[EyeLookDownLeft, EyeLookDownRight]),
            ("to its left", &[EyeLookOutLeft, EyeLookInRight]),
            ("to its right", &[EyeLookInLeft, EyeLookOutRight]),
        ],
    ),
    (
        "Mouth",
        &[
            ("smile", &[MouthSmileLeft, MouthSmileRight]),
            ("frown", &[MouthFrownLeft, MouthFrownRight]),
            ("dimples", &[MouthDimpleLeft, MouthDimpleRight]),
            ("stretched", &[MouthStretchLeft, MouthStretchRight]),
            ("pressed", &[MouthPressLeft, MouthPressRight]),
            ("upper lip up", &[MouthUpperUpLeft, MouthUpperUpRight]),
            ("lower lip down", &[MouthLowerDownLeft, MouthLowerDownRight]),
            ("upper lip rolled in", &[MouthRollUpper]),
            ("lower lip rolled in", &[MouthRollLower]),
            ("upper lip raised", &[MouthShrugUpper]),
            ("lower lip raised", &[MouthShrugLower]),
            ("funnel", &[MouthFunnel]),
            ("pucker", &[MouthPucker]),
            ("closed over the jaw", &[MouthClose]),
            ("to its left", &[MouthLeft]),
            ("to its right", &[MouthRight]),
            ("tongue out", &[TongueOut]),
        ],
    ),
    (
        "Jaw, cheeks, nose",
        &[
            ("jaw open", &[JawOpen]),
            ("jaw forward", &[JawForward]),
            ("jaw to its left", &[JawLeft]),
            ("jaw to its right", &[JawRight]),
            ("cheeks puffed", &[CheekPuff]),
            ("cheeks raised", &[CheekSquintLeft, CheekSquintRight]),
            ("nose wrinkled", &[NoseSneerLeft, NoseSneerRight]),
        ],
    ),
];

/// The group whose rows are directions: its two shapes are never set apart.
const GAZE: &str = "Gaze";

/// How far the sliders turn the head, radians. More is more than a single picture bears.
const TURN: f32 = 0.5;

/// The face that a character shows for an emotion, at full strength.
pub fn shown_face(emotion: Emotion, own: Option<&EmotionFace>) -> FacePose {
    let mut face = emotion_face(emotion);
    if let Some(shapes) = own.and_then(|own| own.shapes.as_ref()) {
        let weights: Vec<_> = shapes.iter().map(|(shape, weight)| (*shape, *weight)).collect();
        face.shapes = FacePose::of(&weights).shapes;
    }
    if let Some(head) = own.and_then(|own| own.head) {
        face.head = head;
    }
    face
}

/// Draws the sliders and says whether one was moved. What equals the built-in face stays unsaid in `own`.
pub fn sliders(ui: &mut Ui, emotion: Emotion, own: &mut EmotionFace, both_sides: bool) -> bool {
    let mut face = shown_face(emotion, Some(own));
    let before = face.clone();
    for (group, rows) in GROUPS {
        CollapsingHeader::new(group).default_open(group == "Mouth").show(ui, |ui| {
            for (name, shapes) in rows {
                row(ui, name, shapes, both_sides || group == GAZE, &mut face);
            }
        });
    }
    CollapsingHeader::new("Head").show(ui, |ui| head(ui, &mut face.head));
    if face == before {
        return false;
    }
    take(emotion, own, &face);
    true
}

/// Keeps of a face what is not as built in.
fn take(emotion: Emotion, own: &mut EmotionFace, face: &FacePose) {
    let built_in = emotion_face(emotion);
    own.shapes = (face.shapes != built_in.shapes).then(|| weights(face));
    own.head = (face.head != built_in.head).then_some(face.head);
}

/// The blendshapes of a face that are not at rest.
pub fn weights(face: &FacePose) -> BTreeMap<Blendshape, f32> {
    visage_core::BLENDSHAPES.into_iter().map(|shape| (shape, face[shape])).filter(|(_, weight)| *weight > 0.0).collect()
}

fn row(ui: &mut Ui, name: &str, shapes: &[Blendshape], together: bool, face: &mut FacePose) {
    if let (&[left, right], false) = (shapes, together) {
        for (side, shape) in [("left", left), ("right", right)] {
            let mut weight = face[shape];
            if ui.add(Slider::new(&mut weight, 0.0..=1.0).text(format!("{name}, {side}"))).changed() {
                face[shape] = weight;
            }
        }
        return;
    }
    let mut weight = shapes.iter().map(|shape| face[*shape]).fold(0.0, f32::max);
    if ui.add(Slider::new(&mut weight, 0.0..=1.0).text(name)).changed() {
        shapes.iter().for_each(|shape| face[*shape] = weight);
    }
}

fn head(ui: &mut Ui, head: &mut HeadPose) {
    for (name, value) in
        [("turned to its left", &mut head.yaw), ("raised", &mut head.pitch), ("tilted to its left", &mut head.roll)]
    {
        ui.add(Slider::new(value, -TURN..=TURN).text(name));
    }
}

/// Sliders for how an emotion comes and goes. `None` is as built in.
pub fn timing(ui: &mut Ui, own: &mut EmotionFace) {
    Grid::new("timing").num_columns(2).show(ui, |ui| {
        for (name, value, range, start) in [
            ("appears in (s)", &mut own.onset, 0.02..=3.0, 0.2),
            ("fades in (s)", &mut own.decay, 0.02..=6.0, 0.5),
            ("moved by words", &mut own.response, 0.0..=1.0, 1.0),
        ] {
            let mut set = value.is_some();
            if ui.checkbox(&mut set, name).changed() {
                *value = set.then_some(start);
            }
            match value {
                Some(value) => ui.add(Slider::new(value, range)),
                None => ui.weak("as built in"),
            };
            ui.end_row();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blendshape_has_one_slider() {
        let mut shapes: Vec<_> = GROUPS.iter().flat_map(|(_, rows)| *rows).flat_map(|(_, shapes)| *shapes).collect();
        shapes.sort();
        assert!(shapes.iter().copied().eq(visage_core::BLENDSHAPES.iter()));
    }

    #[test]
    fn what_is_as_built_in_is_not_kept() {
        for emotion in Emotion::ALL {
            let mut own = EmotionFace::default();
            let mut face = shown_face(emotion, Some(&own));
            take(emotion, &mut own, &face);
            assert_eq!(own, EmotionFace::default(), "{emotion}");
            face[JawOpen] = 0.9;
            take(emotion, &mut own, &face);
            assert_eq!(own.head, None);
            assert_eq!(shown_face(emotion, Some(&own)), face, "{emotion}");
        }
    }
}
