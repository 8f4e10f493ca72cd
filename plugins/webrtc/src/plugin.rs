//! Registers viewers over WebRTC: the door, the encoder, and the systems that hand over between them and the tick.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use bevy::prelude::*;
use tokio::{runtime::Handle, sync::mpsc};
use visage_core::{Frame, LatestWriter, TICK_HZ, WorkerHandle, latest_slot};
use visage_schedule::{
    ActiveCharacter, CharacterList, Conversation, FrameReady, Hearing, IngestSystems, Latencies, MediaClock,
    MicrophoneSound, Mood, Notices, Orders, Problem, RemoteCommand, RemoteEvent, Renderers, Sounding, SpokenTurns,
    StageTimes, TickStats, Transcript, ViewerDoor, Viewers, VisageSystems,
};
use visage_stream::VideoSettings;

use crate::{
    encode::{Done, EncoderWorker},
    hub::{Hub, TickEnds},
    peer::PeerSettings,
    talk,
    viewer::open_door,
};

/// Signalling connections, transport → door. A transport that finds it full tells its viewer to come again.
const DOOR: usize = 16;
/// Blocks of sound, tick → encoder: one second. When full, the block is dropped and counted; the picture is never queued.
const BLOCKS: usize = 30;
/// Measurements, encoder → tick: two a block. They are drained every tick.
const DONE: usize = 2 * BLOCKS + 2;

/// Viewers over WebRTC. Inserts [`ViewerDoor`].
#[derive(Clone, Debug)]
pub struct WebRtcPlugin {
    /// Where network tasks run. Must outlive the app and have time and I/O enabled.
    pub runtime: Handle,
    /// STUN servers, as `stun:host:port`. None are needed on one machine or in one network.
    pub stun_servers: Vec<String>,
    /// Addresses to receive on. `0.0.0.0` stands for every interface but loopback; port 0 for any free one.
    pub addresses: Vec<SocketAddr>,
    /// How the picture is encoded, once for all viewers.
    pub video: VideoSettings,
    /// How many viewers there may be at a time.
    pub seats: usize,
}

impl WebRtcPlugin {
    /// Four viewers, every interface, no STUN server.
    pub fn new(runtime: Handle) -> Self {
        let any_port = |address: Ipv4Addr| SocketAddr::from((address, 0));
        Self {
            runtime,
            stun_servers: Vec::new(),
            addresses: vec![any_port(Ipv4Addr::UNSPECIFIED), any_port(Ipv4Addr::LOCALHOST)],
            video: VideoSettings::live(),
            seats: 4,
        }
    }
}

/// The tick's side.
#[derive(Resource)]
struct Studio {
    hub: Arc<Hub>,
    ends: TickEnds,
    frames: LatestWriter<Frame>,
    encoder: WorkerHandle<visage_core::AudioBlock, Done>,
    last_state: Option<RemoteEvent>,
}

/// Whether microphones are listened to, as last told.
#[derive(Resource, Default)]
struct Listening(bool);

impl Plugin for WebRtcPlugin {
    fn build(&self, app: &mut App) {
        let (hub, ends) = Hub::new(self.seats);
        let (frames, newest_frame) = latest_slot();
        let (video, encoder_hub) = (self.video, hub.clone());
        let encoder =
            WorkerHandle::spawn("encoder", BLOCKS, DONE, move || EncoderWorker::new(video, newest_frame, encoder_hub));
        let (door, door_out) = mpsc::channel(DOOR);
        let settings = PeerSettings { stun_servers: self.stun_servers.clone(), addresses: self.addresses.clone() };
        self.runtime.spawn(open_door(door_out, hub.clone(), Arc::new(settings)));
        app.insert_resource(ViewerDoor(door))
            .insert_resource(Studio { hub, ends, frames, encoder, last_state: None })
            .init_resource::<Listening>()
            .add_systems(
                FixedUpdate,
                (
                    (observe_clock, take_orders, take_sound, take_measurements).chain().in_set(IngestSystems::Receive),
                    hand_to_encoder.in_set(VisageSystems::Present),
                    (tell_state, tell_lines).chain().in_set(VisageSystems::Last),
                ),
            );
    }
}

fn observe_clock(studio: Res<Studio>, clock: Res<MediaClock>) {
    studio.hub.clock.observe(clock.tick, Instant::now());
}

fn take_orders(studio: Res<Studio>, mut orders: Orders) {
    for order in studio.ends.orders.try_iter() {
        orders.give(order);
    }
    if studio.hub.take_left() {
        orders.give(RemoteCommand::Listen { on: false });
    }
}

fn take_sound(studio: Res<Studio>, mut sound: MessageWriter<MicrophoneSound>) {
    let samples: Vec<f32> = studio.ends.microphone.try_iter().flatten().collect();
    if !samples.is_empty() {
        sound.write(MicrophoneSound { samples: samples.into() });
    }
}

fn take_measurements(
    studio: Res<Studio>,
    mut times: ResMut<StageTimes>,
    mut viewers: ResMut<Viewers>,
    mut problems: MessageWriter<Problem>,
) {
    while let Some(done) = studio.encoder.try_recv() {
        match done {
            Done::Video { took, keyframe } => {
                times.record("encode video", took);
                viewers.frames += 1;
                viewers.keyframes += u64::from(keyframe);
            }
            Done::Audio { took } => times.record("encode audio", took),
            Done::Lost => {
                let text = "Picture and sound were interrupted by a fault of the encoder; it begins anew.".to_owned();
                problems.write(Problem { text });
            }
        }
    }
    viewers.watching = studio.hub.watching();
    viewers.frames_skipped = studio.frames.overwritten();
}

/// Nothing is encoded while nobody watches.
fn hand_to_encoder(
    studio: Res<Studio>,
    sounding: Res<Sounding>,
    mut frames: MessageReader<FrameReady>,
    mut viewers: ResMut<Viewers>,
) {
    if studio.hub.watching() == 0 {
        frames.clear();
        return;
    }
    if let Some(FrameReady(frame)) = frames.read().last() {
        studio.frames.put(frame.clone());
    }
    if studio.encoder.try_send(sounding.block.clone()).is_err() {
        viewers.sound_dropped += 1;
    }
}

fn tell_state(
    mut studio: ResMut<Studio>,
    mut listening: ResMut<Listening>,
    mut hearing: MessageReader<Hearing>,
    (conversation, speech, mood): (Res<Conversation>, Res<SpokenTurns>, Res<Mood>),
    character: Option<Res<ActiveCharacter>>,
    (characters, notices, renderers): (Res<CharacterList>, Res<Notices>, Res<Renderers>),
) {
    if let Some(last) = hearing.read().last() {
        listening.0 = last.on;
    }
    let state = RemoteEvent::State {
        conversation: conversation.name().to_owned(),
        emotion: mood.target,
        character: character.map(|character| character.profile.id.clone()),
        characters: characters.0.clone(),
        listening: listening.0,
        speech: speech.0.clone(),
        renderer: renderers.name().to_owned(),
        renderer_reason: renderers.why(),
        notices: notices.all(),
    };
    if studio.last_state.as_ref() != Some(&state) {
        studio.hub.state.send_replace(Some(talk::event_json(&state).into()));
        studio.last_state = Some(state);
    }
}

fn tell_lines(
    studio: Res<Studio>,
    clock: Res<MediaClock>,
    stats: Res<TickStats>,
    latencies: Res<Latencies>,
    mut transcripts: MessageReader<Transcript>,
    mut problems: MessageReader<Problem>,
) {
    let tell = |event: RemoteEvent| {
        // No receiver: nobody is there.
        let _nobody = studio.hub.events.send(talk::event_json(&event).into());
    };
    for line in transcripts.read() {
        let Transcript { speaker, text, language, is_final } = line.clone();
        tell(RemoteEvent::Transcript { speaker, text, language, is_final });
    }
    for Problem { text } in problems.read() {
        tell(RemoteEvent::Problem { text: text.clone() });
    }
    if clock.tick.0.is_multiple_of(u64::from(TICK_HZ)) {
        // The clock's line, not this moment, says when the tick was: it has no jitter.
        let now = Instant::now();
        let passed = studio.hub.clock.tick(now).map_or(0.0, |tick| tick - clock.tick.0 as f64);
        tell(RemoteEvent::Stats {
            tick: clock.tick.0,
            unix_ms: studio.hub.clock.unix_ms(now) - passed * 1e3 / f64::from(TICK_HZ),
            on_time: stats.on_time(),
            first_sound: latencies.first_sound,
            transcription: latencies.transcription,
        });
    }
}
