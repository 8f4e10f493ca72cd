//! A file that is hashed while it is written, so that nothing has to be read twice.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::SourceError;
use crate::{
    catalogue::Form,
    store::{READ_BYTES, hex},
};

/// A file that is hashed while it is written.
pub(super) struct Hashed {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    /// Bytes that it has.
    pub size: u64,
    /// Whether it stays when it is not finished.
    keep: bool,
}

impl Hashed {
    /// Begins an empty file, which is removed again unless it is finished.
    pub fn create(path: PathBuf) -> Result<Self, SourceError> {
        let file = File::create(&path).map_err(|error| SourceError::Place(path.clone(), error))?;
        Ok(Self { path, file, hasher: Sha256::new(), size: 0, keep: false })
    }

    /// Goes on where an earlier attempt has left off, if there was one: reads what there is for the hash. What is
    /// written stays for the next attempt.
    pub fn resume(path: PathBuf) -> Result<Self, SourceError> {
        let failed = |error| SourceError::Place(path.clone(), error);
        let mut file = File::options().read(true).append(true).create(true).open(&path).map_err(failed)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut size = 0;
        loop {
            let read = file.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            size += read as u64;
        }
        Ok(Self { path, file, hasher, size, keep: true })
    }

    /// Appends, with an error that says which file it was.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        self.write_all(bytes).map_err(|error| SourceError::Place(self.path.clone(), error))
    }

    /// The file and what it contains.
    pub fn finish(mut self) -> (PathBuf, Form) {
        self.keep = true;
        let hasher = std::mem::take(&mut self.hasher);
        (self.path.clone(), Form { sha256: hex(hasher), size: self.size })
    }
}

impl Drop for Hashed {
    fn drop(&mut self) {
        if !self.keep && fs::remove_file(&self.path).is_err() {
            tracing::debug!("{} could not be removed", self.path.display());
        }
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Removes a file that may not be there.
pub(super) fn remove(path: &Path) -> Result<(), SourceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SourceError::Place(path.to_owned(), error)),
        _ => Ok(()),
    }
}
