//! Viewers over WebRTC: signalling, peers, tracks and the data channel.
//!
//! A transport (the server's WebSocket) hands [`visage_schedule::SignalSocket`]s to the
//! [`visage_schedule::ViewerDoor`] that this plugin inserts. Frames and sound of the tick are encoded once, on a thread of
//! their own and only while somebody watches, and sent to every viewer. Microphone sound and orders come back as messages.
//! docs/api/signalling.md is the protocol, docs/avatar/webrtc.md the way of the data.
//!
//! ```
//! use bevy::prelude::*;
//! use visage_schedule::{SchedulePlugin, SignalSocket, ViewerDoor};
//! use visage_webrtc::WebRtcPlugin;
//!
//! let runtime = tokio::runtime::Runtime::new()?;
//! let mut app = App::new();
//! app.add_plugins((MinimalPlugins, SchedulePlugin, WebRtcPlugin::new(runtime.handle().clone())));
//!
//! // What a transport does for each viewer:
//! let (_from_viewer_in, from_viewer) = tokio::sync::mpsc::channel(8);
//! let (to_viewer, mut to_viewer_out) = tokio::sync::mpsc::channel(8);
//! app.world().resource::<ViewerDoor>().0.try_send(SignalSocket { from_viewer, to_viewer })?;
//! let welcome = to_viewer_out.blocking_recv();
//! assert!(welcome.is_some_and(|text| text.contains("welcome")));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod encode;
mod hub;
mod media;
mod peer;
mod plugin;
mod reports;
mod signal;
mod talk;
mod viewer;
#[cfg(test)]
mod whole_way;

pub use plugin::WebRtcPlugin;
