//! The renderers side by side: the same poses, drawn by each.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use memory_stats::memory_stats;
use visage_core::{Blendshape, FacePose, RenderError, Renderer, Rung, Subject, VISEMES, viseme_mouth};
use visage_library::block_on;
use visage_liveportrait::LIVE;
use visage_models::Store;
use visage_portrait::RigBuilder;
use visage_schedule::RendererChoice;
use visage_stage::Adapter;

use super::{Row, percentile};
use crate::{
    app::{VisagePlugins, headless, liveportrait},
    cli::Stage,
    runner::Offline,
};

/// Poses for which a viseme stands.
const POSES_OF_A_VISEME: usize = 5;
/// Pictures that count, at least: a neural renderer on a processor takes seconds for each.
const LEAST: usize = 2;
/// Ticks before the mesh warp is measured: the character comes on stage.
const ENTRANCE: usize = 60;
/// A tick.
const BUDGET_MS: f64 = 1e3 / 30.0;

/// Draws for so many seconds with each renderer.
///
/// # Errors
/// There is no such character, or nothing to draw with.
pub fn measure(stage: &Stage, seconds: u32) -> anyhow::Result<Vec<Row>> {
    let patience = Duration::from_secs(seconds.into());
    let plugins = VisagePlugins::new(stage)?;
    let id = match &plugins.character {
        Some(id) => id.clone(),
        None => block_on(plugins.library.default_id())?,
    };
    let portrait = block_on(plugins.library.load(&id))?.portrait;
    let rig = Arc::new(RigBuilder::new(&Store::default()).build(&portrait)?);
    let subject = Subject { rig, size: stage.size, patient: true };
    let neural = liveportrait(&stage.neural)?;
    let mut rows = Vec::new();
    // All stay open, so that none gets the memory that another one has given back.
    let mut open = Vec::new();
    for rung in neural.rungs() {
        rows.extend(neural_rows(&rung, &subject, patience, &mut open));
    }
    let seen = neural.pictures.statistics();
    let asked = seen.memory_hits + seen.disk_hits + seen.misses;
    if asked > 0 {
        let hits = 100.0 * (seen.memory_hits + seen.disk_hits) as f64 / asked as f64;
        rows.push(Row::new("liveportrait-baked: pictures found", hits, "%").note(format!(
            "{} in memory, {} on disk, {} nowhere; {:.0} MB in memory, {:.0} MB on disk",
            seen.memory_hits,
            seen.disk_hits,
            seen.misses,
            seen.memory_bytes as f64 / 1e6,
            seen.disk_bytes as f64 / 1e6
        )));
    }
    rows.extend(warp_rows(plugins, patience)?);
    Ok(rows)
}

fn megabytes() -> f64 {
    memory_stats().map_or(0.0, |memory| memory.physical_mem as f64 / 1e6)
}

fn neural_rows(rung: &Rung, subject: &Subject, patience: Duration, open: &mut Vec<Box<dyn Renderer>>) -> Vec<Row> {
    let (time, memory) = if rung.name == LIVE {
        ("liveportrait: a picture", "liveportrait: memory")
    } else {
        ("liveportrait-baked: a picture", "liveportrait-baked: memory")
    };
    let (before, began) = (megabytes(), Instant::now());
    let mut renderer = match (rung.open)(subject) {
        Ok(renderer) => renderer,
        Err(reason) => return vec![Row::missing(time, reason)],
    };
    let opening = began.elapsed();
    let (mut times, mut without) = (Vec::new(), 0);
    let began = Instant::now();
    // The first picture prepares what the others use.
    for (index, pose) in poses().enumerate() {
        if began.elapsed() > patience && times.len() >= LEAST {
            break;
        }
        let picture = Instant::now();
        match renderer.render(&pose) {
            Ok(_) if index == 0 => {}
            Ok(_) => times.push(picture.elapsed().as_secs_f64()),
            Err(RenderError::NoPicture) if began.elapsed() < patience => without += 1,
            Err(error) => return vec![Row::missing(time, error)],
        }
    }
    let (median, slow) = (percentile(&mut times, 0.5) * 1e3, percentile(&mut times, 0.95) * 1e3);
    let memory_now = megabytes();
    open.push(renderer);
    vec![
        Row::new(time, median, "ms").at_most(BUDGET_MS).note(format!(
            "median of {}; 95 % below {slow:.1} ms; {without} poses without a picture; opened in {:.2} s",
            times.len(),
            opening.as_secs_f64()
        )),
        Row::new(memory, memory_now - before, "MB").note("resident, more than before it was opened"),
    ]
}

/// The mesh warp draws in the tick, so whole ticks are measured, of a character that is there and waits.
fn warp_rows(plugins: VisagePlugins, patience: Duration) -> anyhow::Result<Vec<Row>> {
    let before = megabytes();
    let plugins = VisagePlugins { renderer: Some(RendererChoice::Warp), offline: true, ..plugins };
    let mut app = headless(Adapter::Best, plugins)?;
    let mut offline = Offline::new(&mut app);
    for _ in 0..ENTRANCE {
        offline.tick();
    }
    let (mut times, began) = (Vec::new(), Instant::now());
    while began.elapsed() < patience {
        let tick = Instant::now();
        offline.tick();
        times.push(tick.elapsed().as_secs_f64());
    }
    let (median, slow) = (percentile(&mut times, 0.5) * 1e3, percentile(&mut times, 0.95) * 1e3);
    Ok(vec![
        Row::new("warp: a whole tick with its picture", median, "ms")
            .at_most(BUDGET_MS)
            .note(format!("median of {}; 95 % below {slow:.1} ms", times.len())),
        Row::new("warp: memory", megabytes() - before, "MB").note("the whole program without ears"),
    ])
}

/// A face that talks and blinks.
fn poses() -> impl Iterator<Item = FacePose> {
    (0..).map(|index: usize| {
        let (now, next) = (index / POSES_OF_A_VISEME, index / POSES_OF_A_VISEME + 1);
        let part = (index % POSES_OF_A_VISEME) as f32 / POSES_OF_A_VISEME as f32;
        let mouth = |at: usize| FacePose::of(viseme_mouth(VISEMES[at % VISEMES.len()]));
        let mut pose = FacePose::default();
        pose.add_scaled(&mouth(now), 1.0 - part);
        pose.add_scaled(&mouth(next), part);
        // A blink of five poses in every ninety.
        let lids = [0.3, 0.8, 1.0, 0.7, 0.3].get(index % 90).copied().unwrap_or(0.0);
        (pose[Blendshape::EyeBlinkLeft], pose[Blendshape::EyeBlinkRight]) = (lids, lids);
        pose.head.roll = 0.01 * (index as f32 / 40.0).sin();
        pose
    })
}
