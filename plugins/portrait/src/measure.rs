//! What a face does, as numbers: for tests and benches that ask a rendered frame whether what was asked for arrived.

use visage_core::mesh_topology::{
    LEFT_BROW_LOWER, LEFT_LID_LOWER, LEFT_LID_UPPER, RIGHT_BROW_LOWER, RIGHT_LID_LOWER, RIGHT_LID_UPPER,
};

use crate::face::{Face, distance};

/// A face measured in one picture. Pairs are the character's right side first. Lengths are shares of another length of
/// the same face, so that they compare between sizes; between characters only their changes compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaceMeasure {
    /// How sure the mesh is that this is a face, 0..1.
    pub presence: f32,
    /// Gap between the lips over the width of the mouth. 0 closed, about 0.6 wide open. The mesh is sure of it to about
    /// 0.05.
    pub mouth_gap: f32,
    /// Width of the mouth over the distance between the eyes, about 0.8 at rest; less for a pucker, more for a smile.
    pub mouth_width: f32,
    /// How far the corners of the mouth lie above the middle of the lips, over the width of the mouth. Grows with a smile.
    pub corner_lift: f32,
    /// How far the corners of the mouth lie above the middle of the line where the lips meet, over the width of the
    /// mouth. Grows with a smile, falls with a frown.
    pub line_lift: f32,
    /// Opening of the lids over the width of the eye: about 0.3 open, below 0.15 closed.
    pub lids: [f32; 2],
    /// Height of the brows above the corners of the eyes over the distance between the eyes.
    pub brows: [f32; 2],
    /// How far the inner end of the brow lies above its outer end, over the distance between the eyes. Grows with sorrow,
    /// falls with anger.
    pub brow_slants: [f32; 2],
    /// Distance between the inner ends of the brows over the distance between the eyes.
    pub brow_gap: f32,
    /// Where the irises look: their distance from the middle of the eye's corners, to the right and up in the picture, over
    /// the width of the eye. Mean of both eyes.
    pub gaze: [f32; 2],
    /// Turn to the character's left, radians.
    pub yaw: f32,
    /// Nod upwards, radians; a face that looks straight ahead measures a constant of its own.
    pub pitch: f32,
    /// Tilt towards the character's left shoulder, radians.
    pub roll: f32,
    /// Middle between the eyes, in pixels of the picture.
    pub centre: [f32; 2],
}

impl FaceMeasure {
    pub(crate) fn of(face: &Face) -> Self {
        let points = &face.landmarks;
        let apart = |a: usize, b: usize| distance(points[a], points[b]);
        let eyes = [middle(points[33], points[133]), middle(points[263], points[362])];
        let eye_distance = distance(eyes[0], eyes[1]).max(1.0);
        let mouth_width = apart(61, 291).max(1.0);
        let inner_width = apart(78, 308).max(1.0);
        let (sin, cos) = face.roll.sin_cos();
        // Upright coordinates: x along the eyes, y up.
        let upright = |point: [f32; 3]| [cos * point[0] + sin * point[1], sin * point[0] - cos * point[1]];
        let lips = middle(points[0], points[17]);
        let corners = middle(points[61], points[291]);
        let lid = |upper: &[u16; 9], lower: &[u16; 9]| {
            let opening = [3, 4, 5].map(|at| apart(usize::from(upper[at]), usize::from(lower[at])));
            opening.iter().sum::<f32>() / 3.0 / apart(usize::from(upper[0]), usize::from(upper[8])).max(1.0)
        };
        let brow = |contour: &[u16; 5], eye: [f32; 3]| {
            let mean = contour.iter().map(|&at| upright(points[usize::from(at)])[1]).sum::<f32>() / 5.0;
            (mean - upright(eye)[1]) / eye_distance
        };
        let slant = |contour: &[u16; 5]| {
            let height = |at: usize| upright(points[usize::from(contour[at])])[1];
            (height(4) - height(0)) / eye_distance
        };
        let gaze = [(33, 133), (263, 362)].iter().zip([468, 473]).map(|(&(outer, inner), iris)| {
            let (from, to) = (upright(middle(points[outer], points[inner])), upright(points[iris]));
            [0, 1].map(|axis| (to[axis] - from[axis]) / apart(outer, inner).max(1.0) / 2.0)
        });
        let gaze = gaze.fold([0.0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
        let centre = middle(eyes[0], eyes[1]);
        Self {
            presence: face.presence,
            mouth_gap: (apart(13, 14) + apart(82, 87) + apart(312, 317)) / 3.0 / inner_width,
            mouth_width: mouth_width / eye_distance,
            line_lift: (upright(corners)[1] - upright(middle(points[13], points[14]))[1]) / mouth_width,
            corner_lift: (upright(corners)[1] - upright(lips)[1]) / mouth_width,
            lids: [lid(&RIGHT_LID_UPPER, &RIGHT_LID_LOWER), lid(&LEFT_LID_UPPER, &LEFT_LID_LOWER)],
            brows: [brow(&RIGHT_BROW_LOWER, eyes[0]), brow(&LEFT_BROW_LOWER, eyes[1])],
            brow_slants: [slant(&RIGHT_BROW_LOWER), slant(&LEFT_BROW_LOWER)],
            brow_gap: apart(55, 285) / eye_distance,
            gaze,
            yaw: (points[454][2] - points[234][2]).atan2(apart(234, 454)),
            pitch: (points[10][2] - points[152][2]).atan2(apart(10, 152)),
            roll: face.roll,
            centre: [centre[0], centre[1]],
        }
    }
}

fn middle(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|axis| (a[axis] + b[axis]) / 2.0)
}

#[cfg(test)]
mod tests {
    use visage_core::{Iris, LANDMARKS};

    use super::*;

    /// A schematic face: eyes 100 apart, mouth 80 wide, tilted by `roll`.
    fn face(roll: f32, change: impl Fn(&mut [[f32; 3]; LANDMARKS])) -> Face {
        let mut points = Box::new([[0.0; 3]; LANDMARKS]);
        let places = [
            (33, -70.0, 0.0),
            (133, -30.0, 0.0),
            (263, 70.0, 0.0),
            (362, 30.0, 0.0),
            (61, -40.0, 100.0),
            (291, 40.0, 100.0),
            (78, -36.0, 100.0),
            (308, 36.0, 100.0),
            (0, 0.0, 92.0),
            (17, 0.0, 108.0),
            (13, 0.0, 100.0),
            (14, 0.0, 100.0),
            (82, -9.0, 100.0),
            (87, -9.0, 100.0),
            (312, 9.0, 100.0),
            (317, 9.0, 100.0),
            (234, -100.0, 20.0),
            (454, 100.0, 20.0),
            (10, 0.0, -90.0),
            (152, 0.0, 150.0),
            (468, -50.0, 0.0),
            (473, 50.0, 0.0),
        ];
        for (index, x, y) in places {
            points[index] = [x, y, 0.0];
        }
        change(&mut points);
        let (sin, cos) = roll.sin_cos();
        for point in points.iter_mut() {
            *point = [cos * point[0] - sin * point[1], sin * point[0] + cos * point[1], point[2]];
        }
        Face { landmarks: points, irises: [Iris::default(); 2], roll, presence: 1.0 }
    }

    #[test]
    fn changes_are_measured_whatever_the_tilt() {
        type Change = fn(&mut [[f32; 3]; LANDMARKS]);
        type Value = fn(&FaceMeasure) -> f32;
        let cases: [(&str, Change, Value, f32); 8] = [
            ("rest", |_| {}, |m| m.mouth_gap, 0.0),
            ("open mouth", |p| [14, 87, 317].into_iter().for_each(|at| p[at][1] += 36.0), |m| m.mouth_gap, 0.5),
            ("smile", |p| [61, 291].into_iter().for_each(|at| p[at][1] -= 8.0), |m| m.corner_lift, 0.1),
            ("frown", |p| [61, 291].into_iter().for_each(|at| p[at][1] += 8.0), |m| m.line_lift, -0.1),
            ("sorrow", |p| [55, 285].into_iter().for_each(|at| p[at][1] -= 10.0), |m| m.brow_slants[1], 0.1),
            ("turn to the left", |p| p[454][2] = 200.0, |m| m.yaw, std::f32::consts::FRAC_PI_4),
            ("look up", |p| [468, 473].into_iter().for_each(|at| p[at][1] -= 4.0), |m| m.gaze[1], 0.1),
            ("look right", |p| [468, 473].into_iter().for_each(|at| p[at][0] += 4.0), |m| m.gaze[0], 0.1),
        ];
        for (name, change, value, expected) in cases {
            for roll in [0.0, 0.3, -0.2] {
                let found = value(&FaceMeasure::of(&face(roll, change)));
                assert!((found - expected).abs() < 1e-3, "{name} at {roll}: {found}");
            }
        }
    }
}
