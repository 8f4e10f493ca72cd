//! One WebRTC peer: connection, tracks, data channel. The only file that opens connections with the `webrtc` crate.

use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use rtc::{
    ice::mdns::MulticastDnsMode,
    interceptor::{ReceiverReportBuilder, Slot},
    media_stream::MediaStreamTrack,
    peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8},
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use tokio::{sync::mpsc, task::JoinSet};
use visage_core::{RTP_VIDEO_HZ, SAMPLE_RATE};
use webrtc::{
    data_channel::DataChannel,
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::TrackRemote,
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
        RTCIceCandidateInit, RTCIceGatheringState, RTCIceServer, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
        RTCSessionDescription, Registry, SettingEngineBuilder, configure_nack, configure_twcc_receiver_only,
    },
    rtp_transceiver::RtpSender,
    runtime::TokioRuntime,
};

use crate::{
    hub::{Hub, ViewerId},
    media::{self, Outlet},
    signal::{IceCandidate, Link, Refusal},
};

/// Events of one peer, connection → viewer's task. Some dozen candidates are the most that comes at once; what does not
/// fit is lost and logged.
const EVENTS: usize = 128;
/// Both tracks belong to one stream, so that the browser plays them in step.
const STREAM: &str = "visage";
/// Without a sign of life for so long, the connection counts as interrupted; then as failed. We look every second.
const INTERRUPTED: Duration = Duration::from_secs(4);
const FAILED: Duration = Duration::from_secs(12);
const LOOK: Duration = Duration::from_secs(1);

/// How peers are made.
#[derive(Clone, Debug)]
pub(crate) struct PeerSettings {
    pub stun_servers: Vec<String>,
    pub addresses: Vec<SocketAddr>,
}

/// What the connection reports.
pub(crate) enum PeerEvent {
    OwnCandidate(Option<IceCandidate>),
    Link(Link),
    Channel(Arc<dyn DataChannel>),
    Track(Arc<dyn TrackRemote>),
}

/// See the file's head. To be closed by [`Peer::close`]; dropped, it stops its tasks at once.
pub(crate) struct Peer {
    connection: Arc<dyn PeerConnection>,
    hub: Arc<Hub>,
    viewer: ViewerId,
    events: mpsc::Receiver<PeerEvent>,
    outlets: Option<(Outlet, Outlet)>,
    tasks: JoinSet<()>,
}

struct Handler(mpsc::Sender<PeerEvent>);

impl Handler {
    /// The connection's own task calls: it must not wait.
    fn tell(&self, event: PeerEvent) {
        if let Err(error) = self.0.try_send(event) {
            tracing::debug!("an event of a peer was lost: {error}");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(candidate) => self.tell(PeerEvent::OwnCandidate(Some(IceCandidate {
                candidate: candidate.candidate,
                sdp_mid: None,
                sdp_m_line_index: Some(0),
                username_fragment: None,
            }))),
            Err(error) => tracing::debug!("a candidate of ours could not be written: {error}"),
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.tell(PeerEvent::OwnCandidate(None));
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => self.tell(PeerEvent::Link(Link::Up)),
            RTCPeerConnectionState::Disconnected => self.tell(PeerEvent::Link(Link::Interrupted)),
            RTCPeerConnectionState::Failed => self.tell(PeerEvent::Link(Link::Failed)),
            _ => {}
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        self.tell(PeerEvent::Channel(channel));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tell(PeerEvent::Track(track));
    }
}

impl Peer {
    /// Makes a peer that answers an offer; gives it and the answer.
    pub(crate) async fn answer(
        settings: &PeerSettings,
        hub: &Arc<Hub>,
        viewer: ViewerId,
        offer: String,
    ) -> Result<(Self, String), Refusal> {
        let offer = RTCSessionDescription::offer(offer).map_err(at_fault)?;
        let (events_in, events) = mpsc::channel(EVENTS);
        let connection = connection(settings, hub, Handler(events_in)).await.map_err(ours)?;
        let mut peer = Self { connection, hub: hub.clone(), viewer, events, outlets: None, tasks: JoinSet::new() };
        match peer.negotiate(offer).await {
            Ok(answer) => Ok((peer, answer)),
            Err(refusal) => {
                peer.close().await;
                Err(refusal)
            }
        }
    }

    async fn negotiate(&mut self, offer: RTCSessionDescription) -> Result<String, Refusal> {
        let (video, video_sender) = self.add_track(RtpCodecKind::Video).await.map_err(ours)?;
        let (audio, audio_sender) = self.add_track(RtpCodecKind::Audio).await.map_err(ours)?;
        self.connection.set_remote_description(offer).await.map_err(at_fault)?;
        let answer = self.connection.create_answer(None).await.map_err(at_fault)?;
        self.connection.set_local_description(answer).await.map_err(at_fault)?;
        let video = outlet(video, &video_sender, "picture").await?;
        let audio = outlet(audio, &audio_sender, "sound").await?;
        self.outlets = Some((video, audio));
        let answer = self.connection.local_description().await;
        answer.map(|answer| answer.sdp).ok_or_else(|| Refusal::Ourselves("there is no answer".into()))
    }

    async fn add_track(
        &self,
        kind: RtpCodecKind,
    ) -> Result<(Arc<TrackLocalStaticRTP>, Arc<dyn RtpSender>), webrtc::error::Error> {
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(random()), ..Default::default() },
            codec: codec(kind).rtp_codec,
            ..Default::default()
        };
        let track =
            MediaStreamTrack::new(STREAM.into(), format!("{STREAM}-{kind}"), kind.to_string(), kind, vec![coding]);
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let sender = self.connection.add_track(track.clone() as Arc<dyn TrackLocal>).await?;
        Ok((track, sender))
    }

    /// Adds a candidate of the viewer's. The error is what is wrong with it.
    pub(crate) async fn add_candidate(&self, candidate: IceCandidate) -> Result<(), String> {
        let candidate = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_m_line_index,
            username_fragment: candidate.username_fragment,
            url: None,
        };
        self.connection.add_ice_candidate(candidate).await.map_err(|error| error.to_string())
    }

    /// The next event, which [`Peer::serve`] is to be given. Nothing is lost if the wait is broken off.
    pub(crate) async fn next_event(&mut self) -> Option<PeerEvent> {
        self.events.recv().await
    }

    /// Starts what an event asks for; gives back what concerns signalling.
    pub(crate) fn serve(&mut self, event: PeerEvent) -> Option<PeerEvent> {
        match event {
            PeerEvent::Link(Link::Up) => {
                // The connection may come up again after a break; the tasks have gone on.
                if let Some((video, audio)) = self.outlets.take() {
                    self.tasks.spawn(media::send_pictures(video, self.hub.clone()));
                    self.tasks.spawn(media::send_sounds(audio, self.hub.clone()));
                }
                Some(event)
            }
            PeerEvent::Channel(channel) => {
                self.tasks.spawn(media::talk(channel, self.viewer, self.hub.clone()));
                None
            }
            PeerEvent::Track(track) => {
                self.tasks.spawn(media::receive_microphone(track, self.viewer, self.hub.clone()));
                None
            }
            PeerEvent::OwnCandidate(_) | PeerEvent::Link(_) => Some(event),
        }
    }

    /// Ends the connection and its tasks.
    pub(crate) async fn close(mut self) {
        self.tasks.shutdown().await;
        if let Err(error) = self.connection.close().await {
            tracing::debug!("a peer did not close well: {error}");
        }
    }
}

fn at_fault(error: webrtc::error::Error) -> Refusal {
    Refusal::Offer(error.to_string())
}

fn ours(error: impl std::fmt::Display) -> Refusal {
    Refusal::Ourselves(error.to_string())
}

async fn connection(
    settings: &PeerSettings,
    hub: &Arc<Hub>,
    handler: Handler,
) -> Result<Arc<dyn PeerConnection>, webrtc::error::Error> {
    let mut engine = MediaEngine::default();
    for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
        engine.register_codec(codec(kind), kind)?;
    }
    let registry = configure_nack(Registry::new(), &mut engine);
    let registry = configure_twcc_receiver_only(registry, &mut engine)?
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, crate::reports::Reports::new(hub.clone()));
    let servers = (!settings.stun_servers.is_empty())
        .then(|| RTCIceServer { urls: settings.stun_servers.clone(), ..Default::default() });
    let configuration = RTCConfigurationBuilder::new().with_ice_servers(servers.into_iter().collect()).build();
    let engine_settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_ice_timeouts(Some(INTERRUPTED), Some(FAILED), Some(LOOK))
        .with_include_loopback_candidate(true)
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_configuration(configuration)
        .with_media_engine(engine)
        .with_setting_engine(engine_settings)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(handler))
        .with_runtime(Arc::new(TokioRuntime))
        .with_udp_addrs(settings.addresses.clone())
        .build()
        .await?;
    Ok(Arc::new(connection))
}

fn codec(kind: RtpCodecKind) -> RTCRtpCodecParameters {
    let video = kind == RtpCodecKind::Video;
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: if video { MIME_TYPE_VP8 } else { MIME_TYPE_OPUS }.to_owned(),
            clock_rate: if video { RTP_VIDEO_HZ } else { SAMPLE_RATE },
            channels: if video { 0 } else { 2 },
            sdp_fmtp_line: if video { "" } else { "minptime=10;useinbandfec=1" }.to_owned(),
            rtcp_feedback: Vec::new(),
        },
        payload_type: if video { 96 } else { 111 },
    }
}

/// The outlet of a track, with the payload type that was agreed upon.
async fn outlet(track: Arc<TrackLocalStaticRTP>, sender: &Arc<dyn RtpSender>, what: &str) -> Result<Outlet, Refusal> {
    let parameters = sender.get_parameters().await.map_err(ours)?;
    let codec = parameters.rtp_parameters.codecs.first();
    let coding = parameters.encodings.first();
    match (codec, coding.and_then(|coding| coding.rtp_coding_parameters.ssrc)) {
        (Some(codec), Some(ssrc)) => Ok(Outlet::new(track, ssrc, codec.payload_type, random() as u16)),
        _ => Err(Refusal::Offer(format!("it has no {what} that could be received in a codec we have"))),
    }
}

/// A number that cannot be guessed from others: the standard library seeds each `RandomState` anew.
fn random() -> u32 {
    RandomState::new().hash_one(()) as u32
}
