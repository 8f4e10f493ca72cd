//! A recording of a voice, as somebody sends it, becomes samples, or what the engines imitate: WAV, mono, 24 kHz, 16 bit.
//! Pure.

use std::io::Cursor;

use bytes::Bytes;
use visage_core::{Sound, SoundError, decode_sound, encode_wav, resample};

use crate::problem::{Code, Problem};

use super::body::sentence;

/// Samples a second of what is stored (`VoiceSettings::reference`).
const RATE: u32 = 24_000;
/// Shortest and longest recording, seconds. Shorter ones do not tell a voice; longer ones bring nothing more.
const SHORTEST: f64 = 3.0;
const LONGEST: u32 = 60;
/// The loudest tenth of a second of a voice is louder than this (RMS, full scale is 1; -50 dB).
const SILENCE: f32 = 0.003;

/// The samples of a recording of at most `longest` seconds, whose file is whole.
pub(crate) fn samples(file: Bytes, longest: u32) -> Result<Sound, Problem> {
    let sound = match decode_sound(Cursor::new(file), longest) {
        Ok(sound) => sound,
        Err(error @ SoundError::Unknown) => {
            return Err(Problem::new(Code::WrongFileType, sentence(&error.to_string())));
        }
        Err(error) => return Err(Problem::new(Code::UnusableSound, sentence(&error.to_string()))),
    };
    if !sound.whole {
        let words = "The sound file is cut off or has damaged pieces. Send the whole file.";
        return Err(Problem::new(Code::UnusableSound, words));
    }
    Ok(sound)
}

/// The recording as it is stored.
pub(crate) fn voice_reference(file: Bytes) -> Result<Bytes, Problem> {
    let refuse = |words: &str| Err(Problem::new(Code::UnusableSound, words));
    let sound = samples(file, LONGEST)?;
    if sound.seconds() < SHORTEST {
        let words =
            format!("The recording is {:.1} seconds long; a voice needs at least {SHORTEST} seconds.", sound.seconds());
        return refuse(&words);
    }
    if loudness(&sound.samples, sound.rate) < SILENCE {
        return refuse("The recording is silent. Record a voice that speaks, close to the microphone.");
    }
    Ok(encode_wav(&resample(&sound.samples, sound.rate, RATE), RATE).into())
}

/// RMS of the loudest tenth of a second.
fn loudness(samples: &[f32], rate: u32) -> f32 {
    let power = |piece: &[f32]| piece.iter().map(|sample| sample * sample).sum::<f32>() / piece.len() as f32;
    samples.chunks_exact(rate as usize / 10).map(power).fold(0.0, f32::max).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(seconds: f32, rate: u32, loud: f32) -> Vec<f32> {
        (0..(seconds * rate as f32) as usize).map(|n| loud * (n as f32 * 880.0 / rate as f32).sin()).collect()
    }

    #[test]
    fn recordings_become_what_engines_take() {
        for rate in [8_000, 44_100, 48_000] {
            let stored = voice_reference(encode_wav(&tone(4.0, rate, 0.5), rate).into()).expect("a recording");
            let sound = decode_sound(Cursor::new(stored), 60).expect("a sound");
            assert_eq!((sound.rate, sound.whole), (RATE, true), "{rate}");
            assert!(sound.samples.len().abs_diff(96_000) <= 1, "{rate}: {}", sound.samples.len());
            assert!((loudness(&sound.samples, RATE) - 0.5 / 2f32.sqrt()).abs() < 0.02);
        }
    }

    #[test]
    fn useless_recordings_are_refused_with_the_reason() {
        let good = encode_wav(&tone(4.0, 16_000, 0.5), 16_000);
        let cases = [
            (encode_wav(&tone(2.9, 16_000, 0.5), 16_000), Code::UnusableSound, "2.9 seconds"),
            (encode_wav(&tone(61.0, 16_000, 0.5), 16_000), Code::UnusableSound, "longer than 60"),
            (encode_wav(&tone(4.0, 16_000, 0.001), 16_000), Code::UnusableSound, "silent"),
            (encode_wav(&tone(4.0, 16_000, 0.0), 16_000), Code::UnusableSound, "silent"),
            (good[..good.len() - 20_000].to_vec(), Code::UnusableSound, "cut off"),
            (b"\x89PNG\r\n\x1a\n".to_vec(), Code::WrongFileType, "not a sound file"),
            (Vec::new(), Code::WrongFileType, "not a sound file"),
        ];
        for (file, code, words) in cases {
            let problem = voice_reference(file.into()).expect_err(words);
            assert_eq!(problem.code, code, "{problem}");
            assert!(problem.detail.contains(words), "{problem}");
        }
    }
}
