//! Puts the networks' picture of a face back into the whole portrait, in the size that is wanted.
//!
//! Everything that stays the same from picture to picture is made once: the portrait in the wanted size, and for each row
//! which pixels the face covers, by how much, and where the first of them comes from. A picture then costs a copy of the
//! portrait and, for each covered pixel, a bilinear sample of the face, in fixed point.
//!
//! Source: KwaiVGI/LivePortrait, `src/utils/crop.py` (`paste_back`). The mask is our own: wider at the edge and rounder
//! at the corners than the picture of a mask there.

use std::sync::Arc;

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x4,
};
use visage_core::{Raster, Rig};

use crate::{
    LivePortraitError,
    backdrop::{Key, Scene},
    contract::OUTPUT_SIDE,
    crop::{Affine, FaceCrop},
    networks::PICTURE_BYTES,
};

/// Distance of the mask's edge from the border of the face's picture, pixels of it.
const MASK_MARGIN: f64 = 8.0;
/// Radius of the mask's corners.
const MASK_RADIUS: f64 = 96.0;
/// The mask rises from 0 to 1 over this distance inside its edge.
const MASK_FEATHER: f64 = 64.0;

/// Bits of a fraction in fixed point: places in the face's picture and weights of the mask.
const FRACTION: u32 = 16;
const ONE: i64 = 1 << FRACTION;
/// The last place that has a neighbour to its right.
const LAST_PLACE: i64 = (OUTPUT_SIDE as i64 - 1) * ONE - 1;
/// Bytes of a row of the face's picture.
const ROW: usize = OUTPUT_SIDE * 3;
/// Most samples of a pixel along one axis: more only matters for tiny output.
const MOST_SAMPLES: usize = 8;

/// A portrait that pictures of its face are put into.
pub struct Paste {
    /// The portrait in the wanted size, colours multiplied by alpha.
    base: Raster,
    key: Option<Key>,
    rows: Vec<Row>,
    /// For every covered pixel, row by row: how much of it is the face's, of [`ONE`].
    mask: Vec<u32>,
    /// From a pixel to the next one in its row, in places of the face's picture.
    step: [i64; 2],
    /// From the middle of a pixel to the places where it is sampled.
    samples: Vec<[i64; 2]>,
}

/// The covered pixels of a row.
struct Row {
    /// Index of the first one in the picture.
    first: usize,
    /// How many of them.
    length: usize,
    /// Where the middle of the first one is in the face's picture.
    start: [i64; 2],
}

impl Paste {
    /// Makes a portrait ready for pictures of its face, which is at `crop` ([`FaceCrop::of`] its landmarks): as many pixels
    /// as `size` in width and height.
    ///
    /// # Errors
    /// The rig is not whole.
    pub fn new(rig: &Rig, crop: &FaceCrop, size: u32) -> Result<Self, LivePortraitError> {
        let Scene { base, key, .. } = Scene::of(rig)?;
        let size = size.max(1);
        // Middles of pixels go onto middles of pixels.
        let ratio = f64::from(base.width) / f64::from(size);
        let to_base = Affine([[ratio, 0.0, ratio / 2.0 - 0.5], [0.0, ratio, ratio / 2.0 - 0.5]]);
        let place = crop.to_crop.after(&to_base);
        let [[across, back, _], [along, down, _]] = place.0;

        let (mut rows, mut mask) = (Vec::new(), Vec::new());
        let mut weights = vec![0; size as usize];
        for y in 0..size {
            for (x, weight) in (0..size).zip(&mut weights) {
                *weight = (share(place.apply([f64::from(x), f64::from(y)])) * ONE as f64).round() as u32;
            }
            let covered = |weight: &u32| *weight > 0;
            let (Some(first), Some(last)) = (weights.iter().position(covered), weights.iter().rposition(covered))
            else {
                continue;
            };
            let start = place.apply([first as f64, f64::from(y)]).map(fixed);
            rows.push(Row { first: y as usize * size as usize + first, length: last + 1 - first, start });
            mask.extend_from_slice(&weights[first..=last]);
        }

        // One sample sees two pixels of the face each way. More are taken where it would pass over some.
        let count = (across.hypot(along) as usize).clamp(1, MOST_SAMPLES);
        let offset = |n: usize| (n as f64 + 0.5) / count as f64 - 0.5;
        let samples = (0..count * count).map(|n| {
            let (dx, dy) = (offset(n % count), offset(n / count));
            [across * dx + back * dy, along * dx + down * dy].map(fixed)
        });
        let (step, samples) = ([fixed(across), fixed(along)], samples.collect());
        Ok(Self { base: scaled(base, size), key, rows, mask, step, samples })
    }

    /// The portrait with a picture of its face (512×512 pixels of 8-bit sRGB, three bytes each): 8-bit sRGB RGBA, colours
    /// multiplied by alpha, each channel rounded once.
    ///
    /// # Errors
    /// The picture has another size.
    pub fn paste(&self, face: &[u8]) -> Result<Raster, LivePortraitError> {
        if face.len() != PICTURE_BYTES {
            return Err(LivePortraitError::Picture { expected: PICTURE_BYTES, found: face.len() });
        }
        let mut rgba: Arc<[u8]> = Arc::from(&*self.base.rgba);
        let bytes = Arc::get_mut(&mut rgba).expect("nobody else has seen it yet");
        let mut mask = self.mask.as_slice();
        for row in &self.rows {
            let (weights, rest) = mask.split_at(row.length);
            mask = rest;
            let pixels = &mut bytes[row.first * 4..][..row.length * 4];
            let mut place = row.start;
            for (pixel, &weight) in pixels.chunks_exact_mut(4).zip(weights) {
                self.blend(pixel, weight, self.sample(face, place));
                place = [place[0] + self.step[0], place[1] + self.step[1]];
            }
        }
        Ok(Raster { rgba, ..self.base })
    }

    /// The colour of the face around a place, of 255 * [`ONE`].
    #[inline]
    fn sample(&self, face: &[u8], place: [i64; 2]) -> [i64; 3] {
        if let [only] = self.samples[..] {
            return bilinear(face, [place[0] + only[0], place[1] + only[1]]);
        }
        let mut sum = [0; 3];
        for offset in &self.samples {
            let sample = bilinear(face, [place[0] + offset[0], place[1] + offset[1]]);
            sum = [sum[0] + sample[0], sum[1] + sample[1], sum[2] + sample[2]];
        }
        let count = self.samples.len() as i64;
        sum.map(|channel| (channel + count / 2) / count)
    }

    /// Puts a colour of the face over a pixel, by a weight of [`ONE`].
    #[inline]
    fn blend(&self, pixel: &mut [u8], weight: u32, face: [i64; 3]) {
        let weight = i64::from(weight);
        let mix = |own: u8, face: i64| {
            let sum = (i64::from(own) << FRACTION) * (ONE - weight) + face * weight;
            ((sum + (1 << (2 * FRACTION - 1))) >> (2 * FRACTION)) as u8
        };
        let whole = |channel: i64| ((channel + ONE / 2) >> FRACTION) as u8;
        if let Some(key) = self.key {
            let [r, g, b] = face.map(whole);
            for (own, face) in pixel.iter_mut().zip(key.removed([r, g, b])) {
                *own = mix(*own, i64::from(face) << FRACTION);
            }
        } else if weight == ONE {
            for (own, face) in pixel.iter_mut().zip(face) {
                *own = whole(face);
            }
        } else {
            // Both are opaque, and alpha stays as it is.
            for (own, face) in pixel.iter_mut().zip(face) {
                *own = mix(*own, face);
            }
        }
    }
}

fn fixed(value: f64) -> i64 {
    (value * ONE as f64).round() as i64
}

/// The colour of the face's picture at a place inside of it, of 255 * [`ONE`].
#[inline]
fn bilinear(face: &[u8], [x, y]: [i64; 2]) -> [i64; 3] {
    let (x, y) = (x.clamp(0, LAST_PLACE), y.clamp(0, LAST_PLACE));
    let (fx, fy) = (x & (ONE - 1), y & (ONE - 1));
    let at = (y >> FRACTION) as usize * ROW + (x >> FRACTION) as usize * 3;
    let (above, below) = (&face[at..at + 6], &face[at + ROW..at + ROW + 6]);
    let channel = |n: usize| {
        let between = |row: &[u8]| (i64::from(row[n]) << FRACTION) + (i64::from(row[n + 3]) - i64::from(row[n])) * fx;
        let (above, below) = (between(above), between(below));
        above + (((below - above) * fy + ONE / 2) >> FRACTION)
    };
    [channel(0), channel(1), channel(2)]
}

/// How much of a place in the face's picture is the face's, 0..=1: a rectangle with round corners and a soft edge.
fn share([x, y]: [f64; 2]) -> f64 {
    let half = OUTPUT_SIDE as f64 / 2.0 - MASK_MARGIN - MASK_RADIUS;
    let middle = (OUTPUT_SIDE as f64 - 1.0) / 2.0;
    let (beyond_x, beyond_y) = ((x - middle).abs() - half, (y - middle).abs() - half);
    let corner = beyond_x.max(0.0).hypot(beyond_y.max(0.0));
    let depth = MASK_RADIUS - corner - beyond_x.max(beyond_y).min(0.0);
    let part = (depth / MASK_FEATHER).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

/// A square picture (colours multiplied by alpha) in another size: means of areas where it shrinks, as the stage does it.
fn scaled(picture: Raster, size: u32) -> Raster {
    if [picture.width, picture.height] == [size; 2] {
        return picture;
    }
    let filter = if picture.width > size { FilterType::Box } else { FilterType::Bilinear };
    let mut rgba = vec![0; size as usize * size as usize * 4];
    let from = TypedImageRef::<U8x4>::from_buffer(picture.width, picture.height, &picture.rgba)
        .expect("the buffer is as long as its size says");
    let mut to = TypedImage::<U8x4>::from_buffer(size, size, &mut rgba).expect("the buffer was made for this size");
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new().resize_typed(&from, &mut to, &options).expect("the whole of a picture lies inside of it");
    Raster { width: size, height: size, rgba: rgba.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const MIDDLE: f64 = 255.5;

    fn ready(rig: &Rig, size: u32) -> Paste {
        let crop = FaceCrop::of(&rig.landmarks).expect("it is a face");
        Paste::new(rig, &crop, size).expect("the rig is whole")
    }

    /// A face's picture of one colour.
    fn plain(colour: [u8; 3]) -> Vec<u8> {
        colour.repeat(OUTPUT_SIDE * OUTPUT_SIDE)
    }

    /// The portrait's own pixels where its face is cut out.
    fn own_face(rig: &Rig) -> Vec<u8> {
        let crop = FaceCrop::of(&rig.landmarks).expect("it is a face");
        let pixel = |at: usize| {
            let [x, y] = crop.to_picture.apply([(at % OUTPUT_SIDE) as f64, (at / OUTPUT_SIDE) as f64]);
            // The ramp of the rig as it would be without steps.
            let of = |place: f64| (place * 255.0 / f64::from(rig.portrait.width)).clamp(0.0, 255.0) as u8;
            [of(x), of(y), 100]
        };
        (0..OUTPUT_SIDE * OUTPUT_SIDE).flat_map(pixel).collect()
    }

    #[test]
    fn the_mask_is_whole_inside_and_nothing_at_the_border() {
        for (place, expected) in [
            ([MIDDLE, MIDDLE], 1.0),
            ([MIDDLE, 8.0 + 64.0], 1.0),
            ([MIDDLE, 7.5 + 32.0], 0.5),
            ([7.5 + 32.0, MIDDLE], 0.5),
            ([511.0 - 7.5 - 32.0, MIDDLE], 0.5),
            ([MIDDLE, 7.5], 0.0),
            ([0.0, 511.0], 0.0),
            ([-900.0, MIDDLE], 0.0),
            // On the diagonal, 32 pixels inside the round corner.
            ([103.5 - 64.0 / 2f64.sqrt(), 103.5 - 64.0 / 2f64.sqrt()], 0.5),
        ] {
            assert!((share(place) - expected).abs() < 1e-9, "{place:?}: {}", share(place));
        }
    }

    #[test]
    fn a_face_that_does_not_move_changes_nothing() {
        for (side, size) in [(600, 600), (600, 256), (600, 900), (300, 100)] {
            let rig = testing::rig(side);
            let paste = ready(&rig, size);
            let picture = paste.paste(&own_face(&rig)).expect("the picture has its size");
            assert_eq!([picture.width, picture.height], [size; 2]);
            let most = picture.rgba.iter().zip(paste.base.rgba.iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most <= Some(2), "{side} in {size}: {most:?}");
            assert!(picture.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255));
        }
    }

    #[test]
    fn only_the_face_changes_and_softly() {
        let rig = testing::rig(600);
        for size in [600, 300] {
            let paste = ready(&rig, size);
            let picture = paste.paste(&plain([255, 0, 255])).expect("the picture has its size");
            let crop = FaceCrop::of(&rig.landmarks).expect("it is a face");
            let ratio = 600.0 / f64::from(size);
            let (mut inside, mut outside, mut between) = (0, 0, 0);
            for at in 0..size * size {
                let place = [at % size, at / size].map(|n| (f64::from(n) + 0.5) * ratio - 0.5);
                let share = share(crop.to_crop.apply(place));
                let (found, own) = (&picture.rgba[at as usize * 4..][..4], &paste.base.rgba[at as usize * 4..][..4]);
                for (channel, face) in [255.0, 0.0, 255.0, 255.0].into_iter().enumerate() {
                    let expected = f64::from(own[channel]) * (1.0 - share) + face * share;
                    assert!((f64::from(found[channel]) - expected).abs() < 0.51, "{at}, {channel}: {found:?}");
                }
                match share {
                    0.0 => outside += 1,
                    1.0 => inside += 1,
                    _ => between += 1,
                }
            }
            assert!(inside > 0 && outside > 0 && between > 0, "{inside}, {outside}, {between}");
        }
    }

    #[test]
    fn samples_lie_between_pixels_and_small_output_takes_more() {
        let mut face = plain([0, 0, 0]);
        face[(300 * OUTPUT_SIDE + 200) * 3..][..3].copy_from_slice(&[200, 100, 40]);
        let check = |place: [f64; 2], share: f64| {
            let found = bilinear(&face, place.map(fixed)).map(|channel| channel as f64 / ONE as f64);
            let expected = [200.0, 100.0, 40.0].map(|channel| channel * share);
            let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01);
            assert!(near, "{place:?}: {found:?} for {expected:?}");
        };
        check([200.0, 300.0], 1.0);
        check([199.25, 300.0], 0.25);
        check([200.5, 300.75], 0.125);
        check([198.9, 300.0], 0.0);
        check([-1e4, 1e4], 0.0);
        // A checkerboard becomes grey where several of its pixels fall into one, instead of a pattern.
        let rig = testing::rig(512);
        let checkers: Vec<u8> =
            (0..OUTPUT_SIDE * OUTPUT_SIDE).flat_map(|at| [((at + at / OUTPUT_SIDE) % 2 * 255) as u8; 3]).collect();
        let small = ready(&rig, 96).paste(&checkers).expect("the picture has its size");
        let middle = (48 * 96 + 40..48 * 96 + 56).map(|at| small.rgba[at * 4]);
        assert!(middle.clone().all(|value| value.abs_diff(128) < 70), "{:?}", middle.collect::<Vec<_>>());
    }

    #[test]
    fn before_nothing_the_key_becomes_transparent() {
        let mut rig = testing::rig(256);
        let pixels = 256 * 256;
        rig.background.rgba = vec![0; pixels * 4].into();
        rig.matte = (0..pixels).map(|at| if at % 256 < 128 { 255 } else { 0 }).collect();
        let paste = ready(&rig, 256);
        let outside = Scene::of(&rig).expect("the rig is whole").outside();
        let at = |picture: &Raster, x: usize| picture.rgba[(128 * 256 + x) * 4..][..4].to_vec();
        let gone = paste.paste(&plain(outside)).expect("the picture has its size");
        assert_eq!(at(&gone, 100), [0; 4], "the person has left");
        let come = paste.paste(&plain([180, 120, 90])).expect("the picture has its size");
        assert_eq!(at(&come, 150), [180, 120, 90, 255], "it has come where nothing was");
        assert!(come.rgba.chunks_exact(4).all(|pixel| pixel[..3].iter().all(|channel| *channel <= pixel[3])));
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let paste = ready(&testing::rig(64), 64);
        let error = paste.paste(&[0; 12]).expect_err("it is too short").to_string();
        assert!(error.contains("12 bytes instead of 786432"), "{error}");
    }
}
