//! The pose of a face: the 52 blendshapes of Apple's ARKit and where the head is. Every renderer takes it, and emotion,
//! lip-sync and idle motion only ever write it.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! blendshapes {
    ($($name:ident),+ $(,)?) => {
        /// The 52 blendshapes, in ARKit's order and spelling (Apple, `ARFaceAnchor.BlendShapeLocation`). "Left" and
        /// "right" are the character's own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        #[repr(u8)]
        pub enum Blendshape {
            $(#[allow(missing_docs)] $name,)+
        }

        /// All blendshapes, in order.
        pub const BLENDSHAPES: [Blendshape; 52] = [$(Blendshape::$name),+];
    };
}

blendshapes! {
    EyeBlinkLeft, EyeLookDownLeft, EyeLookInLeft, EyeLookOutLeft, EyeLookUpLeft, EyeSquintLeft, EyeWideLeft,
    EyeBlinkRight, EyeLookDownRight, EyeLookInRight, EyeLookOutRight, EyeLookUpRight, EyeSquintRight, EyeWideRight,
    JawForward, JawLeft, JawRight, JawOpen,
    MouthClose, MouthFunnel, MouthPucker, MouthLeft, MouthRight, MouthSmileLeft, MouthSmileRight,
    MouthFrownLeft, MouthFrownRight, MouthDimpleLeft, MouthDimpleRight, MouthStretchLeft, MouthStretchRight,
    MouthRollLower, MouthRollUpper, MouthShrugLower, MouthShrugUpper, MouthPressLeft, MouthPressRight,
    MouthLowerDownLeft, MouthLowerDownRight, MouthUpperUpLeft, MouthUpperUpRight,
    BrowDownLeft, BrowDownRight, BrowInnerUp, BrowOuterUpLeft, BrowOuterUpRight,
    CheekPuff, CheekSquintLeft, CheekSquintRight, NoseSneerLeft, NoseSneerRight, TongueOut,
}

/// Where the head is, relative to how it is in the portrait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeadPose {
    /// Turn to the character's left, radians.
    pub yaw: f32,
    /// Nod upwards, radians.
    pub pitch: f32,
    /// Tilt towards the character's left shoulder, radians.
    pub roll: f32,
    /// Movement to the character's left, up, and towards the viewer, in units of the distance between the eyes.
    pub translation: [f32; 3],
}

/// One instant of a face: blendshape weights in 0..=1, and the head.
#[derive(Clone, Debug, PartialEq)]
pub struct FacePose {
    /// Weights by [`Blendshape`], 0 (rest) to 1 (full).
    pub shapes: [f32; 52],
    /// The head.
    pub head: HeadPose,
}

impl Default for FacePose {
    fn default() -> Self {
        Self { shapes: [0.0; 52], head: HeadPose::default() }
    }
}

impl Index<Blendshape> for FacePose {
    type Output = f32;
    fn index(&self, shape: Blendshape) -> &f32 {
        &self.shapes[shape as usize]
    }
}

impl IndexMut<Blendshape> for FacePose {
    fn index_mut(&mut self, shape: Blendshape) -> &mut f32 {
        &mut self.shapes[shape as usize]
    }
}

impl FacePose {
    /// A pose at rest but for the given weights.
    pub fn of(weights: &[(Blendshape, f32)]) -> Self {
        let mut pose = Self::default();
        for &(shape, weight) in weights {
            pose[shape] = weight;
        }
        pose
    }

    /// Adds `other`, scaled by `amount`, to the shapes and the head. Weights are not clamped; see [`Self::clamped`].
    pub fn add_scaled(&mut self, other: &Self, amount: f32) {
        for (mine, theirs) in self.shapes.iter_mut().zip(&other.shapes) {
            *mine += theirs * amount;
        }
        self.head.yaw += other.head.yaw * amount;
        self.head.pitch += other.head.pitch * amount;
        self.head.roll += other.head.roll * amount;
        for (mine, theirs) in self.head.translation.iter_mut().zip(&other.head.translation) {
            *mine += theirs * amount;
        }
    }

    /// The same pose with every weight in 0..=1.
    pub fn clamped(mut self) -> Self {
        for weight in &mut self.shapes {
            *weight = weight.clamp(0.0, 1.0);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_arkits() {
        assert_eq!(BLENDSHAPES.len(), 52);
        assert_eq!(Blendshape::TongueOut as usize, 51);
        assert!(BLENDSHAPES.iter().enumerate().all(|(index, &shape)| shape as usize == index));
    }

    #[test]
    fn adding_then_clamping_stays_in_range() {
        let mut pose = FacePose::of(&[(Blendshape::JawOpen, 0.8)]);
        pose.add_scaled(&FacePose::of(&[(Blendshape::JawOpen, 1.0)]), 0.5);
        assert_eq!(pose.clamped()[Blendshape::JawOpen], 1.0);
    }
}
