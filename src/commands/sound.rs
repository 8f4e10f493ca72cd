//! Sound files: reading any of the usual ones, writing WAV.

use std::{fs::File, path::Path};

use anyhow::{Context, bail};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error as SymphoniaError,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};
use visage_core::{SAMPLE_RATE, resample, to_i16};

/// The longest sound that is read, seconds: ten minutes.
const LONGEST: usize = 10 * 60;
/// Samples a second that a file may have. A header that says anything else is damaged.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;

/// A whole file as mono samples at 48 kHz.
pub fn read(path: &Path) -> anyhow::Result<Vec<f32>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
        hint.with_extension(extension);
    }
    let unknown = || format!("{} is not a sound file that Visage reads (WAV, FLAC, MP3, Ogg Vorbis)", path.display());
    let mut format = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .with_context(unknown)?;
    let track = format.default_track(TrackType::Audio).with_context(unknown)?;
    let track_id = track.id;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio()).with_context(unknown)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .with_context(unknown)?;
    let (mut mono, mut rate, mut piece) = (Vec::new(), SAMPLE_RATE, Vec::<f32>::new());
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A file that ends in the middle of a packet is read up to there.
            Err(SymphoniaError::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error).with_context(|| format!("{} is damaged", path.display())),
        };
        if packet.track_id != track_id {
            continue;
        }
        let sound = match decoder.decode(&packet) {
            Ok(sound) => sound,
            Err(SymphoniaError::DecodeError(reason)) => {
                tracing::warn!("{}: a damaged piece is left out ({reason})", path.display());
                continue;
            }
            Err(error) => return Err(error).with_context(|| format!("{} is damaged", path.display())),
        };
        rate = sound.spec().rate();
        if !RATES.contains(&rate) {
            bail!("{} is damaged: it says that it has {rate} samples a second", path.display());
        }
        let channels = sound.spec().channels().count().max(1);
        sound.copy_to_vec_interleaved(&mut piece);
        mono.extend(piece.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32));
        if mono.len() > LONGEST * rate as usize {
            bail!("{} is longer than ten minutes; cut it into pieces", path.display());
        }
    }
    if mono.is_empty() {
        bail!("{} holds no sound", path.display());
    }
    Ok(resample(&mono, rate, SAMPLE_RATE))
}

/// Writes mono samples at 48 kHz as a 16-bit WAV file: to a temporary name in the same folder, then renamed.
pub fn write(path: &Path, samples: &[f32]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("cannot write {}", path.display());
    let file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::new(std::io::BufWriter::new(file.reopen().with_context(failed)?), format)
        .with_context(failed)?;
    for sample in samples {
        writer.write_sample(to_i16(*sample)).with_context(failed)?;
    }
    writer.finalize().with_context(failed)?;
    file.persist(path).with_context(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("ramp.wav");
        let samples: Vec<f32> = (0..4_800).map(|n| n as f32 / 4_800.0).collect();
        write(&path, &samples).expect("it can be written");
        let again = read(&path).expect("it can be read");
        assert_eq!(again.len(), samples.len());
        assert!(samples.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn bad_files_are_refused_in_words() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("noise.wav");
        for (content, part) in [(&b"RIFF"[..], "not a sound file"), (&[7; 9_000][..], "not a sound file")] {
            std::fs::write(&path, content).expect("it can be written");
            let error = format!("{:#}", read(&path).expect_err("it is no sound"));
            assert!(error.contains(part), "{error}");
        }
        assert!(read(&folder.path().join("none.wav")).is_err());
        write(&path, &[0.25; 960]).expect("it can be written");
        let mut wav = std::fs::read(&path).expect("it can be read");
        for rate in [0_u32, 1, u32::MAX] {
            wav[24..28].copy_from_slice(&rate.to_le_bytes());
            std::fs::write(&path, &wav).expect("it can be written");
            read(&path).expect_err("no sound has this rate");
        }
    }

    #[test]
    fn a_truncated_file_is_read_up_to_its_end() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("cut.wav");
        write(&path, &[0.25; 9_600]).expect("it can be written");
        let bytes = std::fs::read(&path).expect("it can be read");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("it can be written");
        let samples = read(&path).expect("half is there");
        assert!((4_000..5_000).contains(&samples.len()), "{}", samples.len());
    }
}
