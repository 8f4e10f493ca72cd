//! How far eyes and lips of a face are open, as the retargeting networks want to know it.
//!
//! Source: KwaiVGI/LivePortrait, `src/utils/retargeting_utils.py`, which takes points of a mesh of 203 of its own; here
//! they are the points of our mesh (MediaPipe's numbers) that lie in the same places.

use visage_core::LANDMARKS;

/// Upper lid, lower lid (their middles), outer corner, inner corner: of the character's right eye, then of the left one.
const EYES: [[usize; 4]; 2] = [[159, 145, 33, 133], [386, 374, 263, 362]];
/// Middle of the upper lip's lower edge, of the lower lip's upper edge; right and left corner of the mouth.
const LIPS: [usize; 4] = [13, 14, 61, 291];
/// Keeps a face without width from dividing by zero.
const LEAST_WIDTH: f32 = 1e-6;

/// How far a face is open. A gap is divided by the width of what it is in; open eyes are near 0.3 to 0.4.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ratios {
    /// Between the lids, the character's right eye (left in the picture) first.
    pub eyes: [f32; 2],
    /// Between the lips.
    pub lips: f32,
}

impl Ratios {
    /// The ratios of a face by its landmarks, in any unit.
    pub fn of(landmarks: &[[f32; 3]; LANDMARKS]) -> Self {
        let ratio = |[above, below, outer, inner]: [usize; 4]| {
            let apart =
                |a: usize, b: usize| (landmarks[a][0] - landmarks[b][0]).hypot(landmarks[a][1] - landmarks[b][1]);
            apart(above, below) / (apart(outer, inner) + LEAST_WIDTH)
        };
        Self { eyes: EYES.map(ratio), lips: ratio(LIPS) }
    }
}

#[cfg(test)]
mod tests {
    use visage_core::mesh_topology as mesh;

    use super::*;

    #[test]
    fn the_points_are_where_the_topology_has_them() {
        for (points, upper, lower) in [
            (EYES[0], &mesh::RIGHT_LID_UPPER[..], &mesh::RIGHT_LID_LOWER[..]),
            (EYES[1], &mesh::LEFT_LID_UPPER, &mesh::LEFT_LID_LOWER),
        ] {
            let expected = [upper[4], lower[4], upper[0], upper[8]].map(usize::from);
            assert_eq!(points, expected);
        }
        let (inner, outer) = (&mesh::LIPS_INNER_UPPER, &mesh::LIPS_OUTER_UPPER);
        assert_eq!(LIPS, [inner[5], mesh::LIPS_INNER_LOWER[5], outer[0], outer[10]].map(usize::from));
    }

    #[test]
    fn a_ratio_is_gap_by_width_however_the_face_is_turned() {
        let check = |place: &[(usize, [f32; 2])], expected: Ratios| {
            for angle in [0.0f32, 0.4, -1.2] {
                let mut landmarks = [[0.0; 3]; LANDMARKS];
                for &(point, [x, y]) in place {
                    let (sin, cos) = angle.sin_cos();
                    // Depth does not count.
                    landmarks[point] = [x * cos - y * sin, x * sin + y * cos, point as f32];
                }
                let found = Ratios::of(&landmarks);
                let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
                let all = near(found.eyes[0], expected.eyes[0])
                    && near(found.eyes[1], expected.eyes[1])
                    && near(found.lips, expected.lips);
                assert!(all, "{angle}: {found:?} for {expected:?}");
            }
        };
        check(&[], Ratios::default());
        check(
            &[(159, [50.0, 20.0]), (145, [50.0, 32.0]), (33, [30.0, 26.0]), (133, [70.0, 26.0])],
            Ratios { eyes: [0.3, 0.0], lips: 0.0 },
        );
        check(
            &[(386, [9.0, 0.0]), (374, [9.0, 2.0]), (263, [14.0, 1.0]), (362, [4.0, 1.0])],
            Ratios { eyes: [0.0, 0.2], lips: 0.0 },
        );
        check(
            &[(13, [0.0, 5.0]), (14, [0.0, 6.0]), (61, [-10.0, 5.5]), (291, [10.0, 5.5])],
            Ratios { eyes: [0.0; 2], lips: 0.05 },
        );
    }
}
