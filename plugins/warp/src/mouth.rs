//! The mouth as it is in the portrait: its frame, and the line where the lips meet.
//!
//! Landmarks of closed lips are a few pixels off the dark line that the eye sees, and a mouth that opens beside that
//! line looks torn. So the line is found in the picture: the darkest path from corner to corner near the landmarks.

use glam::Vec2;
use visage_core::{Raster, mesh_topology as topology};

use crate::{
    curve::{Curve, smooth},
    frame::Frame,
    trace::{blurred, trace},
};

/// Columns in which the lip line is looked for.
const SEAM_COLUMNS: usize = 64;
/// Rows in which it is looked for.
const SEAM_ROWS: usize = 41;
/// How far outside the landmarks of the inner lips it may lie.
const SEAM_REACH: f32 = 0.05;

/// The mouth's own frame: origin between the corners, x along them, unit as in the face.
#[derive(Clone, Debug)]
pub(crate) struct Mouth {
    /// Between the corners, face coordinates.
    pub centre: Vec2,
    axis: Vec2,
    /// Half the distance of the corners.
    pub half: f32,
    /// Where the lips meet, in the mouth's frame; zero at and beyond the corners.
    pub seam: Curve,
    /// Height of the upper lip's red in the middle.
    pub upper: f32,
    /// Height of the lower lip's red in the middle.
    pub lower: f32,
}

impl Mouth {
    /// Finds the mouth.
    pub fn new(frame: &Frame, portrait: &Raster) -> Self {
        let (right, left) = (frame.at(78), frame.at(308));
        let mut mouth = Self {
            centre: (right + left) / 2.0,
            axis: (left - right).normalize_or(Vec2::X),
            half: (right.distance(left) / 2.0).max(0.05),
            seam: Curve::new(Vec::new()),
            upper: 0.0,
            lower: 0.0,
        };
        let own = |indices: &[u16]| Curve::new(frame.all(indices).into_iter().map(|point| mouth.own(point)).collect());
        let (inner_upper, inner_lower) = (own(&topology::LIPS_INNER_UPPER), own(&topology::LIPS_INNER_LOWER));
        let (outer_upper, outer_lower) = (own(&topology::LIPS_OUTER_UPPER), own(&topology::LIPS_OUTER_LOWER));
        mouth.seam = find_seam(&mouth, frame, portrait, &inner_upper, &inner_lower);
        mouth.upper = (mouth.seam.y(0.0) - outer_upper.y(0.0)).clamp(0.04, 0.4);
        mouth.lower = (outer_lower.y(0.0) - mouth.seam.y(0.0)).clamp(0.04, 0.4);
        mouth
    }

    /// Face coordinates to the mouth's frame.
    pub fn own(&self, local: Vec2) -> Vec2 {
        let offset = local - self.centre;
        Vec2::new(offset.dot(self.axis), offset.dot(self.axis.perp()))
    }

    /// The mouth's frame to face coordinates.
    pub fn face(&self, own: Vec2) -> Vec2 {
        self.centre + self.axis * own.x + self.axis.perp() * own.y
    }

    /// A direction of the mouth's frame in face coordinates.
    pub fn direction(&self, own: Vec2) -> Vec2 {
        self.axis * own.x + self.axis.perp() * own.y
    }

    /// How far from corner (0) to middle (1) a column is; zero outside the mouth.
    pub fn profile(&self, x: f32) -> f32 {
        (1.0 - (x / self.half).powi(2)).max(0.0)
    }
}

/// The darkest path from corner to corner.
fn find_seam(mouth: &Mouth, frame: &Frame, portrait: &Raster, upper: &Curve, lower: &Curve) -> Curve {
    let x_of = |column: usize| mouth.half * (2.0 * column as f32 / (SEAM_COLUMNS - 1) as f32 - 1.0);
    let y_of = |column: usize, row: usize| {
        let x = x_of(column);
        // At the corners there is no freedom; the reach grows towards the middle.
        let reach = SEAM_REACH * smooth(0.0, 0.35, mouth.profile(x));
        let (top, bottom) = (upper.y(x).min(lower.y(x)) - reach, upper.y(x).max(lower.y(x)) + reach);
        let taper = smooth(0.0, 0.1, mouth.profile(x));
        (top + (bottom - top) * row as f32 / (SEAM_ROWS - 1) as f32) * taper
    };
    let light = |column: usize, row: usize| {
        let mut sum = 0.0;
        for dx in [-0.012, 0.0, 0.012] {
            let own = Vec2::new(x_of(column) + dx, y_of(column, row));
            sum += luminance(portrait, frame.pixel(mouth.face(own)));
        }
        sum / 3.0
    };
    let lights: Vec<Vec<f32>> =
        (0..SEAM_COLUMNS).map(|column| (0..SEAM_ROWS).map(|row| light(column, row)).collect()).collect();
    let bounds: Vec<(f32, f32)> = lights
        .iter()
        .map(|lights| lights.iter().fold((f32::MAX, f32::MIN), |(a, b), &v| (a.min(v), b.max(v))))
        .collect();
    let path = trace(SEAM_COLUMNS, SEAM_ROWS, 0.03, |column, row| {
        let off_middle = 2.0 * row as f32 / (SEAM_ROWS - 1) as f32 - 1.0;
        let (dark, bright) = bounds[column];
        (lights[column][row] - dark) / (bright - dark).max(12.0) + 0.15 * off_middle * off_middle
    });
    let ys: Vec<f32> = path.iter().enumerate().map(|(column, &row)| y_of(column, row)).collect();
    let ys = blurred(&ys, 2);
    Curve::new(
        (0..SEAM_COLUMNS)
            .map(|column| {
                let end = column == 0 || column == SEAM_COLUMNS - 1;
                Vec2::new(x_of(column), if end { 0.0 } else { ys[column] })
            })
            .collect(),
    )
}

/// Brightness of the pixel at a place, 0..=255; the border's beyond the picture.
pub(crate) fn luminance(picture: &Raster, pixel: Vec2) -> f32 {
    let [r, g, b] = colour(picture, pixel);
    0.3 * r + 0.59 * g + 0.11 * b
}

/// Colour at a place, bilinear, each 0..=255; the border's beyond the picture.
pub(crate) fn colour(picture: &Raster, pixel: Vec2) -> [f32; 3] {
    let limit = Vec2::new(picture.width as f32, picture.height as f32) - 1.0;
    let place = (pixel - 0.5).clamp(Vec2::ZERO, limit.max(Vec2::ZERO));
    let (base, share) = (place.floor(), place.fract());
    let texel = |dx: f32, dy: f32| {
        let x = (base.x + dx).min(limit.x) as usize;
        let y = (base.y + dy).min(limit.y) as usize;
        let start = (y * picture.width as usize + x) * 4;
        [picture.rgba[start], picture.rgba[start + 1], picture.rgba[start + 2]].map(f32::from)
    };
    let (a, b, c, d) = (texel(0.0, 0.0), texel(1.0, 0.0), texel(0.0, 1.0), texel(1.0, 1.0));
    std::array::from_fn(|i| {
        let top = a[i] + (b[i] - a[i]) * share.x;
        let bottom = c[i] + (d[i] - c[i]) * share.x;
        top + (bottom - top) * share.y
    })
}
