//! What the library promises, tested with the same bodies in memory and in a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde_json::json;
use visage_core::{Backdrop, Language};

use crate::{
    Background, Change, CharacterFile, ETag, Library, LibraryError, Location, Part, Precondition, UploadError, What,
    archive::pack,
    block_on,
    part::tests::{png, wav},
};

/// A bucket to test in, too, as `s3://bucket`. It must be empty, and configured as docs/avatar/character-manager.md says.
const BUCKET: &str = "VISAGE_TEST_BUCKET";

/// Runs a test in memory and in a folder, and in a bucket if one is given.
fn everywhere(test: impl AsyncFn(&Library)) {
    if let Some(place) = in_bucket() {
        block_on(test(&Library::open(&place).expect("a configuration")));
    }
    block_on(test(&Library::in_memory()));
    let folder = tempfile::tempdir().expect("a temporary folder");
    block_on(test(&in_folder(folder.path())));
}

/// An empty place in the bucket.
fn in_bucket() -> Option<Location> {
    let bucket = std::env::var(BUCKET).ok()?;
    Some(format!("{bucket}/{:016x}", rand::random::<u64>()).parse().expect("s3://bucket"))
}

fn in_folder(folder: &Path) -> Library {
    Library::open(&Location::Folder(folder.to_owned())).expect("the folder is there")
}

fn ada() -> CharacterFile {
    CharacterFile::new("Ada", Language::English)
}

fn portrait() -> Bytes {
    png(32, [200, 150, 120])
}

/// The names of all files of a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|item| item.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_character_is_made_read_changed_and_deleted() {
    everywhere(async |library| {
        assert!(matches!(library.default_id().await, Err(LibraryError::Empty { .. })));
        assert!(library.list().await.expect("readable").characters.is_empty());
        let mut changes = library.changes();

        let made = library.create(None, ada(), portrait()).await.expect("new");
        assert_eq!((made.id.as_str(), made.file.created.is_some(), made.file.id.as_ref()), ("ada", true, None));
        assert_eq!(library.get("ada").await.expect("there"), made);
        let second = library.create(None, ada(), portrait()).await.expect("new");
        assert_eq!(second.id, "ada-2");
        assert!(matches!(library.create(Some("ada"), ada(), portrait()).await, Err(LibraryError::Exists { .. })));
        let wrong = library.create(Some("../ada"), ada(), portrait()).await;
        assert!(matches!(wrong, Err(LibraryError::InvalidId { .. })));

        let listing = library.list().await.expect("readable");
        let ids: Vec<_> = listing.characters.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, ["ada", "ada-2"]);
        assert_eq!(listing.characters[0], made);

        let mut file = made.file.clone();
        file.name = "Countess".to_owned();
        let replaced = library.replace("ada", file, &Precondition::IfMatch(vec![made.etag.clone()])).await.expect("ok");
        assert_eq!((replaced.file.name.as_str(), replaced.file.created), ("Countess", made.file.created));
        assert_ne!(replaced.etag, made.etag);
        assert_ne!(replaced.revision, made.revision);

        library.delete("ada-2", &Precondition::None).await.expect("not the default");
        assert!(matches!(library.get("ada-2").await, Err(LibraryError::Unknown { .. })));
        assert!(matches!(library.delete("ada-2", &Precondition::None).await, Err(LibraryError::Unknown { .. })));

        let mut told = Vec::new();
        while let Ok(Change { id, what }) = changes.try_recv() {
            told.push((id, what));
        }
        let expected =
            [("ada", What::Created), ("ada-2", What::Created), ("ada", What::Updated), ("ada-2", What::Deleted)];
        assert_eq!(told, expected.map(|(id, what)| (id.to_owned(), what)));
    });
}

#[test]
fn edits_of_two_people_are_never_lost() {
    everywhere(async |library| {
        let first = library.create(None, ada(), portrait()).await.expect("new");
        let stale = Precondition::IfMatch(vec![first.etag.clone()]);
        let mine = json!({"idle": {"blinks": 3}});
        library.patch("ada", &mine, &stale).await.expect("nobody was quicker");
        for result in [
            library.patch("ada", &json!({"name": "B"}), &stale).await,
            library.replace("ada", ada(), &stale).await,
            library.set_part("ada", Part::Portrait, png(40, [0; 3]), &stale).await,
            library.replace("ada", ada(), &Precondition::IfNoneMatchAny).await,
        ] {
            assert!(matches!(result, Err(LibraryError::Conflict { .. })), "{result:?}");
        }
        assert!(matches!(library.delete("ada", &stale).await, Err(LibraryError::Conflict { .. })));
        let now = library.get("ada").await.expect("there");
        assert_eq!((now.file.name.as_str(), now.file.idle.blinks), ("Ada", 3.0));
        let either = Precondition::IfMatch(vec![ETag::new("x"), now.etag]);
        library.patch("ada", &json!({"name": "B"}), &either).await.expect("one of them matches");
    });
}

/// Many writers at once, without preconditions: every one of their patches is in the result.
#[test]
fn concurrent_patches_add_up() {
    let run = |library: Library, other: Library| async move {
        library.create(None, ada(), portrait()).await.expect("new");
        let fields = ["liveliness", "gaze", "sway", "breath"];
        let writers = fields.into_iter().enumerate().map(|(index, field)| {
            let library = if index % 2 == 0 { library.clone() } else { other.clone() };
            tokio::spawn(async move {
                for step in 1..=10 {
                    let patch = json!({"idle": {field: f64::from(step) / 20.0}});
                    library.patch("ada", &patch, &Precondition::None).await.expect("a correct patch");
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("no panic");
        }
        let idle = library.get("ada").await.expect("there").file.idle;
        assert_eq!([idle.liveliness, idle.gaze, idle.sway, idle.breath], [0.5; 4]);
    };
    let memory = Library::in_memory();
    block_on(run(memory.clone(), memory));
    // Two libraries on one folder share nothing but its lock file.
    let folder = tempfile::tempdir().expect("a temporary folder");
    block_on(run(in_folder(folder.path()), in_folder(folder.path())));
    // In a bucket there is none; whoever is too late does it once more.
    if let Some(place) = in_bucket() {
        let open = || Library::open(&place).expect("a configuration");
        block_on(run(open(), open()));
    }
}

#[test]
fn patches_are_merge_patches() {
    everywhere(async |library| {
        let mut file = ada();
        file.background = Background::Colour("#102030".parse().expect("a colour"));
        file.idle.gaze = 0.5;
        let before = library.create(None, file, portrait()).await.expect("new");
        let patch = async |patch: serde_json::Value| library.patch("ada", &patch, &Precondition::None).await;

        let same = patch(json!({"name": "Ada"})).await.expect("correct");
        assert_eq!(same, before, "nothing has changed, so nothing is written");
        let file =
            patch(json!({"idle": {"gaze": null, "sway": 0.2}, "background": {"picture": null, "colour": "#000000"}}));
        let file = file.await.expect("correct").file;
        assert_eq!((file.idle.gaze, file.idle.sway), (1.0, 0.2));
        assert_eq!(
            patch(json!({"background": "transparent"})).await.expect("correct").file.background,
            Background::Transparent
        );
        assert_eq!(patch(json!({"background": null})).await.expect("correct").file.background, Background::Original);
        for (wrong, words) in [
            (json!([]), "a JSON object"),
            (json!({"name": null}), "missing field `name`"),
            (json!({"nam": "B"}), "did you mean \"name\"?"),
            (json!({"id": "bea"}), "but this is the character \"ada\""),
            (json!({"voices": {"en": {"speed": 7}}}), "voices.en.speed: it is 7"),
            (json!({"portrait": "other.png"}), "no such file"),
            (json!({"portrait": "../other.png"}), "it is a path"),
            (json!({"landmarks": "x.ron"}), "no such file"),
            (json!({"background": {"picture": "x.png"}}), "no such file"),
        ] {
            let error = patch(wrong.clone()).await.expect_err("wrong").to_string();
            assert!(error.contains(words), "{wrong}: {error}");
        }
    });
}

#[test]
fn parts_are_put_read_and_taken_away() {
    everywhere(async |library| {
        library.create(None, ada(), portrait()).await.expect("new");
        let english = Part::Reference(Language::English);
        let put = async |part, bytes| library.set_part("ada", part, bytes, &Precondition::None).await;
        let points =
            "points({right_eye_outer: (1, 1), right_eye_inner: (2, 1), left_eye_inner: (3, 1), left_eye_outer: (4, 1),
            mouth_right: (2, 4), mouth_left: (3, 4), nose_tip: (2.5, 3), chin: (2.5, 5)})";
        let background = png(24, [0, 0, 99]);
        put(Part::Landmarks, Bytes::from(points)).await.expect("landmarks");
        put(Part::Background, background.clone()).await.expect("a picture");
        let entry = put(english, wav(b"sound")).await.expect("sound");
        assert_eq!(entry.file.assets().len(), 4);

        let asset = library.part("ada", english).await.expect("there");
        assert_eq!((&asset.bytes, asset.media_type), (&wav(b"sound"), "audio/wav"));
        let loaded = library.load("ada").await.expect("complete");
        assert_eq!(loaded.entry, entry);
        assert_eq!(&loaded.portrait.picture()[..], &portrait()[..]);
        assert!(loaded.portrait.landmarks().is_some());
        assert_eq!(loaded.portrait.backdrop(), &Backdrop::Picture(background[..].into()));
        assert_eq!(loaded.references, BTreeMap::from([(Language::English, wav(b"sound"))]));

        library.remove_part("ada", english, &Precondition::None).await.expect("there");
        library.remove_part("ada", Part::Background, &Precondition::None).await.expect("there");
        for result in [
            library.part("ada", english).await.map(drop),
            library.remove_part("ada", english, &Precondition::None).await.map(drop),
            library.remove_part("ada", Part::Portrait, &Precondition::None).await.map(drop),
            put(Part::Reference(Language::German), wav(b"")).await.map(drop),
        ] {
            assert!(matches!(result, Err(LibraryError::NoPart { .. })), "{result:?}");
        }
        for (part, bytes) in [(Part::Portrait, wav(b"")), (english, portrait()), (Part::Portrait, Bytes::new())] {
            let result = put(part, bytes).await;
            let wrong_type = matches!(result, Err(LibraryError::Upload { reason: UploadError::WrongType(_), .. }));
            assert!(wrong_type, "{result:?}");
        }
    });
}

#[test]
fn the_default_stays_and_the_active_one_comes_back() {
    everywhere(async |library| {
        let create = async |id| library.create(Some(id), ada(), portrait()).await.expect("new");
        create("bea").await;
        create("ada").await;
        assert_eq!(library.active().await.expect("two"), "ada", "without a mira the first is the default");
        let protected = library.delete("ada", &Precondition::None).await;
        assert!(matches!(protected, Err(LibraryError::Protected { .. })));
        create("mira").await;
        assert_eq!(library.active().await.expect("three"), "mira");
        library.set_active("bea").await.expect("there");
        assert_eq!(library.active().await.expect("three"), "bea");
        assert!(matches!(library.set_active("zoe").await, Err(LibraryError::Unknown { .. })));

        let mut changes = library.changes();
        library.delete("bea", &Precondition::None).await.expect("not the default");
        assert_eq!(library.active().await.expect("two"), "mira");
        assert_eq!(changes.try_recv().expect("told").what, What::Deleted);
        let change = changes.try_recv().expect("told");
        assert_eq!((change.id.as_str(), change.what), ("mira", What::Activated));
        assert!(matches!(library.delete("mira", &Precondition::None).await, Err(LibraryError::Protected { .. })));
        library.delete("ada", &Precondition::None).await.expect("not the default any more");
    });
}

#[test]
fn characters_travel_as_archives() {
    everywhere(async |library| {
        library.create(Some("mira"), ada(), portrait()).await.expect("new");
        let english = Part::Reference(Language::English);
        library.set_part("mira", english, wav(b"voice"), &Precondition::None).await.expect("sound");
        let archive: Bytes = library.export("mira").await.expect("complete").into();
        let copy = library.import(archive.clone(), Some("copy")).await.expect("complete");
        assert_eq!(copy.id, "copy");
        let (mira, copy) = (library.load("mira").await.expect("there"), library.load("copy").await.expect("there"));
        assert_eq!(mira.portrait.id(), copy.portrait.id());
        assert_eq!(mira.references, copy.references);
        assert_eq!(mira.entry.file.voices, copy.entry.file.voices);
        assert_eq!(library.import(archive.clone(), None).await.expect("complete").id, "ada", "made of the name");
        assert!(matches!(library.import(archive, Some("copy")).await, Err(LibraryError::Exists { .. })));

        let file = "(id: \"zoe\", name: \"Zoe\", portrait: \"p.png\", voices: {en: ()})";
        let with = |files: &[(&str, Bytes)]| {
            let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
            Bytes::from(pack(file, &files).expect("packed"))
        };
        for (archive, words) in [
            (Bytes::from_static(b"PK"), "no zip archive"),
            (with(&[]), "\"p.png\", but there is no such file"),
            (with(&[("p.png", wav(b""))]), "portrait: this is no JPEG"),
            (
                Bytes::from(pack("(nam: 3)", &BTreeMap::new()).expect("packed")),
                "line 1, column 2: there is no field \"nam\"",
            ),
        ] {
            let error = library.import(archive, None).await.expect_err(words).to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
        let zoe = library.import(with(&[("p.png", portrait()), ("notes.txt", Bytes::from_static(b"x"))]), None).await;
        assert_eq!(zoe.expect("complete").id, "zoe");
        assert!(library.get("zoe").await.expect("there").file.portrait.starts_with("portrait-"));
    });
}

/// What an author does by hand counts at once, and what he leaves beside the character stays.
#[test]
fn an_authors_files_are_respected() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = in_folder(folder.path());
    let write = |path: &str, text: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("inside")).expect("writable");
        fs::write(path, text).expect("writable");
    };
    write("ada/character.ron", b"// Mine.\n(name: \"Ada\", voices: {en: ()})");
    write("ada/portrait.png", &portrait());
    write("ada/portrait.svg", b"<svg/>");
    write("ada/portrait-0123456789abcdef.png", b"left over");
    write("ada/character.ron#1", b"staged");
    write("ada/notes#1", b"the author's");
    write("bad/character.ron", b"(\n  name: 3)");
    write("Loud/character.ron", b"(name: \"Loud\", voices: {en: ()})");
    write("elsewhere/character.ron", b"(id: \"bea\", name: \"Bea\", voices: {en: ()})");
    write("killed/portrait-0123456789abcdef.png", b"left over");
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    fs::File::open(folder.path().join("killed")).and_then(|file| file.set_modified(long_ago)).expect("ours");
    write("copying/portrait-0123456789abcdef.png", b"its character.ron is still to come");
    write("empty/notes.txt", b"no character");
    write("readme.md", b"no character");

    block_on(async {
        let listing = library.list().await.expect("readable");
        assert_eq!(listing.characters.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["ada"]);
        let broken: Vec<_> = listing.broken.iter().map(|broken| format!("{}: {}", broken.id, broken.error)).collect();
        assert_eq!(broken.len(), 3, "{broken:?}");
        assert!(broken[0].starts_with("Loud: ") && broken[0].contains("cannot be a character's id"), "{broken:?}");
        assert!(broken[1].starts_with("bad: line 2, column "), "{broken:?}");
        assert!(broken[2].starts_with("elsewhere: line 1, column 6: id: "), "{broken:?}");
        assert!(matches!(
            library.patch("bad", &json!({}), &Precondition::None).await,
            Err(LibraryError::Broken { .. })
        ));

        // A file replaced by hand is another revision of the same text.
        let before = library.get("ada").await.expect("there");
        write("ada/portrait.png", &png(48, [9, 9, 9]));
        let after = library.get("ada").await.expect("there");
        assert_eq!(before.etag, after.etag);
        assert_ne!(before.revision, after.revision);

        library.patch("ada", &json!({"name": "Ada B."}), &Precondition::None).await.expect("correct");
        let ada = folder.path().join("ada");
        assert_eq!(names(&ada), ["character.ron", "notes#1", "portrait.png", "portrait.svg"]);
        let old =
            library.set_part("ada", Part::Portrait, png(50, [1; 3]), &Precondition::None).await.expect("a picture");
        let new =
            library.set_part("ada", Part::Portrait, png(51, [1; 3]), &Precondition::None).await.expect("a picture");
        assert_ne!(old.file.portrait, new.file.portrait);
        let stored = ["character.ron", "notes#1", &new.file.portrait, "portrait.png", "portrait.svg"];
        assert_eq!(names(&ada), stored, "the store's old portrait is gone, the author's is not");

        assert!(!folder.path().join("killed").exists());
        assert!(folder.path().join("copying/portrait-0123456789abcdef.png").exists());
        assert!(folder.path().join("empty/notes.txt").exists());

        // A broken one can be mended, and deleted, by somebody who knows its state.
        let tag = library.text("bad").await.expect("there").1;
        let no_portrait = library.replace("bad", self::ada(), &Precondition::IfMatch(vec![tag.clone()])).await;
        assert!(matches!(no_portrait, Err(LibraryError::Missing { .. })), "{no_portrait:?}");
        library.delete("bad", &Precondition::IfMatch(vec![tag])).await.expect("there");
        assert!(!folder.path().join("bad").exists());
        library.set_active("ada").await.expect("there");
        assert_eq!(fs::read_to_string(folder.path().join(".active")).expect("written"), "ada\n");
    });
    let missing = Library::open(&Location::Folder(folder.path().join("nowhere"))).expect_err("not there").to_string();
    assert!(missing.contains("nowhere"), "{missing}");
}

/// What could not be read again is not written, and nothing beside it.
#[test]
fn a_character_does_not_grow_too_long_to_be_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = in_folder(folder.path());
    block_on(async {
        let made = library.create(None, ada(), portrait()).await.expect("new");
        let replies = vec!["a".repeat(2_000); 100];
        let intents = vec![json!({"words": ["a"], "replies": replies}); 6];
        let patch = json!({"personality": {"en": {"intents": intents}}});
        let error = library.patch("ada", &patch, &Precondition::None).await.expect_err("too long").to_string();
        assert!(error.contains("bytes, 1048576 are allowed"), "{error}");
        let mut file = made.file.clone();
        file.personality = serde_json::from_value(patch["personality"].clone()).expect("correct");
        let error = library.create(Some("bea"), file, portrait()).await.expect_err("too long");
        assert!(matches!(error, LibraryError::File(_)), "{error}");
        assert!(!folder.path().join("bea").exists());
        assert_eq!(library.get("ada").await.expect("there"), made);
    });
}

/// A file that cannot be read does not hide the other characters.
#[test]
fn an_unreadable_file_is_one_broken_character() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = in_folder(folder.path());
    block_on(library.create(None, ada(), portrait())).expect("new");
    fs::create_dir(folder.path().join("long")).expect("writable");
    fs::write(folder.path().join("long/character.ron"), vec![b' '; (1 << 20) + 1]).expect("writable");
    let listing = block_on(library.list()).expect("readable");
    assert_eq!(listing.characters.len(), 1);
    assert!(matches!(&listing.broken[..], [broken] if broken.id == "long"), "{:?}", listing.broken);
    let reason = listing.broken[0].error.to_string();
    assert!(reason.contains("1048577 bytes, 1048576 are allowed"), "{reason}");
    assert_eq!(block_on(library.default_id()).expect("one"), "ada");
}

#[test]
fn a_missing_or_damaged_file_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = in_folder(folder.path());
    fs::create_dir(folder.path().join("ada")).expect("writable");
    fs::write(folder.path().join("ada/character.ron"), "(name: \"Ada\", voices: {en: ()})").expect("writable");
    let missing = block_on(library.load("ada")).expect_err("no portrait").to_string();
    assert!(missing.contains("ada: portrait is \"portrait.png\""), "{missing}");
    fs::write(folder.path().join("ada/portrait.png"), &portrait()[..30]).expect("writable");
    let damaged = block_on(library.load("ada")).expect_err("half a portrait").to_string();
    assert!(damaged.contains("portrait: it is damaged"), "{damaged}");
}

/// The characters that come with Visage are correct and complete, and the default one is among them.
#[test]
fn shipped_characters_are_correct() {
    let library = in_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../characters"));
    let listing = block_on(library.list()).expect("readable");
    assert!(listing.broken.is_empty(), "{:?}", listing.broken);
    assert_eq!(block_on(library.default_id()).expect("not empty"), crate::DEFAULT_CHARACTER);
    for entry in &listing.characters {
        block_on(library.load(&entry.id)).unwrap_or_else(|error| panic!("{}: {error}", entry.id));
        assert!(!entry.file.personality.is_empty(), "{}: no personality", entry.id);
        let text = block_on(library.text(&entry.id)).expect("there").0;
        assert!(text.contains("schema_version: 2"), "{}: of an old version", entry.id);
    }
}

/// The reference shows every field, and what it shows is right.
#[test]
fn the_reference_is_right() {
    let text = include_str!("../../../docs/avatar/character-manager.md");
    let mut examples = text.split("```ron\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    let example = examples.next().expect("an example");
    let file = CharacterFile::parse(example).unwrap_or_else(|error| panic!("{error}"));
    let shown = serde_json::to_value(&file).expect("JSON");
    let schema = serde_json::to_value(<CharacterFile as utoipa::PartialSchema>::schema()).expect("JSON");
    let fields = schema["properties"].as_object().expect("an object has fields");
    for field in fields.keys() {
        // What has its default is not written.
        let default = field == "renderer";
        assert!(default || shown.get(field).is_some(), "{field} is not in the example");
        assert!(text.contains(&format!("`{field}`")), "{field} is not in the tables");
    }
    let landmarks = examples.next().expect("an example");
    Part::Landmarks.inspect(landmarks.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let errors = [
        ("pich: 1.0", "there is no field \"pich\" here; did you mean \"pitch\"?"),
        ("pitch: 3.0", "voices.en.pitch: it is 3, it must be from 0.5 to 2"),
    ];
    for (voice, words) in errors {
        assert!(text.contains(words), "{words}");
        let error = CharacterFile::parse(&format!("(name: \"A\", voices: {{en: ({voice})}})")).expect_err(words);
        assert!(error.to_string().ends_with(words), "{error}");
    }
}
