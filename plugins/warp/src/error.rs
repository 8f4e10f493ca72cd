//! What can be wrong with a rig.

/// Why a rig cannot be warped. Each says what is wrong with the rig; a rig made by `visage_portrait` has none of these.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WarpError {
    /// A picture, or the matte, does not have the size that it should have.
    #[error("the rig's {what} has {found} bytes, but {wanted} belong to its size")]
    Size {
        /// Which picture.
        what: &'static str,
        /// Bytes that are there.
        found: usize,
        /// Bytes that should be there.
        wanted: usize,
    },
    /// Portrait and background differ in size, or the portrait is not square.
    #[error("portrait and background must be square and of one size; they are {0}×{1} and {2}×{3}")]
    Shape(u32, u32, u32, u32),
    /// The landmarks do not form a face.
    #[error("the landmarks do not form a face: {0}")]
    Landmarks(&'static str),
}
