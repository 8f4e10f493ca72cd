//! A field of springs on a grid, and where it comes to rest: how a decision spreads over what looks alike.

use crate::plane::Plane;

/// A field of springs: every pixel is drawn to its neighbours and to a target.
pub(crate) struct Springs {
    /// Strength between a pixel and its right neighbour; 0 in the last column.
    pub right: Vec<f32>,
    /// Strength between a pixel and the one below; 0 in the last row.
    pub below: Vec<f32>,
    /// Strength towards [`Self::target`]; positive.
    pub pull: Vec<f32>,
    pub target: Vec<f32>,
}

impl Springs {
    /// The field at rest, begun from `field`: the random walker with priors (Grady 2005, equation 9), solved by
    /// conjugate gradients with the diagonal as preconditioner.
    pub fn settle(&self, field: &mut Plane) {
        const MAX_ROUNDS: usize = 160;
        const TOLERANCE: f32 = 1e-5;
        let n = field.size;
        let count = n * n;
        let mut diagonal = self.pull.clone();
        for (at, diagonal) in diagonal.iter_mut().enumerate() {
            *diagonal += self.right[at] + self.below[at];
            if at % n > 0 {
                *diagonal += self.right[at - 1];
            }
            if at >= n {
                *diagonal += self.below[at - n];
            }
        }
        let mut applied = vec![0.0; count];
        self.apply(n, &diagonal, &field.values, &mut applied);
        let mut rest: Vec<f32> = (0..count).map(|at| self.pull[at] * self.target[at] - applied[at]).collect();
        let mut direction: Vec<f32> = rest.iter().zip(&diagonal).map(|(rest, d)| rest / d).collect();
        let mut energy: f32 = rest.iter().zip(&direction).map(|(a, b)| a * b).sum();
        let enough = TOLERANCE * count as f32 * 1e-2;
        for _ in 0..MAX_ROUNDS {
            if energy < enough {
                break;
            }
            self.apply(n, &diagonal, &direction, &mut applied);
            let curvature: f32 = direction.iter().zip(&applied).map(|(a, b)| a * b).sum();
            if curvature <= 0.0 {
                break;
            }
            let step = energy / curvature;
            let mut next_energy = 0.0;
            for at in 0..count {
                field.values[at] += step * direction[at];
                rest[at] -= step * applied[at];
                next_energy += rest[at] * rest[at] / diagonal[at];
            }
            let keep = next_energy / energy;
            energy = next_energy;
            for at in 0..count {
                direction[at] = rest[at] / diagonal[at] + keep * direction[at];
            }
        }
    }

    fn apply(&self, n: usize, diagonal: &[f32], field: &[f32], out: &mut [f32]) {
        for at in 0..n * n {
            out[at] = diagonal[at] * field[at];
        }
        for at in 0..n * n - 1 {
            // The strength is 0 across the end of a row.
            let strength = self.right[at];
            out[at] -= strength * field[at + 1];
            out[at + 1] -= strength * field[at];
        }
        for at in 0..n * n - n {
            let strength = self.below[at];
            out[at] -= strength * field[at + n];
            out[at + n] -= strength * field[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn springs_settle_between_their_targets_and_stop_at_a_cut() {
        let n = 16;
        let mut springs = Springs {
            right: vec![1.0; n * n],
            below: vec![1.0; n * n],
            pull: vec![1e-4; n * n],
            target: vec![0.5; n * n],
        };
        for y in 0..n {
            springs.right[y * n + n - 1] = 0.0;
            springs.right[y * n + 9] = 0.0;
            springs.below[(n - 1) * n + y] = 0.0;
            for (x, target) in [(0, 1.0), (n - 1, 0.0)] {
                springs.pull[y * n + x] = 100.0;
                springs.target[y * n + x] = target;
            }
        }
        let mut field = Plane { size: n, values: vec![0.5; n * n] };
        springs.settle(&mut field);
        for y in [0, 7, 15] {
            assert!(field.values[y * n + 9] > 0.95 && field.values[y * n + 10] < 0.05, "row {y}");
        }
    }
}
