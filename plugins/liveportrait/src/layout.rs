//! Where the parts of a face are in its picture: the seams between the regions, and the head as a body that turns.

use crate::picture::SIDE;

/// A soft border: all of the one side before `from`, all of the other side after `to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seam {
    /// Where the second side begins to show, pixels.
    pub from: f32,
    /// Where the first one ends, pixels.
    pub to: f32,
}

impl Seam {
    /// A seam around `middle` that reaches `half` to both sides, or less: it stays within the picture.
    fn around(middle: f32, half: f32) -> Self {
        let end = SIDE as f32;
        Self { from: (middle - half).clamp(0.0, end), to: (middle + half).clamp(0.0, end) }
    }

    /// The share of the second side at a pixel, in 256ths; rises smoothly.
    pub(crate) fn share(&self, pixel: usize) -> u16 {
        let at = pixel as f32 + 0.5;
        let t = ((at - self.from) / (self.to - self.from).max(1e-3)).clamp(0.0, 1.0);
        (256.0 * t * t * (3.0 - 2.0 * t)).round() as u16
    }
}

/// A face in a picture of [`SIDE`] pixels, upright, all in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Rows between brows and eyes.
    pub brows: Seam,
    /// Rows between eyes and mouth, at the height of the nose.
    pub nose: Seam,
    /// Columns between the character's right side and its left.
    pub middle: Seam,
    /// The middle of the face.
    pub centre: [f32; 2],
    /// Half its width and half its height, forehead included.
    pub radius: [f32; 2],
    /// Distance between the eyes: the unit of a head's translation.
    pub eyes: f32,
    /// The joint of the neck, about which the head tilts.
    pub neck: [f32; 2],
    /// How far the nose stands before the sides of the face.
    pub depth: f32,
}

/// Points of the face mesh (MediaPipe FaceMesh), right before left.
const LIDS_ABOVE: [usize; 2] = [159, 386];
const LIDS_BELOW: [usize; 2] = [145, 374];
const BROWS_BELOW: [usize; 2] = [52, 282];
const CORNERS: [[usize; 2]; 2] = [[33, 133], [362, 263]];
const SIDES: [usize; 2] = [234, 454];
const TOP_AND_CHIN: [usize; 2] = [10, 152];
const BRIDGE: usize = 168;
const BELOW_NOSE: usize = 2;
const NOSE_TIP: usize = 1;

/// Where the seam of the brows lies between brow and lid, and how far it reaches, as shares of the way: nearer to the lid,
/// because a brow that goes down comes near it.
const BROW_SEAM: (f32, f32) = (0.6, 0.35);
/// The same of the seam at the nose, between the lower lid and the nose's lower end.
const NOSE_SEAM: (f32, f32) = (0.5, 0.4);
/// How far the seam in the middle reaches, as a share of the distance between the inner corners of the eyes.
const MIDDLE_SEAM: f32 = 0.3;
/// The joint of the neck below the eyes, in distances between the eyes (as in the mesh warp).
const NECK_BELOW: f32 = 0.75;
/// Limits of how far a nose stands before the ears, in distances between the eyes.
const DEPTHS: (f32, f32) = (0.5, 1.2);

impl Default for Layout {
    /// A face of usual proportions where the crop puts it.
    fn default() -> Self {
        Self {
            brows: Seam::around(254.0, 8.0),
            nose: Seam::around(307.0, 20.0),
            middle: Seam::around(256.0, 12.0),
            centre: [256.0, 300.0],
            radius: [112.0, 142.0],
            eyes: 98.0,
            neck: [256.0, 346.0],
            depth: 95.0,
        }
    }
}

impl Layout {
    /// From the landmarks of the portrait, each at its x, y and depth in pixels of the picture of the face (depth in the
    /// same scale, smaller is nearer). A face whose landmarks make no sense has the usual proportions.
    pub fn of(landmark: impl Fn(usize) -> [f32; 3]) -> Self {
        let mean = |points: &[usize]| {
            let sum = points.iter().map(|&point| landmark(point)).fold([0.0; 3], add);
            sum.map(|value: f32| value / points.len() as f32)
        };
        let [right, left] = CORNERS.map(|corners| mean(&corners));
        let eyes = (left[0] - right[0]).hypot(left[1] - right[1]);
        let (above, below, brow) = (mean(&LIDS_ABOVE)[1], mean(&LIDS_BELOW)[1], mean(&BROWS_BELOW)[1]);
        let between = |from: f32, to: f32, (at, half): (f32, f32)| {
            Seam::around(from + (to - from) * at, ((to - from) * half).abs())
        };
        let inner = (landmark(CORNERS[1][0])[0] - landmark(CORNERS[0][1])[0]).abs();
        let [top, chin] = TOP_AND_CHIN.map(|point| landmark(point)[1]);
        let [start, end] = SIDES.map(|point| landmark(point)[0]);
        let depth = mean(&SIDES)[2] - landmark(NOSE_TIP)[2];
        let found = Self {
            brows: between(brow, above, BROW_SEAM),
            nose: between(below, landmark(BELOW_NOSE)[1], NOSE_SEAM),
            middle: Seam::around(landmark(BRIDGE)[0], inner * MIDDLE_SEAM),
            centre: [(start + end) / 2.0, (top + chin) / 2.0],
            radius: [(end - start) / 2.0, (chin - top) / 2.0],
            eyes,
            neck: [(right[0] + left[0]) / 2.0, (right[1] + left[1]) / 2.0 + NECK_BELOW * eyes],
            // Not `clamp`, which does not bear what is no number.
            depth: depth.max(DEPTHS.0 * eyes).min(DEPTHS.1 * eyes),
        };
        if found.makes_sense() { found } else { Self::default() }
    }

    /// The parts of the face lie below each other, and the face is neither tiny nor elsewhere.
    fn makes_sense(&self) -> bool {
        let side = SIDE as f32;
        let rising = [0.0, self.brows.from, self.brows.to, self.nose.from, self.nose.to, side];
        let inside = [self.centre[0], self.centre[1], self.middle.from, self.middle.to];
        rising.windows(2).all(|pair| pair[0] <= pair[1])
            && self.nose.to < self.centre[1] + self.radius[1]
            && inside.iter().all(|at| (1.0..side).contains(at))
            && self.radius.iter().all(|radius| (8.0..side).contains(radius))
            && (8.0..side).contains(&self.eyes)
            && self.neck.iter().chain([&self.depth]).all(|value| value.is_finite())
    }
}

fn add(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face as the crop shows it, times `zoom` around the crop's middle.
    fn face(zoom: f32) -> impl Fn(usize) -> [f32; 3] {
        move |point| {
            let at: [f32; 3] = match point {
                33 => [175.0, 262.0, 0.0],
                133 => [232.0, 264.0, 0.0],
                362 => [280.0, 264.0, 0.0],
                263 => [337.0, 262.0, 0.0],
                159 | 386 => [if point == 159 { 204.0 } else { 308.0 }, 256.0, 0.0],
                145 | 374 => [if point == 145 { 204.0 } else { 308.0 }, 271.0, 0.0],
                52 | 282 => [if point == 52 { 190.0 } else { 322.0 }, 236.0, 0.0],
                234 | 454 => [if point == 234 { 144.0 } else { 368.0 }, 290.0, 40.0],
                10 => [256.0, 160.0, 0.0],
                152 => [256.0, 440.0, 0.0],
                168 => [256.0, 258.0, -20.0],
                2 => [256.0, 335.0, -50.0],
                1 => [256.0, 320.0, -60.0],
                _ => panic!("nobody should ask for {point}"),
            };
            [(at[0] - 256.0) * zoom + 256.0, (at[1] - 256.0) * zoom + 256.0, at[2] * zoom]
        }
    }

    #[test]
    fn seams_lie_between_the_parts() {
        let layout = Layout::of(face(1.0));
        assert!(layout.brows.from > 236.0 && layout.brows.to < 256.0, "{:?}", layout.brows);
        assert!(layout.nose.from > 271.0 && layout.nose.to < 335.0, "{:?}", layout.nose);
        assert!(layout.middle.from > 232.0 && layout.middle.to < 280.0, "{:?}", layout.middle);
        assert_eq!((layout.centre, layout.radius), ([256.0, 300.0], [112.0, 140.0]));
        assert_eq!((layout.neck[0], layout.depth), (256.0, 100.0));
    }

    #[test]
    fn a_face_that_makes_no_sense_has_the_usual_proportions() {
        assert_ne!(Layout::of(face(0.9)), Layout::default());
        for (what, layout) in [
            ("no numbers", Layout::of(|_| [f32::NAN; 3])),
            ("infinite", Layout::of(|_| [f32::INFINITY; 3])),
            ("a point", Layout::of(|_| [256.0; 3])),
            ("upside down", Layout::of(face(-1.0))),
            ("tiny", Layout::of(face(0.05))),
            ("enormous", Layout::of(face(40.0))),
        ] {
            assert_eq!(layout, Layout::default(), "{what}");
        }
        assert!(Layout::default().makes_sense());
    }

    #[test]
    fn a_seam_rises_from_nothing_to_all() {
        let seam = Seam::around(100.0, 10.0);
        let shares: Vec<_> = (80..120).map(|pixel| seam.share(pixel)).collect();
        assert_eq!((shares[9], shares[30]), (0, 256));
        assert!(shares.windows(2).all(|pair| pair[0] <= pair[1] && pair[1] - pair[0] < 24), "{shares:?}");
        assert_eq!(seam.share(99) + seam.share(100), 256);
        let hard = Seam { from: 50.0, to: 50.0 };
        assert_eq!((hard.share(49), hard.share(50)), (0, 256));
    }
}
