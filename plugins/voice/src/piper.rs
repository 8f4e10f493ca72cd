//! Piper: a VITS voice as an ONNX model, with phonemes by espeak-ng and exact phoneme durations.
//!
//! The graph (rhasspy/piper, `piper_train/export_onnx.py`): `input` i64 `[1, n]` symbol ids, `input_lengths` i64 `[1]`,
//! `scales` f32 `[3]` (variation of the sound, length, variation of the lengths) → `output` f32 `[1, 1, 1, samples]`.
//! The internal tensor `/Ceil_output_0` f32 `[1, 1, n]` holds the frames of each id; a frame is 256 samples.

use std::{collections::HashMap, path::Path};

use ndarray::{Array1, Array2};
use serde::Deserialize;
use visage_core::Language;
use visage_models::{Session, SessionOptions, Store};
use visage_schedule::VoiceSettings;

use crate::{
    Clause, Engine, Speech, TimedSymbol, Variation, VoiceError, clauses, espeak::Phonemiser, ipa, join_symbols,
    sound::RATE_STEP,
};

/// The tensor with the frames of each symbol.
const DURATIONS: &str = "/Ceil_output_0";
/// Samples of a frame (`hop_length` of Piper's training).
const FRAME: usize = 256;
/// Between two symbols, and after the first and before the last (`piper_phonemize`, `phoneme_ids.hpp`).
const PAD: char = '_';
const BEGIN: char = '^';
const END: char = '$';
/// Symbols of one piece at most. A piece of 260 characters has some 700; more than this is a text of numbers, which
/// espeak-ng writes out. What is beyond is not spoken.
const LONGEST: usize = 3_000;

/// A Piper voice that Visage knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PiperVoice {
    /// Its id in the model catalogue.
    pub id: &'static str,
    /// Its model file; the settings file has `.json` behind it.
    pub file: &'static str,
    /// What it speaks.
    pub language: Language,
    /// How loud it speaks by itself, LUFS: three sentences, measured as EBU R128 says.
    pub loudness: f32,
}

/// The Piper voices.
pub const PIPER_VOICES: &[PiperVoice] =
    &[PiperVoice { id: "piper-en-joe", file: "en_US-joe-medium.onnx", language: Language::English, loudness: -25.1 }];

/// The settings file that belongs to a voice, as far as it is needed.
#[derive(Debug, Deserialize)]
struct VoiceFile {
    audio: Audio,
    espeak: EspeakVoice,
    inference: Inference,
    phoneme_id_map: HashMap<char, Vec<i64>>,
}

#[derive(Debug, Deserialize)]
struct Audio {
    sample_rate: u32,
}

#[derive(Debug, Deserialize)]
struct EspeakVoice {
    voice: String,
}

#[derive(Debug, Deserialize)]
struct Inference {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

/// A loaded Piper voice.
pub struct PiperEngine {
    session: Session,
    voice: VoiceFile,
    phonemiser: Phonemiser,
    variation: Variation,
    loudness: f32,
}

impl PiperEngine {
    /// Loads a voice of the store. Takes about a second.
    ///
    /// # Errors
    /// The model is not there or is unusable.
    pub fn load(store: &Store, voice: PiperVoice, threads: usize, variation: Variation) -> Result<Self, VoiceError> {
        let model = store.file(voice.id, voice.file)?;
        let settings = store.file(voice.id, &format!("{}.json", voice.file))?;
        Self::open(&model, &settings, voice.loudness, threads, variation)
    }

    fn open(
        model: &Path,
        settings: &Path,
        loudness: f32,
        threads: usize,
        variation: Variation,
    ) -> Result<Self, VoiceError> {
        let file = settings.file_name().unwrap_or(settings.as_os_str()).to_string_lossy().into_owned();
        let unusable = |reason: String| VoiceError::VoiceFile { file: file.clone(), reason };
        let json = std::fs::read(settings).map_err(|error| unusable(error.to_string()))?;
        let voice: VoiceFile = serde_json::from_slice(&json).map_err(|error| unusable(error.to_string()))?;
        if let Some(missing) = [BEGIN, PAD, END].iter().find(|symbol| !voice.phoneme_id_map.contains_key(symbol)) {
            return Err(unusable(format!("it has no id for \"{missing}\"")));
        }
        if voice.audio.sample_rate == 0 {
            return Err(unusable("its sample rate is 0".to_owned()));
        }
        let options =
            SessionOptions { threads, extra_outputs: vec![DURATIONS.to_owned()], ..SessionOptions::default() };
        let session = Session::load(model, &options)?;
        let phonemiser = Phonemiser::new(&voice.espeak.voice);
        Ok(Self { session, voice, phonemiser, variation, loudness })
    }

    /// The pronunciation of a piece: its clauses in IPA, each with its mark.
    fn pronounce(&mut self, piece: &str) -> Result<String, VoiceError> {
        let mut all = String::new();
        for Clause { words, mark } in clauses(piece) {
            let clause = self.phonemiser.ipa(&words)?;
            if clause.is_empty() {
                continue;
            }
            if !all.is_empty() {
                all.push(' ');
            }
            all.push_str(&clause);
            // A piece that was cut between words goes on: a comma keeps the voice up.
            all.push(mark.unwrap_or(','));
        }
        Ok(all)
    }
}

/// The ids of a pronunciation, and the symbol of each id. Symbols that the voice does not know are left out.
fn ids(ipa: &str, map: &HashMap<char, Vec<i64>>) -> (Vec<i64>, Vec<char>) {
    let (mut ids, mut symbols) = (Vec::new(), Vec::new());
    let mut add = |symbol: char| {
        let Some(known) = map.get(&symbol) else {
            tracing::debug!("the voice has no symbol {symbol:?}");
            return false;
        };
        ids.extend(known);
        symbols.extend(std::iter::repeat_n(symbol, known.len()));
        true
    };
    add(BEGIN);
    add(PAD);
    for symbol in ipa::decompose(ipa).chars().take(LONGEST) {
        if ![BEGIN, PAD, END].contains(&symbol) && add(symbol) {
            add(PAD);
        }
    }
    add(END);
    (ids, symbols)
}

/// The rate that is declared for sound of `rate` so that it sounds higher by `pitch`, a multiple of [`RATE_STEP`].
pub(crate) fn pitched_rate(rate: u32, pitch: f32) -> u32 {
    if pitch == 1.0 {
        return rate;
    }
    let steps = (rate as f32 * pitch.clamp(0.5, 2.0) / RATE_STEP as f32).round();
    steps as u32 * RATE_STEP
}

impl Engine for PiperEngine {
    fn speak(&mut self, piece: &str, _: Language, settings: &VoiceSettings) -> Result<Speech, VoiceError> {
        let ipa = self.pronounce(piece)?;
        if ipa.is_empty() {
            return Err(VoiceError::NothingToSay);
        }
        let (ids, symbols) = ids(&ipa, &self.voice.phoneme_id_map);
        let rate = pitched_rate(self.voice.audio.sample_rate, settings.pitch);
        // A higher voice is played faster, so it is made slower first.
        let pitch = rate as f32 / self.voice.audio.sample_rate as f32;
        let inference = &self.voice.inference;
        let length = inference.length_scale * pitch / settings.speed.clamp(0.4, 2.5);
        let scales = match self.variation {
            Variation::Natural => [inference.noise_scale, length, inference.noise_w],
            Variation::None => [0.0, length, 0.0],
        };
        let count = ids.len();
        let ids = Array2::from_shape_vec((1, count), ids).map_err(|error| VoiceError::Output(error.to_string()))?;
        let mut outputs = self.session.run(&[
            ("input", ids.into()),
            ("input_lengths", Array1::from_elem(1, count as i64).into()),
            ("scales", Array1::from_iter(scales).into()),
        ])?;
        let frames = outputs.take_f32(DURATIONS)?;
        let sound = outputs.take_f32("output")?;
        if frames.len() != symbols.len() {
            return Err(VoiceError::Output(format!("{} durations for {} symbols", frames.len(), symbols.len())));
        }
        let timed: Vec<TimedSymbol> = symbols
            .into_iter()
            .zip(&frames)
            .map(|(symbol, frames)| TimedSymbol { symbol, length: frames.max(0.0) as usize * FRAME })
            .collect();
        let samples: Vec<f32> =
            sound.iter().copied().map(|s| if s.is_finite() { s.clamp(-1.0, 1.0) } else { 0.0 }).collect();
        let total: usize = timed.iter().map(|symbol| symbol.length).sum();
        if total != samples.len() {
            return Err(VoiceError::Output(format!("durations of {total} samples for {} samples", samples.len())));
        }
        let phonemes = join_symbols(&timed);
        Ok(Speech { rate, samples, phonemes, loudness: Some(self.loudness), marked: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_padded_as_piper_pads_them() {
        let map: HashMap<char, Vec<i64>> =
            [('_', vec![0]), ('^', vec![1]), ('$', vec![2]), ('h', vec![20]), ('c', vec![16]), ('\u{327}', vec![140])]
                .into();
        assert_eq!(ids("hç", &map).0, [1, 0, 20, 0, 16, 0, 140, 0, 2]);
        // Unknown symbols and the marks of the frame itself are left out.
        assert_eq!(ids("^h☂$_", &map).0, [1, 0, 20, 0, 2]);
        assert_eq!(ids("", &map), (vec![1, 0, 2], vec!['^', '_', '$']));
        assert_eq!(ids(&"h".repeat(5_000), &map).0.len(), 2 * LONGEST + 3);
    }

    #[test]
    fn pitch_is_a_rate_that_can_be_resampled() {
        let cases = [(1.0, 22_050), (1.2, 26_400), (0.9, 19_800), (9.0, 44_100)];
        for (pitch, rate) in cases {
            assert_eq!(pitched_rate(22_050, pitch), rate, "{pitch}");
        }
    }
}
