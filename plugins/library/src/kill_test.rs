//! A process that changes characters is killed at random moments; whatever it was doing, every character must be complete
//! afterwards, in its old or in its new state.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::json;
use visage_core::Language;

use crate::{CharacterFile, Library, Location, Part, Precondition, block_on, part::tests::png};

/// Says to the child which folder it is to write to.
const FOLDER: &str = "VISAGE_KILL_TEST_FOLDER";
/// How often the child is killed.
const KILLS: usize = 40;

/// The child: changes one character for ever. The side of the portrait, the name and the number of blinks tell which change
/// a state belongs to, so a mixture of two would be seen.
fn write_for_ever(folder: &Path) -> ! {
    let library = Library::open(&Location::Folder(folder.to_owned())).expect("the parent made it");
    // Each child begins where the one before was killed.
    for step in blinks(&library) + 1.. {
        let side = side(step);
        let other = format!("other-{}", step % 3);
        block_on(async {
            library
                .set_part("ada", Part::Portrait, png(side, [side as u8; 3]), &Precondition::None)
                .await
                .expect("correct");
            let patch = json!({"name": format!("Ada {step}"), "idle": {"blinks": step % 60}});
            library.patch("ada", &patch, &Precondition::None).await.expect("correct");
            // Others come and go.
            if library
                .create(Some(&other), CharacterFile::new("Other", Language::German), png(20, [1; 3]))
                .await
                .is_err()
            {
                library.delete(&other, &Precondition::None).await.expect("it is there");
            }
        });
    }
    unreachable!("there is always a next step")
}

fn side(step: u32) -> u32 {
    16 + step % 100
}

fn blinks(library: &Library) -> u32 {
    block_on(library.get("ada")).expect("a complete character").file.idle.blinks as u32
}

#[test]
fn a_killed_writer_leaves_every_character_whole() {
    if let Some(folder) = env::var_os(FOLDER) {
        write_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = Library::open(&Location::Folder(folder.path().to_owned())).expect("it is there");
    block_on(library.create(Some("ada"), CharacterFile::new("Ada", Language::English), png(16, [16; 3]))).expect("new");
    let mut random = SmallRng::seed_from_u64(1);
    let (mut states, mut seen) = (0, String::new());
    for _ in 0..KILLS {
        let mut child = Command::new(env::current_exe().expect("a test has a file"))
            .args(["--exact", "kill_test::a_killed_writer_leaves_every_character_whole"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the test can be started once more");
        // It is killed while it writes, not while it starts.
        let before = block_on(library.text("ada")).expect("there").1;
        let started = Instant::now();
        while block_on(library.text("ada")).expect("there").1 == before {
            assert!(started.elapsed() < Duration::from_secs(60), "the child writes nothing");
            assert!(child.try_wait().expect("a child").is_none(), "the child has ended");
        }
        std::thread::sleep(Duration::from_micros(random.random_range(0..20_000)));
        child.kill().expect("a child can be killed");
        child.wait().expect("a child");

        let listing = block_on(library.list()).expect("readable");
        assert_eq!(listing.broken, [], "a broken character");
        assert!(!listing.characters.is_empty());
        for entry in &listing.characters {
            block_on(library.load(&entry.id)).unwrap_or_else(|error| panic!("{}: {error}", entry.id));
            let portrait = block_on(library.part(&entry.id, Part::Portrait)).expect("loaded just now");
            let kind = Part::Portrait.inspect(&portrait.bytes).expect("loaded just now");
            assert_eq!(portrait.name, Part::Portrait.stored_name(&portrait.bytes, kind), "half a portrait");
        }
        let name = block_on(library.get("ada")).expect("there").file.name;
        states += usize::from(name != seen);
        seen = name;
    }
    assert!(states > KILLS / 4, "only {states} different states were seen");
    // What the killed ones left is swept.
    block_on(async {
        let guard = library.storage.lock().await.expect("nobody else writes");
        library.sweep(&guard).await.expect("writable");
    });
    for id in block_on(library.list()).expect("readable").characters.iter().map(|entry| entry.id.clone()) {
        let files: Vec<_> = fs::read_dir(folder.path().join(&id)).expect("there").collect();
        assert_eq!(files.len(), 2, "{id}: {files:?}");
    }
}
