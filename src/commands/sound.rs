//! Sound files on disk: reading any of the usual ones, writing WAV and Ogg Opus.

use std::{fs::File, io::Write, path::Path};

use anyhow::{Context, anyhow};
use visage_core::{SAMPLE_RATE, SoundError, decode_sound, resample};
use visage_stream::{SoundEncoder, SoundFormat};

/// The longest sound that is read, seconds: ten minutes.
const LONGEST: u32 = 10 * 60;

/// What a file holds.
#[derive(Debug)]
pub struct Recording {
    /// Mono samples at 48 kHz.
    pub samples: Vec<f32>,
    /// Whether the file held all that it promised. A person is told if not.
    pub whole: bool,
}

/// A whole file as mono samples at 48 kHz. If it is cut off or has damaged pieces, what is there is read, and standard error
/// says so.
pub fn read(path: &Path) -> anyhow::Result<Recording> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let sound = decode_sound(file, LONGEST).map_err(|error| in_words(path, &error))?;
    if !sound.whole {
        let (path, seconds) = (path.display(), sound.seconds());
        eprintln!("{path} is cut off or damaged; the {seconds:.1} s that could be read are used.");
    }
    Ok(Recording { samples: resample(&sound.samples, sound.rate, SAMPLE_RATE), whole: sound.whole })
}

fn in_words(path: &Path, error: &SoundError) -> anyhow::Error {
    let path = path.display();
    match error {
        SoundError::Unknown => anyhow!("{path} is not a sound file that Visage reads (WAV, FLAC, MP3, Ogg Vorbis)"),
        SoundError::Damaged(reason) => {
            // The decoder's words are for whoever looks into the file with a tool.
            tracing::debug!("{path}: {reason}");
            anyhow!("{path} is damaged and cannot be read; make it anew or convert it with another program")
        }
        SoundError::TooLong { longest } => {
            anyhow!("{path} is longer than {} minutes; cut it into pieces", longest / 60)
        }
        SoundError::Empty => anyhow!("{path} holds no sound"),
    }
}

/// The format that the name of a file asks for: Ogg Opus for .opus and .ogg, otherwise WAV, 16 bit.
fn format_of(path: &Path) -> SoundFormat {
    let is = |kind: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(kind));
    if is("opus") || is("ogg") { SoundFormat::Opus } else { SoundFormat::Wav { rate: SAMPLE_RATE } }
}

/// Writes mono samples at 48 kHz to a file of the format that its name asks for: to a temporary name in the same folder,
/// then renamed.
pub fn write(path: &Path, samples: &[f32]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("cannot write {}", path.display());
    anyhow::ensure!(folder.is_dir(), "{}: there is no folder {}", failed(), folder.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    let bytes = SoundEncoder::new(format_of(path)).and_then(|mut encoder| encoder.push(samples, true))?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).with_context(failed)?;
    file.persist(path).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("ramp.wav");
        let samples: Vec<f32> = (0..48_000).map(|n| n as f32 / 48_000.0).collect();
        write(&path, &samples).expect("it can be written");
        let again = read(&path).expect("it can be read");
        assert!(again.whole);
        assert_eq!(again.samples.len(), samples.len());
        assert!(samples.iter().zip(&again.samples).all(|(a, b)| (a - b).abs() < 1e-4));
        // Cut off in the middle: what is there is read, and it is known that it is not all.
        let bytes = std::fs::read(&path).expect("it can be read");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("it can be written");
        let half = read(&path).expect("half is there");
        assert!(!half.whole && (23_000..25_000).contains(&half.samples.len()), "{}", half.samples.len());
    }

    #[test]
    fn the_name_of_a_file_says_its_format() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, begin) in [("a.wav", b"RIFF"), ("a", b"RIFF"), ("a.opus", b"OggS"), ("a.OGG", b"OggS")] {
            let path = folder.path().join(name);
            write(&path, &[0.25; 4_800]).expect("it can be written");
            assert!(std::fs::read(&path).expect("it can be read").starts_with(begin), "{name}");
        }
    }

    #[test]
    fn bad_files_are_refused_in_words() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("noise.wav");
        write(&path, &[0.25; 960]).expect("it can be written");
        let mut no_rate = std::fs::read(&path).expect("it can be read");
        no_rate[24..28].copy_from_slice(&1_u32.to_le_bytes());
        for (content, part) in [
            (b"RIFF".to_vec(), "is not a sound file"),
            (vec![7; 9_000], "is not a sound file"),
            (no_rate, "noise.wav is "),
        ] {
            std::fs::write(&path, content).expect("it can be written");
            let error = format!("{:#}", read(&path).expect_err("it is no sound"));
            assert!(error.contains(part) && error.matches("noise.wav").count() == 1, "{error}");
        }
        let nowhere =
            write(&folder.path().join("none/a.wav"), &[0.0]).expect_err("there is no such folder").to_string();
        assert!(nowhere.contains("there is no folder"), "{nowhere}");
        let none = format!("{:#}", read(&folder.path().join("none.wav")).expect_err("it is not there"));
        assert_eq!(none.matches("os error").count(), 1, "{none}");
    }
}
