//! LivePortrait (Guo et al. 2024, arXiv:2407.03168) on ONNX Runtime: a still portrait moved by implicit keypoints.
//!
//! ```no_run
//! use visage_liveportrait::{Networks, Offset, Pipeline};
//! use visage_models::SessionOptions;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let rig: visage_core::Rig = unimplemented!();
//! let networks = Networks::open("models/liveportrait".as_ref(), &SessionOptions::default())?;
//! let mut pipeline = Pipeline::new(networks, &rig, 512)?;
//! // Ten degrees to the side, both eyes half closed.
//! let offset = Offset { rotation: [0.0, 10.0, 0.0], eyes: [0.5; 2], ..Offset::default() };
//! let face = pipeline.crop(&offset)?;
//! let picture = pipeline.paste(&face)?;
//! # Ok(())
//! # }
//! ```
//!
//! The steps of a portrait: its face is cut out ([`FaceCrop`]), F finds what it looks like and M how it is held
//! ([`Source`]). The steps of a picture: keypoints are moved ([`Motion::offset`]), retargeted and stitched, W and G draw
//! them, and the face is put back into the portrait ([`Paste`]).

mod backdrop;
mod contract;
mod crop;
mod error;
mod keypoints;
mod motion;
mod networks;
mod paste;
mod pipeline;
mod ratios;
mod retargeting;
#[cfg(test)]
mod testing;

pub use contract::{INPUT_SIDE, OUTPUT_SIDE};
pub use crop::{Affine, FaceCrop};
pub use error::LivePortraitError;
pub use keypoints::{Rotation, degrees, moved, rotation};
pub use motion::{KEYPOINTS, Keypoints, Motion, Offset};
pub use networks::{
    Appearance, EyeRetargeting, FaceImage, Feature, LipRetargeting, MotionExtractor, Networks, PICTURE_BYTES, Prepared,
    Stitching, WarpSpade,
};
pub use paste::Paste;
pub use pipeline::{Driving, Pipeline, Source};
pub use ratios::Ratios;
