//! The guided filter: a rough matte gets the edges of the picture that it belongs to.

use crate::plane::Plane;

/// The coefficients of a colour-guided filter (He, Sun and Tang 2013, equations 19 to 21): near each pixel the input is
/// `a · colour + b`.
pub(crate) struct Guided {
    /// a for red, green and blue, then b.
    pub coefficients: [Plane; 4],
}

impl Guided {
    /// Fits `input` to the colours of `guide` (values 0..1) in squares of `2 * radius + 1` pixels. `epsilon` is the
    /// variance of colour below which nothing counts as an edge.
    pub fn fit(guide: &[Plane; 3], input: &Plane, radius: usize, epsilon: f32) -> Self {
        let size = input.size;
        let product =
            |a: &Plane, b: &Plane| Plane { size, values: a.values.iter().zip(&b.values).map(|(a, b)| a * b).collect() };
        let means = [0, 1, 2].map(|channel| guide[channel].box_mean(radius));
        let mean_input = input.box_mean(radius);
        let with_input = [0, 1, 2].map(|channel| product(&guide[channel], input).box_mean(radius));
        const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
        let pairs = PAIRS.map(|(a, b)| product(&guide[a], &guide[b]).box_mean(radius));
        let mut coefficients: [Vec<f32>; 4] = std::array::from_fn(|_| Vec::with_capacity(size * size));
        for at in 0..size * size {
            let mean = [0, 1, 2].map(|channel| means[channel].values[at]);
            let [rr, rg, rb, gg, gb, bb] = std::array::from_fn(|pair| {
                let (a, b) = PAIRS[pair];
                pairs[pair].values[at] - mean[a] * mean[b]
            });
            let covariance =
                [0, 1, 2].map(|channel| with_input[channel].values[at] - mean[channel] * mean_input.values[at]);
            let a = solve_symmetric([rr + epsilon, rg, rb, gg + epsilon, gb, bb + epsilon], covariance);
            let b = mean_input.values[at] - (a[0] * mean[0] + a[1] * mean[1] + a[2] * mean[2]);
            for (list, value) in coefficients.iter_mut().zip([a[0], a[1], a[2], b]) {
                list.push(value);
            }
        }
        Self { coefficients: coefficients.map(|values| Plane { size, values }.box_mean(radius)) }
    }
}

/// Solves a symmetric 3×3 system, given as [xx, xy, xz, yy, yz, zz], by cofactors.
fn solve_symmetric([xx, xy, xz, yy, yz, zz]: [f32; 6], right: [f32; 3]) -> [f32; 3] {
    let (c0, c1, c2) = (yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy);
    let determinant = xx * c0 + xy * c1 + xz * c2;
    if determinant.abs() < 1e-18 {
        return [0.0; 3];
    }
    let (c11, c12, c22) = (xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy);
    [
        (c0 * right[0] + c1 * right[1] + c2 * right[2]) / determinant,
        (c1 * right[0] + c11 * right[1] + c12 * right[2]) / determinant,
        (c2 * right[0] + c12 * right[1] + c22 * right[2]) / determinant,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guided_filter_puts_a_blurred_step_back_on_the_colours_edge() {
        let guide = [0, 1, 2].map(|_| Plane::from_fn(32, |x, _| if x < 16 { 0.1 } else { 0.9 }));
        let blurred = Plane::from_fn(32, |x, _| (x as f32 / 31.0).clamp(0.25, 0.75) * 2.0 - 0.5);
        let Guided { coefficients: [r, g, b, rest] } = Guided::fit(&guide, &blurred, 4, 1e-4);
        let out = |x: usize| {
            let at = 16 * 32 + x;
            guide[0].values[at] * (r.values[at] + g.values[at] + b.values[at]) + rest.values[at]
        };
        assert!(out(17) - out(14) > 2.0 * (blurred.values[17] - blurred.values[14]), "{} {}", out(14), out(17));
    }
}
