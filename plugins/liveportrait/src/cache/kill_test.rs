//! A process that fills a folder of pictures is killed at random moments. Whatever it was doing: no picture is ever shown
//! damaged, none that was kept is lost, and the next process goes on.

use std::{
    collections::BTreeSet,
    env, fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use visage_core::{Blendshape, FacePose};

use super::{CacheSettings, Key, Origin, PictureCache};
use crate::picture::{BYTES, Picture};

/// Says to the child which folder it is to write to.
const FOLDER: &str = "VISAGE_PICTURES_KILL_TEST_FOLDER";
/// Says to the child with which picture it begins.
const FIRST: &str = "VISAGE_PICTURES_KILL_TEST_FIRST";
/// How often the child is killed.
const KILLS: usize = 25;
/// Pictures that it writes, again and again.
const PICTURES: usize = 20;

fn open(folder: &Path) -> PictureCache {
    let settings = CacheSettings { memory: 0, folder: Some(folder.to_owned()), disk: u64::MAX };
    PictureCache::open(settings).expect("the parent made it")
}

fn key(number: usize) -> Key {
    Origin::new(b"face", "a").key(&FacePose::of(&[(Blendshape::JawOpen, number as f32 / 32.0)]))
}

/// Each picture has a pattern of its own, so that a mixture of two would be seen.
fn picture(number: usize) -> Picture {
    let bytes: Vec<u8> = (0..BYTES).map(|at| (at * (number + 3) + at / 1_536 * number) as u8).collect();
    Picture::new(bytes).expect("it has the right size")
}

/// Writes all pictures, from the given one on, again and again.
fn write_for_ever(folder: &Path, first: usize) -> ! {
    let cache = open(folder);
    for number in first.. {
        cache.put(&key(number % PICTURES), &picture(number % PICTURES)).expect("writable");
    }
    unreachable!("the numbers never end")
}

#[test]
fn a_killed_writer_leaves_no_damaged_picture() {
    if let (Some(folder), Ok(first)) = (env::var_os(FOLDER), env::var(FIRST)) {
        write_for_ever(Path::new(&folder), first.parse().expect("the parent's number"));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut kept = BTreeSet::new();
    for kill in 0..KILLS {
        // The child's first picture is missing. When it appears the child is at work on the next ones.
        let first = kill % PICTURES;
        let path = key(first).path(folder.path());
        if kept.remove(&first) {
            fs::remove_file(&path).expect("it was kept");
        }
        let mut child = Command::new(env::current_exe().expect("a test has a file"))
            .args(["--exact", "cache::kill_test::a_killed_writer_leaves_no_damaged_picture"])
            .env(FOLDER, folder.path())
            .env(FIRST, first.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("the test can be started once more");
        let started = Instant::now();
        while !path.exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "the child writes nothing");
            assert!(child.try_wait().expect("a child").is_none(), "the child has ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros((kill * 2_417 % 30_000) as u64));
        child.kill().expect("a child can be killed");
        child.wait().expect("a child");

        let cache = open(folder.path());
        for number in 0..PICTURES {
            match cache.get(&key(number)) {
                Some(found) => {
                    assert!(found == picture(number), "another picture");
                    kept.insert(number);
                }
                None => assert!(number != first && !kept.contains(&number), "picture {number} is lost"),
            }
        }
        assert_eq!(cache.statistics().damaged, 0, "a file appeared before it was whole");
    }
    assert_eq!(kept.len(), PICTURES);
}
