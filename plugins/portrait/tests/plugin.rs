//! The plugin in an app: orders go in, answers come out in a later tick, and no tick waits.

use std::{path::PathBuf, time::Duration};

use bevy::{
    ecs::{
        message::Messages,
        schedule::{LogLevel, ScheduleBuildSettings},
    },
    prelude::*,
};
use visage_portrait::PortraitPlugin;
use visage_schedule::{PortraitReady, PreparePortrait, SchedulePlugin};

/// Rounds of ten milliseconds that a test waits at most.
const PATIENCE: usize = 6_000;

#[test]
fn portraits_are_answered_one_by_one() {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, SchedulePlugin, PortraitPlugin::default()));
    app.edit_schedule(FixedUpdate, |schedule| {
        schedule.set_build_settings(ScheduleBuildSettings {
            ambiguity_detection: LogLevel::Error,
            ..ScheduleBuildSettings::default()
        });
    });
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/portrait.jpg");
    let missing = PathBuf::from("/no/such/picture.png");
    for path in [&missing, &fixture] {
        app.world_mut().write_message(PreparePortrait { path: path.clone() });
    }
    let mut answers = Vec::new();
    for _ in 0..PATIENCE {
        app.world_mut().run_schedule(FixedUpdate);
        answers.extend(app.world_mut().resource_mut::<Messages<PortraitReady>>().drain());
        if answers.len() == 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let [first, second] = &answers[..] else { panic!("{} answers", answers.len()) };
    assert_eq!((&first.path, &second.path), (&missing, &fixture));
    assert!(first.rig.as_ref().is_err_and(|problem| problem.contains("cannot be read")));
    assert!(second.rig.as_ref().is_ok_and(|rig| rig.portrait.width == 384));
}
