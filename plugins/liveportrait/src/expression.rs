//! From a [`FacePose`] to what moves LivePortrait's keypoints: the 52 blendshapes as expression deltas, the lids, and the
//! head. Every renderer takes the same pose, so the same pose has to mean the same face here as on the mesh.
//!
//! # What is moved
//!
//! The network knows no blendshapes. It has 21 implicit keypoints, learned, not chosen; only some of them sit where one
//! would look for them (`docs/avatar/liveportrait-expression.md` has the map and how it was found). What is added to them
//! stands in [`table`]: for each blendshape a few patterns, and for each pattern the keypoints it moves, how far, and
//! whether the number was published, measured or chosen by us. [`head`] has the turn and the movement of the head.
//!
//! Units are those of the canonical keypoints: the eyes are [`EYE_DISTANCE`] apart. Movements are multiplied with the
//! scale of the face in its crop, as the face itself is, so no table depends on how large a face is. A movement of 0.01
//! is 0.037 of the distance between the eyes, about 2.4 mm on a real head, and 2.56 × scale pixels of a crop of 512
//! (3.8 pixels at the usual scale of 1.5).
//!
//! # What shapes do to each other
//!
//! Movements add up, with these rules:
//!
//! - Weights are brought to 0..=1; what is not a number counts as 0.
//! - `MouthClose` takes back what the jaw opens, never more.
//! - A blink closes the eye whatever else is asked of it: squint, wide eyes and a raised or lowered gaze fade as it closes.
//! - The sum is bent softly into what the network was shown: [`table::LIMITS`].

mod head;
#[cfg(test)]
mod response;
mod table;
#[cfg(test)]
mod tests;

use visage_core::{BLENDSHAPES, Blendshape, Blendshape::*, FacePose};

use self::head::Head;
use crate::motion::{Motion, Offset};

/// Distance between the middles of the eyes, in units of the canonical keypoints. Measured by us in six published driving
/// videos and their motion templates (0.257 to 0.287): `assets/examples/driving` of KwaiVGI/LivePortrait, the
/// videos of PowerHouseMan/ComfyUI-AdvancedLivePortrait and the template `d0.pkl` of dimitribarbot/sd-webui-live-portrait.
const EYE_DISTANCE: f32 = 0.268;
/// Share of a limit up to which movements stay as they are.
const KNEE: f32 = 0.8;

/// What closes the lids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lids {
    /// The keypoints of the eyes; needs no further network, and knows each eye by itself.
    #[default]
    Keypoints,
    /// The eye retargeting network: [`Offset::eyes`] says how far each eye is open, and the keypoints only make it wide.
    Retargeting,
}

/// Moves the face of one portrait.
#[derive(Clone, Debug)]
pub struct Expression {
    head: Head,
    lids: Lids,
}

impl Expression {
    /// For a face as the motion extractor found it in the portrait.
    pub fn new(rest: &Motion, lids: Lids) -> Self {
        Self { head: Head::new(rest), lids }
    }

    /// What a pose asks for. One pass over the table; allocates nothing. The pose at rest gives exactly
    /// [`Offset::default`].
    pub fn offset(&self, pose: &FacePose) -> Offset {
        let weights = weights(&pose.shapes);
        let mut offset = Offset::default();
        for shape in BLENDSHAPES {
            let weight = weights[shape as usize];
            if weight == 0.0 || (self.lids == Lids::Retargeting && closes_lids(shape)) {
                continue;
            }
            for (pattern, amount) in table::parts(shape) {
                for &(point, axis, by) in pattern.moves {
                    offset.expression[usize::from(point)][axis as usize] += by * amount * weight;
                }
            }
        }
        let limits = table::LIMITS.as_flattened();
        for (value, &(least, most)) in offset.expression.as_flattened_mut().iter_mut().zip(limits) {
            *value = bent(*value, least, most);
        }
        if self.lids == Lids::Retargeting {
            offset.eyes =
                [opening(&weights, EyeBlinkRight, EyeSquintRight), opening(&weights, EyeBlinkLeft, EyeSquintLeft)];
        }
        self.head.drive(&pose.head, &mut offset);
        offset
    }
}

/// Weights of the table's rows for the weights of a pose: what shapes do to each other.
fn weights(shapes: &[f32; 52]) -> [f32; 52] {
    let mut out = shapes.map(|weight| if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 0.0 });
    for (blink, others) in [
        (EyeBlinkRight, [EyeSquintRight, EyeWideRight, EyeLookUpRight, EyeLookDownRight]),
        (EyeBlinkLeft, [EyeSquintLeft, EyeWideLeft, EyeLookUpLeft, EyeLookDownLeft]),
    ] {
        let open = 1.0 - out[blink as usize];
        for other in others {
            out[other as usize] *= open;
        }
    }
    out[MouthClose as usize] = out[MouthClose as usize].min(out[JawOpen as usize]);
    out
}

/// Shapes that do nothing but close lids, which is the eye retargeting network's work where there is one.
fn closes_lids(shape: Blendshape) -> bool {
    matches!(shape, EyeBlinkLeft | EyeBlinkRight | EyeSquintLeft | EyeSquintRight)
}

/// How far an eye is open: 1 as in the portrait, 0 closed. The share of a squint is the mesh warp's
/// (`plugins/warp/src/fields.rs`, both lids together).
fn opening(weights: &[f32; 52], blink: Blendshape, squint: Blendshape) -> f32 {
    (1.0 - weights[blink as usize] - 0.42 * weights[squint as usize]).max(0.0)
}

/// Bends a sum softly below `most` and above `least`, which it never passes.
fn bent(value: f32, least: f32, most: f32) -> f32 {
    let limit = if value < 0.0 { -least } else { most };
    let (size, knee) = (value.abs(), KNEE * limit);
    if size <= knee {
        return value;
    }
    let rest = limit - knee;
    (knee + rest * ((size - knee) / rest.max(f32::MIN_POSITIVE)).tanh()).min(limit).copysign(value)
}
