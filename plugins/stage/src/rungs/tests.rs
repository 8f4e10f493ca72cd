//! Made-up renderers on real threads: what they are told, what of it is shown, and under which tick.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use visage_core::{Blendshape, Emotion, Raster, Renderer};
use visage_testkit::drawn_rig;

use super::*;

/// Width and height of the pictures.
const SIZE: u32 = 2;

/// What a made-up renderer does with the pose of a tick.
type Act = dyn Fn(u64) -> Result<(), RenderError> + Send + Sync;

/// What renderers were told, in order.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Open,
    Draw(u64),
    Emotion(Emotion),
    Release,
    Gone,
}

/// Its pictures hold the tick of the pose in each byte.
struct Fake {
    act: Arc<Act>,
    heard: Sender<Heard>,
}

/// The pose of a tick, which can be read off it again.
fn pose_of(tick: u64) -> FacePose {
    FacePose::of(&[(Blendshape::JawOpen, tick as f32)])
}

impl Renderer for Fake {
    fn render(&mut self, pose: &FacePose) -> Result<Raster, RenderError> {
        let tick = pose[Blendshape::JawOpen] as u64;
        self.heard.send(Heard::Draw(tick)).expect("the test listens");
        (self.act)(tick)?;
        Ok(Raster { width: SIZE, height: SIZE, rgba: [tick as u8; 16].into() })
    }

    fn set_emotion(&mut self, emotions: &EmotionWeights) {
        let shown = Emotion::ALL.into_iter().find(|emotion| emotions[*emotion] > 0.0);
        self.heard.send(Heard::Emotion(shown.unwrap_or_default())).expect("the test listens");
    }

    fn release(&mut self) {
        self.heard.send(Heard::Release).expect("the test listens");
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // At the end of a test nobody listens any more.
        let _ = self.heard.send(Heard::Gone);
    }
}

/// A rung of made-up renderers, and where it is heard what they are told.
fn rung(
    name: &'static str,
    act: impl Fn(u64) -> Result<(), RenderError> + Send + Sync + 'static,
) -> (Rung, Receiver<Heard>) {
    let (heard, listen) = unbounded();
    let act: Arc<Act> = Arc::new(act);
    let open = move |_: &Subject| {
        heard.send(Heard::Open).expect("the test listens");
        Ok(Box::new(Fake { act: act.clone(), heard: heard.clone() }) as Box<dyn Renderer>)
    };
    (Rung::new(name, open), listen)
}

fn settings() -> RungSettings {
    // Nothing is too slow, however busy the machine that runs the tests.
    RungSettings { size: SIZE, fade_ticks: 0, deadline: Duration::from_secs(60), offline: false, choice: None }
}

/// Ticks without a stage.
struct Stage {
    rungs: Rungs,
    tick: u64,
    emotions: EmotionWeights,
}

impl Stage {
    fn new(rungs: &[Rung], settings: RungSettings) -> Self {
        let mut rungs = Rungs::new(rungs, settings);
        rungs.play(&Arc::new(drawn_rig(64)), RendererChoice::Auto);
        Self { rungs, tick: 0, emotions: EmotionWeights::default() }
    }

    /// A tick, without waiting for anybody.
    fn tick(&mut self) -> Shot {
        self.rungs.receive(|_, _| ());
        let (tick, pose) = (Tick(self.tick), pose_of(self.tick));
        self.tick += 1;
        self.rungs.advance(Moment { tick, pose: &pose, emotions: &self.emotions, leads: true, hurried: false })
    }

    /// A tick after everybody has done what they were told.
    fn calm_tick(&mut self) -> Shot {
        let began = Instant::now();
        while !self.rungs.hands.iter().all(|hand| hand.painter.is_settled()) {
            assert!(began.elapsed() < Duration::from_secs(30), "a made-up renderer hangs");
            thread::yield_now();
        }
        self.tick()
    }

    fn calm_ticks(&mut self, count: usize) -> Vec<Shot> {
        (0..count).map(|_| self.calm_tick()).collect()
    }

    fn shown(&self) -> &'static str {
        let mut all = Renderers::default();
        self.rungs.report(&mut all);
        all.name()
    }

    fn state(&self, index: usize) -> RendererState {
        let mut all = Renderers::default();
        self.rungs.report(&mut all);
        all.all[index].clone()
    }
}

/// What is seen: the tick of the frame, and the tick of the pose that a covering picture holds.
fn seen(shot: &Shot) -> (Option<u64>, Option<u64>) {
    (shot.tick.map(|tick| tick.0), shot.look.covering().map(|sheet| u64::from(sheet.picture[0])))
}

#[test]
fn a_picture_is_shown_under_the_tick_of_its_pose() {
    let (fast, _heard) = rung("fast", |_| Ok(()));
    let mut stage = Stage::new(&[fast], settings());
    let shots = stage.calm_ticks(30);
    assert_eq!(seen(&shots[10]), (Some(10), None), "first the warp, without delay");
    assert_eq!(seen(&shots[29]), (Some(28), Some(28)), "then pictures, a tick later");
    let frames: Vec<u64> = shots.iter().filter_map(|shot| Some(shot.tick?.0)).collect();
    assert_eq!(frames, (0..29).collect::<Vec<_>>(), "each pose once");
    for shot in &shots {
        let Some(tick) = shot.tick else { continue };
        assert_eq!(shot.pose, pose_of(tick.0), "the warp takes the pose of the frame");
    }
    let state = stage.state(0);
    assert_eq!((state.switches, state.holds, state.frames, stage.state(1).frames), (1, 1, 13, 16), "{state:?}");
    assert!(state.last.is_some() && state.mean.is_some());
}

#[test]
fn a_renderer_that_hangs_holds_up_nobody() {
    let (go, wait) = unbounded::<()>();
    let (slow, heard) = rung("slow", move |_| wait.recv().map_err(|_| RenderError::NoPicture));
    let mut stage = Stage::new(&[slow], settings());
    stage.calm_tick();
    while heard.try_recv() != Ok(Heard::Draw(1)) {
        if stage.tick < 2 {
            stage.calm_tick();
        }
        thread::yield_now();
    }
    for _ in 0..100 {
        let now = stage.tick;
        assert_eq!(seen(&stage.tick()), (Some(now), None), "every tick has its frame");
    }
    assert_eq!(heard.try_iter().count(), 0, "no second pose is handed to it while it works");
    go.send(()).expect("it waits");
    // It hangs again when it is tried again, so nobody may wait for it.
    let (mut late, began) = (Vec::new(), Instant::now());
    while heard.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "it is not tried again");
        late.push(stage.tick());
        thread::yield_now();
    }
    assert!(late.iter().all(|shot| shot.look.sheets.is_empty()), "what it drew a hundred ticks ago is not shown");
    assert_eq!(heard.try_iter().count(), 1, "it is tried again, and hangs again");
}

#[test]
fn what_stands_still_is_held_for_two_ticks_and_then_left() {
    let (go, wait) = unbounded::<()>();
    let hang = Arc::new(AtomicUsize::new(0));
    let hangs = hang.clone();
    let (stops, _heard) = rung("stops", move |_| {
        if hangs.load(Ordering::Relaxed) > 0 {
            return wait.recv().map_err(|_| RenderError::NoPicture);
        }
        Ok(())
    });
    let mut stage = Stage::new(&[stops], settings());
    stage.calm_ticks(30);
    assert_eq!((stage.shown(), stage.tick), ("stops", 30));
    hang.store(1, Ordering::Relaxed);
    // The pose of tick 29 has not been drawn yet, or has; whatever comes then, comes from the warp.
    let shots: Vec<_> = (0..6).map(|_| stage.tick()).collect();
    let frames: Vec<u64> = shots.iter().filter_map(|shot| Some(shot.tick?.0)).collect();
    assert!(frames.windows(2).all(|pair| pair[0] < pair[1]), "frames never go back: {frames:?}");
    assert_eq!((stage.shown(), frames.last()), ("warp", Some(&35)));
    let held = shots.iter().filter(|shot| shot.tick.is_none()).count();
    assert!((2..=3).contains(&held), "{held} were held");
    drop(go);
}

#[test]
fn offline_every_pose_has_its_frame() {
    // From tick 40 to 60 it has no pictures; every tenth time it fails to have one.
    let gaps = |tick: u64| {
        if (40..60).contains(&tick) || tick.is_multiple_of(10) { Err(RenderError::NoPicture) } else { Ok(()) }
    };
    let (gapped, _heard) = rung("liveportrait", gaps);
    let offline = RungSettings { offline: true, fade_ticks: 3, ..settings() };
    let run = |rung: Rung| {
        let mut stage = Stage::new(&[rung], offline.clone());
        let mut first = None;
        for _ in 0..10 {
            stage.calm_tick();
            first = first.or_else(|| stage.rungs.is_settled().then_some(stage.tick));
        }
        let first = first.expect("it is soon known what draws");
        assert_eq!(stage.shown(), "liveportrait", "at the beginning");
        let shots = stage.calm_ticks(110);
        let frames: Vec<u64> = shots.iter().filter_map(|shot| Some(shot.tick?.0)).collect();
        assert_eq!(frames, (frames[0]..frames[0] + frames.len() as u64).collect::<Vec<_>>(), "each pose once");
        assert!(frames[0] <= first + 10 && frames.len() >= 109);
        assert!(shots.iter().any(|shot| shot.look.warp), "poses that cannot be drawn are drawn by the warp");
        shots.iter().map(|shot| (seen(shot), shot.look.warp)).collect::<Vec<_>>()
    };
    let first = run(gapped.clone());
    assert_eq!(first, run(gapped), "always the same");
}

#[test]
fn one_that_panics_is_opened_anew_and_comes_back() {
    let (brittle, heard) = rung("brittle", |tick| {
        assert_ne!(tick, 25, "its time has come");
        Ok(())
    });
    let mut stage = Stage::new(&[brittle], settings());
    stage.calm_ticks(25);
    assert_eq!(stage.shown(), "brittle");
    stage.calm_tick();
    stage.calm_tick();
    assert_eq!(stage.shown(), "warp", "{:?}", stage.state(0));
    let shots = stage.calm_ticks(60);
    assert_eq!(stage.shown(), "brittle");
    assert_eq!(seen(&shots[59]), (Some(85), Some(85)));
    let heard: Vec<_> = heard.try_iter().collect();
    let at = |what: &Heard| heard.iter().position(|one| one == what);
    assert_eq!(heard.iter().filter(|one| **one == Heard::Open).count(), 2);
    let (died, gone) = (at(&Heard::Draw(25)), at(&Heard::Gone));
    assert!(died.is_some() && gone > died, "the broken one has gone: {heard:?}");
    let frames: Vec<u64> = shots.iter().filter_map(|shot| Some(shot.tick?.0)).collect();
    assert!(frames.windows(2).all(|pair| pair[0] < pair[1]), "{frames:?}");
}

#[test]
fn a_thread_that_cannot_go_on_is_replaced() {
    // The renderer panics, and again when it is thrown away.
    struct Worst;
    impl Renderer for Worst {
        fn render(&mut self, _: &FacePose) -> Result<Raster, RenderError> {
            panic!("while it draws")
        }
        fn release(&mut self) {}
    }
    impl Drop for Worst {
        fn drop(&mut self) {
            assert!(thread::panicking(), "while it is dropped");
        }
    }
    let opened = Arc::new(AtomicUsize::new(0));
    let count = opened.clone();
    let worst = Rung::new("worst", move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Worst) as Box<dyn Renderer>)
    });
    let mut stage = Stage::new(&[worst], settings());
    stage.calm_ticks(60);
    assert!(opened.load(Ordering::Relaxed) > 1, "{:?}", stage.state(0));
    assert!(stage.state(0).why.is_some_and(|why| why.contains("panic")), "{:?}", stage.state(0));
}

#[test]
fn another_face_means_another_renderer_and_never_two() {
    let (fast, heard) = rung("fast", |_| Ok(()));
    let mut stage = Stage::new(&[fast], settings());
    stage.calm_ticks(30);
    let before = Arc::downgrade(stage.rungs.rig().expect("somebody plays"));
    stage.rungs.play(&Arc::new(drawn_rig(64)), RendererChoice::Auto);
    assert_eq!(stage.shown(), "warp", "a new face begins with the warp");
    let shots = stage.calm_ticks(30);
    assert_eq!((stage.shown(), seen(&shots[29])), ("fast", (Some(58), Some(58))));
    assert_eq!(before.strong_count(), 0, "the face before is let go");
    stage.rungs.play(&stage.rungs.rig().expect("somebody plays").clone(), RendererChoice::Warp);
    let shots = stage.calm_ticks(3);
    assert!(stage.shown() == "warp" && shots.iter().all(|shot| shot.look.sheets.is_empty()));
    let steps: Vec<_> = heard.try_iter().filter(|one| matches!(one, Heard::Open | Heard::Gone)).collect();
    assert_eq!(steps, [Heard::Open, Heard::Gone, Heard::Open, Heard::Gone]);
}

#[test]
fn emotions_are_told_when_they_change() {
    let (fast, heard) = rung("fast", |_| Ok(()));
    let mut stage = Stage::new(&[fast], settings());
    stage.calm_ticks(10);
    stage.emotions[Emotion::Happy] = 1.0;
    stage.calm_ticks(10);
    let told: Vec<_> = heard.try_iter().filter(|one| matches!(one, Heard::Emotion(_))).collect();
    assert_eq!(told, [Heard::Emotion(Emotion::Neutral), Heard::Emotion(Emotion::Happy)]);
}

#[test]
fn what_is_idle_gives_back_what_it_can() {
    let (best, _heard) = rung("best", |_| Ok(()));
    let (next, heard) = rung("next", |_| Ok(()));
    let mut stage = Stage::new(&[best, next], settings());
    stage.calm_ticks(400);
    let released = heard.try_iter().filter(|one| *one == Heard::Release).count();
    assert_eq!((stage.shown(), released), ("best", 1));
}

#[test]
fn a_character_and_a_program_choose_renderers() {
    use RendererChoice::{Auto, LivePortrait, Warp};
    let cases = [
        (Auto, None, "other"),
        (LivePortrait, None, "liveportrait-baked"),
        (Warp, None, "warp"),
        (Auto, Some(Warp), "warp"),
        (Warp, Some(LivePortrait), "liveportrait-baked"),
    ];
    for (character, program, expected) in cases {
        let ((other, _heard), (baked, _heard_too)) =
            (rung("other", |_| Ok(())), rung("liveportrait-baked", |_| Ok(())));
        let mut stage = Stage::new(&[other, baked], RungSettings { choice: program, ..settings() });
        stage.rungs.play(&stage.rungs.rig().expect("somebody plays").clone(), character);
        stage.calm_ticks(30);
        assert_eq!((stage.shown(), stage.rungs.unmet()), (expected, None), "{character:?}, {program:?}");
    }
}

#[test]
fn what_was_asked_for_and_cannot_be_had_is_told_in_words() {
    let refuses = Rung::new("liveportrait", |_| Err("there is no model".to_owned()));
    let check = |rungs: &[Rung], choice, expected: Option<&str>| {
        let mut stage = Stage::new(rungs, settings());
        stage.rungs.play(&stage.rungs.rig().expect("somebody plays").clone(), choice);
        stage.calm_ticks(5);
        assert_eq!(stage.rungs.unmet().as_deref(), expected);
    };
    check(&[], RendererChoice::LivePortrait, Some("it is not part of this program"));
    check(std::slice::from_ref(&refuses), RendererChoice::LivePortrait, Some("liveportrait: there is no model"));
    check(&[refuses], RendererChoice::Auto, None);
    check(&[], RendererChoice::Auto, None);
}

#[test]
fn a_picture_of_another_size_is_a_failure_in_words() {
    struct Small;
    impl Renderer for Small {
        fn render(&mut self, _: &FacePose) -> Result<Raster, RenderError> {
            Ok(Raster { width: 1, height: 1, rgba: [0; 4].into() })
        }
        fn release(&mut self) {}
    }
    let small = Rung::new("small", |_| Ok(Box::new(Small) as Box<dyn Renderer>));
    let mut stage = Stage::new(&[small], settings());
    stage.calm_ticks(600);
    assert!(stage.state(0).why.is_some_and(|why| why.contains("1 × 1 pixels")), "{:?}", stage.state(0));
}
