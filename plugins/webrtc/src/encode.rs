//! The encoder's thread: one for all viewers. Every tick gives it a block of sound; with it, it takes the newest frame.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use visage_core::{AudioBlock, Frame, LatestReader, StopFlag, Tick, Worker};
use visage_stream::{AudioEncoder, AudioSettings, StreamError, VideoEncoder, VideoSettings};

use crate::hub::{Hub, Picture, Sound};

/// Bytes of VP8 in an RTP packet. With RTP, SRTP, UDP and IPv6 headers the datagram stays below 1,200 bytes, which every
/// network carries whole.
const PAYLOAD: usize = 1_100;
/// Keyframes come at most this often (ticks), however many are asked for: they are large.
const KEYFRAME_PAUSE: u64 = 10;

/// What the encoder did in a tick.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Done {
    Video {
        took: std::time::Duration,
        keyframe: bool,
    },
    Audio {
        took: std::time::Duration,
    },
    /// A fault cost this tick its sound or its picture.
    Lost,
}

/// See the file's head.
#[derive(Debug)]
pub(crate) struct EncoderWorker {
    settings: VideoSettings,
    video: VideoEncoder,
    audio: AudioEncoder,
    frames: LatestReader<Frame>,
    hub: Arc<Hub>,
    last_keyframe: Option<Tick>,
    wanted: bool,
}

impl EncoderWorker {
    pub(crate) fn new(
        settings: VideoSettings,
        frames: LatestReader<Frame>,
        hub: Arc<Hub>,
    ) -> Result<Self, StreamError> {
        let (video, audio) = (VideoEncoder::new(settings), AudioEncoder::new(AudioSettings::live())?);
        Ok(Self { settings, video, audio, frames, hub, last_keyframe: None, wanted: false })
    }

    fn sound(&mut self, block: &AudioBlock) {
        match self.audio.push(block) {
            Ok(packets) => {
                for packet in packets {
                    // A clock that was never observed has nobody who waits for packets.
                    let departure = self.hub.clock.departure(packet.first_sample).unwrap_or_else(Instant::now);
                    let rtp_time = packet.rtp_time();
                    let sound = Sound { rtp_time, departure, payload: Bytes::from(packet.data) };
                    // No receiver: nobody is there.
                    let _nobody = self.hub.sounds.send(Arc::new(sound));
                }
            }
            Err(error) => tracing::warn!("a block of sound was not encoded: {error}"),
        }
    }

    /// Encodes a frame; gives whether it became a keyframe.
    fn picture(&mut self, frame: &Frame) -> bool {
        self.wanted |= self.hub.take_keyframe_request();
        let rested = self.last_keyframe.is_none_or(|last| frame.tick.0.saturating_sub(last.0) >= KEYFRAME_PAUSE);
        match self.video.encode(frame, self.wanted && rested) {
            Ok(encoded) => {
                if encoded.keyframe {
                    (self.wanted, self.last_keyframe) = (false, Some(frame.tick));
                }
                let (rtp_time, keyframe) = (encoded.rtp_time(), encoded.keyframe);
                let picture = Picture { rtp_time, keyframe, payloads: payloads(&encoded.data) };
                // No receiver: nobody is there.
                let _nobody = self.hub.pictures.send(Arc::new(picture));
                keyframe
            }
            Err(error) => {
                tracing::warn!("a frame was not encoded: {error}");
                false
            }
        }
    }
}

impl Worker for EncoderWorker {
    type Command = AudioBlock;
    type Event = Done;

    fn handle(&mut self, block: AudioBlock, emit: &mut dyn FnMut(Done), _stop: &StopFlag) {
        let began = Instant::now();
        self.sound(&block);
        emit(Done::Audio { took: began.elapsed() });
        if let Some(frame) = self.frames.take() {
            let began = Instant::now();
            let keyframe = self.picture(&frame);
            emit(Done::Video { took: began.elapsed(), keyframe });
        }
    }

    fn if_lost(_block: &AudioBlock) -> Option<Done> {
        Some(Done::Lost)
    }

    /// A new encoder begins with a keyframe, which every viewer can go on from.
    fn renew(&mut self) {
        self.video = VideoEncoder::new(self.settings);
        match AudioEncoder::new(AudioSettings::live()) {
            Ok(audio) => self.audio = audio,
            Err(error) => tracing::error!("the encoder of sound goes on as it is: {error}"),
        }
        (self.last_keyframe, self.wanted) = (None, false);
    }
}

/// Cuts a VP8 frame into RTP payloads, each with the one-byte descriptor (RFC 7741, section 4.2): S is set where the frame
/// begins, and nothing else is told.
fn payloads(frame: &[u8]) -> Vec<Bytes> {
    frame
        .chunks(PAYLOAD)
        .enumerate()
        .map(|(index, part)| {
            let mut payload = Vec::with_capacity(part.len() + 1);
            payload.push(if index == 0 { 0x10 } else { 0 });
            payload.extend_from_slice(part);
            Bytes::from(payload)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use visage_core::latest_slot;

    use super::*;

    fn frame(tick: u64) -> Frame {
        Frame { tick: Tick(tick), width: 64, height: 64, rgba: [tick as u8, 60, 90, 255].repeat(64 * 64).into() }
    }

    #[test]
    fn payloads_hold_the_frame_and_say_where_it_begins() {
        let frame: Vec<u8> = (0..2_500_u32).map(|byte| byte as u8).collect();
        let payloads = payloads(&frame);
        assert_eq!(payloads.iter().map(|payload| payload[0]).collect::<Vec<_>>(), [0x10, 0, 0]);
        assert_eq!(payloads.iter().flat_map(|payload| payload[1..].to_vec()).collect::<Vec<_>>(), frame);
    }

    #[test]
    fn a_tick_becomes_packets_of_its_time() {
        let (hub, _ends) = Hub::new(1);
        let (writer, reader) = latest_slot();
        let mut worker = EncoderWorker::new(VideoSettings::live(), reader, hub.clone()).expect("libopus");
        let (mut pictures, mut sounds) = (hub.pictures.subscribe(), hub.sounds.subscribe());
        let mut done = 0;
        for tick in 60..63 {
            hub.clock.observe(Tick(tick), Instant::now());
            writer.put(frame(tick));
            worker.handle(AudioBlock::silence(Tick(tick)), &mut |_| done += 1, &StopFlag::default());
        }
        assert_eq!(done, 6);
        let times: Vec<_> = std::iter::from_fn(|| pictures.try_recv().ok()).map(|one| one.rtp_time).collect();
        assert_eq!(times, [180_000, 183_000, 186_000]);
        let times: Vec<_> = std::iter::from_fn(|| sounds.try_recv().ok()).map(|one| one.rtp_time).collect();
        assert_eq!(times.len(), 5);
        // What the receiver hears of tick 60 has the time of tick 60; Opus' look-ahead comes before it.
        assert!((96_000 - 400..=96_000).contains(&times[0]), "{times:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 960));
    }

    #[test]
    fn an_encoder_that_begins_anew_begins_with_a_keyframe() {
        let (hub, _ends) = Hub::new(1);
        let (_writer, reader) = latest_slot();
        let mut worker = EncoderWorker::new(VideoSettings::live(), reader, hub).expect("libopus");
        assert!(worker.picture(&frame(0)) && !worker.picture(&frame(1)));
        worker.renew();
        assert!(worker.picture(&frame(2)) && !worker.picture(&frame(3)));
    }

    #[test]
    fn keyframes_come_when_asked_for_but_not_in_a_row() {
        let (hub, _ends) = Hub::new(1);
        let (_writer, reader) = latest_slot();
        let mut worker = EncoderWorker::new(VideoSettings::live(), reader, hub.clone()).expect("libopus");
        let keyframes: Vec<u64> = (0..40)
            .filter(|tick| {
                if [3, 4, 30].contains(tick) {
                    hub.ask_for_keyframe();
                }
                worker.picture(&frame(*tick))
            })
            .collect();
        assert_eq!(keyframes, [0, 10, 30]);
    }
}
