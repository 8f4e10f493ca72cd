//! How a recording becomes a voice, beside the tick: what is asked, how far it is, and the door behind which it is done.
//! Fitting takes minutes, so whoever asks gets a job to look at.

use std::{fmt, sync::Arc};

use bevy::prelude::*;
use visage_core::Language;

/// A recording that is to become a voice.
#[derive(Clone, PartialEq)]
pub struct CloneOrder {
    /// What was recorded: mono samples, each in -1..=1.
    pub samples: Vec<f32>,
    /// How many of them a second.
    pub rate: u32,
    /// What people are to call the voice.
    pub name: String,
    /// What it is to speak.
    pub language: Language,
    /// The words by which the owner of the voice allows it to be cloned.
    pub permission: String,
    /// Who said them.
    pub by: String,
    /// Whether noise is to be taken out of the recording first.
    pub denoise: bool,
    /// How many styles are tried.
    pub tries: usize,
}

/// Neither the recording nor what people have said about it belongs into a log.
impl fmt::Debug for CloneOrder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CloneOrder").field("language", &self.language).finish_non_exhaustive()
    }
}

/// Why there is no such voice. The words say what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloneRefusal {
    /// Nobody has said that the voice may be cloned.
    #[error("{0}")]
    Permission(String),
    /// The name cannot be one.
    #[error("{0}")]
    Name(String),
    /// The recording is of no use as it is: silent, too short, noisy, of several people, …
    #[error("{0}")]
    Recording(String),
    /// The engine that would speak is not on this machine.
    #[error("{0}")]
    NotInstalled(String),
    /// As many recordings wait as may.
    #[error("as many voices as can wait are waiting to be fitted; try again in some minutes, or call one off")]
    Busy,
    /// There is no cloned voice of this id.
    #[error("{0}")]
    Unknown(String),
    /// The program is at fault: inference failed, the disk is full, …
    #[error("{0}")]
    Unavailable(String),
}

/// How far a voice is.
#[derive(Clone, Debug, PartialEq)]
pub enum CloneState {
    /// Others come before it.
    Waiting,
    /// It is being fitted.
    Fitting {
        /// The share of the work that is done, 0..=1.
        progress: f32,
    },
    /// It can speak.
    Done {
        /// Its id among the voices.
        voice: String,
        /// Similarity to the recording of the most similar voice that the engine has by itself, with sentences that were not
        /// fitted, -1..=1.
        similarity_before: f32,
        /// And of the clone.
        similarity_after: f32,
    },
    /// It came to nothing.
    Failed {
        /// Why, in words.
        reason: String,
    },
    /// Nobody wanted it any more.
    CalledOff,
}

impl CloneState {
    /// Whether nothing more will happen.
    pub const fn has_ended(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Fitting { .. })
    }
}

/// A voice that is being made, or was.
#[derive(Clone, Debug, PartialEq)]
pub struct CloneJob {
    /// Whose state may be asked for: `[0-9a-f]{12}-[0-9]+`. No other job of this machine had the same.
    pub id: String,
    /// What people are to call the voice.
    pub name: String,
    /// How far it is.
    pub state: CloneState,
}

/// Whoever makes voices of recordings.
pub trait CloneVoices: Send + Sync {
    /// Checks an order, and queues it. Blocks for a second or more: for threads that may wait.
    ///
    /// # Errors
    /// The voice cannot be made; the words say why and what to do.
    fn begin(&self, order: CloneOrder) -> Result<CloneJob, CloneRefusal>;

    /// How far a job is; `None` if there is none of this id, or it ended so long ago that it was forgotten.
    fn look(&self, job: &str) -> Option<CloneJob>;

    /// Calls a job off, if it has not come to its end, and says how it is then.
    fn call_off(&self, job: &str) -> Option<CloneJob>;

    /// Deletes a cloned voice: by its id among the voices, or by what is behind the slash of it. Touches the disk.
    ///
    /// # Errors
    /// There is none, or it cannot be deleted.
    fn delete(&self, voice: &str) -> Result<(), CloneRefusal>;
}

/// Where recordings that are to become voices are handed in. Behind it is `voice`.
#[derive(Resource, Clone)]
pub struct CloningDoor(pub Arc<dyn CloneVoices>);

impl fmt::Debug for CloningDoor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("CloningDoor").finish_non_exhaustive()
    }
}
