//! Mixtures that are worth a try: bred on the surrogate, so that none of them has to be spoken.

use rand::{Rng, RngExt};

use super::{
    STRAIN,
    style::{Blend, Palette},
    surrogate::{Surrogate, square_distance},
};

/// Generations that are bred for each try.
const GENERATIONS: usize = 25;
/// Mixtures of a generation.
const CHILDREN: usize = 40;
/// Of which so many live on.
const PARENTS: usize = 10;
/// What full doubt about a mixture adds to its worth: what nobody knows is worth a look.
const CURIOSITY: f32 = 0.05;
/// How far from the best mixture so far the guesses are trusted, where two voices are 2 apart.
const TRUSTED: f32 = 0.6;
/// What a mixture loses for each unit that it is farther away.
const DISTRUST: f32 = 0.3;

/// The most promising mixture, of what was heard, and of mixtures that were bred from it.
pub(crate) fn breed(
    palette: &Palette<'_>,
    heard: &[Blend],
    best: &Blend,
    surrogate: &Surrogate<'_>,
    random: &mut impl Rng,
) -> Blend {
    let best_place = palette.place(best);
    let promise = |blend: Blend| {
        let place = palette.place(&blend);
        let guess = surrogate.guess(&place);
        let beyond = (square_distance(&place, &best_place).sqrt() - TRUSTED).max(0.0);
        let worth = guess.similarity + CURIOSITY * guess.doubt - STRAIN * blend.strain() - DISTRUST * beyond;
        (worth, blend)
    };
    let fittest = |mut family: Vec<(f32, Blend)>| {
        family.sort_by(|a, b| b.0.total_cmp(&a.0));
        family.truncate(PARENTS);
        family
    };
    let mut parents = fittest(heard.iter().cloned().map(promise).collect());
    for _ in 0..GENERATIONS {
        let children: Vec<_> = (0..CHILDREN)
            .map(|_| {
                let parent = &parents[random.random_range(..parents.len())].1;
                promise(child(parent, heard, palette.count(), random))
            })
            .collect();
        parents.extend(children);
        parents = fittest(parents);
    }
    parents.swap_remove(0).1
}

/// A mixture near to its parent, in one half or in both: a step towards another one, towards a voice, or as one voice
/// differs from another.
fn child(parent: &Blend, heard: &[Blend], voices: usize, random: &mut impl Rng) -> Blend {
    let mut child = parent.clone();
    let halves = [0..1, 1..2, 0..2][random.random_range(..3usize)].clone();
    let step = random.random_range(0.0..0.6f32);
    let way = random.random_range(..3usize);
    let other = &heard[random.random_range(..heard.len())];
    let (to, from) = (random.random_range(..voices), random.random_range(..voices));
    for half in halves {
        let weights = &mut child.halves[half];
        match way {
            0 => weights
                .iter_mut()
                .zip(&other.halves[half])
                .for_each(|(weight, other)| *weight += step * (other - *weight)),
            1 => {
                weights[to] += 0.6 * step;
                weights[from] -= 0.6 * step;
            }
            _ => {
                weights.iter_mut().for_each(|weight| *weight *= 1.0 - 0.5 * step);
                weights[to] += 0.5 * step;
            }
        }
    }
    child
}
