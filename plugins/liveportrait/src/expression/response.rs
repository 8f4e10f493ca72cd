//! What a face does when its keypoints move, measured: the only way to judge the table where the network's weights are
//! not at hand.
//!
//! Six driving videos are published together with their motion templates, so what the network sees in a frame is known
//! for 711 frames (`d1`, `d2`, `d5`, `d7`, `d8`: templates in `assets/examples/driving` of KwaiVGI/LivePortrait, videos
//! in `sample/original_sample_asset/driving` of PowerHouseMan/ComfyUI-AdvancedLivePortrait; `d0`: both in dimitribarbot/
//! sd-webui-live-portrait). A face tracker of 478 points was run over the frames; its points, in coordinates of the face
//! (unit = distance between the middles of the eyes), were regressed on the expression's coordinates (ridge, λ = 10 on
//! standardised columns; per take about its mean; pitch, yaw and roll as further columns), the eyes' measures on
//! keypoints 1, 2, 11, 13, 15 and 16, the mouth's on 3, 7, 14, 17, 19 and 20. Share of variance explained in a take that
//! was left out of the fit: lids 0.96, gaze to the side 0.95, up and down 0.41, brows 0.76 to 0.87, gap of the lips 0.66,
//! lower lip 0.84, upper lip 0.38, corners 0.73 to 0.83, lips to the side 0.85 to 0.90.
//!
//! It says how faces of these six people moved with these numbers, which is not what the renderer will paint, and it
//! cannot tell apart what always moves together. It is good for signs and rough amounts.

use super::table::{Axis, X, Y, Z};
use crate::motion::Keypoints;

/// What is measured at the eyes: opening of the lids; the irises to the right of the picture and down; height of the
/// brows' inner and outer parts. Right and left are the character's.
const EYES: [&str; 8] =
    ["lid right", "lid left", "gaze x", "gaze y", "inner right", "inner left", "outer right", "outer left"];
/// Response to a movement of 0.01, in thousandths of the distance between the eyes.
const EYE_RESPONSE: [(u8, Axis, [i16; 8]); 10] = [
    (1, X, [8, 7, -20, 6, 15, 22, 3, 14]),
    (1, Y, [-1, -10, -10, 5, 19, 16, 18, 13]),
    (2, X, [2, -4, -6, -5, -11, -13, 3, 4]),
    (2, Y, [5, 5, 4, -8, -45, -48, -32, -38]),
    (11, X, [-5, -7, 24, -1, 8, 0, 6, -5]),
    (11, Y, [-51, -20, 7, 2, -25, 2, -32, 0]),
    (13, Y, [51, 36, 13, 13, 17, 3, 19, 10]),
    (15, X, [10, 4, 43, -5, -4, 3, 3, 8]),
    (15, Y, [-22, -57, -9, 20, 27, 4, 23, -6]),
    (16, Y, [9, 46, -5, -1, 45, 78, 24, 64]),
];

/// What is measured at the mouth: gap between the lips; upper lip up; lower lip down; corners away from the middle and
/// up; upper and lower lip to the right of the picture.
const MOUTH: [&str; 9] =
    ["gap", "upper", "lower", "out right", "out left", "up right", "up left", "upper aside", "lower aside"];
/// As for the eyes.
const MOUTH_RESPONSE: [(u8, Axis, [i16; 9]); 13] = [
    (3, Y, [10, -30, 8, -8, -34, -35, -35, -11, -3]),
    (7, X, [24, 1, -7, 23, 43, 5, 12, 3, 11]),
    (7, Y, [7, 6, -7, -8, -6, 11, -10, -13, -7]),
    (14, Y, [0, 0, -3, -27, -28, -36, -49, -7, -3]),
    (17, X, [6, 1, 7, -13, -14, 53, 0, -10, -17]),
    (17, Y, [44, -28, 49, 21, 27, -27, -50, -15, -17]),
    (17, Z, [-53, 1, -49, 29, 31, 28, 17, -11, -7]),
    (19, X, [3, -9, 3, -23, 28, -6, 6, 23, 37]),
    (19, Y, [45, -2, 47, 5, 5, -15, -13, 1, 2]),
    (19, Z, [-1, -10, 47, 0, 0, -16, -19, 3, -7]),
    (20, X, [1, 21, 0, -35, 10, -25, 30, 47, 46]),
    (20, Y, [-57, -49, -2, -12, -9, -34, -24, 6, 7]),
    (20, Z, [4, 21, -22, -45, -54, 17, 23, -1, -2]),
];

/// How far `measure` moves, in distances between the eyes.
pub(super) fn seen(expression: &Keypoints, measure: &str) -> f32 {
    fn sum<const N: usize>(rows: &[(u8, Axis, [i16; N])], column: usize, expression: &Keypoints) -> f32 {
        let moved = |point: u8, axis: Axis| expression[usize::from(point)][axis as usize];
        rows.iter().map(|(point, axis, row)| moved(*point, *axis) * f32::from(row[column]) * 0.1).sum()
    }
    if let Some(column) = EYES.iter().position(|name| *name == measure) {
        return sum(&EYE_RESPONSE, column, expression);
    }
    let column = MOUTH.iter().position(|name| *name == measure).expect("a measure of eyes or mouth");
    sum(&MOUTH_RESPONSE, column, expression)
}
