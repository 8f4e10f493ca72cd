//! Edges of lids and rims of irises, found in the picture.
//!
//! Landmarks of eyes are a few pixels off, and far off in drawn faces, whose eyes are larger than real ones. A lid that
//! is cut beside its edge drags along a piece of the eyeball, or leaves its lashes behind. So corners, edges and iris
//! start at the landmarks and move to what the picture shows near them.

use glam::Vec2;
use visage_core::Raster;

use crate::{
    curve::{Curve, mix, smooth},
    eye::Eye,
    frame::Frame,
    mouth::{colour, luminance},
    trace::trace,
};

/// Columns in which an edge is looked for.
const COLUMNS: usize = 48;
/// Rows in which it is looked for.
const ROWS: usize = 41;
/// Half the distance over which light is compared, face units.
const STEP: f32 = 0.010;
/// How far the upper edge may lie above and below the landmarks, face units.
const UPPER_REACH: [f32; 2] = [0.10, 0.035];
/// The same for the lower edge.
const LOWER_REACH: [f32; 2] = [0.03, 0.10];
/// How far a corner may lie outside its landmark, in half widths of the eye.
const CORNER_REACH: f32 = 0.35;

/// An eye in its picture.
pub(crate) struct Look<'a> {
    eye: &'a Eye,
    frame: &'a Frame,
    portrait: &'a Raster,
}

impl<'a> Look<'a> {
    /// Looks at an eye whose frame and edges are those of the landmarks.
    pub fn new(eye: &'a Eye, frame: &'a Frame, portrait: &'a Raster) -> Self {
        Self { eye, frame, portrait }
    }

    fn light(&self, own: Vec2) -> f32 {
        let pixel = |dx: f32| self.frame.pixel(self.eye.face(own + Vec2::X * dx));
        (luminance(self.portrait, pixel(-0.006)) + luminance(self.portrait, pixel(0.006))) / 2.0
    }

    fn colour(&self, own: Vec2) -> [f32; 3] {
        colour(self.portrait, self.frame.pixel(self.eye.face(own)))
    }

    /// x of the two corners: where the white of the eye ends beyond the landmarks, going outwards along the line between
    /// the corners. White is what has far less colour than the skin below the eye and is not dark.
    pub fn corners(&self) -> (f32, f32) {
        let half = self.eye.half;
        let mut skin: Vec<[f32; 3]> = (-4..=4)
            .map(|i| {
                let x = half * 0.15 * i as f32;
                self.colour(Vec2::new(x, self.eye.lower.y(x) + 0.10))
            })
            .collect();
        skin.sort_by(|a, b| saturation(*a).total_cmp(&saturation(*b)));
        let skin = skin[skin.len() / 2];
        let end = |sign: f32| {
            let mut found = half;
            let mut x = half;
            while x < half * (1.0 + CORNER_REACH) {
                x += 0.01;
                let here = self.colour(Vec2::new(sign * x, 0.0));
                let white = saturation(here) < 0.55 * saturation(skin) && here[1] > 0.75 * skin[1];
                if !white {
                    break;
                }
                found = x;
            }
            // A corner is where the lids meet, a little beyond the last white.
            sign * if found > half { found + 0.012 } else { half }
        };
        (end(-1.0), end(1.0))
    }

    /// The upper lid's edge: where dark lashes above meet the brighter eyeball below. The crease above a bright lid looks
    /// alike, so it stays near the landmarks.
    pub fn upper(&self, near: &Curve) -> Curve {
        self.edge(near, UPPER_REACH, 1.5, |above, below| (below - above).max(0.0))
    }

    /// The lower lid's edge: where white meets skin, or a dark iris skin.
    pub fn lower(&self, near: &Curve) -> Curve {
        self.edge(near, LOWER_REACH, 0.55, |above, below| (below - above).abs())
    }

    /// `loyalty` is what distance from the landmarks costs; `strength` how much an edge is one, from the light on both
    /// sides of it.
    fn edge(&self, near: &Curve, reach: [f32; 2], loyalty: f32, strength: impl Fn(f32, f32) -> f32) -> Curve {
        let half = self.eye.half;
        let x_of = |column: usize| half * (2.0 * column as f32 / (COLUMNS - 1) as f32 - 1.0);
        let y_of = |column: usize, row: usize| {
            let x = x_of(column);
            let free = smooth(0.0, 0.30, 1.0 - (x / half).powi(2));
            near.y(x) + free * mix(-reach[0], reach[1], row as f32 / (ROWS - 1) as f32)
        };
        let mut strengths = vec![0.0f32; COLUMNS * ROWS];
        for column in 0..COLUMNS {
            for row in 0..ROWS {
                let own = Vec2::new(x_of(column), y_of(column, row));
                strengths[column * ROWS + row] =
                    strength(self.light(own - Vec2::Y * STEP), self.light(own + Vec2::Y * STEP));
            }
        }
        // Edges count against the strongest of the whole lid half way, so that weak ones do not lead astray.
        let strongest = strengths.iter().copied().fold(12.0, f32::max);
        let home = reach[0] / (reach[0] + reach[1]) * (ROWS - 1) as f32;
        let path = trace(COLUMNS, ROWS, 0.05, |column, row| {
            let off = (row as f32 - home) / (ROWS - 1) as f32 * (reach[0] + reach[1]) / 0.11;
            1.0 - strengths[column * ROWS + row] / strongest + loyalty * off * off
        });
        let found: Vec<(f32, f32, f32)> = (0..COLUMNS)
            .map(|column| {
                let weight = strengths[column * ROWS + path[column]] / strongest + 0.02;
                (x_of(column) / half, y_of(column, path[column]), weight)
            })
            .collect();
        let arc = fit(&found);
        Curve::new((0..COLUMNS).map(|column| Vec2::new(x_of(column), arc(x_of(column) / half))).collect())
    }

    /// Centre and radius of the iris: the circle near the given one across whose visible sides the picture brightens
    /// most.
    pub fn iris(&self, centre: Vec2, radius: f32) -> (Vec2, f32) {
        let score = |centre: Vec2, radius: f32| {
            let (mut sum, mut count) = (0.0, 0.0);
            for i in 0..24 {
                // Both sides, 45 degrees up to 50 degrees down.
                let angle = (-45.0 + 95.0 * (i / 2) as f32 / 11.0).to_radians();
                let direction = Vec2::new(if i % 2 == 0 { angle.cos() } else { -angle.cos() }, angle.sin());
                let (inner, outer) = (centre + direction * (radius - STEP), centre + direction * (radius + STEP));
                let (upper, lower) = self.eye.edges(outer.x);
                if outer.y > upper + 0.02 && outer.y < lower - 0.02 {
                    sum += (self.light(outer) - self.light(inner)).clamp(-60.0, 90.0);
                    count += 1.0;
                }
            }
            if count < 6.0 { f32::MIN } else { sum / count }
        };
        // The given circle stays unless another one is clearly better.
        let mut best = (score(centre, radius).max(0.0) * 1.3 + 4.0, centre, radius);
        for step in 0..14 {
            let wider = radius * (0.86 + 0.05 * step as f32);
            for dx in -4..=4 {
                for dy in -3..=3 {
                    let moved = centre + Vec2::new(dx as f32, dy as f32) * 0.010;
                    let far = moved.distance(centre) / radius + (wider / radius - 1.0).abs();
                    let found = score(moved, wider) - 8.0 * far;
                    if found > best.0 {
                        best = (found, moved, wider);
                    }
                }
            }
        }
        (best.1, best.2)
    }
}

/// Terms of the curve that a lid's edge is.
const TERMS: usize = 4;

/// The smooth arc from corner (-1) to corner (1) nearest to places (share, height, weight); far ones count less and less
/// (iteratively reweighted least squares).
fn fit(places: &[(f32, f32, f32)]) -> impl Fn(f32) -> f32 + use<> {
    let basis = |s: f32| -> [f32; TERMS] {
        let swell = (1.0 - s * s).max(0.0).powf(0.8);
        [swell, swell * s, swell * s * s, swell * s * s * s]
    };
    let mut terms = [0.0f32; TERMS];
    for round in 0..6 {
        let mut system = [[0.0f32; TERMS + 1]; TERMS];
        for &(s, y, weight) in places {
            let row = basis(s);
            let off = y - (0..TERMS).map(|i| row[i] * terms[i]).sum::<f32>();
            let weight = if round == 0 { weight } else { weight / (1.0 + (off / 0.015).powi(2)) };
            for i in 0..TERMS {
                (0..TERMS).for_each(|j| system[i][j] += weight * row[i] * row[j]);
                system[i][TERMS] += weight * row[i] * y;
            }
        }
        (0..TERMS).for_each(|i| system[i][i] += 1e-4);
        terms = solve(system);
    }
    move |s| (0..TERMS).map(|i| basis(s)[i] * terms[i]).sum()
}

/// Solves a small positive definite system (Gauss elimination).
fn solve(mut system: [[f32; TERMS + 1]; TERMS]) -> [f32; TERMS] {
    for i in 0..TERMS {
        let pivot = system[i];
        for row in system.iter_mut().skip(i + 1) {
            let share = row[i] / pivot[i];
            (i..=TERMS).for_each(|j| row[j] -= share * pivot[j]);
        }
    }
    let mut out = [0.0; TERMS];
    for i in (0..TERMS).rev() {
        let known: f32 = (i + 1..TERMS).map(|j| system[i][j] * out[j]).sum();
        out[i] = (system[i][TERMS] - known) / system[i][i];
    }
    out
}

fn saturation(colour: [f32; 3]) -> f32 {
    let (low, high) = colour.iter().fold((f32::MAX, 0.0f32), |(low, high), &v| (low.min(v), high.max(v)));
    (high - low) / high.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_finds_the_arc_and_ignores_outliers() {
        let arc = |s: f32| -0.1 * (1.0 - s * s).powf(0.8) * (1.0 + 0.3 * s);
        let places: Vec<(f32, f32, f32)> = (0..40)
            .map(|i| {
                let s = -0.975 + 0.05 * i as f32;
                (s, if (18..22).contains(&i) { arc(s) + 0.06 } else { arc(s) }, 1.0)
            })
            .collect();
        let found = fit(&places);
        for s in [-0.9, -0.5, 0.0, 0.4, 0.8] {
            assert!((found(s) - arc(s)).abs() < 0.004, "at {s}: {} not {}", found(s), arc(s));
        }
    }
}
