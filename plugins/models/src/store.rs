//! Where models lie on this machine, and whether they are there.
//!
//! A model's files are in the folder of its id in the cache: `VISAGE_MODELS`, or `visage/models` in the user's cache
//! folder. Models that are shipped with the program are found among its own files instead.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    catalogue::{Catalogue, CatalogueError, Form, Model, ModelFile},
    resources::resource,
};

/// The variable that names the cache folder of models.
pub const STORE_VARIABLE: &str = "VISAGE_MODELS";

/// Why a model's file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The catalogue does not know the model.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The model has no such file.
    #[error("the model {id} has no file {name:?}")]
    NoSuchFile {
        /// The model.
        id: String,
        /// The file's name.
        name: String,
    },
    /// The file is not there yet.
    #[error("the model {id} is missing ({path}); run `visage models fetch {id}`")]
    Missing {
        /// The model.
        id: String,
        /// Where its file belongs.
        path: PathBuf,
    },
    /// The file has another length than any that is accepted.
    #[error("the model {id} is damaged ({path} has {found} bytes); run `visage models fetch {id}`")]
    Damaged {
        /// The model.
        id: String,
        /// Its file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
    },
    /// A shipped file is missing from the installation.
    #[error("{path} is missing from the installation; install Visage again, or set VISAGE_HOME to its folder")]
    NotInstalled {
        /// Where it belongs.
        path: PathBuf,
    },
}

/// The state of a file or a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is there.
    Present,
    /// It is there with other content.
    Damaged,
    /// It is not there, or not wholly.
    Missing,
}

/// The models on this machine.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Default for Store {
    /// The folder that `VISAGE_MODELS` names, or `visage/models` in the user's cache folder.
    fn default() -> Self {
        let named = std::env::var_os(STORE_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cached = || directories::BaseDirs::new().map(|base| base.cache_dir().join("visage").join("models"));
        // Without a home folder (some containers) the temporary folder has to do.
        Self::at(named.or_else(cached).unwrap_or_else(|| std::env::temp_dir().join("visage-models")))
    }
}

impl Store {
    /// The models in `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The cache folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a fetched model.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// The file `name` of the model `id` of the built-in catalogue: present and of the right length. Its hash was
    /// checked when it was put there; [`verify`](crate::verify) checks it again.
    ///
    /// # Errors
    /// It is unknown, missing or damaged; the message says what to do.
    pub fn file(&self, id: &str, name: &str) -> Result<PathBuf, ModelError> {
        self.file_of(Catalogue::builtin().model(id)?, name)
    }

    /// Like [`Self::file`], for a model of any catalogue.
    ///
    /// # Errors
    /// The file is unknown, missing or damaged.
    pub fn file_of(&self, model: &Model, name: &str) -> Result<PathBuf, ModelError> {
        let unknown = || ModelError::NoSuchFile { id: model.id.clone(), name: name.to_owned() };
        let file = model.file(name).ok_or_else(unknown)?;
        let path = self.path(model, file);
        match fs::metadata(&path) {
            Ok(found) if file.may_have(found.len()) => Ok(path),
            Ok(found) => Err(ModelError::Damaged { id: model.id.clone(), path, found: found.len() }),
            Err(_) if model.shipped.is_some() => Err(ModelError::NotInstalled { path }),
            Err(_) => Err(ModelError::Missing { id: model.id.clone(), path }),
        }
    }

    /// Where a file of a model belongs.
    pub fn path(&self, model: &Model, file: &ModelFile) -> PathBuf {
        match &model.shipped {
            Some(folder) => resource(folder).join(&file.name),
            None => self.folder(&model.id).join(&file.name),
        }
    }

    /// Whether a model is there, judged by the lengths of its files. The worst file decides.
    pub fn state(&self, model: &Model) -> State {
        model.files.iter().map(|file| self.state_of(model, file)).max().unwrap_or(State::Missing)
    }

    /// The same for one of its files.
    pub(crate) fn state_of(&self, model: &Model, file: &ModelFile) -> State {
        match self.file_of(model, &file.name) {
            Ok(_) => State::Present,
            Err(ModelError::Damaged { .. }) => State::Damaged,
            Err(_) => State::Missing,
        }
    }

    /// Bytes of a model: as it is published or, if its user makes it, as it lies here.
    pub fn size(&self, model: &Model) -> u64 {
        let lies_here = |file: &ModelFile| fs::metadata(self.path(model, file)).map_or(0, |found| found.len());
        if model.made.is_some() { model.files.iter().map(lies_here).sum() } else { model.size() }
    }
}

/// The SHA-256 of a file in lower-case hexadecimal, and its length. `seen` is told of every piece that was read.
pub(crate) fn hash_file(path: &Path, mut seen: impl FnMut(u64)) -> io::Result<Form> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Form { sha256: hex(hasher), size });
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
        seen(read as u64);
    }
}

/// How much is read at once.
pub(crate) const READ_BYTES: usize = 256 * 1024;

/// A finished hash in lower-case hexadecimal.
pub(crate) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let text = r#"(models: [(
            id: "m", job: "j", licence: "MIT", origin: "o", without: "w",
            files: [(name: "a.bin", forms: [(
                sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", size: 3)])],
            sources: [Web({"a.bin": "https://example.com/a.bin"})],
        )])"#;
        Catalogue::read(text).expect("it is good").models.remove(0)
    }

    #[test]
    fn a_file_is_missing_then_damaged_then_present() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::at(folder.path());
        let model = model();
        let error = store.file_of(&model, "a.bin").expect_err("nothing is there").to_string();
        assert!(error.contains("visage models fetch m"), "{error}");
        assert_eq!(store.state(&model), State::Missing);
        fs::create_dir_all(store.folder("m")).expect("a temporary folder");
        let path = store.folder("m").join("a.bin");
        fs::write(&path, b"ab").expect("a temporary folder");
        assert!(matches!(store.file_of(&model, "a.bin"), Err(ModelError::Damaged { found: 2, .. })));
        assert_eq!(store.state(&model), State::Damaged);
        fs::write(&path, b"abc").expect("a temporary folder");
        assert_eq!(store.file_of(&model, "a.bin").expect("it is there"), path);
        assert_eq!(store.state(&model), State::Present);
        assert!(matches!(store.file_of(&model, "b.bin"), Err(ModelError::NoSuchFile { .. })));
    }

    #[test]
    fn what_its_user_made_is_there_when_all_of_it_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::at(folder.path());
        let text = r#"(models: [(
            id: "m", job: "j", licence: "MIT", origin: "o", without: "w", made: (terms: "t", steps: ["s"]),
            files: [(name: "a.bin"), (name: "b.bin")],
        )])"#;
        let model = Catalogue::read(text).expect("it is good").models.remove(0);
        fs::create_dir_all(store.folder("m")).expect("a temporary folder");
        for (file, bytes, state, size) in [
            ("a.bin", &b"abc"[..], State::Missing, 3),
            ("b.bin", b"", State::Damaged, 3),
            ("b.bin", b"whatever", State::Present, 11),
            ("a.bin", b"", State::Damaged, 8),
        ] {
            fs::write(store.folder("m").join(file), bytes).expect("a temporary folder");
            assert_eq!((store.state(&model), store.size(&model)), (state, size), "{file} has {} bytes", bytes.len());
        }
    }

    #[test]
    fn shipped_models_are_among_the_programs_own_files() {
        let store = Store::at("/nonexistent");
        let path = store.file("face", "face_landmark.onnx").expect("it is in the project");
        assert!(path.is_file());
    }

    #[test]
    fn hashes_are_the_known_ones() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("abc");
        fs::write(&path, b"abc").expect("a temporary folder");
        let mut seen = 0;
        let form = hash_file(&path, |read| seen += read).expect("it is there");
        assert_eq!(form, model().files[0].forms[0]);
        assert_eq!(seen, 3);
    }
}
