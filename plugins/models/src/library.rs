//! Where ONNX Runtime's library is looked for.
//!
//! In order: the file that `VISAGE_ONNXRUNTIME` names, the file that `ORT_DYLIB_PATH` names, the models' cache
//! (`visage models fetch` puts it there), and the system's own library folders. A file that is named and missing is an
//! error; it is never passed over in silence.

use std::path::PathBuf;

use crate::store::Store;

/// The variable that names the library's file.
pub const LIBRARY_VARIABLE: &str = "VISAGE_ONNXRUNTIME";
/// The variable that `ort`'s other users know.
const ORT_VARIABLE: &str = "ORT_DYLIB_PATH";
/// The library's id in the catalogue.
pub const LIBRARY_ID: &str = "onnxruntime";

/// Why there is no ONNX Runtime.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// A variable names a file that is not there.
    #[error("{variable} names {path}, which is not a file; correct it or unset it")]
    Named {
        /// The variable.
        variable: &'static str,
        /// What it says.
        path: PathBuf,
    },
    /// No usable library was found.
    #[error("ONNX Runtime could not be loaded; run `visage models fetch onnxruntime`, or set {LIBRARY_VARIABLE} to a \
             library of version {oldest} or newer. {}", tried_in_words(tried), oldest = crate::session::OLDEST_ONNX_RUNTIME)]
    None {
        /// Each place that was tried, and what was wrong there.
        tried: Vec<(PathBuf, String)>,
    },
}

fn tried_in_words(tried: &[(PathBuf, String)]) -> String {
    let place = |(path, reason): &(PathBuf, String)| {
        let path = path.display().to_string();
        // The system's loader often begins with the name itself.
        if reason.starts_with(&path) { reason.clone() } else { format!("{path}: {reason}") }
    };
    format!("Tried: {}", tried.iter().map(place).collect::<Vec<_>>().join("; "))
}

/// The library's file name on this system: "libonnxruntime.so", "libonnxruntime.dylib" or "onnxruntime.dll".
pub fn library_name() -> String {
    format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The file that would be loaded first: for messages. The system's library is a bare name, which the loader resolves.
///
/// # Errors
/// A variable names a file that is not there.
pub fn library() -> Result<PathBuf, LibraryError> {
    Ok(candidates()?.swap_remove(0))
}

/// Where to look, best first. Never empty.
pub(crate) fn candidates() -> Result<Vec<PathBuf>, LibraryError> {
    find(|variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from), &Store::default())
}

fn find(variable: impl Fn(&'static str) -> Option<PathBuf>, store: &Store) -> Result<Vec<PathBuf>, LibraryError> {
    for name in [LIBRARY_VARIABLE, ORT_VARIABLE] {
        if let Some(path) = variable(name) {
            // A bare name is for the loader to find; a path must be there.
            let bare = path.components().count() == 1;
            return if bare || path.is_file() {
                Ok(vec![path])
            } else {
                Err(LibraryError::Named { variable: name, path })
            };
        }
    }
    let name = library_name();
    let fetched = store.folder(LIBRARY_ID).join(&name);
    let mut found = Vec::new();
    if fetched.is_file() {
        found.push(fetched);
    }
    if cfg!(target_os = "linux") {
        // Debian's runtime package has no unversioned name.
        found.push(PathBuf::from(format!("{name}.1")));
    }
    found.push(PathBuf::from(name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_comes_first_and_must_exist() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::at(folder.path());
        let file = folder.path().join("own.so");
        let named = |variable: &'static str| (variable == LIBRARY_VARIABLE).then(|| file.clone());
        assert!(matches!(find(named, &store), Err(LibraryError::Named { variable: LIBRARY_VARIABLE, .. })));
        std::fs::write(&file, b"").expect("a file in a temporary folder");
        assert_eq!(find(named, &store).expect("the file is there"), std::slice::from_ref(&file));
    }

    #[test]
    fn the_cache_comes_before_the_system() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::at(folder.path());
        let system = find(|_| None, &store).expect("the system is always a candidate");
        let fetched = store.folder(LIBRARY_ID).join(library_name());
        std::fs::create_dir_all(store.folder(LIBRARY_ID)).expect("a temporary folder");
        std::fs::write(&fetched, b"").expect("a temporary folder");
        let mut with_cache = find(|_| None, &store).expect("the system is always a candidate");
        assert_eq!(with_cache.remove(0), fetched);
        assert_eq!(with_cache, system);
    }
}
