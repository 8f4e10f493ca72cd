//! A portrait made ready to move: what `visage_portrait` finds in a still image and every renderer starts from.

use std::sync::Arc;

/// Points of the face mesh (MediaPipe FaceMesh topology).
pub const MESH_POINTS: usize = 468;
/// Mesh points and five points for each iris (MediaPipe attention mesh numbering: 468..473 the eye on the left of the
/// picture, which is the character's right; 473..478 the other).
pub const LANDMARKS: usize = 478;

/// A picture in memory: 8-bit sRGB RGBA, rows from the top, not padded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 4` bytes.
    pub rgba: Arc<[u8]>,
}

/// An iris as a circle in pixels of [`Rig::portrait`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Iris {
    /// Centre.
    pub centre: [f32; 2],
    /// Radius.
    pub radius: f32,
}

/// Colours taken from the portrait for what a closed mouth and open lids hide. 8-bit sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MouthColours {
    /// Median of the lips.
    pub lips: [u8; 3],
    /// Median of the cheeks.
    pub skin: [u8; 3],
    /// Median of the upper lids.
    pub lids: [u8; 3],
    /// The brightest white that fits the picture's light (for teeth and eyeballs).
    pub white: [u8; 3],
}

/// A portrait made ready to move. The picture is square and the head is as in the original, roll included.
#[derive(Clone, Debug)]
pub struct Rig {
    /// The picture, square, opaque.
    pub portrait: Raster,
    /// The same picture with the head taken out and what was behind it filled in, or the character's own
    /// [`Backdrop`](crate::Backdrop) with the shoulders before it. Same size. Transparent only where
    /// the backdrop is; colours are not multiplied with alpha.
    pub background: Raster,
    /// One byte a pixel of the portrait: how much it moves with the head. 255 in face and hair, 0 in background and
    /// shoulders, a soft edge between, a ramp down the neck.
    pub matte: Arc<[u8]>,
    /// Pixel x (right), pixel y (down), depth (same scale as x, smaller is nearer to the viewer).
    pub landmarks: Arc<[[f32; 3]; LANDMARKS]>,
    /// The irises: first the character's right one (left in the picture), then the left one.
    pub irises: [Iris; 2],
    /// How far the face is tilted in the picture, radians, positive towards the right of the picture.
    pub roll: f32,
    /// Colours for the hidden parts.
    pub colours: MouthColours,
}
