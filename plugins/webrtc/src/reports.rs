//! RTCP between us and a viewer: sender reports that tell the media clock, and requests for keyframes.
//!
//! The `webrtc` crate's own sender reports take the moment at which a packet was sent for the moment at which it was made.
//! A frame leaves some 50 ms later than the sound of its tick, and a receiver that believed it would play the sound that
//! much too early. These reports read the RTP time of both streams off the one media clock instead.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use rtc::{
    interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket},
    rtcp::{
        payload_feedbacks::{full_intra_request::FullIntraRequest, picture_loss_indication::PictureLossIndication},
        sender_report::SenderReport,
    },
    sansio::Protocol,
    shared::{TransportContext, error::Error, time::SystemInstant},
};

use crate::hub::Hub;

/// Time between two reports on a stream. The first comes with the first packet, so that the receiver can bring picture and
/// sound into step at once.
const INTERVAL: Duration = Duration::from_millis(500);

/// See the file's head. For one peer, in the chain's place of sender reports.
pub(crate) struct Reports {
    hub: Arc<Hub>,
    streams: HashMap<u32, Stream>,
    read: VecDeque<TaggedPacket>,
    write: VecDeque<TaggedPacket>,
    next: Option<Instant>,
}

struct Stream {
    clock_rate: u32,
    packets: u32,
    octets: u32,
}

impl Reports {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, streams: HashMap::new(), read: VecDeque::new(), write: VecDeque::new(), next: None }
    }

    /// The reports of all streams that have begun.
    fn reports(&self, now: Instant) -> Vec<Box<dyn rtc::rtcp::Packet>> {
        self.streams
            .iter()
            .filter(|(_, stream)| stream.packets > 0)
            .filter_map(|(&ssrc, stream)| {
                let report: Box<dyn rtc::rtcp::Packet> = Box::new(SenderReport {
                    ssrc,
                    ntp_time: SystemInstant::unix2ntp(self.hub.clock.unix(now)),
                    rtp_time: self.hub.clock.rtp_time(now, stream.clock_rate)?,
                    packet_count: stream.packets,
                    octet_count: stream.octets,
                    ..SenderReport::default()
                });
                Some(report)
            })
            .collect()
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Reports {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &message.message.packet
            && packets.iter().any(|packet| {
                let packet = packet.as_any();
                packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>()
            })
        {
            tracing::debug!("a viewer asks for a keyframe");
            self.hub.ask_for_keyframe();
        }
        self.read.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &message.message.packet
            && let Some(stream) = self.streams.get_mut(&packet.header.ssrc)
        {
            if stream.packets == 0 || self.next.is_none() {
                self.next = Some(message.now);
            }
            stream.packets = stream.packets.wrapping_add(1);
            stream.octets = stream.octets.wrapping_add(packet.payload.len() as u32);
        }
        self.write.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + INTERVAL);
            for report in self.reports(now) {
                let message = AttributedPacket::new(Packet::Rtcp(vec![report]));
                self.write.push_back(TaggedPacket { now, transport: TransportContext::default(), message });
            }
        }
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.next
    }
}

impl Interceptor for Reports {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.streams.insert(info.ssrc, Stream { clock_rate: info.clock_rate, packets: 0, octets: 0 });
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.streams.remove(&info.ssrc);
    }

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use visage_core::Tick;

    use super::*;

    const VIDEO: u32 = 7;
    const AUDIO: u32 = 8;

    fn sent(reports: &mut Reports) -> Vec<SenderReport> {
        std::iter::from_fn(|| reports.poll_write())
            .filter_map(|message| match message.message.packet {
                Packet::Rtcp(packets) => packets[0].as_any().downcast_ref::<SenderReport>().cloned(),
                _ => None,
            })
            .collect()
    }

    fn rtp(ssrc: u32, now: Instant) -> TaggedPacket {
        let header = rtc::rtp::header::Header { ssrc, ..Default::default() };
        let packet = rtc::rtp::Packet { header, payload: vec![0; 10].into() };
        let message = AttributedPacket::new(Packet::Rtp(packet));
        TaggedPacket { now, transport: TransportContext::default(), message }
    }

    fn reports() -> (Reports, Arc<Hub>) {
        let (hub, _ends) = Hub::new(1);
        let mut reports = Reports::new(hub.clone());
        for (ssrc, clock_rate) in [(VIDEO, 90_000), (AUDIO, 48_000)] {
            reports.bind_local_stream(&StreamInfo { ssrc, clock_rate, ..StreamInfo::default() });
        }
        (reports, hub)
    }

    #[test]
    fn both_streams_are_told_by_one_clock() {
        let (mut reports, hub) = reports();
        let start = Instant::now();
        hub.clock.observe(Tick(300), start);
        // The frame of a tick leaves 60 ms after its sound: that must not matter.
        reports.handle_write(rtp(AUDIO, start)).expect("taken");
        reports.handle_write(rtp(VIDEO, start + Duration::from_millis(60))).expect("taken");
        let now = start + Duration::from_millis(100);
        reports.handle_timeout(now).expect("works");
        let sent = sent(&mut reports);
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0].ntp_time, sent[1].ntp_time);
        for report in sent {
            // Tick 300 is ten seconds; 100 ms later it is 10.1 s on both clocks.
            let hertz = if report.ssrc == VIDEO { 90_000.0 } else { 48_000.0 };
            assert!((f64::from(report.rtp_time) / hertz - 10.1).abs() < 0.001, "{report:?}");
            assert_eq!((report.packet_count, report.octet_count), (1, 10));
        }
    }

    #[test]
    fn reports_come_with_the_first_packet_and_then_regularly() {
        let (mut reports, hub) = reports();
        let start = Instant::now();
        hub.clock.observe(Tick(0), start);
        assert_eq!(reports.poll_timeout(), None);
        reports.handle_write(rtp(AUDIO, start)).expect("taken");
        let mut times = Vec::new();
        for millisecond in 0..1_700 {
            let now = start + Duration::from_millis(millisecond);
            if reports.poll_timeout().is_some_and(|due| due <= now) {
                reports.handle_timeout(now).expect("works");
            }
            times.extend(sent(&mut reports).iter().map(|_| millisecond));
        }
        assert_eq!(times, [0, 500, 1_000, 1_500]);
    }

    #[test]
    fn a_request_for_a_keyframe_is_heard() {
        let (mut reports, hub) = reports();
        let request = |packet: Box<dyn rtc::rtcp::Packet>| TaggedPacket {
            now: Instant::now(),
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtcp(vec![packet])),
        };
        reports.handle_read(request(Box::<SenderReport>::default())).expect("taken");
        assert!(!hub.take_keyframe_request());
        reports.handle_read(request(Box::<PictureLossIndication>::default())).expect("taken");
        assert!(hub.take_keyframe_request());
        reports.handle_read(request(Box::<FullIntraRequest>::default())).expect("taken");
        assert!(hub.take_keyframe_request());
        assert_eq!(std::iter::from_fn(|| reports.poll_read()).count(), 3);
    }
}
