//! Characters: a folder with `character.ron`, a portrait and nothing else that must be there.
//!
//! ```
//! let text = r#"(
//!     name: "Mira",
//!     portrait: "portrait.png",
//!     voices: { en: (model: "piper-en-joe", pitch: 1.25) },
//! )"#;
//! let file = visage_character::CharacterFile::parse(text).expect("a correct file");
//! assert_eq!(file.name, "Mira");
//! ```

mod file;
mod library;
mod plugin;

pub use file::{CharacterError, CharacterFile, EmotionFace, Idle, Intent, Speech, Voice};
pub use library::{DEFAULT_CHARACTER, Entry, Library};
pub use plugin::CharacterPlugin;
