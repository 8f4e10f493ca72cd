//! Any text as a `character.ron`, and any bytes as its JSON: an error or a character, never a panic. An error points into
//! the text; a character survives being written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use visage_library::CharacterFile;

fuzz_target!(|data: &[u8]| {
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
});
