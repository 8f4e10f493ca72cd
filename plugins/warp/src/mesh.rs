//! The triangles of the head at rest: a grid that is fine around eyes and mouth and coarse in the hair, cut open along
//! the lip line and with the eyes cut out. Every cut edge has a narrow fringe that fades out, so that edges look smooth
//! without multisampling.

use glam::Vec2;
use spade::{ConstrainedDelaunayTriangulation, Point2, Triangulation};

use crate::{
    WarpError,
    curve::{inside, mix, to_outline},
    eye::Eye,
    fields::Side,
    frame::Frame,
    mouth::Mouth,
};

/// Points along the lip line.
pub(crate) const SEAM_POINTS: usize = 33;
/// Points along the edge of a lid.
pub(crate) const LID_POINTS: usize = 17;
/// Spacing of the grid around eyes and mouth, in the rest of the face, and beyond it.
const SPACING: [f32; 3] = [0.052, 0.105, 0.21];
/// Width of the fringe along cuts, in pixels of a portrait of 1024.
const FRINGE: f32 = 2.2;

/// A corner of the head's triangles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// Where it is at rest, face coordinates.
    pub rest: Vec2,
    /// Where its displacement is taken from.
    pub anchor: Vec2,
    /// On which side of a cut it is.
    pub side: Side,
    /// 1, or 0 at the outer end of a fringe.
    pub alpha: f32,
}

/// The head's triangles at rest.
#[derive(Debug, Default)]
pub(crate) struct HeadMesh {
    /// The corners.
    pub points: Vec<Point>,
    /// Three a triangle.
    pub indices: Vec<u32>,
    /// The upper lip's edge from the right corner to the left one, corners included.
    pub lip_upper: Vec<u32>,
    /// The lower lip's edge, the same corners included.
    pub lip_lower: Vec<u32>,
    /// The lids of the right and the left eye.
    pub lids: [LidLines; 2],
}

/// Points of the lids of an eye, by column from corner to corner, corners included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LidLines {
    /// The upper lid's edge.
    pub upper: [u32; LID_POINTS],
    /// The lower lid's edge.
    pub lower: [u32; LID_POINTS],
    /// Where the skin of the upper lid unfolds from.
    pub crease: [u32; LID_POINTS],
    /// Outer ends of the fringes of both edges.
    pub fringes: [[u32; LID_POINTS]; 2],
}

/// x of a point of the lip line, in the mouth's frame: between even and cosine spacing, for the corners need points, and
/// the middle too.
pub(crate) fn seam_x(half: f32, i: usize) -> f32 {
    let along = i as f32 / (SEAM_POINTS - 1) as f32;
    half * mix(-(std::f32::consts::PI * along).cos(), 2.0 * along - 1.0, 0.5)
}

/// How much of the matte there is at a pixel, 0..=1.
pub(crate) type Matte<'a> = &'a dyn Fn(Vec2) -> f32;

impl HeadMesh {
    /// Builds the mesh of a face.
    pub fn new(frame: &Frame, mouth: &Mouth, eyes: &[Eye; 2], oval: &[Vec2], matte: Matte) -> Result<Self, WarpError> {
        let mut sketch = Sketch::default();
        let seam: Vec<Vec2> = (0..SEAM_POINTS)
            .map(|i| {
                let x = seam_x(mouth.half, i);
                mouth.face(Vec2::new(x, mouth.seam.y(x)))
            })
            .collect();
        let lips = sketch.line(&seam, Side::Free)?;
        let mut lids = Vec::new();
        for eye in eyes {
            let edge = |lower: bool| -> Vec<Vec2> {
                eye.columns(LID_POINTS)
                    .map(|x| {
                        let (u, l) = eye.edges(x);
                        let gap = (l - u).max(0.004 * (1.0 - (x / eye.half).powi(2)).max(0.0));
                        eye.face(Vec2::new(x, if lower { u + gap } else { u }))
                    })
                    .collect()
            };
            let (upper, lower) = (edge(false), edge(true));
            let upper_ids = sketch.line(&upper, Side::UpperLid)?;
            let lower_ids = sketch.line(&lower, Side::LowerLid)?;
            // A ring just above the lashes, so that they move as one, and one where the lid's skin unfolds.
            let mut crease = upper_ids.clone();
            for (place, x) in eye.columns(LID_POINTS).enumerate().skip(1).take(LID_POINTS - 2) {
                let edge = eye.edges(x).0;
                if place > 1 && place < LID_POINTS - 2 {
                    sketch.free(eye.face(Vec2::new(x, edge - (eye.lashes(x) + 0.004).min(0.8 * eye.unfolds(x)))))?;
                }
                crease[place] = sketch.insert(eye.face(Vec2::new(x, edge - eye.unfolds(x))), Side::Free)?.0;
            }
            let polygon: Vec<Vec2> =
                upper.iter().chain(lower.iter().rev().skip(1).take(LID_POINTS - 2)).copied().collect();
            lids.push((upper_ids, lower_ids, crease, polygon));
        }
        sketch.grid(frame, mouth, eyes, oval, matte)?;
        let mut mesh = sketch.finish(frame, &lids, oval, matte);
        mesh.cut_lips(mouth, &lips, &seam);
        let width = (FRINGE * frame.side() / 1024.0).max(1.0) / frame.unit;
        let down = mouth.direction(Vec2::Y);
        let (upper, lower) = (mesh.lip_upper.clone(), mesh.lip_lower.clone());
        mesh.fringe(&upper, down * width, Side::UpperLip);
        mesh.fringe(&lower, -down * width, Side::LowerLip);
        for (number, ((upper, lower, crease, _), eye)) in lids.iter().zip(eyes).enumerate() {
            let down = eye.direction(Vec2::Y);
            let fringes =
                [mesh.fringe(upper, down * width, Side::UpperLid), mesh.fringe(lower, -down * width, Side::LowerLid)];
            let row = |ids: &[u32]| -> [u32; LID_POINTS] { std::array::from_fn(|i| ids[i]) };
            mesh.lids[number] = LidLines {
                upper: row(upper),
                lower: row(lower),
                crease: row(crease),
                fringes: [row(&fringes[0]), row(&fringes[1])],
            };
        }
        Ok(mesh)
    }

    /// Gives the lower lip its own copy of the lip line.
    fn cut_lips(&mut self, mouth: &Mouth, lips: &[u32], seam: &[Vec2]) {
        let own: Vec<Vec2> = seam.iter().map(|&point| mouth.own(point)).collect();
        let line = |x: f32| {
            let right = own.partition_point(|point| point.x <= x).clamp(1, own.len() - 1);
            let (a, b) = (own[right - 1], own[right]);
            mix(a.y, b.y, (x - a.x) / (b.x - a.x).max(1e-6))
        };
        self.lip_upper = lips.to_vec();
        self.lip_lower = lips.to_vec();
        for lower in &mut self.lip_lower[1..lips.len() - 1] {
            let mut copy = self.points[*lower as usize];
            self.points[*lower as usize].side = Side::UpperLip;
            copy.side = Side::LowerLip;
            *lower = self.points.len() as u32;
            self.points.push(copy);
        }
        for triangle in self.indices.chunks_exact_mut(3) {
            let centre = triangle.iter().map(|&i| self.points[i as usize].rest).sum::<Vec2>() / 3.0;
            let centre = mouth.own(centre);
            if centre.y < line(centre.x) {
                continue;
            }
            for corner in triangle {
                if let Some(place) = lips[1..lips.len() - 1].iter().position(|lip| lip == corner) {
                    *corner = self.lip_lower[place + 1];
                }
            }
        }
    }

    /// Adds a strip along an edge that fades from one to nothing; returns its outer ends.
    fn fringe(&mut self, edge: &[u32], offset: Vec2, side: Side) -> Vec<u32> {
        let mut outer = Vec::with_capacity(edge.len());
        for (place, &inner) in edge.iter().enumerate() {
            if place == 0 || place == edge.len() - 1 {
                outer.push(inner);
                continue;
            }
            let parent = self.points[inner as usize];
            outer.push(self.points.len() as u32);
            self.points.push(Point { rest: parent.rest + offset, anchor: parent.anchor, side, alpha: 0.0 });
        }
        for i in 0..edge.len() - 1 {
            let quad = [edge[i], edge[i + 1], outer[i], outer[i + 1]];
            for triangle in [[quad[0], quad[1], quad[2]], [quad[2], quad[1], quad[3]]] {
                if triangle[0] != triangle[1] && triangle[1] != triangle[2] && triangle[0] != triangle[2] {
                    self.indices.extend(triangle);
                }
            }
        }
        outer
    }
}

/// Points and constrained edges while the mesh is built.
#[derive(Default)]
struct Sketch {
    cdt: ConstrainedDelaunayTriangulation<Point2<f64>>,
    points: Vec<Point>,
    /// Index into `points` by the triangulation's own index.
    by_handle: Vec<u32>,
}

/// Upper edge, lower edge, crease, outline of the opening.
type Lid = (Vec<u32>, Vec<u32>, Vec<u32>, Vec<Vec2>);

impl Sketch {
    fn insert(&mut self, at: Vec2, side: Side) -> Result<(u32, spade::handles::FixedVertexHandle), WarpError> {
        let handle = self
            .cdt
            .insert(Point2::new(f64::from(at.x), f64::from(at.y)))
            .map_err(|_| WarpError::Landmarks("a coordinate is out of range"))?;
        if handle.index() == self.by_handle.len() {
            self.by_handle.push(self.points.len() as u32);
            self.points.push(Point { rest: at, anchor: at, side, alpha: 1.0 });
        }
        Ok((self.by_handle[handle.index()], handle))
    }

    fn free(&mut self, at: Vec2) -> Result<(), WarpError> {
        self.insert(at, Side::Free).map(|_| ())
    }

    /// Inserts a line of points joined by edges. Its ends belong to no side.
    fn line(&mut self, line: &[Vec2], side: Side) -> Result<Vec<u32>, WarpError> {
        let mut ids = Vec::new();
        let mut handles = Vec::new();
        for (place, &at) in line.iter().enumerate() {
            let end = place == 0 || place == line.len() - 1;
            let (id, handle) = self.insert(at, if end { Side::Free } else { side })?;
            ids.push(id);
            handles.push(handle);
        }
        for pair in handles.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            if a != b && self.cdt.can_add_constraint(a, b) {
                self.cdt.add_constraint(a, b);
            }
        }
        Ok(ids)
    }

    /// Fills the head with a grid of triangles, finer where more moves.
    fn grid(
        &mut self,
        frame: &Frame,
        mouth: &Mouth,
        eyes: &[Eye; 2],
        oval: &[Vec2],
        matte: Matte,
    ) -> Result<(), WarpError> {
        let fixed: Vec<Vec2> = self.points.iter().map(|point| point.rest).collect();
        let level = |at: Vec2| {
            let own = mouth.own(at);
            let near_mouth = (own.x / (mouth.half + 0.28)).powi(2) + ((own.y - 0.03) / 0.42).powi(2) < 1.0;
            let near_eye = eyes.iter().any(|eye| {
                let own = eye.own(at);
                (own.x / (eye.half + 0.14)).powi(2) + ((own.y + 0.04) / 0.28).powi(2) < 1.0
            });
            if near_mouth || near_eye {
                0
            } else if inside(oval, at) || to_outline(oval, at).0 < 0.18 {
                1
            } else {
                2
            }
        };
        // The picture's corners in face coordinates bound the grid.
        let side = frame.side();
        let corners =
            [Vec2::ZERO, Vec2::new(side, 0.0), Vec2::new(0.0, side), Vec2::splat(side)].map(|p| frame.local(p));
        let low = corners.iter().copied().fold(Vec2::MAX, Vec2::min);
        let high = corners.iter().copied().fold(Vec2::MIN, Vec2::max);
        for (number, &step) in SPACING.iter().enumerate() {
            let row_step = step * 0.866;
            for row in (low.y / row_step) as i32 - 1..=(high.y / row_step) as i32 + 1 {
                for column in (low.x / step) as i32 - 1..=(high.x / step) as i32 + 1 {
                    let shift = if row.rem_euclid(2) == 0 { 0.0 } else { 0.5 };
                    let at = Vec2::new((column as f32 + shift) * step, row as f32 * row_step);
                    if level(at) != number || !covered(frame, matte, at, step) {
                        continue;
                    }
                    let near = if number == 0 { 0.55 } else { 0.8 } * step;
                    if fixed.iter().all(|other| other.distance(at) > near) {
                        self.free(at)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the triangles out, without those in the eyes and those that show nothing.
    fn finish(self, frame: &Frame, lids: &[Lid], oval: &[Vec2], matte: Matte) -> HeadMesh {
        let mut indices = Vec::new();
        for face in self.cdt.inner_faces() {
            let ids = face.vertices().map(|vertex| self.by_handle[vertex.fix().index()]);
            let corners = ids.map(|id| self.points[id as usize].rest);
            let centre = (corners[0] + corners[1] + corners[2]) / 3.0;
            let in_eye = lids.iter().any(|(_, _, _, polygon)| inside(polygon, centre));
            let step = corners.iter().map(|corner| corner.distance(centre)).fold(0.0, f32::max);
            // The hull of the grid has needles without area, which would turn over.
            let needle = (corners[1] - corners[0]).perp_dot(corners[2] - corners[0]).abs() < 1e-5;
            if !(in_eye || needle && !inside(oval, centre)) && covered(frame, matte, centre, step) {
                indices.extend(ids);
            }
        }
        HeadMesh { points: self.points, indices, ..HeadMesh::default() }
    }
}

/// Whether the matte shows anything within a distance of a place.
fn covered(frame: &Frame, matte: Matte, at: Vec2, reach: f32) -> bool {
    (-4..=4).any(|y| (-4..=4).any(|x| matte(frame.pixel(at + Vec2::new(x as f32, y as f32) * (reach / 4.0))) > 0.0))
}
