//! What tests speak with: a small XTTS with random weights, which makes noise of any text, recordings, and profiles.

use std::{
    fs,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::Utc;
use visage_cloning::{Permission, VoiceProfile};
use visage_core::{Language, decode_sound, resample};
use visage_models::{Catalogue, Store};
use visage_schedule::VoiceSettings;

use crate::{KOKORO, XTTS};

/// A folder of another crate of this project.
fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A store of models that has nothing but the small XTTS of `plugins/xtts/fixtures`. It lasts as long as its folder.
pub(crate) fn small_xtts() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().expect("a temporary folder");
    let store = Store::at(root.path());
    fs::create_dir(store.folder(XTTS)).expect("a temporary folder");
    for file in &Catalogue::builtin().model(XTTS).expect("it is listed").files {
        let from = folder("xtts/fixtures/small").join(&file.name);
        fs::copy(from, store.folder(XTTS).join(&file.name)).expect("it is in the project");
    }
    (root, store)
}

/// A recording of `plugins/cloning/fixtures`, as a character's voice has it.
pub(crate) fn recording(name: &str) -> Arc<[f32]> {
    let file = File::open(folder("cloning/fixtures").join(format!("{name}.flac"))).expect("it is in the project");
    let sound = decode_sound(file, 60).expect("a sound");
    resample(&sound.samples, sound.rate, VoiceSettings::REFERENCE_RATE).into()
}

/// The profile of a voice that was cloned from nobody.
pub(crate) fn profile(id: &str) -> VoiceProfile {
    let now = Utc::now();
    VoiceProfile {
        id: id.to_owned(),
        name: "Anna".to_owned(),
        engine: KOKORO.to_owned(),
        languages: vec![Language::German],
        created: now,
        source_sha256: "0".repeat(64),
        permission: Permission { text: "I allow that my voice is cloned.".to_owned(), by: "Anna".to_owned(), at: now },
        similarity_before: 0.6,
        similarity_after: 0.7,
        marked: true,
        loudness: None,
    }
}
