//! Where the assets come from: a source of Bevy's over the library, with a watcher if the library is a folder.
//!
//! Bevy's file watcher does the watching. What it reports is translated, because a character is a folder and not a file:
//! whatever happens in a folder (also a file that is renamed over another one, which is how many editors save, and which
//! Bevy takes for nothing) is a change of the character.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use bevy::{
    asset::io::{
        AssetReader, AssetReaderError, AssetSource, AssetSourceBuilder, AssetSourceEvent, AssetSourceId, AssetWatcher,
        PathStream, Reader, VecReader, file::FileWatcher,
    },
    prelude::*,
};
use tracing::warn;
use visage_library::Library;

use crate::asset::{FILE, SOURCE, id_of};

/// How long a file must have been left alone before its change counts. Editors empty a file before they write it, or write
/// it twice.
const SETTLE: Duration = Duration::from_millis(120);

/// The file that says which character is active.
const CHOICE: &str = ".active";

/// Counts what was seen to happen in the folder of characters, so that the list is made anew.
#[derive(Resource, Clone, Debug, Default)]
pub(crate) struct FolderChanges(Arc<AtomicU64>);

impl FolderChanges {
    /// The count; it grows with every change.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Registers the source `characters` for the characters of `library`. Must come before Bevy's `AssetPlugin`, whose
/// `watch_for_changes_override` must be `Some(true)` if changes are to be seen. `watch` says whether to look for changes
/// of files; those that are made through `library` or a clone of it are known in any case.
pub fn add_character_source(app: &mut App, library: &Library, watch: bool) {
    let changes = FolderChanges::default();
    let reader = library.clone();
    let mut source = AssetSourceBuilder::new(move || Box::new(LibraryReader(reader.clone())));
    if let Some(folder) = library.folder().filter(|_| watch) {
        let (folder, changes) = (absolute(folder), changes.clone());
        source = source.with_watcher(move |events| {
            // Bevy's own channel: its watcher writes to it, our thread reads from it.
            let watched = watched(&folder)?;
            let raw = watched.event_receiver()?.clone();
            let changes = changes.clone();
            let translate = move || {
                while let Ok(event) = raw.recv_blocking() {
                    // What has come meanwhile belongs to the same change.
                    let mut happened = Happened::default();
                    happened.add(&event);
                    while let Ok(event) = raw.try_recv() {
                        happened.add(&event);
                    }
                    for id in &happened.characters {
                        let changed = AssetSourceEvent::ModifiedAsset(Path::new(id).join(FILE));
                        if events.send_blocking(changed).is_err() {
                            return;
                        }
                    }
                    if happened.anything() {
                        changes.add();
                    }
                }
            };
            match thread::Builder::new().name("characters watch".into()).spawn(translate) {
                Ok(_) => Some(Box::new(FolderWatcher { _watched: watched }) as Box<dyn AssetWatcher>),
                Err(error) => {
                    warn!("changes of characters will not be seen: {error}");
                    None
                }
            }
        });
    }
    app.insert_resource(changes).register_asset_source(SOURCE, source);
}

/// The folder as the operating system reports it in its events.
fn absolute(folder: &Path) -> PathBuf {
    folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned())
}

/// A source that is watched by Bevy's file watcher and read by nobody.
fn watched(folder: &Path) -> Option<AssetSource> {
    let folder = folder.to_owned();
    let source = AssetSourceBuilder::new(AssetSource::get_default_reader(folder.display().to_string()))
        .with_watcher(move |events| match FileWatcher::new(folder.clone(), events, SETTLE) {
            Ok(watcher) => Some(Box::new(watcher) as Box<dyn AssetWatcher>),
            Err(error) => {
                warn!("changes of characters in {} will not be seen: {error}", folder.display());
                None
            }
        })
        .build(AssetSourceId::Name("characters on disk".into()), true, false);
    source.event_receiver().is_some().then_some(source)
}

/// Watches as long as it lives; then the channel closes and the thread ends.
struct FolderWatcher {
    _watched: AssetSource,
}

impl AssetWatcher for FolderWatcher {}

/// What events are about.
#[derive(Debug, Default)]
struct Happened {
    /// Ids of characters whose files were touched.
    characters: BTreeSet<String>,
    /// Whether another character was chosen.
    choice: bool,
}

impl Happened {
    fn add(&mut self, event: &AssetSourceEvent) {
        use AssetSourceEvent::{
            AddedAsset, AddedFolder, AddedMeta, ModifiedAsset, ModifiedMeta, RemovedAsset, RemovedFolder, RemovedMeta,
            RemovedUnknown, RenamedAsset, RenamedFolder, RenamedMeta,
        };
        let (first, second) = match event {
            AddedAsset(path)
            | ModifiedAsset(path)
            | RemovedAsset(path)
            | AddedMeta(path)
            | ModifiedMeta(path)
            | RemovedMeta(path)
            | AddedFolder(path)
            | RemovedFolder(path)
            | RemovedUnknown { path, .. } => (path, None),
            RenamedAsset { old, new } | RenamedMeta { old, new } | RenamedFolder { old, new } => (old, Some(new)),
        };
        for path in [Some(first), second].into_iter().flatten() {
            self.choice |= path == Path::new(CHOICE);
            if !is_staged(path) {
                self.characters.extend(id_of(path).map(str::to_owned));
            }
        }
    }

    fn anything(&self) -> bool {
        self.choice || !self.characters.is_empty()
    }
}

/// Whether a file is one that the store is still writing, or hidden.
fn is_staged(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') || name.contains('#')
    })
}

/// Reads the text of characters. Of one that is not there it reads nothing: that it is missing is said by the loader, in
/// words.
struct LibraryReader(Library);

impl AssetReader for LibraryReader {
    async fn read<'a>(&'a self, path: &'a Path) -> Result<impl Reader + 'a, AssetReaderError> {
        let text = match id_of(path) {
            Some(id) => self.0.text(id).await.map(|(text, _)| text).unwrap_or_default(),
            None => String::new(),
        };
        Ok(VecReader::new(text.into_bytes()))
    }

    async fn read_meta<'a>(&'a self, path: &'a Path) -> Result<impl Reader + 'a, AssetReaderError> {
        Err::<VecReader, _>(AssetReaderError::NotFound(path.to_owned()))
    }

    async fn read_directory<'a>(&'a self, _: &'a Path) -> Result<Box<PathStream>, AssetReaderError> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    async fn is_directory<'a>(&'a self, _: &'a Path) -> Result<bool, AssetReaderError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_about_the_folders_that_it_touches() {
        use AssetSourceEvent::{ModifiedAsset, RemovedUnknown, RenamedAsset, RenamedFolder};
        let check = |event: AssetSourceEvent, characters: &[&str], choice: bool| {
            let mut happened = Happened::default();
            happened.add(&event);
            let expected: BTreeSet<String> = characters.iter().map(|id| (*id).to_owned()).collect();
            assert_eq!((happened.characters, happened.choice), (expected, choice), "{event:?}");
        };
        check(ModifiedAsset("mira/portrait.png".into()), &["mira"], false);
        check(
            RenamedAsset { old: "mira/.character.ron.tmp".into(), new: "mira/character.ron".into() },
            &["mira"],
            false,
        );
        check(RenamedAsset { old: "mira/character.ron#1".into(), new: "mira/character.ron".into() }, &["mira"], false);
        check(RenamedFolder { old: "mira".into(), new: "lena".into() }, &["mira", "lena"], false);
        check(RemovedUnknown { path: "theo".into(), is_meta: false }, &["theo"], false);
        check(ModifiedAsset("mira/character.ron#1".into()), &[], false);
        check(RenamedAsset { old: ".active#2".into(), new: ".active".into() }, &[], true);
        // The store's lock is taken by every reader.
        check(ModifiedAsset(".lock".into()), &[], false);
    }
}
