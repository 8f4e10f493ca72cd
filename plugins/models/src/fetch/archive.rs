//! Taking members out of packages: wheels are ZIP archives, npm's packages are compressed TAR archives.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::SourceError;

/// Takes the members `wanted` out of all archives in `folder`, into files in `folder`. The result says where each is.
pub(super) fn extract(folder: &Path, wanted: &BTreeSet<&str>) -> Result<BTreeMap<String, PathBuf>, SourceError> {
    let mut found = BTreeMap::new();
    let unreadable = |error: io::Error| SourceError::Fails(format!("a package cannot be read: {error}"));
    let mut archives = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        archives.push(entry.map_err(unreadable)?.path());
    }
    archives.sort();
    for archive in archives {
        let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let taken = match archive.extension().and_then(|extension| extension.to_str()) {
            Some("whl") => take_zip(&archive, wanted, folder, &mut found),
            Some("tgz") => take_tar(&archive, wanted, folder, &mut found),
            _ => continue,
        };
        taken.map_err(|reason| SourceError::Fails(format!("{name} cannot be read: {reason}")))?;
    }
    match wanted.iter().find(|member| !found.contains_key(**member)) {
        Some(missing) => Err(SourceError::Fails(format!("{missing} is not in the packages"))),
        None => Ok(found),
    }
}

/// Where a member is put: a name of our own, so that no archive can choose where something is written.
fn place(folder: &Path, found: &BTreeMap<String, PathBuf>) -> PathBuf {
    folder.join(format!("member-{}", found.len()))
}

fn take_zip(
    archive: &Path,
    wanted: &BTreeSet<&str>,
    folder: &Path,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<(), String> {
    let file = File::open(archive).map_err(|error| error.to_string())?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(|error| error.to_string())?;
    for member in wanted {
        let mut content = match archive.by_name(member) {
            Ok(content) => content,
            Err(zip::result::ZipError::FileNotFound) => continue,
            Err(error) => return Err(error.to_string()),
        };
        let path = place(folder, found);
        let copied = File::create(&path).and_then(|mut out| io::copy(&mut content, &mut out));
        copied.map_err(|error| error.to_string())?;
        found.insert((*member).to_owned(), path);
    }
    Ok(())
}

fn take_tar(
    archive: &Path,
    wanted: &BTreeSet<&str>,
    folder: &Path,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<(), String> {
    let take = || -> io::Result<()> {
        let file = io::BufReader::new(File::open(archive)?);
        for entry in tar::Archive::new(flate2::read::GzDecoder::new(file)).entries()? {
            let mut entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            if wanted.contains(name.as_str()) {
                let path = place(folder, found);
                io::copy(&mut entry, &mut File::create(&path)?)?;
                found.insert(name, path);
            }
        }
        Ok(())
    };
    // The closure borrows `found` mutably, so it is run once.
    let mut take = take;
    take().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn members_come_out_of_wheels_and_of_npm_packages() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let wheel = File::create(folder.path().join("a-1-py3-none-any.whl")).expect("a temporary folder");
        let mut wheel = zip::ZipWriter::new(wheel);
        wheel.start_file("a/data/x.bin", zip::write::SimpleFileOptions::default()).expect("it can be written");
        wheel.write_all(b"wheel").expect("it can be written");
        wheel.finish().expect("it can be written");

        let package = File::create(folder.path().join("b-1.0.0.tgz")).expect("a temporary folder");
        let mut package = tar::Builder::new(flate2::write::GzEncoder::new(package, flate2::Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        package.append_data(&mut header, "package/dist/y.bin", &b"npm"[..]).expect("it can be written");
        package.into_inner().and_then(|inner| inner.finish()).expect("it can be written");

        let found = extract(folder.path(), &BTreeSet::from(["a/data/x.bin", "package/dist/y.bin"])).expect("both");
        assert_eq!(std::fs::read(&found["a/data/x.bin"]).expect("it is there"), b"wheel");
        assert_eq!(std::fs::read(&found["package/dist/y.bin"]).expect("it is there"), b"npm");
        let missing = extract(folder.path(), &BTreeSet::from(["a/data/z.bin"]));
        assert!(matches!(missing, Err(SourceError::Fails(reason)) if reason.contains("a/data/z.bin")));
    }

    #[test]
    fn a_broken_archive_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["a.whl", "a.tgz"] {
            let path = folder.path().join(name);
            std::fs::write(&path, b"no archive").expect("a temporary folder");
            let result = extract(folder.path(), &BTreeSet::from(["x"]));
            assert!(matches!(result, Err(SourceError::Fails(reason)) if reason.contains(name)));
            std::fs::remove_file(&path).expect("a temporary folder");
        }
    }
}
