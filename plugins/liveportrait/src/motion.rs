//! The motion of a face as LivePortrait describes it: 21 implicit keypoints in canonical form, an expression that moves
//! them, and where the head is.

/// Number of implicit keypoints.
pub const KEYPOINTS: usize = 21;

/// Keypoints: x to the right of the picture, y down, z; the face's crop spans about -1..=1.
pub type Keypoints = [[f32; 3]; KEYPOINTS];

/// What the motion extractor finds in a face.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    /// Pitch, yaw and roll in degrees.
    pub rotation: [f32; 3],
    /// Translation; z is not used.
    pub translation: [f32; 3],
    /// How the expression moves each keypoint.
    pub expression: Keypoints,
    /// Size of the face in the crop.
    pub scale: f32,
    /// The keypoints of this person's face at rest, seen from the front.
    pub canonical: Keypoints,
}

/// What a [`FacePose`](visage_core::FacePose) asks for, relative to the face in the portrait.
#[derive(Clone, Debug, PartialEq)]
pub struct Offset {
    /// Added to pitch, yaw and roll, degrees.
    pub rotation: [f32; 3],
    /// Added to the translation.
    pub translation: [f32; 3],
    /// Multiplies the scale.
    pub scale: f32,
    /// Added to the expression.
    pub expression: Keypoints,
    /// How far the eyes are open, the character's right eye first: 1 as in the portrait, 0 closed.
    pub eyes: [f32; 2],
    /// How far the lips are open, as the ratio that lip retargeting takes; `None` leaves them to the expression.
    pub lips: Option<f32>,
}

impl Default for Offset {
    /// The portrait as it is.
    fn default() -> Self {
        Self {
            rotation: [0.0; 3],
            translation: [0.0; 3],
            scale: 1.0,
            expression: [[0.0; 3]; KEYPOINTS],
            eyes: [1.0; 2],
            lips: None,
        }
    }
}
