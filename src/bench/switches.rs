//! One character after the other, as fast as they can enter: does a tick come late, and does memory grow?

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::Context;
use bevy::{app::AppExit, prelude::*};
use memory_stats::memory_stats;
use visage_core::{TICK_HZ, Tick};
use visage_library::{Library, Location, block_on};
use visage_schedule::{Activate, ActiveCharacter, MediaClock, QueueMode, Say, StopSpeaking, TickStats, VisageSystems};
use visage_stage::{Adapter, FrameStats, OnStage};

use super::{Row, percentile};
use crate::{
    app::{VisagePlugins, headless},
    cli::Stage,
    runner,
};

/// Switches before memory and ticks are looked at: models are loaded, every character has been on stage.
const WARM_UP: u64 = 40;
/// Every so many switches the character that enters says something, and is switched away while it speaks.
const SPEAKS_EVERY: u64 = 5;
/// What the numbers are measured over, at least.
const LEAST: u64 = 10;

/// Switches between all characters for so many seconds. A thousand switches take about ten minutes (`--seconds 600`).
///
/// # Errors
/// There is nothing to draw with, or fewer than two characters.
pub fn measure(stage: &Stage, seconds: u32) -> anyhow::Result<Vec<Row>> {
    let plugins = VisagePlugins::new(stage)?;
    // A copy: switching leaves its mark in the library.
    let folder = tempfile::tempdir().context("there is no room for a copy of the characters")?;
    let copy = Library::open(&Location::Folder(folder.path().to_owned()))?;
    let listing = block_on(plugins.library.list())?;
    let ids: Vec<String> = listing.characters.into_iter().map(|entry| entry.id).collect();
    anyhow::ensure!(ids.len() > 1, "there is only one character; nothing can be switched");
    for id in &ids {
        block_on(copy.import(block_on(plugins.library.export(id))?.into(), Some(id)))?;
    }
    let mut app = headless(Adapter::Best, VisagePlugins { library: copy, character: Some(ids[0].clone()), ..plugins })?;
    let results = Arc::new(Mutex::new(Vec::new()));
    app.insert_resource(Bench {
        ids,
        wanted: 0,
        ordered: Instant::now(),
        began: None,
        ticks: u64::from(seconds) * u64::from(TICK_HZ),
        switches: 0,
        times: Vec::new(),
        results: results.clone(),
    })
    .add_systems(FixedUpdate, step.after(VisageSystems::Last));
    runner::run(&mut app);
    let rows = std::mem::take(&mut *results.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(rows)
}

/// Where the measurement began.
struct Began {
    tick: Tick,
    switches: u64,
    stats: TickStats,
    frames: FrameStats,
    memory: f64,
    /// In the middle of the measurement.
    half_way: Option<f64>,
}

#[derive(Resource)]
struct Bench {
    ids: Vec<String>,
    wanted: usize,
    ordered: Instant,
    began: Option<Began>,
    ticks: u64,
    switches: u64,
    /// From the order to the first tick in which the other one is seen, seconds.
    times: Vec<f64>,
    results: Arc<Mutex<Vec<Row>>>,
}

fn megabytes() -> f64 {
    memory_stats().map_or(0.0, |memory| memory.physical_mem as f64 / 1e6)
}

fn step(
    mut bench: ResMut<Bench>,
    active: Option<Res<ActiveCharacter>>,
    stage: Res<OnStage>,
    clock: Res<MediaClock>,
    (stats, frames): (Res<TickStats>, Res<FrameStats>),
    (mut activate, mut say, mut stop): (MessageWriter<Activate>, MessageWriter<Say>, MessageWriter<StopSpeaking>),
    mut exit: MessageWriter<AppExit>,
) {
    let bench = &mut *bench;
    let seen = active.as_ref().is_some_and(|active| {
        active.profile.id == bench.ids[bench.wanted]
            && stage.rig.as_ref().is_some_and(|rig| Arc::ptr_eq(rig, &active.rig))
    });
    if !seen {
        return;
    }
    bench.switches += 1;
    bench.times.push(bench.ordered.elapsed().as_secs_f64());
    match &mut bench.began {
        None if bench.switches >= WARM_UP => {
            bench.times.clear();
            bench.began = Some(Began {
                tick: clock.tick,
                switches: bench.switches,
                stats: *stats,
                frames: *frames,
                memory: megabytes(),
                half_way: None,
            });
        }
        Some(began) if clock.tick.0 - began.tick.0 >= bench.ticks && bench.switches >= began.switches + LEAST => {
            let rows = rows(began, bench.switches, (*stats, *frames), clock.tick, &mut bench.times);
            bench.results.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
            exit.write(AppExit::Success);
            return;
        }
        Some(began) if began.half_way.is_none() && clock.tick.0 - began.tick.0 >= bench.ticks / 2 => {
            began.half_way = Some(megabytes());
        }
        _ => {}
    }
    if bench.switches.is_multiple_of(SPEAKS_EVERY) {
        let text = super::live::TEXT.into();
        say.write(Say { text, language: None, emotion: None, queue: QueueMode::Replace });
    }
    bench.wanted = (bench.wanted + 1) % bench.ids.len();
    bench.ordered = Instant::now();
    // As every order of a person does.
    if !bench.switches.is_multiple_of(SPEAKS_EVERY) {
        stop.write(StopSpeaking);
    }
    activate.write(Activate { id: bench.ids[bench.wanted].clone() });
}

fn rows(
    began: &Began,
    switches: u64,
    (stats, frames): (TickStats, FrameStats),
    tick: Tick,
    times: &mut [f64],
) -> Vec<Row> {
    let (late, skipped) = (stats.late - began.stats.late, stats.skipped - began.stats.skipped);
    let (count, ticks) = (switches - began.switches, tick.0 - began.tick.0);
    let memory = megabytes();
    let half_way = began.half_way.unwrap_or(began.memory);
    vec![
        Row::new("switch: order → other character seen", percentile(times, 0.5) * 1e3, "ms")
            .note(format!("median of {count}; 95 % below {:.0} ms", percentile(times, 0.95) * 1e3)),
        Row::new("switching: ticks more than a frame late", late as f64, "ticks")
            .at_most(0.0)
            .note(format!("of {ticks}; {skipped} skipped; {count} switches")),
        Row::new("switching: frames left out", (frames.lost - began.frames.lost) as f64, "frames")
            .note(format!("of {ticks}; the picture before stays a frame longer")),
        Row::new("switching: growth of memory in the second half", memory - half_way, "MB").at_most(4.0).note(format!(
            "{:.0} MB at the beginning, {half_way:.0} in the middle, {memory:.0} at the end",
            began.memory
        )),
    ]
}
