//! A guess of how a style will sound to the encoder, from the styles that were heard: a Gaussian process (Rasmussen and
//! Williams 2006, algorithm 2.1) from places of styles to embeddings.
//!
//! An embedding has 256 numbers where a score has one, so a few dozen sentences teach much more than scores alone would, and
//! a guess costs a ten-thousandth of a sentence.

use crate::Embedding;

/// The distance over which styles sound alike, where two voices are 2 apart.
const REACH: f32 = 1.2;
/// Variance of what the places do not tell (other rows of the table, the sentence), in units of the embeddings' own.
const UNTOLD: f64 = 0.02;

/// A guess at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Guess {
    /// Similarity to the target.
    pub(crate) similarity: f32,
    /// How unsure the guess is: 0 at places that were heard, 1 far from all.
    pub(crate) doubt: f32,
}

/// What was learnt from the styles that were heard.
pub(crate) struct Surrogate<'a> {
    places: &'a [Vec<f32>],
    /// The lower triangle of the Cholesky factor of the places' covariances, row by row.
    factor: Vec<Vec<f64>>,
    /// How much each heard style adds to the similarity with the target: `a·t` in r = k·(a·t).
    towards: Vec<f64>,
    /// The products of the weights of two heard styles, for the length of a guessed embedding.
    products: Vec<Vec<f64>>,
    /// The products of each heard style's weights with the mean embedding.
    with_mean: Vec<f64>,
    mean_target: f64,
    mean_square: f64,
}

/// The square of the distance of two places.
pub(crate) fn square_distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn covariance(square_distance: f32) -> f64 {
    f64::from((-square_distance / (2.0 * REACH * REACH)).exp())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl<'a> Surrogate<'a> {
    /// Learns from places and what was heard at each.
    pub(crate) fn learn(places: &'a [Vec<f32>], heard: &[Embedding], target: &Embedding) -> Self {
        let count = places.len();
        let target: Vec<f64> = target.numbers().iter().map(|number| f64::from(*number)).collect();
        let heard: Vec<Vec<f64>> =
            heard.iter().map(|one| one.numbers().iter().map(|number| f64::from(*number)).collect()).collect();
        let mean: Vec<f64> =
            (0..target.len()).map(|at| heard.iter().map(|one| one[at]).sum::<f64>() / count as f64).collect();
        // Cholesky's factor, row by row.
        let mut factor: Vec<Vec<f64>> = Vec::with_capacity(count);
        for row in 0..count {
            let mut line: Vec<f64> = Vec::with_capacity(row + 1);
            for (column, before) in factor.iter().enumerate() {
                let own = covariance(square_distance(&places[row], &places[column]));
                line.push((own - dot(&line, &before[..column])) / before[column]);
            }
            // The variance on the diagonal keeps what is left above zero, but for rounding.
            line.push((1.0 + UNTOLD - dot(&line, &line)).max(1e-9).sqrt());
            factor.push(line);
        }
        // The weights a = K^-1 (E - mean), one row of 256 for each heard style.
        let mut weights: Vec<Vec<f64>> =
            heard.iter().map(|one| one.iter().zip(&mean).map(|(number, mean)| number - mean).collect()).collect();
        for (row, line) in factor.iter().enumerate() {
            let (before, rest) = weights.split_at_mut(row);
            for (done, share) in before.iter().zip(line) {
                rest[0].iter_mut().zip(done).for_each(|(number, done)| *number -= share * done);
            }
            rest[0].iter_mut().for_each(|number| *number /= line[row]);
        }
        for row in (0..count).rev() {
            let (before, rest) = weights.split_at_mut(row);
            let done = &mut rest[0];
            done.iter_mut().for_each(|number| *number /= factor[row][row]);
            for (column, other) in before.iter_mut().enumerate() {
                other.iter_mut().zip(done.iter()).for_each(|(number, done)| *number -= factor[row][column] * done);
            }
        }
        let products = weights.iter().map(|a| weights.iter().map(|b| dot(a, b)).collect()).collect();
        Self {
            places,
            factor,
            towards: weights.iter().map(|row| dot(row, &target)).collect(),
            products,
            with_mean: weights.iter().map(|row| dot(row, &mean)).collect(),
            mean_target: dot(&mean, &target),
            mean_square: dot(&mean, &mean),
        }
    }

    /// What will be heard at a place.
    pub(crate) fn guess(&self, place: &[f32]) -> Guess {
        let near: Vec<f64> = self.places.iter().map(|heard| covariance(square_distance(heard, place))).collect();
        let along = self.mean_target + dot(&near, &self.towards);
        let square = self.mean_square
            + 2.0 * dot(&near, &self.with_mean)
            + self.products.iter().zip(&near).map(|(row, weight)| weight * dot(row, &near)).sum::<f64>();
        // Forward substitution: what the heard styles tell about this place.
        let mut told = Vec::with_capacity(near.len());
        for (row, own) in self.factor.iter().zip(&near) {
            let known = dot(&row[..told.len()], &told);
            told.push((own - known) / row[told.len()]);
        }
        let doubt = (1.0 - dot(&told, &told)).max(0.0).sqrt();
        Guess { similarity: (along / square.max(1e-9).sqrt()) as f32, doubt: doubt as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EMBEDDING;

    /// What is heard at a place on a line, smoothly.
    fn heard(at: f32) -> Embedding {
        let number = |n: usize| 1.0 + (at + n as f32 * 0.02).sin();
        Embedding::new((0..EMBEDDING).map(number).collect()).expect("a direction")
    }

    #[test]
    fn what_was_heard_is_known_and_what_lies_between_is_guessed() {
        let places: Vec<Vec<f32>> = (0..8).map(|at| vec![at as f32 * 0.5, 1.0]).collect();
        let embeddings: Vec<_> = places.iter().map(|place| heard(place[0])).collect();
        let target = heard(2.2);
        let surrogate = Surrogate::learn(&places, &embeddings, &target);
        for (at, most_doubt, least_doubt) in [(1.0, 0.15, 0.0), (1.75, 0.3, 0.0), (2.2, 0.3, 0.0), (60.0, 1.0, 0.99)] {
            let guess = surrogate.guess(&[at, 1.0]);
            assert!((least_doubt..=most_doubt).contains(&guess.doubt), "{at}: {guess:?}");
            if at < 10.0 {
                let truth = heard(at).similarity(&target);
                assert!((guess.similarity - truth).abs() < 0.01, "{at}: {guess:?}, {truth}");
            }
        }
        // Far from all it knows no more than the mean.
        let mean = Embedding::mean(&embeddings).expect("there are some").similarity(&target);
        assert!((surrogate.guess(&[60.0, 1.0]).similarity - mean).abs() < 0.01);
    }
}
