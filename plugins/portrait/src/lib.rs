//! A still image becomes a [`Rig`](visage_core::Rig): the largest face is found, 478 landmarks are fitted to it, the head
//! is told apart from what is behind it, and what is behind it is filled in.
//!
//! ```no_run
//! use visage_models::Store;
//! use visage_portrait::{RigBuilder, encode_png, inspect};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = RigBuilder::new(&Store::default())?;
//! let rig = builder.build_file("portrait.jpg".as_ref())?;
//! std::fs::write("inspected.png", encode_png(&inspect(&rig))?)?;
//! println!("the mouth is open by {:.2}", builder.measure(&rig.portrait)?.mouth_gap);
//! # Ok(())
//! # }
//! ```
//!
//! Points are in continuous pixels: the middle of the first pixel is (0.5, 0.5), so that `x / width` is a texture
//! coordinate. docs/avatar/portrait.md describes the steps.

mod background;
mod builder;
mod colour;
mod colours;
mod crop;
mod decode;
mod error;
mod face;
mod frame;
mod guided;
mod inspect;
mod letters;
mod lips;
mod matte;
mod measure;
mod mixture;
mod networks;
mod picture;
mod plane;
mod plugin;
mod springs;

pub use builder::RigBuilder;
pub use crop::MAX_SIDE;
pub use decode::{MAX_BYTES, MAX_PIXELS};
pub use error::PortraitError;
pub use face::MIN_FACE_PIXELS;
pub use inspect::{encode_png, inspect};
pub use measure::FaceMeasure;
pub use plugin::PortraitPlugin;
