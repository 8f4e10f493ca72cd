//! The head's matte: which pixels move with the head. There is no network for it. Colours of the head and of what is
//! around it are learned from the picture itself (mixtures of Gaussians, re-estimated as GrabCut does), an ellipse
//! around the face says what is likely where colours do not, springs between neighbours of like colour make it whole
//! (random walker), and a guided filter brings the edge to full resolution, hair included. Where colours tell nothing,
//! the ellipse is what remains.

use fast_image_resize::FilterType;
use visage_core::{LANDMARKS, mesh_topology::FACE_OVAL};

use crate::{
    colour::lab,
    frame::{FaceFrame, inside, smoothstep},
    guided::Guided,
    mixture::{Mixture, Sample},
    picture::Picture,
    plane::{Plane, Taps},
    springs::Springs,
};

/// The picture is judged on a grid of this many cells a side.
const GRID: usize = 192;
/// The edge is fitted to the colours at this size.
const EDGE_GRID: usize = 400;
/// Rounds of learning colours from the last estimate.
const ROUNDS: usize = 4;
const HEAD_PARTS: usize = 7;
const AROUND_PARTS: usize = 8;
/// The ramp down the neck, as heights along the face: begun a little below the mesh's chin, for the real one, with a beard,
/// lies lower; ended where shoulders begin.
const NECK_RAMP: (f32, f32) = (-0.95, -0.57);

/// What is known of a cell before colours are looked at.
struct Prior {
    frame_v: Vec<f32>,
    /// Radius in the head's ellipse: 1 on its edge.
    radius: Vec<f32>,
    /// Log odds of being head.
    odds: Vec<f32>,
    head: Vec<bool>,
    around: Vec<bool>,
}

/// One byte a pixel of the square `picture`: 255 moves with the head, 0 does not.
pub(crate) fn matte(picture: &Picture, landmarks: &[[f32; 3]; LANDMARKS]) -> Vec<u8> {
    let frame = FaceFrame::new(landmarks);
    let oval: Vec<[f32; 2]> =
        FACE_OVAL.iter().map(|&at| [landmarks[usize::from(at)][0], landmarks[usize::from(at)][1]]).collect();
    let prior = Prior::new(picture.width, &frame, &oval);
    let head = keep_the_head(segment(picture, &frame, &prior), &prior);
    to_full_size(picture, &frame, &oval, &head)
}

impl Prior {
    fn new(side: usize, frame: &FaceFrame, oval: &[[f32; 2]]) -> Self {
        /// Cells of the picture's edge that are background where the head is not near.
        const BORDER: usize = 3;
        let cells = GRID * GRID;
        let cell = side as f32 / GRID as f32;
        let mut prior = Self {
            frame_v: Vec::with_capacity(cells),
            radius: Vec::with_capacity(cells),
            odds: Vec::with_capacity(cells),
            head: Vec::with_capacity(cells),
            around: Vec::with_capacity(cells),
        };
        for row in 0..GRID {
            for column in 0..GRID {
                let (x, y) = ((column as f32 + 0.5) * cell, (row as f32 + 0.5) * cell);
                let (u, v) = frame.coordinates(x, y);
                // The head's ellipse: a skull rises above the forehead by more than the chin lies below the mouth.
                let radius = (u / 0.66).hypot((v - 0.10) / if v > 0.1 { 0.72 } else { 0.68 });
                let likely = (1.0 / (1.0 + ((radius - 1.09) / 0.12).exp())).clamp(0.047, 0.953);
                // Below the jaw the ellipse says little: there is a neck, hair, a collar.
                let weight = if v < -0.45 { 0.35 } else { 1.0 };
                let skull = (u / 0.46).hypot((v - 0.1) / 0.52) < 1.0;
                let neck = v < -0.45 && v > -0.62 && u.abs() < 0.22;
                let border = row < BORDER || !(BORDER..GRID - BORDER).contains(&column);
                prior.head.push(inside(oval, x, y) || skull || neck);
                prior.around.push(((border && radius > 1.35) || radius > 2.6) && v > -0.42);
                prior.odds.push((likely / (1.0 - likely)).ln() * weight);
                prior.radius.push(radius);
                prior.frame_v.push(v);
            }
        }
        prior
    }
}

/// How much each cell belongs to the head, its hair or its neck, 0..1. Shoulders come out as either.
fn segment(picture: &Picture, frame: &FaceFrame, prior: &Prior) -> Plane {
    let small = picture.scaled(GRID, FilterType::Box);
    let cell = picture.width as f32 / GRID as f32;
    let colours: Vec<[f32; 3]> = small
        .rgb
        .chunks_exact(3)
        .map(|pixel| lab([pixel[0], pixel[1], pixel[2]]))
        .map(|colour| [colour.l, colour.a, colour.b])
        .collect();
    let samples: Vec<Sample> = colours
        .iter()
        .enumerate()
        .map(|(at, colour)| {
            let (u, v) = frame.coordinates(((at % GRID) as f32 + 0.5) * cell, ((at / GRID) as f32 + 0.5) * cell);
            // Lightness varies most within one thing; the place counts as much as a clear difference in colour.
            [colour[0] * 0.8, colour[1] * 1.3, colour[2] * 1.3, u * 22.0 * frame.width / frame.height, v * 22.0]
        })
        .collect();
    let mut springs = springs(&colours);
    let mut estimate = Plane {
        size: GRID,
        values: (0..GRID * GRID)
            .map(|at| match (prior.head[at], prior.around[at]) {
                (true, _) => 1.0,
                (_, true) => 0.0,
                _ => 1.0 / (1.0 + (-prior.odds[at]).exp()),
            })
            .collect(),
    };
    for round in 0..ROUNDS {
        let (sure_head, sure_around) = if round == 0 { (0.9, 0.1) } else { (0.75, 0.35) };
        let choose = |wanted: &dyn Fn(usize) -> bool| -> Vec<Sample> {
            (0..samples.len()).filter(|&at| prior.frame_v[at] > -0.55 && wanted(at)).map(|at| samples[at]).collect()
        };
        let head = Mixture::fit(&choose(&|at| estimate.values[at] > sure_head), HEAD_PARTS);
        let around =
            Mixture::fit(&choose(&|at| estimate.values[at] < sure_around && prior.radius[at] < 3.0), AROUND_PARTS);
        // Without either, the picture has nothing but a head in it, or nothing that is told apart: the ellipse decides.
        let by_colour = |at: usize| match (&head, &around) {
            (Some(head), Some(around)) => {
                (head.log_likelihood(&samples[at]) - around.log_likelihood(&samples[at])).clamp(-7.0, 7.0)
            }
            _ => 0.0,
        };
        for at in 0..samples.len() {
            (springs.pull[at], springs.target[at]) = match (prior.head[at], prior.around[at]) {
                (true, _) => (50.0, 1.0),
                (_, true) => (50.0, 0.0),
                _ => {
                    let odds = by_colour(at) * 0.8 + prior.odds[at] * 0.85;
                    (0.08, 1.0 / (1.0 + (-odds).exp()))
                }
            };
        }
        springs.settle(&mut estimate);
    }
    estimate
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

/// Removes what is not connected with the face and fills holes.
fn keep_the_head(mut estimate: Plane, prior: &Prior) -> Plane {
    const SOLID: f32 = 0.35;
    let solid: Vec<bool> = estimate.values.iter().map(|&value| value > SOLID).collect();
    let connected = flood(&solid, (0..GRID * GRID).filter(|&at| prior.head[at]));
    let open: Vec<bool> = connected.iter().map(|&part| !part).collect();
    let edge = (0..GRID * GRID).filter(|at| at / GRID == 0 || at % GRID == 0 || at % GRID == GRID - 1);
    let outside = flood(&open, edge);
    for (at, value) in estimate.values.iter_mut().enumerate() {
        if connected[at] {
            continue;
        }
        *value = if !outside[at] && prior.frame_v[at] > -0.5 {
            value.max(0.9)
        } else if solid[at] {
            0.0
        } else {
            *value
        };
    }
    estimate
}

/// The cells of `allowed` that are reached from `seeds` through neighbours.
fn flood(allowed: &[bool], seeds: impl Iterator<Item = usize>) -> Vec<bool> {
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

/// The cells' estimate with its edge fitted to the picture's colours, and the ramp down the neck.
fn to_full_size(picture: &Picture, frame: &FaceFrame, oval: &[[f32; 2]], estimate: &Plane) -> Vec<u8> {
    let side = picture.width;
    let size = EDGE_GRID.min(side);
    let small = picture.scaled(size, FilterType::Box);
    let guide = [0, 1, 2].map(|channel| Plane {
        size,
        values: small.rgb.iter().skip(channel).step_by(3).map(|&value| f32::from(value) / 255.0).collect(),
    });
    // First decide, then soften: what the springs leave undecided would become a ghost.
    let decided =
        Plane { size: GRID, values: estimate.values.iter().map(|&value| smoothstep(0.2, 0.7, value)).collect() };
    let guided = Guided::fit(&guide, &decided.resized(size), (size / 80).max(2), 3e-4);
    let [red, green, blue, rest] = &guided.coefficients;
    let taps = Taps::new(size, side);
    let mut matte = Vec::with_capacity(side * side);
    for y in 0..side {
        for x in 0..side {
            let (u, v) = frame.coordinates(x as f32 + 0.5, y as f32 + 0.5);
            let ramp = neck_ramp(u, v);
            if ramp <= 0.0 {
                matte.push(0);
                continue;
            }
            let colour = picture.pixel(x, y).map(|value| f32::from(value) / 255.0);
            let soft = taps.sample(&red.values, x, y) * colour[0]
                + taps.sample(&green.values, x, y) * colour[1]
                + taps.sample(&blue.values, x, y) * colour[2]
                + taps.sample(&rest.values, x, y);
            let head = if near_face(u, v) && inside(oval, x as f32 + 0.5, y as f32 + 0.5) {
                1.0
            } else {
                smoothstep(0.08, 0.7, soft)
            };
            matte.push((head * ramp * 255.0).round() as u8);
        }
    }
    matte
}

/// Whether a point may lie in the oval of the face; spares the test of its outline.
fn near_face(u: f32, v: f32) -> bool {
    u.abs() < 0.6 && v.abs() < 0.6
}

/// 1 down to the chin, then falling to 0 at the shoulders, sooner to the sides where shoulders rise.
pub(crate) fn neck_ramp(u: f32, v: f32) -> f32 {
    let down = smoothstep(NECK_RAMP.0, NECK_RAMP.1, v);
    let below = 1.0 - smoothstep(-0.68, -0.5, v);
    let sideways = smoothstep(0.52, 0.85, u.abs());
    down * (1.0 - below * sideways)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face of 100×140 pixels in the middle of 400×400: the points that the matte needs lie on an ellipse.
    fn landmarks() -> [[f32; 3]; LANDMARKS] {
        let mut landmarks = [[200.0, 180.0, 0.0]; LANDMARKS];
        for (at, &point) in FACE_OVAL.iter().enumerate() {
            let angle = at as f32 / FACE_OVAL.len() as f32 * std::f32::consts::TAU;
            landmarks[usize::from(point)] = [200.0 + 50.0 * angle.sin(), 180.0 - 70.0 * angle.cos(), 0.0];
        }
        landmarks
    }

    /// A head of one colour (an ellipse with hair of another on top) before a background.
    fn picture(around: [u8; 3], skin: [u8; 3], hair: [u8; 3]) -> Picture {
        let mut rgb = Vec::new();
        for at in 0..400 * 400 {
            let (x, y) = ((at % 400) as f32 - 200.0, (at / 400) as f32 - 170.0);
            let head = (x / 62.0).hypot(y / 92.0) < 1.0;
            let neck = x.abs() < 28.0 && (0.0..150.0).contains(&y);
            rgb.extend(if head && y < -45.0 {
                hair
            } else if head || neck {
                skin
            } else {
                around
            });
        }
        Picture { width: 400, height: 400, rgb }
    }

    #[test]
    fn a_head_before_a_wall_is_cut_out_with_its_hair() {
        let matte = matte(&picture([60, 110, 160], [200, 150, 130], [40, 30, 25]), &landmarks());
        let cases = [
            ("forehead", 200, 120, 250, 255),
            ("hair", 200, 84, 230, 255),
            ("temple", 255, 165, 230, 255),
            ("beside the head", 285, 170, 0, 10),
            ("above the head", 200, 60, 0, 10),
            ("corner", 10, 10, 0, 0),
            ("half-way down the neck", 200, 280, 60, 200),
            ("chest", 200, 380, 0, 0),
        ];
        for (name, x, y, low, high) in cases {
            let found = matte[y * 400 + x];
            assert!((low..=high).contains(&found), "{name}: {found}");
        }
    }

    #[test]
    fn without_any_difference_of_colour_an_ellipse_remains() {
        let grey = [128; 3];
        let matte = matte(&picture(grey, grey, grey), &landmarks());
        assert_eq!(matte[180 * 400 + 200], 255);
        assert!(matte[180 * 400 + 262] > 100, "the ear: {}", matte[180 * 400 + 262]);
        assert_eq!((matte[20 * 400 + 20], matte[180 * 400 + 380]), (0, 0));
    }
}
