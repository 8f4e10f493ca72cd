//! LivePortrait (Guo et al. 2024, arXiv:2407.03168) on ONNX Runtime: a still portrait moved by implicit keypoints. Beside
//! the networks, the cache of what they have drawn, and both as rungs of the stage's ladder ([`LivePortrait`]).
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
mod bake;
mod blend;
mod cache;
mod contract;
mod crop;
mod error;
mod expression;
mod grid;
mod keypoints;
mod layout;
mod motion;
mod networks;
mod paste;
mod picture;
mod pipeline;
mod playback;
mod ratios;
mod retargeting;
mod rungs;
#[cfg(test)]
mod testing;
mod turn;

pub use bake::{BakeError, Baked, Plan, Progress, bake};
pub use cache::{CacheError, CacheSettings, CacheStatistics, Key, Origin, PICTURES_VARIABLE, PictureCache};
pub use contract::{INPUT_SIDE, OUTPUT_SIDE};
pub use crop::{Affine, FaceCrop};
pub use error::LivePortraitError;
pub use expression::{Expression, Lids};
pub use grid::{Coordinates, Node};
pub use keypoints::{Rotation, degrees, moved, rotation};
pub use layout::{Layout, Seam};
pub use motion::{KEYPOINTS, Keypoints, Motion, Offset};
pub use networks::{
    Appearance, EyeRetargeting, FaceImage, Feature, LipRetargeting, MotionExtractor, Networks, PICTURE_BYTES, Prepared,
    Stitching, WarpSpade,
};
pub use paste::Paste;
pub use picture::Picture;
pub use pipeline::{Driving, Face, Pipeline, Source};
pub use playback::Playback;
pub use ratios::Ratios;
pub use rungs::{BAKED, LIVE, LivePortrait, MODEL_ID};
