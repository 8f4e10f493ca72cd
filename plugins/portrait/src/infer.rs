//! From a handful of points to the whole mesh: the mean face is bent so that its points lie where they were placed
//! (thin-plate splines: Bookstein 1989), and as deep as it is large.

use std::{collections::BTreeMap, sync::LazyLock};

use visage_core::{FacePoint, LANDMARKS, MESH_POINTS, PlacedLandmarks, mesh_topology::TRIANGLES};

use crate::{
    face::distance,
    landmark_file::landmarks_from_ron,
    landmarks::{LandmarkError, Landmarks, mesh_point},
};

/// The mean of the meshes of fourteen faces and their mirror images: the middle between the eyes is the origin, the eyes
/// are 1000 apart, the lips closed. Written by `examples/mean_face.rs`.
static MEAN: LazyLock<Landmarks> = LazyLock::new(|| {
    let mean = landmarks_from_ron(include_str!("mean_face.ron")).expect("the file is part of the program and tested");
    let PlacedLandmarks::Mesh(points) = mean else { panic!("the file is part of the program and tested") };
    points.into_boxed_slice().try_into().expect("the file is part of the program and tested")
});

/// Share of the face's area that may be folded over before the points are refused.
const FOLDED: f32 = 0.01;

/// The mesh through some points in pixels. Eyes, mouth, nose and chin are among them.
pub(crate) fn mesh(points: &BTreeMap<FacePoint, [f32; 2]>) -> Result<Landmarks, LandmarkError> {
    let mean = &*MEAN;
    let mut pairs: Vec<Pair> = Vec::new();
    let mut pin = |index: usize, place: [f32; 2]| pairs.push(([mean[index][0], mean[index][1]], place));
    for (&point, &place) in points {
        match point {
            // Irises move in their sockets and do not bend the face.
            FacePoint::RightIris | FacePoint::LeftIris => {}
            point => pin(mesh_point(point), place),
        }
    }
    let no_face = || LandmarkError::NoFace("some of them lie at one place or on one line".to_owned());
    let bend = Spline::through(&pairs).ok_or_else(no_face)?;
    let turn = Similarity::fit(&pairs).ok_or_else(no_face)?;
    let scale = turn.a.hypot(turn.b);
    let mut mesh: Landmarks = Box::new(mean.map(|[x, y, depth]| {
        let [x, y] = bend.at(x, y);
        [x, y, depth * scale]
    }));
    if folded(mean, &mesh) > FOLDED {
        return Err(LandmarkError::NoFace("one of them lies on the wrong side of another".to_owned()));
    }
    for (side, iris, [outer, inner]) in [(0, FacePoint::RightIris, [33, 133]), (1, FacePoint::LeftIris, [263, 362])] {
        let first = MESH_POINTS + side * 5;
        let centre = points.get(&iris).copied().unwrap_or([mesh[first][0], mesh[first][1]]);
        let grown = distance(mesh[outer], mesh[inner]) / distance(mean[outer], mean[inner]) / scale;
        for at in first..first + 5 {
            let offset = [0, 1].map(|axis| (mean[at][axis] - mean[first][axis]) * grown);
            let [dx, dy] = turn.turned(offset);
            mesh[at] = [centre[0] + dx, centre[1] + dy, mesh[at][2]];
        }
    }
    Ok(mesh)
}

/// The share of the mean face's area that has changed its orientation.
fn folded(mean: &[[f32; 3]; LANDMARKS], mesh: &[[f32; 3]; LANDMARKS]) -> f32 {
    let (mut whole, mut wrong) = (0.0, 0.0);
    for triangle in TRIANGLES {
        let area = |points: &[[f32; 3]; LANDMARKS]| {
            let [a, b, c] = triangle.map(|index| points[usize::from(index)]);
            (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        };
        let (before, after) = (area(mean), area(mesh));
        whole += before.abs();
        if before * after < 0.0 {
            wrong += before.abs();
        }
    }
    wrong / whole
}

/// Where a point is, and where it is to be.
type Pair = ([f32; 2], [f32; 2]);

/// A turn, a scale and a shift: (x, y) becomes (a x - b y, b x + a y) plus the shift.
struct Similarity {
    a: f32,
    b: f32,
}

impl Similarity {
    /// The best in the sense of least squares; `None` where all points lie at one place.
    fn fit(pairs: &[Pair]) -> Option<Self> {
        let count = pairs.len() as f32;
        let mean =
            |of: fn(&Pair) -> [f32; 2]| [0, 1].map(|axis| pairs.iter().map(|pair| of(pair)[axis]).sum::<f32>() / count);
        let (from_mean, to_mean) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let (mut along, mut across, mut spread) = (0.0, 0.0, 0.0);
        for (from, to) in pairs {
            let [fx, fy] = [0, 1].map(|axis| from[axis] - from_mean[axis]);
            let [tx, ty] = [0, 1].map(|axis| to[axis] - to_mean[axis]);
            along += fx * tx + fy * ty;
            across += fx * ty - fy * tx;
            spread += fx * fx + fy * fy;
        }
        (spread > 0.0).then(|| Self { a: along / spread, b: across / spread })
    }

    /// A direction, turned and scaled.
    fn turned(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.a * x - self.b * y, self.b * x + self.a * y]
    }
}

/// A smooth map of the plane through pairs of points.
struct Spline {
    knots: Vec<[f64; 2]>,
    /// For x and for y: the weight of each knot, then the constant and the factors of x and y.
    weights: [Vec<f64>; 2],
}

impl Spline {
    /// `None` where the points do not determine one: two at one place, or all on one line.
    fn through(pairs: &[Pair]) -> Option<Self> {
        let knots: Vec<[f64; 2]> = pairs.iter().map(|(from, _)| from.map(f64::from)).collect();
        let count = knots.len();
        let size = count + 3;
        // The matrix of the system with both right-hand sides.
        let mut rows = vec![vec![0.0; size + 2]; size];
        for (at, knot) in knots.iter().enumerate() {
            for (other, second) in knots.iter().enumerate() {
                rows[at][other] = bump(*knot, *second);
            }
            for (column, value) in [1.0, knot[0], knot[1]].into_iter().enumerate() {
                rows[at][count + column] = value;
                rows[count + column][at] = value;
            }
            for axis in 0..2 {
                rows[at][size + axis] = f64::from(pairs[at].1[axis]);
            }
        }
        let solution = solve(rows)?;
        Some(Self { knots, weights: [0, 1].map(|axis| solution.iter().map(|row| row[axis]).collect()) })
    }

    fn at(&self, x: f32, y: f32) -> [f32; 2] {
        let place = [f64::from(x), f64::from(y)];
        [0, 1].map(|axis| {
            let (bumps, plane) = self.weights[axis].split_at(self.knots.len());
            let bent: f64 = self.knots.iter().zip(bumps).map(|(&knot, weight)| weight * bump(place, knot)).sum();
            (bent + plane[0] + plane[1] * place[0] + plane[2] * place[1]) as f32
        })
    }
}

/// The bending of a thin plate around a point: r² log r.
fn bump(a: [f64; 2], b: [f64; 2]) -> f64 {
    let squared = (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    if squared > 0.0 { squared * squared.ln() / 2.0 } else { 0.0 }
}

/// Gaussian elimination with row pivots. Each row ends with two right-hand sides. `None` for a singular system.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<[f64; 2]>> {
    let size = rows.len();
    for column in 0..size {
        let pivot = (column..size).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        if rows[pivot][column].abs() < 1e-9 {
            return None;
        }
        rows.swap(column, pivot);
        let (done, rest) = rows.split_at_mut(column + 1);
        let pivot = &done[column];
        for row in rest {
            let factor = row[column] / pivot[column];
            for (value, above) in row[column..].iter_mut().zip(&pivot[column..]) {
                *value -= factor * above;
            }
        }
    }
    let mut solution = vec![[0.0; 2]; size];
    for row in (0..size).rev() {
        for axis in 0..2 {
            let known: f64 = (row + 1..size).map(|column| rows[row][column] * solution[column][axis]).sum();
            solution[row][axis] = (rows[row][size + axis] - known) / rows[row][row];
        }
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landmarks::tests::points;

    #[test]
    fn the_mesh_goes_through_its_points() {
        let mut points = points();
        points.extend([
            (FacePoint::LeftEyeTop, [250.0, 165.0]),
            (FacePoint::LeftIris, [255.0, 178.0]),
            (FacePoint::MouthCentre, [200.0, 290.0]),
            (FacePoint::Forehead, [202.0, 90.0]),
            (FacePoint::RightCheek, [95.0, 200.0]),
        ]);
        let mesh = mesh(&points).expect("a face");
        for (&point, place) in &points {
            let [x, y, _] = mesh[mesh_point(point)];
            assert!((x - place[0]).hypot(y - place[1]) < 0.1, "{point:?}: {x}, {y}");
        }
        // The right iris was not placed and lies in its eye; both are as large as irises are.
        let [x, y, _] = mesh[468];
        assert!((140.0..160.0).contains(&x) && (170.0..190.0).contains(&y), "{x}, {y}");
        for first in [468, 473] {
            let radius = distance(mesh[first], mesh[first + 1]);
            assert!((6.0..14.0).contains(&radius), "{radius}");
        }
        assert!(mesh[1][2] < mesh[234][2] - 20.0, "the nose is nearer than the cheek");
    }

    #[test]
    fn a_tilted_face_has_the_tilted_mesh() {
        let upright = mesh(&points()).expect("a face");
        let (sin, cos) = 0.5f32.sin_cos();
        let turn = |x: f32, y: f32| [300.0 + 2.0 * (cos * x - sin * y), 2.0 * (sin * x + cos * y)];
        let tilted = mesh(&points().into_iter().map(|(point, [x, y])| (point, turn(x, y))).collect()).expect("a face");
        for (before, after) in upright.iter().zip(tilted.iter()) {
            let [x, y] = turn(before[0], before[1]);
            assert!((x - after[0]).hypot(y - after[1]) < 0.2, "{before:?} {after:?}");
            assert!((before[2] * 2.0 - after[2]).abs() < 0.2);
        }
    }

    #[test]
    fn points_that_fold_the_face_are_refused() {
        let mut folded = points();
        folded.insert(FacePoint::LeftCheek, [230.0, 180.0]);
        assert!(matches!(mesh(&folded), Err(LandmarkError::NoFace(_))));
    }

    #[test]
    fn the_mean_face_is_its_own_mirror_image() {
        for (right, left) in [(33, 263), (133, 362), (61, 291), (234, 454), (105, 334), (468, 473)] {
            let (a, b) = (MEAN[right], MEAN[left]);
            assert!((a[0] + b[0]).abs() < 0.2 && (a[1] - b[1]).abs() < 0.2 && (a[2] - b[2]).abs() < 0.2, "{a:?} {b:?}");
        }
        let eye = (MEAN[263][0] + MEAN[362][0]) / 2.0;
        assert!((eye - 500.0).abs() < 0.2, "{eye}");
    }
}
