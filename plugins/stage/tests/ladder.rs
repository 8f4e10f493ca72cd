//! Renderers above the mesh warp, made up, on a real stage: what is seen, in which tick, and that nobody waits for them.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bevy::prelude::*;
use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::sync::oneshot;
use visage_core::{
    Blendshape, FacePose, Frame, Raster, RenderError, Renderer, Rig, Rung, Subject, Tick, workers_settled,
};
use visage_schedule::{
    ActiveCharacter, CharacterProfile, CurrentPose, FrameReady, Notices, Problem, RendererChoice, Renderers,
    SchedulePlugin, StageTimes, StillDoor, StillRequest,
};
use visage_stage::{Adapter, FrameStats, HeadlessPlugins, OnStage, StagePlugin, wait_for_frames};
use visage_testkit::{Stepper, drawn_rig};

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];

/// A renderer that hangs keeps the workers of the whole program from coming to rest, so these tests run one by one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // A test that failed has left nothing behind.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is done before a picture is made.
type Before = dyn Fn() -> Result<(), RenderError> + Send + Sync;

/// Draws pictures of one colour, whose blue says how far the jaw is open.
struct Solid {
    colour: [u8; 4],
    size: u32,
    before: Arc<Before>,
    life: Sender<&'static str>,
}

impl Renderer for Solid {
    fn render(&mut self, pose: &FacePose) -> Result<Raster, RenderError> {
        (self.before)()?;
        let [red, green, _, alpha] = self.colour;
        let pixel = [red, green, (pose[Blendshape::JawOpen] * 255.0).round() as u8, alpha];
        Ok(Raster { width: self.size, height: self.size, rgba: pixel.repeat((self.size * self.size) as usize).into() })
    }

    fn release(&mut self) {}
}

impl Drop for Solid {
    fn drop(&mut self) {
        // At the end of a test nobody listens any more.
        let _ = self.life.send("gone");
    }
}

/// A rung whose renderers have these colours, one after the other, and where it is heard when they come and go.
fn solid(
    colours: &'static [[u8; 4]],
    before: impl Fn() -> Result<(), RenderError> + Send + Sync + 'static,
) -> (Rung, Receiver<&'static str>) {
    let (life, heard) = unbounded();
    let (before, count): (Arc<Before>, _) = (Arc::new(before), Mutex::new(0));
    let open = move |subject: &Subject| {
        let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
        let colour = colours[*count % colours.len()];
        *count += 1;
        life.send("open").expect("the test listens");
        Ok(Box::new(Solid { colour, size: subject.size, before: before.clone(), life: life.clone() })
            as Box<dyn Renderer>)
    };
    (Rung::new("liveportrait", open), heard)
}

fn plugin(rungs: &[Rung]) -> StagePlugin {
    // Nothing is too slow, however busy the machine that runs the tests.
    let deadline = std::time::Duration::from_secs(60);
    StagePlugin { size: 64, fade_ticks: 0, rungs: rungs.to_vec(), deadline, ..default() }
}

fn stage(plugin: StagePlugin) -> Stepper {
    let mut app = App::new();
    let renderer = HeadlessPlugins::open(Adapter::Software).expect("mesa-vulkan-drivers is installed");
    app.add_plugins((renderer, SchedulePlugin, plugin));
    Stepper::of(app)
}

/// Makes somebody the active character and returns the rig.
fn activate(stepper: &mut Stepper, renderer: RendererChoice) -> Arc<Rig> {
    let profile =
        CharacterProfile { id: "drawn".into(), name: "Drawn".into(), renderer, ..CharacterProfile::default() };
    let rig = Arc::new(drawn_rig(64));
    stepper.world().insert_resource(ActiveCharacter { profile: Arc::new(profile), rig: rig.clone() });
    rig
}

/// Ticks, with the jaw as far open as `jaw` says, each after the device and, if `calm`, all workers have done what they
/// were told. Returns the frames.
fn ticks(stepper: &mut Stepper, count: usize, calm: bool, jaw: impl Fn(Tick) -> f32) -> Vec<Frame> {
    let mut frames = vec![];
    for _ in 0..count {
        while calm && !workers_settled() {
            std::thread::yield_now();
        }
        let next = stepper.get::<visage_schedule::TickStats>().ran;
        stepper.get_mut::<CurrentPose>().0 = FacePose::of(&[(Blendshape::JawOpen, jaw(Tick(next)))]);
        stepper.tick();
        wait_for_frames(stepper.world());
        frames.extend(stepper.read::<FrameReady>().into_iter().map(|ready| ready.0));
    }
    frames
}

fn at_rest(_: Tick) -> f32 {
    0.0
}

/// The pixel in the corner, where the drawn face has its wall.
fn corner(frame: &Frame) -> [u8; 4] {
    frame.rgba[..4].try_into().expect("four bytes")
}

fn numbers(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.tick.0).collect()
}

#[track_caller]
fn check_order(frames: &[Frame]) {
    assert!(numbers(frames).windows(2).all(|pair| pair[0] < pair[1]), "frames never go back: {:?}", numbers(frames));
}

#[test]
fn a_better_renderer_fades_in_and_what_is_seen_belongs_to_its_tick() {
    let _alone = alone();
    let (rung, _life) = solid(&[RED], || Ok(()));
    let mut stepper = stage(StagePlugin { renderer_fade_ticks: 4, ..plugin(&[rung]) });
    activate(&mut stepper, RendererChoice::Auto);
    let jaw = |tick: Tick| (tick.0 % 100) as f32 / 100.0;
    let frames = ticks(&mut stepper, 60, true, jaw);
    check_order(&frames);
    let mut reds: Vec<u8> = frames.iter().skip(5).map(|frame| corner(frame)[0]).collect();
    reds.dedup();
    assert_eq!((reds.first(), reds.last(), reds.is_sorted()), (Some(&150), Some(&255), true), "{reds:?}");
    assert_eq!(reds.len(), 6, "four steps between: {reds:?}");
    let last = frames.last().expect("there are frames");
    for frame in &frames[frames.len() - 10..] {
        let blue = (jaw(frame.tick) * 255.0).round() as u8;
        assert!(frame.rgba.chunks_exact(4).all(|pixel| pixel == [255, 0, blue, 255]), "tick {}", frame.tick.0);
    }
    // Drawn a tick after its pose, and back a tick after that.
    assert_eq!((last.tick.0, *stepper.get::<FrameStats>()), (57, FrameStats { captured: 58, late: 0, lost: 0 }));
    let renderers = stepper.get::<Renderers>();
    assert_eq!((renderers.name(), renderers.why(), renderers.all[0].switches), ("liveportrait", None, 1));
    assert_eq!(renderers.all[0].frames + renderers.all[1].frames, 59);
    assert!(stepper.get::<StageTimes>().iter().any(|(name, times)| name == "liveportrait" && times.len() > 20));
    assert!(stepper.get::<Notices>().all().is_empty());

    // Its author changes their mind.
    let mut active = stepper.get_mut::<ActiveCharacter>();
    let profile = CharacterProfile { renderer: RendererChoice::Warp, ..(*active.profile).clone() };
    active.profile = Arc::new(profile);
    let frames = ticks(&mut stepper, 20, true, jaw);
    check_order(&frames);
    let reds: Vec<u8> = frames.iter().map(|frame| corner(frame)[0]).collect();
    assert_eq!(
        (reds.first(), reds.last(), reds.is_sorted_by(|a, b| a >= b)),
        (Some(&255), Some(&150), true),
        "{reds:?}"
    );
}

#[test]
fn a_renderer_that_hangs_costs_no_tick_and_no_frame() {
    let _alone = alone();
    let run = |rungs: &[Rung]| {
        let mut stepper = stage(plugin(rungs));
        activate(&mut stepper, RendererChoice::Auto);
        stepper.tick_until(1_000, |world| world.resource::<OnStage>().rig.is_some());
        let start = stepper.tick().0;
        ticks(&mut stepper, 2, false, at_rest);
        let late = stepper.get::<FrameStats>().late;
        let frames = ticks(&mut stepper, 60, false, |tick| (tick.0 - start) as f32 / 100.0);
        assert_eq!(stepper.get::<FrameStats>().late, late);
        assert_eq!(stepper.get::<Renderers>().name(), "warp");
        let pictures: Vec<_> = frames.iter().map(|frame| (frame.tick.0 - start, frame.rgba.clone())).collect();
        assert_eq!(pictures.len(), 60, "every tick has its frame");
        pictures
    };
    // It waits for something that never comes, or comes when nobody wants it any more.
    let (go, wait) = unbounded::<()>();
    let (rung, life) = solid(&[RED], move || wait.recv().map_err(|_| RenderError::NoPicture));
    let hung = run(&[rung]);
    assert_eq!(life.try_recv(), Ok("open"), "it was tried");
    drop(go);
    assert!(hung == run(&[]), "it is as if it were not there");
}

#[test]
fn a_renderer_that_panics_while_it_draws_is_replaced_and_comes_back() {
    let _alone = alone();
    let kill = Arc::new(AtomicBool::new(false));
    let killed = kill.clone();
    let (rung, life) = solid(&[RED, GREEN], move || {
        assert!(!killed.swap(false, Ordering::Relaxed), "killed in the middle of a picture");
        Ok(())
    });
    let mut stepper = stage(StagePlugin { renderer_fade_ticks: 2, ..plugin(&[rung]) });
    activate(&mut stepper, RendererChoice::Auto);
    let mut frames = ticks(&mut stepper, 40, true, at_rest);
    assert_eq!(frames.last().map(corner), Some(RED));
    kill.store(true, Ordering::Relaxed);
    frames.extend(ticks(&mut stepper, 60, true, at_rest));
    check_order(&frames);
    assert_eq!(frames.last().map(corner), Some(GREEN), "another renderer draws");
    assert!(frames.iter().skip(40).any(|frame| corner(frame)[0] == 150), "meanwhile the warp did");
    assert_eq!(life.try_iter().collect::<Vec<_>>(), ["open", "gone", "open"]);
    assert_eq!(stepper.get::<FrameStats>().lost, 0);
    let longest = numbers(&frames).windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest <= Some(3), "no gap of more than two frames: {longest:?}");
}

#[test]
fn the_next_character_has_a_renderer_of_its_own() {
    let _alone = alone();
    let (rung, life) = solid(&[RED, GREEN], || Ok(()));
    let mut stepper = stage(StagePlugin { fade_ticks: 6, renderer_fade_ticks: 2, ..plugin(&[rung]) });
    let first = activate(&mut stepper, RendererChoice::Auto);
    let mut frames = ticks(&mut stepper, 40, true, at_rest);
    let first = {
        let weak = Arc::downgrade(&first);
        drop(first);
        weak
    };
    activate(&mut stepper, RendererChoice::Auto);
    let after = ticks(&mut stepper, 60, true, at_rest);
    let colours: Vec<_> = after.iter().map(corner).collect();
    // From red over the wall of the warp to green; as one character fades into the other, so does its renderer's picture.
    assert_eq!((colours.first(), colours.last()), (Some(&RED), Some(&GREEN)), "{colours:?}");
    let wall = colours.iter().position(|colour| *colour == [150, 170, 176, 255]).expect("the warp is seen");
    assert!(colours[..wall].is_sorted_by(|a, b| a[0] >= b[0]) && colours[wall..].is_sorted_by(|a, b| a[1] <= b[1]));
    let steps = colours[..wall].iter().filter(|colour| (151..255).contains(&colour[0])).count();
    assert_eq!(steps, 6, "the character before fades with the picture that its renderer drew: {colours:?}");
    frames.extend(after);
    check_order(&frames);
    assert_eq!(life.try_iter().collect::<Vec<_>>(), ["open", "gone", "open"], "one at a time");
    assert_eq!(first.strong_count(), 0, "the face before is gone");
}

#[test]
fn offline_the_renderer_is_there_from_the_first_frame_on() {
    let _alone = alone();
    let run = |choice: RendererChoice| {
        let (rung, _life) = solid(&[RED], || {
            // Slower than any deadline.
            std::thread::sleep(std::time::Duration::from_millis(2));
            Ok(())
        });
        let deadline = std::time::Duration::from_millis(1);
        let mut stepper = stage(StagePlugin { offline: true, deadline, ..plugin(&[rung]) });
        activate(&mut stepper, choice);
        let jaw = |tick: Tick| (tick.0 % 10) as f32 / 10.0;
        let mut before = vec![];
        while stepper.get::<OnStage>().rig.is_none() || stepper.get::<OnStage>().changing {
            before.extend(ticks(&mut stepper, 1, true, jaw));
            assert!(before.len() < 100, "it comes on stage");
        }
        let start = stepper.get::<visage_schedule::MediaClock>().tick.0 + 1;
        let frames: Vec<_> =
            ticks(&mut stepper, 40, true, jaw).into_iter().filter(|frame| frame.tick.0 >= start).collect();
        assert_eq!(numbers(&frames), (start..start + 38).collect::<Vec<_>>(), "each pose once");
        for frame in &frames {
            assert_eq!(corner(frame), [255, 0, (jaw(frame.tick) * 255.0).round() as u8, 255]);
        }
    };
    run(RendererChoice::LivePortrait);
    run(RendererChoice::Auto);
}

#[test]
fn a_renderer_that_was_asked_for_and_is_not_there_is_told() {
    let _alone = alone();
    let refuses = Rung::new("liveportrait", |_| Err("there is no model of it".to_owned()));
    let mut stepper = stage(plugin(&[refuses]));
    activate(&mut stepper, RendererChoice::LivePortrait);
    let mut problems = vec![];
    stepper.tick_until(1_000, |world| {
        problems.extend(world.resource_mut::<Messages<Problem>>().drain().map(|problem| problem.text));
        !problems.is_empty()
    });
    stepper.ticks(20);
    assert_eq!(stepper.get::<Notices>().all(), problems);
    assert_eq!(
        problems,
        ["LivePortrait does not draw Drawn, the mesh warp does instead. liveportrait: there is no model of it."]
    );
    activate(&mut stepper, RendererChoice::Auto);
    let why = "liveportrait: there is no model of it";
    // Nobody asks for it by name any more: it is out for the same reason, and that is no notice.
    stepper.tick_until(1_000, |world| {
        world.resource::<Renderers>().why().as_deref() == Some(why) && world.resource::<Notices>().all().is_empty()
    });
}

#[test]
fn a_still_comes_from_who_has_it_at_hand() {
    let _alone = alone();
    let (rung, _life) = solid(&[RED], || Ok(()));
    // It has pictures of open mouths only, half transparent.
    let still = |subject: &Subject, pose: &FacePose| {
        let rgba = [64, 0, 0, 128].repeat((subject.size * subject.size) as usize).into();
        (pose[Blendshape::JawOpen] > 0.5).then_some(Raster { width: subject.size, height: subject.size, rgba })
    };
    let mut stepper = stage(plugin(&[Rung { still: Some(Arc::new(still)), ..rung }]));
    let rig = Arc::new(drawn_rig(64));
    let mut draw = |jaw: f32, renderer| {
        let (answer, mut still) = oneshot::channel();
        let pose = FacePose::of(&[(Blendshape::JawOpen, jaw)]);
        let request = StillRequest { rig: rig.clone(), pose, size: 32, renderer, answer };
        stepper.get::<StillDoor>().0.try_send(request).expect("there is room at the door");
        let mut picture = None;
        stepper.tick_until(2_000, |_| {
            picture = picture.take().or_else(|| still.try_recv().ok());
            picture.is_some()
        });
        let picture = picture.expect("it was waited for").expect("it can be drawn");
        <[u8; 4]>::try_from(&picture.rgba[..4]).expect("four bytes")
    };
    let (at_hand, warp) = ([128, 0, 0, 128], [150, 170, 176, 255]);
    assert_eq!(draw(1.0, RendererChoice::Auto), at_hand);
    assert_eq!(draw(1.0, RendererChoice::LivePortrait), at_hand);
    assert_eq!(draw(1.0, RendererChoice::Warp), warp);
    assert_eq!(draw(0.0, RendererChoice::Auto), warp);
}
