//! A character as one zip archive: `character.ron` and the files that it names, without folders. Nothing of an archive is
//! believed: names, kinds, number and sizes are checked, sizes while unpacking.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read, Write},
};

use bytes::Bytes;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{check::file_name, storage::COMMIT};

/// What may be in an archive.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Most files.
    pub files: usize,
    /// Most bytes of all files together, unpacked.
    pub unpacked: u64,
}

/// Packs `character.ron` and files beside it. The same content makes the same archive.
pub(crate) fn pack(text: &str, files: &BTreeMap<String, Bytes>) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    // Fixed times keep it reproducible. Pictures and sound are compressed already.
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    writer.start_file(COMMIT, options.compression_method(CompressionMethod::Deflated))?;
    writer.write_all(text.as_bytes())?;
    for (name, bytes) in files {
        writer.start_file(name.as_str(), options.compression_method(CompressionMethod::Stored))?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Unpacks an archive: the text of `character.ron`, and all other files by name.
pub(crate) fn unpack(archive: &[u8], limits: Limits) -> Result<(String, BTreeMap<String, Bytes>), String> {
    let mut archive =
        ZipArchive::new(Cursor::new(archive)).map_err(|error| format!("it is no zip archive ({error})"))?;
    if archive.len() > limits.files {
        return Err(format!("it has {} files, {} are allowed", archive.len(), limits.files));
    }
    let mut text = None;
    let mut files = BTreeMap::new();
    let mut left = limits.unpacked;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| format!("its file {index} cannot be read ({error})"))?;
        let name =
            file.name().map_err(|error| format!("the name of its file {index} cannot be read ({error})"))?.into_owned();
        let shown: String = name.chars().take(100).collect();
        if file.is_dir() || name.contains(['/', '\\']) {
            return Err(format!("it has a folder in it ({shown:?}); {COMMIT} and its files must lie at the top"));
        }
        if !file.is_file() || file.is_symlink() {
            return Err(format!("{shown:?} is a link or another special file"));
        }
        if name != COMMIT {
            file_name(&name).map_err(|reason| format!("{shown:?} is no name of a file here: {reason}"))?;
        }
        let mut bytes = Vec::new();
        // What the archive says of its sizes may be wrong.
        file.take(left + 1).read_to_end(&mut bytes).map_err(|error| format!("{shown:?} is damaged ({error})"))?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| format!("its files have more than {} bytes together", limits.unpacked))?;
        if name == COMMIT {
            text = Some(String::from_utf8(bytes).map_err(|_| format!("{COMMIT} is not text in UTF-8"))?);
        } else if files.insert(name, Bytes::from(bytes)).is_some() {
            return Err(format!("it has two files called {shown:?}"));
        }
    }
    Ok((text.ok_or_else(|| format!("it has no {COMMIT}"))?, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { files: 4, unpacked: 10_000 };

    fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).expect("memory can be written");
            writer.write_all(bytes).expect("memory can be written");
        }
        writer.finish().expect("memory can be written").into_inner()
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let files =
            BTreeMap::from([("a.png".to_owned(), Bytes::from_static(b"1")), ("ü.wav".to_owned(), Bytes::new())]);
        let archive = pack("(text)", &files).expect("packed");
        assert_eq!(archive, pack("(text)", &files).expect("packed"));
        assert_eq!(unpack(&archive, LIMITS), Ok(("(text)".to_owned(), files)));
    }

    #[test]
    fn hostile_archives_are_refused() {
        let link = {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            writer.start_file(COMMIT, SimpleFileOptions::default()).expect("memory can be written");
            writer
                .add_symlink("portrait.png", "/etc/passwd", SimpleFileOptions::default())
                .expect("memory can be written");
            writer.finish().expect("memory can be written").into_inner()
        };
        let zeros = vec![0; 10_001];
        let bomb = zip_of(&[(COMMIT, b""), ("a", &zeros)]);
        assert!(bomb.len() < 500, "{}", bomb.len());
        let cut = {
            let whole = zip_of(&[(COMMIT, b"()")]);
            whole[..whole.len() - 10].to_vec()
        };
        let damaged = {
            let mut bytes = zip_of(&[(COMMIT, b"(name: \"a long enough text\")")]);
            bytes[50] ^= 0xff;
            bytes
        };
        for (archive, words) in [
            (b"no zip at all".to_vec(), "no zip archive"),
            (Vec::new(), "no zip archive"),
            (cut, "no zip archive"),
            (zip_of(&[("a", b"")]), "no character.ron"),
            (zip_of(&[(COMMIT, b""), ("../a", b"")]), "folder"),
            (zip_of(&[(COMMIT, b""), ("/etc/a", b"")]), "folder"),
            (zip_of(&[("mira/character.ron", b"")]), "folder"),
            (zip_of(&[(COMMIT, b""), ("a\\b", b"")]), "folder"),
            (zip_of(&[(COMMIT, b""), (".hidden", b"")]), "no name of a file"),
            (zip_of(&[(COMMIT, b""), ("a", b""), ("b", b""), ("c", b""), ("d", b"")]), "5 files, 4"),
            (zip_of(&[(COMMIT, b"\xff")]), "UTF-8"),
            (link, "link"),
            (bomb, "more than 10000 bytes"),
            (damaged, "damaged"),
        ] {
            let error = unpack(&archive, LIMITS).expect_err(words);
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
