//! Where ONNX Runtime's library is looked for.
//!
//! In order: the file that `VISAGE_ONNXRUNTIME` names, the file that `ORT_DYLIB_PATH` names, the models' cache
//! (`visage models fetch` puts it there), and the system's own library folders. A file that is named and missing is an
//! error; it is never passed over in silence.
//!
//! The cache may have several builds. One process loads one of them, so the build with the most capable provider comes
//! first, or the one that has what `VISAGE_PROVIDER` names. Every build has the processor.

use std::path::PathBuf;

use crate::{
    catalogue::Catalogue,
    provider::{Provider, ProviderChoice, provider_variable},
    store::Store,
};

/// The variable that names the library's file.
pub const LIBRARY_VARIABLE: &str = "VISAGE_ONNXRUNTIME";
/// The variable that `ort`'s other users know.
const ORT_VARIABLE: &str = "ORT_DYLIB_PATH";
/// The library's id in the catalogue.
pub const LIBRARY_ID: &str = "onnxruntime";
/// The id of CUDA's and cuDNN's libraries in the catalogue.
pub const CUDA_LIBRARIES_ID: &str = "cuda-libraries";

/// The catalogue's builds of ONNX Runtime and what each has beside the processor, the most capable first.
const BUILDS: [(&str, &[Provider]); 4] = [
    ("onnxruntime-cuda", &[Provider::Cuda, Provider::TensorRt]),
    ("onnxruntime-directml", &[Provider::DirectMl]),
    ("onnxruntime-openvino", &[Provider::OpenVino]),
    (LIBRARY_ID, if cfg!(target_os = "macos") { &[Provider::CoreMl] } else { &[] }),
];

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
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A wrong word is told by the first network that it is for.
    let wanted = provider_variable().ok().flatten().unwrap_or(ProviderChoice::Auto);
    find(variable, &Store::default(), wanted)
}

fn find(
    variable: impl Fn(&'static str) -> Option<PathBuf>,
    store: &Store,
    wanted: ProviderChoice,
) -> Result<Vec<PathBuf>, LibraryError> {
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
    let mut found: Vec<_> =
        builds(wanted).into_iter().filter(|id| whole(store, id)).map(|id| store.folder(id).join(&name)).collect();
    if cfg!(target_os = "linux") {
        // Debian's runtime package has no unversioned name.
        found.push(PathBuf::from(format!("{name}.1")));
    }
    found.push(PathBuf::from(name));
    Ok(found)
}

/// The ids of all builds in the order in which they are looked for.
fn builds(wanted: ProviderChoice) -> Vec<&'static str> {
    let fits = |id: &str, has: &[Provider]| match wanted {
        ProviderChoice::Auto => true,
        ProviderChoice::Only(Provider::Cpu) => id == LIBRARY_ID,
        ProviderChoice::Only(provider) => has.contains(&provider),
    };
    let mut builds = BUILDS.to_vec();
    builds.sort_by_key(|(id, has)| !fits(id, has));
    builds.into_iter().map(|(id, _)| id).collect()
}

/// Whether a build is there with all its files. One whose fetch was cut short would load and lack its provider.
fn whole(store: &Store, id: &str) -> bool {
    let model = Catalogue::builtin().model(id);
    model.is_ok_and(|model| model.files.iter().all(|file| store.path(model, file).is_file()))
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
        assert!(matches!(
            find(named, &store, ProviderChoice::Auto),
            Err(LibraryError::Named { variable: LIBRARY_VARIABLE, .. })
        ));
        std::fs::write(&file, b"").expect("a file in a temporary folder");
        assert_eq!(find(named, &store, ProviderChoice::Auto).expect("the file is there"), std::slice::from_ref(&file));
    }

    #[test]
    fn the_cache_comes_before_the_system() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::at(folder.path());
        let system = find(|_| None, &store, ProviderChoice::Auto).expect("the system is always a candidate");
        let fetched = store.folder(LIBRARY_ID).join(library_name());
        std::fs::create_dir_all(store.folder(LIBRARY_ID)).expect("a temporary folder");
        std::fs::write(&fetched, b"").expect("a temporary folder");
        let mut with_cache = find(|_| None, &store, ProviderChoice::Auto).expect("the system is always a candidate");
        assert_eq!(with_cache.remove(0), fetched);
        assert_eq!(with_cache, system);
    }

    #[test]
    fn the_build_that_has_what_is_wanted_comes_first() {
        let only = |provider| ProviderChoice::Only(provider);
        let cases = [
            (ProviderChoice::Auto, "onnxruntime-cuda"),
            (only(Provider::Cuda), "onnxruntime-cuda"),
            (only(Provider::TensorRt), "onnxruntime-cuda"),
            (only(Provider::DirectMl), "onnxruntime-directml"),
            (only(Provider::OpenVino), "onnxruntime-openvino"),
            (only(Provider::Cpu), LIBRARY_ID),
        ];
        for (wanted, first) in cases {
            let builds = builds(wanted);
            assert_eq!(builds[0], first, "{wanted}");
            assert_eq!(builds.len(), BUILDS.len(), "the others are tried behind it");
        }
    }

    #[test]
    fn a_build_counts_when_all_its_files_are_there() {
        let here = Catalogue::builtin();
        let Some((id, _)) =
            BUILDS.iter().find(|(id, has)| !has.is_empty() && here.model(id).is_ok_and(|model| model.files.len() > 1))
        else {
            return;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::at(folder.path());
        std::fs::create_dir_all(store.folder(id)).expect("a temporary folder");
        let files = &here.model(id).expect("it was found").files;
        let first =
            || find(|_| None, &store, ProviderChoice::Auto).expect("the system is always a candidate").remove(0);
        for file in files {
            assert!(!first().starts_with(folder.path()), "{} is still missing", file.name);
            std::fs::write(store.folder(id).join(&file.name), b"").expect("a temporary folder");
        }
        assert_eq!(first(), store.folder(id).join(library_name()));
    }
}
