//! The whole person: head, neck, shoulders. Found as the head is (see `cells.rs`), begun from the head that is known
//! already and from where shoulders usually are. Only needed where something else is to stand behind the person.

use crate::{
    cells::{Cells, GRID, Known, flood, to_full_size},
    frame::smoothstep,
    matte::Segmentation,
    picture::Picture,
};

/// Gaussians that the colours of a person are made of (skin, hair, clothes), and those of what is behind.
const PERSON_PARTS: usize = 10;
const BEHIND_PARTS: usize = 8;
/// A grid's cell belongs to the person above this.
const SOLID: f32 = 0.4;
/// Where the neck is whole, and is carried on upwards from: heights of the face below its middle.
pub(crate) const WHOLE_NECK: f32 = -0.62;

/// One byte a pixel of the square `picture`: 255 belongs to the person. Tighter than the head's matte: here nothing of
/// what was behind may stay.
pub(crate) fn person(picture: &Picture, head: &Segmentation) -> Vec<u8> {
    let frame = head.frame();
    let cell = picture.width as f32 / GRID as f32;
    let mut inside = Vec::with_capacity(GRID * GRID);
    let mut outside = Vec::with_capacity(GRID * GRID);
    let mut odds = Vec::with_capacity(GRID * GRID);
    for at in 0..GRID * GRID {
        let (x, y) = (((at % GRID) as f32 + 0.5) * cell, ((at / GRID) as f32 + 0.5) * cell);
        let (u, v) = frame.coordinates(x, y);
        let of_head = head.head().values[at];
        // What is beside or above the head, the head's own division knows. It ends where shoulders may begin.
        let by_head = smoothstep(-0.6, -0.5, v);
        let likely = of_head.clamp(0.02, 0.98);
        let head_odds = (likely / (1.0 - likely)).ln() * 1.6;
        // Shoulders are broad or narrow: what colours say counts for more.
        let shape = (torso(u, v) * 4.0).clamp(-1.6, 1.6);
        odds.push(head_odds * by_head + shape * (1.0 - by_head));
        inside.push((v > -0.5 && of_head > 0.9) || (v <= -0.5 && surely(u, v)));
        let side = !(2..GRID - 2).contains(&(at % GRID)) || at / GRID < 2;
        outside.push((v > -0.5 && of_head < 0.05) || (side && v > -0.66 && of_head < 0.3));
    }
    let anywhere = vec![true; GRID * GRID];
    let mut estimate = Cells::new(picture, frame).divide(&Known {
        inside: &inside,
        outside: &outside,
        odds: &odds,
        learn_inside: &anywhere,
        learn_outside: &anywhere,
        parts: (PERSON_PARTS, BEHIND_PARTS),
    });
    let solid: Vec<bool> = estimate.values.iter().map(|&value| value > SOLID).collect();
    let connected = flood(&solid, (0..GRID * GRID).filter(|&at| inside[at]));
    let open: Vec<bool> = connected.iter().map(|&part| !part).collect();
    // Gaps that reach neither the sides nor the top are holes; below the person the picture ends.
    let edge = (0..GRID * GRID).filter(|at| at / GRID == 0 || at % GRID == 0 || at % GRID == GRID - 1);
    let reached = flood(&open, edge);
    for (at, value) in estimate.values.iter_mut().enumerate() {
        if !connected[at] {
            *value = if reached[at] { value.min(SOLID * 0.5) } else { 1.0 };
        }
    }
    to_full_size(picture, &estimate, (0.3, 0.75), |_, _, soft| smoothstep(0.3, 0.9, soft()))
}

/// How far a point lies inside the usual outline of neck and shoulders, in widths of the face; negative outside.
fn torso(u: f32, v: f32) -> f32 {
    // Half the width: a neck, then shoulders that fall away, then arms.
    let shoulders = 1.0 - smoothstep(-0.92, -0.6, v);
    0.27 + shoulders * 1.35 - u.abs()
}

/// Whether a point below the chin lies in neck or chest, whatever the shoulders are like.
fn surely(u: f32, v: f32) -> bool {
    let chest = 1.0 - smoothstep(-1.2, -0.75, v);
    u.abs() < 0.16 + chest * 0.5
}

/// How much of the person stays in the background when the head moves, 0..1: all of it below the neck's `ramp`, and
/// behind the chin the neck, carried on upwards. `person` is how much of the point is person; `neck` is the same where the
/// neck is whole.
pub(crate) fn stays(u: f32, v: f32, ramp: f32, person: f32, neck: impl FnOnce() -> f32) -> f32 {
    let below = if v < 0.0 { person * (1.0 - smoothstep(0.85, 1.0, ramp)) } else { 0.0 };
    let carried = (1.0 - smoothstep(0.24, 0.36, u.abs())) * (1.0 - smoothstep(-0.42, -0.28, v));
    let column = if carried == 0.0 {
        0.0
    } else if v > WHOLE_NECK {
        neck() * carried
    } else {
        person * carried
    };
    below.max(column)
}

#[cfg(test)]
mod tests {
    use visage_core::{LANDMARKS, mesh_topology::FACE_OVAL};

    use super::*;

    fn landmarks() -> [[f32; 3]; LANDMARKS] {
        let mut landmarks = [[200.0, 140.0, 0.0]; LANDMARKS];
        for (at, &point) in FACE_OVAL.iter().enumerate() {
            let angle = at as f32 / FACE_OVAL.len() as f32 * std::f32::consts::TAU;
            landmarks[usize::from(point)] = [200.0 + 50.0 * angle.sin(), 140.0 - 70.0 * angle.cos(), 0.0];
        }
        landmarks
    }

    /// Head, neck and shoulders of a colour of their own before a wall.
    fn picture() -> Picture {
        let mut rgb = Vec::new();
        for at in 0..400 * 400 {
            let (x, y) = ((at % 400) as f32 - 200.0, (at / 400) as f32);
            let head = (x / 62.0).hypot((y - 130.0) / 92.0) < 1.0;
            let neck = x.abs() < 28.0 && (140.0..260.0).contains(&y);
            let shoulders = (x / 150.0).hypot((y - 400.0) / 150.0) < 1.0;
            rgb.extend(match (head || neck, shoulders) {
                (_, true) => [30, 120, 100],
                (true, _) => [200, 150, 130],
                _ => [90, 110, 160],
            });
        }
        Picture { width: 400, height: 400, rgb }
    }

    #[test]
    fn a_person_before_a_wall_is_cut_out_with_its_shoulders() {
        let picture = picture();
        let found = person(&picture, &Segmentation::new(&picture, &landmarks()));
        let cases = [
            ("forehead", 200, 90, 250, 255),
            ("neck", 200, 240, 250, 255),
            ("chest", 200, 380, 250, 255),
            ("shoulder", 110, 330, 230, 255),
            ("arm", 70, 390, 230, 255),
            ("above the shoulder", 90, 250, 0, 5),
            ("beside the arm", 20, 390, 0, 5),
            ("beside the neck", 250, 235, 0, 10),
            ("corner", 10, 10, 0, 0),
        ];
        for (name, x, y, low, high) in cases {
            let found = found[y * 400 + x];
            assert!((low..=high).contains(&found), "{name}: {found}");
        }
    }

    #[test]
    fn behind_the_chin_there_is_a_neck_and_behind_the_head_nothing() {
        let at = |u: f32, v: f32, ramp: f32| stays(u, v, ramp, 1.0, || 1.0);
        let cases = [
            ("chest", 0.0, -1.5, 0.0, 1.0),
            ("behind the chin", 0.0, -0.45, 1.0, 1.0),
            ("behind the nose", 0.0, 0.0, 1.0, 0.0),
            ("beside the jaw", 0.5, -0.45, 1.0, 0.0),
        ];
        for (name, u, v, ramp, expected) in cases {
            assert_eq!(at(u, v, ramp), expected, "{name}");
        }
    }
}
