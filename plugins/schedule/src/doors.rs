//! Doors: how code that runs beside the tick (a request handler) asks a plugin for something and waits for the answer
//! without going through the tick. Each door is a resource, inserted by the plugin behind it; whoever is to use it takes
//! a copy in `Plugin::finish`. A full door is an answer, too: the asker says "busy".

use std::sync::Arc;

use bevy::prelude::*;
use tokio::sync::{mpsc, oneshot};
use visage_core::{FacePose, PortraitSource, Raster, Rig};

use crate::RendererChoice;

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
