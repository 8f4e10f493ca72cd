//! The layer of the head: its triangles at rest, how each blendshape moves them, and where they are in a pose.

use glam::{Vec2, Vec3};
use visage_core::{BLENDSHAPES, Rig, mesh_topology as topology};

use crate::{
    Vertex, WarpError,
    eye::Eye,
    fields::{Fields, Side},
    frame::Frame,
    mesh::{HeadMesh, LID_POINTS, LidLines, SEAM_POINTS},
    motion::{CAMERA, Motion, Skull},
    mouth::Mouth,
};

/// Displacements below this (face units, about a hundredth of a pixel) are left out.
const NEGLIGIBLE: f32 = 1e-4;
/// Lips closer than this are closed (face units).
const CONTACT: f32 = 0.004;

/// The moving skin.
#[derive(Clone, Debug)]
pub(crate) struct Skin {
    rest: Vec<Vec3>,
    follows: Vec<f32>,
    /// By blendshape: the points that it moves, and where to.
    fields: Vec<Vec<(u32, Vec3)>>,
    lips: [[u32; SEAM_POINTS]; 2],
    lids: [LidLines; 2],
    /// Points near the lip line: index, place along the line in columns, share of the line's correction (positive on the
    /// lower lip, negative on the upper one).
    near_lips: Vec<(u32, f32, f32)>,
    moved: Vec<Vec3>,
}

impl Skin {
    /// Builds the mesh and evaluates all fields on it.
    pub fn new(
        rig: &Rig,
        frame: &Frame,
        mouth: &Mouth,
        eyes: &[Eye; 2],
    ) -> Result<(Self, Vec<Vertex>, Vec<u32>), WarpError> {
        let side = rig.portrait.width as usize;
        let matte = |pixel: Vec2| {
            let inside = pixel.x >= 0.0 && pixel.y >= 0.0 && pixel.x < side as f32 && pixel.y < side as f32;
            if inside { f32::from(rig.matte[pixel.y as usize * side + pixel.x as usize]) / 255.0 } else { 0.0 }
        };
        let oval = frame.all(&topology::FACE_OVAL);
        let mesh = HeadMesh::new(frame, mouth, eyes, &oval, &matte)?;
        let skull = Skull::new(frame, &topology::FACE_OVAL);
        let rest: Vec<Vec3> = mesh.points.iter().map(|p| p.rest.extend(skull.depth(p.rest))).collect();
        let maker = Fields::new(frame, mouth, eyes, &oval);
        let fields = BLENDSHAPES
            .iter()
            .map(|&shape| {
                let moves = mesh.points.iter().zip(&rest).enumerate().map(|(i, (point, rest))| {
                    (i as u32, maker.displacement(shape, point.anchor.extend(rest.z), point.side))
                });
                moves.filter(|(_, d)| d.length_squared() > NEGLIGIBLE * NEGLIGIBLE).collect()
            })
            .collect();
        let line = |ids: &[u32]| -> [u32; SEAM_POINTS] { std::array::from_fn(|i| ids[i]) };
        let lips = [line(&mesh.lip_upper), line(&mesh.lip_lower)];
        let vertices = mesh
            .points
            .iter()
            .map(|point| Vertex {
                position: frame.pixel(point.rest).to_array(),
                uv: frame.uv(point.rest),
                colour: [1.0, 1.0, 1.0, point.alpha],
            })
            .collect();
        let skin = Self {
            follows: rest.iter().map(|rest| skull.follows(rest.truncate())).collect(),
            near_lips: near_lips(&mesh, mouth),
            moved: rest.clone(),
            rest,
            fields,
            lips,
            lids: mesh.lids,
        };
        Ok((skin, vertices, mesh.indices))
    }

    /// Moves the vertices; returns the edges of the lips in pixels.
    pub fn place(
        &mut self,
        weights: &[f32; 52],
        motion: &Motion,
        frame: &Frame,
        out: &mut [Vertex],
    ) -> [[Vec2; SEAM_POINTS]; 2] {
        self.moved.copy_from_slice(&self.rest);
        for (field, &weight) in self.fields.iter().zip(weights) {
            if weight.abs() > 1e-3 {
                for &(i, displacement) in field {
                    self.moved[i as usize] += displacement * weight;
                }
            }
        }
        self.close_lips();
        for (((vertex, &rest), &moved), &follows) in out.iter_mut().zip(&self.rest).zip(&self.moved).zip(&self.follows)
        {
            let seen = moved.truncate().lerp(motion.see(rest, moved), follows);
            vertex.position = frame.pixel(seen).to_array();
        }
        self.lips.map(|line| line.map(|i| Vec2::from_array(out[i as usize].position)))
    }

    /// Darkens the edges of closing lids: lashes meet there.
    pub fn shade_lids(&self, closed: [f32; 2], out: &mut [Vertex]) {
        for (lid, closed) in self.lids.iter().zip(closed) {
            let dark = closed * closed;
            for i in 1..LID_POINTS - 1 {
                for (vertex, share) in
                    [(lid.upper[i], 0.20), (lid.lower[i], 0.25), (lid.fringes[0][i], 0.60), (lid.fringes[1][i], 0.60)]
                {
                    let light = 1.0 - share * dark;
                    out[vertex as usize].colour[..3].copy_from_slice(&[light, light * 0.96, light * 0.93]);
                }
            }
        }
    }

    /// The edge of an upper lid and where its skin unfolds from, as they lie in the placed vertices, in pixels.
    pub fn lid(&self, eye: usize, placed: &[Vertex]) -> [[Vec2; LID_POINTS]; 2] {
        let lid = &self.lids[eye];
        [lid.crease, lid.upper].map(|line| line.map(|i| Vec2::from_array(placed[i as usize].position)))
    }

    /// How far the lips are apart at a point of their line, as seen from the front: a lip that goes back looks higher.
    fn lip_gap(&self, i: usize) -> f32 {
        let [upper, lower] = [0, 1].map(|side| {
            let (rest, moved) = (self.rest[self.lips[side][i] as usize], self.moved[self.lips[side][i] as usize]);
            moved.y * (CAMERA + rest.z) / (CAMERA + moved.z)
        });
        lower - upper
    }

    /// Where fields would push one lip into the other, both meet half way, and the skin around follows.
    fn close_lips(&mut self) {
        let mut overlap = [0.0f32; SEAM_POINTS];
        for (i, overlap) in overlap.iter_mut().enumerate() {
            *overlap = (-self.lip_gap(i)).max(0.0);
        }
        if overlap.iter().any(|&overlap| overlap > 0.0) {
            for &(i, place, share) in &self.near_lips {
                let left = (place as usize).min(SEAM_POINTS - 2);
                let along = place - left as f32;
                let depth = overlap[left] + (overlap[left + 1] - overlap[left]) * along;
                self.moved[i as usize].y += share * depth;
            }
        }
        for i in 1..SEAM_POINTS - 1 {
            let (u, l) = (self.lips[0][i] as usize, self.lips[1][i] as usize);
            if self.lip_gap(i) < CONTACT {
                let middle = (self.moved[u] + self.moved[l]) / 2.0;
                (self.moved[u], self.moved[l]) = (middle, middle);
            }
        }
    }
}

fn near_lips(mesh: &HeadMesh, mouth: &Mouth) -> Vec<(u32, f32, f32)> {
    let mut out = Vec::new();
    for (i, point) in mesh.points.iter().enumerate() {
        let own = mouth.own(point.anchor);
        if own.x.abs() >= mouth.half {
            continue;
        }
        let down = own.y - mouth.seam.y(own.x);
        let fade = (-(down / 0.16).powi(2)).exp();
        let below = match point.side {
            Side::UpperLip => false,
            Side::LowerLip => true,
            _ => down > 0.0,
        };
        if fade > 0.01 {
            let mut place = 0.0;
            for column in 0..SEAM_POINTS - 1 {
                let (a, b) = (crate::mesh::seam_x(mouth.half, column), crate::mesh::seam_x(mouth.half, column + 1));
                if own.x >= a {
                    place = column as f32 + ((own.x - a) / (b - a)).clamp(0.0, 1.0);
                }
            }
            out.push((i as u32, place, if below { 0.5 * fade } else { -0.5 * fade }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use visage_core::{Blendshape, Blendshape::*, FacePose};

    use super::*;
    use crate::{fields::field_weights, testing};

    struct Face {
        frame: Frame,
        eyes: [Eye; 2],
        skin: Skin,
        vertices: Vec<Vertex>,
        indices: Vec<u32>,
    }

    impl Face {
        fn new() -> Self {
            let rig = testing::rig();
            let frame = Frame::new(&rig).unwrap();
            let mouth = Mouth::new(&frame, &rig.portrait);
            let eyes = [Eye::new(&frame, &rig, false), Eye::new(&frame, &rig, true)];
            let (skin, vertices, indices) = Skin::new(&rig, &frame, &mouth, &eyes).unwrap();
            Self { frame, eyes, skin, vertices, indices }
        }

        fn pose(&mut self, pose: &FacePose) -> [[Vec2; SEAM_POINTS]; 2] {
            self.skin.place(&field_weights(&pose.shapes), &Motion::new(&pose.head), &self.frame, &mut self.vertices)
        }

        /// Where the skin at a landmark goes, in face coordinates.
        fn moved(&mut self, landmark: u16, pose: &FacePose) -> Vec2 {
            let at = self.frame.at(landmark);
            let near = (0..self.vertices.len())
                .filter(|&i| self.vertices[i].colour[3] > 0.5)
                .min_by(|&a, &b| {
                    let away = |i: usize| self.skin.rest[i].truncate().distance(at);
                    away(a).total_cmp(&away(b))
                })
                .unwrap();
            self.pose(pose);
            self.frame.local(Vec2::from_array(self.vertices[near].position)) - self.skin.rest[near].truncate()
        }

        fn lid_gap(&mut self, eye: usize, pose: &FacePose) -> f32 {
            self.pose(pose);
            let lines = &self.skin.lids[eye];
            let middle = LID_POINTS / 2;
            let y = |i: u32| self.vertices[i as usize].position[1];
            (y(lines.lower[middle]) - y(lines.upper[middle])) / self.frame.unit
        }
    }

    /// Numbers between 0 and 1 that look random (splitmix64).
    fn random(state: &mut u64) -> f32 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }

    fn random_pose(state: &mut u64) -> FacePose {
        let mut pose = FacePose::default();
        for _ in 0..7 {
            let shape = BLENDSHAPES[(random(state) * 52.0) as usize % 52];
            pose[shape] = random(state);
        }
        pose[JawOpen] = random(state) * 0.8;
        pose.head.yaw = (random(state) - 0.5) * 0.5;
        pose.head.pitch = (random(state) - 0.5) * 0.3;
        pose.head.roll = (random(state) - 0.5) * 0.4;
        pose
    }

    #[test]
    fn shapes_move_the_skin_where_they_say() {
        let mut face = Face::new();
        // shape, landmark, least movement (right and down in the picture; 0 = not asked for)
        let cases: &[(Blendshape, u16, [f32; 2])] = &[
            (JawOpen, 152, [0.0, 0.20]),
            (JawOpen, 17, [0.0, 0.25]),
            (JawLeft, 152, [0.05, 0.0]),
            (JawRight, 152, [-0.05, 0.0]),
            (MouthSmileLeft, 291, [0.06, -0.06]),
            (MouthSmileRight, 61, [-0.06, -0.06]),
            (MouthFrownLeft, 291, [0.0, 0.06]),
            (MouthFrownRight, 61, [0.0, 0.06]),
            (MouthPucker, 291, [-0.06, 0.0]),
            (MouthPucker, 61, [0.06, 0.0]),
            (MouthStretchLeft, 291, [0.05, 0.0]),
            (MouthLeft, 0, [0.05, 0.0]),
            (MouthRight, 17, [-0.05, 0.0]),
            (MouthUpperUpLeft, 269, [0.0, -0.03]),
            (MouthLowerDownRight, 181, [0.0, 0.05]),
            (BrowInnerUp, 107, [0.0, -0.06]),
            (BrowOuterUpLeft, 334, [0.0, -0.06]),
            (BrowDownRight, 66, [0.0, 0.03]),
            (CheekSquintLeft, 425, [0.0, -0.03]),
            (NoseSneerRight, 64, [0.0, -0.03]),
        ];
        for &(shape, landmark, least) in cases {
            let moved = face.moved(landmark, &FacePose::of(&[(shape, 1.0)])).to_array();
            for axis in 0..2 {
                let arrived = least[axis] == 0.0 || moved[axis] * least[axis].signum() >= least[axis].abs();
                assert!(arrived, "{shape:?} moves landmark {landmark} by {moved:?}, not {least:?}");
            }
        }
    }

    #[test]
    fn the_upper_face_does_not_follow_the_jaw() {
        let mut face = Face::new();
        for landmark in [1, 168, 33, 263, 10, 105, 334, 2] {
            let moved = face.moved(landmark, &FacePose::of(&[(JawOpen, 1.0)])).length();
            assert!(moved < 0.025, "landmark {landmark} moves by {moved}");
        }
    }

    #[test]
    fn lips_open_and_close() {
        let mut face = Face::new();
        let unit = face.frame.unit;
        let mut gap = |shapes: &[(Blendshape, f32)]| {
            let [upper, lower] = face.pose(&FacePose::of(shapes));
            (lower[SEAM_POINTS / 2] - upper[SEAM_POINTS / 2]).y / unit
        };
        assert_eq!(gap(&[]), 0.0);
        assert!(gap(&[(JawOpen, 0.5)]) > 0.15);
        assert!(gap(&[(JawOpen, 0.5), (MouthClose, 0.5)]) < 0.03);
        assert!(gap(&[(MouthPressLeft, 1.0), (MouthPressRight, 1.0)]).abs() < 0.004);
        assert!(gap(&[(MouthFunnel, 1.0)]) > 0.08);
    }

    #[test]
    fn lids_meet_at_a_blink_whatever_else_they_do() {
        let mut face = Face::new();
        assert!(face.lid_gap(0, &FacePose::default()) > 0.1);
        for other in [EyeSquintRight, MouthSmileRight, CheekSquintRight, EyeLookDownRight, EyeWideRight, EyeLookUpRight]
        {
            let gap = face.lid_gap(0, &FacePose::of(&[(EyeBlinkRight, 1.0), (other, 1.0)]));
            assert!(gap <= 0.0 && gap > -0.03, "with {other:?} the gap is {gap}");
        }
        let other_eye = face.lid_gap(1, &FacePose::of(&[(EyeBlinkRight, 1.0)]));
        assert!(other_eye > 0.1, "the left eye stays open, not {other_eye}");
    }

    #[test]
    fn lips_never_cross() {
        let mut face = Face::new();
        let mut state = 7;
        for round in 0..300 {
            let mut pose = random_pose(&mut state);
            pose.head = Default::default();
            let [upper, lower] = face.pose(&pose);
            for (u, l) in upper.iter().zip(&lower) {
                let gap = face.frame.local(*l).y - face.frame.local(*u).y;
                assert!(gap > -1e-3, "pose {round}: {gap}");
            }
        }
    }

    #[test]
    fn hardly_a_triangle_folds_in_the_useful_range() {
        let mut face = Face::new();
        face.pose(&FacePose::default());
        let rest: Vec<f32> = areas(&face);
        let total: f32 = rest.iter().map(|area| area.abs()).sum();
        let mut state = 3;
        for round in 0..300 {
            let pose = random_pose(&mut state);
            face.pose(&pose);
            let mut folded = 0.0;
            for (rest, now) in rest.iter().zip(areas(&face)) {
                if now * rest.signum() < 0.0 {
                    folded += now.abs();
                }
            }
            assert!(folded < 0.0012 * total, "pose {round}: {} of the head folds, {pose:?}", folded / total);
        }
    }

    /// Signed areas of the triangles without the fringes.
    fn areas(face: &Face) -> Vec<f32> {
        let solid = |t: &[u32]| t.iter().all(|&i| face.vertices[i as usize].colour[3] > 0.5);
        let triangles = face.indices.chunks_exact(3).filter(|t| solid(t));
        triangles
            .map(|t| {
                let [a, b, c] = [0, 1, 2].map(|i| Vec2::from_array(face.vertices[t[i] as usize].position));
                (b - a).perp_dot(c - a)
            })
            .collect()
    }

    #[test]
    fn eyes_of_the_fixture_are_found() {
        let face = Face::new();
        for eye in &face.eyes {
            assert!(eye.opening(0.0) > 0.1 && eye.half > 0.15, "{eye:?}");
        }
    }
}
