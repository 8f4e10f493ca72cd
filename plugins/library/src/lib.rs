//! Characters at rest: what an author writes in `character.ron`, and the store that keeps it with its files in a folder
//! or in a bucket. The reference for authors is `docs/avatar/character-manager.md`.
//!
//! ```
//! use visage_library::{CharacterFile, Library, LibraryError, Precondition, block_on};
//!
//! let file = CharacterFile::parse(r#"(name: "Ada", voices: { en: (pitch: 1.2) })"#)?;
//! assert_eq!(file.idle.blinks, 16.0); // what is left out has a default
//!
//! let wrong = CharacterFile::parse("(\n  nmae: \"Ada\",\n)").expect_err("a typing error");
//! assert_eq!(wrong.to_string(), "line 2, column 3: there is no field \"nmae\" here; did you mean \"name\"?");
//!
//! let library = Library::in_memory();
//! # let picture = {
//! #     let mut bytes = std::io::Cursor::new(Vec::new());
//! #     image::RgbImage::new(64, 64).write_to(&mut bytes, image::ImageFormat::Png).expect("memory can be written");
//! #     bytes.into_inner()
//! # };
//! let ada = block_on(library.create(None, file.clone(), picture.into()))?;
//! let quieter = serde_json::json!({ "idle": { "liveliness": 0.2 } });
//! block_on(library.patch("ada", &quieter, &Precondition::IfMatch(vec![ada.etag.clone()])))?;
//! // Somebody who still knows the old state does not overwrite the new one.
//! let late = block_on(library.replace("ada", file, &Precondition::IfMatch(vec![ada.etag])));
//! assert!(matches!(late, Err(LibraryError::Conflict { .. })));
//! # Ok::<(), LibraryError>(())
//! ```

mod archive;
mod check;
mod error;
mod file;
mod library;
mod location;
mod migrate;
mod parse;
mod part;
mod position;
mod storage;
mod transfer;
mod update;

#[cfg(test)]
mod kill_test;
#[cfg(test)]
mod store_test;

pub use error::{FileError, LibraryError};
pub use file::{
    Background, CharacterFile, Colour, EmotionFace, Engine, Idle, Intent, Renderer, SCHEMA_VERSION, Speech, Voice,
    WrongColour,
};
pub use library::{Broken, Change, DEFAULT_CHARACTER, ETag, Entry, Library, Listing, Loaded, Precondition, What};
pub use location::{Location, WrongLocation, check_id, slug};
pub use part::{Asset, MAX_LANDMARKS_BYTES, MAX_PICTURE_BYTES, MAX_PIXELS, MAX_SOUND_BYTES, Part, UploadError};
pub use storage::block_on;
pub use transfer::{MAX_ARCHIVE_BYTES, MAX_FILES, MAX_UNPACKED_BYTES};
