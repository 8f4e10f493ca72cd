//! What a tick costs and whether it came in time; latencies that plugins report.

use std::{collections::VecDeque, time::Duration};

use bevy::prelude::*;

/// How many values a [`StageTimes`] entry keeps: ten seconds of ticks.
const KEPT: usize = 300;

/// Durations of the last ten seconds, by name of the stage ("tick", "draw", "encode video", …).
#[derive(Resource, Debug, Default)]
pub struct StageTimes(Vec<(&'static str, VecDeque<Duration>)>);

impl StageTimes {
    /// Adds a measurement of a stage.
    pub fn record(&mut self, stage: &'static str, time: Duration) {
        let index = self.0.iter().position(|(name, _)| *name == stage).unwrap_or_else(|| {
            self.0.push((stage, VecDeque::with_capacity(KEPT)));
            self.0.len() - 1
        });
        let times = &mut self.0[index].1;
        if times.len() == KEPT {
            times.pop_front();
        }
        times.push_back(time);
    }

    /// The stages and their measurements, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &VecDeque<Duration>)> {
        self.0.iter().map(|(name, times)| (*name, times))
    }
}

/// Counts of ticks. Written by the runner that drives the app.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct TickStats {
    /// Ticks that ran.
    pub ran: u64,
    /// Ticks that began more than a tick late.
    pub late: u64,
    /// Ticks of time that were given up, because the program was too far behind to catch up.
    pub skipped: u64,
}

impl TickStats {
    /// Share of ticks that began in time, 0..=1.
    pub fn on_time(&self) -> f64 {
        if self.ran == 0 { 1.0 } else { 1.0 - self.late as f64 / self.ran as f64 }
    }
}

/// The latest latencies that matter to a person, in seconds. Each field has one writer.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct Latencies {
    /// From the order to speak to the first sample that sounds. Written by `voice`.
    pub first_sound: Option<f32>,
    /// Seconds of computing for a second of speech. Written by `voice`.
    pub synthesis_factor: Option<f32>,
    /// From the end of the person's voice to the final words. Written by `hearing`.
    pub transcription: Option<f32>,
    /// How much of what was said up to now the partial words do not cover, when they were shown. Written by `hearing`.
    pub partial: Option<f32>,
}

/// One tick's cost. Written in Last.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct TickReport {
    /// Time from First to Last.
    pub took: Duration,
}

/// Who watches over the network, and what was sent to them since the start. Written in Ingest by `webrtc`.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewers {
    /// Viewers that receive the picture now.
    pub watching: usize,
    /// Frames that were encoded.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Frames that a newer one overtook before they were encoded.
    pub frames_skipped: u64,
    /// Blocks of sound that were dropped because the encoder was behind.
    pub sound_dropped: u64,
}
