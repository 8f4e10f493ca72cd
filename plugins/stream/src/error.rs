//! What can go wrong while encoding, decoding or recording.

use std::path::PathBuf;

/// An error of this crate. Each says what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The picture has a size that VP8 with 4:2:0 chroma cannot carry. Scale it first.
    #[error("a picture of {width} × {height} pixels cannot be encoded: both sides must be even, and 16 to 4096")]
    FrameSize {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The picture's bytes do not fit its size: a bug of whoever made the frame.
    #[error("a picture of {width} × {height} pixels needs {expected} bytes, not {actual}")]
    FrameBytes {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// `width * height * 4`.
        expected: usize,
        /// How many there are.
        actual: usize,
    },
    /// A frame or a block of sound is older than one that was given before. Drop it.
    #[error("tick {given} came after tick {last}")]
    Backwards {
        /// The tick that was given.
        given: u64,
        /// The newest one before it.
        last: u64,
    },
    /// The codec library refused; the stream can go on with a new encoder or decoder.
    #[error("{codec}: {reason}")]
    Codec {
        /// "VP8" or "Opus".
        codec: &'static str,
        /// The library's words.
        reason: String,
    },
    /// A recording could not be written.
    #[error("cannot write {path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

pub(crate) fn opus(error: audiopus::Error) -> StreamError {
    StreamError::Codec { codec: "Opus", reason: error.to_string() }
}
