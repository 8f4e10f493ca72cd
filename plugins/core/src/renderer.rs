//! What draws a character better than the mesh warp can, and slower: the contract between the stage and whatever stands
//! higher on its ladder of renderers (docs/avatar/renderers.md).
//!
//! A new way to draw is one type that implements [`Renderer`], and one [`Rung`] in the list that the application gives to
//! the stage.

use std::{fmt, sync::Arc};

use crate::{EmotionWeights, FacePose, Raster, Rig};

/// Draws one character. Lives on a thread of its own, where all its methods run, and may be as slow as it must: the tick
/// never waits for it. If a method panics, the renderer is dropped and a new one is opened.
pub trait Renderer {
    /// Draws the whole picture of the character in a pose: as many pixels as [`Subject::size`] asks for, sRGB, colours
    /// multiplied by alpha. The same pose gives the same picture whenever it gives one.
    ///
    /// Its time is measured: a renderer shows while this takes less than a tick (1/30 s). Of the poses that come while it
    /// works only the newest is drawn next.
    ///
    /// # Errors
    /// There is no picture of this pose. For a moment the last picture stays, then the stage shows what the next rung
    /// draws. After [`RenderError::Failed`] the renderer is dropped, and later a new one is opened.
    fn render(&mut self, pose: &FacePose) -> Result<Raster, RenderError>;

    /// The emotions that the character shows from now on. A pose already holds the face of an emotion; this is for
    /// renderers that draw more of it (colour, tears, wrinkles). Called before [`Self::render`] whenever they change.
    fn set_emotion(&mut self, emotions: &EmotionWeights) {
        let _ = emotions;
    }

    /// Gives back what can be had again (memory of a graphics device, cached pictures), since the renderer will not be
    /// asked for some time. The next [`Self::render`] fetches it again, and its time is not held against the renderer.
    fn release(&mut self);
}

/// Why there is no picture of a pose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// This pose cannot be drawn; another one may well be. Nothing is wrong. To be found out fast: it is asked often.
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
    /// Whether pictures may take as long as they must: nobody is waiting, and this renderer was asked for by name. If not,
    /// a renderer that knows that it cannot keep up on this machine had better not open (its error says why), since it
    /// would cost time and memory for nothing.
    pub patient: bool,
}

/// Opens a renderer for a subject, on the thread that will use it; may take seconds. An error is for people: it says what
/// is missing, as the end of a sentence ("there is no graphics card that LivePortrait can use").
pub type OpenRenderer = dyn Fn(&Subject) -> Result<Box<dyn Renderer>, String> + Send + Sync;

/// Draws a single picture of any face beside the one on stage, if that takes no longer than a lookup; on the thread that
/// draws stills. `None` leaves it to the next rung.
pub type DrawStill = dyn Fn(&Subject, &FacePose) -> Option<Raster> + Send + Sync;

/// A rung of the ladder above the mesh warp.
#[derive(Clone)]
pub struct Rung {
    /// Its name in metrics, page and window ("liveportrait", "liveportrait-baked"), and of its thread. What comes before
    /// the first hyphen is its family: a character that asks for LivePortrait is drawn by rungs of that family alone.
    pub name: &'static str,
    /// Opens its renderer.
    pub open: Arc<OpenRenderer>,
    /// Draws stills, if it has pictures at hand.
    pub still: Option<Arc<DrawStill>>,
}

impl Rung {
    /// A rung that draws no stills.
    pub fn new(
        name: &'static str,
        open: impl Fn(&Subject) -> Result<Box<dyn Renderer>, String> + Send + Sync + 'static,
    ) -> Self {
        Self { name, open: Arc::new(open), still: None }
    }

    /// The name of the renderer that the rung is a form of.
    pub fn family(&self) -> &'static str {
        self.name.split('-').next().unwrap_or(self.name)
    }
}

impl fmt::Debug for Rung {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rung").field("name", &self.name).finish_non_exhaustive()
    }
}
