//! Packets of a viewer's microphone in, sound without holes out.

use crate::{
    AudioDecoder, SAMPLES_PER_PACKET, StreamError,
    audio::packet_samples,
    reorder::{Arrival, Reorder},
};

/// How much lost sound is made up before it becomes silence: 60 ms. Made-up sound that lasts longer is noise to a
/// recogniser.
const CONCEALED: usize = 3 * SAMPLES_PER_PACKET;

/// Receives one stream of Opus packets: order, loss and decoding.
///
/// ```
/// use visage_stream::{AudioEncoder, AudioReceiver, AudioSettings};
/// use visage_core::{AudioBlock, Tick};
///
/// let mut encoder = AudioEncoder::new(AudioSettings::live())?;
/// let packet = &encoder.push(&AudioBlock::silence(Tick(0)))?[0];
/// let mut receiver = AudioReceiver::new()?;
/// assert_eq!(receiver.push(1, packet.rtp_time(), &packet.data)?.len(), 960);
/// # Ok::<_, visage_stream::StreamError>(())
/// ```
#[derive(Debug)]
pub struct AudioReceiver {
    reorder: Reorder<Box<[u8]>>,
    decoder: AudioDecoder,
    lost: u64,
}

impl AudioReceiver {
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libopus cannot make a decoder.
    pub fn new() -> Result<Self, StreamError> {
        Ok(Self { reorder: Reorder::default(), decoder: AudioDecoder::new()?, lost: 0 })
    }

    /// Takes a packet with its RTP sequence number and time (48 kHz); gives the mono samples, -1..=1, that follow those
    /// given before. Lost packets are made up for up to 60 ms, the rest of a gap is silence.
    ///
    /// # Errors
    ///
    /// [`StreamError::Codec`] for a packet that is not Opus; nothing else is touched.
    pub fn push(&mut self, sequence: u16, time: u32, packet: &[u8]) -> Result<Vec<f32>, StreamError> {
        let samples = packet_samples(packet)?;
        let mut out = Vec::with_capacity(samples as usize);
        let mut gap = 0;
        for arrival in self.reorder.push(sequence, time, samples, packet.into()) {
            match arrival {
                Arrival::Pause(samples) => out.resize(out.len() + samples as usize, 0.0),
                Arrival::Lost(samples) => {
                    self.lost += u64::from(samples);
                    gap = samples as usize;
                }
                Arrival::Packet(packet) => {
                    self.fill(std::mem::take(&mut gap), &packet, &mut out);
                    match self.decoder.decode(&packet) {
                        Ok(samples) => out.extend_from_slice(samples),
                        Err(error) => tracing::debug!("a packet from the microphone was left out: {error}"),
                    }
                }
            }
        }
        Ok(out)
    }

    /// Samples that were sent to us and did not arrive.
    pub const fn lost_samples(&self) -> u64 {
        self.lost
    }

    /// Packets that were dropped because they came twice or too late.
    pub const fn late_packets(&self) -> u64 {
        self.reorder.late()
    }

    /// Fills a gap before `next`: made up first, silence between, and the last piece out of `next`'s error correction.
    fn fill(&mut self, gap: usize, next: &[u8], out: &mut Vec<f32>) {
        let end = out.len() + gap;
        let pieces = gap / SAMPLES_PER_PACKET;
        let concealed = pieces.min(CONCEALED / SAMPLES_PER_PACKET);
        for piece in 0..concealed {
            let last = piece + 1 == concealed;
            if last {
                out.resize(end - SAMPLES_PER_PACKET, 0.0);
            }
            match self.decoder.conceal(SAMPLES_PER_PACKET, last.then_some(next)) {
                Ok(samples) => out.extend_from_slice(samples),
                Err(error) => tracing::debug!("a lost packet was not made up: {error}"),
            }
        }
        out.resize(end, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use visage_core::{AudioBlock, SAMPLE_RATE, Tick};

    use super::*;
    use crate::{AudioEncoder, AudioPacket, AudioSettings};

    fn packets(ticks: u64) -> Vec<AudioPacket> {
        let mut encoder = AudioEncoder::new(AudioSettings::live()).expect("libopus takes our settings");
        (0..ticks)
            .flat_map(|tick| {
                let mut block = AudioBlock::silence(Tick(tick));
                for (index, sample) in block.samples.iter_mut().enumerate() {
                    let at = Tick(tick).first_sample() + index as u64;
                    *sample = 0.5 * (TAU * 250.0 * at as f32 / SAMPLE_RATE as f32).sin();
                }
                encoder.push(&block).expect("in order")
            })
            .collect()
    }

    /// Sends the packets with the given indices; gives the samples and the power of each 20 ms.
    fn receive(order: &[usize]) -> (usize, Vec<f32>, u64) {
        let packets = packets(60);
        let mut receiver = AudioReceiver::new().expect("libopus decodes");
        let mut sound = Vec::new();
        for &index in order {
            let packet = &packets[index];
            sound.extend(receiver.push(index as u16, packet.rtp_time(), &packet.data).expect("Opus"));
        }
        let power = |piece: &[f32]| piece.iter().map(|sample| sample * sample).sum::<f32>() / piece.len() as f32;
        (sound.len(), sound.chunks(SAMPLES_PER_PACKET).map(power).collect(), receiver.lost_samples())
    }

    #[test]
    fn disorder_is_undone() {
        let straight: Vec<_> = (0..40).collect();
        let mut mixed = straight.clone();
        for (one, other) in [(10, 11), (20, 22), (30, 31)] {
            mixed.swap(one, other);
        }
        assert_eq!(receive(&mixed), receive(&straight));
    }

    #[test]
    fn a_lost_packet_leaves_no_hole() {
        let (length, powers, lost) = receive(&(0..60).filter(|index| *index != 30).collect::<Vec<_>>());
        assert_eq!((length, lost), (60 * 960, 960));
        assert!(powers[5..].iter().all(|power| *power > 0.05), "{powers:?}");
    }

    #[test]
    fn a_long_loss_is_silence_of_the_same_length() {
        let (length, powers, lost) = receive(&(0..60).filter(|index| !(20..40).contains(index)).collect::<Vec<_>>());
        assert_eq!((length, lost), (60 * 960, 20 * 960));
        assert!(powers[28] < 1e-6 && powers[45] > 0.05, "{powers:?}");
    }

    #[test]
    fn what_is_not_opus_is_refused() {
        let mut receiver = AudioReceiver::new().expect("libopus decodes");
        assert!(receiver.push(0, 0, &[]).is_err());
        assert!(receiver.push(0, 0, &[0xFF, 0xFF]).is_err());
        let packet = &packets(1)[0];
        assert_eq!(receiver.push(0, 0, &packet.data).expect("Opus").len(), 960);
    }
}
