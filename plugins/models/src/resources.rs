//! Where the program's own files lie: `models/`, `characters/`, `assets/`.
//!
//! They are found, not embedded, so that an author of characters edits them in place. In order: the folder that
//! `VISAGE_HOME` names; beside the executable; `../share/visage` from the executable, as `/usr/local` has it; the
//! workspace that the program was built from.

use std::path::{Path, PathBuf};

/// The variable that names the folder of the program's own files.
pub const HOME_VARIABLE: &str = "VISAGE_HOME";

/// The file or folder `relative` ("models/face", "characters") among the program's own files: the first place that has
/// it, or where it would be in the last one, so that a message can name it.
///
/// ```
/// assert!(visage_models::resource("models/face/face_landmark.onnx").is_file());
/// ```
pub fn resource(relative: impl AsRef<Path>) -> PathBuf {
    let relative = relative.as_ref();
    let mut place = PathBuf::new();
    for folder in resource_folders() {
        place = folder.join(relative);
        if place.exists() {
            break;
        }
    }
    place
}

/// The folders that [`resource`] looks into, best first. Never empty.
pub fn resource_folders() -> Vec<PathBuf> {
    folders(std::env::var_os(HOME_VARIABLE).map(PathBuf::from), std::env::current_exe().ok())
}

fn folders(home: Option<PathBuf>, executable: Option<PathBuf>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    folders.extend(home.filter(|home| !home.as_os_str().is_empty()));
    if let Some(beside) = executable.as_deref().and_then(Path::parent) {
        folders.push(beside.to_owned());
        folders.extend(beside.parent().map(|prefix| prefix.join("share").join("visage")));
    }
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    // plugins/models is two folders below the workspace.
    folders.push(crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_owned());
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_home_comes_first_and_the_workspace_last() {
        let found = folders(Some("/home/visage".into()), Some("/usr/local/bin/visage".into()));
        assert_eq!(found[..3], ["/home/visage", "/usr/local/bin", "/usr/local/share/visage"].map(PathBuf::from));
        assert!(found[3].join("plugins/models/Cargo.toml").is_file());
        assert_eq!(folders(Some("".into()), None).len(), 1);
    }
}
