//! Where closed lips meet, to the pixel. The mesh knows it only to a few pixels, and a mouth that opens a few pixels off
//! looks torn. The dark line between the lips is followed from corner to corner as the cheapest path (dynamic
//! programming, as in seam carving: Avidan and Shamir 2007).

use visage_core::{
    LANDMARKS,
    mesh_topology::{LIPS_INNER_LOWER, LIPS_INNER_UPPER, LIPS_OUTER_LOWER, LIPS_OUTER_UPPER},
};

use crate::{
    colour::{Lab, lab},
    face::distance,
    picture::Picture,
};

/// Gap over width of the mouth above which lips are taken to be open, whatever the colours say.
const OPEN_GAP: f32 = 0.22;
/// Steps of the search along the mouth and across the lips.
const COLUMNS: usize = 65;
const ROWS: usize = 41;
/// The part of the way from upper to lower edge of the lips in which they may meet.
const SEARCH: (f32, f32) = (0.18, 0.82);
/// Cost in units of lightness (0..100): of a step to the next row, of the distance from where the mesh has the line
/// (squared, as a share of the way across).
const STEP_COST: f32 = 1.6;
const PRIOR_COST: f32 = 110.0;

/// The rings of the mesh between outer and inner edge of the lips, outside first, and how far inside they lie
/// (MediaPipe mesh; numbers follow the edges of the triangle list).
const RINGS_UPPER: [([u16; 11], f32); 2] = [
    ([76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306], 0.33),
    ([62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292], 0.67),
];
const RINGS_LOWER: [([u16; 11], f32); 2] = [
    ([76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306], 0.33),
    ([62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292], 0.67),
];

/// Moves the inner edges of closed lips onto the line where they meet, and the rings between in proportion. Open lips
/// (teeth to be seen, or a wide gap) stay as the mesh has them.
pub(crate) fn close_on_the_line(picture: &Picture, landmarks: &mut [[f32; 3]; LANDMARKS]) {
    let width = distance(landmarks[78], landmarks[308]);
    if width < 8.0 || distance(landmarks[13], landmarks[14]) > OPEN_GAP * width || shows_teeth(picture, landmarks) {
        return;
    }
    let line = parting(picture, landmarks);
    let old = *landmarks;
    let at = |index: u16| old[usize::from(index)];
    for column in 0..11 {
        let target = match column {
            // The corners slide along with their neighbours and keep their distance from the outer corners.
            0 | 10 => {
                let (inner, outer, next) = if column == 0 { (78, 61, 1) } else { (308, 291, 9) };
                let towards = line[next * (COLUMNS - 1) / 10];
                let corner = old[outer];
                let share =
                    distance(old[inner], corner) / (towards[0] - corner[0]).hypot(towards[1] - corner[1]).max(1.0);
                [0, 1].map(|axis| corner[axis] + (towards[axis] - corner[axis]) * share.min(1.0))
            }
            middle => line[middle * (COLUMNS - 1) / 10],
        };
        for (inner, rings) in [(LIPS_INNER_UPPER, RINGS_UPPER), (LIPS_INNER_LOWER, RINGS_LOWER)] {
            let shift = [0, 1].map(|axis| target[axis] - at(inner[column])[axis]);
            let mut set = |index: u16, share: f32| {
                let from = at(index);
                let point = &mut landmarks[usize::from(index)];
                point[0] = from[0] + shift[0] * share;
                point[1] = from[1] + shift[1] * share;
            };
            set(inner[column], 1.0);
            for (ring, share) in rings {
                set(ring[column], share);
            }
        }
    }
}

/// A point on a contour of 11 points, `along` in 0..=10.
fn on(landmarks: &[[f32; 3]; LANDMARKS], contour: &[u16; 11], along: f32) -> [f32; 2] {
    let first = (along as usize).min(9);
    let part = along - first as f32;
    let (a, b) = (landmarks[usize::from(contour[first])], landmarks[usize::from(contour[first + 1])]);
    [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part]
}

/// The line where the lips meet, [`COLUMNS`] points from corner to corner.
fn parting(picture: &Picture, landmarks: &[[f32; 3]; LANDMARKS]) -> Vec<[f32; 2]> {
    let share_of_row = |row: usize| SEARCH.0 + (SEARCH.1 - SEARCH.0) * row as f32 / (ROWS - 1) as f32;
    let mut cost = vec![[0.0f32; ROWS]; COLUMNS];
    let mut ends = Vec::with_capacity(COLUMNS);
    for (column, cost) in cost.iter_mut().enumerate() {
        let along = column as f32 * 10.0 / (COLUMNS - 1) as f32;
        let upper = on(landmarks, &LIPS_OUTER_UPPER, along);
        let lower = on(landmarks, &LIPS_OUTER_LOWER, along);
        let across = [lower[0] - upper[0], lower[1] - upper[1]];
        let length = across[0].hypot(across[1]).max(1.0);
        let mid = {
            let (a, b) = (on(landmarks, &LIPS_INNER_UPPER, along), on(landmarks, &LIPS_INNER_LOWER, along));
            [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0]
        };
        let expected = (((mid[0] - upper[0]) * across[0] + (mid[1] - upper[1]) * across[1]) / (length * length))
            .clamp(SEARCH.0, SEARCH.1);
        for (row, cost) in cost.iter_mut().enumerate() {
            let share = share_of_row(row);
            let at = |share: f32| lightness(picture, upper[0] + across[0] * share, upper[1] + across[1] * share);
            // A valley: darker than what lies a little above and below, and dark as such.
            let valley = at(share) - 0.3 * (at(share - 0.14) + at(share + 0.14));
            *cost = valley + PRIOR_COST * (share - expected) * (share - expected);
        }
        ends.push((upper, across));
    }
    // At the corners upper and lower edge meet and all rows are one point: the first and last column cost nothing.
    cost[0] = [0.0; ROWS];
    cost[COLUMNS - 1] = [0.0; ROWS];
    cheapest_path(&cost)
        .into_iter()
        .zip(ends)
        .map(|(row, (upper, across))| [0, 1].map(|axis| upper[axis] + across[axis] * share_of_row(row)))
        .collect()
}

/// The rows of the path through all columns whose costs and steps sum to the least.
fn cheapest_path(cost: &[[f32; ROWS]]) -> Vec<usize> {
    let mut total = vec![[0.0f32; ROWS]; cost.len()];
    let mut came_from = vec![[0usize; ROWS]; cost.len()];
    total[0] = cost[0];
    for column in 1..cost.len() {
        for row in 0..ROWS {
            let (from, best) = (row.saturating_sub(2)..=(row + 2).min(ROWS - 1))
                .map(|from| (from, total[column - 1][from] + STEP_COST * from.abs_diff(row) as f32))
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .expect("a row is its own neighbour");
            came_from[column][row] = from;
            total[column][row] = best + cost[column][row];
        }
    }
    let last = &total[cost.len() - 1];
    let mut row = (0..ROWS).min_by(|&a, &b| last[a].total_cmp(&last[b])).expect("there are rows");
    let mut path = vec![row; cost.len()];
    for column in (1..cost.len()).rev() {
        row = came_from[column][row];
        path[column - 1] = row;
    }
    path
}

fn colour_at(picture: &Picture, x: f32, y: f32) -> [u8; 3] {
    let inside = |value: f32, length: usize| (value.max(0.0) as usize).min(length - 1);
    picture.pixel(inside(x, picture.width), inside(y, picture.height))
}

/// Mean lightness of five pixels side by side, 0..100.
fn lightness(picture: &Picture, x: f32, y: f32) -> f32 {
    (-2..=2).map(|dx| lab(colour_at(picture, x + dx as f32, y)).l).sum::<f32>() / 5.0
}

/// Whether there is something lighter and greyer than the lips between them.
fn shows_teeth(picture: &Picture, landmarks: &[[f32; 3]; LANDMARKS]) -> bool {
    let mut between = Vec::new();
    let mut lips = Vec::new();
    for column in 8..=32 {
        let along = column as f32 / 4.0;
        let edges = [&LIPS_OUTER_UPPER, &LIPS_INNER_UPPER, &LIPS_INNER_LOWER, &LIPS_OUTER_LOWER]
            .map(|contour| on(landmarks, contour, along));
        let mix = |a: [f32; 2], b: [f32; 2], share: f32| {
            lab(colour_at(picture, a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share))
        };
        between.extend([0.3, 0.5, 0.7].map(|share| mix(edges[1], edges[2], share)));
        lips.extend([mix(edges[0], edges[1], 0.5), mix(edges[2], edges[3], 0.5)]);
    }
    let median = |samples: &[Lab], of: fn(&Lab) -> f32| {
        let mut values: Vec<f32> = samples.iter().map(of).collect();
        values.sort_by(f32::total_cmp);
        values[values.len() / 2]
    };
    let chroma = |colour: &Lab| colour.a.hypot(colour.b);
    median(&between, |colour| colour.l) > median(&lips, |colour| colour.l) + 6.0
        && median(&between, chroma) < median(&lips, chroma) * 0.75
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_a_valley_and_ignores_a_speck() {
        let mut cost = vec![[50.0; ROWS]; COLUMNS];
        for (column, cost) in cost.iter_mut().enumerate() {
            cost[20 + column / 16] = 10.0;
        }
        cost[30][5] = -20.0;
        let path = cheapest_path(&cost);
        assert!(path.iter().enumerate().all(|(column, &row)| row.abs_diff(20 + column / 16) <= 1), "{path:?}");
    }
}
