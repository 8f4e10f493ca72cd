//! The plugin in an app: orders go in, answers come out in a later tick, and no tick waits; requests beside the tick go
//! through the door.

use std::{sync::Arc, time::Duration};

use bevy::{
    ecs::{
        message::Messages,
        schedule::{LogLevel, ScheduleBuildSettings},
    },
    prelude::*,
};
use tokio::sync::oneshot;
use visage_core::{Backdrop, PlacedLandmarks, PortraitSource, Rig};
use visage_portrait::{PortraitPlugin, read_picture};
use visage_schedule::{PortraitReady, PreparePortrait, RigDoor, RigError, RigRequest, SchedulePlugin};

use super::fixture;

/// Rounds of ten milliseconds that a test waits at most.
const PATIENCE: usize = 6_000;

fn app() -> App {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, SchedulePlugin, PortraitPlugin::default()));
    app.edit_schedule(FixedUpdate, |schedule| {
        schedule.set_build_settings(ScheduleBuildSettings {
            ambiguity_detection: LogLevel::Error,
            ..ScheduleBuildSettings::default()
        });
    });
    app
}

fn portrait() -> Arc<PortraitSource> {
    Arc::new(PortraitSource::picture_only(read_picture(&fixture()).expect("the fixture is there")))
}

/// The answers to some orders.
fn prepare(app: &mut App, sources: &[&Arc<PortraitSource>]) -> Vec<PortraitReady> {
    for source in sources {
        app.world_mut().write_message(PreparePortrait { source: (*source).clone() });
    }
    let mut answers = Vec::new();
    for _ in 0..PATIENCE {
        app.world_mut().run_schedule(FixedUpdate);
        answers.extend(app.world_mut().resource_mut::<Messages<PortraitReady>>().drain());
        if answers.len() == sources.len() {
            return answers;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} answers to {} orders", answers.len(), sources.len());
}

/// Hands a request in at the door. No tick runs meanwhile.
fn ask(app: &App, source: Arc<PortraitSource>) -> Result<Arc<Rig>, RigError> {
    let (answer, answered) = oneshot::channel();
    app.world().resource::<RigDoor>().0.try_send(RigRequest { source, answer }).expect("the door has room");
    answered.blocking_recv().expect("the thread behind the door lives")
}

#[test]
fn portraits_are_answered_one_by_one() {
    let mut app = app();
    let broken = Arc::new(PortraitSource::picture_only(*b"no picture"));
    let good = portrait();
    let answers = prepare(&mut app, &[&broken, &good, &good]);
    assert_eq!([answers[0].id, answers[1].id, answers[2].id], [broken.id(), good.id(), good.id()]);
    assert!(answers[0].rig.as_ref().is_err_and(|problem| problem.contains("not a JPEG")));
    let (Ok(first), Ok(second)) = (&answers[1].rig, &answers[2].rig) else { panic!("no rig") };
    assert_eq!(first.portrait.width, 384);
    assert!(Arc::ptr_eq(first, second), "it is kept, not made twice");
}

#[test]
fn the_door_answers_beside_the_tick_from_the_same_rigs() {
    let mut app = app();
    let source = portrait();
    let asked = ask(&app, source.clone()).expect("the fixture has a face");
    let prepared = prepare(&mut app, &[&source]);
    assert!(prepared[0].rig.as_ref().is_ok_and(|rig| Arc::ptr_eq(rig, &asked)), "both threads share what is kept");
    let picture = source.picture().clone();
    let wrong = PlacedLandmarks::Mesh(Vec::new());
    let cases = [
        ("no picture", PortraitSource::picture_only(*b"GIF89a"), "not a JPEG"),
        ("no mesh", PortraitSource::new(picture.clone(), Some(Arc::new(wrong)), Backdrop::Original), "this one has 0"),
        ("backdrop", PortraitSource::new(picture, None, Backdrop::Picture(Arc::from([]))), "the background"),
    ];
    for (name, source, words) in cases {
        let error = ask(&app, Arc::new(source)).map(drop).expect_err(name);
        assert!(matches!(&error, RigError::Picture(problem) if problem.contains(words)), "{name}: {error:?}");
    }
}

#[test]
fn a_full_door_says_so_at_once() {
    let app = app();
    let door = app.world().resource::<RigDoor>().0.clone();
    let mut waiting = Vec::new();
    let refused = (0..100).find(|&at: &u8| {
        // Different pictures, none of which is kept.
        let picture = [read_picture(&fixture()).expect("the fixture is there"), vec![at]].concat();
        let (answer, answered) = oneshot::channel();
        waiting.push(answered);
        door.try_send(RigRequest { source: Arc::new(PortraitSource::picture_only(picture)), answer }).is_err()
    });
    assert!(refused.is_some_and(|at| at >= 4), "{refused:?}");
}
