//! A still image becomes a [`Rig`](visage_core::Rig): the largest face is found, 478 landmarks are fitted to it, the head
//! is told apart from what is behind it, and what is behind it is filled in.
//!
//! ```
//! use visage_core::{Backdrop, PlacedLandmarks, PortraitSource};
//! use visage_models::Store;
//! use visage_portrait::{PortraitError, RigBuilder, check_picture};
//!
//! let mut builder = RigBuilder::new(&Store::default());
//! // Pictures are told by their content; what is wrong with one is said in a person's words.
//! let source = PortraitSource::picture_only(*b"no picture");
//! assert!(matches!(builder.build(&source), Err(PortraitError::UnknownType)));
//! // Landmarks that an author placed are taken as they are, without any network.
//! let landmarks = PlacedLandmarks::Points([].into());
//! let source = PortraitSource::new(source.picture().clone(), Some(landmarks.into()), Backdrop::Transparent);
//! assert!(check_picture(source.picture()).is_err());
//! ```
//!
//! Points are in continuous pixels: the middle of the first pixel is (0.5, 0.5), so that `x / width` is a texture
//! coordinate. docs/avatar/portrait.md describes the steps.

mod backdrop;
mod background;
mod body;
mod builder;
mod cache;
mod cells;
mod colour;
mod colours;
mod crop;
mod decode;
mod door;
mod error;
mod face;
mod frame;
mod guided;
mod infer;
mod inspect;
mod landmark_file;
mod landmarks;
mod letters;
mod lips;
mod maker;
mod matte;
mod measure;
mod mixture;
mod networks;
mod picture;
mod plane;
mod plugin;
mod springs;

pub use builder::{FoundFace, RigBuilder, read_picture};
pub use crop::MAX_SIDE;
pub use decode::{MAX_BYTES, MAX_PIXELS, PictureFormat, PictureInfo, check_picture};
pub use error::PortraitError;
pub use face::MIN_FACE_PIXELS;
pub use inspect::{encode_png, inspect};
pub use landmark_file::{landmarks_from_ron, landmarks_to_ron};
pub use landmarks::LandmarkError;
pub use measure::FaceMeasure;
pub use plugin::PortraitPlugin;
