//! A character as a Bevy asset. The path of an asset is `characters://<id>/character.ron`.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io::Cursor,
    path::{Component, Path},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bevy::{
    asset::{AssetLoader, AssetPath, LoadContext, io::Reader},
    prelude::*,
};
use visage_core::{Language, decode_sound, resample};
use visage_library::{Library, LibraryError, Loaded, block_on};
use visage_schedule::{CharacterProfile, VoiceSettings};

use crate::{
    casting::{Cast, Version},
    profile::profile,
};

/// The name of the asset source.
pub const SOURCE: &str = "characters";
/// The file that is a character.
pub(crate) const FILE: &str = "character.ron";
/// The longest recording of a voice, seconds. What is longer is refused.
const LONGEST_REFERENCE: u32 = 60;

/// One reading of a character's file and of all files that it names.
///
/// A broken character is an asset, too, and says what is wrong with it: Bevy forgets what a load that fails depended on,
/// and the files of a broken character are those that will be mended.
#[derive(Asset, TypePath, Clone, Debug)]
pub struct CharacterAsset {
    version: Version,
    /// Whether there is no such character.
    gone: bool,
}

impl CharacterAsset {
    /// What the other plugins need of it; `Err` says in words what is wrong.
    ///
    /// # Errors
    /// The character cannot be used.
    pub fn profile(&self) -> Result<&Arc<CharacterProfile>, &str> {
        self.version.outcome.as_ref().map(|cast| &cast.profile).map_err(String::as_str)
    }

    pub(crate) const fn version(&self) -> &Version {
        &self.version
    }

    pub(crate) const fn is_gone(&self) -> bool {
        self.gone
    }
}

/// The asset of a character.
pub(crate) fn asset_path(id: &str) -> AssetPath<'static> {
    AssetPath::from_path_buf(Path::new(id).join(FILE)).with_source(SOURCE)
}

/// The id of the character that a path within the source belongs to.
pub(crate) fn id_of(path: &Path) -> Option<&str> {
    match path.components().next() {
        Some(Component::Normal(folder)) => folder.to_str().filter(|id| !id.starts_with('.')),
        _ => None,
    }
}

/// Makes characters of their files. A file alone is none: portrait, landmarks, background and recordings have to fit it, so
/// the library is asked for all of them at once.
#[derive(TypePath)]
pub(crate) struct CharacterLoader {
    library: Library,
    /// Counts readings where they begin: of two that run at the same time the one that began later counts.
    readings: AtomicU64,
}

impl CharacterLoader {
    pub(crate) const fn new(library: Library) -> Self {
        Self { library, readings: AtomicU64::new(0) }
    }
}

impl AssetLoader for CharacterLoader {
    type Asset = CharacterAsset;
    type Settings = ();
    type Error = Infallible;

    async fn load(
        &self,
        _file: &mut dyn Reader,
        _settings: &(),
        context: &mut LoadContext<'_>,
    ) -> Result<CharacterAsset, Infallible> {
        let number = 1 + self.readings.fetch_add(1, Ordering::Relaxed);
        let id = id_of(context.path().path()).unwrap_or_default().to_owned();
        let loaded = self.library.load(&id).await;
        let gone = matches!(&loaded, Err(LibraryError::Unknown { .. } | LibraryError::InvalidId { .. }));
        let outcome = loaded.map_err(|error| error.to_string()).and_then(|loaded| cast(&loaded));
        Ok(CharacterAsset { version: Version { number, outcome }, gone })
    }

    fn extensions(&self) -> &[&str] {
        &["ron"]
    }
}

/// Reads a character for a tool that has no tick. Blocks.
///
/// # Errors
/// Says in words why the character cannot be used.
pub fn read_profile(library: &Library, id: &str) -> Result<Arc<CharacterProfile>, String> {
    read_cast(library, id).map(|cast| cast.profile)
}

/// Reads a character. Blocks.
pub(crate) fn read_cast(library: &Library, id: &str) -> Result<Cast, String> {
    block_on(library.load(id)).map_err(|error| error.to_string()).and_then(|loaded| cast(&loaded))
}

/// A character that was read, as it can be put on stage; `Err` says in words what is wrong with its recordings.
fn cast(loaded: &Loaded) -> Result<Cast, String> {
    let references = references(loaded)?;
    Ok(Cast { profile: Arc::new(profile(loaded, references)), revision: loaded.entry.revision.clone() })
}

fn references(loaded: &Loaded) -> Result<BTreeMap<Language, Arc<[f32]>>, String> {
    let decode = |(&language, bytes): (&Language, &bytes::Bytes)| {
        let sound = decode_sound(Cursor::new(bytes.clone()), LONGEST_REFERENCE)
            .map_err(|error| format!("{}: voices.{language}.reference: {error}", loaded.entry.id))?;
        Ok((language, resample(&sound.samples, sound.rate, VoiceSettings::REFERENCE_RATE).into()))
    };
    loaded.references.iter().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_character_whose_folder_it_is_in() {
        let cases = [
            ("mira/character.ron", Some("mira")),
            ("mira", Some("mira")),
            ("mira/voice/en.wav", Some("mira")),
            (".active", None),
            ("../mira/character.ron", None),
            ("/etc/passwd", None),
            ("", None),
        ];
        for (path, id) in cases {
            assert_eq!(id_of(Path::new(path)), id, "{path}");
        }
        assert_eq!(asset_path("mira").to_string(), "characters://mira/character.ron");
    }
}
