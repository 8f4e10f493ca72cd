//! The tasks of one peer: picture and sound out, microphone in, the data channel both ways. They end with the peer.

use std::{sync::Arc, time::Instant};

use rtc::rtp::{self, header::Header};
use tokio::sync::broadcast::error::RecvError;
use visage_stream::AudioReceiver;
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent},
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
};

use bytes::Bytes;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use crate::{
    hub::{Hub, ViewerId},
    talk::{self, Pong, Said},
};

/// Where RTP packets of one track go out.
pub(crate) struct Outlet {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
}

impl Outlet {
    pub(crate) const fn new(track: Arc<TrackLocalStaticRTP>, ssrc: u32, payload_type: u8, sequence: u16) -> Self {
        Self { track, ssrc, payload_type, sequence }
    }

    async fn send(&mut self, timestamp: u32, marker: bool, payload: Bytes) -> Result<(), webrtc::error::Error> {
        let header = Header {
            version: 2,
            marker,
            payload_type: self.payload_type,
            sequence_number: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            ..Header::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.track.write_rtp(rtp::Packet { header, payload }).await
    }
}

/// Sends frames, from a keyframe on, until the connection closes.
pub(crate) async fn send_pictures(mut outlet: Outlet, hub: Arc<Hub>) {
    let mut pictures = hub.pictures.subscribe();
    let _watching = hub.watch();
    let mut waits_for_keyframe = true;
    loop {
        let picture = match pictures.recv().await {
            Ok(picture) => picture,
            Err(RecvError::Lagged(frames)) => {
                tracing::debug!("a viewer lost {frames} frames: its connection is too slow");
                waits_for_keyframe = true;
                hub.ask_for_keyframe();
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        if waits_for_keyframe && !picture.keyframe {
            continue;
        }
        waits_for_keyframe = false;
        for (index, payload) in picture.payloads.iter().enumerate() {
            let last = index + 1 == picture.payloads.len();
            if let Err(error) = outlet.send(picture.rtp_time, last, payload.clone()).await {
                tracing::debug!("the picture ends: {error}");
                return;
            }
        }
    }
}

/// Sends sound, each packet at its time, until the connection closes.
pub(crate) async fn send_sounds(mut outlet: Outlet, hub: Arc<Hub>) {
    let mut sounds = hub.sounds.subscribe();
    loop {
        let sound = match sounds.recv().await {
            Ok(sound) => sound,
            Err(RecvError::Lagged(packets)) => {
                tracing::debug!("a viewer lost {packets} packets of sound");
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        tokio::time::sleep_until(sound.departure.into()).await;
        if let Err(error) = outlet.send(sound.rtp_time, false, sound.payload.clone()).await {
            tracing::debug!("the sound ends: {error}");
            return;
        }
    }
}

/// Decodes a viewer's microphone and hands the sound to the tick.
pub(crate) async fn receive_microphone(track: Arc<dyn TrackRemote>, viewer: ViewerId, hub: Arc<Hub>) {
    if track.kind().await != RtpCodecKind::Audio {
        return;
    }
    let mut receiver = match AudioReceiver::new() {
        Ok(receiver) => receiver,
        Err(error) => return tracing::error!("no microphone can be heard: {error}"),
    };
    while let Some(event) = track.poll().await {
        match event {
            TrackRemoteEvent::OnRtpPacket(packet) if !packet.payload.is_empty() => {
                let Header { sequence_number, timestamp, .. } = packet.header;
                match receiver.push(sequence_number, timestamp, &packet.payload) {
                    Ok(samples) if samples.is_empty() => {}
                    Ok(samples) => hub.hear(viewer, samples),
                    Err(error) => tracing::debug!("a packet from the microphone was left out: {error}"),
                }
            }
            TrackRemoteEvent::OnEnded => break,
            _ => {}
        }
    }
    let (lost, late) = (receiver.lost_samples(), receiver.late_packets());
    tracing::debug!("the microphone of viewer {viewer} ended; {lost} samples were lost, {late} packets late");
}

/// Serves the data channel: orders and pings in, state and events out.
pub(crate) async fn talk(channel: Arc<dyn DataChannel>, viewer: ViewerId, hub: Arc<Hub>) {
    let label = channel.label().await.unwrap_or_default();
    if label != talk::CHANNEL {
        tracing::debug!("a data channel \"{label}\" was left alone; \"{}\" is the one", talk::CHANNEL);
        return;
    }
    let mut events = hub.events.subscribe();
    let mut states = hub.state.subscribe();
    states.mark_changed();
    loop {
        let text: Arc<str> = tokio::select! {
            event = channel.poll() => match event {
                Some(DataChannelEvent::OnMessage(message)) => {
                    match reply(&hub, viewer, message.is_string, &message.data) {
                        Some(reply) => reply.into(),
                        None => continue,
                    }
                }
                Some(DataChannelEvent::OnClose) | None => return,
                Some(_) => continue,
            },
            changed = states.changed() => {
                if changed.is_err() {
                    return;
                }
                let state = states.borrow_and_update().clone();
                match state {
                    Some(state) => state,
                    None => continue,
                }
            }
            event = events.recv() => match event {
                Ok(event) => event,
                Err(RecvError::Lagged(lost)) => {
                    tracing::debug!("viewer {viewer} lost {lost} events");
                    continue;
                }
                Err(RecvError::Closed) => return,
            },
        };
        if let Err(error) = channel.send_text(&text).await {
            tracing::debug!("the data channel of viewer {viewer} ends: {error}");
            return;
        }
    }
}

/// What a message is answered by, if by anything.
fn reply(hub: &Hub, viewer: ViewerId, is_text: bool, message: &[u8]) -> Option<String> {
    match talk::read(is_text, message) {
        Ok(Said::Ping(ping)) => {
            let now = Instant::now();
            Some(Pong { sent_ms: ping.sent_ms, unix_ms: hub.clock.unix_ms(now), tick: hub.clock.tick(now) }.json())
        }
        Ok(Said::Order(order)) => hub.order(viewer, order).err().map(talk::problem_json),
        Err(why) => Some(talk::problem_json(why)),
    }
}
