//! What strangers may send, taken in as the program takes it: what the fuzz targets do with the bytes that libFuzzer makes up.
//! It is here and not in the targets, so that each build checks it; README.md says how to run them.

use std::{io::Cursor, sync::Arc};

use visage_core::{Backdrop, PlacedLandmarks, PortraitSource, decode_sound};
use visage_library::{CharacterFile, Library, block_on};
use visage_models::Store;
use visage_portrait::{RigBuilder, check_picture};

/// Longest sound that is decoded, seconds.
const SECONDS: u32 = 5;
/// Larger pictures are only looked at, so that the fuzzer gets through many.
const SMALL: usize = 96 * 96;

/// Any text as a `character.ron`, and any bytes as its JSON: an error or a character, never a panic. An error points into
/// the text; a character survives being written and read again.
pub fn character_file(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        match CharacterFile::parse(text) {
            Ok(file) => {
                let written = file.to_ron();
                let again = CharacterFile::parse(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
                assert_eq!(again, file, "{written}");
            }
            Err(error) => {
                assert!(error.line <= text.lines().count() + 1, "{error}");
                assert!(!error.reason.is_empty());
            }
        }
    }
    if let Ok(file) = CharacterFile::from_json(data) {
        file.check().expect("what was read is in order");
    }
}

/// Any bytes as an upload. The first byte says as what: a picture (which is decoded and made a rig by landmarks that fit
/// every picture), a recording, or an archive of a character. An error or a result, never a panic, and never more memory
/// than the limits allow.
pub fn upload(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 3 {
        0 => picture(data),
        1 => drop(decode_sound(Cursor::new(data.to_vec()), SECONDS)),
        _ => archive(data),
    }
}

fn picture(data: &[u8]) {
    let Ok(info) = check_picture(data) else { return };
    if info.width * info.height > SMALL {
        return;
    }
    let points = vec![[info.width as f32 / 2.0, info.height as f32 / 2.0, 0.0]; visage_core::LANDMARKS];
    let landmarks = Some(Arc::new(PlacedLandmarks::Mesh(points)));
    let source = PortraitSource::new(data.into(), landmarks, Backdrop::Original);
    // Most are refused: the picture is cut off, or the points make no face.
    let _ = RigBuilder::new(&Store::default()).build(&source);
}

fn archive(data: &[u8]) {
    let library = Library::in_memory();
    if let Ok(entry) = block_on(library.import(data.to_vec().into(), Some("a"))) {
        block_on(library.load(&entry.id)).expect("what was imported can be loaded");
    }
}
