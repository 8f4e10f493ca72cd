//! LivePortrait (Guo et al. 2024, arXiv:2407.03168) on ONNX Runtime: a still portrait moved by implicit keypoints.

mod bake;
mod blend;
mod cache;
mod grid;
mod layout;
mod motion;
mod picture;
mod playback;
mod turn;

pub use bake::{BakeError, Baked, Plan, Progress, bake};
pub use cache::{
    CacheError, CacheSettings, CacheStatistics, DISK_BYTES, Key, MEMORY_BYTES, Origin, PICTURES_VARIABLE, PictureCache,
};
pub use grid::{Coordinates, GRID_VERSION, Mouth, Node, Share, Side, snap};
pub use layout::{Layout, Seam};
pub use motion::{KEYPOINTS, Keypoints, Motion, Offset};
pub use picture::Picture;
pub use playback::Playback;
