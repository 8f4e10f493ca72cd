//! Curves that are functions of x (lip line, lids), and small helpers of interpolation.

use glam::Vec2;

/// A smooth curve y(x) through points with growing x; constant beyond its ends.
#[derive(Clone, Debug)]
pub(crate) struct Curve(Vec<Vec2>);

impl Curve {
    /// Through the given points in any order. Points closer than `1e-3` in x to their left neighbour are left out.
    pub fn new(mut points: Vec<Vec2>) -> Self {
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        points.dedup_by(|a, b| a.x - b.x < 1e-3);
        Self(points)
    }

    /// The curve with every point moved (not past its neighbours in x).
    pub fn map(self, moved: impl FnMut(Vec2) -> Vec2) -> Self {
        Self(self.0.into_iter().map(moved).collect())
    }

    /// y at x (Catmull-Rom with finite-difference slopes).
    pub fn y(&self, x: f32) -> f32 {
        let points = &self.0;
        let Some(last) = points.last() else { return 0.0 };
        if x <= points[0].x {
            return points[0].y;
        }
        if x >= last.x {
            return last.y;
        }
        let right = points.partition_point(|point| point.x <= x).clamp(1, points.len() - 1);
        let (a, b) = (points[right - 1], points[right]);
        let slope = |i: usize| {
            let (p, n) = (points[i.saturating_sub(1)], points[(i + 1).min(points.len() - 1)]);
            (n.y - p.y) / (n.x - p.x).max(1e-6)
        };
        let width = b.x - a.x;
        let t = (x - a.x) / width;
        let (t2, t3) = (t * t, t * t * t);
        a.y * (2.0 * t3 - 3.0 * t2 + 1.0)
            + slope(right - 1) * width * (t3 - 2.0 * t2 + t)
            + b.y * (3.0 * t2 - 2.0 * t3)
            + slope(right) * width * (t3 - t2)
    }
}

/// 0 below `from`, 1 above `to`, smooth between. `from` may be greater than `to`: then it falls.
pub(crate) fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A bell: 1 at zero, `exp(-1)` where either term is one.
pub(crate) fn bell(x: f32, y: f32) -> f32 {
    (-(x * x + y * y)).exp()
}

/// Linear interpolation.
pub(crate) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Whether a polygon holds a point (even-odd rule).
pub(crate) fn inside(polygon: &[Vec2], point: Vec2) -> bool {
    let mut odd = false;
    for (i, &a) in polygon.iter().enumerate() {
        let b = polygon[(i + 1) % polygon.len()];
        if (a.y > point.y) != (b.y > point.y) && point.x < (b.x - a.x) * (point.y - a.y) / (b.y - a.y) + a.x {
            odd = !odd;
        }
    }
    odd
}

/// Distance from a point to a polygon's outline and the share of the way along the nearest edge: (distance, edge,
/// share).
pub(crate) fn to_outline(polygon: &[Vec2], point: Vec2) -> (f32, usize, f32) {
    let mut best = (f32::INFINITY, 0, 0.0);
    for (i, &a) in polygon.iter().enumerate() {
        let edge = polygon[(i + 1) % polygon.len()] - a;
        let share = ((point - a).dot(edge) / edge.length_squared().max(1e-9)).clamp(0.0, 1.0);
        let distance = point.distance(a + edge * share);
        if distance < best.0 {
            best = (distance, i, share);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_through_its_points_and_ends_flat() {
        let curve = Curve::new(vec![Vec2::new(1.0, 2.0), Vec2::new(0.0, 1.0), Vec2::new(2.0, 0.0)]);
        for (x, y) in [(0.0, 1.0), (1.0, 2.0), (2.0, 0.0), (-5.0, 1.0), (9.0, 0.0)] {
            assert!((curve.y(x) - y).abs() < 1e-5, "at {x}: {}", curve.y(x));
        }
    }

    #[test]
    fn polygons() {
        let square = [Vec2::ZERO, Vec2::X, Vec2::ONE, Vec2::Y];
        assert!(inside(&square, Vec2::splat(0.5)));
        assert!(!inside(&square, Vec2::new(1.5, 0.5)));
        let (distance, edge, share) = to_outline(&square, Vec2::new(0.25, -2.0));
        assert!((distance - 2.0).abs() < 1e-6 && edge == 0 && (share - 0.25).abs() < 1e-6);
    }
}
