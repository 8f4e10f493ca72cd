//! A WebM writer for one VP8 and one Opus track, to the letter of the container guidelines (webmproject.org/docs/container;
//! element ids: RFC 9559): known sizes, duration, cues, codec delay and discard padding, so that players seek well and
//! start and end the sound on the sample. The common bindings write no codec delay, which shifts the sound.

use std::io::{self, Seek, SeekFrom, Write};

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114D_9B74;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const CLUSTER: u32 = 0x1F43_B675;
const CUES: u32 = 0x1C53_BB6B;

const VIDEO_TRACK: u64 = 1;
const AUDIO_TRACK: u64 = 2;
/// Time is written in milliseconds, as the guidelines ask.
const NANOS_PER_UNIT: u64 = 1_000_000;
/// A block's time counts from its cluster's in 16 signed bits; clusters are kept much shorter.
const CLUSTER_NANOS: u64 = 5_000_000_000;
/// Sound that a decoder must hear before a place that is sought, to have settled there (RFC 7845, section 4.6).
const SEEK_PRE_ROLL_NANOS: u64 = 80_000_000;

/// What the tracks hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracks {
    pub width: u32,
    pub height: u32,
    /// Duration of a frame.
    pub frame_nanos: u64,
    /// Samples at 48 kHz that a decoder gives out before the first real one.
    pub pre_skip: u16,
}

/// One frame or packet.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub nanos: u64,
    pub keyframe: bool,
    pub data: Vec<u8>,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Video,
    Audio {
        /// How much of the end of the packet's sound is not to be heard; 0 but for the last packet.
        discard_nanos: u64,
    },
}

/// Writes blocks that come in order of their time.
#[derive(Debug)]
pub(crate) struct Muxer<W> {
    out: W,
    /// Position of the first byte inside the segment.
    segment: u64,
    duration_at: u64,
    cues_seek_at: u64,
    cluster: Option<Cluster>,
    /// Time and position (inside the segment) of every cluster that begins with a keyframe.
    cues: Vec<(u64, u64)>,
}

#[derive(Debug)]
struct Cluster {
    nanos: u64,
    keyframe: bool,
    body: Vec<u8>,
}

impl<W: Write + Seek> Muxer<W> {
    pub(crate) fn new(mut out: W, tracks: Tracks) -> io::Result<Self> {
        let mut head = Vec::new();
        element(&mut head, EBML, |body| {
            unsigned(body, 0x4286, 1);
            unsigned(body, 0x42F7, 1);
            unsigned(body, 0x42F2, 4);
            unsigned(body, 0x42F3, 8);
            string(body, 0x4282, "webm");
            unsigned(body, 0x4287, 4);
            unsigned(body, 0x4285, 2);
        });
        id(&mut head, SEGMENT);
        head.extend(eight_byte_size(0));
        let segment = head.len() as u64;

        let (info, duration_in_info) = info();
        let tracks = track_entries(tracks);
        // The seek head's own size does not depend on the positions, which are written in eight bytes each.
        let length = seek_head(0, 0, 0).len() as u64;
        let seek = seek_head(length, length + info.len() as u64, 0);
        let cues_seek_at = segment + seek.len() as u64 - 8;
        head.extend(seek);
        let duration_at = head.len() as u64 + duration_in_info;
        head.extend(info);
        head.extend(tracks);
        out.write_all(&head)?;
        Ok(Self { out, segment, duration_at, cues_seek_at, cluster: None, cues: Vec::new() })
    }

    /// Appends a block; its time is not less than that of the one before. A keyframe begins a new cluster.
    pub(crate) fn write(&mut self, block: &Block) -> io::Result<()> {
        let begins = block.kind == Kind::Video && block.keyframe;
        let full = self.cluster.as_ref().is_none_or(|cluster| block.nanos - cluster.nanos >= CLUSTER_NANOS);
        if begins || full {
            self.close_cluster()?;
            let nanos = block.nanos / NANOS_PER_UNIT * NANOS_PER_UNIT;
            let mut body = Vec::new();
            unsigned(&mut body, 0xE7, nanos / NANOS_PER_UNIT);
            self.cluster = Some(Cluster { nanos, keyframe: begins, body });
        }
        let Some(cluster) = &mut self.cluster else { return Ok(()) };
        let relative = (round_to_unit(block.nanos) - cluster.nanos / NANOS_PER_UNIT) as i16;
        let track = if block.kind == Kind::Video { VIDEO_TRACK } else { AUDIO_TRACK };
        let content = |flags: u8, body: &mut Vec<u8>| {
            body.extend(size(track));
            body.extend(relative.to_be_bytes());
            body.push(flags);
            body.extend(&block.data);
        };
        match block.kind {
            Kind::Audio { discard_nanos } if discard_nanos > 0 => element(&mut cluster.body, 0xA0, |body| {
                element(body, 0xA1, |body| content(0, body));
                signed(body, 0x75A2, discard_nanos as i64);
            }),
            _ => {
                let key = block.keyframe || block.kind != Kind::Video;
                element(&mut cluster.body, 0xA3, |body| content(if key { 0x80 } else { 0 }, body));
            }
        }
        Ok(())
    }

    /// Writes what is left, the cues, and the sizes and times that were not known before.
    pub(crate) fn finish(mut self, duration_nanos: u64) -> io::Result<W> {
        self.close_cluster()?;
        let cues_at = self.out.stream_position()? - self.segment;
        let mut cues = Vec::new();
        element(&mut cues, CUES, |body| {
            for &(nanos, position) in &self.cues {
                element(body, 0xBB, |body| {
                    unsigned(body, 0xB3, nanos / NANOS_PER_UNIT);
                    element(body, 0xB7, |body| {
                        unsigned(body, 0xF7, VIDEO_TRACK);
                        unsigned(body, 0xF1, position);
                    });
                });
            }
        });
        self.out.write_all(&cues)?;
        let end = self.out.stream_position()?;
        self.patch(self.segment - 8, &eight_byte_size(end - self.segment))?;
        self.patch(self.cues_seek_at, &cues_at.to_be_bytes())?;
        let duration = duration_nanos as f64 / NANOS_PER_UNIT as f64;
        self.patch(self.duration_at, &duration.to_be_bytes())?;
        self.out.seek(SeekFrom::Start(end))?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn patch(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(position))?;
        self.out.write_all(bytes)
    }

    fn close_cluster(&mut self) -> io::Result<()> {
        let Some(cluster) = self.cluster.take() else { return Ok(()) };
        let position = self.out.stream_position()? - self.segment;
        if cluster.keyframe {
            self.cues.push((cluster.nanos, position));
        }
        let mut head = Vec::new();
        id(&mut head, CLUSTER);
        head.extend(size(cluster.body.len() as u64));
        self.out.write_all(&head)?;
        self.out.write_all(&cluster.body)
    }
}

fn round_to_unit(nanos: u64) -> u64 {
    (nanos + NANOS_PER_UNIT / 2) / NANOS_PER_UNIT
}

/// The information element, and where in it the eight bytes of the duration are.
fn info() -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    element(&mut out, INFO, |body| {
        unsigned(body, 0x002A_D7B1, NANOS_PER_UNIT);
        string(body, 0x4D80, "Visage");
        string(body, 0x5741, concat!("Visage ", env!("CARGO_PKG_VERSION")));
        float(body, 0x4489, 0.0);
    });
    let duration_at = out.len() as u64 - 8;
    (out, duration_at)
}

/// Positions count from the first byte inside the segment. The position of the cues is the last eight bytes.
fn seek_head(info: u64, tracks: u64, cues: u64) -> Vec<u8> {
    let mut out = Vec::new();
    element(&mut out, SEEK_HEAD, |body| {
        for (target, position) in [(INFO, info), (TRACKS, tracks), (CUES, cues)] {
            element(body, 0x4DBB, |body| {
                binary(body, 0x53AB, &target.to_be_bytes());
                binary(body, 0x53AC, &position.to_be_bytes());
            });
        }
    });
    out
}

fn track_entries(tracks: Tracks) -> Vec<u8> {
    let mut out = Vec::new();
    element(&mut out, TRACKS, |body| {
        element(body, 0xAE, |body| {
            unsigned(body, 0xD7, VIDEO_TRACK);
            unsigned(body, 0x73C5, VIDEO_TRACK);
            unsigned(body, 0x83, 1);
            unsigned(body, 0x9C, 0);
            string(body, 0x86, "V_VP8");
            unsigned(body, 0x0023_E383, tracks.frame_nanos);
            element(body, 0xE0, |body| {
                unsigned(body, 0xB0, u64::from(tracks.width));
                unsigned(body, 0xBA, u64::from(tracks.height));
                element(body, 0x55B0, |body| {
                    // BT.601 matrix, limited range, sRGB's primaries and (near enough, as everywhere) BT.709's curve.
                    unsigned(body, 0x55B1, 6);
                    unsigned(body, 0x55B9, 1);
                    unsigned(body, 0x55BA, 1);
                    unsigned(body, 0x55BB, 1);
                });
            });
        });
        element(body, 0xAE, |body| {
            unsigned(body, 0xD7, AUDIO_TRACK);
            unsigned(body, 0x73C5, AUDIO_TRACK);
            unsigned(body, 0x83, 2);
            unsigned(body, 0x9C, 0);
            string(body, 0x86, "A_OPUS");
            unsigned(body, 0x56AA, u64::from(tracks.pre_skip) * 1_000_000_000 / 48_000);
            unsigned(body, 0x56BB, SEEK_PRE_ROLL_NANOS);
            binary(body, 0x63A2, &opus_head(tracks.pre_skip));
            element(body, 0xE1, |body| {
                float(body, 0xB5, 48_000.0);
                unsigned(body, 0x9F, 1);
            });
        });
    });
    out
}

/// The identification header of Opus (RFC 7845, section 5.1): version 1, mono, 48 kHz, no gain, mapping family 0.
fn opus_head(pre_skip: u16) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(pre_skip.to_le_bytes());
    head.extend(48_000_u32.to_le_bytes());
    head.extend([0, 0, 0]);
    head
}

fn id(out: &mut Vec<u8>, id: u32) {
    out.extend(id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0));
}

/// A size or track number in as few bytes as it needs (RFC 8794, section 4). All ones would mean "unknown".
fn size(value: u64) -> Vec<u8> {
    let length = (1..8).find(|length| value < (1 << (7 * length)) - 1).unwrap_or(8);
    let bytes = (value | 1 << (7 * length)).to_be_bytes();
    bytes[8 - length..].to_vec()
}

fn eight_byte_size(value: u64) -> [u8; 8] {
    (value | 1 << 56).to_be_bytes()
}

fn element(out: &mut Vec<u8>, element: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    binary(out, element, &body);
}

fn binary(out: &mut Vec<u8>, element: u32, body: &[u8]) {
    id(out, element);
    out.extend(size(body.len() as u64));
    out.extend(body);
}

fn unsigned(out: &mut Vec<u8>, element: u32, value: u64) {
    let bytes = value.to_be_bytes();
    binary(out, element, &bytes[(value.leading_zeros() as usize / 8).min(7)..]);
}

fn signed(out: &mut Vec<u8>, element: u32, value: i64) {
    binary(out, element, &value.to_be_bytes());
}

fn float(out: &mut Vec<u8>, element: u32, value: f64) {
    binary(out, element, &value.to_be_bytes());
}

fn string(out: &mut Vec<u8>, element: u32, value: &str) {
    binary(out, element, value.as_bytes());
}

#[cfg(test)]
pub(crate) mod read {
    //! Reads what the writer wrote, by the specification and not by the writer's code.

    /// An element: its id and content.
    pub(crate) type Element<'a> = (u32, &'a [u8]);

    fn number(bytes: &[u8], at: &mut usize, keep_marker: bool) -> u64 {
        let length = bytes[*at].leading_zeros() as usize + 1;
        let mut value = 0;
        for (index, &byte) in bytes[*at..*at + length].iter().enumerate() {
            let byte =
                if index == 0 && !keep_marker { u64::from(byte) & !(1 << (8 - length)) } else { u64::from(byte) };
            value = value << 8 | byte;
        }
        *at += length;
        value
    }

    /// The elements that follow each other in `bytes`.
    pub(crate) fn elements(bytes: &[u8]) -> Vec<Element<'_>> {
        let (mut at, mut out) = (0, Vec::new());
        while at < bytes.len() {
            let id = number(bytes, &mut at, true) as u32;
            let length = number(bytes, &mut at, false) as usize;
            out.push((id, &bytes[at..at + length]));
            at += length;
        }
        out
    }

    /// The content of the first element with the id, by the path of ids.
    pub(crate) fn find<'a>(bytes: &'a [u8], path: &[u32]) -> &'a [u8] {
        path.iter().fold(bytes, |bytes, wanted| {
            elements(bytes).into_iter().find(|(id, _)| id == wanted).unwrap_or_else(|| panic!("no {wanted:X}")).1
        })
    }

    pub(crate) fn unsigned(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    pub(crate) fn float(bytes: &[u8]) -> f64 {
        f64::from_be_bytes(bytes.try_into().expect("eight bytes"))
    }

    /// A block: track, time in units of the cluster's, flags, data.
    pub(crate) fn block(bytes: &[u8]) -> (u64, i16, u8, &[u8]) {
        let mut at = 0;
        let track = number(bytes, &mut at, false);
        (track, i16::from_be_bytes([bytes[at], bytes[at + 1]]), bytes[at + 2], &bytes[at + 3..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_short_as_they_may_be() {
        let cases: [(u64, &[u8]); 6] = [
            (0, &[0x80]),
            (126, &[0xFE]),
            (127, &[0x40, 0x7F]),
            (16_382, &[0x7F, 0xFE]),
            (16_383, &[0x20, 0x3F, 0xFF]),
            (500_000, &[0x27, 0xA1, 0x20]),
        ];
        for (value, bytes) in cases {
            assert_eq!(size(value), bytes, "{value}");
        }
    }

    #[test]
    fn the_head_points_to_its_parts() {
        let tracks = Tracks { width: 512, height: 512, frame_nanos: 33_333_333, pre_skip: 312 };
        let mut muxer = Muxer::new(io::Cursor::new(Vec::new()), tracks).expect("memory takes all");
        let block = Block { nanos: 0, keyframe: true, data: vec![1, 2, 3], kind: Kind::Video };
        muxer.write(&block).expect("memory takes all");
        let file = muxer.finish(40_000_000).expect("memory takes all").into_inner();
        let segment = read::find(&file, &[SEGMENT]);
        for (_, seek) in read::elements(read::find(segment, &[SEEK_HEAD])) {
            let target = read::unsigned(read::find(seek, &[0x53AB])) as u32;
            let position = read::unsigned(read::find(seek, &[0x53AC])) as usize;
            assert_eq!(read::elements(&segment[position..])[0].0, target);
        }
        assert_eq!(read::float(read::find(segment, &[INFO, 0x4489])), 40.0);
        assert_eq!(read::find(segment, &[CLUSTER, 0xA3]), [0x81, 0, 0, 0x80, 1, 2, 3]);
    }
}
