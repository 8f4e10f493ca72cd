//! Where the face is cut out of a picture and put back: a square that is turned with the face.
//!
//! Coordinates here are pixels whose middle is a whole number: the first pixel of a row is at 0. (Landmarks of a rig have
//! it at 0.5.)
//!
//! Source: KwaiVGI/LivePortrait, `src/utils/crop.py`, `src/config/crop_config.py`. Sampling is exact here, without the
//! fixed-point fractions and the rounding to bytes that OpenCV brings into it there. The box is that of brows, jaw and
//! chin there (106 points of InsightFace); here it is that of the points of our mesh in the same places, without the
//! forehead, so that the face is as large in the crop as the networks have learnt it.

use visage_core::{LANDMARKS, Raster, mesh_topology as mesh};

use crate::{
    LivePortraitError,
    contract::{INPUT_SIDE, OUTPUT_SIDE},
    networks::FaceImage,
};

/// Side of the crop over the larger side of the box around the points.
const SCALE: f64 = 2.3;
/// How far the crop's middle is moved down the face from that of the box, over the crop's side.
const DOWN: f64 = -0.125;
/// As [`SCALE`], of a driving picture.
const DRIVING_SCALE: f64 = 2.2;
/// As [`DOWN`], of a driving picture.
const DRIVING_DOWN: f64 = -0.1;
/// Eyes and mouth nearer to each other than this do not say how the face is turned. Pixels.
const LEAST_LENGTH: f64 = 1e-3;
/// A crop smaller than this (pixels) is none.
const LEAST_SIDE: f64 = 1.0;

/// The first and the last point of [`mesh::FACE_OVAL`] that belong to the jaw: from one temple around the chin to the
/// other. The others are the forehead.
const JAW: std::ops::RangeInclusive<usize> = 7..=29;
/// Corners of the eyes and middles of their lids: right, then left.
const EYES: [[usize; 4]; 2] = [[33, 159, 133, 145], [263, 386, 362, 374]];
/// Corners of the mouth.
const MOUTH: [usize; 2] = [61, 291];

/// An affine map of the plane: `[x, y, 1]` to `[row 0 · it, row 1 · it]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine(pub [[f64; 3]; 2]);

impl Affine {
    /// Where a point goes.
    pub fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        self.0.map(|[a, b, c]| a * x + b * y + c)
    }

    /// The map back. The map must not be flat.
    fn inverse(&self) -> Self {
        let [[a, b, c], [d, e, f]] = self.0;
        let area = a * e - b * d;
        let (a, b, d, e) = (e / area, -b / area, -d / area, a / area);
        Self([[a, b, -(a * c + b * f)], [d, e, -(d * c + e * f)]])
    }

    /// This map after `first`.
    pub(crate) fn after(&self, first: &Self) -> Self {
        let [u, v] = first.0;
        Self(self.0.map(|[a, b, c]| [a * u[0] + b * v[0], a * u[1] + b * v[1], a * u[2] + b * v[2] + c]))
    }
}

/// Where the face's square is in a picture. The square has 512×512 pixels; the networks see means of four.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaceCrop {
    /// From the picture to the square.
    pub to_crop: Affine,
    /// From the square to the picture.
    pub to_picture: Affine,
}

impl FaceCrop {
    /// The square of a portrait's face.
    ///
    /// # Errors
    /// The landmarks lie in one point, or are no numbers.
    pub fn of(landmarks: &[[f32; 3]; LANDMARKS]) -> Result<Self, LivePortraitError> {
        let (points, [eyes, mouth]) = points(landmarks);
        Self::around(&points, eyes, mouth)
    }

    /// The square of a face that drives a portrait: not turned, so that its roll can be seen.
    ///
    /// # Errors
    /// The landmarks lie in one point, or are no numbers.
    pub fn of_driving(landmarks: &[[f32; 3]; LANDMARKS]) -> Result<Self, LivePortraitError> {
        let (points, [eyes, mouth]) = points(landmarks);
        Square::around(&points, eyes, mouth, DRIVING_SCALE, DRIVING_DOWN).upright().crop()
    }

    /// The square around `points`, turned so that `mouth` is straight below `eyes`.
    ///
    /// # Errors
    /// The points lie in one place, or are no numbers.
    pub fn around(points: &[[f64; 2]], eyes: [f64; 2], mouth: [f64; 2]) -> Result<Self, LivePortraitError> {
        Square::around(points, eyes, mouth, SCALE, DOWN).crop()
    }

    /// The face as the networks see it: each pixel is the mean of 2×2 pixels of the square, and each of those a bilinear
    /// sample of the picture, of which the pixels outside have the colour `outside`. The picture's alpha is ignored.
    pub fn cut(&self, picture: &Raster, outside: [u8; 3]) -> FaceImage {
        let row = |y: usize| (0..INPUT_SIDE).map(move |x| (x, y));
        FaceImage::from_pixels((0..INPUT_SIDE).flat_map(row).map(|(x, y)| {
            let mut sum = [0.0; 3];
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let at = self.to_picture.apply([(2 * x + dx) as f64, (2 * y + dy) as f64]);
                let sample = bilinear(picture, at, outside);
                sum = [0, 1, 2].map(|channel| sum[channel] + sample[channel]);
            }
            sum.map(|channel| (channel / (4.0 * 255.0)) as f32)
        }))
    }
}

/// Brows, jaw and chin, and the middle of the eyes and of the mouth, in pixels whose middle is a whole number.
fn points(landmarks: &[[f32; 3]; LANDMARKS]) -> (Vec<[f64; 2]>, [[f64; 2]; 2]) {
    let at = |point: usize| [0, 1].map(|axis| f64::from(landmarks[point][axis]) - 0.5);
    let jaw = mesh::FACE_OVAL[JAW].iter();
    let brows = mesh::RIGHT_BROW_UPPER.iter().chain(&mesh::LEFT_BROW_UPPER);
    let points = jaw.chain(brows).map(|&point| at(usize::from(point))).collect();
    let [right, left] = EYES.map(|eye| middle(&eye.map(at)));
    (points, [middle(&[right, left]), middle(&MOUTH.map(at))])
}

fn middle(points: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / points.len() as f64)
}

/// A square in a picture.
struct Square {
    middle: [f64; 2],
    side: f64,
    /// The direction of its rows.
    right: [f64; 2],
}

impl Square {
    fn around(points: &[[f64; 2]], eyes: [f64; 2], mouth: [f64; 2], scale: f64, down_by: f64) -> Self {
        let along = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
        let length = along[0].hypot(along[1]);
        let down = if length > LEAST_LENGTH { along.map(|value| value / length) } else { [0.0, 1.0] };
        let right = [down[1], -down[0]];
        // The box of the points in the face's own directions.
        let span = |axis: [f64; 2]| {
            let places = points.iter().map(|point| point[0] * axis[0] + point[1] * axis[1]);
            places.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), at| (least.min(at), most.max(at)))
        };
        let ((left_end, right_end), (upper, lower)) = (span(right), span(down));
        let side = (right_end - left_end).max(lower - upper) * scale;
        let (across, along) = ((left_end + right_end) / 2.0, (upper + lower) / 2.0 + down_by * side);
        let middle = [0, 1].map(|axis| right[axis] * across + down[axis] * along);
        Self { middle, side, right }
    }

    fn upright(self) -> Self {
        Self { right: [1.0, 0.0], ..self }
    }

    fn crop(&self) -> Result<FaceCrop, LivePortraitError> {
        let whole = self.side.is_finite() && self.middle.iter().chain(&self.right).all(|value| value.is_finite());
        if !whole || self.side < LEAST_SIDE {
            return Err(LivePortraitError::Rig("its landmarks are not a face"));
        }
        let side = OUTPUT_SIDE as f64;
        let [cos, sin] = self.right.map(|value| value * side / self.side);
        let [x, y] = self.middle;
        let to_crop =
            Affine([[cos, sin, side / 2.0 - (cos * x + sin * y)], [-sin, cos, side / 2.0 - (cos * y - sin * x)]]);
        Ok(FaceCrop { to_crop, to_picture: to_crop.inverse() })
    }
}

/// The colour of a picture at a point, 0..=255: the four pixels around by their nearness.
fn bilinear(picture: &Raster, [x, y]: [f64; 2], outside: [u8; 3]) -> [f64; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let mut sum = [0.0; 3];
    for (column, row, weight) in [
        (left, top, (1.0 - fx) * (1.0 - fy)),
        (left + 1.0, top, fx * (1.0 - fy)),
        (left, top + 1.0, (1.0 - fx) * fy),
        (left + 1.0, top + 1.0, fx * fy),
    ] {
        let inside =
            column >= 0.0 && row >= 0.0 && column < f64::from(picture.width) && row < f64::from(picture.height);
        let at = if inside { (row as usize * picture.width as usize + column as usize) * 4 } else { usize::MAX };
        let pixel = picture.rgba.get(at..at.saturating_add(3)).unwrap_or(&outside);
        sum = [0, 1, 2].map(|channel| sum[channel] + weight * f64::from(pixel[channel]));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: [f64; 2], expected: [f64; 2]) {
        let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close, "{found:?} for {expected:?}");
    }

    /// A face of 100×80 pixels around (300, 200), turned by `angle`.
    fn turned(angle: f64) -> FaceCrop {
        let (sin, cos) = angle.sin_cos();
        let place = |[x, y]: [f64; 2]| [300.0 + x * cos - y * sin, 200.0 + x * sin + y * cos];
        let points = [[-50.0, 0.0], [50.0, 0.0], [0.0, -40.0], [10.0, 40.0]].map(place);
        FaceCrop::around(&points, place([0.0, -10.0]), place([0.0, 20.0])).expect("it is a face")
    }

    #[test]
    fn the_square_turns_with_the_face() {
        for angle in [0.0, 0.3, -0.6, 2.0] {
            let crop = turned(angle);
            let (sin, cos) = f64::sin_cos(angle);
            // The middle of the box lies an eighth of the square below the square's middle.
            near(crop.to_crop.apply([300.0, 200.0]), [256.0, 256.0 + 64.0]);
            // A side of the square is 230 pixels.
            let zoom = 512.0 / 230.0;
            near(crop.to_crop.apply([300.0 + 50.0 * cos, 200.0 + 50.0 * sin]), [256.0 + 50.0 * zoom, 320.0]);
            near(crop.to_crop.apply([300.0 - 40.0 * sin, 200.0 + 40.0 * cos]), [256.0, 320.0 + 40.0 * zoom]);
            near(crop.to_picture.apply(crop.to_crop.apply([12.0, -7.0])), [12.0, -7.0]);
            near(crop.to_crop.after(&crop.to_picture).apply([5.0, 600.0]), [5.0, 600.0]);
        }
    }

    #[test]
    fn landmarks_that_are_no_face_are_refused() {
        for value in [0.0, f32::NAN, f32::INFINITY] {
            let error = FaceCrop::of(&[[value; 3]; LANDMARKS]).expect_err("no face").to_string();
            assert!(error.contains("landmarks"), "{error}");
        }
    }

    #[test]
    fn the_forehead_does_not_count_and_the_jaw_does() {
        let landmarks = |change: &[(usize, [f32; 2])]| {
            let mut landmarks = [[200.5, 200.5, 0.0]; LANDMARKS];
            let face = [(234, [100.5, 180.5]), (454, [300.5, 180.5]), (152, [200.5, 300.5]), (105, [150.5, 120.5])];
            let eyes = EYES.as_flattened().iter().map(|&point| (point, [200.5, 160.5]));
            let mouth = MOUTH.map(|point| (point, [200.5, 250.5]));
            for (point, [x, y]) in face.into_iter().chain(eyes).chain(mouth).chain(change.iter().copied()) {
                landmarks[point] = [x, y, 0.0];
            }
            FaceCrop::of(&landmarks).expect("it is a face")
        };
        let crop = landmarks(&[]);
        // The box is 200 wide, and 180 high around row 210.
        near(crop.to_crop.apply([200.0, 210.0]), [256.0, 320.0]);
        near(crop.to_crop.apply([300.0, 210.0]), [256.0 + 100.0 * 512.0 / 460.0, 320.0]);
        assert_eq!(landmarks(&[(10, [200.5, 20.5]), (67, [180.5, 25.5])]), crop, "the forehead");
        assert_ne!(landmarks(&[(152, [200.5, 340.5])]), crop, "the chin");
        assert_ne!(landmarks(&[(127, [90.5, 150.5])]), crop, "a temple");
        assert_ne!(landmarks(&[(356, [310.5, 150.5])]), crop, "the other temple");
        assert_ne!(landmarks(&[(334, [250.5, 80.5])]), crop, "a brow");
    }

    #[test]
    fn a_driving_face_is_not_turned() {
        let mut landmarks = [[0.0; 3]; LANDMARKS];
        for (point, place) in landmarks.iter_mut().enumerate() {
            let (x, y) = ((point % 20) as f32 * 8.0, (point / 20) as f32 * 8.0);
            *place = [x * 0.9 - y * 0.4, x * 0.4 + y * 0.9, 0.0];
        }
        let [[a, b, _], [c, d, _]] = FaceCrop::of_driving(&landmarks).expect("it is a face").to_crop.0;
        assert!(a > 0.0 && a == d && b == 0.0 && c == 0.0);
        assert_ne!(FaceCrop::of(&landmarks).expect("it is a face").to_crop.0[0][1], 0.0);
    }

    #[test]
    fn samples_are_by_nearness_and_the_outside_has_its_colour() {
        let rgba = [10, 0, 0, 9, 20, 0, 0, 9, 30, 0, 0, 9, 40, 255, 0, 9];
        let picture = Raster { width: 2, height: 2, rgba: rgba.into() };
        for (at, expected) in [
            ([0.0, 0.0], [10.0, 0.0, 0.0]),
            ([1.0, 1.0], [40.0, 255.0, 0.0]),
            ([0.5, 0.0], [15.0, 0.0, 0.0]),
            ([0.75, 0.5], [(10.0 + 30.0) / 8.0 + (20.0 + 40.0) * 3.0 / 8.0, 255.0 * 3.0 / 8.0, 0.0]),
            ([-0.5, 0.0], [55.0, 4.0, 0.0]),
            ([1.25, 1.0], [55.0, 255.0 * 0.75 + 2.0, 0.0]),
            ([0.0, -8.0], [100.0, 8.0, 0.0]),
            ([f64::NAN, 0.0], [f64::NAN; 3]),
        ] {
            let found = bilinear(&picture, at, [100, 8, 0]);
            assert!((0..3).all(|n| (found[n] - expected[n]).abs() < 1e-9 || expected[n].is_nan()), "{at:?}: {found:?}");
        }
    }

    #[test]
    fn the_cut_shows_the_picture_as_it_is() {
        // A ramp stays the same ramp through sampling and means: its value tells the place.
        let side = 700u32;
        let pixels = (0..side * side).flat_map(|at| [(at % side / 4) as u8, (at / side / 4) as u8, 7, 0]);
        let picture = Raster { width: side, height: side, rgba: pixels.collect() };
        let crop = turned(0.2);
        let image = crop.cut(&picture, [0, 0, 255]);
        let planes = image.planes();
        let seen = |x: usize, y: usize, channel: usize| {
            f64::from(planes[channel * INPUT_SIDE * INPUT_SIDE + y * INPUT_SIDE + x]) * 255.0
        };
        for (x, y) in [(128, 128), (60, 200), (200, 90)] {
            let [px, py] = crop.to_picture.apply([2.0 * x as f64 + 0.5, 2.0 * y as f64 + 0.5]);
            // The ramp has steps of one in four pixels.
            assert!((seen(x, y, 0) - (px - 1.5) / 4.0).abs() < 0.4, "{} at {px}", seen(x, y, 0));
            assert!((seen(x, y, 1) - (py - 1.5) / 4.0).abs() < 0.4, "{} at {py}", seen(x, y, 1));
            assert!((seen(x, y, 2) - 7.0).abs() < 1e-3);
        }
        let beyond = FaceCrop::around(&[[0.0, 0.0], [100.0, 0.0], [50.0, 90.0]], [50.0, 20.0], [50.0, 60.0]);
        let image = beyond.expect("a face in the corner").cut(&picture, [0, 0, 255]);
        assert_eq!([image.planes()[0], image.planes()[2 * INPUT_SIDE * INPUT_SIDE]], [0.0, 1.0]);
    }
}
