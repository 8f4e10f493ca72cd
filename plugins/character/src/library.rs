//! The folder of characters: one folder each, named by the character's id.

use std::path::{Path, PathBuf};

use visage_core::Language;
use visage_schedule::{CharacterProfile, CharacterSummary};

use crate::{CharacterError, CharacterFile};

/// The character that is on stage when nobody has chosen another.
pub const DEFAULT_CHARACTER: &str = "mira";

/// One character of the library.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id: the name of its folder.
    pub id: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What its file says.
    pub file: CharacterFile,
}

impl Entry {
    /// What the other plugins need.
    pub fn profile(&self) -> CharacterProfile {
        self.file.profile(&self.id, &self.folder)
    }
}

/// All characters of a folder.
#[derive(Debug, Default)]
pub struct Library {
    /// In order of their ids.
    pub entries: Vec<Entry>,
    /// Characters that cannot be used, each with the reason.
    pub broken: Vec<CharacterError>,
}

impl Library {
    /// Reads every character in `folder`. A broken one does not keep the others from being read.
    ///
    /// # Errors
    /// The folder cannot be read or holds no character that can be used.
    pub fn read(folder: &Path) -> Result<Self, CharacterError> {
        let unreadable = |cause| CharacterError::Unreadable { path: folder.display().to_string(), cause };
        let mut library = Self::default();
        let mut folders: Vec<PathBuf> = Vec::new();
        for item in std::fs::read_dir(folder).map_err(unreadable)? {
            folders.push(item.map_err(unreadable)?.path());
        }
        folders.sort();
        for folder in folders {
            let path = folder.join("character.ron");
            let Some(id) = folder.file_name().and_then(|name| name.to_str()).filter(|_| path.is_file()) else {
                continue;
            };
            match CharacterFile::read(&path) {
                Ok(file) => library.entries.push(Entry { id: id.to_owned(), folder: folder.clone(), file }),
                Err(error) => library.broken.push(error),
            }
        }
        if library.entries.is_empty() {
            return Err(library
                .broken
                .pop()
                .unwrap_or_else(|| CharacterError::Empty { folder: folder.display().to_string() }));
        }
        Ok(library)
    }

    /// The character with this id.
    pub fn get(&self, id: &str) -> Result<&Entry, CharacterError> {
        self.entries.iter().find(|entry| entry.id == id).ok_or_else(|| CharacterError::Unknown {
            id: id.to_owned(),
            known: self.entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The default character, or the first one if it is missing.
    pub fn default_entry(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == DEFAULT_CHARACTER).or(self.entries.first())
    }

    /// A line for each character.
    pub fn summaries(&self) -> Vec<CharacterSummary> {
        let summary = |entry: &Entry| {
            let languages: Vec<Language> = entry.file.languages();
            CharacterSummary { id: entry.id.clone(), name: entry.file.name.clone(), languages }
        };
        self.entries.iter().map(summary).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(folder: &Path, id: &str, text: &str) {
        fs::create_dir_all(folder.join(id)).expect("a temporary folder can be written");
        fs::write(folder.join(id).join("character.ron"), text).expect("a temporary folder can be written");
    }

    #[test]
    fn a_broken_character_does_not_hide_the_others() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(folder.path(), "ada", "(name: \"Ada\", voices: {en: (model: \"espeak-ng\")})");
        write(folder.path(), "bad", "(name: 3)");
        fs::create_dir(folder.path().join("no-character")).expect("a temporary folder can be written");
        let library = Library::read(folder.path()).expect("one is good");
        assert_eq!(library.summaries().len(), 1);
        assert_eq!(library.broken.len(), 1);
        assert!(library.broken[0].is_about("bad") && !library.broken[0].is_about("a"));
        assert_eq!(library.default_entry().map(|entry| entry.id.as_str()), Some("ada"));
        let missing = library.get("bob").expect_err("unknown").to_string();
        assert!(missing.contains("bob") && missing.contains("ada"), "{missing}");
    }

    #[test]
    fn an_empty_folder_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = Library::read(folder.path()).expect_err("empty").to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
    }

    /// The characters that come with Visage are correct, and the default one is among them.
    #[test]
    fn shipped_characters_are_correct() {
        let library = Library::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../characters")).expect("readable");
        assert!(library.broken.is_empty(), "{:?}", library.broken);
        assert!(library.get(DEFAULT_CHARACTER).is_ok());
        for entry in &library.entries {
            assert!(entry.folder.join(&entry.file.portrait).is_file(), "{}: no portrait", entry.id);
            assert!(!entry.file.personality.is_empty(), "{}: no personality", entry.id);
        }
    }
}
