//! HTTP: the page, REST, metrics and the signalling WebSocket.
//!
//! The server runs on a tokio runtime of its own and never touches the `World`. Orders go to the tick through one bounded
//! queue, and what it tells comes from a snapshot that the tick publishes. docs/api/avatar-endpoints.md describes every
//! endpoint, docs/api/signalling.md the WebSocket.
//!
//! ```
//! use bevy::prelude::*;
//! use visage_schedule::SchedulePlugin;
//! use visage_server::ServerPlugin;
//!
//! let runtime = tokio::runtime::Runtime::new()?;
//! // Port 0 is any free one. A port that is taken is told here, before anything else starts.
//! let listener = ServerPlugin::bind("127.0.0.1:0".parse()?)?;
//! println!("open http://{}", listener.address());
//!
//! let mut app = App::new();
//! app.add_plugins((MinimalPlugins, SchedulePlugin, ServerPlugin::new(runtime.handle().clone(), listener)));
//! app.finish();
//! app.cleanup();
//! app.update();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod api;
mod assets;
mod guard;
mod listener;
mod meters;
mod orders;
mod plugin;
mod problem;
mod routes;
mod signal;
mod snapshot;

pub use access::{
    Access, AccessError, Keyring, Limits, Origin, StoredToken, Tls, TlsSource, Token, address_for_others,
    names_of_this_machine, token_in_file,
};
pub use api::openapi_json;
pub use listener::{DEFAULT_ADDRESS, Listener, ServerError};
pub use orders::MAX_TEXT_CHARS;
pub use plugin::ServerPlugin;
pub use problem::{Code, Problem};
