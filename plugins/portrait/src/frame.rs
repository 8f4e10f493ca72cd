//! The face's own coordinates: where "a quarter of a face above the brow" is, however the head is tilted or sized.

use visage_core::LANDMARKS;

/// Coordinates along a face: u runs to the right of the picture, v upwards along the face. The ears lie at u = ±0.5, the
/// top of the forehead (mesh point 10) at v = 0.5, the chin (152) at v = -0.5.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FaceFrame {
    pub centre: [f32; 2],
    right: [f32; 2],
    up: [f32; 2],
    /// From ear to ear, pixels.
    pub width: f32,
    /// From chin to the top of the forehead, pixels.
    pub height: f32,
}

impl FaceFrame {
    pub fn new(landmarks: &[[f32; 3]; LANDMARKS]) -> Self {
        let at = |index: usize| [landmarks[index][0], landmarks[index][1]];
        let (top, chin, right_ear, left_ear) = (at(10), at(152), at(234), at(454));
        let (dx, dy) = (top[0] - chin[0], top[1] - chin[1]);
        let height = dx.hypot(dy).max(1.0);
        let up = [dx / height, dy / height];
        let width = (left_ear[0] - right_ear[0]).hypot(left_ear[1] - right_ear[1]).max(1.0);
        let centre = [0, 1].map(|axis| (top[axis] + chin[axis] + right_ear[axis] + left_ear[axis]) / 4.0);
        Self { centre, right: [-up[1], up[0]], up, width, height }
    }

    /// (u, v) of a point of the picture.
    pub fn coordinates(&self, x: f32, y: f32) -> (f32, f32) {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        ((dx * self.right[0] + dy * self.right[1]) / self.width, (dx * self.up[0] + dy * self.up[1]) / self.height)
    }
}

impl FaceFrame {
    /// The point of the picture at (u, v).
    pub fn point(&self, u: f32, v: f32) -> [f32; 2] {
        let (across, along) = (u * self.width, v * self.height);
        [0, 1].map(|axis| self.centre[axis] + self.right[axis] * across + self.up[axis] * along)
    }
}

/// 0 below `from`, 1 above `to`, smooth between (Hermite).
pub(crate) fn smoothstep(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Whether a point lies inside a closed polygon (even-odd rule).
pub(crate) fn inside(polygon: &[[f32; 2]], x: f32, y: f32) -> bool {
    let mut within = false;
    let mut previous = polygon.len().wrapping_sub(1);
    for (at, &[ax, ay]) in polygon.iter().enumerate() {
        let [bx, by] = polygon[previous];
        if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
            within = !within;
        }
        previous = at;
    }
    within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilted_face_has_the_same_coordinates() {
        let (sin, cos) = 0.4f32.sin_cos();
        let place = |x: f32, y: f32| [200.0 + cos * x - sin * y, 200.0 + sin * x + cos * y, 0.0];
        let mut landmarks = [[0.0; 3]; LANDMARKS];
        for (index, x, y) in [(10, 0.0, -60.0), (152, 0.0, 60.0), (234, -50.0, 0.0), (454, 50.0, 0.0)] {
            landmarks[index] = place(x, y);
        }
        let frame = FaceFrame::new(&landmarks);
        for (x, y, u, v) in [(0.0, -60.0, 0.0, 0.5), (50.0, 0.0, 0.5, 0.0), (-25.0, 120.0, -0.25, -1.0)] {
            let [px, py, _] = place(x, y);
            let found = frame.coordinates(px, py);
            assert!((found.0 - u).abs() < 1e-4 && (found.1 - v).abs() < 1e-4, "{found:?}");
            let back = frame.point(u, v);
            assert!((back[0] - px).abs() < 1e-3 && (back[1] - py).abs() < 1e-3, "{back:?}");
        }
    }

    #[test]
    fn inside_of_a_triangle() {
        let triangle = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
        assert!(inside(&triangle, 2.0, 2.0));
        assert!(!inside(&triangle, 8.0, 8.0) && !inside(&triangle, -1.0, 5.0) && !inside(&[], 0.0, 0.0));
    }
}
