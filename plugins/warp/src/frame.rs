//! Coordinates of the face: origin between the eyes, x to the right of the picture along the line of the eyes, y down
//! towards the chin, z away from the viewer, unit = distance between the eyes. All geometry of this crate is worked
//! out in them, so that it fits any size and tilt of a portrait.

use glam::{Mat2, Vec2, Vec3};
use visage_core::Rig;

use crate::WarpError;

/// Smallest distance between the eyes, in pixels, that a rig may have.
const MIN_EYE_DISTANCE: f32 = 8.0;

/// Where the face is in the portrait, and its landmarks in face coordinates.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The point between the eyes, in pixels.
    origin: Vec2,
    /// Face axes in the picture.
    axes: Mat2,
    /// Pixels per unit.
    pub unit: f32,
    /// Pixels of the portrait's side.
    side: f32,
    points: Vec<Vec3>,
}

impl Frame {
    /// Reads the landmarks.
    pub fn new(rig: &Rig) -> Result<Self, WarpError> {
        if rig.landmarks.iter().flatten().any(|value| !value.is_finite()) {
            return Err(WarpError::Landmarks("a coordinate is not a number"));
        }
        let at = |index: usize| Vec3::from_array(rig.landmarks[index]).truncate();
        let (right, left) = ((at(33) + at(133)) / 2.0, (at(362) + at(263)) / 2.0);
        let unit = right.distance(left);
        if unit < MIN_EYE_DISTANCE {
            return Err(WarpError::Landmarks("the eyes are too close together"));
        }
        let x = (left - right) / unit;
        let mut frame = Self {
            origin: (right + left) / 2.0,
            axes: Mat2::from_cols(x, x.perp()),
            unit,
            side: rig.portrait.width as f32,
            points: Vec::new(),
        };
        frame.points = rig.landmarks.iter().map(|&[x, y, z]| frame.local(Vec2::new(x, y)).extend(z / unit)).collect();
        Ok(frame)
    }

    /// A landmark in face coordinates.
    pub fn point(&self, index: u16) -> Vec3 {
        self.points[usize::from(index)]
    }

    /// A landmark in face coordinates, without depth.
    pub fn at(&self, index: u16) -> Vec2 {
        self.point(index).truncate()
    }

    /// Pixels of the portrait's side.
    pub fn side(&self) -> f32 {
        self.side
    }

    /// Landmarks in face coordinates, without depth.
    pub fn all(&self, indices: &[u16]) -> Vec<Vec2> {
        indices.iter().map(|&index| self.at(index)).collect()
    }

    /// Pixels to face coordinates.
    pub fn local(&self, pixel: Vec2) -> Vec2 {
        self.axes.transpose() * (pixel - self.origin) / self.unit
    }

    /// Face coordinates to pixels.
    pub fn pixel(&self, local: Vec2) -> Vec2 {
        self.origin + self.axes * (local * self.unit)
    }

    /// Face coordinates to texture coordinates of the portrait.
    pub fn uv(&self, local: Vec2) -> [f32; 2] {
        (self.pixel(local) / self.side).to_array()
    }
}
