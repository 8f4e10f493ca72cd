//! An RGB picture in memory and how squares are cut out of it for the models.
//!
//! Coordinates are continuous: the pixel in column 3 spans x from 3 to 4, its centre is at 3.5.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use visage_core::Raster;

/// 8-bit sRGB, rows from the top, not padded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Picture {
    /// The same picture without its alpha channel, or `None` where the raster's length does not fit its size.
    pub fn from_raster(raster: &Raster) -> Option<Self> {
        let (width, height) = (raster.width as usize, raster.height as usize);
        if width == 0 || height == 0 || raster.rgba.len() != width.checked_mul(height)?.checked_mul(4)? {
            return None;
        }
        let rgb = raster.rgba.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        Some(Self { width, height, rgb })
    }

    /// The picture as an opaque raster.
    pub fn to_raster(&self) -> Raster {
        let rgba: Vec<u8> = self.rgb.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
        // Sizes come from decoded pictures and are limited by `decode::MAX_PIXELS`.
        Raster { width: self.width as u32, height: self.height as u32, rgba: rgba.into() }
    }

    /// The colour of a pixel.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// Bilinear sample at a point; black outside.
    fn sample(&self, x: f32, y: f32) -> [f32; 3] {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (right_part, bottom_part) = (x - left, y - top);
        let (left, top) = (left as i64, top as i64);
        let mut sum = [0.0; 3];
        for (dy, wy) in [(0, 1.0 - bottom_part), (1, bottom_part)] {
            for (dx, wx) in [(0, 1.0 - right_part), (1, right_part)] {
                let (px, py) = (left + dx, top + dy);
                if px < 0 || py < 0 || px >= self.width as i64 || py >= self.height as i64 {
                    continue;
                }
                let at = (py as usize * self.width + px as usize) * 3;
                let weight = wx * wy;
                for (sum, &value) in sum.iter_mut().zip(&self.rgb[at..at + 3]) {
                    *sum += weight * f32::from(value);
                }
            }
        }
        sum
    }

    /// Cuts out a rectangle in whole pixels, which must lie inside, and scales it to `width`×`height`.
    pub fn crop_and_scale(&self, x: usize, y: usize, side: usize, target: usize, filter: FilterType) -> Self {
        assert!(x + side <= self.width && y + side <= self.height, "the square lies inside the picture");
        if side == target {
            let mut rgb = Vec::with_capacity(side * side * 3);
            for row in y..y + side {
                let at = (row * self.width + x) * 3;
                rgb.extend_from_slice(&self.rgb[at..at + side * 3]);
            }
            return Self { width: side, height: side, rgb };
        }
        // Typed, so that only the code for these pixels is compiled.
        let source = TypedImageRef::<U8x3>::from_buffer(self.width as u32, self.height as u32, &self.rgb)
            .expect("the buffer of a picture has three bytes a pixel");
        let mut rgb = vec![0; target * target * 3];
        let mut out = TypedImage::<U8x3>::from_buffer(target as u32, target as u32, &mut rgb)
            .expect("the buffer has three bytes a pixel");
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(
            x as f64,
            y as f64,
            side as f64,
            side as f64,
        );
        Resizer::new().resize_typed(&source, &mut out, &options).expect("the crop lies inside");
        Self { width: target, height: target, rgb }
    }

    /// The square picture, scaled.
    pub fn scaled(&self, target: usize, filter: FilterType) -> Self {
        debug_assert_eq!(self.width, self.height);
        self.crop_and_scale(0, 0, self.width, target, filter)
    }
}

/// A square anywhere in a picture, turned by an angle, perhaps seen in a mirror.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Square {
    pub centre: [f32; 2],
    /// Length of a side in pixels.
    pub side: f32,
    /// Radians; the direction of the square's own x axis, clockwise as seen.
    pub angle: f32,
    /// Whether the square's x axis runs backwards.
    pub mirrored: bool,
}

impl Square {
    /// The picture's point for a point of the square, both coordinates 0..1.
    pub fn to_picture(self, u: f32, v: f32) -> [f32; 2] {
        let (sin, cos) = self.angle.sin_cos();
        let x = (u - 0.5) * if self.mirrored { -self.side } else { self.side };
        let y = (v - 0.5) * self.side;
        [self.centre[0] + cos * x - sin * y, self.centre[1] + sin * x + cos * y]
    }

    /// The square as `size`×`size` RGB values, each `value * scale + offset` with `value` in 0..=255; black outside
    /// the picture. Where the picture is larger than that, several samples are averaged.
    pub fn cut(self, picture: &Picture, size: usize, scale: f32, offset: f32) -> Vec<f32> {
        /// More samples than this along an axis gain nothing visible to a model.
        const MAX_SAMPLES: usize = 6;
        let samples = ((self.side / size as f32).ceil() as usize).clamp(1, MAX_SAMPLES);
        let step = 1.0 / (size * samples) as f32;
        let share = scale / (samples * samples) as f32;
        let mut out = Vec::with_capacity(size * size * 3);
        for row in 0..size {
            for column in 0..size {
                let mut sum = [0.0; 3];
                for sub_row in 0..samples {
                    for sub_column in 0..samples {
                        let u = ((column * samples + sub_column) as f32 + 0.5) * step;
                        let v = ((row * samples + sub_row) as f32 + 0.5) * step;
                        let [x, y] = self.to_picture(u, v);
                        let colour = picture.sample(x, y);
                        for (sum, value) in sum.iter_mut().zip(colour) {
                            *sum += value;
                        }
                    }
                }
                out.extend(sum.map(|value| value * share + offset));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient() -> Picture {
        let rgb = (0..16 * 16).flat_map(|at| [(at % 16 * 16) as u8, (at / 16 * 16) as u8, 7]).collect();
        Picture { width: 16, height: 16, rgb }
    }

    #[test]
    fn the_whole_picture_cut_at_its_own_size_is_itself() {
        let square = Square { centre: [8.0, 8.0], side: 16.0, angle: 0.0, mirrored: false };
        let cut: Vec<u8> = square.cut(&gradient(), 16, 1.0, 0.0).into_iter().map(|value| value.round() as u8).collect();
        assert_eq!(cut, gradient().rgb);
    }

    #[test]
    fn a_quarter_turn_moves_the_top_to_the_right_edge() {
        let square = Square { centre: [8.0, 8.0], side: 16.0, angle: std::f32::consts::FRAC_PI_2, mirrored: false };
        let [x, y] = square.to_picture(0.5, 0.0);
        assert!((x - 16.0).abs() < 1e-4 && (y - 8.0).abs() < 1e-4, "{x} {y}");
        let mirrored = Square { mirrored: true, angle: 0.0, ..square };
        assert_eq!(mirrored.to_picture(0.0, 0.0), [16.0, 0.0]);
    }

    #[test]
    fn a_raster_of_the_wrong_length_is_no_picture() {
        let raster = Raster { width: 2, height: 2, rgba: vec![0; 15].into() };
        assert_eq!(Picture::from_raster(&raster), None);
        let raster = Raster { width: 1, height: 1, rgba: vec![1, 2, 3, 4].into() };
        assert_eq!(Picture::from_raster(&raster).map(|picture| picture.rgb), Some(vec![1, 2, 3]));
    }
}
