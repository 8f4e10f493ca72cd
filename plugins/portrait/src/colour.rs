//! sRGB to CIE L*a*b* (D65), and medians of regions.

use std::sync::LazyLock;

/// A colour in CIE L*a*b*: lightness 0..100, a and b about -100..100.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lab {
    pub l: f32,
    pub a: f32,
    pub b: f32,
}

/// Linear light of an 8-bit sRGB value (IEC 61966-2-1).
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let value = value as f32 / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
});

/// An 8-bit sRGB colour as L*a*b* (CIE 15:2004; matrix of IEC 61966-2-1).
pub(crate) fn lab([r, g, b]: [u8; 3]) -> Lab {
    let table = &*LINEAR;
    let (r, g, b) = (table[usize::from(r)], table[usize::from(g)], table[usize::from(b)]);
    let bend = |t: f32| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let x = bend((0.412_453 * r + 0.357_580 * g + 0.180_423 * b) / 0.950_456);
    let y = bend(0.212_671 * r + 0.715_160 * g + 0.072_169 * b);
    let z = bend((0.019_334 * r + 0.119_193 * g + 0.950_227 * b) / 1.088_754);
    Lab { l: 116.0 * y - 16.0, a: 500.0 * (x - y), b: 200.0 * (y - z) }
}

/// Rec. 709 luma of an sRGB colour, 0..255.
pub(crate) fn luma([r, g, b]: [u8; 3]) -> f32 {
    0.2126 * f32::from(r) + 0.7152 * f32::from(g) + 0.0722 * f32::from(b)
}

/// The median of each channel; mid grey for no pixels.
pub(crate) fn median(pixels: &[[u8; 3]]) -> [u8; 3] {
    [0, 1, 2].map(|channel| {
        let mut values: Vec<u8> = pixels.iter().map(|pixel| pixel[channel]).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours() {
        // Values of CIE 15 for sRGB primaries as published by Bruce Lindbloom.
        let cases = [
            ([255, 255, 255], [100.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [53.24, 80.09, 67.20]),
            ([0, 0, 255], [32.30, 79.19, -107.86]),
        ];
        for (rgb, [l, a, b]) in cases {
            let found = lab(rgb);
            let error = (found.l - l).abs().max((found.a - a).abs()).max((found.b - b).abs());
            assert!(error < 0.2, "{rgb:?}: {found:?}");
        }
        assert_eq!(median(&[[1, 9, 5], [2, 8, 5], [3, 7, 6]]), [2, 8, 5]);
        assert_eq!(median(&[]), [128; 3]);
    }
}
