//! Doors: how code that runs beside the tick (a request handler) asks a plugin for something and waits for the answer
//! without going through the tick. Each door is a resource, inserted by the plugin behind it; whoever is to use it takes
//! a copy in `Plugin::finish`. A full door is an answer, too: the asker says "busy".

use std::{fmt, sync::Arc};

use bevy::prelude::*;
use tokio::sync::{mpsc, oneshot};
use visage_core::{Emotion, FacePose, Language, PortraitSource, Raster, Rig};

use crate::{ListVoices, RendererChoice, VoiceSettings};

/// Why a picture did not become a rig.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RigError {
    /// The picture is at fault: no face, damaged, too large, …
    #[error("{0}")]
    Picture(String),
    /// The program is: models are missing, inference failed.
    #[error("{0}")]
    Unavailable(String),
}

/// A picture is to become a rig.
#[derive(Debug)]
pub struct RigRequest {
    /// The picture.
    pub source: Arc<PortraitSource>,
    /// Where the answer goes. Dropped without an answer if the program ends.
    pub answer: oneshot::Sender<Result<Arc<Rig>, RigError>>,
}

/// Where requests for rigs are handed in. Behind it is `portrait`.
#[derive(Resource, Clone, Debug)]
pub struct RigDoor(pub mpsc::Sender<RigRequest>);

/// One picture of a face is to be drawn, beside the one on stage.
#[derive(Debug)]
pub struct StillRequest {
    /// Whose face.
    pub rig: Arc<Rig>,
    /// What it does.
    pub pose: FacePose,
    /// Width and height in pixels, 16..=1080.
    pub size: u32,
    /// What is to draw it. A better renderer than the mesh warp does so only if it has the picture at hand.
    pub renderer: RendererChoice,
    /// Where the picture goes, or in words why there is none. Dropped without an answer if the program ends.
    pub answer: oneshot::Sender<Result<Raster, String>>,
}

/// Where requests for stills are handed in. Behind it is `stage`.
#[derive(Resource, Clone, Debug)]
pub struct StillDoor(pub mpsc::Sender<StillRequest>);

/// Pieces of one text that wait for whoever asked for it. When there are so many, the next one is made when one has been
/// taken: of a long text that is taken slowly, only some seconds are in memory.
const PIECES: usize = 4;

/// Why a text was not spoken, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpeechError {
    /// The text is at fault: there is nothing to say in it, or too much.
    #[error("{0}")]
    Text(String),
    /// The program is: no engine can speak.
    #[error("{0}")]
    Unavailable(String),
}

/// A text is to be spoken, beside what the character says.
#[derive(Debug)]
pub struct SpeechRequest {
    /// What to say; it may hold mark-up.
    pub text: String,
    /// The language that it is in.
    pub language: Language,
    /// How it is said where the text does not say so itself.
    pub emotion: Option<Emotion>,
    /// Who says it.
    pub voice: VoiceSettings,
    /// Where the pieces go, one after the other as they are made. After an error none follows. When the receiver is
    /// dropped, nothing more is made.
    pub pieces: mpsc::Sender<Result<SpeechPiece, SpeechError>>,
}

impl SpeechRequest {
    /// A request, and where its pieces come out.
    pub fn new(
        text: String,
        language: Language,
        voice: VoiceSettings,
    ) -> (Self, mpsc::Receiver<Result<SpeechPiece, SpeechError>>) {
        let (pieces, made) = mpsc::channel(PIECES);
        (Self { text, language, emotion: None, voice, pieces }, made)
    }
}

/// Finished sound: a sentence, or a part of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpeechPiece {
    /// Mono samples at 48 kHz, each in -1..=1. They begin and end in silence.
    pub samples: Vec<f32>,
    /// What a person should know, for example that the mark-up cannot be read.
    pub notices: Vec<String>,
    /// Whether all has been said with it. If the pieces end without such a one, something is missing.
    pub last: bool,
}

/// Where texts to be spoken are handed in, and who can speak them. Behind it is `voice`.
#[derive(Resource, Clone)]
pub struct SpeechDoor {
    /// Takes requests. When it is full the asker says "busy".
    pub requests: crossbeam_channel::Sender<SpeechRequest>,
    /// Who there is.
    pub voices: ListVoices,
}

impl fmt::Debug for SpeechDoor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SpeechDoor").field("requests", &self.requests).finish_non_exhaustive()
    }
}
