//! What can go wrong between a text and its sound.

use visage_cloning::CloningError;
use visage_models::{ModelError, SessionError};
use visage_xtts::XttsError;

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
    /// XTTS is not complete, or cannot speak the text.
    #[error(transparent)]
    Xtts(XttsError),
    /// A voice that is to imitate a recording has none.
    #[error(
        "\"{xtts}\" speaks like a recording, and this voice has none; give the character's voice a reference, 10 to 30 seconds \
         of clear speech (docs/avatar/character-manager.md), or make a voice of one with `visage voices clone --engine {xtts}`",
        xtts = crate::XTTS
    )]
    NoReference,
    /// The recording that is to be imitated is of no use.
    #[error("the recording of the character's voice cannot be imitated: {0}")]
    Reference(String),
    /// Nobody wants to hear it any more.
    #[error("nobody wants to hear it any more")]
    Unwanted,
    /// An engine could not be loaded before; what was said then.
    #[error("{0}")]
    Broken(String),
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

impl VoiceError {
    /// Whether it is only that a model is not there yet: it may come while the program runs.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Model(_) | Self::Xtts(XttsError::Missing { .. }))
    }
}

impl From<XttsError> for VoiceError {
    fn from(error: XttsError) -> Self {
        match error {
            XttsError::NothingToSay => Self::NothingToSay,
            error => Self::Xtts(error),
        }
    }
}
