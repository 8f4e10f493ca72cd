//! The whole crate in an app that is stepped by hand: real files, Bevy's real asset server and watcher, and portraits that
//! are prepared by nobody.

use std::{
    fs,
    path::Path,
    sync::{Arc, Weak},
};

use bevy::prelude::*;
use tempfile::TempDir;
use visage_core::{Emotion, Rig};
use visage_library::{Library, Location, Precondition, block_on};
use visage_schedule::{
    Activate, ActiveCharacter, CharacterEdit, CharacterList, CharacterProfile, EditCharacter, PortraitReady,
    PreparePortrait, Problem, VisageSystems,
};
use visage_testkit::{Stepper, drawn_rig};

use crate::{CharacterAsset, CharacterPlugin, add_character_source};

/// Ticks that files may take to be noticed and read, with a few milliseconds of rest after each.
const PATIENCE: usize = 2_000;
/// Ticks in which something that is not to happen would have happened.
const WHILE: usize = 100;

/// Portraits that take some ticks to be prepared. One whose picture is the colour [`NO_FACE`] has no face.
#[derive(Resource, Default)]
struct Easel {
    /// What was ordered, and the ticks it still takes.
    orders: Vec<(PreparePortrait, usize)>,
    takes: usize,
    /// All rigs that were ever made.
    rigs: Vec<Weak<Rig>>,
    most_waiting: usize,
}

const NO_FACE: [u8; 3] = [255, 0, 255];

fn paint(
    mut easel: ResMut<Easel>,
    mut orders: MessageReader<PreparePortrait>,
    mut ready: MessageWriter<PortraitReady>,
) {
    let easel = &mut *easel;
    let takes = easel.takes;
    easel.orders.extend(orders.read().map(|order| (order.clone(), takes)));
    easel.most_waiting = easel.most_waiting.max(easel.orders.len());
    for (order, left) in &mut easel.orders {
        if *left == 0 {
            let source = &order.source;
            let rig = if **source.picture() == png(NO_FACE)[..] {
                Err("there is no face in this picture".to_owned())
            } else {
                let rig = Arc::new(drawn_rig(16));
                easel.rigs.push(Arc::downgrade(&rig));
                Ok(rig)
            };
            ready.write(PortraitReady { id: source.id(), rig });
        }
    }
    easel.orders.retain_mut(|(_, left)| {
        let waits = *left > 0;
        *left = left.saturating_sub(1);
        waits
    });
}

fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(64, 64, image::Rgb(colour));
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("memory can be written");
    bytes.into_inner()
}

fn ron(name: &str, more: &str) -> String {
    format!("(\n    name: \"{name}\",\n    voices: {{ en: () }},\n{more})\n")
}

fn put(folder: &Path, id: &str, text: &str, colour: [u8; 3]) {
    fs::create_dir_all(folder.join(id)).expect("a temporary folder can be written");
    fs::write(folder.join(id).join("portrait.png"), png(colour)).expect("a temporary folder can be written");
    fs::write(folder.join(id).join("character.ron"), text).expect("a temporary folder can be written");
}

fn on_stage(world: &World) -> Option<&ActiveCharacter> {
    world.get_resource::<ActiveCharacter>()
}

fn name(world: &World) -> &str {
    on_stage(world).map_or("", |active| &active.profile.name)
}

fn ids(world: &World) -> Vec<String> {
    world.resource::<CharacterList>().0.iter().map(|character| character.id.clone()).collect()
}

/// An app with the characters of a library.
struct Theatre {
    stepper: Stepper,
    told: Vec<String>,
}

impl Theatre {
    fn new(library: &Library, first: Option<&str>) -> Self {
        let (library, first) = (library.clone(), first.map(str::to_owned));
        let stepper = Stepper::new(move |app: &mut App| {
            add_character_source(app, &library, true);
            app.add_plugins(AssetPlugin { watch_for_changes_override: Some(true), ..AssetPlugin::default() })
                .init_resource::<Easel>()
                .add_systems(FixedUpdate, paint.in_set(VisageSystems::Ingest))
                .add_plugins(CharacterPlugin { library: library.clone(), first: first.clone() });
        });
        Self { stepper, told: Vec::new() }
    }

    fn tick(&mut self) {
        self.stepper.tick();
        self.told.extend(self.stepper.read::<Problem>().into_iter().map(|problem| problem.text));
    }

    fn until(&mut self, what: &str, mut reached: impl FnMut(&mut World) -> bool) {
        for _ in 0..PATIENCE {
            if reached(self.stepper.world()) {
                return;
            }
            self.tick();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("{what}: not reached; on stage is {:?}, told was {:?}", name(self.stepper.world()), self.told);
    }

    fn for_a_while(&mut self) {
        for _ in 0..WHILE {
            self.tick();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn name(&mut self) -> String {
        name(self.stepper.world()).to_owned()
    }

    fn rig(&mut self) -> Arc<Rig> {
        on_stage(self.stepper.world()).expect("somebody is on stage").rig.clone()
    }

    fn activate(&mut self, id: &str) {
        self.stepper.send(Activate { id: id.into() });
    }

    fn take_told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

/// A folder with Ann and Bob, and the default character Mira on stage.
fn theatre() -> (TempDir, Library, Theatre) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    put(folder.path(), "ann", &ron("Ann", ""), [1, 0, 0]);
    put(folder.path(), "bob", &ron("Bob", ""), [2, 0, 0]);
    put(folder.path(), "mira", &ron("Mira", ""), [3, 0, 0]);
    let library = Library::open(&Location::Folder(folder.path().to_owned())).expect("a folder");
    let mut theatre = Theatre::new(&library, None);
    theatre.until("the start", |world| name(world) == "Mira");
    (folder, library, theatre)
}

#[test]
fn the_start_takes_the_same_ticks_each_time() {
    let ticks = || {
        let (_folder, library, _) = theatre();
        let mut theatre = Theatre::new(&library, Some("bob"));
        (0..10).find(|_| {
            theatre.tick();
            theatre.name() == "Bob"
        })
    };
    let first = ticks();
    assert!(first.is_some());
    assert_eq!(first, ticks());
}

#[test]
fn a_saved_file_reaches_the_stage_however_it_is_saved() {
    let (folder, _library, mut theatre) = theatre();
    let rig = theatre.rig();
    let file = folder.path().join("mira/character.ron");
    let write = |to: &Path, text: &str| fs::write(to, text).expect("a temporary folder can be written");
    type Save<'a> = (&'a str, &'a dyn Fn(&str));
    let saves: [Save<'_>; 4] = [
        ("written over", &|text| write(&file, text)),
        ("renamed over", &|text| {
            let beside = file.with_file_name(".character.ron.swp");
            write(&beside, text);
            fs::rename(beside, &file).expect("a temporary folder can be written");
        }),
        ("deleted and written", &|text| {
            fs::remove_file(&file).expect("a temporary folder can be written");
            write(&file, text);
        }),
        ("written twice", &|text| {
            write(&file, "");
            write(&file, text);
            write(&file, text);
        }),
    ];
    for (how, save) in saves {
        save(&ron(how, "    emotions: { happy: (shapes: { cheekPuff: 1.0 }, onset: 0.5) },\n"));
        theatre.until(how, |world| name(world) == how);
        let profile = on_stage(theatre.stepper.world()).expect("on stage").profile.clone();
        assert_eq!((profile.emotions[0].0, profile.emotions[0].1.onset), (Emotion::Happy, 0.5));
        assert!(Arc::ptr_eq(&rig, &theatre.rig()), "{how}: the portrait is the same");
    }
    assert_eq!(theatre.take_told(), Vec::<String>::new());
    theatre.until("the list", |world| world.resource::<CharacterList>().0[2].name == "written twice");
}

#[test]
fn a_new_portrait_enters_when_it_is_ready() {
    let (folder, _library, mut theatre) = theatre();
    let rig = theatre.rig();
    let portrait = folder.path().join("mira/portrait.png");
    let revision = |theatre: &mut Theatre| theatre.stepper.get::<CharacterList>().0[2].revision.clone();
    let before = revision(&mut theatre);
    fs::write(&portrait, png([9, 9, 9])).expect("a temporary folder can be written");
    let old = rig.clone();
    theatre.until("another rig", move |world| on_stage(world).is_some_and(|active| !Arc::ptr_eq(&active.rig, &old)));
    theatre.until("another thumbnail", |world| world.resource::<CharacterList>().0[2].revision != before);
    // One without a face is refused, and the old one stays.
    let rig = theatre.rig();
    fs::write(&portrait, png(NO_FACE)).expect("a temporary folder can be written");
    theatre.until("a refusal", |world| !world.resource::<Messages<Problem>>().is_empty());
    theatre.for_a_while();
    assert!(Arc::ptr_eq(&rig, &theatre.rig()));
    assert_eq!(theatre.take_told(), ["Mira: there is no face in this picture"]);
}

#[test]
fn a_broken_file_leaves_the_old_one_and_says_why_once() {
    let (folder, _library, mut theatre) = theatre();
    let file = folder.path().join("mira/character.ron");
    let write = |text: &str| fs::write(&file, text).expect("a temporary folder can be written");
    write(&ron("Mira", "    idel: (),\n"));
    theatre.until("words", |world| !world.resource::<Messages<Problem>>().is_empty());
    theatre.for_a_while();
    assert_eq!(theatre.name(), "Mira");
    let told = theatre.take_told();
    assert!(
        matches!(&told[..], [text] if text.contains("mira/character.ron, line 4, column 5") && text.contains("idle")),
        "{told:?}"
    );
    // A portrait that is not there is said, too; and what is mended is seen.
    write(&ron("Mira", "    portrait: \"mira.png\",\n"));
    theatre.until("words", |world| !world.resource::<Messages<Problem>>().is_empty());
    theatre.for_a_while();
    let told = theatre.take_told();
    assert!(matches!(&told[..], [text] if text.contains("mira.png")), "{told:?}");
    fs::copy(folder.path().join("ann/portrait.png"), folder.path().join("mira/mira.png")).expect("it can be copied");
    theatre.until("mended", |world| {
        on_stage(world).is_some_and(|active| active.profile.portrait.picture()[..] == png([1, 0, 0]))
    });
    write(&ron("Mira again", ""));
    theatre.until("mended", |world| name(world) == "Mira again");
    assert_eq!(theatre.take_told(), Vec::<String>::new());
}

#[test]
fn a_mistake_that_is_made_again_is_told_again() {
    let (folder, _library, mut theatre) = theatre();
    let file = folder.path().join("mira/character.ron");
    let write = |text: &str| fs::write(&file, text).expect("a temporary folder can be written");
    for _ in 0..2 {
        write(&ron("Mira", "    idel: (),\n"));
        theatre.until("words", |world| !world.resource::<Messages<Problem>>().is_empty());
        theatre.for_a_while();
        assert_eq!(theatre.take_told().len(), 1);
        write(&ron("Mira", ""));
        theatre.for_a_while();
    }
}

#[test]
fn orders_switch_and_the_choice_is_remembered() {
    let (folder, library, mut theatre) = theatre();
    theatre.stepper.get_mut::<Easel>().takes = 3;
    for id in ["ann", "mira", "ann", "bob", "ann", "bob"] {
        theatre.activate(id);
        theatre.tick();
    }
    theatre.until("the last order", |world| name(world) == "Bob");
    theatre.for_a_while();
    assert_eq!(theatre.name(), "Bob", "the last order wins");
    assert_eq!(theatre.stepper.get::<Easel>().most_waiting, 1, "one portrait at a time");
    theatre.until("remembered", |_| block_on(library.active()).is_ok_and(|active| active == "bob"));
    // Somebody who is not there, and somebody who is broken.
    theatre.activate("zoe");
    theatre.until("words", |world| !world.resource::<Messages<Problem>>().is_empty());
    let told = theatre.take_told();
    put(folder.path(), "ann", "(", [1, 0, 0]);
    theatre.activate("ann");
    theatre.for_a_while();
    assert_eq!(theatre.name(), "Bob");
    assert!(told.iter().chain(&theatre.told).any(|text| text.contains("no character \"zoe\"")), "{told:?}");
    assert!(theatre.told.iter().any(|text| text.contains("ann/character.ron, line 1")), "{:?}", theatre.told);
    // The next start begins with Bob.
    let mut again = Theatre::new(&library, None);
    again.until("the next start", |world| name(world) == "Bob");
    // Who was put on stage at the start, and is ordered then, is remembered as well.
    let mut other = Theatre::new(&library, Some("mira"));
    other.until("the start", |world| name(world) == "Mira");
    other.activate("mira");
    other.until("remembered", |_| block_on(library.active()).is_ok_and(|active| active == "mira"));
}

#[test]
fn folders_come_and_go() {
    let (folder, _library, mut theatre) = theatre();
    put(folder.path(), "cleo", &ron("Cleo", ""), [4, 0, 0]);
    theatre.until("a new folder", |world| ids(world) == ["ann", "bob", "cleo", "mira"]);
    theatre.activate("cleo");
    theatre.until("the new one", |world| name(world) == "Cleo");
    fs::rename(folder.path().join("ann"), folder.path().join("anna")).expect("it can be renamed");
    theatre.until("a renamed folder", |world| ids(world) == ["anna", "bob", "cleo", "mira"]);
    // Who is on stage is gone: the default one stands in.
    fs::remove_dir_all(folder.path().join("cleo")).expect("it can be removed");
    theatre.until("a removed folder", |world| ids(world) == ["anna", "bob", "mira"]);
    theatre.until("the default one", |world| name(world) == "Mira");
}

#[test]
fn people_create_change_and_delete() {
    let (folder, _library, mut theatre) = theatre();
    let edit = |id: &str, edit: CharacterEdit| EditCharacter { id: id.into(), edit };
    let picture: Arc<[u8]> = png([5, 0, 0]).into();
    theatre.stepper.send(edit("", CharacterEdit::Create { name: "Eve Adams".into(), picture }));
    theatre.until("created", |world| ids(world).contains(&"eve-adams".to_owned()));
    theatre.activate("eve-adams");
    theatre.until("on stage", |world| name(world) == "Eve Adams");
    theatre.stepper.send(edit("eve-adams", CharacterEdit::Patch(serde_json::json!({ "name": "Eve" }))));
    theatre.until("changed", |world| name(world) == "Eve");
    theatre.stepper.send(edit("eve-adams", CharacterEdit::Delete));
    theatre.until("deleted", |world| name(world) == "Mira");
    assert!(!folder.path().join("eve-adams/character.ron").exists());
    assert_eq!(theatre.take_told(), Vec::<String>::new());
    theatre.stepper.send(edit("mira", CharacterEdit::Delete));
    theatre.stepper.send(edit("bob", CharacterEdit::Patch(serde_json::json!({ "idle": { "liveliness": 7 } }))));
    theatre.for_a_while();
    let told = theatre.take_told();
    assert!(told.len() == 2 && told[0].contains("default") && told[1].contains("liveliness"), "{told:?}");
}

#[test]
fn a_library_in_memory_is_followed_as_well() {
    let library = Library::in_memory();
    let mut theatre = Theatre::new(&library, None);
    theatre.for_a_while();
    let create = |name: &str, colour| {
        let file = visage_library::CharacterFile::new(name, visage_core::Language::English);
        block_on(library.create(None, file, png(colour).into())).expect("it can be created")
    };
    create("Ann", [1, 0, 0]);
    theatre.until("the first one", |world| name(world) == "Ann");
    create("Bob", [2, 0, 0]);
    block_on(library.set_active("bob")).expect("there is a Bob");
    theatre.until("who was chosen elsewhere", |world| name(world) == "Bob");
    block_on(library.patch("bob", &serde_json::json!({ "name": "Bobby" }), &Precondition::None)).expect("a new name");
    theatre.until("a change", |world| name(world) == "Bobby");
}

#[test]
fn a_thousand_switches_leave_nothing_behind() {
    let (_folder, _library, mut theatre) = theatre();
    let mut profiles: Vec<Weak<CharacterProfile>> = Vec::new();
    let names = ["Ann", "Bob", "Mira"];
    for count in 0..1_000 {
        let wanted = names[count % 3];
        theatre.activate(&wanted.to_lowercase());
        while theatre.name() != wanted {
            theatre.tick();
            std::thread::yield_now();
        }
        profiles.push(Arc::downgrade(&on_stage(theatre.stepper.world()).expect("on stage").profile));
    }
    theatre.tick();
    theatre.tick();
    let living =
        |theatre: &mut Theatre| theatre.stepper.get::<Easel>().rigs.iter().filter(|rig| rig.strong_count() > 0).count();
    assert!(theatre.stepper.get::<Easel>().rigs.len() >= 1_000);
    assert_eq!(living(&mut theatre), 1, "rigs");
    assert!(profiles.iter().filter(|profile| profile.strong_count() > 0).count() <= 2, "profiles");
    assert!(theatre.stepper.get::<Assets<CharacterAsset>>().len() <= 2, "assets");
    assert_eq!(theatre.take_told(), Vec::<String>::new());
}
