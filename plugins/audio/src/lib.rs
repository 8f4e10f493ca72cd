//! The local microphone and loudspeaker, for the window. The only crate that imports `cpal`.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use visage_audio::AudioPlugin;
//! use visage_schedule::SchedulePlugin;
//!
//! App::new().add_plugins((MinimalPlugins, SchedulePlugin, AudioPlugin::default())).run();
//! ```

mod device;
mod error;
mod keeper;
mod plugin;

pub use device::{Loudspeaker, Microphone, default_devices};
pub use error::AudioError;
pub use plugin::AudioPlugin;
