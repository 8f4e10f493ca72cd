//! The mesh warp: a [`Rig`](visage_core::Rig) and a [`FacePose`](visage_core::FacePose) become textured triangles.
//!
//! A renderer draws the [`Layer`]s in order, each over the one before, with plain alpha blending and no depth buffer,
//! into a target as large as the portrait or any square to which it scales the positions. Pure geometry: no Bevy, no I/O.
//!
//! ```
//! use visage_core::{Blendshape, FacePose, Rig};
//! use visage_warp::{Warp, WarpError};
//!
//! fn triangles_of_an_open_mouth(rig: &Rig) -> Result<usize, WarpError> {
//!     let mut warp = Warp::new(rig)?;
//!     warp.pose(&FacePose::of(&[(Blendshape::JawOpen, 0.6)]));
//!     Ok(warp.layers().iter().map(|layer| layer.indices.len() / 3).sum())
//! }
//! ```

mod atlas;
mod cavity;
mod curve;
mod error;
mod eye;
mod eyeball;
mod eyelid;
mod fields;
mod frame;
mod layer;
mod lids;
mod mesh;
mod motion;
mod mouth;
mod skin;
#[cfg(test)]
mod testing;
mod trace;
mod warp;

pub use error::WarpError;
pub use layer::{Layer, Texture, Vertex};
pub use warp::Warp;
