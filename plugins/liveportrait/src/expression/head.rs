//! What a head pose does: LivePortrait's angles, translation and scale, so that the head goes where the mesh warp puts it.
//!
//! Both turn a head with x to the right of the picture, y down and z away from the viewer, and both apply pitch, yaw and
//! roll in this order (`src/utils/camera.py` of KwaiVGI/LivePortrait: `rot_z @ rot_y @ rot_x`). From its matrix follow its
//! signs: pitch is positive for a nod **down**, yaw for a turn to the **left of the picture**, roll for a tilt towards the
//! **right of the picture**. [`HeadPose`] has up, the character's left (the right of the picture) and the character's left
//! shoulder, so pitch and yaw change their sign and roll keeps it. Checked against the published templates: in `d8.pkl`
//! yaw falls (r = -0.88) and roll rises (r = 0.89) with the angles that a face tracker sees in the video.
//!
//! LivePortrait turns the keypoints about their own origin, which lies within the head, and moves them afterwards; a real
//! head and the mesh turn about the neck. The difference is a translation. In perspective a head that comes nearer
//! grows; LivePortrait's projection is parallel, so it gets the growth between the eyes as its scale.

use glam::{EulerRot, Mat3, Vec3};
use visage_core::HeadPose;

use super::EYE_DISTANCE;
use crate::motion::{Motion, Offset};

/// Greatest turns, radians: yaw, pitch, roll, approached softly. Yaw is the published slider's (`app.py` of
/// KwaiVGI/LivePortrait: 25°), pitch and roll the wider ones of PowerHouseMan/ComfyUI-AdvancedLivePortrait (`nodes.py`:
/// 20°). The mesh warp bends towards 0.50, 0.36 and 0.60 instead: up to 0.15 rad the two differ by at most 0.006 rad.
const LIMITS: [f32; 3] = [0.436, 0.349, 0.349];
/// Greatest movement in units of the distance between the eyes, approached softly: the published slider's 0.19 (`app.py`,
/// x- and y-axis movement) over [`EYE_DISTANCE`]. The mesh warp's is 0.8.
const REACH: f32 = 0.7;
/// The joint of the neck, from the middle between the eyes, in units of the distance between them: the mesh warp's.
const PIVOT: Vec3 = Vec3::new(0.0, 0.75, 0.80);
/// Distance of the camera from the eyes: the mesh warp's.
const CAMERA: f32 = 11.0;
/// The middle between the eyes, from the origin of the canonical keypoints, in their units. x and y as in
/// [`EYE_DISTANCE`] (mean of the same videos), z is the depth of the keypoints of the eyes in six published templates.
const EYES: Vec3 = Vec3::new(0.012, -0.076, -0.14);

/// The head of one portrait.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// Pitch, yaw and roll in the portrait, degrees.
    rest: [f32; 3],
    /// Units of the crop for a distance between the eyes.
    unit: f32,
}

impl Head {
    /// For a face as the motion extractor found it.
    pub fn new(rest: &Motion) -> Self {
        let scale = if rest.scale.is_finite() && rest.scale > 0.0 { rest.scale } else { 1.0 };
        Self {
            rest: rest.rotation.map(|angle| if angle.is_finite() { angle } else { 0.0 }),
            unit: EYE_DISTANCE * scale,
        }
    }

    /// Writes rotation, translation and scale.
    pub fn drive(&self, pose: &HeadPose, offset: &mut Offset) {
        let turn = [
            -soft(pose.pitch, LIMITS[1]).to_degrees(),
            -soft(pose.yaw, LIMITS[0]).to_degrees(),
            soft(pose.roll, LIMITS[2]).to_degrees(),
        ];
        let [x, y, z] = pose.translation.map(|value| soft(value, REACH));
        let shift = Vec3::new(x, -y, -z);
        if turn == [0.0; 3] && shift == Vec3::ZERO {
            return;
        }
        // How the picture's points turn: angles are added to those of the portrait.
        let after = [0, 1, 2].map(|axis| self.rest[axis] + turn[axis]);
        let turned = rotation(after) * rotation(self.rest).transpose();
        // Where the middle between the eyes goes, from where it was.
        let eyes = PIVOT - turned * PIVOT + shift;
        let scale = CAMERA / (CAMERA + eyes.z);
        let seen = eyes * scale;
        // Where LivePortrait would put it.
        let origin = rotation(self.rest) * (EYES / EYE_DISTANCE);
        let own = turned * origin * scale - origin;
        let moved = (seen - own) * self.unit;
        offset.rotation = turn;
        offset.translation = [moved.x, moved.y, 0.0];
        offset.scale = scale;
    }
}

/// LivePortrait's rotation of column vectors, from pitch, yaw and roll in degrees.
fn rotation([pitch, yaw, roll]: [f32; 3]) -> Mat3 {
    Mat3::from_euler(EulerRot::ZYX, roll.to_radians(), yaw.to_radians(), pitch.to_radians())
}

/// Approaches a limit softly; what is not a number counts as 0.
fn soft(value: f32, limit: f32) -> f32 {
    if value.is_nan() { 0.0 } else { limit * (value / limit).tanh() }
}
