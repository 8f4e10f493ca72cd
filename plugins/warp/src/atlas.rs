//! Small pictures packed into one texture, one below the other.

use std::sync::Arc;

use glam::Vec2;
use visage_core::Raster;

/// Empty texels around each picture, filled with its border, so that bilinear sampling never sees a neighbour.
const PAD: usize = 2;

/// A small picture: 8-bit sRGB RGBA.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    /// Texels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Colours, 0..=255, alpha last.
    pub texels: Vec<[f32; 4]>,
}

impl Patch {
    /// Colours every texel; the function gets the middle of the texel, each coordinate 0..=1.
    pub fn paint(width: usize, height: usize, mut colour: impl FnMut(Vec2) -> [f32; 4]) -> Self {
        let (width, height) = (width.clamp(2, 512), height.clamp(2, 512));
        let mut texels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                texels.push(colour(Vec2::new((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32)));
            }
        }
        Self { width, height, texels }
    }

    /// As [`Self::paint`], with the mean of 3×3 samples a texel.
    pub fn paint_smooth(width: usize, height: usize, mut colour: impl FnMut(Vec2) -> [f32; 4]) -> Self {
        let step = Vec2::new(1.0 / width.clamp(2, 512) as f32, 1.0 / height.clamp(2, 512) as f32) / 3.0;
        Self::paint(width, height, |at| {
            // Colours weigh by their alpha, so that transparent samples lend no colour.
            let mut sum = [0.0; 4];
            let mut plain = [0.0; 3];
            for i in 0..9 {
                let sample = colour(at + step * Vec2::new((i % 3) as f32 - 1.0, (i / 3) as f32 - 1.0));
                for c in 0..3 {
                    sum[c] += sample[c] * sample[3];
                    plain[c] += sample[c] / 9.0;
                }
                sum[3] += sample[3];
            }
            if sum[3] < 1.0 {
                return [plain[0], plain[1], plain[2], 0.0];
            }
            [sum[0] / sum[3], sum[1] / sum[3], sum[2] / sum[3], sum[3] / 9.0]
        })
    }
}

/// Where a patch lies in the atlas, in texture coordinates.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Region {
    low: Vec2,
    high: Vec2,
}

impl Region {
    /// Texture coordinates of a place in the patch, each 0..=1.
    pub fn uv(&self, at: Vec2) -> [f32; 2] {
        (self.low + (self.high - self.low) * at).to_array()
    }
}

/// Packs patches, in order.
pub(crate) fn pack<const N: usize>(patches: [Patch; N]) -> (Raster, [Region; N]) {
    let width = patches.iter().map(|patch| patch.width + 2 * PAD).max().unwrap_or(1);
    let height = patches.iter().map(|patch| patch.height + 2 * PAD).sum::<usize>().max(1);
    let mut rgba = vec![0u8; width * height * 4];
    let size = Vec2::new(width as f32, height as f32);
    let mut top = 0;
    let regions = patches.map(|patch| {
        for y in 0..patch.height + 2 * PAD {
            for x in 0..patch.width + 2 * PAD {
                let sx = x.saturating_sub(PAD).min(patch.width - 1);
                let sy = y.saturating_sub(PAD).min(patch.height - 1);
                let start = ((top + y) * width + x) * 4;
                for (byte, value) in rgba[start..start + 4].iter_mut().zip(patch.texels[sy * patch.width + sx]) {
                    *byte = value.round().clamp(0.0, 255.0) as u8;
                }
            }
        }
        let low = Vec2::new(PAD as f32, (top + PAD) as f32);
        let high = low + Vec2::new(patch.width as f32, patch.height as f32);
        top += patch.height + 2 * PAD;
        Region { low: low / size, high: high / size }
    });
    (Raster { width: width as u32, height: height as u32, rgba: Arc::from(rgba) }, regions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_hold_their_patches() {
        let plain = |value: f32| Patch::paint(4, 3, |_| [value, value, value, 255.0]);
        let (raster, regions) = pack([plain(10.0), plain(20.0)]);
        assert_eq!(raster.rgba.len(), (raster.width * raster.height * 4) as usize);
        for (region, value) in regions.iter().zip([10, 20]) {
            for corner in [Vec2::ZERO, Vec2::ONE, Vec2::splat(0.5)] {
                let [u, v] = region.uv(corner);
                let (x, y) = ((u * raster.width as f32) as u32, (v * raster.height as f32) as u32);
                assert_eq!(raster.rgba[((y * raster.width + x) * 4) as usize], value);
            }
        }
    }
}
