//! What can go wrong between a text and its sound.

use visage_cloning::CloningError;
use visage_models::{ModelError, SessionError};

/// Why a text could not be spoken. Each message says what a person can do.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The program espeak-ng is not installed.
    #[error("speech needs the program espeak-ng, which is not installed; install it (Debian: apt install espeak-ng)")]
    NoEspeak,
    /// espeak-ng was started but did not do its work.
    #[error("espeak-ng failed: {0}")]
    Espeak(String),
    /// The voice's model is not on this machine.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The voice's model was refused or failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The voice's settings file does not say what it must.
    #[error("the voice's settings {file} are unusable: {reason}")]
    VoiceFile {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A cloned voice is not there or is damaged, or a voice cannot be cloned.
    #[error(transparent)]
    Cloning(#[from] CloningError),
    /// The model gave sound and durations that do not belong together.
    #[error("the voice's model gave something that is not speech: {0}")]
    Output(String),
    /// No voice of this name is known.
    #[error("there is no voice \"{0}\"; the voices are {known}", known = crate::synthesis::known_voices())]
    UnknownVoice(String),
    /// The text is longer than [`LONGEST_TEXT`](visage_core::LONGEST_TEXT).
    #[error("the text has {0} characters, and {most} are the most that can be said at once; cut it into parts", most = visage_core::LONGEST_TEXT)]
    TooLong(usize),
    /// The text has nothing in it that can be spoken.
    #[error("there is nothing to say in this text")]
    NothingToSay,
    /// The sound's rate could not be changed.
    #[error("the sound could not be brought to 48 kHz: {0}")]
    Resample(String),
}
