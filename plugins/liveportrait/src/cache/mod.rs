//! Pictures that took long to draw, kept: in memory for playing, on disk for the next time.
//!
//! A picture is found by its [`Key`]: the hash of the face it is of, the networks that drew it, the version of the grid
//! and the pose. Whatever changes one of them changes the key, so nothing ever has to be declared stale; what is not asked
//! for any more goes when room is needed.

mod disk;
#[cfg(test)]
mod kill_test;
mod memory;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest, Sha256};
use visage_core::FacePose;

use crate::{
    grid::{self, GRID_VERSION, Node},
    picture::{BYTES, Picture},
};
use disk::{Disk, Found};
use memory::Memory;

/// The variable that names the folder of pictures.
pub const PICTURES_VARIABLE: &str = "VISAGE_PICTURES";
/// What pictures take in memory at most: 170 of them, more than one character's speech and idle life.
pub const MEMORY_BYTES: usize = 128 * 1024 * 1024;
/// What pictures take on disk at most: about 3,800 of them.
pub const DISK_BYTES: u64 = 1024 * 1024 * 1024;

/// Why a picture cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep pictures in {}: {source}. Make room there, or name another folder with {PICTURES_VARIABLE}.", path.display())]
pub struct CacheError {
    /// The folder or file.
    pub path: PathBuf,
    /// What the system says.
    pub source: std::io::Error,
}

/// What pictures are of: one face, and the networks that move it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin([u8; 32]);

impl Origin {
    /// `face`: the bytes of the face that the networks are given. `networks`: what tells these networks, at their
    /// precision, from all others; the hashes of their files.
    pub fn new(face: &[u8], networks: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"visage face and networks\0");
        hasher.update((face.len() as u64).to_le_bytes());
        hasher.update(face);
        hasher.update(networks);
        Self(hasher.finalize().into())
    }

    /// The name of the picture of a pose. Poses that are the same after [`grid::snap`] have the same one.
    pub fn key(&self, pose: &FacePose) -> Key {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(GRID_VERSION.to_le_bytes());
        for step in grid::steps(pose) {
            hasher.update(step.to_le_bytes());
        }
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        Key { folder: [a, b, c, d, e, f, g, h], hash: hasher.finalize().into() }
    }

    /// The name of the picture of a node.
    pub fn node(&self, node: Node) -> Key {
        self.key(&node.pose())
    }
}

/// The name of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Begins the hash of the [`Origin`]: pictures of one face lie in one folder.
    folder: [u8; 8],
    hash: [u8; 32],
}

impl Key {
    /// Its file below the folder of pictures.
    fn path(&self, root: &Path) -> PathBuf {
        root.join(hex(&self.folder)).join(hex(&self.hash) + ".png")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", hex(&self.folder), hex(&self.hash))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where pictures are kept, and how many.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// Bytes in memory.
    pub memory: usize,
    /// The folder, `None` for memory alone.
    pub folder: Option<PathBuf>,
    /// Bytes on disk.
    pub disk: u64,
}

impl Default for CacheSettings {
    /// The folder that `VISAGE_PICTURES` names, or `visage/pictures` in the user's cache folder.
    fn default() -> Self {
        let named = std::env::var_os(PICTURES_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cached = || directories::BaseDirs::new().map(|base| base.cache_dir().join("visage").join("pictures"));
        // Without a home folder (some containers) the temporary folder has to do.
        let folder = named.or_else(cached).unwrap_or_else(|| std::env::temp_dir().join("visage-pictures"));
        Self { memory: MEMORY_BYTES, folder: Some(folder), disk: DISK_BYTES }
    }
}

/// What a cache has done since it was opened, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatistics {
    /// Pictures that were asked for and lay in memory.
    pub memory_hits: u64,
    /// Pictures that had to be read from disk.
    pub disk_hits: u64,
    /// Pictures that were asked for and are nowhere.
    pub misses: u64,
    /// Files that were damaged and thrown away.
    pub damaged: u64,
    /// Pictures in memory, bytes.
    pub memory_bytes: u64,
    /// Pictures on disk, bytes, as far as this process knows.
    pub disk_bytes: u64,
}

/// Pictures in memory over pictures on disk. Any number of threads and processes may use one folder.
#[derive(Debug)]
pub struct PictureCache {
    memory: Mutex<Memory>,
    disk: Option<Disk>,
    memory_hits: AtomicU64,
    disk_hits: AtomicU64,
    misses: AtomicU64,
    damaged: AtomicU64,
}

impl PictureCache {
    /// Opens or begins a cache.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(settings: CacheSettings) -> Result<Self, CacheError> {
        let disk = settings.folder.map(|folder| Disk::open(folder, settings.disk)).transpose()?;
        Ok(Self {
            memory: Mutex::new(Memory::new(settings.memory)),
            disk,
            memory_hits: AtomicU64::new(0),
            disk_hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
        })
    }

    /// A picture that lies in memory. Never waits for the disk.
    pub fn in_memory(&self, key: &Key) -> Option<Picture> {
        let found = self.memory().get(key);
        if found.is_some() {
            self.memory_hits.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// A picture, wherever it lies; from disk it takes some milliseconds, and is in memory afterwards.
    pub fn get(&self, key: &Key) -> Option<Picture> {
        if let Some(picture) = self.in_memory(key) {
            return Some(picture);
        }
        let found = self.disk.as_ref().map_or(Found::Nothing, |disk| disk.read(key));
        match found {
            Found::Picture(picture) => {
                self.disk_hits.fetch_add(1, Ordering::Relaxed);
                self.memory().put(*key, picture.clone());
                Some(picture)
            }
            Found::Damaged => {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                self.misses.fetch_add(1, Ordering::Relaxed);
                None
            }
            Found::Nothing => {
                self.misses.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Whether a picture is kept, whole, where it outlives the program (in memory, if there is no disk).
    pub fn holds(&self, key: &Key) -> bool {
        let Some(disk) = &self.disk else { return self.memory().get(key).is_some() };
        let found = disk.check(key);
        if found == Some(false) {
            self.damaged.fetch_add(1, Ordering::Relaxed);
        }
        found == Some(true)
    }

    /// Keeps a picture, in memory and on disk.
    ///
    /// # Errors
    /// It could not be written. It is in memory all the same.
    pub fn put(&self, key: &Key, picture: &Picture) -> Result<(), CacheError> {
        self.memory().put(*key, picture.clone());
        self.disk.as_ref().map_or(Ok(()), |disk| disk.write(key, picture))
    }

    /// Whether one more picture fits into memory without another one leaving it.
    pub fn has_room(&self) -> bool {
        self.memory().room() >= BYTES
    }

    /// Gives the memory back. What is on disk stays.
    pub fn release(&self) {
        self.memory().clear();
    }

    /// What it has done and holds.
    pub fn statistics(&self) -> CacheStatistics {
        CacheStatistics {
            memory_hits: self.memory_hits.load(Ordering::Relaxed),
            disk_hits: self.disk_hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            memory_bytes: self.memory().bytes() as u64,
            disk_bytes: self.disk.as_ref().map_or(0, Disk::bytes),
        }
    }

    /// A panic elsewhere cannot leave the memory half changed in a way that matters: at worst a picture is not kept.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc, thread};

    use visage_core::Blendshape;

    use super::*;
    use crate::picture::tests::plain;

    fn settings(folder: &Path, pictures: usize) -> CacheSettings {
        CacheSettings { memory: pictures * BYTES, folder: Some(folder.to_owned()), disk: DISK_BYTES }
    }

    fn open(folder: &Path, pictures: usize) -> PictureCache {
        PictureCache::open(settings(folder, pictures)).expect("a temporary folder")
    }

    fn jaw(amount: f32) -> FacePose {
        FacePose::of(&[(Blendshape::JawOpen, amount)])
    }

    #[test]
    fn whatever_changes_the_picture_changes_the_key() {
        let key = |face: &[u8], networks: &str, pose: &FacePose| Origin::new(face, networks).key(pose);
        let one = key(b"face", "a", &jaw(0.5));
        assert_eq!(one, key(b"face", "a", &jaw(0.5 + 0.001)), "less than a step");
        let mut turned = jaw(0.5);
        turned.head.yaw = 0.01;
        for (what, other) in [
            ("the face", key(b"faces", "a", &jaw(0.5))),
            ("the networks", key(b"face", "b", &jaw(0.5))),
            ("where the face ends", key(b"fac", "ea", &jaw(0.5))),
            ("the pose", key(b"face", "a", &jaw(0.52))),
            ("another shape", key(b"face", "a", &FacePose::of(&[(Blendshape::MouthClose, 0.5)]))),
            ("the head", key(b"face", "a", &turned)),
        ] {
            assert_ne!(one, other, "{what}");
        }
    }

    #[test]
    fn the_version_of_the_grid_is_part_of_the_key() {
        // The hash is computed here anew, from what the documentation says that it is made of.
        let origin = Origin::new(b"face", "a");
        let mut hasher = Sha256::new();
        hasher.update(origin.0);
        hasher.update(GRID_VERSION.to_le_bytes());
        hasher.update([0; 58 * 2]);
        let expected: [u8; 32] = hasher.finalize().into();
        assert_eq!(origin.node(Node::REST).hash, expected);
    }

    #[test]
    fn pictures_come_from_memory_then_from_disk_then_from_nowhere() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let origin = Origin::new(b"face", "a");
        let (one, two) = (origin.key(&jaw(0.1)), origin.key(&jaw(0.2)));
        let cache = open(folder.path(), 1);
        assert!(cache.get(&one).is_none() && !cache.holds(&one));
        cache.put(&one, &plain([1, 2, 3])).expect("writable");
        cache.put(&two, &plain([4, 5, 6])).expect("writable");
        assert!(cache.in_memory(&one).is_none() && cache.in_memory(&two).is_some(), "there is room for one");
        assert_eq!(cache.get(&one), Some(plain([1, 2, 3])), "from disk");
        assert_eq!(cache.get(&one), Some(plain([1, 2, 3])), "from memory");
        let found = cache.statistics();
        assert_eq!((found.misses, found.memory_hits, found.disk_hits, found.damaged), (1, 2, 1, 0));
        assert_eq!(found.memory_bytes, BYTES as u64);
        assert!(found.disk_bytes > 0);
        cache.release();
        assert_eq!(cache.statistics().memory_bytes, 0);
        // Another program, later.
        let later = open(folder.path(), 1);
        assert_eq!(later.statistics().disk_bytes, found.disk_bytes);
        assert!(later.holds(&one) && later.holds(&two) && !later.holds(&origin.key(&jaw(0.3))));
        assert_eq!(later.get(&two), Some(plain([4, 5, 6])));
    }

    #[test]
    fn without_a_disk_memory_is_all() {
        let cache = PictureCache::open(CacheSettings { memory: BYTES, folder: None, disk: 0 }).expect("no folder");
        let key = Origin::new(b"face", "a").node(Node::Tucked);
        assert!(cache.get(&key).is_none());
        cache.put(&key, &plain([7; 3])).expect("nothing is written");
        assert!(cache.holds(&key));
        assert_eq!(cache.get(&key), Some(plain([7; 3])));
        assert_eq!(cache.statistics().disk_bytes, 0);
    }

    #[test]
    fn poses_that_are_the_same_on_the_grid_share_a_picture() {
        let origin = Origin::new(b"face", "a");
        let key = |amount| origin.key(&jaw(amount));
        assert_eq!(key(0.3), key(0.3005));
        assert_ne!(key(0.3), key(0.31));
        assert_eq!(origin.key(&grid::snap(&jaw(0.3))), key(0.3));
    }

    #[test]
    fn a_folder_that_cannot_be_written_says_so_and_memory_still_works() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("pictures");
        let cache = open(&root, 4);
        fs::remove_dir_all(&root).expect("there");
        fs::write(&root, "a file in its place").expect("a temporary folder");
        let key = Origin::new(b"face", "a").node(Node::Tucked);
        let error = cache.put(&key, &plain([1; 3])).expect_err("no folder").to_string();
        assert!(error.contains("VISAGE_PICTURES"), "{error}");
        assert_eq!(cache.get(&key), Some(plain([1; 3])));
        assert!(PictureCache::open(settings(&root, 1)).is_err());
    }

    #[test]
    fn two_caches_and_many_threads_share_a_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let origin = Origin::new(b"face", "a");
        let caches = [Arc::new(open(folder.path(), 2)), Arc::new(open(folder.path(), 2))];
        let colour = |n: usize| [n as u8, 1, 2];
        thread::scope(|scope| {
            for number in 0..4 {
                let (cache, origin) = (caches[number % 2].clone(), &origin);
                scope.spawn(move || {
                    for round in 0..24 {
                        let n = (round * 5 + number) % 6;
                        let key = origin.key(&jaw(n as f32 / 10.0));
                        match cache.get(&key) {
                            Some(picture) => assert_eq!(picture, plain(colour(n)), "another picture"),
                            None => cache.put(&key, &plain(colour(n))).expect("writable"),
                        }
                    }
                });
            }
        });
        for cache in caches {
            let found = cache.statistics();
            assert_eq!(found.damaged, 0);
            assert!(found.memory_bytes <= 2 * BYTES as u64);
            assert!((0..6).all(|n| cache.get(&origin.key(&jaw(n as f32 / 10.0))) == Some(plain(colour(n)))));
        }
    }
}
