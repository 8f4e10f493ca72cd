//! What draws a character better than the mesh warp can, and slower: the contract between the stage and whatever stands
//! higher on its ladder of renderers.
//!
//! A new way to draw is one type that implements [`Renderer`], and one [`Rung`] in the list that the application gives to
//! the stage.

use std::{fmt, sync::Arc};

use crate::{EmotionWeights, FacePose, Raster, Rig};

/// Draws one character. Lives on a thread of its own, where all its methods run, and may be as slow as it must: the tick
/// never waits for it.
pub trait Renderer {
    /// Draws the whole picture of the character in a pose: as many pixels as [`Subject::size`] asks for, sRGB, colours
    /// multiplied by alpha. The same pose always gives the same picture.
    ///
    /// # Errors
    /// There is no picture of this pose. The stage then shows what the next rung draws.
    fn render(&mut self, pose: &FacePose) -> Result<Raster, RenderError>;

    /// The emotions that the character shows from now on. A pose already holds the face of an emotion; this is for
    /// renderers that draw more of it (colour, tears, wrinkles). Called before [`Self::render`] whenever they change.
    fn set_emotion(&mut self, emotions: &EmotionWeights) {
        let _ = emotions;
    }

    /// Gives back what can be had again (memory of a graphics device, cached pictures), since the renderer will not be
    /// asked for some time. The next [`Self::render`] fetches it again.
    fn release(&mut self);
}

/// Why there is no picture of a pose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// This pose cannot be drawn; another one may well be. Nothing is wrong.
    #[error("there is no picture of this pose")]
    NoPicture,
    /// The renderer does not work; the message is for people.
    #[error("{0}")]
    Failed(String),
}

/// Whom a renderer is to draw.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The character's portrait made ready to move.
    pub rig: Arc<Rig>,
    /// Width and height of a picture in pixels.
    pub size: u32,
}

/// Opens a renderer for a subject, on the thread that will use it; may take seconds. An error is for people.
pub type OpenRenderer = dyn Fn(&Subject) -> Result<Box<dyn Renderer>, String> + Send + Sync;

/// A rung of the ladder above the mesh warp.
#[derive(Clone)]
pub struct Rung {
    /// Its name in metrics, page and window ("liveportrait").
    pub name: &'static str,
    /// Opens its renderer.
    pub open: Arc<OpenRenderer>,
}

impl fmt::Debug for Rung {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rung").field("name", &self.name).finish_non_exhaustive()
    }
}
