//! Gaussian mixtures with full covariances: what colours, and where, a region has. Fitted by k-means, as GrabCut does
//! (Rother, Kolmogorov and Blake 2004, section 3.1). Deterministic.

/// Values of a sample: scaled L*, a*, b*, and the place.
pub(crate) const VALUES: usize = 5;
/// One pixel as the mixtures see it.
pub(crate) type Sample = [f32; VALUES];

/// Samples that are looked at when fitting; more are thinned out evenly.
const MAX_SAMPLES: usize = 4_000;
/// Fewest samples of a part.
const MIN_PART: usize = 8;
/// Added to every variance, so that a flat region does not become infinitely sure. Squared units of a sample.
const MIN_VARIANCE: f64 = 12.0;
const ROUNDS: usize = 8;

/// A mixture of Gaussians.
#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    mean: Sample,
    /// Inverse of the lower Cholesky factor of the covariance.
    whitening: [[f32; VALUES]; VALUES],
    /// Logarithm of weight over the root of the covariance's determinant.
    constant: f32,
}

impl Mixture {
    /// Fits `parts` Gaussians; fewer where the samples do not carry them, `None` for too few samples.
    pub fn fit(samples: &[Sample], parts: usize) -> Option<Self> {
        let step = samples.len().div_ceil(MAX_SAMPLES).max(1);
        let samples: Vec<Sample> = samples.iter().step_by(step).copied().collect();
        if samples.len() < MIN_PART {
            return None;
        }
        let groups = group(&samples, parts);
        let parts: Vec<Part> = groups
            .iter()
            .filter(|members| members.len() >= MIN_PART)
            .filter_map(|members| Part::new(members, samples.len()))
            .collect();
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// Logarithm of the density of the likeliest part, up to a constant that all mixtures share.
    pub fn log_likelihood(&self, sample: &Sample) -> f32 {
        self.parts.iter().map(|part| part.log_likelihood(sample)).fold(f32::NEG_INFINITY, f32::max)
    }
}

impl Part {
    fn new(members: &[Sample], total: usize) -> Option<Self> {
        let count = members.len() as f64;
        let mut mean = [0.0f64; VALUES];
        for member in members {
            for (sum, &value) in mean.iter_mut().zip(member) {
                *sum += f64::from(value) / count;
            }
        }
        let mut covariance = [[0.0f64; VALUES]; VALUES];
        for member in members {
            for row in 0..VALUES {
                for column in 0..=row {
                    let product = (f64::from(member[row]) - mean[row]) * (f64::from(member[column]) - mean[column]);
                    covariance[row][column] += product / count;
                }
            }
        }
        for (at, row) in covariance.iter_mut().enumerate() {
            row[at] += MIN_VARIANCE;
        }
        let (whitening, log_root) = invert_root(&covariance)?;
        Some(Self {
            mean: mean.map(|value| value as f32),
            whitening: whitening.map(|row| row.map(|value| value as f32)),
            constant: ((count / total as f64).ln() - log_root) as f32,
        })
    }

    fn log_likelihood(&self, sample: &Sample) -> f32 {
        let centred: Sample = std::array::from_fn(|at| sample[at] - self.mean[at]);
        let mut distance = 0.0;
        for (row, weights) in self.whitening.iter().enumerate() {
            let sum: f32 = weights[..=row].iter().zip(&centred).map(|(weight, value)| weight * value).sum();
            distance += sum * sum;
        }
        self.constant - 0.5 * distance
    }
}

type Matrix = [[f64; VALUES]; VALUES];

/// The inverse of the lower Cholesky factor of a symmetric matrix (lower triangle given), and the logarithm of the
/// factor's determinant. `None` if the matrix is not positive definite.
fn invert_root(matrix: &Matrix) -> Option<(Matrix, f64)> {
    let mut root = [[0.0; VALUES]; VALUES];
    for row in 0..VALUES {
        for column in 0..=row {
            let sum: f64 = (0..column).map(|k| root[row][k] * root[column][k]).sum();
            let rest = matrix[row][column] - sum;
            root[row][column] = if row == column {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / root[column][column]
            };
        }
    }
    let mut inverse = [[0.0; VALUES]; VALUES];
    for column in 0..VALUES {
        inverse[column][column] = 1.0 / root[column][column];
        for row in column + 1..VALUES {
            let sum: f64 = (column..row).map(|k| root[row][k] * inverse[k][column]).sum();
            inverse[row][column] = -sum / root[row][row];
        }
    }
    let log_root = (0..VALUES).map(|at| root[at][at].ln()).sum();
    Some((inverse, log_root))
}

fn squared(a: &Sample, b: &Sample) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// k-means, begun from the sample nearest to the mean and then from samples far from all others (the farthest 2 % are
/// outliers and are passed over).
fn group(samples: &[Sample], parts: usize) -> Vec<Vec<Sample>> {
    let mean: Sample =
        std::array::from_fn(|at| samples.iter().map(|sample| sample[at]).sum::<f32>() / samples.len() as f32);
    let nearest = samples
        .iter()
        .min_by(|a, b| squared(a, &mean).total_cmp(&squared(b, &mean)))
        .expect("there are at least MIN_PART samples");
    let mut centres = vec![*nearest];
    let mut far: Vec<f32> = samples.iter().map(|sample| squared(sample, nearest)).collect();
    while centres.len() < parts {
        let mut order: Vec<usize> = (0..samples.len()).collect();
        order.sort_by(|&a, &b| far[a].total_cmp(&far[b]));
        let next = samples[order[(samples.len() * 98 / 100).min(samples.len() - 1)]];
        for (far, sample) in far.iter_mut().zip(samples) {
            *far = far.min(squared(sample, &next));
        }
        centres.push(next);
    }
    let mut groups = vec![Vec::new(); centres.len()];
    for _ in 0..ROUNDS {
        groups.iter_mut().for_each(Vec::clear);
        for sample in samples {
            let (closest, _) = centres
                .iter()
                .enumerate()
                .map(|(at, centre)| (at, squared(sample, centre)))
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .expect("there is at least one centre");
            groups[closest].push(*sample);
        }
        for (centre, members) in centres.iter_mut().zip(&groups) {
            if !members.is_empty() {
                *centre = std::array::from_fn(|at| {
                    members.iter().map(|member| member[at]).sum::<f32>() / members.len() as f32
                });
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a small grid around a place.
    fn cloud(place: f32) -> Vec<Sample> {
        (0..125)
            .map(|at| {
                let [a, b, c] = [at % 5, at / 5 % 5, at / 25].map(|step| step as f32 - 2.0);
                [place + a, b, c, 0.0, 0.0]
            })
            .collect()
    }

    #[test]
    fn a_mixture_prefers_what_it_was_fitted_to() {
        let both = [cloud(0.0), cloud(60.0)].concat();
        let mixture = Mixture::fit(&both, 3).expect("enough samples");
        let other = Mixture::fit(&cloud(30.0), 3).expect("enough samples");
        for (place, expected) in [(0.0, true), (60.0, true), (30.0, false)] {
            let sample = [place, 0.0, 0.0, 0.0, 0.0];
            assert_eq!(mixture.log_likelihood(&sample) > other.log_likelihood(&sample), expected, "{place}");
        }
    }

    #[test]
    fn too_few_samples_make_no_mixture() {
        assert!(Mixture::fit(&cloud(0.0)[..MIN_PART - 1], 2).is_none());
        assert!(Mixture::fit(&[[1.0; VALUES]; 50], 4).is_some(), "all alike is fine");
    }
}
