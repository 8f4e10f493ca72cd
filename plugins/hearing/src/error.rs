//! What can go wrong with hearing, in words that say what to do.

use std::path::PathBuf;

/// Why speech cannot be recognised.
#[derive(Debug, thiserror::Error)]
pub enum HearingError {
    /// whisper.cpp is built with instructions that this processor does not have. Running it would end the program.
    #[error("this processor lacks {0}, which speech recognition needs; typing to the character works without it")]
    Processor(String),
    /// The model is not there.
    #[error(transparent)]
    Model(#[from] visage_models::ModelError),
    /// The model's file is not what it should be.
    #[error("the speech model {path} cannot be used ({reason}); run `visage models verify whisper-base`")]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// whisper.cpp refused to work.
    #[error("speech recognition failed: {0}")]
    Engine(String),
    /// The sound has a sample rate that cannot be converted.
    #[error("sound with {0} samples a second cannot be heard; use 8,000 to 192,000")]
    SampleRate(u32),
}
