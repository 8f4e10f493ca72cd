//! A square plane of numbers: resampling and box means.

/// Square, rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plane {
    pub size: usize,
    pub values: Vec<f32>,
}

impl Plane {
    /// Values by column and row.
    pub fn from_fn(size: usize, mut value: impl FnMut(usize, usize) -> f32) -> Self {
        let mut values = Vec::with_capacity(size * size);
        for y in 0..size {
            for x in 0..size {
                values.push(value(x, y));
            }
        }
        Self { size, values }
    }

    /// The same field at another size (bilinear; edges are continued).
    pub fn resized(&self, size: usize) -> Self {
        if size == self.size {
            return self.clone();
        }
        let taps = Taps::new(self.size, size);
        Self::from_fn(size, |x, y| taps.sample(&self.values, x, y))
    }

    /// The mean over a square of `2 * radius + 1` pixels, cut at the edges.
    pub fn box_mean(&self, radius: usize) -> Self {
        let n = self.size;
        let mut rows = vec![0.0; n * n];
        for y in 0..n {
            mean_of_line(&self.values[y * n..(y + 1) * n], radius, &mut rows[y * n..(y + 1) * n]);
        }
        // Columns, all at once: a running sum for each.
        let mut values = vec![0.0; n * n];
        let mut sums = vec![0.0f32; n];
        for y in 0..n.min(radius) {
            add(&mut sums, &rows[y * n..(y + 1) * n], 1.0);
        }
        for y in 0..n {
            if y + radius < n {
                add(&mut sums, &rows[(y + radius) * n..(y + radius + 1) * n], 1.0);
            }
            if y > radius {
                add(&mut sums, &rows[(y - radius - 1) * n..(y - radius) * n], -1.0);
            }
            let count = ((y + radius).min(n - 1) - y.saturating_sub(radius) + 1) as f32;
            for (value, sum) in values[y * n..(y + 1) * n].iter_mut().zip(&sums) {
                *value = sum / count;
            }
        }
        Self { size: n, values }
    }
}

fn add(sums: &mut [f32], line: &[f32], sign: f32) {
    for (sum, value) in sums.iter_mut().zip(line) {
        *sum += sign * value;
    }
}

fn mean_of_line(line: &[f32], radius: usize, out: &mut [f32]) {
    let n = line.len();
    let mut sum: f32 = line[..radius.min(n)].iter().sum();
    for x in 0..n {
        if x + radius < n {
            sum += line[x + radius];
        }
        if x > radius {
            sum -= line[x - radius - 1];
        }
        out[x] = sum / ((x + radius).min(n - 1) - x.saturating_sub(radius) + 1) as f32;
    }
}

/// Where each pixel of a square of one size lies in a square of another: its neighbours and the share of the second.
pub(crate) struct Taps {
    from: usize,
    places: Vec<(usize, usize, f32)>,
}

impl Taps {
    pub fn new(from: usize, to: usize) -> Self {
        let scale = from as f32 / to as f32;
        let places = (0..to)
            .map(|at| {
                let place = ((at as f32 + 0.5) * scale - 0.5).clamp(0.0, (from - 1) as f32);
                let first = place as usize;
                (first, (first + 1).min(from - 1), place - first as f32)
            })
            .collect();
        Self { from, places }
    }

    /// The bilinear sample at column `x` and row `y` of the target.
    pub fn sample(&self, values: &[f32], x: usize, y: usize) -> f32 {
        let (left, right, across) = self.places[x];
        let (top, bottom, down) = self.places[y];
        let (top, bottom) = (&values[top * self.from..], &values[bottom * self.from..]);
        let above = top[left] + (top[right] - top[left]) * across;
        let below = bottom[left] + (bottom[right] - bottom[left]) * across;
        above + (below - above) * down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_means_are_means() {
        let plane = Plane::from_fn(9, |x, y| (x * x + 3 * y) as f32);
        for radius in [0, 1, 3, 20] {
            let found = plane.box_mean(radius);
            for (x, y) in [(0usize, 0usize), (4, 4), (8, 2), (8, 8)] {
                let (mut sum, mut count) = (0.0, 0.0);
                for yy in y.saturating_sub(radius)..=(y + radius).min(8) {
                    for xx in x.saturating_sub(radius)..=(x + radius).min(8) {
                        sum += plane.values[yy * 9 + xx];
                        count += 1.0;
                    }
                }
                assert!((found.values[y * 9 + x] - sum / count).abs() < 1e-3, "radius {radius} at {x},{y}");
            }
        }
    }
}
