//! The networks of LivePortrait, one typed struct each, and all of them from one folder.
//!
//! Names, types and shapes are held against the published contract when a file is opened. What goes into a network is
//! kept in the form that the runtime takes, so that nothing is copied that has not changed.
//!
//! Source: LivePortrait (arXiv:2407.03168), section 3; the shapes are those of the published files (`contract.rs`).

use std::{
    array,
    path::{Path, PathBuf},
    sync::Arc,
};

use ndarray::ArrayD;
use visage_models::{DeviceTensor, Input, Outputs, Session, SessionOptions, Tensor};

use crate::{
    LivePortraitError,
    contract::{self, COORDINATES, Contract, INPUT_SIDE, OUTPUT_SIDE, Port},
    keypoints::{self, each},
    motion::{Keypoints, Motion},
    ratios::Ratios,
};

/// Bytes of a picture that [`WarpSpade`] gives: rows from the top, sRGB, three bytes a pixel.
pub const PICTURE_BYTES: usize = OUTPUT_SIDE * OUTPUT_SIDE * 3;
/// Pixels of a picture that the networks take.
const INPUT_PIXELS: usize = INPUT_SIDE * INPUT_SIDE;
const OUTPUT_PIXELS: usize = OUTPUT_SIDE * OUTPUT_SIDE;

/// All networks of a folder.
#[derive(Debug)]
pub struct Networks {
    /// F.
    pub appearance: Appearance,
    /// M.
    pub motion: MotionExtractor,
    /// W and G.
    pub warp: WarpSpade,
    /// S.
    pub stitching: Stitching,
    /// R of the eyes. Without its file the expression alone moves the lids.
    pub eyes: Option<EyeRetargeting>,
    /// R of the lips. Without its file the expression alone moves the mouth.
    pub lips: Option<LipRetargeting>,
}

impl Networks {
    /// Opens the published files in `folder`, of any width inside. The two retargeting networks may be missing.
    ///
    /// # Errors
    /// Other files are missing, a file is not what its name says, or ONNX Runtime does not take it.
    pub fn open(folder: &Path, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        let there = |contract: &Contract| folder.join(contract.file).is_file();
        let needed = [&contract::APPEARANCE, &contract::MOTION, &contract::WARP_SPADE, &contract::STITCHING];
        let missing: Vec<_> = needed.iter().filter(|contract| !there(contract)).map(|contract| contract.file).collect();
        if !missing.is_empty() {
            return Err(LivePortraitError::Missing { folder: folder.to_owned(), missing });
        }
        let optional = |contract: &Contract| {
            let there = there(contract);
            if !there {
                tracing::info!(file = contract.file, "not there; the expression alone does its work");
            }
            there
        };
        // What is looked at may have fewer digits; what says where keypoints are may not.
        let exact = &SessionOptions { half: false, ..options.clone() };
        Ok(Self {
            appearance: Appearance::open(folder, options)?,
            motion: MotionExtractor::open(folder, exact)?,
            warp: WarpSpade::open(folder, options)?,
            stitching: Stitching::open(folder, exact)?,
            eyes: optional(&contract::EYES).then(|| EyeRetargeting::open(folder, exact)).transpose()?,
            lips: optional(&contract::LIPS).then(|| LipRetargeting::open(folder, exact)).transpose()?,
        })
    }
}

/// A file that holds what its contract says.
#[derive(Debug)]
struct Network {
    session: Session,
    contract: &'static Contract,
    path: PathBuf,
}

impl Network {
    fn open(folder: &Path, contract: &'static Contract, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        let path = folder.join(contract.file);
        let session = Session::load(&path, options)?;
        contract.check(&path, session.inputs(), session.outputs())?;
        Ok(Self { session, contract, path })
    }

    fn run(&mut self, inputs: &[(&str, Tensor)]) -> Result<Given<'_>, LivePortraitError> {
        Ok(Given { outputs: self.session.run(inputs)?, network: self })
    }

    /// A file may leave lengths open; what it gives must have those of the contract all the same.
    fn check(&self, port: &Port, found: &[usize]) -> Result<(), LivePortraitError> {
        let Port { name, shape } = port;
        if found == *shape {
            return Ok(());
        }
        let difference = format!("its output {name:?} came with the shape {found:?}, and {shape:?} is expected");
        Err(LivePortraitError::Contract { file: self.path.clone(), difference })
    }

    fn finite(&self, values: &[f32]) -> Result<(), LivePortraitError> {
        if values.iter().all(|value| value.is_finite()) {
            Ok(())
        } else {
            Err(LivePortraitError::NotANumber { file: self.contract.file })
        }
    }
}

/// What a network has given.
struct Given<'a> {
    outputs: Outputs,
    network: &'a Network,
}

impl Given<'_> {
    /// The numbers of the output `name` in C order: all finite, as many as the contract says.
    fn values(&self, name: &str) -> Result<&[f32], LivePortraitError> {
        let array = self.outputs.f32(name)?;
        self.network.check(self.port(name), array.shape())?;
        let values = array.as_slice().expect("the session gives its outputs in C order");
        self.network.finite(values)?;
        Ok(values)
    }

    fn port(&self, name: &str) -> &'static Port {
        let outputs = self.network.contract.outputs;
        outputs.iter().find(|port| port.name == name).expect("only outputs of the contract are asked for")
    }
}

/// The numbers of an input that is kept here.
fn values_of(tensor: &mut Tensor) -> &mut [f32] {
    match tensor {
        Tensor::F32(array) => array.as_slice_mut().expect("it was made in C order"),
        Tensor::I64(_) => unreachable!("no input of these networks is i64"),
    }
}

/// An input of zeros for a port.
fn zeros(port: &Port) -> (&'static str, Tensor) {
    (port.name, Tensor::F32(ArrayD::zeros(port.shape)))
}

/// A picture of a face as F and M take it: f32[1, 3, 256, 256], sRGB, 0..=1.
#[derive(Clone, Debug)]
pub struct FaceImage {
    input: [(&'static str, Tensor); 1],
}

impl FaceImage {
    /// From the red, green and blue of each pixel (rows from the top), 0..=1.
    pub fn from_pixels(pixels: impl IntoIterator<Item = [f32; 3]>) -> Self {
        let mut input = [zeros(&contract::APPEARANCE.inputs[0])];
        let planes = values_of(&mut input[0].1);
        for (at, pixel) in pixels.into_iter().take(INPUT_PIXELS).enumerate() {
            for (channel, value) in pixel.into_iter().enumerate() {
                planes[channel * INPUT_PIXELS + at] = value;
            }
        }
        Self { input }
    }

    /// From 256×256 pixels of 8-bit sRGB, three bytes each.
    pub fn from_rgb(rgb: &[u8]) -> Self {
        Self::from_pixels(rgb.chunks_exact(3).map(|pixel| [0, 1, 2].map(|channel| f32::from(pixel[channel]) / 255.0)))
    }

    /// The red, then the green, then the blue of all pixels.
    pub fn planes(&self) -> &[f32] {
        match &self.input[0].1 {
            Tensor::F32(array) => array.as_slice().expect("it was made in C order"),
            Tensor::I64(_) => unreachable!("it was made of f32"),
        }
    }
}

/// What a portrait looks like: f32[1, 32, 16, 64, 64], no particular range. It stays where F has run, on a graphics card
/// or in memory, and W takes it from there.
#[derive(Debug)]
pub struct Feature(DeviceTensor);

impl Feature {
    /// Its numbers in C order: channel, depth, row, column.
    ///
    /// # Errors
    /// They could not be copied from the device.
    pub fn values(&self) -> Result<Vec<f32>, LivePortraitError> {
        Ok(match self.0.to_host()? {
            Tensor::F32(array) => array.into_raw_vec_and_offset().0,
            Tensor::I64(_) => unreachable!("the contract says f32"),
        })
    }
}

/// F, the appearance feature extractor: f32[1, 3, 256, 256] in 0..=1 to f32[1, 32, 16, 64, 64]. Runs once a portrait.
#[derive(Debug)]
pub struct Appearance(Network);

impl Appearance {
    /// Opens `appearance_feature_extractor.onnx` in `folder`.
    ///
    /// # Errors
    /// It is missing or is another network.
    pub fn open(folder: &Path, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        Network::open(folder, &contract::APPEARANCE, options).map(Self)
    }

    /// What the face in the picture looks like.
    ///
    /// # Errors
    /// The runtime failed, or the numbers are none.
    pub fn run(&mut self, face: &FaceImage) -> Result<Feature, LivePortraitError> {
        let (name, picture) = &face.input[0];
        let port = &self.0.contract.outputs[0];
        let mut outputs = self.0.session.run_with(&[(name, Input::Host(picture))], &[port.name])?;
        let feature = Feature(outputs.take_device(port.name)?);
        self.0.check(port, feature.0.shape())?;
        // Once a portrait, so a copy does not matter.
        self.0.finite(&feature.values()?)?;
        Ok(feature)
    }
}

/// M, the motion extractor: f32[1, 3, 256, 256] in 0..=1 to 66 scores each for pitch, yaw and roll, f32[1, 3] translation,
/// f32[1, 63] expression, f32[1, 1] scale, f32[1, 63] canonical keypoints.
#[derive(Debug)]
pub struct MotionExtractor(Network);

impl MotionExtractor {
    /// Opens `motion_extractor.onnx` in `folder`.
    ///
    /// # Errors
    /// It is missing or is another network.
    pub fn open(folder: &Path, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        Network::open(folder, &contract::MOTION, options).map(Self)
    }

    /// How the face in the picture is held and moved.
    ///
    /// # Errors
    /// The runtime failed, or the numbers are none.
    pub fn run(&mut self, face: &FaceImage) -> Result<Motion, LivePortraitError> {
        let given = self.0.run(&face.input)?;
        let angle = |name| given.values(name).map(keypoints::degrees);
        let points = |name| -> Result<Keypoints, LivePortraitError> {
            let values = given.values(name)?;
            Ok(each(|point, axis| values[point * 3 + axis]))
        };
        let translation = given.values("t")?;
        Ok(Motion {
            rotation: [angle("pitch")?, angle("yaw")?, angle("roll")?],
            translation: [0, 1, 2].map(|axis| translation[axis]),
            expression: points("exp")?,
            scale: given.values("scale")?[0],
            canonical: points("kp")?,
        })
    }
}

/// What stays the same in all pictures of a portrait, its feature and its own keypoints, as W takes it.
#[derive(Debug)]
pub struct Prepared {
    feature: Feature,
    driving: Tensor,
    source: Tensor,
}

/// W and G, warping and the SPADE generator in one graph: f32[1, 32, 16, 64, 64] feature, f32[1, 21, 3] wanted keypoints
/// and f32[1, 21, 3] own keypoints to f32[1, 3, 512, 512] in 0..=1, sRGB. Nearly all of the time goes here.
#[derive(Debug)]
pub struct WarpSpade(Network);

impl WarpSpade {
    /// Opens `warping_spade.onnx` in `folder`.
    ///
    /// # Errors
    /// It is missing or is another network.
    pub fn open(folder: &Path, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        Network::open(folder, &contract::WARP_SPADE, options).map(Self)
    }

    /// Puts a portrait's feature and own keypoints where [`Self::run`] takes them from.
    pub fn prepare(&self, feature: Feature, source: &Keypoints) -> Prepared {
        let keypoints = |port: &Port| zeros(port).1;
        let [_, driving_port, source_port] = self.0.contract.inputs else {
            unreachable!("the contract has three inputs")
        };
        let mut source_tensor = keypoints(source_port);
        values_of(&mut source_tensor).copy_from_slice(source.as_flattened());
        Prepared { feature, driving: keypoints(driving_port), source: source_tensor }
    }

    /// The prepared portrait with its keypoints at `driving`: red, then green, then blue of 512×512 pixels.
    fn planes(&mut self, portrait: &mut Prepared, driving: &Keypoints) -> Result<Given<'_>, LivePortraitError> {
        values_of(&mut portrait.driving).copy_from_slice(driving.as_flattened());
        let [feature_port, driving_port, source_port] = self.0.contract.inputs else {
            unreachable!("the contract has three inputs")
        };
        let inputs = [
            (feature_port.name, Input::Device(&portrait.feature.0)),
            (driving_port.name, Input::Host(&portrait.driving)),
            (source_port.name, Input::Host(&portrait.source)),
        ];
        Ok(Given { outputs: self.0.session.run_with(&inputs, &[])?, network: &self.0 })
    }

    /// The prepared portrait with its keypoints at `driving`: 512×512 pixels of 8-bit sRGB, three bytes each, rounded.
    ///
    /// # Errors
    /// The runtime failed, or the numbers are none.
    pub fn run(&mut self, portrait: &mut Prepared, driving: &Keypoints) -> Result<Arc<[u8]>, LivePortraitError> {
        let given = self.planes(portrait, driving)?;
        let values = given.values("out")?;
        let mut picture: Arc<[u8]> = std::iter::repeat_n(0, PICTURE_BYTES).collect();
        let bytes = Arc::get_mut(&mut picture).expect("nobody else has seen it yet");
        let (red, rest) = values.split_at(OUTPUT_PIXELS);
        let (green, blue) = rest.split_at(OUTPUT_PIXELS);
        for (((pixel, red), green), blue) in bytes.chunks_exact_mut(3).zip(red).zip(green).zip(blue) {
            // The cast keeps to 0..=255.
            pixel[0] = (red * 255.0 + 0.5) as u8;
            pixel[1] = (green * 255.0 + 0.5) as u8;
            pixel[2] = (blue * 255.0 + 0.5) as u8;
        }
        Ok(picture)
    }

    /// As [`Self::run`], in the network's own numbers: f32[3, 512, 512], 0..=1.
    ///
    /// # Errors
    /// The runtime failed, or the numbers are none.
    pub fn run_exact(&mut self, portrait: &mut Prepared, driving: &Keypoints) -> Result<Vec<f32>, LivePortraitError> {
        Ok(self.planes(portrait, driving)?.values("out")?.to_vec())
    }
}

/// A small network of one input and one output in rows.
#[derive(Debug)]
struct Layers {
    network: Network,
    input: [(&'static str, Tensor); 1],
}

impl Layers {
    fn open(folder: &Path, contract: &'static Contract, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        Ok(Self { network: Network::open(folder, contract, options)?, input: [zeros(&contract.inputs[0])] })
    }

    /// Runs it on `first` followed by `second`, which fill its input, and reads the first 63 numbers that it gives as
    /// keypoints, and up to two more.
    fn run(&mut self, first: &Keypoints, second: &[f32]) -> Result<(Keypoints, [f32; 2]), LivePortraitError> {
        let (own, others) = values_of(&mut self.input[0].1).split_at_mut(COORDINATES);
        own.copy_from_slice(first.as_flattened());
        others.copy_from_slice(second);
        let given = self.network.run(&self.input)?;
        let values = given.values("output")?;
        let more = array::from_fn(|n| values.get(COORDINATES + n).copied().unwrap_or_default());
        Ok((each(|point, axis| values[point * 3 + axis]), more))
    }
}

/// S, stitching: f32[1, 126] own and wanted keypoints to f32[1, 65], how the wanted ones must be moved so that neck and
/// shoulders meet the picture around, and by how much all of them (x, y).
#[derive(Debug)]
pub struct Stitching(Layers);

impl Stitching {
    /// Opens `stitching.onnx` in `folder`.
    ///
    /// # Errors
    /// It is missing or is another network.
    pub fn open(folder: &Path, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        Layers::open(folder, &contract::STITCHING, options).map(Self)
    }

    /// `driving`, moved so that it fits the picture that `source` was found in.
    ///
    /// # Errors
    /// The runtime failed, or the numbers are none.
    pub fn run(&mut self, source: &Keypoints, driving: &Keypoints) -> Result<Keypoints, LivePortraitError> {
        let (by, [x, y]) = self.0.run(source, driving.as_flattened())?;
        Ok(each(|point, axis| driving[point][axis] + by[point][axis] + [x, y, 0.0][axis]))
    }
}

/// R of the eyes: f32[1, 66] own keypoints, own ratios of both eyes, wanted ratio of both, to f32[1, 63], how the
/// keypoints move by that.
#[derive(Debug)]
pub struct EyeRetargeting(Layers);

impl EyeRetargeting {
    /// Opens `stitching_eye.onnx` in `folder`.
    ///
    /// # Errors
    /// It is missing or is another network.
    pub fn open(folder: &Path, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        Layers::open(folder, &contract::EYES, options).map(Self)
    }

    /// What to add to keypoints so that both eyes are open by `wanted` (lids' gap by eye's width).
    ///
    /// # Errors
    /// The runtime failed, or the numbers are none.
    pub fn run(&mut self, source: &Keypoints, own: &Ratios, wanted: f32) -> Result<Keypoints, LivePortraitError> {
        let [right, left] = own.eyes;
        Ok(self.0.run(source, &[right, left, wanted])?.0)
    }
}

/// R of the lips: f32[1, 65] own keypoints, own ratio, wanted ratio, to f32[1, 63], how the keypoints move by that.
#[derive(Debug)]
pub struct LipRetargeting(Layers);

impl LipRetargeting {
    /// Opens `stitching_lip.onnx` in `folder`.
    ///
    /// # Errors
    /// It is missing or is another network.
    pub fn open(folder: &Path, options: &SessionOptions) -> Result<Self, LivePortraitError> {
        Layers::open(folder, &contract::LIPS, options).map(Self)
    }

    /// What to add to keypoints so that the lips are open by `wanted` (lips' gap by mouth's width).
    ///
    /// # Errors
    /// The runtime failed, or the numbers are none.
    pub fn run(&mut self, source: &Keypoints, own: &Ratios, wanted: f32) -> Result<Keypoints, LivePortraitError> {
        Ok(self.0.run(source, &[own.lips, wanted])?.0)
    }
}
