//! The mixture of voices whose mixed embeddings come nearest to a target: a guess that costs nothing.

use crate::Embedding;

/// Steps of the descent; the weights no longer move long before.
const STEPS: usize = 3_000;

/// Weights of the voices, none negative, together 1, for which the mixed embeddings are nearest to the line through the
/// target: projected gradient descent.
pub(crate) fn nearest_mixture(voices: &[Embedding], target: &Embedding) -> Vec<f32> {
    let products: Vec<Vec<f32>> = voices.iter().map(|a| voices.iter().map(|b| a.similarity(b)).collect()).collect();
    let wanted: Vec<f32> = voices.iter().map(|voice| voice.similarity(target)).collect();
    // No eigenvalue of a matrix is above its largest sum of a row; embeddings have no negative numbers.
    let steepest = products.iter().map(|row| row.iter().sum::<f32>()).fold(f32::MIN_POSITIVE, f32::max);
    let mut weights = vec![1.0 / voices.len() as f32; voices.len()];
    for _ in 0..STEPS {
        // A mixture is shorter than what it is mixed of: it is to point where the target points, not to reach it.
        let along: f32 = weights.iter().zip(&wanted).map(|(weight, wanted)| weight * wanted).sum();
        let slope = |(row, wanted): (&Vec<f32>, &f32)| {
            row.iter().zip(&weights).map(|(product, weight)| product * weight).sum::<f32>() - along * wanted
        };
        let slopes: Vec<f32> = products.iter().zip(&wanted).map(slope).collect();
        weights.iter_mut().zip(&slopes).for_each(|(weight, slope)| *weight -= slope / steepest);
        to_simplex(&mut weights);
    }
    weights
}

/// The nearest weights that are not negative and sum to 1 (Duchi et al. 2008, "Efficient projections onto the l1-ball").
fn to_simplex(weights: &mut [f32]) {
    let mut sorted = weights.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (index, weight) in sorted.iter().enumerate() {
        sum += weight;
        let candidate = (sum - 1.0) / (index + 1) as f32;
        if *weight <= candidate {
            break;
        }
        shift = candidate;
    }
    weights.iter_mut().for_each(|weight| *weight = (*weight - shift).max(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_brought_to_the_simplex() {
        for (given, expected) in [
            ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]),
            ([1.2, 0.0, -3.0], [1.0, 0.0, 0.0]),
            ([1.0, 1.0, 1.0], [1.0 / 3.0; 3]),
            ([0.9, 0.7, 0.0], [0.6, 0.4, 0.0]),
        ] {
            let mut weights = given;
            to_simplex(&mut weights);
            assert!(weights.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{given:?}: {weights:?}");
        }
    }

    #[test]
    fn a_mixture_is_found_again() {
        let voice = |at: usize| {
            let numbers = (0..crate::EMBEDDING).map(|n| if n % 4 == at { 1.0 } else { 0.2 }).collect();
            Embedding::new(numbers).expect("a direction")
        };
        let voices: Vec<_> = (0..4).map(voice).collect();
        let mixed = |weights: [f32; 4]| {
            let mut sum = vec![0.0; crate::EMBEDDING];
            for (voice, weight) in voices.iter().zip(weights) {
                sum.iter_mut().zip(voice.numbers()).for_each(|(sum, number)| *sum += weight * number);
            }
            Embedding::new(sum).expect("a direction")
        };
        for weights in [[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0], [0.6, 0.0, 0.1, 0.3]] {
            let found = nearest_mixture(&voices, &mixed(weights));
            let again: [f32; 4] = found.clone().try_into().expect("four");
            assert!(mixed(again).similarity(&mixed(weights)) > 0.999, "{weights:?}: {found:?}");
            assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        }
    }
}
