//! Opus out of blocks of sound, and back (RFC 6716).
//!
//! A tick has 1,600 samples and an Opus frame 960 (20 ms), so three ticks make five packets. Mono, 48 kHz.

use audiopus::{
    Application, Bitrate, Channels, MutSignals, SampleRate, Signal,
    coder::{Decoder, Encoder},
    packet::Packet,
};
use visage_core::{AudioBlock, SAMPLES_PER_TICK};

use crate::error::{StreamError, opus};

/// Samples in a packet that is sent: 20 ms. Shorter ones cost more bits and packets, longer ones more delay.
pub const SAMPLES_PER_PACKET: usize = 960;
/// The longest Opus packet: 120 ms at 48 kHz.
const MAX_SAMPLES_PER_PACKET: usize = 5_760;
/// No packet of 20 ms is longer (RFC 6716, section 3.2.1: 1,275 bytes a frame, and the table of contents).
const MAX_PACKET_BYTES: usize = 1_276;

/// Samples at 48 kHz in an Opus packet.
pub(crate) fn packet_samples(packet: &[u8]) -> Result<u32, StreamError> {
    let packet = Packet::try_from(packet).map_err(opus)?;
    let samples = audiopus::packet::nb_samples(packet, SampleRate::Hz48000).map_err(opus)?;
    u32::try_from(samples).map_err(|error| StreamError::Codec { codec: "Opus", reason: error.to_string() })
}

/// How an [`AudioEncoder`] encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSettings {
    /// The rate aimed for, in bits per second.
    pub bits_per_second: i32,
    /// The share of packets that get lost, in per cent, against which forward error correction is added; 0 for none.
    pub expected_loss_percent: u8,
    /// Opus' complexity, 0 (least work) to 10.
    pub complexity: u8,
}

impl AudioSettings {
    /// For a viewer: forward error correction for a little loss. Discontinuous transmission stays off, so that the
    /// receiver has a packet every 20 ms to keep its clock and lip-sync by; silence costs some 2 kbit/s.
    pub const fn live() -> Self {
        Self { bits_per_second: 40_000, expected_loss_percent: 5, complexity: 5 }
    }

    /// For a file.
    pub const fn recording() -> Self {
        Self { bits_per_second: 64_000, expected_loss_percent: 0, complexity: 10 }
    }
}

/// An Opus packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioPacket {
    /// Index, since tick 0, of the first sample that went into it.
    pub first_sample: u64,
    /// The encoder's look-ahead: what a decoder gives out for this packet begins so many samples before
    /// `first_sample`.
    pub lookahead: u32,
    /// The packet.
    pub data: Vec<u8>,
}

impl AudioPacket {
    /// Its RTP time (48 kHz): the index of the first sample that the receiver gets out of it, so that a sound has the
    /// time of its tick on the receiver's side.
    pub const fn rtp_time(&self) -> u32 {
        (self.first_sample as u32).wrapping_sub(self.lookahead)
    }
}

/// Encodes blocks of sound as Opus packets of 20 ms.
#[derive(Debug)]
pub struct AudioEncoder {
    opus: Encoder,
    lookahead: u32,
    /// Samples that do not make a packet yet: fewer than [`SAMPLES_PER_PACKET`] between calls.
    pending: Vec<f32>,
    /// Index of the first pending sample; `None` until the first block.
    next_sample: Option<u64>,
    out: Box<[u8; MAX_PACKET_BYTES]>,
}

impl AudioEncoder {
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libopus refuses the settings.
    pub fn new(settings: AudioSettings) -> Result<Self, StreamError> {
        let application = if settings.expected_loss_percent > 0 { Application::Voip } else { Application::Audio };
        let mut encoder = Encoder::new(SampleRate::Hz48000, Channels::Mono, application).map_err(opus)?;
        encoder.set_bitrate(Bitrate::BitsPerSecond(settings.bits_per_second)).map_err(opus)?;
        encoder.set_complexity(settings.complexity).map_err(opus)?;
        encoder.set_signal(Signal::Voice).map_err(opus)?;
        encoder.set_vbr(true).map_err(opus)?;
        encoder.set_dtx(false).map_err(opus)?;
        encoder.set_inband_fec(settings.expected_loss_percent > 0).map_err(opus)?;
        encoder.set_packet_loss_perc(settings.expected_loss_percent).map_err(opus)?;
        let lookahead = encoder.lookahead().map_err(opus)?;
        let pending = Vec::with_capacity(SAMPLES_PER_TICK + SAMPLES_PER_PACKET);
        Ok(Self { opus: encoder, lookahead, pending, next_sample: None, out: Box::new([0; MAX_PACKET_BYTES]) })
    }

    /// Samples by which a decoder's output lags behind what was encoded.
    pub const fn lookahead(&self) -> u32 {
        self.lookahead
    }

    /// Takes one block and gives the packets that are complete with it: one or two.
    ///
    /// A block that does not follow the last one (ticks were left out) begins anew at its own index; what was pending is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`StreamError::Backwards`] for a block that was given before, [`StreamError::Codec`] if libopus fails.
    pub fn push(&mut self, block: &AudioBlock) -> Result<Vec<AudioPacket>, StreamError> {
        let first = block.tick.first_sample();
        if let Some(next) = self.next_sample {
            let expected = next + self.pending.len() as u64;
            if first < expected {
                let last = expected / SAMPLES_PER_TICK as u64;
                return Err(StreamError::Backwards { given: block.tick.0, last: last.saturating_sub(1) });
            }
            if first > expected {
                self.pending.clear();
                self.next_sample = None;
            }
        }
        let mut next = *self.next_sample.get_or_insert(first);
        self.pending.extend_from_slice(&block.samples[..]);
        let mut packets = Vec::with_capacity(2);
        let mut taken = 0;
        for frame in self.pending.chunks_exact(SAMPLES_PER_PACKET) {
            let length = self.opus.encode_float(frame, &mut self.out[..]).map_err(opus)?;
            let data = self.out[..length].to_vec();
            packets.push(AudioPacket { first_sample: next, lookahead: self.lookahead, data });
            next += SAMPLES_PER_PACKET as u64;
            taken += SAMPLES_PER_PACKET;
        }
        self.pending.drain(..taken);
        self.next_sample = Some(next);
        Ok(packets)
    }
}

/// Decodes Opus packets into mono sound at 48 kHz, each sample in -1..=1. Stereo is mixed down.
#[derive(Debug)]
pub struct AudioDecoder {
    opus: Decoder,
    out: Box<[f32; MAX_SAMPLES_PER_PACKET]>,
}

impl AudioDecoder {
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libopus cannot make a decoder.
    pub fn new() -> Result<Self, StreamError> {
        let opus = Decoder::new(SampleRate::Hz48000, Channels::Mono).map_err(opus)?;
        Ok(Self { opus, out: Box::new([0.0; MAX_SAMPLES_PER_PACKET]) })
    }

    /// Decodes a packet.
    ///
    /// # Errors
    ///
    /// [`StreamError::Codec`] for a damaged packet; the next one may be decoded.
    pub fn decode(&mut self, packet: &[u8]) -> Result<&[f32], StreamError> {
        self.run(Some(packet), MAX_SAMPLES_PER_PACKET, false)
    }

    /// Makes up the sound of a packet of `samples` samples that got lost: from the forward error correction in the
    /// packet after it, if that is there and has any, otherwise by going on as before.
    ///
    /// # Errors
    ///
    /// [`StreamError::Codec`] if `samples` is not a length that Opus has (a multiple of 120, to 5,760), or the packet is
    /// damaged.
    pub fn conceal(&mut self, samples: usize, next: Option<&[u8]>) -> Result<&[f32], StreamError> {
        self.run(next, samples, next.is_some())
    }

    fn run(&mut self, packet: Option<&[u8]>, samples: usize, correct: bool) -> Result<&[f32], StreamError> {
        let packet = packet.map(Packet::try_from).transpose().map_err(opus)?;
        let space = self.out.get_mut(..samples).ok_or_else(|| StreamError::Codec {
            codec: "Opus",
            reason: format!("{samples} samples are more than a packet holds"),
        })?;
        let signals = MutSignals::try_from(space).map_err(opus)?;
        let length = self.opus.decode_float(packet, signals, correct).map_err(opus)?;
        let samples = &mut self.out[..length];
        // Loud sound overshoots a little when it is decoded.
        samples.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use visage_core::{SAMPLE_RATE, Tick};

    use super::*;

    /// A tone with a slow swell.
    fn tone(sample: u64) -> f32 {
        let seconds = sample as f32 / SAMPLE_RATE as f32;
        0.5 * (TAU * 330.0 * seconds).sin() * (0.6 + 0.4 * (TAU * 3.0 * seconds).sin())
    }

    fn block(tick: u64) -> AudioBlock {
        let mut block = AudioBlock::silence(Tick(tick));
        for (index, sample) in block.samples.iter_mut().enumerate() {
            *sample = tone(Tick(tick).first_sample() + index as u64);
        }
        block
    }

    fn packets(settings: AudioSettings, ticks: std::ops::Range<u64>) -> Vec<AudioPacket> {
        let mut encoder = AudioEncoder::new(settings).expect("libopus takes our settings");
        ticks.flat_map(|tick| encoder.push(&block(tick)).expect("in order")).collect()
    }

    /// Signal-to-noise ratio of decoded samples, `(index, value)`, in dB.
    fn signal_to_noise(decoded: &[(u64, f32)]) -> f32 {
        let (mut signal, mut noise) = (0.0, 0.0);
        for &(sample, value) in decoded {
            signal += tone(sample) * tone(sample);
            noise += (tone(sample) - value) * (tone(sample) - value);
        }
        10.0 * (signal / noise).log10()
    }

    #[test]
    fn three_ticks_make_five_packets_that_follow_each_other() {
        let mut encoder = AudioEncoder::new(AudioSettings::live()).expect("libopus takes our settings");
        let counts: Vec<_> = (7..13).map(|tick| encoder.push(&block(tick)).expect("in order").len()).collect();
        assert_eq!(counts, [1, 2, 2, 1, 2, 2]);
        let times: Vec<_> = packets(AudioSettings::live(), 7..13).iter().map(|packet| packet.first_sample).collect();
        assert_eq!(times, (0..10).map(|index| 7 * 1_600 + index * 960).collect::<Vec<_>>());
    }

    fn check_round_trip(settings: AudioSettings, least: f32) {
        let mut decoder = AudioDecoder::new().expect("libopus decodes");
        let mut decoded = Vec::new();
        for packet in packets(settings, 0..60) {
            let samples = decoder.decode(&packet.data).expect("what was encoded decodes");
            assert_eq!(samples.len(), SAMPLES_PER_PACKET);
            let first = i64::from(packet.rtp_time() as i32);
            decoded.extend(samples.iter().enumerate().map(|(index, value)| (first + index as i64, *value)));
        }
        // The first tenth of a second is the codec settling.
        let settled: Vec<_> =
            decoded.into_iter().filter(|(at, _)| *at >= 4_800).map(|(at, value)| (at as u64, value)).collect();
        let quality = signal_to_noise(&settled);
        assert!(quality > least, "{quality:.1} dB");
    }

    /// The RTP time says which sample a decoded sample is: a shift by one millisecond would bring the ratio below zero.
    #[test]
    fn a_tone_survives_and_keeps_its_time() {
        check_round_trip(AudioSettings::recording(), 15.0);
        check_round_trip(AudioSettings { expected_loss_percent: 0, ..AudioSettings::live() }, 12.0);
    }

    #[test]
    fn a_lost_packet_is_made_up() {
        let packets = packets(AudioSettings::live(), 0..60);
        let mut decoder = AudioDecoder::new().expect("libopus decodes");
        for packet in &packets[..50] {
            decoder.decode(&packet.data).expect("decodes");
        }
        let made_up = decoder.conceal(SAMPLES_PER_PACKET, Some(&packets[51].data)).expect("a length that Opus has");
        let power: f32 = made_up.iter().map(|sample| sample * sample).sum::<f32>() / made_up.len() as f32;
        assert_eq!(made_up.len(), SAMPLES_PER_PACKET);
        assert!(power > 0.005, "{power}");
        assert!(decoder.conceal(SAMPLES_PER_PACKET, None).is_ok());
        assert!(decoder.conceal(77, None).is_err());
        assert!(decoder.conceal(9_999, None).is_err());
    }

    #[test]
    fn left_out_ticks_begin_anew_and_old_ones_are_refused() {
        let mut encoder = AudioEncoder::new(AudioSettings::live()).expect("libopus takes our settings");
        encoder.push(&block(0)).expect("first");
        let after_gap = encoder.push(&block(10)).expect("a gap");
        assert_eq!(after_gap[0].first_sample, 16_000);
        assert!(matches!(encoder.push(&block(10)), Err(StreamError::Backwards { given: 10, last: 10 })));
        assert_eq!(encoder.push(&block(11)).expect("in order").len(), 2);
    }

    #[test]
    fn rtp_time_wraps_and_has_no_drift() {
        let hours = 30 * 3_600;
        for tick in [0, hours, 9 * hours, 24 * hours, 1_000 * hours] {
            let packet = AudioPacket { first_sample: Tick(tick).first_sample(), lookahead: 312, data: Vec::new() };
            let seconds = (Tick(tick).first_sample() % (1 << 32)) as f64 / 48_000.0;
            let sound = packet.rtp_time().wrapping_add(312);
            assert_eq!(f64::from(sound) / 48_000.0, seconds);
            // The picture's clock shows the same second, on its own circle.
            let wrap = 4_294_967_296.0 / 90_000.0;
            let picture = f64::from(Tick(tick).rtp_video()) / 90_000.0;
            assert!((Tick(tick).seconds() % wrap - picture).abs() < 1e-4, "tick {tick}");
        }
    }

    #[test]
    fn loud_sound_stays_in_range() {
        let mut encoder = AudioEncoder::new(AudioSettings::live()).expect("libopus takes our settings");
        let mut decoder = AudioDecoder::new().expect("libopus decodes");
        for tick in 0..30 {
            let mut square = AudioBlock::silence(Tick(tick));
            square.samples.iter_mut().enumerate().for_each(|(index, sample)| {
                *sample = if index / 60 % 2 == 0 { 1.0 } else { -1.0 };
            });
            for packet in encoder.push(&square).expect("in order") {
                let samples = decoder.decode(&packet.data).expect("decodes");
                assert!(samples.iter().all(|sample| (-1.0..=1.0).contains(sample)));
            }
        }
    }

    #[test]
    fn damaged_packets_are_errors() {
        let mut decoder = AudioDecoder::new().expect("libopus decodes");
        assert!(decoder.decode(&[]).is_err());
        assert!(decoder.decode(&[0xFF, 0xFF, 0xFF]).is_err());
        let good = &packets(AudioSettings::live(), 0..3)[0];
        assert!(decoder.decode(&good.data).is_ok());
    }
}
