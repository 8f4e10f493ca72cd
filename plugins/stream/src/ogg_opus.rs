//! Ogg Opus (RFC 3533, RFC 7845), written as the sound comes: mono, 48 kHz.
//!
//! A decoder leaves out the encoder's look-ahead at the beginning (pre-skip) and what is beyond the last page's granule
//! position at the end, so that it gives out exactly the samples that went in.

use std::hash::{BuildHasher, RandomState};

use ogg::{PacketWriteEndInfo, PacketWriter};
use visage_core::{AudioBlock, SAMPLE_RATE, SAMPLES_PER_TICK, Tick};

use crate::{AudioEncoder, AudioPacket, AudioSettings, SAMPLES_PER_PACKET, StreamError};

/// Packets in a page at most: a second. RFC 7845, section 6, asks for pages that are not much longer.
const PACKETS_PER_PAGE: usize = 50;
/// What is said of the encoder in the comments.
const VENDOR: &str = concat!("visage ", env!("CARGO_PKG_VERSION"));

/// Writes one sound.
pub(crate) struct OggOpus {
    encoder: AudioEncoder,
    pages: PacketWriter<'static, Vec<u8>>,
    /// The number of the stream in its file: another one each time, so that files may be joined.
    serial: u32,
    /// The next block's tick.
    tick: u64,
    /// Samples that do not make a block yet: fewer than [`SAMPLES_PER_TICK`] between calls.
    pending: Vec<f32>,
    /// Samples so far.
    samples: u64,
    /// Packets that were written, and how many of them are in the page that is not full yet.
    packets: u64,
    in_page: usize,
    /// The newest packet, which may be the last one.
    waiting: Option<AudioPacket>,
}

impl OggOpus {
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libopus refuses the settings.
    pub(crate) fn new(settings: AudioSettings) -> Result<Self, StreamError> {
        let encoder = AudioEncoder::new(settings)?;
        let serial = RandomState::new().hash_one(0_u8) as u32;
        let mut pages = PacketWriter::new(Vec::new());
        for header in [head(encoder.lookahead()), tags()] {
            write(&mut pages, header, serial, PacketWriteEndInfo::EndPage, 0);
        }
        let pending = Vec::with_capacity(SAMPLES_PER_TICK);
        Ok(Self { encoder, pages, serial, tick: 0, pending, samples: 0, packets: 0, in_page: 0, waiting: None })
    }

    /// Takes samples at 48 kHz, each in -1..=1, and gives the bytes that are complete with them. With `last` the stream
    /// ends; nothing may be pushed after that.
    ///
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libopus fails.
    pub(crate) fn push(&mut self, samples: &[f32], last: bool) -> Result<Vec<u8>, StreamError> {
        self.samples += samples.len() as u64;
        let mut packets: Vec<_> = self.waiting.take().into_iter().collect();
        let mut rest = samples;
        while self.pending.len() + rest.len() >= SAMPLES_PER_TICK {
            let (now, later) = rest.split_at(SAMPLES_PER_TICK - self.pending.len());
            self.pending.extend_from_slice(now);
            rest = later;
            self.encode(&mut packets)?;
        }
        self.pending.extend_from_slice(rest);
        if last {
            self.end(packets)?;
        } else {
            self.waiting = packets.pop();
            let count = packets.len();
            for (index, packet) in packets.into_iter().enumerate() {
                // What is there is sent: a page ends with what was pushed.
                self.write(packet.data, index + 1 == count);
            }
        }
        Ok(std::mem::take(self.pages.inner_mut()))
    }

    /// Encodes the pending samples, filled up with silence.
    fn encode(&mut self, packets: &mut Vec<AudioPacket>) -> Result<(), StreamError> {
        let mut block = AudioBlock::silence(Tick(self.tick));
        block.samples[..self.pending.len()].copy_from_slice(&self.pending);
        self.pending.clear();
        self.tick += 1;
        packets.extend(self.encoder.push(&block)?);
        Ok(())
    }

    /// Writes the last packets: as many as hold all samples and the look-ahead.
    fn end(&mut self, mut packets: Vec<AudioPacket>) -> Result<(), StreamError> {
        let end = self.samples + u64::from(self.encoder.lookahead());
        let missing = (end.div_ceil(SAMPLES_PER_PACKET as u64) - self.packets) as usize;
        while packets.len() < missing {
            self.encode(&mut packets)?;
        }
        packets.truncate(missing);
        let last = packets.pop();
        packets.into_iter().for_each(|packet| self.write(packet.data, false));
        if let Some(packet) = last {
            write(&mut self.pages, packet.data, self.serial, PacketWriteEndInfo::EndStream, end);
        }
        Ok(())
    }

    fn write(&mut self, packet: Vec<u8>, end_page: bool) {
        self.packets += 1;
        self.in_page += 1;
        let end_page = end_page || self.in_page == PACKETS_PER_PAGE;
        let info = if end_page { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
        if end_page {
            self.in_page = 0;
        }
        write(&mut self.pages, packet, self.serial, info, self.packets * SAMPLES_PER_PACKET as u64);
    }
}

fn write(
    pages: &mut PacketWriter<'static, Vec<u8>>,
    packet: Vec<u8>,
    serial: u32,
    info: PacketWriteEndInfo,
    granule: u64,
) {
    pages.write_packet(packet, serial, info, granule).expect("memory takes everything");
}

/// The identification header (RFC 7845, section 5.1): mono, without a gain.
fn head(pre_skip: u32) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend((pre_skip as u16).to_le_bytes());
    head.extend(SAMPLE_RATE.to_le_bytes());
    head.extend([0, 0, 0]);
    head
}

/// The comment header (RFC 7845, section 5.2), without comments.
fn tags() -> Vec<u8> {
    let mut tags = b"OpusTags".to_vec();
    tags.extend((VENDOR.len() as u32).to_le_bytes());
    tags.extend(VENDOR.as_bytes());
    tags.extend(0_u32.to_le_bytes());
    tags
}

#[cfg(test)]
mod tests {
    use std::{f32::consts::TAU, io::Cursor};

    use ogg::{Packet, PacketReader};

    use super::*;
    use crate::AudioDecoder;

    fn tone(samples: usize) -> Vec<f32> {
        (0..samples).map(|at| 0.5 * (TAU * 330.0 * at as f32 / SAMPLE_RATE as f32).sin()).collect()
    }

    /// A sound in pieces of these lengths as a file, and the bytes after each piece.
    fn written(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let sound = tone(lengths.iter().sum());
        let mut encoder = OggOpus::new(AudioSettings::recording()).expect("libopus takes our settings");
        let (mut file, mut ends, mut at) = (Vec::new(), Vec::new(), 0);
        for (index, length) in lengths.iter().enumerate() {
            file.extend(encoder.push(&sound[at..at + length], index + 1 == lengths.len()).expect("it is encoded"));
            at += length;
            ends.push(file.len());
        }
        (file, ends)
    }

    fn packets(file: Vec<u8>) -> Vec<Packet> {
        let mut reader = PacketReader::new(Cursor::new(file));
        std::iter::from_fn(|| reader.read_packet().expect("the pages are whole, and their sums are right")).collect()
    }

    /// As a player does it: without the pre-skip, up to the last granule position.
    fn decoded(packets: &[Packet]) -> Vec<f32> {
        let pre_skip = u16::from_le_bytes([packets[0].data[10], packets[0].data[11]]) as usize;
        let mut decoder = AudioDecoder::new().expect("libopus decodes");
        let mut samples = Vec::new();
        for packet in &packets[2..] {
            samples.extend_from_slice(decoder.decode(&packet.data).expect("it is a packet"));
        }
        let end = packets[packets.len() - 1].absgp_page() as usize;
        assert!(samples.len() >= end && samples.len() - end < SAMPLES_PER_PACKET, "{} for {end}", samples.len());
        samples[pre_skip..end].to_vec()
    }

    #[test]
    fn as_many_samples_come_out_as_went_in() {
        let cases: [&[usize]; 8] =
            [&[0], &[1], &[648], &[649], &[48_000], &[100_001, 3, 0], &[1_599, 1, 1_600, 7], &[0, 0, 200_000, 0]];
        for lengths in cases {
            let (file, _) = written(lengths);
            let packets = packets(file);
            let total: usize = lengths.iter().sum();
            let sound = decoded(&packets);
            assert_eq!(sound.len(), total, "{lengths:?}");
            // It is the sound itself, and where it was; its beginning is the codec settling.
            let error = |(at, sample): (usize, &f32)| (sample - tone(at + 1)[at]).abs();
            let checked = sound.iter().enumerate().skip(2_000).step_by(4_801).map(error);
            assert!(checked.fold(0.0, f32::max) < 0.05, "{lengths:?}");
            let last = &packets[packets.len() - 1];
            assert!(last.last_in_stream() && packets.iter().filter(|packet| packet.last_in_stream()).count() == 1);
        }
    }

    #[test]
    fn headers_and_pages_are_as_the_standard_wants_them() {
        let (file, ends) = written(&[48_000 * 3, 96_000]);
        let packets = packets(file.clone());
        let (head, tags) = (&packets[0], &packets[1]);
        assert_eq!(&head.data[..10], b"OpusHead\x01\x01");
        assert_eq!((head.data.len(), u32::from_le_bytes(head.data[12..16].try_into().expect("four"))), (19, 48_000));
        assert!(head.first_in_stream() && head.last_in_page() && head.absgp_page() == 0);
        assert!(tags.data.starts_with(b"OpusTags") && tags.last_in_page() && tags.absgp_page() == 0);
        // Time goes on by a packet in each packet, and a page is a second at most.
        let mut in_page = 0;
        for (index, packet) in packets[2..].iter().enumerate() {
            in_page += 1;
            assert!(in_page <= PACKETS_PER_PAGE);
            if packet.last_in_page() && !packet.last_in_stream() {
                assert_eq!(packet.absgp_page(), (index as u64 + 1) * SAMPLES_PER_PACKET as u64);
                in_page = 0;
            }
        }
        // What has been sent with the first piece can be played: nearly all of it is there.
        let begun = self::packets(file[..ends[0]].to_vec());
        assert!(begun.len() - 2 >= 3 * 50 - 2, "{} packets of three seconds", begun.len() - 2);
        let other = written(&[1]).0;
        assert_ne!(other[14..18], file[14..18], "two files may be joined");
    }
}
