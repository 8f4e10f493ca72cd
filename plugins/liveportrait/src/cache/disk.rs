//! Pictures as files: PNG, so that a person can look at them, each with a seal behind it.
//!
//! PNG rather than WebP without loss: of twelve portraits, a crop each, PNG took 276 KB and 2.5 ms to decode, WebP 213 KB
//! and 5.0 ms (10 and 8 ms to encode); decoding happens while the picture moves. PNG's stronger compression saves a tenth
//! and takes fourteen times as long.
//!
//! A file is the PNG and, behind its end, the SHA-256 of the key and the PNG. Programs that show pictures ignore what is
//! behind the end. A file that is cut, has a flipped bit or another key's content does not match its seal: it is removed
//! and never shown. A file appears under its name whole: written beside, flushed, renamed. When two processes write the same
//! picture, either may win.
//!
//! A file's time of change says when it was last used. When the limit is passed, the folder is counted anew (other processes
//! write to it too) and the files used longest ago go.

use std::{
    fs::{self, File},
    io::{self, Cursor, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use image::{
    ColorType, ExtendedColorType, ImageDecoder, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder},
};
use sha2::{Digest, Sha256};

use super::{CacheError, Key};
use crate::picture::{BYTES, Picture, SIDE};

/// Bytes behind the picture.
const SEAL_BYTES: usize = 32;
/// A larger file is none of ours: a picture that does not compress at all is this large.
const LARGEST_FILE: u64 = (BYTES + BYTES / 8) as u64;
/// Begins the name of a file that is being written.
const PART: &str = ".part-";
/// A file that has been written for so long has no writer any more.
const PART_AGE: Duration = Duration::from_secs(60 * 60);
/// When room is made, so much of the limit is left filled, so that it need not be made for every picture.
const FILLED_AFTERWARDS: f64 = 0.9;

/// What a file turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// A whole picture.
    Picture(Picture),
    /// It was damaged, and is gone.
    Damaged,
    /// There is none, or it cannot be read now.
    Nothing,
}

/// The folder of pictures.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    limit: u64,
    /// Bytes of all pictures, when they were last counted, and of those written here since.
    bytes: AtomicU64,
    /// Held while room is made: once at a time is enough.
    cleaning: Mutex<()>,
}

/// A picture's file.
struct Entry {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Disk {
    /// The pictures in `root`, which is made. Sweeps what killed writers left.
    pub fn open(root: PathBuf, limit: u64) -> Result<Self, CacheError> {
        let failed = |source| CacheError { path: root.clone(), source };
        fs::create_dir_all(&root).map_err(failed)?;
        let entries = entries(&root).map_err(failed)?;
        let bytes = AtomicU64::new(entries.iter().map(|entry| entry.bytes).sum::<u64>());
        Ok(Self { root, limit, bytes, cleaning: Mutex::new(()) })
    }

    /// Bytes of all pictures, as far as this process knows.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A picture. It counts as used now.
    pub fn read(&self, key: &Key) -> Found {
        let path = key.path(&self.root);
        let Some(file) = self.file(&path) else { return Found::Nothing };
        let picture = unsealed(&file, key).and_then(decode);
        if picture.is_none() {
            self.discard(&path, file.len() as u64);
        }
        picture.map_or(Found::Damaged, Found::Picture)
    }

    /// Whether a picture is there (`Some(true)`), was damaged and is gone (`Some(false)`), or is not there.
    pub fn check(&self, key: &Key) -> Option<bool> {
        let path = key.path(&self.root);
        let file = self.file(&path)?;
        let whole = unsealed(&file, key).is_some();
        if !whole {
            self.discard(&path, file.len() as u64);
        }
        Some(whole)
    }

    /// Keeps a picture, and removes others if there is no room.
    pub fn write(&self, key: &Key, picture: &Picture) -> Result<(), CacheError> {
        let path = key.path(&self.root);
        let failed = |source| CacheError { path: path.clone(), source };
        let mut file = encode(picture).map_err(failed)?;
        file.extend(seal(key, &file));
        let folder = path.parent().unwrap_or(&self.root);
        // Another process may remove an empty folder just now: it is made once more.
        let written = place(folder, &path, &file);
        let written = if written.as_ref().is_err_and(missing) { place(folder, &path, &file) } else { written };
        written.map_err(failed)?;
        if self.bytes.fetch_add(file.len() as u64, Ordering::Relaxed) + file.len() as u64 > self.limit {
            self.make_room();
        }
        Ok(())
    }

    /// A file's bytes; it counts as used now. `None` if it is not there or cannot be read.
    fn file(&self, path: &Path) -> Option<Vec<u8>> {
        let read = || {
            let mut file = File::open(path)?;
            if file.metadata()?.len() > LARGEST_FILE {
                // Cut, so that it does not match its seal.
                return Ok(Vec::new());
            }
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut file, &mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => {
                self.touch(path);
                Some(bytes)
            }
            Err(error) if missing(&error) => None,
            Err(error) => {
                tracing::warn!("cannot read {}: {error}", path.display());
                None
            }
        }
    }

    fn touch(&self, path: &Path) {
        let touched = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            // A folder that may only be read: it does no harm that its files look unused.
            tracing::debug!("cannot mark {} as used: {error}", path.display());
        }
    }

    /// Removes a damaged file.
    fn discard(&self, path: &Path, bytes: u64) {
        tracing::warn!("{} was damaged; it is thrown away", path.display());
        match fs::remove_file(path) {
            Ok(()) => self.forget(bytes),
            Err(error) if missing(&error) => {}
            Err(error) => tracing::warn!("cannot remove {}: {error}", path.display()),
        }
    }

    fn forget(&self, bytes: u64) {
        // Never fails: the closure always gives a value.
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sum| Some(sum.saturating_sub(bytes)));
    }

    /// Removes the files used longest ago until there is room again.
    fn make_room(&self) {
        let _guard = self.cleaning.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = match entries(&self.root) {
            Ok(files) => files,
            Err(error) => return tracing::warn!("cannot list {}: {error}", self.root.display()),
        };
        let mut bytes: u64 = files.iter().map(|entry| entry.bytes).sum();
        if bytes > self.limit {
            files.sort_by_key(|entry| entry.used);
            let wanted = (self.limit as f64 * FILLED_AFTERWARDS) as u64;
            for entry in &files {
                if bytes <= wanted {
                    break;
                }
                match fs::remove_file(&entry.path) {
                    Err(error) if !missing(&error) => {
                        tracing::warn!("cannot remove {}: {error}", entry.path.display());
                        continue;
                    }
                    // Removed here or by another process.
                    _ => bytes -= entry.bytes,
                }
                if let Some(folder) = entry.path.parent() {
                    // Refused unless it is empty.
                    let _ = fs::remove_dir(folder);
                }
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// All pictures below a folder. Removes files that killed writers left.
fn entries(root: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root)? {
        let folder = folder?.path();
        // Whatever else lies here is none of ours, and what vanishes meanwhile needs no counting.
        let Ok(files) = fs::read_dir(&folder) else { continue };
        for file in files.flatten() {
            let (path, name) = (file.path(), file.file_name());
            let Ok(about) = file.metadata() else { continue };
            let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if is_ours(&name.to_string_lossy()) {
                found.push(Entry { path, bytes: about.len(), used });
            } else if name.to_string_lossy().starts_with(PART) && used.elapsed().is_ok_and(|age| age > PART_AGE) {
                // Should it be in use after all, its writer fails and says so.
                let _ = fs::remove_file(path);
            }
        }
    }
    Ok(found)
}

/// Whether a file has a name that [`Key::path`] gives.
fn is_ours(name: &str) -> bool {
    name.strip_suffix(".png").is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Writes a file that appears whole.
fn place(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(PART).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// What stands behind a picture in its file.
fn seal(key: &Key, png: &[u8]) -> [u8; SEAL_BYTES] {
    let mut hasher = Sha256::new();
    hasher.update(key.folder);
    hasher.update(key.hash);
    hasher.update(png);
    hasher.finalize().into()
}

/// The picture of a file whose seal is right.
fn unsealed<'a>(file: &'a [u8], key: &Key) -> Option<&'a [u8]> {
    let (png, found) = file.split_last_chunk::<SEAL_BYTES>()?;
    (seal(key, png) == *found).then_some(png)
}

fn encode(picture: &Picture) -> io::Result<Vec<u8>> {
    let mut png = Vec::with_capacity(BYTES / 2);
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(picture.rgb(), SIDE as u32, SIDE as u32, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(png)
}

/// The pixels of a picture of the right kind and size. A sealed file is what was written here, but perhaps by another
/// version of the program.
fn decode(png: &[u8]) -> Option<Picture> {
    let decoder = PngDecoder::new(Cursor::new(png)).ok()?;
    if decoder.dimensions() != (SIDE as u32, SIDE as u32) || decoder.color_type() != ColorType::Rgb8 {
        return None;
    }
    let mut rgb = vec![0; BYTES];
    decoder.read_image(&mut rgb).ok()?;
    Picture::new(rgb)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use visage_core::{Blendshape, FacePose};

    use super::*;
    use crate::{cache::Origin, picture::tests::plain};

    fn key(number: u32) -> Key {
        Origin::new(b"face", "a").key(&FacePose::of(&[(Blendshape::JawOpen, number as f32 / 20.0)]))
    }

    /// A picture that does not compress: what a file takes is as good as constant.
    fn noise(seed: u32) -> Picture {
        let mut state = seed.wrapping_mul(2_654_435_761).max(1);
        let bytes = (0..BYTES).map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        });
        Picture::new(bytes.collect::<Vec<_>>()).expect("it has the right size")
    }

    fn disk(limit: u64) -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = Disk::open(folder.path().join("pictures"), limit).expect("a temporary folder");
        (folder, disk)
    }

    /// Puts a picture, damages its file, and checks that it is dropped, and that a new one may take its place.
    #[track_caller]
    fn check(what: &str, damage: impl Fn(&mut Vec<u8>)) {
        let (_folder, disk) = disk(u64::MAX);
        let path = key(1).path(&disk.root);
        for checked in [false, true] {
            disk.write(&key(1), &noise(1)).expect("writable");
            assert_eq!(disk.read(&key(1)), Found::Picture(noise(1)));
            let mut file = fs::read(&path).expect("it was written");
            damage(&mut file);
            fs::write(&path, file).expect("a temporary folder");
            if checked {
                assert_eq!(disk.check(&key(1)), Some(false), "{what}");
            } else {
                assert_eq!(disk.read(&key(1)), Found::Damaged, "{what}");
            }
            assert!(!path.exists(), "{what}: it is still there");
            assert_eq!((disk.read(&key(1)), disk.check(&key(1))), (Found::Nothing, None));
        }
    }

    #[test]
    fn damaged_files_are_dropped() {
        let (_folder, disk) = disk(u64::MAX);
        disk.write(&key(1), &noise(1)).expect("writable");
        let length = fs::metadata(key(1).path(&disk.root)).expect("it was written").len() as usize;
        for at in [0, 1, 20, 40, 1_000, length / 2, length - SEAL_BYTES - 1, length - SEAL_BYTES, length - 1] {
            check(&format!("a flipped bit at {at}"), |file| file[at] ^= 0x10);
            check(&format!("cut at {at}"), |file| file.truncate(at));
        }
        check("one byte more", |file| file.push(0));
        check("its middle is missing", |file| drop(file.drain(1_000..1_512)));
        check("all zero", |file| file.fill(0));
        check("the picture of another pose", |file| *file = sealed(&noise(2), &key(2)));
        check("far too large", |file| file.resize(2 * BYTES, 0));
    }

    fn sealed(picture: &Picture, key: &Key) -> Vec<u8> {
        let mut file = encode(picture).expect("it can be encoded");
        file.extend(seal(key, &file));
        file
    }

    #[test]
    fn a_sealed_file_that_is_no_picture_of_ours_is_dropped() {
        let (_folder, disk) = disk(u64::MAX);
        let mut small = Vec::new();
        PngEncoder::new(&mut small).write_image(&[0; 12], 2, 2, ExtendedColorType::Rgb8).expect("it can be encoded");
        let mut grey = Vec::new();
        PngEncoder::new(&mut grey)
            .write_image(&vec![0; SIDE * SIDE], SIDE as u32, SIDE as u32, ExtendedColorType::L8)
            .expect("it can be encoded");
        for (what, mut file) in [("2×2", small), ("grey", grey), ("empty", Vec::new())] {
            disk.write(&key(1), &plain([0; 3])).expect("writable");
            file.extend(seal(&key(1), &file));
            fs::write(key(1).path(&disk.root), file).expect("a temporary folder");
            assert_eq!(disk.read(&key(1)), Found::Damaged, "{what}");
        }
    }

    #[test]
    fn any_program_can_show_a_picture() {
        let (_folder, disk) = disk(u64::MAX);
        disk.write(&key(1), &noise(3)).expect("writable");
        let shown = image::open(key(1).path(&disk.root)).expect("it is a PNG").to_rgb8();
        assert_eq!(shown.into_raw(), noise(3).rgb());
    }

    fn age(disk: &Disk, number: u32, seconds: u64) {
        let file = File::options().append(true).open(key(number).path(&disk.root)).expect("it was written");
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).expect("a temporary folder");
    }

    fn there(disk: &Disk, numbers: std::ops::Range<u32>) -> BTreeSet<u32> {
        numbers.filter(|&number| key(number).path(&disk.root).exists()).collect()
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let one = sealed(&noise(1), &key(1)).len() as u64;
        let (_folder, disk) = disk(5 * one + one / 2);
        for number in 0..5 {
            disk.write(&key(number), &noise(number)).expect("writable");
            age(&disk, number, 1_000 - u64::from(number));
        }
        assert_eq!(there(&disk, 0..8), BTreeSet::from([0, 1, 2, 3, 4]));
        // The oldest is used once more.
        assert!(matches!(disk.read(&key(0)), Found::Picture(_)));
        disk.write(&key(5), &noise(5)).expect("writable");
        assert_eq!(there(&disk, 0..8), BTreeSet::from([0, 3, 4, 5]), "down to nine tenths");
        assert_eq!(disk.bytes(), entries(&disk.root).expect("readable").iter().map(|entry| entry.bytes).sum::<u64>());
        assert!(disk.bytes() <= disk.limit);
    }

    #[test]
    fn what_another_process_wrote_counts_and_strange_files_stay() {
        let one = sealed(&noise(1), &key(1)).len() as u64;
        let (folder, disk) = disk(4 * one + one / 2);
        let other = Disk::open(folder.path().join("pictures"), u64::MAX).expect("a temporary folder");
        for number in 0..4 {
            other.write(&key(number), &noise(number)).expect("writable");
            age(&disk, number, 1_000 - u64::from(number));
        }
        let strange = disk.root.join("notes").join("mine.png");
        fs::create_dir_all(strange.parent().expect("it has one")).expect("a temporary folder");
        fs::write(&strange, vec![0; 8 * BYTES]).expect("a temporary folder");
        // This one believes the folder to be empty until it has written more than fits.
        for number in 4..9 {
            disk.write(&key(number), &noise(number)).expect("writable");
            age(&disk, number, 900 - u64::from(number));
        }
        assert!(there(&disk, 0..9).is_subset(&BTreeSet::from([5, 6, 7, 8])));
        assert!(there(&disk, 0..9).contains(&8), "the newest stays");
        assert!(strange.exists());
    }

    #[test]
    fn what_killed_writers_left_is_swept_and_what_is_being_written_is_not() {
        let (folder, disk) = disk(u64::MAX);
        disk.write(&key(1), &noise(1)).expect("writable");
        let beside = key(1).path(&disk.root);
        let [old, new] = ["old", "new"].map(|name| beside.with_file_name(format!("{PART}{name}")));
        for part in [&old, &new] {
            fs::write(part, b"half a pict").expect("a temporary folder");
        }
        let past = SystemTime::now() - 2 * PART_AGE;
        File::options().append(true).open(&old).and_then(|file| file.set_modified(past)).expect("a temporary folder");
        let again = Disk::open(folder.path().join("pictures"), u64::MAX).expect("a temporary folder");
        assert_eq!((old.exists(), new.exists()), (false, true));
        assert_eq!(again.bytes(), fs::metadata(&beside).expect("there").len(), "parts do not count");
    }
}
