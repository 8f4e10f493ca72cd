//! A viewer in this process: what the page does in a browser, done with the same crate.

use std::sync::Arc;

use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::configuration::media_engine::MIME_TYPE_OPUS,
    rtp::{self, header::Header},
    rtp_transceiver::{
        RTCRtpTransceiverDirection, RTCRtpTransceiverInit,
        rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind},
    },
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use visage_schedule::SignalSocket;
use visage_stream::AudioPacket;
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent},
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
        RTCIceCandidateInit, RTCPeerConnectionIceEvent, RTCSessionDescription, Registry, register_default_interceptors,
    },
    runtime::TokioRuntime,
};

/// What the viewer sees of the world.
pub enum Seen {
    Signal(Value),
    OwnCandidate(Value),
    Packet(RtpCodecKind, rtp::Packet),
    Track(RtpCodecKind, Arc<dyn TrackRemote>),
    ChannelOpen,
    Message(Value),
}

/// See the file's head.
pub struct Viewer {
    pub seen: mpsc::UnboundedReceiver<Seen>,
    to_server: mpsc::Sender<String>,
    connection: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    microphone: Arc<TrackLocalStaticRTP>,
}

const MICROPHONE_SSRC: u32 = 4_711;

struct Handler(mpsc::UnboundedSender<Seen>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let candidate = event.candidate.to_json().expect("our own candidate");
        let _gone = self.0.send(Seen::OwnCandidate(json!({"candidate": candidate.candidate, "sdpMLineIndex": 0})));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let seen = self.0.clone();
        tokio::spawn(async move {
            let kind = track.kind().await;
            let _gone = seen.send(Seen::Track(kind, track.clone()));
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _gone = seen.send(Seen::Packet(kind, packet));
                }
            }
        });
    }
}

/// The two ends of a signalling connection: the server's, and the viewer's.
pub fn socket() -> (SignalSocket, mpsc::Sender<String>, mpsc::Receiver<String>) {
    let (to_server, from_viewer) = mpsc::channel(32);
    let (to_viewer, from_server) = mpsc::channel(32);
    (SignalSocket { from_viewer, to_viewer }, to_server, from_server)
}

impl Viewer {
    /// Makes the peer and sends its offer.
    pub async fn come(to_server: mpsc::Sender<String>, mut from_server: mpsc::Receiver<String>) -> Self {
        let (seen_in, seen) = mpsc::unbounded_channel();
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().expect("known codecs");
        let registry = register_default_interceptors(Registry::new(), &mut engine).expect("known interceptors");
        let connection = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler(seen_in.clone())))
            .with_runtime(Arc::new(TokioRuntime))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .expect("a socket on loopback");
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        let microphone = microphone_track();
        connection.add_track(microphone.clone() as Arc<dyn TrackLocal>).await.expect("a track");
        let receive = RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Recvonly, ..Default::default() };
        connection.add_transceiver_from_kind(RtpCodecKind::Video, Some(receive)).await.expect("a transceiver");
        let channel = connection.create_data_channel("visage", None).await.expect("a channel");
        let (listening, heard) = (channel.clone(), seen_in.clone());
        tokio::spawn(async move {
            while let Some(event) = listening.poll().await {
                let _gone = match event {
                    DataChannelEvent::OnOpen => heard.send(Seen::ChannelOpen),
                    DataChannelEvent::OnMessage(message) => {
                        heard.send(Seen::Message(serde_json::from_slice(&message.data).expect("JSON")))
                    }
                    _ => continue,
                };
            }
        });
        let offer = connection.create_offer(None).await.expect("an offer");
        connection.set_local_description(offer.clone()).await.expect("our own offer");
        to_server.send(json!({"type": "offer", "sdp": offer.sdp}).to_string()).await.expect("the server listens");
        tokio::spawn(async move {
            while let Some(text) = from_server.recv().await {
                let _gone = seen_in.send(Seen::Signal(serde_json::from_str(&text).expect("JSON")));
            }
        });
        Self { seen, to_server, connection, channel, microphone }
    }

    /// Takes the server's answer and candidates.
    pub async fn signal(&self, message: &Value) {
        match message["type"].as_str() {
            Some("answer") => {
                let sdp = message["sdp"].as_str().expect("documented").to_owned();
                let answer = RTCSessionDescription::answer(sdp).expect("an answer");
                self.connection.set_remote_description(answer).await.expect("fits our offer");
            }
            Some("candidate") => {
                if let Some(candidate) = message["candidate"]["candidate"].as_str() {
                    let candidate = RTCIceCandidateInit { candidate: candidate.to_owned(), ..Default::default() };
                    self.connection.add_ice_candidate(candidate).await.expect("a candidate");
                }
            }
            Some("welcome") => assert_eq!(message["version"], 1),
            _ => panic!("{message}"),
        }
    }

    pub async fn send_candidate(&self, candidate: Value) {
        let text = json!({"type": "candidate", "candidate": candidate}).to_string();
        self.to_server.send(text).await.expect("the server listens");
    }

    pub async fn say(&self, message: Value) {
        self.channel.send_text(&message.to_string()).await.expect("the channel is open");
    }

    /// Sends an Opus packet as microphone sound.
    pub async fn speak(&self, packet: &AudioPacket, sequence: u16) {
        let header = Header {
            version: 2,
            payload_type: 111,
            sequence_number: sequence,
            timestamp: packet.rtp_time(),
            ssrc: MICROPHONE_SSRC,
            ..Header::default()
        };
        let packet = rtp::Packet { header, payload: packet.data.clone().into() };
        self.microphone.write_rtp(packet).await.expect("the track is bound");
    }

    /// Leaves as a closed page does: the WebSocket goes, the peer says nothing.
    pub async fn leave(self) {
        drop(self.to_server);
        self.connection.close().await.expect("closes");
    }
}

fn microphone_track() -> Arc<TrackLocalStaticRTP> {
    let codec = RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: Vec::new(),
    };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(MICROPHONE_SSRC), ..Default::default() },
        codec,
        ..Default::default()
    };
    let kind = RtpCodecKind::Audio;
    let track = MediaStreamTrack::new("me".into(), "microphone".into(), "microphone".into(), kind, vec![coding]);
    Arc::new(TrackLocalStaticRTP::new(track))
}
