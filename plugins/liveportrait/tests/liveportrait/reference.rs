//! The small networks, the drawn face, and the tensors that every stage should give.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use safetensors::{Dtype, SafeTensors};
use visage_core::{LANDMARKS, MouthColours, Raster, Rig};
use visage_liveportrait::{KEYPOINTS, Keypoints, Networks};
use visage_models::SessionOptions;

/// The largest difference from the reference.
pub const TOLERANCE: f32 = 1e-4;
/// Pixels of the drawn face.
pub const FACE: [usize; 2] = [320, 400];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The folder of the small networks.
pub fn networks_folder() -> PathBuf {
    fixtures().join("networks")
}

/// The small networks. Set-up fetches ONNX Runtime.
pub fn networks() -> Networks {
    Networks::open(&networks_folder(), &SessionOptions::default()).expect("they are as published")
}

/// The tensors of one file.
pub struct Tensors(Vec<u8>);

impl Tensors {
    pub fn load(name: &str) -> Self {
        Self(fs::read(fixtures().join(name).with_extension("safetensors")).expect("it is among the fixtures"))
    }

    pub fn get(&self, name: &str) -> Vec<f32> {
        let tensors = SafeTensors::deserialize(&self.0).expect("it is a safetensors file");
        let tensor = tensors.tensor(name).unwrap_or_else(|_| panic!("there is no {name}"));
        assert_eq!(tensor.dtype(), Dtype::F32, "{name}");
        let floats = tensor.data().as_chunks().0;
        floats.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    pub fn keypoints(&self, name: &str) -> Keypoints {
        keypoints(&self.get(name))
    }

    /// Holds what was found against a tensor.
    #[track_caller]
    pub fn check(&self, name: &str, found: &[f32]) {
        self.check_within(name, found, TOLERANCE);
    }

    #[track_caller]
    pub fn check_within(&self, name: &str, found: &[f32], tolerance: f32) {
        let expected = self.get(name);
        assert_eq!(found.len(), expected.len(), "{name}");
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= tolerance, "{name} differs by {worst}");
        println!("{name}: {worst:.1e}");
    }
}

/// Numbers in a row as keypoints.
pub fn keypoints(values: &[f32]) -> Keypoints {
    assert_eq!(values.len(), KEYPOINTS * 3);
    std::array::from_fn(|point| [0, 1, 2].map(|axis| values[point * 3 + axis]))
}

/// Pixels of a picture of 3 planes, `side` each way, at `start`, `start + step`… in rows and columns.
pub fn every(planes: &[f32], [width, height]: [usize; 2], start: usize, step: usize) -> Vec<f32> {
    let columns = |row: usize| (start..width).step_by(step).map(move |x| row + x);
    let plane = |plane: usize| (start..height).step_by(step).flat_map(move |y| columns((plane * height + y) * width));
    (0..planes.len() / (width * height)).flat_map(plane).map(|at| planes[at]).collect()
}

/// As the fixtures' README says.
pub fn lattice(planes: &[f32], side: usize) -> Vec<f32> {
    let step = side / 64;
    every(planes, [side; 2], step / 2 - 1, step)
}

/// As the fixtures' README says.
pub fn blocks(planes: &[f32], side: usize) -> Vec<f32> {
    let step = side / 32;
    let mut sums = vec![0.0; planes.len() / (side * side) * 32 * 32];
    for (at, &value) in planes.iter().enumerate() {
        let (plane, y, x) = (at / (side * side), at / side % side, at % side);
        sums[(plane * 32 + y / step) * 32 + x / step] += f64::from(value);
    }
    sums.iter().map(|sum| (sum / (step * step) as f64) as f32).collect()
}

/// The drawn face on the left of a square picture, black to its right, as whatever lies outside of a picture counts. The
/// landmarks are those of its head.
pub fn rig() -> Rig {
    let face = image::open(fixtures().join("face.png")).expect("it is a PNG").into_rgba8();
    assert_eq!([face.width(), face.height()], FACE.map(|side| side as u32));
    let side = face.height();
    let mut square = image::RgbaImage::from_pixel(side, side, image::Rgba([0, 0, 0, 255]));
    image::imageops::replace(&mut square, &face, 0, 0);
    let portrait = Raster { width: side, height: side, rgba: square.into_raw().into() };
    // In units of the head, as the face is drawn: its middle, radii and lean.
    let (sin, cos) = 7f32.to_radians().sin_cos();
    let place = |[x, y]: [f32; 2]| {
        let (x, y) = (72.0 * x, 96.0 * y);
        [164.5 + x * cos - y * sin, 190.5 + x * sin + y * cos, 0.0]
    };
    let mut landmarks = [place([0.0, 0.0]); LANDMARKS];
    for (point, at) in [
        (234, [-1.0, 0.0]),
        (454, [1.0, 0.0]),
        (152, [0.0, 1.0]),
        (105, [-0.4, -0.37]),
        (334, [0.4, -0.37]),
        (33, [-0.6, -0.12]),
        (133, [-0.2, -0.12]),
        (159, [-0.4, -0.21]),
        (145, [-0.4, -0.03]),
        (263, [0.6, -0.12]),
        (362, [0.2, -0.12]),
        (386, [0.4, -0.21]),
        (374, [0.4, -0.03]),
        (61, [-0.28, 0.52]),
        (291, [0.28, 0.52]),
        (13, [0.0, 0.5]),
        (14, [0.0, 0.54]),
    ] {
        landmarks[point] = place(at);
    }
    Rig {
        background: portrait.clone(),
        matte: vec![255; side as usize * side as usize].into(),
        portrait,
        landmarks: Arc::new(landmarks),
        irises: Default::default(),
        roll: 7f32.to_radians(),
        colours: MouthColours { lips: [0; 3], skin: [0; 3], lids: [0; 3], white: [0; 3] },
    }
}
