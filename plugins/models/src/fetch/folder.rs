//! A folder on this machine as a source.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{SourceError, hashed::Hashed, place, temporary};
use crate::{
    catalogue::{Model, ModelFile},
    progress::Progress,
    store::READ_BYTES,
};

/// Copies the wanted files of a model out of `from`.
pub(super) fn copy(
    from: &Path,
    model: &Model,
    wanted: &[&ModelFile],
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), SourceError> {
    for file in wanted {
        let places = [from.join(&model.id).join(&file.name), from.join(&file.name)];
        let found = places.iter().find(|place| place.is_file());
        let found = found.ok_or_else(|| SourceError::Fails(format!("it has no {}", file.name)))?;
        copy_file(found, file, folder, progress)?;
    }
    Ok(())
}

/// Copies one file into its place, hashing on the way.
pub(super) fn copy_file(
    from: &Path,
    file: &ModelFile,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), SourceError> {
    let unreadable = |error: io::Error| SourceError::Fails(format!("{}: {error}", from.display()));
    let mut source = File::open(from).map_err(unreadable)?;
    let total = source.metadata().map_err(unreadable)?.len();
    progress.begin(&format!("copying {}", file.name), Some(total));
    let mut target = Hashed::create(temporary(file, folder))?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = source.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        target.append(&buffer[..read])?;
        progress.at(target.size);
    }
    let (path, form) = target.finish();
    place(&path, &form, file, folder)
}
