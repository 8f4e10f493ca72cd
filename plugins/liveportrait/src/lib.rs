//! LivePortrait (Guo et al. 2024, arXiv:2407.03168) on ONNX Runtime: a still portrait moved by implicit keypoints.

mod expression;
mod motion;

pub use expression::{Expression, Lids};
pub use motion::{KEYPOINTS, Keypoints, Motion, Offset};
