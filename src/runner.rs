//! Drives an app without a window: one update is one tick. Either by the clock, 30 times a second, or as fast as the
//! machine can, when time is made rather than kept.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bevy::{
    app::{AppExit, PluginsState, SubApps},
    prelude::*,
    time::{TimeReceiver, TimeUpdateStrategy},
};
use visage_core::{TICK_HZ, Tick, workers_settled};
use visage_schedule::{MediaClock, TickStats};
use visage_stage::{is_drawing, wait_for_frames};

/// Ticks that the program may be behind and still catch up, a tenth of a second. When it is further behind (the machine
/// slept, or is far too slow), the time is given up: a burst of hurried ticks would fill the viewers' sound buffers, which
/// empty slowly, and the picture would wait for the sound.
const CATCH_UP: u64 = 3;

/// How long a tick without a clock waits for the workers. A picture of the neural renderer takes a minute on a slow and busy
/// processor; ten mean that a worker hangs.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it looks whether they are done.
const LOOK_AGAIN: Duration = Duration::from_micros(500);

/// Asks the app to end, from any thread. A resource that is read after each tick.
#[derive(Resource, Clone, Debug, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// The app is to end after this tick.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs the app by the clock until it is told to exit (Ctrl-C, an [`AppExit`] message, or [`Ending`]).
pub fn run(app: &mut App) -> AppExit {
    start(app);
    let mut pacer = Pacer::new(Instant::now());
    let mut took = Duration::ZERO;
    loop {
        thread::sleep(pacer.due().saturating_duration_since(Instant::now()));
        let began = Instant::now();
        let behind = began.saturating_duration_since(pacer.due());
        let beat = pacer.begin(began);
        if beat.late {
            tracing::debug!("a tick begins {behind:.1?} late; the one before it took {took:.1?}");
        }
        if let Some(mut stats) = app.world_mut().get_resource_mut::<TickStats>() {
            stats.late += u64::from(beat.late);
            stats.skipped += beat.skipped;
        }
        update(app, is_drawing);
        took = began.elapsed();
        if let Some(exit) = app.should_exit() {
            return exit;
        }
        if app.world().get_resource::<Ending>().is_some_and(Ending::is_asked) {
            return AppExit::Success;
        }
    }
}

/// A tick, and its frame if the one before is drawn. Where the device is slow or busy, a frame is left out (and counted as
/// lost) rather than that the tick, and with it the sound, waits for the device.
fn update(app: &mut App, is_drawing: impl Fn(&World) -> bool) {
    let SubApps { main, sub_apps } = app.sub_apps_mut();
    main.run_default_schedule();
    if !is_drawing(main.world()) {
        for sub_app in sub_apps.values_mut() {
            sub_app.extract(main.world_mut());
            sub_app.update();
        }
    }
    main.world_mut().clear_trackers();
}

/// An app in which time passes only when everybody is done: the same input gives the same frames.
pub struct Offline<'a> {
    app: &'a mut App,
}

impl<'a> Offline<'a> {
    /// Starts the app.
    pub fn new(app: &'a mut App) -> Self {
        start(app);
        Self { app }
    }

    /// Waits until the workers have done what they were told, runs a tick, and waits until its frame has been drawn. The
    /// next tick brings the frame.
    pub fn tick(&mut self) -> Tick {
        let began = Instant::now();
        while !workers_settled() {
            if began.elapsed() > PATIENCE {
                tracing::warn!("a worker has not come to an end for {PATIENCE:?}; going on without it");
                break;
            }
            thread::sleep(LOOK_AGAIN);
        }
        self.app.update();
        wait_for_frames(self.app.world());
        self.app.world().resource::<MediaClock>().tick
    }

    /// Whether the app was told to exit.
    pub fn should_exit(&self) -> bool {
        self.app.should_exit().is_some()
    }

    /// The app's world, between ticks.
    pub fn world(&mut self) -> &mut World {
        self.app.world_mut()
    }
}

/// Ends the set-up of the app. The first update, which lets no time pass, is run here.
fn start(app: &mut App) {
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    // Bevy's clock would ask the render world for the time, and it does not take part in every tick.
    app.world_mut().remove_resource::<TimeReceiver>();
    app.insert_resource(TimeUpdateStrategy::FixedTimesteps(1));
    app.update();
}

/// Says when ticks are due: tick `n` at `n / 30` seconds after the start, so that nothing adds up.
struct Pacer {
    start: Instant,
    next: u64,
}

/// How a tick began.
#[derive(Debug, PartialEq, Eq)]
struct Beat {
    /// More than a tick after it was due.
    late: bool,
    /// Ticks of time that were given up before it.
    skipped: u64,
}

impl Pacer {
    const fn new(now: Instant) -> Self {
        Self { start: now, next: 0 }
    }

    /// When the next tick is due.
    fn due(&self) -> Instant {
        self.start + ticks(self.next)
    }

    /// The next tick begins now.
    fn begin(&mut self, now: Instant) -> Beat {
        let behind = now.saturating_duration_since(self.due());
        let late = behind > ticks(1);
        let mut skipped = 0;
        if behind > ticks(CATCH_UP) {
            skipped = behind.as_nanos() as u64 / ticks(1).as_nanos() as u64;
            self.start += ticks(skipped);
        }
        self.next += 1;
        Beat { late, skipped }
    }
}

const fn ticks(count: u64) -> Duration {
    Duration::from_nanos(count * 1_000_000_000 / TICK_HZ as u64)
}

#[cfg(test)]
mod tests {
    use bevy::app::{AppLabel, SubApp};
    use visage_schedule::VisageSystems;

    use super::*;

    #[test]
    fn deadlines_do_not_drift() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        for tick in 0..30_000_u64 {
            let delay = Duration::from_micros(tick % 7 * 1_000);
            assert_eq!(pacer.begin(pacer.due() + delay), Beat { late: false, skipped: 0 });
        }
        assert_eq!(pacer.due() - start, Duration::from_secs(1_000));
    }

    #[test]
    fn lateness_is_counted_and_caught_up_or_given_up() {
        let check = |behind_ms: u64, late: bool, skipped: u64, next_due_ms: u64| {
            let start = Instant::now();
            let mut pacer = Pacer::new(start);
            let now = start + Duration::from_millis(behind_ms);
            assert_eq!(pacer.begin(now), Beat { late, skipped }, "{behind_ms} ms behind");
            assert_eq!((pacer.due() - start).as_millis() as u64, next_due_ms, "{behind_ms} ms behind");
        };
        check(0, false, 0, 33);
        check(30, false, 0, 33);
        check(40, true, 0, 33);
        check(90, true, 0, 33);
        check(400, true, 12, 433);
        check(1_010, true, 30, 1_033);
    }

    #[test]
    fn an_app_runs_ticks_until_it_is_told_to_exit() {
        fn leave(clock: Res<MediaClock>, mut exit: MessageWriter<AppExit>) {
            if clock.tick == Tick(3) {
                exit.write(AppExit::Success);
            }
        }
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, visage_schedule::SchedulePlugin))
            .add_systems(FixedUpdate, leave.in_set(VisageSystems::Decide));
        assert_eq!(run(&mut app), AppExit::Success);
        assert_eq!(app.world().resource::<TickStats>().ran, 4);
    }

    #[test]
    fn while_a_frame_is_drawn_ticks_go_on_without_another() {
        #[derive(Resource, Default)]
        struct Count(u32);
        #[derive(AppLabel, Clone, Copy, Debug, Hash, PartialEq, Eq)]
        struct Drawing;

        let mut drawing = SubApp::new();
        drawing.init_resource::<Count>();
        drawing.set_extract(|_, drawing| drawing.resource_mut::<Count>().0 += 1);
        let mut app = App::new();
        app.init_resource::<Count>().add_systems(Main, |mut ticks: ResMut<Count>| ticks.0 += 1);
        app.insert_sub_app(Drawing, drawing);
        for busy in [false, true, true, false] {
            update(&mut app, |_| busy);
        }
        assert_eq!((app.world().resource::<Count>().0, app.sub_app(Drawing).world().resource::<Count>().0), (4, 2));
    }

    #[test]
    fn another_thread_can_end_it() {
        let ending = Ending::default();
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, visage_schedule::SchedulePlugin)).insert_resource(ending.clone());
        let asking = thread::spawn(move || ending.ask());
        assert_eq!(run(&mut app), AppExit::Success);
        asking.join().expect("it asked");
    }
}
