//! The whole way in one process: app → encoder → WebRTC over loopback → a viewer that decodes, and back.

mod viewer;

use std::{
    f32::consts::TAU,
    sync::Arc,
    time::{Duration, Instant},
};

use bevy::prelude::*;
use rtc::rtp::header::Header;
use rtc::{
    rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication, rtp_transceiver::rtp_sender::RtpCodecKind,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use viewer::{Seen, Viewer, socket};
use visage_core::{AudioBlock, Frame, SAMPLE_RATE, Tick};
use visage_schedule::{
    FrameReady, Hearing, MediaClock, MicrophoneSound, Say, SchedulePlugin, SignalSocket, Sounding, Speaker, Transcript,
    ViewerDoor, Viewers, VisageSystems,
};
use visage_stream::{AudioEncoder, AudioPacket, AudioReceiver, AudioSettings, VideoDecoder};
use webrtc::media_stream::track_remote::TrackRemote;

const SIDE: u32 = 64;
/// How long anything may take before the test has failed. Nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// The shade of a tick's picture: an even grey that names the tick.
fn shade(tick: u64) -> u8 {
    32 + (tick % 24) as u8 * 8
}

fn draw(clock: Res<MediaClock>, mut frames: MessageWriter<FrameReady>) {
    let shade = shade(clock.tick.0);
    let rgba = [shade, shade, shade, 255].repeat((SIDE * SIDE) as usize).into();
    frames.write(FrameReady(Frame { tick: clock.tick, width: SIDE, height: SIDE, rgba }));
}

fn tone(tick: Tick) -> AudioBlock {
    let mut block = AudioBlock::silence(tick);
    for (index, sample) in block.samples.iter_mut().enumerate() {
        let at = (tick.first_sample() + index as u64) as f32;
        *sample = 0.5 * (TAU * 440.0 * at / SAMPLE_RATE as f32).sin();
    }
    block
}

fn sound(clock: Res<MediaClock>, mut sounding: ResMut<Sounding>) {
    sounding.block = tone(clock.tick);
}

/// What reached the app.
#[derive(Resource, Default)]
struct Got {
    said: Vec<String>,
    heard: Vec<f32>,
    listening: Option<bool>,
}

fn collect(
    mut got: ResMut<Got>,
    mut say: MessageReader<Say>,
    mut microphone: MessageReader<MicrophoneSound>,
    mut hearing: MessageReader<Hearing>,
) {
    got.said.extend(say.read().map(|say| say.text.clone()));
    got.heard.extend(microphone.read().flat_map(|sound| sound.samples.to_vec()));
    got.listening = hearing.read().last().map(|hearing| hearing.on).or(got.listening);
}

struct Stage {
    app: App,
    runtime: Runtime,
    began: Instant,
    next: Instant,
}

impl Stage {
    fn new(seats: usize) -> Self {
        let runtime = Runtime::new().expect("threads");
        let mut plugin = crate::WebRtcPlugin::new(runtime.handle().clone());
        plugin.seats = seats;
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin, plugin)).init_resource::<Got>().add_systems(
            FixedUpdate,
            (
                draw.in_set(VisageSystems::Ingest),
                sound.in_set(VisageSystems::Speak),
                collect.in_set(VisageSystems::Decide),
            ),
        );
        Self { app, runtime, began: Instant::now(), next: Instant::now() }
    }

    fn let_in(&self, socket: SignalSocket) {
        self.app.world().resource::<ViewerDoor>().0.try_send(socket).expect("the door is open");
    }

    /// Runs one tick, at its time.
    fn tick(&mut self) {
        assert!(self.began.elapsed() < PATIENCE, "it took too long");
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        self.next += Duration::from_nanos(33_333_333);
        self.app.world_mut().run_schedule(FixedUpdate);
        self.app.world_mut().run_schedule(Last);
    }

    fn got(&self) -> &Got {
        self.app.world().resource()
    }

    fn viewers(&self) -> Viewers {
        *self.app.world().resource()
    }
}

/// What the viewer received.
#[derive(Default)]
struct Received {
    picture: Vec<u8>,
    /// Ticks of the frames that were decoded, and whether each showed its tick's shade.
    frames: Vec<(u64, bool)>,
    sound: Vec<f32>,
    messages: Vec<Value>,
    video_track: Option<Arc<dyn TrackRemote>>,
}

impl Received {
    fn message(&self, kind: &str) -> Option<&Value> {
        self.messages.iter().rev().find(|message| message["type"] == kind)
    }
}

struct Decoders {
    video: VideoDecoder,
    audio: AudioReceiver,
}

impl Decoders {
    fn packet(&mut self, kind: RtpCodecKind, packet: &rtc::rtp::Packet, received: &mut Received) {
        let Header { sequence_number, timestamp, marker, .. } = packet.header.clone();
        if kind == RtpCodecKind::Audio {
            received.sound.extend(self.audio.push(sequence_number, timestamp, &packet.payload).expect("Opus"));
            return;
        }
        if packet.payload[0] == 0x10 {
            received.picture.clear();
        }
        received.picture.extend_from_slice(&packet.payload[1..]);
        if marker {
            assert_eq!(timestamp % 3_000, 0);
            let tick = u64::from(timestamp / 3_000);
            // Loopback loses nothing, and the first frame is a keyframe: every frame decodes.
            let frame = self.video.decode(Tick(tick), &received.picture).expect("decodes");
            let middle = frame.rgba[((SIDE / 2 * SIDE + SIDE / 2) * 4) as usize];
            received.frames.push((tick, middle.abs_diff(shade(tick)) <= 4));
        }
    }
}

/// Takes in what came; gives the candidates that must go to the server and signals that must go to the peer.
fn take_in(stage: &Stage, viewer: &mut Viewer, decoders: &mut Decoders, received: &mut Received) {
    while let Ok(seen) = viewer.seen.try_recv() {
        match seen {
            Seen::Packet(kind, packet) => decoders.packet(kind, &packet, received),
            Seen::Track(RtpCodecKind::Video, track) => received.video_track = Some(track),
            Seen::Track(..) => {}
            Seen::Signal(message) => stage.runtime.block_on(viewer.signal(&message)),
            Seen::OwnCandidate(candidate) => stage.runtime.block_on(viewer.send_candidate(candidate)),
            Seen::ChannelOpen => received.messages.push(json!({"type": "open"})),
            Seen::Message(message) => received.messages.push(message),
        }
    }
}

fn microphone_packets() -> Vec<AudioPacket> {
    let mut encoder = AudioEncoder::new(AudioSettings::live()).expect("libopus");
    (0..600).flat_map(|tick| encoder.push(&tone(Tick(tick))).expect("in order")).collect()
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}

#[test]
fn picture_sound_words_and_microphone_go_the_whole_way() {
    let mut stage = Stage::new(1);
    let (socket, to_server, from_server) = socket();
    stage.let_in(socket);
    let mut viewer = stage.runtime.block_on(Viewer::come(to_server, from_server));
    let mut decoders =
        Decoders { video: VideoDecoder::new().expect("libvpx"), audio: AudioReceiver::new().expect("libopus") };
    let mut received = Received::default();

    // Picture and sound, and the state as soon as the channel is open.
    while received.frames.len() < 60 || received.sound.len() < 96_000 || received.message("state").is_none() {
        stage.tick();
        take_in(&stage, &mut viewer, &mut decoders, &mut received);
    }
    assert!(received.frames.iter().all(|(_, right)| *right), "{:?}", received.frames);
    let steps: Vec<_> = received.frames.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(steps.iter().all(|step| *step >= 1) && steps.iter().filter(|step| **step == 1).count() > 50, "{steps:?}");
    assert!(power(&received.sound[48_000..]) > 0.08, "{}", power(&received.sound));
    assert_eq!(received.message("state").expect("just seen")["conversation"], "idle");
    assert_eq!(stage.viewers().watching, 1);

    // Words and clocks over the data channel.
    stage.runtime.block_on(viewer.say(json!({"type": "say", "text": "Hello."})));
    stage.runtime.block_on(viewer.say(json!({"type": "listen", "on": true})));
    stage.runtime.block_on(viewer.say(json!({"type": "dance"})));
    stage.runtime.block_on(viewer.say(json!({"type": "ping", "sent_ms": 5.5})));
    stage.app.world_mut().write_message(Transcript {
        speaker: Speaker::Avatar,
        text: "Hello.".into(),
        language: visage_core::Language::English,
        is_final: true,
    });
    let all = ["pong", "problem", "transcript", "stats"];
    let listens = |received: &Received| received.message("state").is_some_and(|state| state["listening"] == true);
    while all.iter().any(|kind| received.message(kind).is_none()) || !listens(&received) {
        stage.tick();
        take_in(&stage, &mut viewer, &mut decoders, &mut received);
    }
    assert_eq!((stage.got().said.as_slice(), stage.got().listening), (&["Hello.".to_owned()][..], Some(true)));
    assert_eq!(received.message("pong").expect("just seen")["sent_ms"], 5.5);
    let stats = received.message("stats").expect("just seen");
    assert!(stats["tick"].as_u64().is_some_and(|tick| tick % 30 == 0), "{stats}");

    // The microphone: a tone for a while, with packets that are lost and swapped on the way.
    let packets = microphone_packets();
    let mut order: Vec<usize> = (0..packets.len()).filter(|index| index % 40 != 39).collect();
    order.chunks_exact_mut(7).for_each(|some| some.swap(2, 3));
    let mut order = order.into_iter();
    while stage.got().heard.len() < 96_000 {
        for index in order.by_ref().take(2) {
            stage.runtime.block_on(viewer.speak(&packets[index], index as u16));
        }
        stage.tick();
        take_in(&stage, &mut viewer, &mut decoders, &mut received);
    }
    let heard = &stage.got().heard[9_600..];
    assert!(heard.chunks(960).all(|piece| power(piece) > 0.02), "the sound has holes");

    // A keyframe for who lost the picture.
    let keyframes = stage.viewers().keyframes;
    let track = received.video_track.clone().expect("it carried the frames");
    let ssrc = stage.runtime.block_on(track.ssrcs())[0];
    let request = PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc };
    stage.runtime.block_on(track.write_rtcp(vec![Box::new(request)])).expect("sent");
    while stage.viewers().keyframes == keyframes {
        stage.tick();
        take_in(&stage, &mut viewer, &mut decoders, &mut received);
    }

    // Gone without a word; then the seat is free again.
    stage.runtime.block_on(viewer.leave());
    while stage.viewers().watching > 0 {
        stage.tick();
    }
    let frames = stage.viewers().frames;
    for _ in 0..10 {
        stage.tick();
    }
    assert!(stage.viewers().frames <= frames + 1, "nothing is encoded while nobody watches");
    assert_eq!(ask(&stage, None)["type"], "welcome");
}

/// Lets a viewer in, as soon as there is a seat, and gives the first words of the server; with `text`, sends that and
/// gives what is answered.
fn ask(stage: &Stage, text: Option<&str>) -> Value {
    loop {
        let answer = ask_once(stage, text);
        if answer["code"] != "full" {
            return answer;
        }
        assert!(stage.began.elapsed() < PATIENCE, "the seat is never free");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ask_once(stage: &Stage, text: Option<&str>) -> Value {
    let (socket, to_server, mut from_server) = socket();
    stage.let_in(socket);
    let read =
        |text: Option<String>| -> Value { serde_json::from_str(&text.expect("the connection is open")).expect("JSON") };
    let mut answer = read(from_server.blocking_recv());
    if let Some(text) = text.filter(|_| answer["type"] == "welcome") {
        to_server.blocking_send(text.to_owned()).expect("the server listens");
        answer = read(from_server.blocking_recv());
    }
    if answer["fatal"] == true {
        assert!(from_server.blocking_recv().is_none(), "the connection ends after a fatal error");
    }
    answer
}

#[test]
fn what_goes_wrong_is_told_in_words() {
    let stage = Stage::new(1);
    let no_vp8 = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 100\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:0\r\na=ice-ufrag:abcd\r\n\
        a=ice-pwd:abcdefghijklmnopqrstuvwxyz\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:100 H264/90000\r\n";
    let offer = |sdp: &str| json!({"type": "offer", "sdp": sdp}).to_string();
    let cases = [
        ("hello".to_owned(), "bad_message", false),
        (json!({"type": "candidate", "candidate": null}).to_string(), "unexpected", false),
        (offer("not a description"), "bad_offer", true),
        (offer("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"), "bad_offer", true),
        (offer(no_vp8), "bad_offer", true),
    ];
    for (text, code, fatal) in cases {
        let answer = ask(&stage, Some(&text));
        assert_eq!((&answer["code"], &answer["fatal"]), (&json!(code), &json!(fatal)), "{text}: {answer}");
        assert!(answer["message"].as_str().is_some_and(|words| words.ends_with('.')), "{answer}");
    }
    // The only seat is taken and kept: by whoever comes first after the last one has gone.
    let _kept = loop {
        let (socket, to_server, mut from_server) = socket();
        stage.let_in(socket);
        if from_server.blocking_recv().expect("the first words").contains("welcome") {
            break (to_server, from_server);
        }
        assert!(stage.began.elapsed() < PATIENCE, "the seat is never free");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(ask_once(&stage, None)["code"], "full");
}
