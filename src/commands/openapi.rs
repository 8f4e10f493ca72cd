//! `visage openapi`: the description of the REST endpoints, for programs and for the repository.

use std::io::Write;

use anyhow::Context;

use super::print;
use crate::cli::Openapi;

pub fn run(asked: &Openapi) -> anyhow::Result<()> {
    let document = visage_server::openapi_json();
    let Some(path) = &asked.out else {
        print(document.trim_end())?;
        return Ok(());
    };
    // Written beside and renamed, so that nobody ever reads half of it.
    let failed = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    file.write_all(document.as_bytes()).with_context(failed)?;
    let file = file.persist(path).with_context(failed)?;
    readable(&file).with_context(failed)
}

/// Temporary files are their owner's alone; a document is for everybody.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
