//! Why LivePortrait cannot draw, in words that say what to do.

use std::path::PathBuf;

use visage_models::SessionError;

/// Why a portrait cannot be moved by LivePortrait.
#[derive(Debug, thiserror::Error)]
pub enum LivePortraitError {
    /// Files are missing that nothing works without.
    #[error(
        "LivePortrait is not complete: {} has no {}. Run `visage models fetch liveportrait`, or name a folder that holds \
         the published files.",
        folder.display(),
        missing.join(", no ")
    )]
    Missing {
        /// Where they were looked for.
        folder: PathBuf,
        /// Their names.
        missing: Vec<&'static str>,
    },
    /// A file holds another network than its name says.
    #[error(
        "{} is not the network that is published under this name: {difference}. Put the published file in its place: \
         `visage models fetch liveportrait`.",
        file.display()
    )]
    Contract {
        /// The file.
        file: PathBuf,
        /// The first thing that differs, with what is expected and what is there.
        difference: String,
    },
    /// A network gave infinity or no number.
    #[error(
        "the network {file} gave values that are not numbers. Run it in 32-bit floating point, or on the processor \
         instead of the graphics device."
    )]
    NotANumber {
        /// The network's file name.
        file: &'static str,
    },
    /// The portrait's rig is not whole; only a fault of the program makes such a one.
    #[error("the portrait was not made ready as it should be: {0}. Load the character again.")]
    Rig(&'static str),
    /// A picture of the face has the wrong number of bytes: it was not made here, or is damaged.
    #[error("a picture of the face has {found} bytes instead of {expected}. Empty the cache of rendered pictures.")]
    Picture {
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// The networks are not in the store.
    #[error("the networks are not here; `visage models fetch liveportrait` brings them")]
    NotFetched,
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A network could not be loaded or run.
    #[error(transparent)]
    Session(#[from] SessionError),
}
