//! The window: the avatar on the left, its controls on the right.
//!
//! The panel reads the shared resources of `visage_schedule` and answers with the same orders that a page or a REST
//! client gives, so that a window can do nothing that they cannot.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use visage_preview::PreviewPlugin;
//! use visage_schedule::SchedulePlugin;
//!
//! App::new().add_plugins((DefaultPlugins, SchedulePlugin, PreviewPlugin)).run();
//! ```

mod graph;
mod panel;
mod plugin;

pub use panel::{Line, Panel, View};
pub use plugin::PreviewPlugin;
