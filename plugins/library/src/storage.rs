//! Where bytes lie: the one module that knows `object_store`. It offers what the library's promises need (whole writes,
//! a commit that fails if somebody was quicker, a lock between processes) for a folder, a bucket and memory alike.
//!
//! Facts about the back ends, from `object_store` 0.14's own source: the local one writes under `NAME#<number>`, flushes
//! and renames, and leaves such names out of listings; it cannot write conditionally, so a folder has a lock file.

use std::{
    fs::File,
    future::Future,
    path::{Path as FsPath, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutOptions, aws::AmazonS3Builder, client::SpawnedReqwestConnector,
    local::LocalFileSystem, memory::InMemory, path::Path, prefix::PrefixStore,
};
use tokio::sync::OwnedMutexGuard;

use crate::{LibraryError, Location, part::is_stored_name};

/// What a storage says of the state of a file.
pub(crate) use object_store::UpdateVersion as Version;

/// The file that says what a folder is: without it, it is no character.
pub(crate) const COMMIT: &str = "character.ron";
/// Holds the id of the active character.
const ACTIVE: &str = ".active";
/// What processes lock that write to the same folder.
const LOCK: &str = ".lock";

/// How old a file must be in a bucket before it counts as left over, and a folder without a `character.ron` before it does.
/// A bucket has no lock, and who copies a folder takes none, so a younger one may belong to somebody who is about to commit.
const LEFT_OVER_AGE: Duration = Duration::from_secs(3600);

/// Drives a future to its end on this thread, with a runtime of its own. For threads without one; inside of async code it
/// panics.
///
/// # Panics
/// If called inside of async code, or if the system has no resources left for a runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime of one thread needs no more than a file handle").block_on(future)
}

/// A file as it was read.
pub(crate) struct Object {
    pub bytes: Bytes,
    /// What a commit must find unchanged.
    pub version: Version,
}

/// A file as it was listed.
pub(crate) struct Item {
    pub name: String,
    /// Changes with its content.
    pub tag: String,
    pub modified: DateTime<Utc>,
}

/// What a commit expects to find.
pub(crate) enum Expected {
    /// No character.
    Nothing,
    /// The character as it was read.
    Version(Version),
}

/// How a commit ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    Done,
    /// Somebody else was quicker; nothing was written.
    TooLate,
}

/// Held while something is written.
pub(crate) struct Guard {
    _here: OwnedMutexGuard<()>,
    /// Unlocked when closed.
    _file: Option<File>,
}

/// Requests to a bucket run here, so that they do not depend on the caller's executor.
#[derive(Debug)]
struct Network(Option<tokio::runtime::Runtime>);

impl Drop for Network {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, which async code must not do.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The bytes of all characters.
#[derive(Debug)]
pub(crate) struct Storage {
    store: Arc<dyn ObjectStore>,
    /// The folder, if it is one.
    folder: Option<PathBuf>,
    /// Writers of this process.
    writers: Arc<tokio::sync::Mutex<()>>,
    /// Whether this process has written something.
    has_written: AtomicBool,
    _network: Option<Network>,
}

impl Storage {
    pub fn open(location: &Location) -> Result<Self, LibraryError> {
        let fault = |cause: Box<dyn std::error::Error + Send + Sync>| LibraryError::Storage {
            doing: format!("open the characters in {location}"),
            cause,
        };
        let (store, folder, network): (Arc<dyn ObjectStore>, _, _) = match location {
            Location::Memory => (Arc::new(InMemory::new()), None, None),
            Location::Folder(folder) => {
                let folder = folder.canonicalize().map_err(|cause| fault(cause.into()))?;
                if !folder.is_dir() {
                    return Err(fault("it is not a folder".into()));
                }
                let store = LocalFileSystem::new_with_prefix(&folder).map_err(|cause| fault(cause.into()))?;
                (Arc::new(store.with_automatic_cleanup(true).with_fsync(true)), Some(folder), None)
            }
            Location::Bucket { bucket, prefix } => {
                // Fails if the program has chosen a provider already, which is as well.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("bucket")
                    .enable_all()
                    .build()
                    .map_err(|cause| fault(cause.into()))?;
                let store = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_http_connector(SpawnedReqwestConnector::new(runtime.handle().clone()))
                    .build()
                    .map_err(|cause| fault(cause.into()))?;
                let network = Some(Network(Some(runtime)));
                if prefix.is_empty() {
                    (Arc::new(store), None, network)
                } else {
                    (Arc::new(PrefixStore::new(store, prefix.as_str())), None, network)
                }
            }
        };
        Ok(Self { store, folder, writers: Arc::default(), has_written: AtomicBool::new(false), _network: network })
    }

    pub fn folder(&self) -> Option<&FsPath> {
        self.folder.as_deref()
    }

    /// Whether nobody has asked this before.
    pub fn is_first_writer(&self) -> bool {
        !self.has_written.swap(true, Ordering::Relaxed)
    }

    /// Waits until nobody else writes. In a bucket only this process is kept waiting; others meet at the commit.
    pub async fn lock(&self) -> Result<Guard, LibraryError> {
        let here = self.writers.clone().lock_owned().await;
        let Some(folder) = &self.folder else { return Ok(Guard { _here: here, _file: None }) };
        let path = folder.join(LOCK);
        let fault = |cause| LibraryError::Storage { doing: format!("lock {}", folder.display()), cause };
        let file = blocking(move || {
            let file = File::options().create(true).write(true).truncate(false).open(path)?;
            file.lock()?;
            Ok(file)
        });
        let file = file.await.map_err(|cause: std::io::Error| fault(cause.into()))?;
        Ok(Guard { _here: here, _file: Some(file) })
    }

    /// The names of all folders, in order.
    pub async fn folders(&self) -> Result<Vec<String>, LibraryError> {
        let listed = self.store.list_with_delimiter(None).await.map_err(|cause| fault("list the characters", cause))?;
        let mut names: Vec<_> =
            listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// Files directly in a character's folder.
    pub async fn items(&self, id: &str) -> Result<Vec<Item>, LibraryError> {
        let listed = self.store.list_with_delimiter(Some(&Path::from_iter([id]))).await;
        let listed = listed.map_err(|cause| fault(&format!("list the files of {id}"), cause))?;
        let items = listed.objects.into_iter().filter_map(|meta| {
            let tag = meta.e_tag.unwrap_or_else(|| format!("{}-{}", meta.size, meta.last_modified.timestamp_micros()));
            Some(Item { name: meta.location.filename()?.to_owned(), tag, modified: meta.last_modified })
        });
        Ok(items.collect())
    }

    /// Reads a file of at most `most` bytes; `None` if there is none.
    pub async fn read(&self, id: &str, name: &str, most: usize) -> Result<Option<Object>, LibraryError> {
        let doing = || format!("read {id}/{name}");
        let result = match self.store.get(&path(id, name)?).await {
            Ok(result) => result,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(cause) => return Err(fault(&doing(), cause)),
        };
        if result.meta.size > most as u64 {
            let cause = format!("it has {} bytes, {most} are allowed", result.meta.size);
            return Err(LibraryError::Storage { doing: doing(), cause: cause.into() });
        }
        let version = Version { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
        let bytes = result.bytes().await.map_err(|cause| fault(&doing(), cause))?;
        Ok(Some(Object { bytes, version }))
    }

    /// Writes a file whole.
    pub async fn write(&self, id: &str, name: &str, bytes: Bytes) -> Result<(), LibraryError> {
        let written = self.store.put(&path(id, name)?, bytes.into()).await;
        written.map(|_| ()).map_err(|cause| fault(&format!("write {id}/{name}"), cause))
    }

    /// Writes `character.ron` if it still is as expected. In a folder `guard` keeps other writers of ours away, but not an
    /// author's editor; so it is looked at once more just before.
    pub async fn commit(
        &self,
        _guard: &Guard,
        id: &str,
        text: String,
        expected: Expected,
    ) -> Result<Committed, LibraryError> {
        let path = path(id, COMMIT)?;
        if self.folder.is_some() && !self.is_as_expected(&path, &expected).await? {
            return Ok(Committed::TooLate);
        }
        let mode = match expected {
            // A folder cannot write conditionally; it was looked at.
            _ if self.folder.is_some() => PutMode::Overwrite,
            Expected::Nothing => PutMode::Create,
            Expected::Version(version) => PutMode::Update(version),
        };
        match self.store.put_opts(&path, text.into(), PutOptions { mode, ..PutOptions::default() }).await {
            Ok(_) => Ok(Committed::Done),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. }
                | object_store::Error::NotFound { .. },
            ) => Ok(Committed::TooLate),
            Err(cause) => Err(fault(&format!("write {id}/{COMMIT}"), cause)),
        }
    }

    async fn is_as_expected(&self, path: &Path, expected: &Expected) -> Result<bool, LibraryError> {
        match (self.store.head(path).await, expected) {
            (Ok(_), Expected::Nothing) => Ok(false),
            (Ok(meta), Expected::Version(known)) => Ok(meta.e_tag == known.e_tag && meta.version == known.version),
            (Err(object_store::Error::NotFound { .. }), expected) => Ok(matches!(expected, Expected::Nothing)),
            (Err(cause), _) => Err(fault(&format!("look at {path}"), cause)),
        }
    }

    /// Whether nothing has come into a character's folder or left it for so long that nobody is busy with it.
    pub async fn is_at_rest(&self, id: &str) -> bool {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.join(id)) else { return false };
        let modified = blocking(move || folder.metadata()?.modified()).await;
        modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age >= LEFT_OVER_AGE))
    }

    /// Deletes `character.ron`, and then every other file of its folder.
    pub async fn delete_all(&self, _guard: &Guard, id: &str) -> Result<(), LibraryError> {
        let doing = || format!("delete {id}");
        self.store.delete(&path(id, COMMIT)?).await.map_err(|cause| fault(&doing(), cause))?;
        let rest: Vec<_> = self
            .store
            .list(Some(&Path::from_iter([id])))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(|cause| fault(&doing(), cause))?;
        for path in rest {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(cause) => return Err(fault(&doing(), cause)),
            }
        }
        self.remove_staged(id, true).await;
        Ok(())
    }

    /// Deletes files of a character that the store has written and `is_used` does not know: what an interrupted change
    /// left, or what a change has replaced. An author's own files stay. Whatever goes wrong is told and left for the next time.
    pub async fn sweep(&self, _guard: &Guard, id: &str, is_used: impl Fn(&str) -> bool) {
        let now = Utc::now();
        let left_over = |item: &Item| {
            let old = (now - item.modified).to_std().is_ok_and(|age| age >= LEFT_OVER_AGE);
            is_stored_name(&item.name) && !is_used(&item.name) && (old || !matches!(self.kind(), Kind::Bucket))
        };
        let items = match self.items(id).await {
            Ok(items) => items,
            Err(error) => return tracing::warn!("{error}"),
        };
        for item in items.into_iter().filter(left_over) {
            let Ok(path) = path(id, &item.name) else { continue };
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(cause) => tracing::warn!("cannot delete {id}/{}: {cause}", item.name),
            }
        }
        self.remove_staged(id, false).await;
    }

    /// Removes what a killed process has staged: in a folder, names of ours with `#` and a number behind them. An empty
    /// folder goes with it if it is to.
    async fn remove_staged(&self, id: &str, folder_too: bool) {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.join(id)) else { return };
        let removed = blocking(move || {
            let items = match std::fs::read_dir(&folder) {
                Ok(items) => items,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            for item in items {
                let item = item?;
                if item.file_name().to_str().is_some_and(is_staged) {
                    std::fs::remove_file(item.path())?;
                }
            }
            if folder_too {
                // Not empty if somebody has put something there just now; then it is theirs.
                let _ = std::fs::remove_dir(&folder);
            }
            Ok(())
        });
        if let Err(error) = removed.await {
            tracing::warn!("cannot tidy up {id}: {error}");
        }
    }

    /// The id that was activated last, whether or not there is such a character.
    pub async fn active(&self) -> Result<Option<String>, LibraryError> {
        const MOST: u64 = 100;
        let doing = "read which character is active";
        match self.store.get(&Path::from(ACTIVE)).await {
            Ok(result) if result.meta.size > MOST => Ok(None),
            Ok(result) => {
                let bytes = result.bytes().await.map_err(|cause| fault(doing, cause))?;
                Ok(std::str::from_utf8(&bytes).ok().map(|text| text.trim().to_owned()))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(fault(doing, cause)),
        }
    }

    /// Remembers the active character; `None` is the default one.
    pub async fn set_active(&self, _guard: &Guard, id: Option<&str>) -> Result<(), LibraryError> {
        let path = Path::from(ACTIVE);
        let result = match id {
            Some(id) => self.store.put(&path, format!("{id}\n").into()).await.map(|_| ()),
            None => match self.store.delete(&path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                result => result,
            },
        };
        result.map_err(|cause| fault("remember which character is active", cause))
    }

    fn kind(&self) -> Kind {
        match (&self.folder, &self._network) {
            (Some(_), _) => Kind::Folder,
            (None, Some(_)) => Kind::Bucket,
            (None, None) => Kind::Memory,
        }
    }
}

enum Kind {
    Folder,
    Bucket,
    Memory,
}

/// Whether this is the staged form of a file that the store writes.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(of, number)| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) && (of == COMMIT || is_stored_name(of))
    })
}

/// Both parts were checked before; this is the last line of defence against paths.
fn path(id: &str, name: &str) -> Result<Path, LibraryError> {
    crate::check_id(id)?;
    if name.contains(['/', '\\']) || name.starts_with('.') {
        let cause = "it is no name of a file".into();
        return Err(LibraryError::Storage { doing: format!("open {name:?} of {id}"), cause });
    }
    Path::parse(format!("{id}/{name}")).map_err(|cause| fault(&format!("open {name:?} of {id}"), cause.into()))
}

fn fault(doing: &str, cause: object_store::Error) -> LibraryError {
    LibraryError::Storage { doing: doing.to_owned(), cause: cause.into() }
}

/// Runs what waits for the system where waiting is allowed: on the executor's own threads for that, if there is one.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.map_err(std::io::Error::other)?,
        Err(_) => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_files_are_told_from_an_authors_own() {
        for (name, staged) in [
            ("character.ron#1", true),
            ("portrait-0123456789abcdef.png#12", true),
            ("character.ron", false),
            ("character.ron#", false),
            ("character.ron#old", false),
            ("notes#1", false),
            ("portrait.png#1", false),
        ] {
            assert_eq!(is_staged(name), staged, "{name}");
        }
    }

    /// An author's editor takes no lock; what it has saved meanwhile is not written over.
    #[test]
    fn a_commit_to_a_folder_looks_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let storage = Storage::open(&Location::Folder(folder.path().to_owned())).expect("a folder");
        block_on(async {
            let guard = storage.lock().await.expect("nobody else");
            let commit = async |text: &str, expected| {
                storage.commit(&guard, "ada", text.to_owned(), expected).await.expect("writable")
            };
            assert_eq!(commit("first", Expected::Nothing).await, Committed::Done);
            assert_eq!(commit("again", Expected::Nothing).await, Committed::TooLate);
            let read = async || storage.read("ada", COMMIT, 100).await.expect("readable").expect("there");
            let known = read().await.version;
            std::fs::write(folder.path().join("ada").join(COMMIT), "by hand").expect("writable");
            assert_eq!(commit("second", Expected::Version(known.clone())).await, Committed::TooLate);
            assert_eq!(&read().await.bytes[..], b"by hand");
            assert_eq!(commit("third", Expected::Version(read().await.version)).await, Committed::Done);
            std::fs::remove_file(folder.path().join("ada").join(COMMIT)).expect("there");
            assert_eq!(commit("fourth", Expected::Version(known)).await, Committed::TooLate);
        });
    }

    #[test]
    fn no_path_gets_through() {
        for (id, name) in [("..", "a"), ("a", "../b"), ("a/b", "c"), ("a", ".lock"), ("a", "b\\c"), ("a", "b\0")] {
            assert!(path(id, name).is_err(), "{id} {name}");
        }
        assert_eq!(path("a", "Porträt 1.png").expect("a name").as_ref(), "a/Porträt 1.png");
    }
}
