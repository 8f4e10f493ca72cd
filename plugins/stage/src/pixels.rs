//! Pictures as bytes: what is done to them before they go to the graphics device and after they come back. Pure.

use std::sync::Arc;

/// Multiplies colours by alpha, so that filtering and blending need no care for the colour of transparent texels.
/// `alpha` (one byte a pixel) replaces the picture's own alpha if given.
pub fn premultiplied(rgba: &[u8], alpha: Option<&[u8]>) -> Vec<u8> {
    let mut out = rgba.to_vec();
    for (index, pixel) in out.chunks_exact_mut(4).enumerate() {
        let a = alpha.map_or(pixel[3], |alpha| alpha.get(index).copied().unwrap_or(0));
        for channel in &mut pixel[..3] {
            *channel = scaled(*channel, a);
        }
        pixel[3] = a;
    }
    out
}

/// The opposite of [`premultiplied`]: colours as they are before transparency takes its share, as image files hold them.
/// Where nothing is transparent, the bytes stay what they are.
pub fn unpremultiplied(rgba: &[u8]) -> Vec<u8> {
    let mut out = rgba.to_vec();
    for pixel in out.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        for channel in &mut pixel[..3] {
            // No division by zero: what cannot be seen has no colour.
            let whole = (u32::from(*channel) * 255 + alpha / 2).checked_div(alpha).unwrap_or(0);
            *channel = whole.min(255) as u8;
        }
    }
    out
}

/// `value * by / 255`, rounded.
pub const fn scaled(value: u8, by: u8) -> u8 {
    ((value as u32 * by as u32 + 127) / 255) as u8
}

/// Averages areas so that the picture is `to` pixels in size (RGBA, premultiplied). The picture must be larger.
pub fn shrunk(rgba: &[u8], from: [u32; 2], to: [u32; 2]) -> Vec<u8> {
    let rows = (0..to[1]).map(|row| spans(row, to[1], from[1])).collect::<Vec<_>>();
    let columns = (0..to[0]).map(|column| spans(column, to[0], from[0])).collect::<Vec<_>>();
    let mut out = Vec::with_capacity(to[0] as usize * to[1] as usize * 4);
    let mut line = vec![[0f32; 4]; from[0] as usize];
    for row in &rows {
        line.fill([0.0; 4]);
        for &(y, weight) in row {
            let start = y as usize * from[0] as usize * 4;
            for (sum, pixel) in line.iter_mut().zip(rgba[start..].chunks_exact(4)) {
                for channel in 0..4 {
                    sum[channel] += f32::from(pixel[channel]) * weight;
                }
            }
        }
        for column in &columns {
            let mut sum = [0f32; 4];
            for &(x, weight) in column {
                for channel in 0..4 {
                    sum[channel] += line[x as usize][channel] * weight;
                }
            }
            out.extend(sum.map(|channel| (channel + 0.5) as u8));
        }
    }
    out
}

/// The source pixels that target pixel `index` of `to` covers when `from` are shrunk to `to`, with weights that add up
/// to 1.
fn spans(index: u32, to: u32, from: u32) -> Vec<(u32, f32)> {
    let ratio = f64::from(from) / f64::from(to);
    let (start, end) = (f64::from(index) * ratio, f64::from(index + 1) * ratio);
    let last = (end.ceil() as u32).min(from);
    (start.floor() as u32..last)
        .map(|pixel| {
            let overlap = end.min(f64::from(pixel + 1)) - start.max(f64::from(pixel));
            (pixel, (overlap / ratio) as f32)
        })
        .collect()
}

/// Copies rows that are `stride` bytes apart into one block without gaps.
pub fn unpadded(rows: &[u8], width: u32, height: u32, stride: usize) -> Arc<[u8]> {
    let row = width as usize * 4;
    let size = row * height as usize;
    if row == stride {
        return Arc::from(&rows[..size]);
    }
    let mut out: Arc<[u8]> = std::iter::repeat_n(0, size).collect();
    let bytes = Arc::get_mut(&mut out).expect("nobody else has seen it yet");
    for (to, from) in bytes.chunks_exact_mut(row).zip(rows.chunks(stride)) {
        to.copy_from_slice(&from[..row]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_darkens_what_it_hides() {
        let check = |rgba: [u8; 4], alpha: Option<&[u8]>, expected: [u8; 4]| {
            assert_eq!(premultiplied(&rgba, alpha), expected);
        };
        check([200, 100, 50, 255], None, [200, 100, 50, 255]);
        check([200, 100, 50, 255], Some(&[0]), [0, 0, 0, 0]);
        check([255, 100, 51, 128], None, [128, 50, 26, 128]);
    }

    #[test]
    fn colours_come_back_from_under_alpha() {
        for colour in [[0, 0, 0, 255], [255, 128, 1, 255], [7, 200, 90, 128], [7, 200, 90, 0]] {
            let back = unpremultiplied(&premultiplied(&colour, None));
            let near = back.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 1);
            assert!(if colour[3] == 0 { back == [0; 4] } else { near }, "{colour:?}: {back:?}");
        }
        // Blending in steps of a 255th may leave a colour brighter than its alpha.
        assert_eq!(unpremultiplied(&[9, 8, 0, 8]), [255, 255, 0, 8]);
    }

    #[test]
    fn shrinking_averages() {
        let check = |from: [u32; 2], to: [u32; 2], grey: &[u8], expected: &[u8]| {
            let rgba: Vec<u8> = grey.iter().flat_map(|&value| [value, value, value, 255]).collect();
            let out = shrunk(&rgba, from, to);
            let seen: Vec<u8> = out.chunks_exact(4).map(|pixel| pixel[0]).collect();
            assert_eq!(seen, expected, "{from:?} to {to:?}");
            assert!(out.chunks_exact(4).all(|pixel| pixel[3] == 255), "{from:?} to {to:?}: alpha");
        };
        check([2, 2], [1, 1], &[0, 100, 200, 100], &[100]);
        check([3, 1], [2, 1], &[0, 90, 240], &[30, 190]);
        check([4, 1], [4, 1], &[1, 2, 3, 4], &[1, 2, 3, 4]);
        check([2, 4], [1, 2], &[10, 20, 30, 40, 50, 60, 70, 80], &[25, 65]);
    }

    #[test]
    fn padding_goes() {
        let check = |stride: usize, padded: &[u8]| {
            assert_eq!(&*unpadded(padded, 1, 2, stride), &[1, 2, 3, 4, 5, 6, 7, 8]);
        };
        check(4, &[1, 2, 3, 4, 5, 6, 7, 8]);
        check(6, &[1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0]);
    }
}
