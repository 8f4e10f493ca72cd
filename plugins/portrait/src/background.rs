//! The picture without the head. Only the few pixels that a moving head uncovers are ever seen, so what matters is that
//! colour and grain at the edge go on inwards: just inside the edge the surroundings are mirrored, farther in they are
//! spread smoothly from all sides (push-pull: Gortler et al. 1996, section 3.6.2).

use crate::{
    frame::{FaceFrame, smoothstep},
    matte::neck_ramp,
    picture::Picture,
};

/// The head is taken out with this margin, as a share of the face's width, so that no rim of hair stays behind.
const MARGIN: f32 = 0.035;
/// The same below the chin: bare skin has no rim, and a margin there would take a step out of the neck's outline.
const NECK_MARGIN: f32 = 0.006;
/// Where the neck begins, in heights of the face below its middle.
const NECK: f32 = -0.46;
/// Matte values (of 255) that belong to the head when it is taken out.
const HEAD: u8 = 6;
/// Where the ramp down the neck is below this, the background keeps the portrait: the matte fades there, and what shines
/// through must be what is there.
const KEPT_BELOW_RAMP: f32 = 0.97;
/// Depth, in widths of the face, to which the surroundings are mirrored, and at which nothing of that is left.
const MIRRORED: (f32, f32) = (0.03, 0.16);

/// The square picture with the head taken out and filled in.
pub(crate) fn without_head(picture: &Picture, matte: &[u8], frame: &FaceFrame) -> Picture {
    let side = picture.width;
    let hole = hole(side, matte, frame);
    if hole.iter().all(|&inside| inside) {
        // Nothing but head: there is nothing to fill in with, and nothing to uncover.
        return picture.clone();
    }
    let spread = spread(picture, &hole);
    let nearest = nearest_outside(side, &hole);
    let mut rgb = picture.rgb.clone();
    let (near, far) = (MIRRORED.0 * frame.width, MIRRORED.1 * frame.width);
    for at in (0..side * side).filter(|&at| hole[at]) {
        let (x, y) = ((at % side) as i64, (at / side) as i64);
        let (edge_x, edge_y) = ((nearest[at] as usize % side) as i64, (nearest[at] as usize / side) as i64);
        let depth = ((edge_x - x) as f32).hypot((edge_y - y) as f32);
        let smooth = spread[at];
        let mirror = [2 * edge_x - x, 2 * edge_y - y];
        let within = mirror.iter().all(|&place| place >= 0 && place < side as i64);
        let source = within.then(|| mirror[1] as usize * side + mirror[0] as usize).filter(|&source| !hole[source]);
        let share = source.map_or(0.0, |_| 1.0 - smoothstep(near, far, depth));
        let source = source.unwrap_or(at);
        for channel in 0..3 {
            let mirrored = f32::from(picture.rgb[source * 3 + channel]);
            rgb[at * 3 + channel] = (smooth[channel] + (mirrored - smooth[channel]) * share).round() as u8;
        }
    }
    Picture { width: side, height: side, rgb }
}

/// Which pixels are taken out.
fn hole(side: usize, matte: &[u8], frame: &FaceFrame) -> Vec<bool> {
    let at_face = |at: usize| frame.coordinates((at % side) as f32 + 0.5, (at / side) as f32 + 0.5);
    let moves: Vec<bool> = (0..side * side)
        .map(|at| {
            let (u, v) = at_face(at);
            neck_ramp(u, v) >= KEPT_BELOW_RAMP
        })
        .collect();
    let head: Vec<bool> = matte.iter().zip(&moves).map(|(&matte, &moves)| matte > HEAD && moves).collect();
    // First along rows, then along columns.
    let wider_by = |share: f32| {
        let margin = (frame.width * share).ceil() as usize;
        widened(side, &widened(side, &head, margin, 1, side), margin, side, 1)
    };
    let (wide, narrow) = (wider_by(MARGIN), wider_by(NECK_MARGIN));
    (0..side * side).map(|at| moves[at] && if at_face(at).1 < NECK { narrow[at] } else { wide[at] }).collect()
}

/// `step` leads along a line, `line_step` to the next line.
fn widened(side: usize, set: &[bool], margin: usize, step: usize, line_step: usize) -> Vec<bool> {
    let mut out = vec![false; side * side];
    for line in 0..side {
        let start = line * line_step;
        let mut last: Option<usize> = None;
        for at in 0..side {
            if set[start + at * step] {
                let from = last.map_or(0, |last| last + 1).max(at.saturating_sub(margin));
                for fill in from..=at {
                    out[start + fill * step] = true;
                }
                last = Some(at);
            } else if last.is_some_and(|last| at - last <= margin) {
                out[start + at * step] = true;
            }
        }
    }
    out
}

/// One level of the pyramid: colours times weight, and weight.
struct Level {
    size: usize,
    values: Vec<[f32; 4]>,
}

/// Colours for every pixel of a square picture: known ones as they are, the others (the hole) as a smooth field between
/// them.
pub(crate) fn spread(picture: &Picture, hole: &[bool]) -> Vec<[f32; 3]> {
    let side = picture.width;
    let base = (0..side * side)
        .map(|at| {
            if hole[at] {
                return [0.0; 4];
            }
            let [r, g, b] = [0, 1, 2].map(|channel| f32::from(picture.rgb[at * 3 + channel]));
            [r, g, b, 1.0]
        })
        .collect();
    let mut levels = vec![Level { size: side, values: base }];
    while let Some(last) = levels.last().filter(|last| last.size > 1) {
        let next = halved(last);
        levels.push(next);
    }
    let mut coarse: Option<(usize, Vec<[f32; 3]>)> = None;
    for level in levels.iter().rev() {
        let size = level.size;
        let mut colours = vec![[0.0; 3]; size * size];
        for y in 0..size {
            for x in 0..size {
                let value = level.values[y * size + x];
                let weight = value[3].min(1.0);
                let below = match &coarse {
                    Some((coarse_size, colours)) if weight < 1.0 => between(*coarse_size, colours, size, x, y),
                    _ => [0.0; 3],
                };
                let own = 1.0 / value[3].max(1e-6);
                colours[y * size + x] =
                    std::array::from_fn(|channel| value[channel] * own * weight + below[channel] * (1.0 - weight));
            }
        }
        if size < side {
            relax(size, level, &mut colours);
        }
        coarse = Some((size, colours));
    }
    // There is at least the base level.
    coarse.map(|(_, colours)| colours).unwrap_or_default()
}

fn halved(level: &Level) -> Level {
    let size = level.size.div_ceil(2);
    let mut values = vec![[0.0; 4]; size * size];
    for y in 0..level.size {
        for x in 0..level.size {
            let from = level.values[y * level.size + x];
            for (sum, value) in values[y / 2 * size + x / 2].iter_mut().zip(from) {
                *sum += value;
            }
        }
    }
    // A cell is known as soon as a quarter of it is.
    for value in &mut values {
        if value[3] > 1.0 {
            let scale = 1.0 / value[3];
            value.iter_mut().for_each(|part| *part *= scale);
        }
    }
    Level { size, values }
}

/// Smooths the unknown part of a level, so that no blocks of the coarser ones show.
fn relax(size: usize, level: &Level, colours: &mut [[f32; 3]]) {
    const ROUNDS: usize = 4;
    for _ in 0..ROUNDS {
        for y in 0..size {
            for x in 0..size {
                let weight = level.values[y * size + x][3];
                if weight >= 1.0 {
                    continue;
                }
                let around = [
                    y * size + x.saturating_sub(1),
                    y * size + (x + 1).min(size - 1),
                    y.saturating_sub(1) * size + x,
                    (y + 1).min(size - 1) * size + x,
                ];
                let mean: [f32; 3] =
                    std::array::from_fn(|channel| around.iter().map(|&at| colours[at][channel]).sum::<f32>() / 4.0);
                for (own, mean) in colours[y * size + x].iter_mut().zip(mean) {
                    *own += (mean - *own) * (1.0 - weight);
                }
            }
        }
    }
}

/// Bilinear sample of the coarser level for a pixel of the finer one, which is twice as large.
fn between(coarse_size: usize, colours: &[[f32; 3]], size: usize, x: usize, y: usize) -> [f32; 3] {
    let place = |at: usize| {
        let place = ((at as f32 + 0.5) * 0.5 - 0.5).clamp(0.0, (coarse_size - 1) as f32);
        let first = place as usize;
        (first, (first + 1).min(coarse_size - 1), place - first as f32)
    };
    debug_assert!(size <= coarse_size * 2);
    let ((left, right, across), (top, bottom, down)) = (place(x), place(y));
    std::array::from_fn(|channel| {
        let value = |row: usize, column: usize| colours[row * coarse_size + column][channel];
        let above = value(top, left) + (value(top, right) - value(top, left)) * across;
        let below = value(bottom, left) + (value(bottom, right) - value(bottom, left)) * across;
        above + (below - above) * down
    })
}

/// For every pixel the index of a nearest pixel outside the hole (two passes of nearest neighbours: Danielsson 1980).
fn nearest_outside(side: usize, hole: &[bool]) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let mut nearest: Vec<u32> = (0..side * side).map(|at| if hole[at] { NONE } else { at as u32 }).collect();
    let distance = |at: usize, to: u32| -> i64 {
        if to == NONE {
            return i64::MAX;
        }
        let dx = (at % side) as i64 - i64::from(to) % side as i64;
        let dy = (at / side) as i64 - i64::from(to) / side as i64;
        dx * dx + dy * dy
    };
    let mut visit = |at: usize, steps: &[(i64, i64)]| {
        if !hole[at] {
            return;
        }
        let (x, y) = ((at % side) as i64, (at / side) as i64);
        for &(dx, dy) in steps {
            let (nx, ny) = (x + dx, y + dy);
            if nx >= 0 && ny >= 0 && nx < side as i64 && ny < side as i64 {
                let candidate = nearest[ny as usize * side + nx as usize];
                if distance(at, candidate) < distance(at, nearest[at]) {
                    nearest[at] = candidate;
                }
            }
        }
    };
    for y in 0..side {
        for x in 0..side {
            visit(y * side + x, &[(-1, 0), (0, -1), (-1, -1), (1, -1)]);
        }
        for x in (0..side).rev() {
            visit(y * side + x, &[(1, 0)]);
        }
    }
    for y in (0..side).rev() {
        for x in (0..side).rev() {
            visit(y * side + x, &[(1, 0), (0, 1), (1, 1), (-1, 1)]);
        }
        for x in 0..side {
            visit(y * side + x, &[(-1, 0)]);
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use visage_core::LANDMARKS;

    use super::*;

    fn frame() -> FaceFrame {
        let mut landmarks = [[0.0; 3]; LANDMARKS];
        for (index, x, y) in [(10, 50.0, 30.0), (152, 50.0, 70.0), (234, 35.0, 50.0), (454, 65.0, 50.0)] {
            landmarks[index] = [x, y, 0.0];
        }
        FaceFrame::new(&landmarks)
    }

    #[test]
    fn a_red_head_before_a_gradient_leaves_the_gradient() {
        let colour = |x: usize| (60 + x) as u8;
        let mut picture = Picture { width: 100, height: 100, rgb: Vec::new() };
        let mut matte = Vec::new();
        for at in 0..100 * 100 {
            let (x, y) = (at % 100, at / 100);
            let head = (x as f32 - 50.0).hypot(y as f32 - 50.0) < 20.0;
            picture.rgb.extend(if head { [250, 0, 0] } else { [colour(x); 3] });
            matte.push(if head { 255 } else { 0 });
        }
        let filled = without_head(&picture, &matte, &frame());
        for (x, y) in [(50, 50), (36, 50), (64, 50), (50, 33), (50, 67)] {
            let found = filled.pixel(x, y);
            let error = found.iter().map(|&value| value.abs_diff(colour(x))).max();
            assert!(error < Some(14), "{x},{y}: {found:?} for {}", colour(x));
        }
        assert_eq!(filled.pixel(10, 10), picture.pixel(10, 10));
        assert_eq!(filled.pixel(50, 90), picture.pixel(50, 90));
    }

    #[test]
    fn nothing_but_head_stays_as_it_is() {
        let picture = Picture { width: 40, height: 40, rgb: vec![90; 40 * 40 * 3] };
        assert_eq!(without_head(&picture, &[255; 40 * 40], &frame()), picture);
    }

    #[test]
    fn the_neck_stays_where_the_matte_fades() {
        let hole = hole(100, &[255; 100 * 100], &frame());
        assert!(hole[65 * 100 + 50] && !hole[80 * 100 + 50]);
    }

    #[test]
    fn the_nearest_pixel_outside_is_found() {
        let hole: Vec<bool> = (0..20 * 20).map(|at| (5..15).contains(&(at % 20)) && at / 20 > 3).collect();
        let nearest = nearest_outside(20, &hole);
        assert_eq!(nearest[10 * 20 + 6], 10 * 20 + 4);
        assert_eq!(nearest[10 * 20 + 13], 10 * 20 + 15);
        assert_eq!(nearest[4 * 20 + 10], 3 * 20 + 10);
    }
}
