//! What can be wrong with a portrait, in the words of the person who chose it, with what to do.

use std::path::PathBuf;

use visage_models::{ModelError, SessionError};

use crate::{
    decode::{MAX_BYTES, MAX_PIXELS},
    face::MIN_FACE_PIXELS,
    landmarks::LandmarkError,
};

/// Why a picture cannot become a rig.
#[derive(Debug, thiserror::Error)]
pub enum PortraitError {
    /// The file cannot be opened or read.
    #[error("the picture {path} cannot be read: {cause}. Check that it exists and that you may read it.")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The bytes are neither JPEG nor PNG nor WebP.
    #[error("this is not a JPEG, PNG or WebP picture. Save it as one of these and try again.")]
    UnknownType,
    /// The file is longer than [`MAX_BYTES`].
    #[error(
        "the picture's file has {} MB, more than the {} MB that are read. Save it smaller or with more compression.",
        bytes.div_ceil(1 << 20), MAX_BYTES >> 20
    )]
    TooManyBytes {
        /// Length of the file.
        bytes: u64,
    },
    /// The picture has more than [`MAX_PIXELS`]. Found out before it is decoded.
    #[error(
        "the picture has {width} × {height} pixels, more than the {} million that are read. Make it smaller.",
        MAX_PIXELS / 1_000_000
    )]
    TooManyPixels {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The picture begins like one but cannot be decoded to its end.
    #[error("the {format} picture is damaged or incomplete ({reason}). Copy or save it again.")]
    Damaged {
        /// "JPEG", "PNG" or "WebP".
        format: &'static str,
        /// In the decoder's words.
        reason: String,
    },
    /// No face was found.
    #[error(
        "no face was found in the picture. Choose one in which a single face looks at the camera, is well lit, not \
         covered, and fills at least a fifth of the picture's height."
    )]
    NoFace,
    /// The largest face is narrower than [`MIN_FACE_PIXELS`].
    #[error(
        "the face is only {pixels} pixels wide; at least {} are needed. Choose a larger picture or a closer shot.",
        MIN_FACE_PIXELS
    )]
    FaceTooSmall {
        /// Width of the face from ear to ear, in pixels.
        pixels: u32,
    },
    /// The largest face is not upright.
    #[error(
        "the face in the picture {}. Turn the picture until the head is upright, save it and try again.",
        if degrees.abs() > 135 { "stands on its head" } else { "lies on its side" }
    )]
    NotUpright {
        /// How far it is turned, clockwise.
        degrees: i32,
    },
    /// The landmarks that came with the picture do not fit it.
    #[error("the landmarks do not fit the picture: {0}")]
    Landmarks(#[from] LandmarkError),
    /// The picture that is to stand behind the head will not do.
    #[error("the background: {0}")]
    Backdrop(Box<PortraitError>),
    /// The program has a fault that this picture brings to light.
    #[error("the picture could not be prepared because of a fault in the program; its log says more. Try another one.")]
    Panic,
    /// The face models are missing.
    #[error(transparent)]
    Models(#[from] ModelError),
    /// The face models could not be loaded or run.
    #[error(transparent)]
    Inference(#[from] SessionError),
}
