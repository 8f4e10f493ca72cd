//! Characters in the living program: each is a Bevy asset that is loaded again when its files change, and one of them is on
//! stage.
//!
//! What a character is and where it is kept is told by `visage_library`. Here its file becomes a `CharacterProfile`, its
//! portrait a rig (by way of `visage_portrait`), and both become the `ActiveCharacter` that the other plugins look at. A
//! change of a file reaches them the same way; a broken file leaves the one that is there and says what is wrong.
//!
//! ```
//! use bevy::prelude::*;
//! use visage_character::{CharacterPlugin, add_character_source};
//! use visage_library::Library;
//! use visage_schedule::{CharacterList, SchedulePlugin};
//!
//! let library = Library::in_memory();
//! let mut app = App::new();
//! add_character_source(&mut app, &library, true);
//! app.add_plugins((MinimalPlugins, AssetPlugin::default(), SchedulePlugin))
//!     .add_plugins(CharacterPlugin { library, first: None });
//! app.update();
//! assert!(app.world().resource::<CharacterList>().0.is_empty());
//! ```

mod asset;
mod casting;
mod director;
mod plugin;
mod profile;
mod source;
mod store;
#[cfg(test)]
mod tests;

pub use asset::{CharacterAsset, SOURCE, read_profile};
pub use plugin::{CharacterPlugin, CharacterStore};
pub use source::add_character_source;
