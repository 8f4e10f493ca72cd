//! The window: the avatar on the left, its controls and the gallery of characters on the right.
//!
//! The panel reads the shared resources of `visage_schedule` and answers with the same orders that a page or a REST
//! client gives, so that a window can do nothing that they cannot. What the gallery shows is read from the library of
//! characters on a thread of its own.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use visage_library::Library;
//! use visage_preview::PreviewPlugin;
//! use visage_schedule::SchedulePlugin;
//!
//! let library = Library::in_memory();
//! App::new().add_plugins((DefaultPlugins, SchedulePlugin, PreviewPlugin { library })).run();
//! ```

mod changes;
mod editor;
mod expressions;
mod gallery;
mod graph;
mod panel;
mod plugin;
mod shelf;

pub use panel::{Line, Panel, View, Wish};
pub use plugin::PreviewPlugin;
