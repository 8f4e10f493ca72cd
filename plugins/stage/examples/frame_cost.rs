//! What a frame costs: draws a moving face for some seconds at 30 frames a second and prints the processor time of each
//! thread per frame (Linux).
//!
//! `cargo run -p visage_stage --example frame_cost -- [PIXELS] [SECONDS] [PICTURE OF THE LAST FRAME]`

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bevy::prelude::*;
use visage_core::{Blendshape, FacePose, TICK_HZ};
use visage_schedule::{
    ActiveCharacter, CharacterProfile, CurrentPose, FrameReady, MediaClock, SchedulePlugin, StageTimes, VisageSystems,
};
use visage_stage::{Adapter, FrameStats, HeadlessPlugins, StagePlugin};
use visage_testkit::{Stepper, drawn_rig, save_frame};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let size = words.next().map_or(Ok(512), |word| word.parse())?;
    let seconds: u32 = words.next().map_or(Ok(5), |word| word.parse())?;

    let mut app = App::new();
    app.add_plugins((HeadlessPlugins::open(Adapter::Best)?, SchedulePlugin, StagePlugin { size, ..default() }))
        .insert_resource(ActiveCharacter { profile: Arc::new(nobody()), rig: Arc::new(drawn_rig(1024)) })
        .add_systems(FixedUpdate, move_face.in_set(VisageSystems::Animate));
    let mut stepper = Stepper::of(app);
    run(&mut stepper, 30);
    let before = thread_times()?;
    let frames = seconds * TICK_HZ;
    let last = run(&mut stepper, frames);
    println!("{size} pixels, {frames} frames; milliseconds of processor time per frame:");
    let mut sum = 0.0;
    for (name, time) in thread_times()? {
        let spent = time.saturating_sub(before.get(&name).copied().unwrap_or_default());
        let each = spent.as_secs_f64() * 1e3 / f64::from(frames);
        sum += each;
        if each > 0.01 {
            println!("  {name:<24} {each:>7.2}");
        }
    }
    println!("  {:<24} {sum:>7.2}", "all threads");
    println!("milliseconds of wall time, median:");
    for (stage, times) in stepper.get::<StageTimes>().iter() {
        let mut times: Vec<_> = times.iter().copied().collect();
        times.sort();
        println!("  {stage:<24} {:>7.2}", times[times.len() / 2].as_secs_f64() * 1e3);
    }
    println!("{:?}", stepper.get::<FrameStats>());
    if let (Some(FrameReady(frame)), Some(path)) = (last, words.next()) {
        save_frame(&frame, path);
    }
    Ok(())
}

fn run(stepper: &mut Stepper, ticks: u32) -> Option<FrameReady> {
    let start = Instant::now();
    let mut last = None;
    for tick in 0..ticks {
        stepper.tick();
        last = stepper.read::<FrameReady>().pop().or(last);
        let due = start + Duration::from_secs(1) * (tick + 1) / TICK_HZ;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    last
}

fn move_face(clock: Res<MediaClock>, mut pose: ResMut<CurrentPose>) {
    let time = clock.tick.seconds() as f32;
    let wave = |speed: f32| 0.5 - 0.5 * (time * speed).cos();
    pose.0 = FacePose::of(&[
        (Blendshape::JawOpen, 0.6 * wave(12.0)),
        (Blendshape::MouthSmileLeft, wave(2.0)),
        (Blendshape::MouthSmileRight, wave(2.0)),
    ]);
    pose.0.head.yaw = 0.15 * (time * 1.3).sin();
    pose.0.head.translation[0] = 0.1 * time.sin();
}

fn nobody() -> CharacterProfile {
    CharacterProfile { id: "drawn".into(), name: "Drawn".into(), ..CharacterProfile::default() }
}

/// Processor time by name of the thread.
fn thread_times() -> std::io::Result<BTreeMap<String, Duration>> {
    let mut times = BTreeMap::<_, Duration>::new();
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let name = fs::read_to_string(task.join("comm"))?.trim().to_owned();
        // The first number of schedstat is the time on the processor in nanoseconds.
        let stat = fs::read_to_string(task.join("schedstat"))?;
        let nanoseconds = stat.split_ascii_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
        *times.entry(name).or_default() += Duration::from_nanos(nanoseconds);
    }
    Ok(times)
}
