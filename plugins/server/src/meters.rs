//! What Prometheus reads: counters and gauges that the tick writes and `GET /metrics` renders.
//!
//! Each server has its own recorder, so that two in one process (as in tests) do not mix.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::access::GateMeters;
use bevy::{ecs::system::SystemParam, prelude::*};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use visage_core::TICK_HZ;
use visage_schedule::{
    FrameReady, Heard, Latencies, Problem, RemoteCommand, RendererState, Renderers, Speak, StageTimes, StopSpeaking,
    TickStats, UtteranceStarted, Viewers,
};

/// The shares at which stage times are told; 1 is the longest.
const QUANTILES: [f64; 3] = [0.5, 0.95, 1.0];
/// Ticks between two looks at the stage times, which are a window of ten seconds.
const STAGES_EVERY: u64 = TICK_HZ as u64;

/// The meters of one server.
#[derive(Resource)]
pub(crate) struct Meters {
    recorder: PrometheusRecorder,
    connections: Arc<AtomicUsize>,
    written: Written,
    stages: BTreeMap<&'static str, [Gauge; QUANTILES.len()]>,
    renderers: BTreeMap<&'static str, RendererMeters>,
}

/// What the tick writes of a renderer.
struct RendererMeters {
    frames: Counter,
    switches: Counter,
    holds: Counter,
    shown: Gauge,
    last: Gauge,
    mean: Gauge,
}

impl RendererMeters {
    fn new(renderer: &'static str) -> Self {
        Self {
            frames: counter!("visage_renderer_frames_total", "renderer" => renderer),
            switches: counter!("visage_renderer_switches_total", "renderer" => renderer),
            holds: counter!("visage_renderer_holds_total", "renderer" => renderer),
            shown: gauge!("visage_renderer_shown", "renderer" => renderer),
            last: gauge!("visage_renderer_seconds", "renderer" => renderer, "of" => "last"),
            mean: gauge!("visage_renderer_seconds", "renderer" => renderer, "of" => "mean"),
        }
    }

    fn write(&self, state: &RendererState, shown: bool) {
        self.frames.absolute(state.frames);
        self.switches.absolute(state.switches);
        self.holds.absolute(state.holds);
        self.shown.set(f64::from(u8::from(shown)));
        for (gauge, time) in [(&self.last, state.last), (&self.mean, state.mean)] {
            if let Some(time) = time {
                gauge.set(time.as_secs_f64());
            }
        }
    }
}

/// What the tick writes.
struct Written {
    ticks: Counter,
    late: Counter,
    on_time: Gauge,
    frames: Counter,
    encoded: Counter,
    keyframes: Counter,
    skipped: Counter,
    sound_dropped: Counter,
    viewers: Gauge,
    connections: Gauge,
    turns: Counter,
    utterances: Counter,
    stops: Counter,
    heard: Counter,
    problems: Counter,
    first_sound: Gauge,
    synthesis: Gauge,
    transcription: Gauge,
}

/// The server's end: renders, and counts orders as they come in.
#[derive(Clone)]
pub(crate) struct MeterReader {
    handle: PrometheusHandle,
    orders: Arc<BTreeMap<&'static str, Counter>>,
    refused: Counter,
    /// Counted where requests come in.
    pub(crate) gate: GateMeters,
}

impl Meters {
    /// `connections` is counted by the signalling connections.
    pub(crate) fn new(connections: Arc<AtomicUsize>) -> (Self, MeterReader) {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let (written, orders, refused, gate) = with_local_recorder(&recorder, || {
            describe();
            let orders = ORDERS.map(|kind| (kind, counter!("visage_orders_total", "type" => kind)));
            let gate = GateMeters {
                failures: counter!("visage_token_failures_total"),
                limited: counter!("visage_requests_limited_total"),
                crowded: counter!("visage_connections_refused_total"),
            };
            (Written::new(), Arc::new(BTreeMap::from(orders)), counter!("visage_orders_refused_total"), gate)
        });
        let reader = MeterReader { handle, orders, refused, gate };
        (Self { recorder, connections, written, stages: BTreeMap::new(), renderers: BTreeMap::new() }, reader)
    }

    fn record_renderers(&mut self, renderers: &Renderers) {
        let recorder = &self.recorder;
        for (index, state) in renderers.all.iter().enumerate() {
            let meters = self
                .renderers
                .entry(state.name)
                .or_insert_with(|| with_local_recorder(recorder, || RendererMeters::new(state.name)));
            meters.write(state, index == renderers.shown);
        }
    }

    fn record_stages(&mut self, times: &StageTimes) {
        for (stage, times) in times.iter() {
            let recorder = &self.recorder;
            let gauges = self.stages.entry(stage).or_insert_with(|| {
                with_local_recorder(recorder, || {
                    QUANTILES
                        .map(|share| gauge!("visage_stage_seconds", "stage" => stage, "quantile" => share.to_string()))
                })
            });
            let mut sorted: Vec<_> = times.iter().copied().collect();
            sorted.sort_unstable();
            for (gauge, share) in gauges.iter().zip(QUANTILES) {
                gauge.set(quantile(&sorted, share).as_secs_f64());
            }
        }
    }
}

impl Written {
    fn new() -> Self {
        Self {
            ticks: counter!("visage_ticks_total"),
            late: counter!("visage_ticks_late_total"),
            on_time: gauge!("visage_ticks_on_time_ratio"),
            frames: counter!("visage_frames_total"),
            encoded: counter!("visage_frames_encoded_total"),
            keyframes: counter!("visage_keyframes_total"),
            skipped: counter!("visage_frames_skipped_total"),
            sound_dropped: counter!("visage_sound_blocks_dropped_total"),
            viewers: gauge!("visage_viewers"),
            connections: gauge!("visage_signal_connections"),
            turns: counter!("visage_turns_spoken_total"),
            utterances: counter!("visage_utterances_total"),
            stops: counter!("visage_stops_total"),
            heard: counter!("visage_heard_total"),
            problems: counter!("visage_problems_total"),
            first_sound: gauge!("visage_first_sound_seconds"),
            synthesis: gauge!("visage_synthesis_seconds_per_second"),
            transcription: gauge!("visage_transcription_seconds"),
        }
    }
}

fn describe() {
    describe_counter!("visage_ticks_total", "Ticks that ran, 30 a second.");
    describe_counter!("visage_ticks_late_total", "Ticks that began more than a tick late.");
    describe_gauge!("visage_ticks_on_time_ratio", "Share of ticks that began in time, 0 to 1.");
    describe_gauge!(
        "visage_stage_seconds",
        "Time of a stage over the last ten seconds, by quantile; 1 is the longest."
    );
    describe_counter!("visage_frames_total", "Video frames that came back from the renderer.");
    describe_counter!("visage_renderer_frames_total", "Video frames, by the renderer that drew them.");
    describe_counter!("visage_renderer_switches_total", "Times that a renderer took over from another one.");
    describe_counter!(
        "visage_renderer_holds_total",
        "Ticks in which a renderer's last picture stayed because there was no new one."
    );
    describe_gauge!("visage_renderer_shown", "1 for the renderer that draws now, 0 for the others.");
    describe_gauge!("visage_renderer_seconds", "Time for a picture: the last one, and the last ones on average.");
    describe_counter!("visage_frames_encoded_total", "Video frames that were encoded for viewers.");
    describe_counter!("visage_keyframes_total", "Keyframes among the encoded frames.");
    describe_counter!("visage_frames_skipped_total", "Frames that a newer one overtook before they were encoded.");
    describe_counter!("visage_sound_blocks_dropped_total", "Blocks of sound that the encoder could not take.");
    describe_gauge!("visage_viewers", "Viewers that receive the picture now.");
    describe_gauge!("visage_signal_connections", "Open signalling connections.");
    describe_counter!("visage_turns_spoken_total", "Turns that the character was to speak.");
    describe_counter!("visage_utterances_total", "Pieces of speech that began to sound.");
    describe_counter!("visage_stops_total", "Times that speech was stopped.");
    describe_counter!("visage_heard_total", "Utterances of people that became final words.");
    describe_counter!("visage_problems_total", "Problems that people were told.");
    describe_gauge!(
        "visage_first_sound_seconds",
        "Latest time from the order to speak to the first sound; 0 before one."
    );
    describe_gauge!(
        "visage_synthesis_seconds_per_second",
        "Latest computing time for a second of speech; 0 before one."
    );
    describe_gauge!("visage_transcription_seconds", "Latest time from the end of a voice to its words; 0 before one.");
    describe_counter!("visage_orders_total", "Orders that were taken over REST, by type.");
    describe_counter!("visage_orders_refused_total", "Orders that were refused because too many waited.");
    describe_counter!(
        "visage_token_failures_total",
        "Access tokens that were wrong, or came too soon after wrong ones."
    );
    describe_counter!("visage_requests_limited_total", "Requests beyond what one address may send.");
    describe_counter!("visage_connections_refused_total", "Connections that found no place.");
}

impl MeterReader {
    /// The text format of Prometheus, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }

    pub(crate) fn taken(&self, order: &RemoteCommand) {
        let kind = match order {
            RemoteCommand::Say { .. } => "say",
            RemoteCommand::Chat { .. } => "chat",
            RemoteCommand::Stop | RemoteCommand::Cancel { .. } => "stop",
            RemoteCommand::Emotion { .. } => "emotion",
            RemoteCommand::Activate { .. } => "activate",
            // Orders that only a viewer gives.
            _ => return,
        };
        self.orders[kind].increment(1);
    }

    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }
}

/// The orders that REST takes.
const ORDERS: [&str; 5] = ["say", "chat", "stop", "emotion", "activate"];

/// The value below which `share` of the sorted list lies; zero for an empty one.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let index = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(index.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default()
}

/// The messages that are counted.
#[derive(SystemParam)]
pub(crate) struct Counted<'w, 's> {
    frames: MessageReader<'w, 's, FrameReady>,
    turns: MessageReader<'w, 's, Speak>,
    utterances: MessageReader<'w, 's, UtteranceStarted>,
    stops: MessageReader<'w, 's, StopSpeaking>,
    heard: MessageReader<'w, 's, Heard>,
    problems: MessageReader<'w, 's, Problem>,
}

/// Writes the meters of the tick that has just ended.
pub(crate) fn measure(
    mut meters: ResMut<Meters>,
    stats: Res<TickStats>,
    latencies: Res<Latencies>,
    times: Res<StageTimes>,
    (viewers, renderers): (Res<Viewers>, Res<Renderers>),
    mut counted: Counted,
) {
    let written = &meters.written;
    written.ticks.absolute(stats.ran);
    written.late.absolute(stats.late);
    written.on_time.set(stats.on_time());
    written.frames.increment(counted.frames.read().count() as u64);
    written.encoded.absolute(viewers.frames);
    written.keyframes.absolute(viewers.keyframes);
    written.skipped.absolute(viewers.frames_skipped);
    written.sound_dropped.absolute(viewers.sound_dropped);
    written.viewers.set(viewers.watching as f64);
    written.connections.set(meters.connections.load(Ordering::Relaxed) as f64);
    written.turns.increment(counted.turns.read().count() as u64);
    written.utterances.increment(counted.utterances.read().count() as u64);
    written.stops.increment(counted.stops.read().count() as u64);
    written.heard.increment(counted.heard.read().filter(|heard| heard.is_final).count() as u64);
    written.problems.increment(counted.problems.read().count() as u64);
    let latest = [
        (&written.first_sound, latencies.first_sound),
        (&written.synthesis, latencies.synthesis_factor),
        (&written.transcription, latencies.transcription),
    ];
    for (gauge, value) in latest {
        if let Some(value) = value {
            gauge.set(f64::from(value));
        }
    }
    meters.record_renderers(&renderers);
    if stats.ran % STAGES_EVERY == 1 {
        meters.record_stages(&times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_of_the_list() {
        let millis = |list: &[u64]| list.iter().copied().map(Duration::from_millis).collect::<Vec<_>>();
        let twenty: Vec<u64> = (1..=20).collect();
        let cases = [
            (&[][..], 0.5, 0),
            (&[7], 0.5, 7),
            (&[7], 1.0, 7),
            (&twenty, 0.5, 10),
            (&twenty, 0.95, 19),
            (&twenty, 1.0, 20),
        ];
        for (list, share, expected) in cases {
            assert_eq!(quantile(&millis(list), share), Duration::from_millis(expected), "{list:?} {share}");
        }
    }
}
