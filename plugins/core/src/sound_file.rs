//! Sound files in memory: any of the usual ones become mono samples, mono samples become WAV. Files come from people, so
//! nothing that they say about themselves is believed before it is checked.

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
};

use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error as SymphoniaError,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSource, MediaSourceStream},
    meta::MetadataOptions,
};

use crate::to_i16;

/// Samples a second that a file may have. A header that says anything else is damaged.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;
/// How much shorter than its header says a whole file may be, seconds: encoders count the silence that they add.
const SLACK: f64 = 0.25;

/// Sound that was read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Mono samples, -1..=1; the channels of the file are averaged.
    pub samples: Vec<f32>,
    /// Samples a second.
    pub rate: u32,
    /// Whether all that the file promised was there: false if it is cut off or has damaged pieces, which are left out.
    pub whole: bool,
}

impl Sound {
    /// Its length.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }
}

/// Why a file did not become [`Sound`].
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// It is of another kind.
    #[error("this is not a sound file that Visage reads (WAV, FLAC, MP3, Ogg Vorbis)")]
    Unknown,
    /// It is of a known kind, but cannot be read.
    #[error("the sound file is damaged: {0}")]
    Damaged(String),
    /// It is longer than the reader wants.
    #[error("the sound is longer than {longest} seconds")]
    TooLong {
        /// The longest that is wanted, seconds.
        longest: u32,
    },
    /// It has no samples.
    #[error("the sound file holds no sound")]
    Empty,
}

/// A whole file (WAV, FLAC, MP3 or Ogg Vorbis, told by its content) as mono samples at its own rate. Reading ends with an
/// error as soon as it gets longer than `longest` seconds, so a small file cannot fill the memory.
///
/// # Errors
/// Says what is wrong with the file.
///
/// ```
/// let wav = visage_core::encode_wav(&[0.0; 24_000], 24_000);
/// let sound = visage_core::decode_sound(std::io::Cursor::new(wav), 60)?;
/// assert_eq!((sound.rate, sound.seconds(), sound.whole), (24_000, 1.0, true));
/// # Ok::<(), visage_core::SoundError>(())
/// ```
pub fn decode_sound(source: impl Read + Seek + Send + Sync + 'static, longest: u32) -> Result<Sound, SoundError> {
    // The decoder is known to panic at headers that make no sense (a WAV of 36,608 channels).
    catch_unwind(AssertUnwindSafe(|| decode_file(source, longest)))
        .unwrap_or_else(|_| Err(SoundError::Damaged("what it says of itself makes no sense".to_owned())))
}

fn decode_file(source: impl Read + Seek + Send + Sync + 'static, longest: u32) -> Result<Sound, SoundError> {
    let damaged = |error: SymphoniaError| SoundError::Damaged(error.to_string());
    let source = Source::new(source).map_err(|error| SoundError::Damaged(error.to_string()))?;
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|_| SoundError::Unknown)?;
    let track = format.default_track(TrackType::Audio).ok_or(SoundError::Unknown)?;
    let (track_id, promised) = (track.id, track.num_frames);
    let parameters =
        track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or(SoundError::Unknown)?;
    // A WAV that was written to a stream says that it does not know its length: its end is where it ends.
    let open = promised.is_none() && format.format_info().short_name == "wave";
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|_| SoundError::Unknown)?;
    let (mut samples, mut rate, mut piece, mut whole) = (Vec::new(), 0, Vec::<f32>::new(), true);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A file that ends in the middle of a packet is read up to there.
            Err(SymphoniaError::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                whole &= open;
                break;
            }
            Err(error) => return Err(damaged(error)),
        };
        if packet.track_id != track_id {
            continue;
        }
        let sound = match decoder.decode(&packet) {
            Ok(sound) => sound,
            Err(SymphoniaError::DecodeError(_)) => {
                whole = false;
                continue;
            }
            Err(error) => return Err(damaged(error)),
        };
        rate = sound.spec().rate();
        if !RATES.contains(&rate) {
            return Err(SoundError::Damaged(format!("it says that it has {rate} samples a second")));
        }
        let channels = sound.spec().channels().count().max(1);
        sound.copy_to_vec_interleaved(&mut piece);
        // Samples that are not numbers would spread through every filter behind this.
        let clean = |sample: &f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        samples
            .extend(piece.chunks_exact(channels).map(|frame| frame.iter().map(clean).sum::<f32>() / channels as f32));
        if samples.len() as u64 > u64::from(longest) * u64::from(rate) {
            return Err(SoundError::TooLong { longest });
        }
    }
    if samples.is_empty() {
        return Err(SoundError::Empty);
    }
    let missing = promised.unwrap_or(0).saturating_sub(samples.len() as u64);
    whole &= missing as f64 <= SLACK * f64::from(rate);
    Ok(Sound { samples, rate, whole })
}

/// Mono samples as a 16-bit WAV file.
pub fn encode_wav(samples: &[f32], rate: u32) -> Vec<u8> {
    let format =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut file = Cursor::new(Vec::with_capacity(44 + 2 * samples.len()));
    let written = hound::WavWriter::new(&mut file, format).and_then(|mut writer| {
        for &sample in samples {
            writer.write_sample(to_i16(sample))?;
        }
        writer.finalize()
    });
    written.expect("memory takes everything, and nobody has four gigabytes of samples");
    file.into_inner()
}

/// What symphonia reads from.
struct Source<R> {
    inner: R,
    length: u64,
}

impl<R: Seek> Source<R> {
    fn new(mut inner: R) -> io::Result<Self> {
        let length = inner.seek(SeekFrom::End(0))?;
        inner.rewind()?;
        Ok(Self { inner, length })
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: Seek> Seek for Source<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for Source<R> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(count: usize) -> Vec<f32> {
        (0..count).map(|n| n as f32 / count as f32 - 0.5).collect()
    }

    fn decode(bytes: &[u8]) -> Result<Sound, SoundError> {
        decode_sound(Cursor::new(bytes.to_vec()), 2)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let samples = ramp(4_800);
        let sound = decode(&encode_wav(&samples, 48_000)).expect("a sound");
        assert_eq!((sound.samples.len(), sound.rate, sound.whole), (4_800, 48_000, true));
        assert!(samples.iter().zip(&sound.samples).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn hostile_files_are_refused_in_words() {
        let good = encode_wav(&ramp(4_800), 24_000);
        let with_rate = |rate: u32| {
            let mut bytes = good.clone();
            bytes[24..28].copy_from_slice(&rate.to_le_bytes());
            bytes
        };
        let cases: [(Vec<u8>, &str); 8] = [
            (Vec::new(), "not a sound file"),
            (b"RIFF".to_vec(), "not a sound file"),
            (vec![7; 9_000], "not a sound file"),
            (b"\x89PNG\r\n\x1a\n".repeat(100), "not a sound file"),
            (encode_wav(&[], 24_000), "no sound"),
            (encode_wav(&ramp(24_000 * 3), 24_000), "longer than 2 seconds"),
            (with_rate(1), "damaged"),
            (with_rate(u32::MAX), "damaged"),
        ];
        for (bytes, words) in cases {
            let error = decode(&bytes).expect_err(words).to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
        assert!(decode(&with_rate(0)).is_err());
    }

    #[test]
    fn a_file_that_is_cut_off_is_read_and_said_to_be() {
        let whole = encode_wav(&ramp(24_000), 24_000);
        let sound = decode(&whole[..whole.len() / 2]).expect("half is there");
        assert!((11_000..13_000).contains(&sound.samples.len()), "{}", sound.samples.len());
        assert!(!sound.whole);
    }

    #[test]
    fn a_stream_without_a_length_is_whole_where_it_ends() {
        let mut stream = encode_wav(&ramp(24_000), 24_000);
        for size in [4..8, 40..44] {
            stream[size].fill(0xff);
        }
        let sound = decode(&stream).expect("it is a WAV");
        assert_eq!((sound.samples.len(), sound.whole), (24_000, true));
    }

    /// Found by fuzzing: the decoder counts the bytes of a frame in 16 bits.
    #[test]
    fn more_channels_than_there_can_be_are_an_error() {
        let mut wave = encode_wav(&ramp(600), 24_000);
        wave[22..24].copy_from_slice(&36_608_u16.to_le_bytes());
        assert!(matches!(decode(&wave), Err(SoundError::Damaged(_) | SoundError::Unknown)));
    }

    #[test]
    fn no_length_of_a_damaged_file_panics() {
        let whole = encode_wav(&ramp(600), 24_000);
        for length in 0..whole.len() {
            let _ = decode(&whole[..length]);
        }
    }
}
