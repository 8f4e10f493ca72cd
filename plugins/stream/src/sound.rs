//! Sound as bytes to be sent while it is still being made: WAV, Ogg Opus, or bare samples.

use visage_core::{SAMPLE_RATE, resample, to_i16};

use crate::{AudioSettings, StreamError, ogg_opus::OggOpus};

/// The length that a WAV header tells where nobody knows it yet. Programs that write WAV into a pipe (FFmpeg, SoX) do so,
/// and players read to the end.
const UNKNOWN: u32 = u32::MAX;
/// Bytes of a WAV header behind its first two fields.
const HEADER_REST: u32 = 36;
/// Bytes of a sample.
const SAMPLE_BYTES: u32 = 2;

/// In what form sound is sent: always mono.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundFormat {
    /// A WAV file, 16 bit.
    Wav {
        /// Samples a second, above zero.
        rate: u32,
    },
    /// Samples alone, 16 bit, the lower byte first.
    Pcm {
        /// Samples a second, above zero.
        rate: u32,
    },
    /// An Ogg file with Opus at 48 kHz.
    Opus,
}

impl SoundFormat {
    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Wav { .. } => "audio/wav",
            Self::Pcm { .. } => "audio/pcm",
            // RFC 7845, section 9.
            Self::Opus => "audio/ogg; codecs=opus",
        }
    }
}

/// Turns pieces of sound into bytes. A piece must begin and end in silence unless the format's rate is 48 kHz: each is
/// brought to the rate by itself.
///
/// ```
/// use visage_stream::{SoundEncoder, SoundFormat};
///
/// let mut encoder = SoundEncoder::new(SoundFormat::Wav { rate: 24_000 })?;
/// let file = encoder.push(&[0.0; 48_000], true)?;
/// assert_eq!((&file[..4], file.len()), (&b"RIFF"[..], 44 + 48_000));
/// # Ok::<_, visage_stream::StreamError>(())
/// ```
pub struct SoundEncoder(Inner);

enum Inner {
    Samples {
        rate: u32,
        /// Whether a WAV header is still to be written.
        header: bool,
    },
    Opus(Box<OggOpus>),
}

impl SoundEncoder {
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libopus refuses its settings.
    pub fn new(format: SoundFormat) -> Result<Self, StreamError> {
        Ok(Self(match format {
            SoundFormat::Wav { rate } => Inner::Samples { rate, header: true },
            SoundFormat::Pcm { rate } => Inner::Samples { rate, header: false },
            SoundFormat::Opus => Inner::Opus(Box::new(OggOpus::new(AudioSettings::recording())?)),
        }))
    }

    /// Takes samples at 48 kHz, each in -1..=1, and gives the bytes that are complete with them. `last` says that there is
    /// no more; if it is said at once, a WAV header tells the true length.
    ///
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libopus fails.
    pub fn push(&mut self, samples: &[f32], last: bool) -> Result<Vec<u8>, StreamError> {
        match &mut self.0 {
            Inner::Opus(opus) => opus.push(samples, last),
            Inner::Samples { rate, header } => {
                let samples = resample(samples, SAMPLE_RATE, *rate);
                let mut bytes = Vec::with_capacity(44 + 2 * samples.len());
                if std::mem::take(header) {
                    bytes.extend(wav_header(*rate, last.then_some(samples.len())));
                }
                bytes.extend(samples.into_iter().flat_map(|sample| to_i16(sample).to_le_bytes()));
                Ok(bytes)
            }
        }
    }
}

/// The header of a WAV file of so many samples, if that is known.
fn wav_header(rate: u32, samples: Option<usize>) -> Vec<u8> {
    let data = samples.map_or(UNKNOWN, |samples| samples as u32 * SAMPLE_BYTES);
    let mut header = b"RIFF".to_vec();
    header.extend(data.saturating_add(HEADER_REST).to_le_bytes());
    header.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    header.extend(rate.to_le_bytes());
    header.extend((rate * SAMPLE_BYTES).to_le_bytes());
    header.extend(b"\x02\0\x10\0data");
    header.extend(data.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::{f32::consts::TAU, io::Cursor};

    use visage_core::{decode_sound, encode_wav};

    use super::*;

    /// A tone that begins and ends in silence.
    fn tone(seconds: f32) -> Vec<f32> {
        let count = (seconds * SAMPLE_RATE as f32) as usize;
        let at = |index: usize| index as f32 / SAMPLE_RATE as f32;
        (0..count)
            .map(|index| 0.5 * (TAU * at(index) * 220.0).sin() * (TAU / 2.0 * at(index) / seconds).sin())
            .collect()
    }

    fn bytes(format: SoundFormat, pieces: &[&[f32]]) -> Vec<u8> {
        let mut encoder = SoundEncoder::new(format).expect("libopus takes its settings");
        let count = pieces.len();
        let push = |(index, piece): (usize, &&[f32])| encoder.push(piece, index + 1 == count).expect("it is encoded");
        pieces.iter().enumerate().flat_map(push).collect()
    }

    #[test]
    fn a_sound_that_is_known_whole_is_an_ordinary_file() {
        let sound = tone(0.5);
        assert_eq!(bytes(SoundFormat::Wav { rate: 48_000 }, &[&sound]), encode_wav(&sound, 48_000));
        assert_eq!(
            bytes(SoundFormat::Wav { rate: 24_000 }, &[&sound]),
            encode_wav(&resample(&sound, 48_000, 24_000), 24_000)
        );
        assert_eq!(bytes(SoundFormat::Wav { rate: 8_000 }, &[&[]]), encode_wav(&[], 8_000));
    }

    #[test]
    fn a_sound_that_is_still_made_can_be_read_all_the_same() {
        let (first, second) = (tone(1.0), tone(0.5));
        for rate in [8_000, 22_050, 24_000, 48_000] {
            let file = bytes(SoundFormat::Wav { rate }, &[&first, &second]);
            assert_eq!((&file[4..8], &file[40..44]), (&[0xFF; 4][..], &[0xFF; 4][..]));
            let sound = decode_sound(Cursor::new(file.clone()), 10).expect("it is a sound");
            assert_eq!((sound.rate, sound.samples.len()), (rate, rate as usize * 3 / 2));
            // Bare samples are the same without the header.
            assert_eq!(bytes(SoundFormat::Pcm { rate }, &[&first, &second]), file[44..]);
        }
    }

    #[test]
    fn pieces_are_joined_without_a_step() {
        let pieces = [tone(0.2), tone(0.3), tone(0.2)];
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        let samples: Vec<i16> = bytes(SoundFormat::Pcm { rate: 24_000 }, &pieces)
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        // A tone of 220 Hz at half of the full scale rises by no more in a sample.
        let steepest = 0.5 * TAU * 220.0 / 24_000.0 * 32_767.0 * 1.1;
        assert!(samples.windows(2).all(|pair| f32::from(pair[1] - pair[0]).abs() < steepest));
    }

    #[test]
    fn opus_is_opus() {
        let file = bytes(SoundFormat::Opus, &[&tone(0.2), &tone(0.2)]);
        assert!(file.starts_with(b"OggS") && file[28..].starts_with(b"OpusHead"));
        assert_eq!(SoundFormat::Opus.media_type(), "audio/ogg; codecs=opus");
    }
}
