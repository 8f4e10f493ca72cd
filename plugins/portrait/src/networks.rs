//! The three face networks, one method each: BlazeFace (full range), the face mesh and the iris network of MediaPipe.
//!
//! Source of shapes, anchors and crops: MediaPipe (Apache-2.0), `modules/face_detection`, `modules/face_landmark`,
//! `modules/iris_landmark`, and the model cards of the three.

use ndarray::Array4;
use visage_core::MESH_POINTS;
use visage_models::{ModelError, Session, SessionError, SessionOptions, Store, Tensor};

use crate::{
    PortraitError,
    picture::{Picture, Square},
};

/// Id of the models in the catalogue.
const MODEL: &str = "face";
/// Pixels along a side of the detector's and the mesh's input.
const INPUT: usize = 192;
/// Pixels along a side of the iris network's input.
const IRIS_INPUT: usize = 64;
/// The detector's anchors: one in the middle of each cell of a 48×48 grid.
const CELLS: usize = 48;
/// Values that the detector gives for an anchor: box centre, box size, and six key points.
const BOX_VALUES: usize = 16;
/// Points of the eye's contour that the iris network gives; the first 16 are the edges of the lids.
pub(crate) const EYE_POINTS: usize = 71;
/// Scores outside of this would overflow the logistic function (MediaPipe's own limit is 100).
const SCORE_LIMIT: f32 = 80.0;
/// Boxes that overlap more than this are one face (MediaPipe's value).
const SAME_FACE_OVERLAP: f32 = 0.3;

/// A face as the detector sees it, in pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Detection {
    pub score: f32,
    /// Left, top, right, bottom.
    pub bounds: [f32; 4],
    /// The eye on the left of the picture (the person's right), then the other.
    pub eyes: [[f32; 2]; 2],
}

/// The mesh in pixels of the picture: x, y, and depth in the same unit, smaller nearer.
pub(crate) type Mesh = [[f32; 3]; MESH_POINTS];

/// What the iris network sees in one eye, in pixels of the picture. The contour begins in the corner at which the crop
/// begins: lower edge (9 points with both corners), then upper edge (7 without).
#[derive(Clone, Debug)]
pub(crate) struct Eye {
    pub contour: [[f32; 3]; EYE_POINTS],
    /// Centre, then the rim at both sides, above and below.
    pub iris: [[f32; 3]; 5],
}

/// The networks, loaded.
#[derive(Debug)]
pub(crate) struct Networks {
    detector: Session,
    mesh: Session,
    iris: Session,
}

impl Networks {
    pub fn load(store: &Store) -> Result<Self, PortraitError> {
        let load = |name| -> Result<Session, PortraitError> {
            let path = store.file(MODEL, name).map_err(|error: ModelError| PortraitError::Models(error))?;
            Ok(Session::load(&path, &SessionOptions::default())?)
        };
        Ok(Self {
            detector: load("face_detection_full_range.onnx")?,
            mesh: load("face_landmark.onnx")?,
            iris: load("iris_landmark.onnx")?,
        })
    }

    /// Finds faces that score above `threshold` (0..1) in a square of the picture, best first.
    ///
    /// Input f32[1, 192, 192, 3] in -1..1; outputs f32[1, 2304, 16] and f32[1, 2304, 1].
    pub fn detect(
        &mut self,
        picture: &Picture,
        square: Square,
        threshold: f32,
    ) -> Result<Vec<Detection>, SessionError> {
        let input = image(square.cut(picture, INPUT, 1.0 / 127.5, -1.0), INPUT);
        let outputs = self.detector.run(&[("input", input)])?;
        let boxes = flat(outputs.f32("reshaped_regressor_face_4")?);
        let scores = flat(outputs.f32("reshaped_classifier_face_4")?);
        let mut found: Vec<Detection> = scores
            .iter()
            .zip(boxes.chunks_exact(BOX_VALUES))
            .enumerate()
            .filter_map(|(anchor, (&score, values))| {
                let score = logistic(score);
                (score > threshold).then(|| place(square, anchor, score, values))
            })
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(merge(found))
    }

    /// The mesh of the face in a square, and how sure the network is that there is a face (0..1).
    ///
    /// Input f32[1, 192, 192, 3] in 0..1; outputs f32[1, 1, 1, 1404] in input pixels, and f32[1, 1, 1, 1].
    pub fn mesh(&mut self, picture: &Picture, square: Square) -> Result<(Box<Mesh>, f32), SessionError> {
        let input = image(square.cut(picture, INPUT, 1.0 / 255.0, 0.0), INPUT);
        let outputs = self.mesh.run(&[("input_1", input)])?;
        let values = flat(outputs.f32("conv2d_20")?);
        let presence = flat(outputs.f32("conv2d_30")?).first().map_or(0.0, |&score| logistic(score));
        let mut mesh = Box::new([[0.0; 3]; MESH_POINTS]);
        points(square, INPUT, &values, &mut mesh[..]);
        Ok((mesh, presence))
    }

    /// The iris and the edges of the lids in a square around an eye. The network knows eyes as on the left of a
    /// picture; the other eye's square is mirrored.
    ///
    /// Input f32[1, 64, 64, 3] in 0..1; outputs f32[1, 213] and f32[1, 15] in input pixels.
    pub fn eye(&mut self, picture: &Picture, square: Square) -> Result<Eye, SessionError> {
        let input = image(square.cut(picture, IRIS_INPUT, 1.0 / 255.0, 0.0), IRIS_INPUT);
        let outputs = self.iris.run(&[("input_1", input)])?;
        let mut eye = Eye { contour: [[0.0; 3]; EYE_POINTS], iris: [[0.0; 3]; 5] };
        points(square, IRIS_INPUT, &flat(outputs.f32("output_eyes_contours_and_brows")?), &mut eye.contour);
        points(square, IRIS_INPUT, &flat(outputs.f32("output_iris")?), &mut eye.iris);
        Ok(eye)
    }
}

fn image(values: Vec<f32>, size: usize) -> Tensor {
    Array4::from_shape_vec((1, size, size, 3), values).expect("a cut has three values a pixel").into()
}

fn flat(array: &ndarray::ArrayD<f32>) -> Vec<f32> {
    array.iter().copied().collect()
}

fn logistic(score: f32) -> f32 {
    1.0 / (1.0 + (-score.clamp(-SCORE_LIMIT, SCORE_LIMIT)).exp())
}

/// Points in input pixels become points of the picture. Points that the network did not give stay as they are.
fn points(square: Square, size: usize, values: &[f32], out: &mut [[f32; 3]]) {
    let unit = 1.0 / size as f32;
    for (point, value) in out.iter_mut().zip(values.chunks_exact(3)) {
        let [x, y] = square.to_picture(value[0] * unit, value[1] * unit);
        *point = [x, y, value[2] * unit * square.side];
    }
}

/// A box of the detector in pixels of the picture. `values` are in input pixels relative to the anchor.
fn place(square: Square, anchor: usize, score: f32, values: &[f32]) -> Detection {
    let unit = 1.0 / INPUT as f32;
    let anchor = [anchor % CELLS, anchor / CELLS].map(|cell| (cell as f32 + 0.5) / CELLS as f32);
    let point = |at: usize| square.to_picture(values[at] * unit + anchor[0], values[at + 1] * unit + anchor[1]);
    let [x, y] = point(0);
    let (half_width, half_height) = (values[2] * unit * square.side / 2.0, values[3] * unit * square.side / 2.0);
    Detection {
        score,
        bounds: [x - half_width, y - half_height, x + half_width, y + half_height],
        eyes: [point(4), point(6)],
    }
}

fn area(bounds: [f32; 4]) -> f32 {
    (bounds[2] - bounds[0]).max(0.0) * (bounds[3] - bounds[1]).max(0.0)
}

impl Detection {
    pub fn area(&self) -> f32 {
        area(self.bounds)
    }

    /// Intersection over union.
    pub fn overlap(&self, other: &Self) -> f32 {
        let (a, b) = (self.bounds, other.bounds);
        let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
        both / (self.area() + other.area() - both).max(f32::EPSILON)
    }
}

/// Boxes of the same face become one: their mean, weighted by score ("blending" of the BlazeFace paper, section 3.4).
/// `found` is sorted, best first.
fn merge(mut found: Vec<Detection>) -> Vec<Detection> {
    let mut faces = Vec::new();
    while let Some(&best) = found.first() {
        let (same, others) = found.into_iter().partition(|other| best.overlap(other) > SAME_FACE_OVERLAP);
        let same: Vec<Detection> = same;
        found = others;
        let total: f32 = same.iter().map(|one| one.score).sum();
        let mean = |of: &dyn Fn(&Detection) -> f32| {
            same.iter().map(|one| of(one) * one.score).sum::<f32>() / total.max(f32::EPSILON)
        };
        faces.push(Detection {
            score: best.score,
            bounds: [0, 1, 2, 3].map(|side| mean(&|one| one.bounds[side])),
            eyes: [0, 1].map(|eye| [0, 1].map(|axis| mean(&|one| one.eyes[eye][axis]))),
        });
        // A box without area overlaps nothing, not even itself.
        found.retain(|other| *other != best);
    }
    faces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, size: f32, score: f32) -> Detection {
        Detection { score, bounds: [x, 0.0, x + size, size], eyes: [[x, 0.0]; 2] }
    }

    #[test]
    fn boxes_of_one_face_become_their_weighted_mean() {
        let faces = merge(vec![at(0.0, 10.0, 0.9), at(100.0, 10.0, 0.8), at(2.0, 10.0, 0.3)]);
        assert_eq!(faces.len(), 2);
        assert!((faces[0].bounds[0] - 0.5).abs() < 1e-4, "{:?}", faces[0]);
        assert_eq!(faces[1].bounds, at(100.0, 10.0, 0.8).bounds);
        assert_eq!(merge(vec![at(0.0, 0.0, 0.9), at(0.0, 0.0, 0.9)]).len(), 1);
    }

    #[test]
    fn anchors_are_the_middles_of_the_cells() {
        let square = Square { centre: [96.0, 96.0], side: 192.0, angle: 0.0, mirrored: false };
        let mut values = [0.0; BOX_VALUES];
        values[2] = 20.0;
        values[3] = 10.0;
        values[4] = 1.0;
        let found = place(square, CELLS + 2, 0.5, &values);
        assert_eq!(found.bounds, [0.0, 1.0, 20.0, 11.0]);
        assert_eq!(found.eyes, [[11.0, 6.0], [10.0, 6.0]]);
    }
}
