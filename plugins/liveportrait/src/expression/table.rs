//! The table: which keypoints a blendshape moves, along which axis, how far at weight 1, and where each number comes from.
//!
//! Two public projects publish controls for LivePortrait's expression, as amounts per unit of a slider:
//!
//! - KwaiVGI/LivePortrait: `update_delta_new_…` in `src/gradio_pipeline.py`; the sliders' ranges in `app.py`.
//! - PowerHouseMan/ComfyUI-AdvancedLivePortrait, where most of them come from: `calc_fe` and `ExpressionEditor` in
//!   `nodes.py`. It alone has lids for both eyes at once (`blink`).
//!
//! A [`Source::Published`] pattern has those amounts unchanged; how many units a blendshape gets is ours, set so that the
//! face moves as far as on the mesh. They are few, and most say nothing of left and right. What is missing is
//! [`Source::Measured`]: a ridge regression of what a face tracker sees (478 points, in face coordinates) on the
//! keypoints' movements, over the 711 frames of six published driving videos whose motion templates are published too.
//! [`Source::Chosen`] patterns have neither; each says why it is there.
//!
//! Which side is which: keypoints 1, 3, 11 and 13 lie on the left of the picture, which is the character's **right**;
//! 2, 7, 15 and 16 on its left.

use visage_core::{Blendshape, Blendshape::*};

use crate::motion::KEYPOINTS;

pub(super) use self::Axis::{X, Y, Z};

/// Axis of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// To the right of the picture.
    X,
    /// Down.
    Y,
    /// Away from the viewer.
    Z,
}

/// Where the numbers of a pattern come from. Nothing at run time asks; the test that keeps the documentation in step does.
#[cfg_attr(not(test), allow(dead_code, reason = "the documentation's column"))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// A published control: its name in `gradio_pipeline.py` (`blink`: in `nodes.py`), and its slider's range.
    Published(&'static str, f32, f32),
    /// Regression on published videos and their motion templates.
    Measured,
    /// Ours.
    Chosen,
}

/// Keypoints that move together.
#[cfg_attr(not(test), allow(dead_code, reason = "the documentation's column"))]
#[derive(Clone, Copy, Debug)]
pub(super) struct Pattern {
    /// Where the numbers come from.
    pub source: Source,
    /// Keypoint, axis, and movement for one unit.
    pub moves: &'static [(u8, Axis, f32)],
}

/// A share of a row: a pattern and how many units of it a blendshape has at weight 1.
pub(super) type Part = (&'static Pattern, f32);

const fn published(name: &'static str, least: f32, most: f32, moves: &'static [(u8, Axis, f32)]) -> Pattern {
    Pattern { source: Source::Published(name, least, most), moves }
}

const fn measured(moves: &'static [(u8, Axis, f32)]) -> Pattern {
    Pattern { source: Source::Measured, moves }
}

/// Corners up and out, cheeks, lower lids.
pub(super) const SMILE: Pattern = published(
    "smile",
    -0.3,
    1.3,
    &[
        (3, Y, -0.0035),
        (7, Y, -0.0035),
        (13, Y, -0.00275),
        (14, Y, -0.02),
        (16, Y, -0.00275),
        (17, Y, 0.0065),
        (17, Z, 0.003),
        (20, Y, -0.01),
    ],
);
/// Lips open (and, below 0, close).
pub(super) const LIPS: Pattern =
    published("lip_variation_three", -90.0, 120.0, &[(17, Y, -0.0001), (19, Y, 0.001), (19, Z, 0.0001)]);
/// Corners of the mouth drawn in.
pub(super) const PURSE: Pattern =
    published("lip_variation_one", -20.0, 15.0, &[(3, Y, -0.0005), (7, Y, -0.0005), (14, Y, 0.001), (17, Z, -0.0005)]);
/// Teeth of the upper row shown, corners out.
pub(super) const GRIN: Pattern =
    published("lip_variation_two", 0.0, 15.0, &[(14, Y, -0.001), (20, Y, -0.001), (20, Z, -0.001)]);
/// Both brows up: the slider above 0.
pub(super) const RAISE: Pattern = published("eyebrow", 0.0, 30.0, &[(1, Y, 0.001), (2, Y, -0.001)]);
/// Both brows down and together: the slider below 0, counted upwards.
pub(super) const KNIT: Pattern =
    published("eyebrow", 0.0, 30.0, &[(1, X, 0.001), (1, Y, -0.0003), (2, X, -0.001), (2, Y, 0.0003)]);
/// Lids of the character's right eye: open above 0, closed at -20. The slider moves both eyes; this is the right one's
/// half (the same two keypoints that `update_delta_new_wink` closes), without its small share of the brows.
pub(super) const LIDS_RIGHT: Pattern = published("blink", -20.0, 5.0, &[(11, Y, -0.001), (13, Y, 0.0003)]);
/// Lids of the character's left eye.
pub(super) const LIDS_LEFT: Pattern = published("blink", -20.0, 5.0, &[(15, Y, -0.001), (16, Y, 0.0003)]);
/// The right eye towards the ear. The slider goes to either side: its half below 0, this eye's share.
pub(super) const OUT_RIGHT: Pattern = published("eyeball_direction_x", 0.0, 30.0, &[(11, X, -0.001)]);
/// The right eye towards the nose: the slider's half above 0.
pub(super) const IN_RIGHT: Pattern = published("eyeball_direction_x", 0.0, 30.0, &[(11, X, 0.0007)]);
/// The left eye towards the ear.
pub(super) const OUT_LEFT: Pattern = published("eyeball_direction_x", 0.0, 30.0, &[(15, X, 0.001)]);
/// The left eye towards the nose.
pub(super) const IN_LEFT: Pattern = published("eyeball_direction_x", 0.0, 30.0, &[(15, X, -0.0007)]);
/// The right eye and its lids up (below 0: down). The slider's own movement less the blink that comes with it.
pub(super) const UP_RIGHT: Pattern =
    published("eyeball_direction_y", -63.0, 63.0, &[(11, Y, -0.0005), (13, Y, -0.00015)]);
/// The left eye and its lids up.
pub(super) const UP_LEFT: Pattern =
    published("eyeball_direction_y", -63.0, 63.0, &[(15, Y, -0.0005), (16, Y, -0.00015)]);

/// The left corner of the mouth up and the right one down: about 0.05 eye distances apart.
pub(super) const TILT: Pattern = measured(&[(3, Y, 0.003), (7, Y, -0.003), (17, X, -0.002), (20, X, 0.006)]);
/// Corners of the mouth down, lips still together.
pub(super) const FROWN: Pattern = measured(&[(14, Y, 0.0085), (19, Y, 0.0045), (20, Y, 0.0055)]);
/// Mouth wider.
pub(super) const WIDEN: Pattern = measured(&[(7, X, 0.005), (17, Z, 0.001), (20, Z, -0.005)]);
/// Mouth narrower and rounder.
pub(super) const ROUND: Pattern = measured(&[(7, X, -0.004), (20, Z, 0.006)]);
/// Upper lip up.
pub(super) const UPPER_LIP: Pattern = measured(&[(20, Y, -0.001)]);
/// Both lips to the character's left.
pub(super) const ASIDE: Pattern = measured(&[(19, X, 0.027), (20, X, 0.009)]);
/// The lower lip to the character's left and the upper one less.
pub(super) const JAW_ASIDE: Pattern = measured(&[(19, X, 0.036), (20, X, -0.006)]);
/// Inner ends of the brows up.
pub(super) const INNER_BROWS: Pattern = measured(&[(1, X, 0.004), (2, X, -0.004)]);
/// Brows down, beyond what [`KNIT`] does.
pub(super) const LOWER_BROWS: Pattern = measured(&[(1, Y, -0.003), (2, Y, 0.008)]);
/// The left brow up and the right one down. It takes the upper lids along a little.
pub(super) const BROW_TILT: Pattern = measured(&[(11, Y, 0.005), (15, Y, -0.005)]);
/// Lids of the right eye narrowed from both sides.
pub(super) const NARROW_RIGHT: Pattern = measured(&[(11, Y, 0.004), (13, Y, -0.004)]);
/// Lids of the left eye narrowed from both sides.
pub(super) const NARROW_LEFT: Pattern = measured(&[(15, Y, 0.004), (16, Y, -0.004)]);
/// The right cheek up, and the lower lid with it: as in [`SMILE`], on one side.
pub(super) const CHEEK_RIGHT: Pattern = measured(&[(3, Y, -0.0025), (11, Y, 0.0012), (13, Y, -0.0015)]);
/// The left cheek up.
pub(super) const CHEEK_LEFT: Pattern = measured(&[(7, Y, -0.0025), (15, Y, 0.0012), (16, Y, -0.0015)]);
/// The red of the lips drawn in.
pub(super) const ROLL: Pattern = measured(&[(19, Z, -0.002)]);

/// Room for the tongue: the network has no tongue, but lips that let one through are apart. So "th" does not look like
/// "n". Twelve units, less than an eighth of an open jaw.
pub(super) const TONGUE: Pattern =
    Pattern { source: Source::Chosen, moves: &[(17, Y, -0.0012), (19, Y, 0.012), (19, Z, 0.0012)] };

/// What a blendshape does at weight 1. An empty row is one of [`WITHOUT_EFFECT`].
pub(super) fn parts(shape: Blendshape) -> &'static [Part] {
    match shape {
        // Closed in the videos too: 0.014 (0.010 to 0.021, wider eyes more) at keypoints 11 and 15.
        EyeBlinkLeft => &[(&LIDS_LEFT, -20.0)],
        EyeBlinkRight => &[(&LIDS_RIGHT, -20.0)],
        EyeWideLeft => &[(&LIDS_LEFT, 5.0)],
        EyeWideRight => &[(&LIDS_RIGHT, 5.0)],
        EyeSquintLeft => &[(&NARROW_LEFT, 1.0)],
        EyeSquintRight => &[(&NARROW_RIGHT, 1.0)],
        EyeLookOutLeft => &[(&OUT_LEFT, 16.0)],
        EyeLookOutRight => &[(&OUT_RIGHT, 16.0)],
        EyeLookInLeft => &[(&IN_LEFT, 16.0)],
        EyeLookInRight => &[(&IN_RIGHT, 16.0)],
        EyeLookUpLeft => &[(&UP_LEFT, 25.0)],
        EyeLookUpRight => &[(&UP_RIGHT, 25.0)],
        EyeLookDownLeft => &[(&UP_LEFT, -32.0)],
        EyeLookDownRight => &[(&UP_RIGHT, -32.0)],

        JawOpen => &[(&LIPS, 100.0)],
        // Exactly what the jaw opened: the lips are together, but the chin does not drop as it does on the mesh.
        MouthClose => &[(&LIPS, -100.0)],
        JawLeft => &[(&JAW_ASIDE, 1.0)],
        JawRight => &[(&JAW_ASIDE, -1.0)],
        JawForward => &[],

        MouthSmileLeft => &[(&SMILE, 0.65), (&TILT, 1.4)],
        MouthSmileRight => &[(&SMILE, 0.65), (&TILT, -1.4)],
        MouthFrownLeft => &[(&FROWN, 1.0), (&TILT, -1.4)],
        MouthFrownRight => &[(&FROWN, 1.0), (&TILT, 1.4)],
        MouthDimpleLeft => &[(&GRIN, 2.0), (&WIDEN, 0.4), (&TILT, 0.3)],
        MouthDimpleRight => &[(&GRIN, 2.0), (&WIDEN, 0.4), (&TILT, -0.3)],
        MouthStretchLeft => &[(&WIDEN, 1.4), (&FROWN, 0.3), (&TILT, -0.3)],
        MouthStretchRight => &[(&WIDEN, 1.4), (&FROWN, 0.3), (&TILT, 0.3)],
        MouthFunnel => &[(&PURSE, 10.0), (&ROUND, 1.0), (&LIPS, 14.0), (&UPPER_LIP, 6.0)],
        MouthPucker => &[(&PURSE, 15.0), (&ROUND, 2.2), (&UPPER_LIP, -3.0)],
        MouthLeft => &[(&ASIDE, 1.0)],
        MouthRight => &[(&ASIDE, -1.0)],
        MouthRollLower => &[(&LIPS, -8.0), (&ROLL, 1.0), (&UPPER_LIP, -1.0)],
        MouthRollUpper => &[(&UPPER_LIP, -6.0), (&ROLL, 1.0), (&WIDEN, 0.6)],
        MouthShrugLower => &[(&LIPS, -14.0)],
        MouthShrugUpper => &[(&UPPER_LIP, 8.0), (&PURSE, 1.5)],
        MouthPressLeft | MouthPressRight => &[(&LIPS, -4.0), (&UPPER_LIP, -1.5)],
        MouthLowerDownLeft => &[(&LIPS, 12.0), (&TILT, -0.1)],
        MouthLowerDownRight => &[(&LIPS, 12.0), (&TILT, 0.1)],
        MouthUpperUpLeft => &[(&UPPER_LIP, 7.5), (&PURSE, 3.0), (&TILT, 0.3)],
        MouthUpperUpRight => &[(&UPPER_LIP, 7.5), (&PURSE, 3.0), (&TILT, -0.3)],

        BrowInnerUp => &[(&RAISE, 14.0), (&INNER_BROWS, 1.0)],
        BrowOuterUpLeft => &[(&RAISE, 8.0), (&INNER_BROWS, -0.5), (&BROW_TILT, 1.0)],
        BrowOuterUpRight => &[(&RAISE, 8.0), (&INNER_BROWS, -0.5), (&BROW_TILT, -1.0)],
        BrowDownLeft => &[(&KNIT, 5.0), (&LOWER_BROWS, 1.0), (&BROW_TILT, -1.0)],
        BrowDownRight => &[(&KNIT, 5.0), (&LOWER_BROWS, 1.0), (&BROW_TILT, 1.0)],

        CheekSquintLeft => &[(&CHEEK_LEFT, 1.0)],
        CheekSquintRight => &[(&CHEEK_RIGHT, 1.0)],
        CheekPuff => &[],
        NoseSneerLeft => &[(&UPPER_LIP, 6.0), (&PURSE, 1.0), (&LOWER_BROWS, 0.3), (&TILT, 0.3)],
        NoseSneerRight => &[(&UPPER_LIP, 6.0), (&PURSE, 1.0), (&LOWER_BROWS, 0.3), (&TILT, -0.3)],
        TongueOut => &[(&TONGUE, 1.0)],
    }
}

/// Blendshapes that move nothing here, and why.
#[cfg(test)]
pub(super) const WITHOUT_EFFECT: [(Blendshape, &str); 2] = [
    (JawForward, "no control is published, and no published template has a jaw thrust forward to measure"),
    (CheekPuff, "no control is published, and no published template has puffed cheeks to measure"),
];

/// A coordinate that the table never moves.
const STILL: (f32, f32) = (0.0, 0.0);
/// Least and greatest movement of each keypoint along x, y and z. The wider of two: what the published sliders move it by
/// at the ends of their ranges, and how far it goes from the middle of its take in thirteen published motion templates
/// (1,229 frames). Where keypoints are mirror images of each other (this module's tests say which), both
/// have the wider limits.
pub(super) const LIMITS: [[(f32, f32); 3]; KEYPOINTS] = {
    let mut limits = [[STILL; 3]; KEYPOINTS];
    limits[1] = [(-0.011, 0.030), (-0.0105, 0.030), STILL];
    limits[2] = [(-0.030, 0.011), (-0.030, 0.015), STILL];
    limits[3] = [STILL, (-0.0177, 0.0165), STILL];
    limits[7] = [(-0.018, 0.0135), (-0.0177, 0.0165), STILL];
    limits[11] = [(-0.030, 0.021), (-0.0315, 0.0315), STILL];
    limits[13] = [STILL, (-0.0117, 0.0094), STILL];
    limits[14] = [STILL, (-0.026, 0.0229), STILL];
    limits[15] = [(-0.021, 0.030), (-0.0315, 0.0315), STILL];
    limits[16] = [STILL, (-0.0117, 0.0094), STILL];
    limits[17] = [(-0.0117, 0.0117), (-0.012, 0.0117), (-0.0081, 0.010)];
    limits[19] = [(-0.09, 0.09), (-0.09, 0.12), (-0.0111, 0.0184)];
    limits[20] = [(-0.0219, 0.0219), (-0.0327, 0.0306), (-0.015, 0.020)];
    limits
};
