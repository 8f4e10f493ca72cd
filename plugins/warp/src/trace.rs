//! Finding a line in a picture: the cheapest path through a grid of places, one a column (dynamic programming, as in
//! seam carving).

/// Most rows that a path may change from one column to the next.
const STEP: usize = 3;

/// The row in each column of the path whose sum of costs is least; a change of `n` rows costs `stiffness * n²`.
pub(crate) fn trace(columns: usize, rows: usize, stiffness: f32, cost: impl Fn(usize, usize) -> f32) -> Vec<usize> {
    let mut sums = vec![0.0f32; columns * rows];
    let mut from = vec![0usize; columns * rows];
    for column in 0..columns {
        for row in 0..rows {
            let (best, previous) = if column == 0 {
                (0.0, row)
            } else {
                (row.saturating_sub(STEP)..(row + STEP + 1).min(rows))
                    .map(|p| (sums[(column - 1) * rows + p] + stiffness * (p as f32 - row as f32).powi(2), p))
                    .fold((f32::MAX, row), |a, b| if b.0 < a.0 { b } else { a })
            };
            sums[column * rows + row] = cost(column, row) + best;
            from[column * rows + row] = previous;
        }
    }
    let mut path = vec![0; columns];
    let Some(last) = columns.checked_sub(1) else { return path };
    let mut row = (0..rows).min_by(|&a, &b| sums[last * rows + a].total_cmp(&sums[last * rows + b])).unwrap_or(0);
    for column in (0..columns).rev() {
        path[column] = row;
        row = from[column * rows + row];
    }
    path
}

/// The mean of each value and its neighbours up to `reach` away.
pub(crate) fn blurred(values: &[f32], reach: usize) -> Vec<f32> {
    (0..values.len())
        .map(|i| {
            let window = &values[i.saturating_sub(reach)..(i + reach + 1).min(values.len())];
            window.iter().sum::<f32>() / window.len() as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_cheap_cells() {
        let wanted = [2, 3, 5, 4, 4, 1];
        let found = trace(6, 7, 0.01, |column, row| if wanted[column] == row { 0.0 } else { 1.0 });
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_stiff_path_ignores_a_spot() {
        let found =
            trace(5, 5, 1.0, |column, row| if column == 2 { row as f32 * 0.1 } else { (row as f32 - 3.0).abs() });
        assert_eq!(found, [3; 5]);
    }
}
