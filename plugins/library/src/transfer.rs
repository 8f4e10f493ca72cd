//! Characters leave and enter as archives.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    CharacterFile, Entry, Library, LibraryError,
    archive::{Limits, pack, unpack},
};

/// Largest archive in bytes: one portrait and one background of the largest size, and recordings.
pub const MAX_ARCHIVE_BYTES: usize = 128 << 20;
/// Most files of an archive. A character needs six.
pub const MAX_FILES: usize = 32;
/// Most bytes of an archive's files together, unpacked.
pub const MAX_UNPACKED_BYTES: u64 = 160 << 20;

impl Library {
    /// A character with all files that it names as a zip archive. Its `character.ron` is as it is stored, comments included.
    ///
    /// # Errors
    /// As [`Library::load`].
    pub async fn export(&self, id: &str) -> Result<Vec<u8>, LibraryError> {
        loop {
            let (text, etag) = self.text(id).await?;
            let entry = self.get(id).await?;
            let mut files = BTreeMap::new();
            let mut fault = None;
            for (part, name) in entry.file.assets() {
                match self.asset(id, part, name).await {
                    Ok(asset) => drop(files.insert(asset.name, asset.bytes)),
                    Err(error) => fault = Some(error),
                }
            }
            // Changed in the middle: text and files may not belong together.
            if self.text(id).await?.1 != etag {
                continue;
            }
            if let Some(error) = fault {
                return Err(error);
            }
            return pack(&text, &files).map_err(|error| LibraryError::Archive(error.to_string()));
        }
    }

    /// Takes in an archive as a new character. Its id is `id`, or the one in its file, or made of its name. Files that its
    /// `character.ron` does not name are left behind.
    ///
    /// # Errors
    /// [`LibraryError::Archive`], [`LibraryError::File`], [`LibraryError::Upload`], [`LibraryError::Missing`],
    /// [`LibraryError::Exists`], [`LibraryError::InvalidId`], [`LibraryError::Storage`].
    pub async fn import(&self, archive: Bytes, id: Option<&str>) -> Result<Entry, LibraryError> {
        if archive.len() > MAX_ARCHIVE_BYTES {
            let most = MAX_ARCHIVE_BYTES >> 20;
            return Err(LibraryError::Archive(format!("it has {} bytes, {most} MiB are allowed", archive.len())));
        }
        let limits = Limits { files: MAX_FILES, unpacked: MAX_UNPACKED_BYTES };
        let (text, files) = match tokio::runtime::Handle::try_current() {
            Ok(runtime) => runtime
                .spawn_blocking(move || unpack(&archive, limits))
                .await
                .map_err(|cause| LibraryError::Archive(cause.to_string()))?,
            Err(_) => unpack(&archive, limits),
        }
        .map_err(LibraryError::Archive)?;
        let file = CharacterFile::parse(&text)?;
        let assets =
            file.assets().into_iter().filter_map(|(part, name)| Some((part, files.get(name)?.clone()))).collect();
        self.create_with(id, file, assets).await
    }
}
