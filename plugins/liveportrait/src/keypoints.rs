//! From what the motion extractor finds to the keypoints that the picture is warped by.
//!
//! Source: LivePortrait (arXiv:2407.03168), equation 2, and KwaiVGI/LivePortrait, `src/utils/camera.py`,
//! `src/live_portrait_wrapper.py` (transform), `src/live_portrait_pipeline.py` (relative and absolute motion of a still
//! portrait), `src/gradio_pipeline.py` (motion by hand).

use crate::motion::{KEYPOINTS, Keypoints, Motion, Offset};

/// Degrees between the middles of two classes of a head angle.
const DEGREES_PER_BIN: f64 = 3.0;
/// The angle of the first class is minus this.
const FIRST_BIN: f64 = 97.5;
/// Which parts of the expression (x, y, z of a keypoint) an absolute motion takes over; the others hold the shape of
/// the face itself and stay those of the portrait.
const TAKEN_OVER: [[bool; 3]; KEYPOINTS] = {
    const NONE: [bool; 3] = [false; 3];
    const ALL: [bool; 3] = [true; 3];
    const Y: [bool; 3] = [false, true, false];
    const Z: [bool; 3] = [false, false, true];
    const YZ: [bool; 3] = [false, true, true];
    [NONE, ALL, ALL, Y, Y, Z, ALL, NONE, Z, YZ, NONE, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL]
};

/// A rotation that is multiplied from the right: `row * rotation`.
pub type Rotation = [[f32; 3]; 3];

/// The head angle in degrees that 66 scores (before softmax) of its classes mean: their expected value.
pub fn degrees(scores: &[f32]) -> f32 {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut mean) = (0.0, 0.0);
    for (bin, score) in scores.iter().enumerate() {
        let weight = f64::from(score - most).exp();
        sum += weight;
        mean += weight * bin as f64;
    }
    (mean / sum * DEGREES_PER_BIN - FIRST_BIN) as f32
}

/// The rotation of a head by pitch, yaw and roll in degrees.
pub fn rotation(degrees: [f32; 3]) -> Rotation {
    let [(sx, cx), (sy, cy), (sz, cz)] = degrees.map(|angle| f64::from(angle).to_radians().sin_cos());
    // The transpose of roll * yaw * pitch.
    [
        [cz * cy, sz * cy, -sy],
        [cz * sy * sx - sz * cx, sz * sy * sx + cz * cx, cy * sx],
        [cz * sy * cx + sz * sx, sz * sy * cx - cz * sx, cy * cx],
    ]
    .map(|row| row.map(|value| value as f32))
}

fn multiplied(a: &Rotation, b: &Rotation) -> Rotation {
    a.map(|row| [0, 1, 2].map(|j| row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j]))
}

fn transposed(of: &Rotation) -> Rotation {
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| of[j][i]))
}

/// `scale * (canonical * rotation + expression) + translation`; the translation has no depth.
fn placed(
    canonical: &Keypoints,
    rotation: &Rotation,
    expression: &Keypoints,
    scale: f32,
    translation: [f32; 3],
) -> Keypoints {
    let shift = translation;
    std::array::from_fn(|point| {
        let [x, y, z] = canonical[point];
        [0, 1, 2].map(|axis| {
            let turned = x * rotation[0][axis] + y * rotation[1][axis] + z * rotation[2][axis];
            scale * (turned + expression[point][axis]) + shift[axis]
        })
    })
}

/// `of` for every coordinate of a set of keypoints.
pub(crate) fn each(of: impl Fn(usize, usize) -> f32) -> Keypoints {
    std::array::from_fn(|point| [0, 1, 2].map(|axis| of(point, axis)))
}

/// Keypoints with `by` added.
pub fn moved(keypoints: &Keypoints, by: &Keypoints) -> Keypoints {
    each(|point, axis| keypoints[point][axis] + by[point][axis])
}

impl Motion {
    /// Where the keypoints are in the picture that this motion was found in.
    pub fn keypoints(&self) -> Keypoints {
        placed(&self.canonical, &rotation(self.rotation), &self.expression, self.scale, self.translation)
    }

    /// Where the keypoints of this portrait are under an offset, before retargeting and stitching.
    pub fn offset(&self, offset: &Offset) -> Keypoints {
        let sum = |a: [f32; 3], b: [f32; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        placed(
            &self.canonical,
            &rotation(sum(self.rotation, offset.rotation)),
            &moved(&self.expression, &offset.expression),
            self.scale * offset.scale,
            sum(self.translation, offset.translation),
        )
    }

    /// Where the keypoints of this portrait are when it moves as another face has moved since `first`.
    pub fn relative(&self, first: &Self, driving: &Self) -> Keypoints {
        let turned = multiplied(&rotation(driving.rotation), &transposed(&rotation(first.rotation)));
        placed(
            &self.canonical,
            &multiplied(&turned, &rotation(self.rotation)),
            &each(|point, axis| {
                self.expression[point][axis] + (driving.expression[point][axis] - first.expression[point][axis])
            }),
            self.scale * (driving.scale / first.scale),
            [0, 1, 2].map(|axis| self.translation[axis] + (driving.translation[axis] - first.translation[axis])),
        )
    }

    /// Where the keypoints of this portrait are when it holds its head and face as another one does.
    pub fn absolute(&self, driving: &Self) -> Keypoints {
        placed(
            &self.canonical,
            &rotation(driving.rotation),
            &each(|point, axis| {
                let of = if TAKEN_OVER[point][axis] { driving } else { self };
                of.expression[point][axis]
            }),
            self.scale,
            driving.translation,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn motion(seed: f32) -> Motion {
        let noise = |n: usize| ((n as f32 + 1.0) * (seed + 3.7)).sin();
        Motion {
            rotation: [0, 1, 2].map(|n| 20.0 * noise(n)),
            translation: [0, 1, 2].map(|n| 0.1 * noise(n + 3)),
            expression: each(|point, axis| 0.05 * noise(10 + point * 3 + axis)),
            scale: 1.4 + 0.1 * noise(7),
            canonical: each(|point, axis| 0.5 * noise(90 + point * 3 + axis)),
        }
    }

    #[track_caller]
    fn same(a: &Keypoints, b: &Keypoints) {
        for (point, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((0..3).all(|axis| (a[axis] - b[axis]).abs() < 1e-5), "{point}: {a:?} and {b:?}");
        }
    }

    #[test]
    fn a_sure_class_is_its_own_angle_and_two_are_their_mean() {
        let check = |high: &[usize], expected: f32| {
            let mut scores = [0.0; 66];
            high.iter().for_each(|&bin| scores[bin] = 200.0);
            assert!((degrees(&scores) - expected).abs() < 1e-4, "{high:?}: {}", degrees(&scores));
        };
        check(&[], 0.0);
        check(&[0], -97.5);
        check(&[32], -1.5);
        check(&[65], 97.5);
        check(&[33, 43], 16.5);
    }

    #[test]
    fn a_rotation_turns_where_the_paper_says() {
        // A quarter turn about one axis each: where the rows of the identity go.
        let (x, y, z) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let minus = |v: [f32; 3]| v.map(|value| -value);
        for (angles, expected) in [
            ([0.0, 0.0, 0.0], [x, y, z]),
            ([90.0, 0.0, 0.0], [x, z, minus(y)]),
            ([0.0, 90.0, 0.0], [minus(z), y, x]),
            ([0.0, 0.0, 90.0], [y, minus(x), z]),
            ([90.0, 90.0, 0.0], [minus(z), x, minus(y)]),
        ] {
            let found = rotation(angles);
            let near = (0..9).all(|n| (found[n / 3][n % 3] - expected[n / 3][n % 3]).abs() < 1e-6);
            assert!(near, "{angles:?}: {found:?}");
        }
        let turn = rotation([10.0, -20.0, 30.0]);
        let back = multiplied(&turn, &transposed(&turn));
        assert!((0..9).all(|n| (back[n / 3][n % 3] - if n % 4 == 0 { 1.0 } else { 0.0 }).abs() < 1e-6), "{back:?}");
    }

    #[test]
    fn who_does_not_move_stays() {
        let (source, driving) = (motion(0.0), motion(1.0));
        let rest = source.keypoints();
        same(&source.offset(&Offset::default()), &rest);
        same(&source.relative(&driving, &driving), &rest);
        same(&source.absolute(&source), &rest);
    }

    #[test]
    fn each_part_of_an_offset_moves_what_it_should() {
        let source = Motion { translation: [0.0; 3], rotation: [0.0; 3], ..motion(0.0) };
        let rest = source.keypoints();
        let check = |offset: Offset, expected: &dyn Fn(usize, usize) -> f32| {
            same(&source.offset(&offset), &each(expected));
        };
        check(Offset { translation: [0.5, -0.25, 9.0], ..Offset::default() }, &|point, axis| {
            rest[point][axis] + [0.5, -0.25, 0.0][axis]
        });
        check(Offset { scale: 2.0, ..Offset::default() }, &|point, axis| 2.0 * rest[point][axis]);
        let mut expression = [[0.0; 3]; KEYPOINTS];
        expression[4][1] = 0.5;
        check(Offset { expression, ..Offset::default() }, &|point, axis| {
            rest[point][axis] + if (point, axis) == (4, 1) { 0.5 * source.scale } else { 0.0 }
        });
        let turned = Motion { rotation: [5.0, 10.0, -15.0], ..source.clone() };
        check(Offset { rotation: [5.0, 10.0, -15.0], ..Offset::default() }, &|point, axis| {
            turned.keypoints()[point][axis]
        });
    }

    #[test]
    fn relative_motion_adds_what_has_changed() {
        let (source, first) = (motion(0.0), motion(1.0));
        let driving = Motion { scale: first.scale * 1.5, ..first.clone() };
        let larger = Motion { scale: source.scale * 1.5, ..source.clone() };
        same(&source.relative(&first, &driving), &larger.keypoints());
        // A face of the same rotation as the first one's turns as the driving one does.
        let alike = Motion { rotation: first.rotation, ..source.clone() };
        let driving = Motion { rotation: [3.0, 25.0, -8.0], ..first.clone() };
        let turned = Motion { rotation: driving.rotation, ..source.clone() };
        same(&alike.relative(&first, &driving), &turned.keypoints());
    }

    #[test]
    fn absolute_motion_keeps_the_shape_of_the_face() {
        let source = motion(0.0);
        let mut driving = Motion { canonical: motion(5.0).canonical, scale: 9.0, ..source.clone() };
        // Parts that hold identity are not taken over.
        driving.expression[0] = [9.0; 3];
        driving.expression[3][0] = 9.0;
        driving.expression[9][0] = 9.0;
        same(&source.absolute(&driving), &source.keypoints());
        driving.expression[9][2] += 0.5;
        let moved = source.absolute(&driving);
        assert!((moved[9][2] - source.keypoints()[9][2] - 0.5 * source.scale).abs() < 1e-5);
    }
}
