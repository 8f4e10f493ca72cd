//! Kokoro-82M: a StyleTTS 2 voice as an ONNX model, with phonemes by espeak-ng and exact phoneme durations.
//!
//! The graph (hexgrad/kokoro, `kokoro/model.py`; exported by thewh1teagle/kokoro-onnx): `tokens` i64 `[1, n + 2]`, `n`
//! symbols at most 510 between two zeros; `style` f32 `[1, 256]`, the row of a voice's file for `n` symbols; `speed` f32
//! `[1]` → `audio` f32 `[samples]` at 24 kHz. The internal tensor `/encoder/Round_output_0` f32 `[1, n + 2]` holds the
//! frames of each token; a frame is 600 samples. The model draws no random numbers: a text always gives the same samples.

mod pauses;
mod symbols;
mod voices;

use std::{collections::HashMap, path::Path, sync::Arc};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use visage_core::Language;
use visage_models::{Session, SessionOptions, Store};
use visage_schedule::VoiceSettings;

use crate::{
    Clause, Engine, Speech, TimedSymbol, VoiceError, clauses, espeak::Phonemiser, join_symbols, piper::pitched_rate,
};
use pauses::pause_in_silence;
use symbols::{Accent, EDGE, cut, id, sounds};

pub use voices::{KOKORO, KOKORO_VOICES, KokoroVoice, kokoro_voice};

/// The model's file.
const MODEL: &str = "kokoro-v1.0.int8.onnx";
/// The tensor with the frames of each token.
const DURATIONS: &str = "/encoder/Round_output_0";
/// Samples of a frame.
const FRAME: usize = 600;
/// Frames by which the sound is ahead of its durations. Measured on eight sentences of two voices: shifted by 50 ms the
/// vowels are loudest and the fricatives noisiest within their times (hexgrad/kokoro, `kokoro/pipeline.py` takes 75 ms off).
const AHEAD: usize = 2;
/// Samples a second.
const RATE: u32 = 24_000;
/// Symbols of one run at most: the rows of a voice's file.
const LONGEST: usize = 510;
/// Numbers of a row of a voice's file: half the sound of the voice, half its melody.
const STYLE: usize = 256;

/// Kokoro, loaded, with the styles of the voices that have spoken.
pub struct KokoroEngine {
    session: Session,
    store: Store,
    styles: HashMap<&'static str, Arc<Array2<f32>>>,
    phonemisers: HashMap<&'static str, Phonemiser>,
}

impl KokoroEngine {
    /// Loads the model of the store. Takes one to two seconds.
    ///
    /// # Errors
    /// The model is not there or is unusable.
    pub fn load(store: &Store, threads: usize) -> Result<Self, VoiceError> {
        let options = SessionOptions {
            threads,
            extra_outputs: vec![DURATIONS.to_owned()],
            tune: true,
            ..SessionOptions::default()
        };
        let session = Session::load(&store.file(KOKORO, MODEL)?, &options)?;
        Ok(Self { session, store: store.clone(), styles: HashMap::new(), phonemisers: HashMap::new() })
    }

    /// Samples a second of what it speaks at a pitch of 1.
    pub const RATE: u32 = RATE;

    /// The style of one of its own voices, f32 `[510, 256]`: a row for each count of symbols.
    ///
    /// # Errors
    /// The voice's file is not there or is damaged.
    pub fn style_file(store: &Store, name: &str) -> Result<Array2<f32>, VoiceError> {
        read_style(&store.file(KOKORO, &format!("{name}.bin"))?)
    }

    /// Speaks with a style that is none of its own voices', f32 `[510, 256]`. English is American then.
    ///
    /// # Errors
    /// Like [`Engine::speak`].
    pub fn speak_with(
        &mut self,
        style: &ArrayView2<'_, f32>,
        piece: &str,
        language: Language,
        settings: &VoiceSettings,
    ) -> Result<Speech, VoiceError> {
        self.speak_as(style, piece, Accent::American.of(language), settings)
    }

    fn speak_as(
        &mut self,
        style: &ArrayView2<'_, f32>,
        piece: &str,
        accent: Accent,
        settings: &VoiceSettings,
    ) -> Result<Speech, VoiceError> {
        let pronunciation = self.pronounce(piece, accent)?;
        if pronunciation.is_empty() {
            return Err(VoiceError::NothingToSay);
        }
        let rate = pitched_rate(RATE, settings.pitch);
        // A higher voice is played faster, so it is made slower first.
        let speed = settings.speed.clamp(0.4, 2.5) * RATE as f32 / rate as f32;
        let (mut samples, mut timed) = (Vec::new(), Vec::new());
        for part in cut(&pronunciation, LONGEST) {
            let (sound, symbols) = self.run(part, style, speed)?;
            samples.extend(sound);
            timed.extend(symbols);
        }
        Ok(Speech { rate, samples, phonemes: join_symbols(&timed), loudness: None, marked: false })
    }

    /// The pronunciation of a piece in Kokoro's symbols: its clauses, each with its mark.
    fn pronounce(&mut self, piece: &str, accent: Accent) -> Result<String, VoiceError> {
        let voice = accent.espeak();
        let phonemiser = self.phonemisers.entry(voice).or_insert_with(|| Phonemiser::with_ties(voice));
        let mut all = String::new();
        for Clause { words, mark } in clauses(piece) {
            let clause = accent.write(&phonemiser.ipa(&words)?);
            if clause.trim().is_empty() {
                continue;
            }
            if !all.is_empty() {
                all.push(' ');
            }
            all.push_str(clause.trim());
            // A piece that was cut between words goes on: a comma keeps the voice up.
            all.push(mark.unwrap_or(','));
        }
        Ok(all)
    }

    /// One run of the model: the sound, and the samples of each symbol.
    fn run(
        &mut self,
        pronunciation: &str,
        style: &ArrayView2<'_, f32>,
        speed: f32,
    ) -> Result<(Vec<f32>, Vec<TimedSymbol>), VoiceError> {
        let spoken: Vec<(char, i64)> =
            pronunciation.chars().filter_map(|symbol| Some((symbol, id(symbol)?))).take(LONGEST).collect();
        let tokens: Vec<i64> = std::iter::once(EDGE).chain(spoken.iter().map(|(_, id)| *id)).chain([EDGE]).collect();
        let row: ArrayView1<'_, f32> = style.row(spoken.len().clamp(1, LONGEST) - 1);
        let row = row.to_owned().insert_axis(ndarray::Axis(0));
        let count = tokens.len();
        let broken = |error: ndarray::ShapeError| VoiceError::Output(error.to_string());
        let mut outputs = self.session.run(&[
            ("tokens", Array2::from_shape_vec((1, count), tokens).map_err(broken)?.into()),
            ("style", row.into()),
            ("speed", Array1::from_elem(1, speed).into()),
        ])?;
        let frames = outputs.take_f32(DURATIONS)?;
        let sound = outputs.take_f32("audio")?;
        // Some voices go a little beyond 1; levelling brings them back without clipping.
        let samples: Vec<f32> =
            sound.iter().map(|sample| if sample.is_finite() { sample.clamp(-2.0, 2.0) } else { 0.0 }).collect();
        let frames: Vec<usize> = frames.iter().map(|frames| frames.max(0.0) as usize).collect();
        let symbols = timed(&spoken, &frames, &samples)?;
        Ok((samples, symbols))
    }
}

/// The samples of each symbol, edges included, where they are in the sound. Symbols that stand for several phonemes share
/// theirs out equally, after the silence before a pause was taken off.
///
/// # Errors
/// The durations are not those of the symbols, or not of this sound.
fn timed(spoken: &[(char, i64)], frames: &[usize], samples: &[f32]) -> Result<Vec<TimedSymbol>, VoiceError> {
    if frames.len() != spoken.len() + 2 {
        return Err(VoiceError::Output(format!("{} durations for {} symbols", frames.len(), spoken.len())));
    }
    let (total, made) = (frames.iter().sum::<usize>() * FRAME, samples.len());
    if total != made {
        return Err(VoiceError::Output(format!("durations of {total} samples for {made} samples")));
    }
    let symbols = std::iter::once(BEGIN).chain(spoken.iter().map(|(symbol, _)| *symbol)).chain([END]);
    let ahead = frames[0].min(AHEAD);
    let mut symbols: Vec<TimedSymbol> = symbols
        .zip(frames)
        .map(|(symbol, frames)| {
            let frames = match symbol {
                BEGIN => frames - ahead,
                END => frames + ahead,
                _ => *frames,
            };
            TimedSymbol { symbol, length: frames * FRAME }
        })
        .collect();
    pause_in_silence(&mut symbols, samples);
    let mut timed = Vec::new();
    for TimedSymbol { symbol, length } in symbols {
        let several = sounds(&symbol);
        match several.chars().count() {
            0 => timed.push(TimedSymbol { symbol, length }),
            count => timed.extend(several.chars().enumerate().map(|(index, symbol)| TimedSymbol {
                symbol,
                length: length * (index + 1) / count - length * index / count,
            })),
        }
    }
    Ok(timed)
}

/// What stands for the edges in a timeline; no phonemes.
const BEGIN: char = '^';
const END: char = '$';

fn read_style(path: &Path) -> Result<Array2<f32>, VoiceError> {
    let unusable = |reason: String| VoiceError::VoiceFile {
        file: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        reason,
    };
    let bytes = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let numbers: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Array2::from_shape_vec((LONGEST, STYLE), numbers).map_err(|error| unusable(error.to_string()))
}

impl Engine for KokoroEngine {
    fn speak(&mut self, piece: &str, language: Language, settings: &VoiceSettings) -> Result<Speech, VoiceError> {
        let unknown = || VoiceError::UnknownVoice(settings.model.clone());
        let voice = kokoro_voice(&settings.model, language).ok_or_else(unknown)??;
        let style = match self.styles.get(voice.name) {
            Some(style) => style.clone(),
            None => {
                let style = Arc::new(Self::style_file(&self.store, voice.name)?);
                self.styles.insert(voice.name, style.clone());
                style
            }
        };
        let accent = if voice.is_british() { Accent::British } else { Accent::American };
        let speech = self.speak_as(&style.view(), piece, accent.of(language), settings)?;
        Ok(Speech { loudness: Some(voice.loudness), ..speech })
    }
}

#[cfg(test)]
mod tests {
    use visage_models::Catalogue;

    use super::*;

    #[test]
    fn every_voice_is_in_the_catalogue() {
        let model = Catalogue::builtin().model(KOKORO).expect("it is listed");
        assert!(model.file(MODEL).is_some());
        let voices: Vec<_> = KOKORO_VOICES.iter().map(|voice| voice.name).collect();
        assert_eq!(model.voices, voices);
        assert!(voices.iter().all(|voice| model.file(&format!("{voice}.bin")).is_some()));
        let bytes = (LONGEST * STYLE * size_of::<f32>()) as u64;
        assert!(model.files.iter().all(|file| !file.name.ends_with(".bin") || file.forms[0].size == bytes));
    }

    #[test]
    fn voices_are_named_behind_the_model() {
        use Language::{English, German};
        for (model, language, expected) in [
            ("kokoro", English, Some("af_heart")),
            ("kokoro", German, Some("ef_dora")),
            ("kokoro/bm_george", German, Some("bm_george")),
            ("kokoro/nobody", English, None),
            ("kokoro/", English, None),
        ] {
            let found = kokoro_voice(model, language).expect("it is Kokoro's");
            assert_eq!(found.as_ref().ok().map(|voice| voice.name), expected, "{model}");
            if let Err(error) = found {
                let words = error.to_string();
                assert!(words.contains(model) && words.contains("kokoro/af_heart"), "{words}");
            }
        }
        for other in ["piper-en-joe", "kokoro-2", "espeak-ng", ""] {
            assert!(kokoro_voice(other, English).is_none(), "{other}");
        }
    }

    #[test]
    fn the_timeline_sums_to_the_samples() {
        let spoken: Vec<(char, i64)> = "ʧˈAnʤ.".chars().map(|symbol| (symbol, id(symbol).expect("a symbol"))).collect();
        let frames = [9, 3, 0, 5, 2, 4, 6, 1];
        let total = frames.iter().sum::<usize>() * FRAME;
        let sound = vec![0.1; total];
        let timed = timed(&spoken, &frames, &sound).expect("they belong together");
        assert_eq!(timed.iter().map(|symbol| symbol.length).sum::<usize>(), total);
        let phonemes: Vec<_> =
            join_symbols(&timed).into_iter().map(|p| (p.phoneme, p.start / FRAME, p.end / FRAME)).collect();
        // All is two frames ahead. "A" is two vowels of half its length, "ʧ" one affricate.
        let expected = [("tʃ", 7, 10), ("e", 10, 12), ("ɪ", 12, 15), ("n", 15, 17), ("dʒ", 17, 21), ("", 21, 27)];
        let expected: Vec<_> = expected.map(|(phoneme, from, to)| (phoneme.to_owned(), from, to)).into();
        assert_eq!(phonemes, expected);

        for (frames, samples) in [(&frames[1..], &sound[..]), (&frames[..], &sound[1..])] {
            assert!(matches!(super::timed(&spoken, frames, samples), Err(VoiceError::Output(_))));
        }
    }

    #[test]
    fn a_style_of_another_size_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.bin");
        for (length, good) in [(LONGEST * STYLE * 4, true), (100, false), (0, false)] {
            std::fs::write(&path, vec![0; length]).expect("a temporary folder");
            let read = read_style(&path);
            assert_eq!(read.is_ok(), good, "{length}");
            if let Err(error) = read {
                assert!(error.to_string().contains("x.bin"), "{error}");
            }
        }
    }
}
