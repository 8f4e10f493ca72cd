//! An eye as it is in the portrait: its frame, the edges of its lids, its iris.

use glam::Vec2;
use visage_core::{Rig, mesh_topology as topology};

use crate::{
    curve::{Curve, smooth},
    frame::Frame,
    lids::Look,
};

/// Height of the band of the upper lid that carries the lashes, in the middle of the eye.
const LASHES: f32 = 0.028;
/// How far above the upper lid's edge the picture is cut.
const UPPER_CUT: f32 = 0.002;
/// How far below the lower lid's edge, where the lid's rim shines.
const LOWER_CUT: f32 = 0.006;

/// One eye, in its own frame: origin between the corners, x along them to the right of the picture, y down, unit as in
/// the face.
#[derive(Clone, Debug)]
pub(crate) struct Eye {
    /// 1 for the character's left eye (right in the picture), -1 for the right one.
    pub sign: f32,
    /// Between the corners, face coordinates.
    pub centre: Vec2,
    axis: Vec2,
    /// Half the distance of the corners.
    pub half: f32,
    /// Edge of the upper lid.
    pub upper: Curve,
    /// Edge of the lower lid.
    pub lower: Curve,
    /// Centre of the iris.
    pub iris: Vec2,
    /// Radius of the iris.
    pub radius: f32,
    /// Distance from the upper lid's edge to the brow's lower edge.
    pub brow: f32,
    /// Distance from the upper lid's edge to where its skin unfolds from.
    pub crease: f32,
    /// Depth of the eye, face coordinates.
    pub depth: f32,
}

impl Eye {
    /// The character's right eye (`left == false`) or left eye.
    pub fn new(frame: &Frame, rig: &Rig, left: bool) -> Self {
        let (corners, upper, lower, brow) = if left {
            ((362, 263), topology::LEFT_LID_UPPER, topology::LEFT_LID_LOWER, topology::LEFT_BROW_LOWER)
        } else {
            ((33, 133), topology::RIGHT_LID_UPPER, topology::RIGHT_LID_LOWER, topology::RIGHT_BROW_LOWER)
        };
        let (start, end) = (frame.at(corners.0), frame.at(corners.1));
        let iris = rig.irises[usize::from(left)];
        let mut eye = Self {
            sign: if left { 1.0 } else { -1.0 },
            centre: (start + end) / 2.0,
            axis: (end - start).normalize_or(Vec2::X),
            half: (start.distance(end) / 2.0).max(0.05),
            upper: Curve::new(Vec::new()),
            lower: Curve::new(Vec::new()),
            iris: Vec2::ZERO,
            radius: 0.0,
            brow: 0.0,
            crease: 0.0,
            depth: upper.iter().map(|&index| frame.point(index).z).sum::<f32>() / upper.len() as f32,
        };
        let line = |eye: &Self, indices: &[u16]| {
            let mut points: Vec<Vec2> = frame.all(indices).into_iter().map(|point| eye.own(point)).collect();
            points.retain(|point| point.x.abs() < eye.half * 0.96);
            points.extend([Vec2::new(-eye.half, 0.0), Vec2::new(eye.half, 0.0)]);
            Curve::new(points)
        };
        (eye.upper, eye.lower) = (line(&eye, &upper), line(&eye, &lower));
        // From the landmarks to what the picture shows: corners, then edges, then the iris.
        let (first, last) = Look::new(&eye, frame, &rig.portrait).corners();
        let (start, end) = (eye.face(Vec2::new(first, 0.0)), eye.face(Vec2::new(last, 0.0)));
        (eye.centre, eye.half) = ((start + end) / 2.0, start.distance(end) / 2.0);
        (eye.upper, eye.lower) = (line(&eye, &upper), line(&eye, &lower));
        let look = Look::new(&eye, frame, &rig.portrait);
        let (upper, lower) = (look.upper(&eye.upper), look.lower(&eye.lower));
        let half = eye.half;
        // The cut runs a little outside the edges: whatever shows the eyeball must not move with the lids.
        let outwards =
            |curve: Curve, by: f32| curve.map(|p| p + Vec2::Y * by * (1.0 - (p.x / half).powi(2)).max(0.0).sqrt());
        (eye.upper, eye.lower) = (outwards(upper, -UPPER_CUT), outwards(lower, LOWER_CUT));
        let centre = eye.own(frame.local(Vec2::from_array(iris.centre))).clamp(Vec2::splat(-half), Vec2::splat(half));
        let radius = (iris.radius / frame.unit).clamp(0.06, 0.14);
        (eye.iris, eye.radius) = Look::new(&eye, frame, &rig.portrait).iris(centre, radius);
        let brow_y = brow.iter().map(|&index| eye.own(frame.at(index)).y).sum::<f32>() / brow.len() as f32;
        eye.brow = (eye.upper.y(0.0) - brow_y).clamp(0.08, 0.6);
        eye.crease = (eye.brow * 0.36).clamp(0.055, 0.11);
        eye
    }

    /// Face coordinates to the eye's frame.
    pub fn own(&self, local: Vec2) -> Vec2 {
        let offset = local - self.centre;
        Vec2::new(offset.dot(self.axis), offset.dot(self.axis.perp()))
    }

    /// The eye's frame to face coordinates.
    pub fn face(&self, own: Vec2) -> Vec2 {
        self.centre + self.direction(own)
    }

    /// A direction of the eye's frame in face coordinates.
    pub fn direction(&self, own: Vec2) -> Vec2 {
        self.axis * own.x + self.axis.perp() * own.y
    }

    /// Edges of the upper and the lower lid at a column, never crossed.
    pub fn edges(&self, x: f32) -> (f32, f32) {
        let (upper, lower) = (self.upper.y(x), self.lower.y(x));
        if x.abs() >= self.half { (0.0, 0.0) } else { (upper.min(lower), lower.max(upper)) }
    }

    /// How far the lids are open at a column.
    pub fn opening(&self, x: f32) -> f32 {
        let (upper, lower) = self.edges(x);
        lower - upper
    }

    /// Height of the band above the upper lid's edge that carries the lashes: they fan out towards the outer corner.
    pub fn lashes(&self, x: f32) -> f32 {
        LASHES * (1.0 + 1.6 * smooth(0.2, 0.85, x * self.sign / self.half))
    }

    /// How far above the upper lid's edge its skin unfolds from, at a column: less towards the inner corner, where lid
    /// and crease meet.
    pub fn unfolds(&self, x: f32) -> f32 {
        let swell = (1.0 - (x / self.half).powi(2)).max(0.0);
        let outer = x * self.sign > 0.0;
        (self.lashes(x) + self.crease) * swell.powf(if outer { 0.2 } else { 0.35 })
    }

    /// x of the columns at which the lids' edges are sampled, from corner to corner, denser near the corners.
    pub fn columns(&self, count: usize) -> impl Iterator<Item = f32> + use<> {
        let half = self.half;
        (0..count).map(move |i| -half * (std::f32::consts::PI * i as f32 / (count - 1) as f32).cos())
    }
}
