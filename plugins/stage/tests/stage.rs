//! The stage on the software driver: what is seen belongs to its tick, and nothing is lost.

#[path = "stage/changes.rs"]
mod changes;
#[path = "stage/stills.rs"]
mod stills;

use std::sync::Arc;

use bevy::{
    prelude::*,
    render::{RenderApp, renderer::RenderInstance},
};
use visage_core::{Blendshape, FacePose, Frame, Rig, Tick};
use visage_schedule::{ActiveCharacter, CharacterProfile, CurrentPose, FrameReady, Problem, SchedulePlugin};
use visage_stage::{
    Adapter, FrameStats, HeadlessPlugins, OnStage, StageImage, StagePlugin, is_drawing, wait_for_frames,
};
use visage_testkit::{SAME_PICTURE, Stepper, check_golden, drawn_rig};

const WALL: [u8; 4] = [150, 170, 176, 255];

fn stage(plugin: StagePlugin) -> Stepper {
    let mut app = App::new();
    let renderer = HeadlessPlugins::open(Adapter::Software).expect("mesa-vulkan-drivers is installed");
    app.add_plugins((renderer, SchedulePlugin, plugin, Counted));
    Stepper::of(app)
}

/// Brings what can count the objects on the graphics device to where tests see it.
struct Counted;

impl Plugin for Counted {
    fn build(&self, _app: &mut App) {}

    fn finish(&self, app: &mut App) {
        let instance = app.sub_app(RenderApp).world().resource::<RenderInstance>().clone();
        app.insert_resource(instance);
    }
}

/// Bound textures and buffers that live on the graphics device.
fn on_device(world: &World) -> [usize; 2] {
    wait_for_frames(world);
    let report = world.resource::<RenderInstance>().generate_report().expect("a native device can count");
    let hub = report.hub_report();
    [hub.bind_groups.num_allocated, hub.buffers.num_allocated]
}

fn small() -> StagePlugin {
    StagePlugin { size: 128, fade_ticks: 0, ..default() }
}

/// Puts the rig on stage and waits until it is seen.
fn enter(stepper: &mut Stepper, rig: Rig) {
    let profile = CharacterProfile { id: "drawn".into(), name: "Drawn".into(), ..CharacterProfile::default() };
    let rig = Arc::new(rig);
    stepper.world().insert_resource(ActiveCharacter { profile: Arc::new(profile), rig: rig.clone() });
    stepper.tick_until(1_000, |world| {
        let stage = world.resource::<OnStage>();
        !stage.changing && stage.rig.as_ref().is_some_and(|on| Arc::ptr_eq(on, &rig))
    });
    // The frames of the ticks so far are not what the test is about.
    wait_for_frames(stepper.world());
    stepper.tick();
    wait_for_frames(stepper.world());
    stepper.read::<FrameReady>();
}

/// Runs a tick with the pose and returns its frame.
fn frame_of(stepper: &mut Stepper, pose: FacePose) -> Frame {
    stepper.get_mut::<CurrentPose>().0 = pose;
    let tick = stepper.tick();
    wait_for_frames(stepper.world());
    stepper.tick();
    wait_for_frames(stepper.world());
    let frames = stepper.read::<FrameReady>();
    frames.into_iter().find(|ready| ready.0.tick == tick).expect("the frame comes in the next tick").0
}

fn pixel(frame: &Frame, x: u32, y: u32) -> [u8; 4] {
    let start = (y * frame.width + x) as usize * 4;
    frame.rgba[start..start + 4].try_into().expect("four bytes")
}

/// Where the head begins on the left, at the height of the eyes.
fn head_edge(frame: &Frame) -> f32 {
    let row = frame.height * 42 / 100;
    (0..frame.width).find(|&x| pixel(frame, x, row)[0] < 110).expect("there is a head") as f32
}

fn shifted(units: f32) -> FacePose {
    let mut pose = FacePose::default();
    pose.head.translation[0] = units;
    pose
}

#[test]
fn each_frame_shows_the_pose_of_its_own_tick() {
    let mut stepper = stage(StagePlugin { size: 512, ..small() });
    enter(&mut stepper, drawn_rig(512));
    let left = head_edge(&frame_of(&mut stepper, shifted(0.0)));
    let unit = (head_edge(&frame_of(&mut stepper, shifted(0.4))) - left) / 0.4;
    assert!(unit.abs() > 40.0, "the head moves: {unit} pixels");
    // Poses in an order in which neighbours differ much; nobody waits for the device.
    let at = |tick: Tick| (tick.0 * 3 % 8) as f32 / 20.0;
    let mut next = stepper.tick().next();
    let (first, mut frames) = (next, vec![]);
    for _ in 0..24 {
        stepper.get_mut::<CurrentPose>().0 = shifted(at(next));
        next = stepper.tick().next();
        frames.extend(stepper.read::<FrameReady>());
    }
    wait_for_frames(stepper.world());
    stepper.tick();
    frames.extend(stepper.read::<FrameReady>());
    let frames: Vec<_> = frames.into_iter().map(|ready| ready.0).filter(|frame| frame.tick >= first).collect();
    assert!(frames.is_sorted_by_key(|frame| frame.tick));
    // Frames may be lost while nobody waits, but then they are counted, and those that come are true.
    let lost = stepper.get::<FrameStats>().lost as usize;
    assert!(frames.len() + lost >= 24 && frames.len() > 4, "{} frames, {lost} lost", frames.len());
    for frame in frames.iter().filter(|frame| frame.tick < next) {
        let moved = (head_edge(frame) - left) / unit;
        let wanted = at(frame.tick);
        assert!((moved - wanted).abs() < 0.02, "tick {}: {moved} instead of {wanted}", frame.tick.0);
    }
}

#[test]
fn with_waiting_no_frame_is_lost_and_the_same_input_gives_the_same_bytes() {
    let run = || {
        let mut stepper = stage(small());
        enter(&mut stepper, drawn_rig(256));
        let before = *stepper.get::<FrameStats>();
        let mut frames = vec![];
        for step in 0..8 {
            let weight = step as f32 / 8.0;
            frames.push(frame_of(&mut stepper, FacePose::of(&[(Blendshape::JawOpen, weight)])).rgba);
        }
        let stats = *stepper.get::<FrameStats>();
        assert_eq!((stats.lost, stats.late), (before.lost, before.late));
        frames
    };
    let frames = run();
    assert!(frames.windows(2).all(|pair| pair[0] != pair[1]), "the mouth moves");
    assert_eq!(frames, run());
}

#[test]
fn it_is_known_whether_a_frame_is_still_drawn() {
    let mut stepper = stage(StagePlugin { size: 1_080, ..small() });
    enter(&mut stepper, drawn_rig(512));
    assert!(!is_drawing(stepper.world()));
    // A large frame takes many times as long as the way back here.
    let drawing = (0..24).any(|_| {
        stepper.tick();
        is_drawing(stepper.world())
    });
    assert!(drawing);
    wait_for_frames(stepper.world());
    assert!(!is_drawing(stepper.world()));
}

#[test]
fn an_empty_stage_has_frames_too() {
    let mut stepper = stage(StagePlugin { empty: [10, 20, 30], ..small() });
    let frame = frame_of(&mut stepper, FacePose::default());
    assert_eq!((frame.width, frame.height, frame.rgba.len()), (128, 128, 128 * 128 * 4));
    assert!(frame.rgba.chunks_exact(4).all(|pixel| pixel == [10, 20, 30, 255]));
    assert!(stepper.get::<OnStage>().rig.is_none());
    let _shown: &StageImage = stepper.get();
}

#[test]
fn sizes_that_need_padding_are_not_sheared() {
    for size in [100, 500] {
        let mut stepper = stage(StagePlugin { size, ..small() });
        enter(&mut stepper, drawn_rig(512));
        let frame = frame_of(&mut stepper, FacePose::default());
        assert_eq!(frame.rgba.len(), (size * size * 4) as usize);
        for y in 0..size / 2 {
            assert_eq!(pixel(&frame, 1, y), WALL, "{size}: row {y}");
            assert_eq!(pixel(&frame, size - 2, y), WALL, "{size}: row {y}");
        }
        let left = head_edge(&frame) / size as f32;
        assert!((left - 0.276).abs() < 0.02, "{size}: the head begins at {left}");
    }
}

#[test]
fn a_rig_that_cannot_be_moved_is_a_problem_in_words() {
    let mut stepper = stage(small());
    enter(&mut stepper, drawn_rig(128));
    let mut broken = drawn_rig(128);
    broken.matte = Arc::from([]);
    stepper.get_mut::<ActiveCharacter>().rig = Arc::new(broken);
    let mut problems = vec![];
    stepper.tick_until(1_000, |world| {
        problems.extend(world.resource::<Messages<Problem>>().iter_current_update_messages().map(|p| p.text.clone()));
        !problems.is_empty()
    });
    assert!(problems[0].contains("cannot be moved"), "{problems:?}");
    assert!(stepper.get::<OnStage>().rig.is_some(), "the last character stays");
}

#[test]
fn golden_faces() {
    let mut stepper = stage(StagePlugin { size: 256, ..small() });
    enter(&mut stepper, drawn_rig(512));
    let mut turned = FacePose::of(&[(Blendshape::MouthSmileLeft, 0.8), (Blendshape::MouthSmileRight, 0.8)]);
    turned.head.yaw = 0.2;
    turned.head.roll = 0.1;
    let cases = [
        ("rest", FacePose::default()),
        ("open", FacePose::of(&[(Blendshape::JawOpen, 0.7)])),
        ("blink", FacePose::of(&[(Blendshape::EyeBlinkLeft, 1.0), (Blendshape::EyeBlinkRight, 1.0)])),
        ("turned-smile", turned),
    ];
    for (name, pose) in cases {
        let golden = format!("{}/tests/golden/{name}.png", env!("CARGO_MANIFEST_DIR"));
        check_golden(golden, &frame_of(&mut stepper, pose), SAME_PICTURE);
    }
}
