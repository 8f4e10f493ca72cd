//! A picture on a coarse grid, divided in two: what is known of some cells and the colours learned from them decide the
//! others, and springs between neighbours of like colour make both parts whole (GrabCut's mixtures with a random
//! walker). Used for the head and for the whole person.

use fast_image_resize::FilterType;

use crate::{
    colour::lab,
    frame::{FaceFrame, smoothstep},
    guided::Guided,
    mixture::{Mixture, Sample},
    picture::Picture,
    plane::{Plane, Taps},
    springs::Springs,
};

/// The picture is judged on a grid of this many cells a side.
pub(crate) const GRID: usize = 192;
/// The edge is fitted to the colours at this size.
const EDGE_GRID: usize = 400;
/// Rounds of learning colours from the last estimate.
const ROUNDS: usize = 4;

/// The cells of a square picture.
pub(crate) struct Cells {
    colours: Vec<[f32; 3]>,
    samples: Vec<Sample>,
}

/// What is known of the cells before colours are looked at.
pub(crate) struct Known<'a> {
    /// Surely inside.
    pub inside: &'a [bool],
    /// Surely outside.
    pub outside: &'a [bool],
    /// Log odds of being inside.
    pub odds: &'a [f32],
    /// From which cells the colours of the inside may be learned.
    pub learn_inside: &'a [bool],
    /// From which cells the colours of the outside may be learned.
    pub learn_outside: &'a [bool],
    /// Gaussians inside and outside.
    pub parts: (usize, usize),
}

impl Cells {
    /// The cells of a picture with a face.
    pub fn new(picture: &Picture, frame: &FaceFrame) -> Self {
        let small = picture.scaled(GRID, FilterType::Box);
        let cell = picture.width as f32 / GRID as f32;
        let colours: Vec<[f32; 3]> = small
            .rgb
            .chunks_exact(3)
            .map(|pixel| lab([pixel[0], pixel[1], pixel[2]]))
            .map(|colour| [colour.l, colour.a, colour.b])
            .collect();
        let samples = colours
            .iter()
            .enumerate()
            .map(|(at, colour)| {
                let (u, v) = frame.coordinates(((at % GRID) as f32 + 0.5) * cell, ((at / GRID) as f32 + 0.5) * cell);
                // Lightness varies most within one thing; the place counts as much as a clear difference in colour.
                [colour[0] * 0.8, colour[1] * 1.3, colour[2] * 1.3, u * 22.0 * frame.width / frame.height, v * 22.0]
            })
            .collect();
        Self { colours, samples }
    }

    /// How much each cell belongs to the inside, 0..1.
    pub fn divide(&self, known: &Known<'_>) -> Plane {
        let samples = &self.samples;
        let mut springs = springs(&self.colours);
        let mut estimate = Plane {
            size: GRID,
            values: (0..GRID * GRID)
                .map(|at| match (known.inside[at], known.outside[at]) {
                    (true, _) => 1.0,
                    (_, true) => 0.0,
                    _ => 1.0 / (1.0 + (-known.odds[at]).exp()),
                })
                .collect(),
        };
        for round in 0..ROUNDS {
            let (sure_inside, sure_outside) = if round == 0 { (0.9, 0.1) } else { (0.75, 0.35) };
            let choose = |wanted: &dyn Fn(usize) -> bool| -> Vec<Sample> {
                (0..samples.len()).filter(|&at| wanted(at)).map(|at| samples[at]).collect()
            };
            let inside = choose(&|at| known.learn_inside[at] && estimate.values[at] > sure_inside);
            let outside = choose(&|at| known.learn_outside[at] && estimate.values[at] < sure_outside);
            let mixtures = (Mixture::fit(&inside, known.parts.0), Mixture::fit(&outside, known.parts.1));
            // Without either, the picture has nothing but one part in it, or nothing that is told apart: the prior decides.
            let by_colour = |at: usize| match &mixtures {
                (Some(inside), Some(outside)) => {
                    (inside.log_likelihood(&samples[at]) - outside.log_likelihood(&samples[at])).clamp(-7.0, 7.0)
                }
                _ => 0.0,
            };
            for at in 0..samples.len() {
                (springs.pull[at], springs.target[at]) = match (known.inside[at], known.outside[at]) {
                    (true, _) => (50.0, 1.0),
                    (_, true) => (50.0, 0.0),
                    _ => {
                        let odds = by_colour(at) * 0.8 + known.odds[at] * 0.85;
                        (0.08, 1.0 / (1.0 + (-odds).exp()))
                    }
                };
            }
            springs.settle(&mut estimate);
        }
        estimate
    }
}

/// Springs between neighbours, weak where the colour changes (the contrast term of GrabCut).
fn springs(colours: &[[f32; 3]]) -> Springs {
    let difference =
        |a: usize, b: usize| -> f32 { colours[a].iter().zip(&colours[b]).map(|(a, b)| (a - b) * (a - b)).sum() };
    let right: Vec<Option<f32>> =
        (0..GRID * GRID).map(|at| (at % GRID + 1 < GRID).then(|| difference(at, at + 1))).collect();
    let below: Vec<Option<f32>> =
        (0..GRID * GRID).map(|at| (at / GRID + 1 < GRID).then(|| difference(at, at + GRID))).collect();
    let known = right.iter().chain(&below).flatten();
    let mean = known.clone().sum::<f32>() / known.count() as f32;
    let strength = |difference: Option<f32>| {
        difference.map_or(0.0, |difference| 4.0 * (-difference / (2.0 * mean.max(4.0))).exp() + 0.02)
    };
    Springs {
        right: right.into_iter().map(strength).collect(),
        below: below.into_iter().map(strength).collect(),
        pull: vec![0.08; GRID * GRID],
        target: vec![0.5; GRID * GRID],
    }
}

/// The cells of `allowed` that are reached from `seeds` through neighbours.
pub(crate) fn flood(allowed: &[bool], seeds: impl Iterator<Item = usize>) -> Vec<bool> {
    let mut reached = vec![false; allowed.len()];
    let mut open: Vec<usize> = Vec::new();
    for seed in seeds {
        if allowed[seed] && !reached[seed] {
            reached[seed] = true;
            open.push(seed);
        }
    }
    while let Some(at) = open.pop() {
        let (x, y) = (at % GRID, at / GRID);
        let neighbours = [
            (x > 0).then(|| at - 1),
            (x + 1 < GRID).then_some(at + 1),
            (y > 0).then(|| at - GRID),
            (y + 1 < GRID).then_some(at + GRID),
        ];
        for next in neighbours.into_iter().flatten() {
            if allowed[next] && !reached[next] {
                reached[next] = true;
                open.push(next);
            }
        }
    }
    reached
}

/// The cells' estimate with its edge fitted to the picture's colours, one byte a pixel. What the springs leave undecided
/// would become a ghost, so the estimate is decided first, between the two values of `decide`; `value` is given a pixel's
/// middle and how to look up its soft estimate, and says what becomes of it (0..1).
pub(crate) fn to_full_size(
    picture: &Picture,
    estimate: &Plane,
    decide: (f32, f32),
    value: impl Fn(f32, f32, &dyn Fn() -> f32) -> f32,
) -> Vec<u8> {
    let side = picture.width;
    let size = EDGE_GRID.min(side);
    let small = picture.scaled(size, FilterType::Box);
    let guide = [0, 1, 2].map(|channel| Plane {
        size,
        values: small.rgb.iter().skip(channel).step_by(3).map(|&value| f32::from(value) / 255.0).collect(),
    });
    let decided = Plane {
        size: GRID,
        values: estimate.values.iter().map(|&value| smoothstep(decide.0, decide.1, value)).collect(),
    };
    let guided = Guided::fit(&guide, &decided.resized(size), (size / 80).max(2), 3e-4);
    let [red, green, blue, rest] = &guided.coefficients;
    let taps = Taps::new(size, side);
    let mut matte = Vec::with_capacity(side * side);
    for y in 0..side {
        for x in 0..side {
            let soft = || {
                let colour = picture.pixel(x, y).map(|value| f32::from(value) / 255.0);
                taps.sample(&red.values, x, y) * colour[0]
                    + taps.sample(&green.values, x, y) * colour[1]
                    + taps.sample(&blue.values, x, y) * colour[2]
                    + taps.sample(&rest.values, x, y)
            };
            matte.push((value(x as f32 + 0.5, y as f32 + 0.5, &soft) * 255.0).round() as u8);
        }
    }
    matte
}
