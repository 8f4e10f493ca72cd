//! The stage: draws the active character, tick by tick, and brings the frames back.
//!
//! In Present it takes [`CurrentPose`](visage_schedule::CurrentPose) and
//! [`ActiveCharacter`](visage_schedule::ActiveCharacter), warps the portrait and draws it into [`StageImage`]. In Ingest
//! of a later tick, normally the next one, it writes the finished picture as
//! [`FrameReady`](visage_schedule::FrameReady), which carries the tick whose pose it shows. Beside that it draws stills of any
//! face for whoever asks at [`StillDoor`](visage_schedule::StillDoor).
//!
//! Above the warp may stand better renderers ([`StagePlugin::rungs`]), each on a thread of its own. A ladder decides from
//! tick to tick which one shows; how they do is in [`Renderers`](visage_schedule::Renderers).
//!
//! ```no_run
//! use bevy::prelude::*;
//! use visage_schedule::SchedulePlugin;
//! use visage_stage::{Adapter, HeadlessPlugins, StagePlugin};
//!
//! # fn main() -> Result<(), visage_stage::NoAdapter> {
//! App::new()
//!     .add_plugins((HeadlessPlugins::open(Adapter::Best)?, SchedulePlugin, StagePlugin::default()))
//!     .run();
//! # Ok(())
//! # }
//! ```

mod adapter;
mod capture;
mod corners;
mod draw;
mod gpu;
mod ladder;
mod look;
mod painter;
mod pixels;
mod plugin;
mod present;
mod rungs;
mod scene;
mod stills;

pub use adapter::{Adapter, AdapterReport, HeadlessPlugins, NoAdapter};
pub use capture::{FrameStats, is_drawing, wait_for_frames};
pub use pixels::unpremultiplied;
pub use plugin::{MAX_SIZE, StagePlugin};
pub use present::OnStage;

pub use visage_schedule::StageImage;
