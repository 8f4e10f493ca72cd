//! The head as a body in space: depth of every point, and what a head pose does to it.
//!
//! Points turn about the joint of the neck and are seen in perspective. At rest a point lands exactly where it is in the
//! picture, because only the change of perspective is applied.

use glam::{EulerRot, Mat3, Vec2, Vec3};
use visage_core::{HeadPose, MESH_POINTS};

use crate::{
    curve::{inside, mix, smooth, to_outline},
    frame::Frame,
};

/// Distance of the camera from the eyes, in units of the distance between them (about 70 cm).
pub(crate) const CAMERA: f32 = 11.0;
/// Depth that the sides of the face and the skull approach. Less than that of a real head: a picture shows nothing of
/// what turns into view there, and a steeper side would fold over when the head turns.
const BACK: f32 = 0.62;
/// The joint of the neck: below the eyes and behind them.
const PIVOT: Vec3 = Vec3::new(0.0, 0.75, 0.80);
/// Greatest turns that a single picture bears, radians: yaw, pitch, roll.
const LIMITS: [f32; 3] = [0.50, 0.36, 0.60];
/// Greatest movements.
const REACH: f32 = 0.8;

/// The shape of a head.
#[derive(Clone, Debug)]
pub(crate) struct Skull {
    mesh: Vec<Vec3>,
    oval: Vec<Vec3>,
    outline: Vec<Vec2>,
    chin: f32,
}

impl Skull {
    /// From the landmarks and the oval of the face.
    pub fn new(frame: &Frame, oval: &[u16]) -> Self {
        Self {
            mesh: (0..MESH_POINTS as u16).map(|index| flattened(frame.point(index))).collect(),
            oval: oval.iter().map(|&index| flattened(frame.point(index))).collect(),
            outline: oval.iter().map(|&index| frame.at(index)).collect(),
            chin: frame.at(152).y,
        }
    }

    /// Depth of the surface at a place: the mesh's within the face, rounding off to the ears' depth around it.
    pub fn depth(&self, at: Vec2) -> f32 {
        let (away, edge, share) = to_outline(&self.outline, at);
        if inside(&self.outline, at) {
            let (mut sum, mut total) = (0.0, 0.0);
            for point in &self.mesh {
                let weight = 1.0 / (point.truncate().distance_squared(at) + 0.002).powi(2);
                sum += weight * point.z;
                total += weight;
            }
            return sum / total;
        }
        let rim = mix(self.oval[edge].z, self.oval[(edge + 1) % self.oval.len()].z, share);
        mix(rim, BACK.max(rim), smooth(0.0, 0.8, away))
    }

    /// How much a place moves with the head: 1 in the face and above the jaw, falling to 0 down the neck, soon, because
    /// the picture behind the head shows the lower neck where it was.
    pub fn follows(&self, at: Vec2) -> f32 {
        if inside(&self.outline, at) {
            return 1.0;
        }
        let (away, ..) = to_outline(&self.outline, at);
        let height = smooth(self.chin + 0.55, self.chin - 0.55, at.y);
        mix(1.0, height, smooth(0.0, 0.30, away))
    }
}

/// Depths behind the eyes approach [`BACK`].
fn flattened(point: Vec3) -> Vec3 {
    let z = if point.z > 0.0 { BACK * (1.0 - (-point.z / BACK).exp()) } else { point.z };
    point.truncate().extend(z)
}

/// A head pose made ready to be applied to many points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motion {
    turn: Mat3,
    shift: Vec3,
}

impl Motion {
    /// Limits a pose softly to what a single picture bears.
    pub fn new(head: &HeadPose) -> Self {
        let soft = |value: f32, limit: f32| if value.is_finite() { limit * (value / limit).tanh() } else { 0.0 };
        let yaw = soft(head.yaw, LIMITS[0]);
        let pitch = soft(head.pitch, LIMITS[1]);
        let roll = soft(head.roll, LIMITS[2]);
        let [x, y, z] = head.translation.map(|value| soft(value, REACH));
        // With x right, y down and z away, the nose (z < 0) goes right and up for negative angles about y and x.
        let turn = Mat3::from_euler(EulerRot::ZYX, roll, -yaw, -pitch);
        Self { turn, shift: Vec3::new(x, -y, -z) }
    }

    /// Where a point of the resting head is seen, in face coordinates. `rest` is the point without its expression
    /// (it decides the perspective at rest), `moved` the point with it.
    pub fn see(&self, rest: Vec3, moved: Vec3) -> Vec2 {
        let turned = self.turn * (moved - PIVOT) + PIVOT + self.shift;
        turned.truncate() * ((CAMERA + rest.z) / (CAMERA + turned.z).max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOSE: Vec3 = Vec3::new(0.0, 0.6, -0.5);

    #[test]
    fn signs_are_those_of_the_pose() {
        let seen = |head: HeadPose| Motion::new(&head).see(NOSE, NOSE) - NOSE.truncate();
        let zero = [0.0; 3];
        let base = HeadPose::default();
        assert!(seen(base).length() < 1e-6);
        assert!(seen(HeadPose { yaw: 0.2, ..base }).x > 0.1, "left turn: to the right of the picture");
        assert!(seen(HeadPose { pitch: 0.2, ..base }).y < -0.1, "nodding up: up");
        assert!(seen(HeadPose { roll: 0.2, ..base }).x > 0.01, "tilt to the left shoulder: top to the right");
        assert!(seen(HeadPose { translation: [0.1, 0.0, 0.0], ..base }).x > 0.09);
        assert!(seen(HeadPose { translation: [0.0, 0.1, 0.0], ..base }).y < -0.09);
        assert!(seen(HeadPose { translation: [0.0, 0.0, 0.5], ..base }).y > 0.0, "nearer: larger");
        assert_eq!(base.translation, zero);
    }

    #[test]
    fn wild_poses_stay_finite_and_bounded() {
        for value in [f32::NAN, f32::INFINITY, -1e9, 50.0] {
            let head = HeadPose { yaw: value, pitch: value, roll: value, translation: [value; 3] };
            assert!(Motion::new(&head).see(NOSE, NOSE).length() < 4.0);
        }
    }
}
