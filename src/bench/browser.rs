//! What a viewer sees: the page in a headless browser, measured by the page itself (assets/web/modules/readings.js), on
//! the same machine or through a network that delays and loses packets.

use std::time::Duration;

use bevy::prelude::*;
use visage_schedule::{IngestSystems, QueueMode, Say, Sounding};

use super::{
    Row,
    chromium::{Line, Reading},
    live::TEXT,
    percentile,
    relay::{Network, Relay},
    visit::{Progress, Visit, visit},
};
use crate::cli::Stage;

/// Readings of the first seconds are left out: the browser's buffers settle.
const SETTLING: u32 = 3;
/// The same through the network: the browser lets its buffer for sound grow and shrink for some ten seconds.
const SETTLING_FAR: u32 = 12;
/// What the budgets call a network: 40 ms of round trip, 1 % loss.
const NETWORK: Network = Network { delay: Duration::from_millis(20), loss: 0.01, seed: 1 };

/// What the rows are called, and what their budgets are.
struct Names {
    shown: &'static str,
    p95: &'static str,
    frames: &'static str,
    buffer: &'static str,
    skew: &'static str,
    /// Milliseconds that 95 % of the frames may take.
    budget: f64,
}

const NEAR: Names = Names {
    shown: "frame made → shown in the browser",
    p95: "frame made → shown, 95 %",
    frames: "frames shown",
    buffer: "jitter buffer",
    skew: "sound against picture",
    budget: 100.0,
};
const FAR: Names = Names {
    shown: "over the network: frame made → shown",
    p95: "over the network: frame made → shown, 95 %",
    frames: "over the network: frames shown",
    buffer: "over the network: jitter buffer",
    skew: "over the network: sound against picture",
    budget: 200.0,
};

/// Measures with the browser that is installed, on loopback.
pub fn measure(stage: &Stage, seconds: u32) -> Vec<Row> {
    let how = "loopback, headless Chromium on the same cores";
    rows(&NEAR, readings(stage, seconds, SETTLING, None), how)
}

/// Measures through a network of 40 ms round trip and 1 % loss.
pub fn measure_network(stage: &Stage, seconds: u32) -> Vec<Row> {
    let relay = match Relay::open(NETWORK) {
        Ok(relay) => relay,
        Err(error) => return vec![Row::missing(FAR.shown, error)],
    };
    let readings = readings(stage, seconds, SETTLING_FAR, Some(&relay));
    let (passed, lost) = relay.counts();
    let share = 100.0 * lost as f64 / (passed + lost).max(1) as f64;
    rows(&FAR, readings, &format!("through a relay: 40 ms round trip, {lost} packets lost ({share:.1} %)"))
}

fn readings(stage: &Stage, seconds: u32, settling: u32, relay: Option<&Relay>) -> anyhow::Result<Vec<Reading>> {
    let asked = Visit { relay, seconds: seconds + settling, ..Visit::default() };
    let lines = visit(stage, asked, |app| {
        app.add_systems(FixedUpdate, talk.in_set(IngestSystems::Receive).ambiguous_with(IngestSystems::Receive));
    })?;
    let readings =
        lines.into_iter().filter_map(|line| if let Line::Reading(reading) = line { Some(reading) } else { None });
    let readings: Vec<_> = readings.skip(settling as usize).collect();
    anyhow::ensure!(!readings.is_empty(), "the page in the browser was not connected for long enough");
    Ok(readings)
}

fn talk(progress: Res<Progress>, sounding: Res<Sounding>, mut say: MessageWriter<Say>) {
    // An order takes a tick to show, and twice in a row would interrupt the first.
    if progress.begun && !sounding.busy && progress.left.is_multiple_of(3) {
        say.write(Say { text: TEXT.into(), language: None, emotion: None, queue: QueueMode::Replace });
    }
}

fn rows(names: &Names, readings: anyhow::Result<Vec<Reading>>, how: &str) -> Vec<Row> {
    let readings = match readings {
        Ok(readings) => readings,
        Err(error) => return vec![Row::missing(names.shown, crate::explain(&error))],
    };
    let of = |value: fn(&Reading) -> Option<f64>| readings.iter().filter_map(value).collect::<Vec<f64>>();
    let seconds = format!("{} s of talking, {how}", readings.len());
    let mut p95 = of(|one| Some(one.p95));
    let worst = p95.iter().copied().fold(0.0, f64::max);
    let mut rows = vec![
        Row::new(names.shown, percentile(&mut of(|one| Some(one.shown)), 0.5), "ms").note(&seconds),
        Row::new(names.p95, percentile(&mut p95, 0.5), "ms")
            .at_most(names.budget)
            .note(format!("median of the seconds; {worst:.0} ms in the worst")),
        Row::new(names.frames, percentile(&mut of(|one| Some(one.frames)), 0.5), "/s").at_least(25.0).note("median"),
        Row::new(names.buffer, percentile(&mut of(|one| one.buffer), 0.5), "ms").note("video, median"),
    ];
    let mut skew: Vec<f64> = of(|one| one.skew);
    let middle = percentile(&mut skew, 0.5);
    rows.push(if skew.is_empty() {
        Row::missing(names.skew, "the browser did not tell")
    } else {
        Row::new(names.skew, middle.abs(), "ms").at_most(20.0).note(format!(
            "median; from {:.0} to {:.0} ms",
            skew[0],
            skew[skew.len() - 1]
        ))
    });
    rows
}
