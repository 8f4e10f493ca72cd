//! The living character by the clock: first at rest, then talking, every frame encoded as for a viewer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bevy::{app::AppExit, prelude::*};
use cpu_time::ProcessTime;
use crossbeam_channel::{Receiver, Sender, bounded};
use memory_stats::memory_stats;
use visage_core::{AudioBlock, Frame, LatestReader, LatestWriter, TICK_HZ, latest_slot};
use visage_schedule::{FrameReady, Latencies, QueueMode, Say, Sounding, StageTimes, TickStats, VisageSystems};
use visage_stage::{Adapter, OnStage};
use visage_stream::{AudioEncoder, AudioSettings, VideoEncoder, VideoSettings};

use super::{Row, percentile};
use crate::{
    app::{VisagePlugins, headless},
    cli::Stage,
    runner,
};

/// Said again and again.
pub const TEXT: &str = "This is a measurement. I talk for a while, so that the mouth, the voice and the encoders have \
                    something to do. How long does it take? We shall see!";

/// Measures a character at rest and talking, `seconds` each.
///
/// # Errors
/// There is nothing to draw with.
pub fn measure(stage: &Stage, seconds: u32) -> anyhow::Result<Vec<Row>> {
    let began = Instant::now();
    let mut app = headless(Adapter::Best, VisagePlugins::new(stage)?)?;
    let results = Arc::new(Mutex::new(Vec::new()));
    let encoder = Encoder::start();
    app.insert_resource(Bench {
        began,
        ticks: u64::from(seconds) * u64::from(TICK_HZ),
        phase: Phase::Entrance,
        latencies: Vec::new(),
        results: results.clone(),
    })
    .insert_resource(encoder)
    .add_systems(FixedUpdate, encode.in_set(VisageSystems::Present))
    .add_systems(FixedUpdate, step.after(VisageSystems::Last));
    runner::run(&mut app);
    let rows = std::mem::take(&mut *results.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(rows)
}

/// A thread that encodes, as a viewer would need it.
#[derive(Resource)]
struct Encoder {
    frames: LatestWriter<Frame>,
    /// A quarter of a second; a full queue drops the sound, which a measurement can bear.
    sound: Sender<AudioBlock>,
    _thread: Option<JoinHandle<()>>,
}

const SOUND_BLOCKS: usize = 8;

impl Encoder {
    fn start() -> Self {
        let (frames, newest) = latest_slot();
        let (sound, blocks) = bounded(SOUND_BLOCKS);
        let thread = thread::Builder::new().name("bench encoder".into()).spawn(move || encode_all(&newest, &blocks));
        Self { frames, sound, _thread: thread.ok() }
    }
}

fn encode_all(frames: &LatestReader<Frame>, blocks: &Receiver<AudioBlock>) {
    let mut video = VideoEncoder::new(VideoSettings::live());
    let Ok(mut audio) = AudioEncoder::new(AudioSettings::live()) else { return };
    // Blocks come once a tick: they are the thread's clock.
    for block in blocks {
        if let Err(error) = audio.push(&block) {
            tracing::warn!("{error}");
        }
        if let Some(frame) = frames.take()
            && let Err(error) = video.encode(&frame, false)
        {
            tracing::warn!("{error}");
        }
    }
}

fn encode(encoder: Res<Encoder>, sounding: Res<Sounding>, mut ready: MessageReader<FrameReady>) {
    if let Some(FrameReady(frame)) = ready.read().last() {
        encoder.frames.put(frame.clone());
    }
    if encoder.sound.try_send(sounding.block.clone()).is_err() {
        tracing::debug!("the encoder is behind");
    }
}

#[derive(Resource)]
struct Bench {
    began: Instant,
    ticks: u64,
    phase: Phase,
    latencies: Vec<f64>,
    results: Arc<Mutex<Vec<Row>>>,
}

enum Phase {
    Entrance,
    /// The ticks that are left, and what the counters said at the beginning.
    Rest(u64, ProcessTime),
    Talk(u64, Counters),
}

/// What the counters said when the talking began.
#[derive(Clone, Copy)]
struct Counters {
    cpu: ProcessTime,
    ticks: TickStats,
    /// Resident memory in megabytes, after the first sentences: what loads late is there.
    memory: Option<f64>,
}

/// Ticks of talking before the memory is first read: ten seconds, or half of a shorter measurement.
const WARM: u64 = 10 * TICK_HZ as u64;

/// Resident memory of this process in megabytes.
fn memory() -> Option<f64> {
    Some(memory_stats()?.physical_mem as f64 / 1e6)
}

fn step(
    mut bench: ResMut<Bench>,
    stage: Res<OnStage>,
    stats: Res<TickStats>,
    sounding: Res<Sounding>,
    (times, latencies): (Res<StageTimes>, Res<Latencies>),
    mut say: MessageWriter<Say>,
    mut exit: MessageWriter<AppExit>,
) {
    let ticks = bench.ticks;
    let bench = &mut *bench;
    let mut rows = Vec::new();
    bench.phase = match std::mem::replace(&mut bench.phase, Phase::Entrance) {
        Phase::Entrance if stage.rig.is_some() && !stage.changing => {
            rows.push(
                Row::new("start → character on stage", bench.began.elapsed().as_secs_f64(), "s")
                    .at_most(2.0)
                    .note("models on disk"),
            );
            Phase::Rest(ticks, ProcessTime::now())
        }
        Phase::Entrance => Phase::Entrance,
        Phase::Rest(0, cpu) => {
            rows.push(
                Row::new("CPU per frame at rest", per_tick(cpu.elapsed(), ticks), "ms")
                    .at_most(16.0)
                    .note("whole process: animate, draw, read back, encode"),
            );
            for (stage, times) in times.iter() {
                let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
                let high = percentile(&mut times, 0.95);
                rows.push(
                    Row::new(stage, percentile(&mut times, 0.5), "ms")
                        .note(format!("stage of the tick, median; 95 % below {high:.2} ms")),
                );
            }
            Phase::Talk(ticks, Counters { cpu: ProcessTime::now(), ticks: *stats, memory: None })
        }
        Phase::Rest(left, cpu) => Phase::Rest(left - 1, cpu),
        Phase::Talk(0, before) => {
            let (cpu, late) = (before.cpu, stats.late - before.ticks.late);
            rows.push(
                Row::new("ticks on time, talking", 100.0 * (1.0 - late as f64 / ticks as f64), "%")
                    .at_least(99.5)
                    .note(format!("{late} of {ticks} late, {} skipped", stats.skipped - before.ticks.skipped)),
            );
            rows.push(
                Row::new("CPU per frame, talking", per_tick(cpu.elapsed(), ticks), "ms").note("with speech synthesis"),
            );
            rows.push(
                Row::new("text → first sound of the tick", percentile(&mut bench.latencies, 0.5) * 1e3, "ms")
                    .at_most(300.0)
                    .note(format!("median of {}", bench.latencies.len())),
            );
            if let Some(now) = memory() {
                let row = Row::new("resident memory", now, "MB").at_most(900.0);
                let seconds = ticks / u64::from(TICK_HZ);
                rows.push(match before.memory {
                    Some(first) => row.note(format!("at the end of {seconds} s; {first:.0} MB at the beginning")),
                    None => row.note("default models loaded"),
                });
            }
            exit.write(AppExit::Success);
            Phase::Talk(0, before)
        }
        Phase::Talk(left, mut before) => {
            if before.memory.is_none() && ticks - left >= WARM.min(ticks / 2) {
                before.memory = memory();
            }
            if !sounding.busy {
                if let Some(latency) = latencies.first_sound {
                    bench.latencies.push(f64::from(latency));
                }
                // Twice in a row would interrupt the first: an order takes a tick to show.
                if left.is_multiple_of(3) {
                    say.write(Say { text: TEXT.into(), language: None, emotion: None, queue: QueueMode::Replace });
                }
            }
            Phase::Talk(left - 1, before)
        }
    };
    bench.results.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
}

fn per_tick(cpu: Duration, ticks: u64) -> f64 {
    cpu.as_secs_f64() * 1e3 / ticks as f64
}
