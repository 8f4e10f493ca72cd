//! What every speech engine does, and the form in which it hands over speech.

use visage_core::Language;
use visage_schedule::VoiceSettings;

use crate::{VoiceError, ipa};

/// A phoneme and when it sounds, in samples of the engine's own rate.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedPhoneme {
    /// The phoneme in IPA without stress; empty for a pause.
    pub phoneme: String,
    /// First sample.
    pub start: usize,
    /// One past the last sample.
    pub end: usize,
}

/// Sound as an engine made it.
#[derive(Clone, Debug)]
pub struct Speech {
    /// Samples a second that make the voice sound as the settings want it.
    pub rate: u32,
    /// Mono samples, in -1..=1 but for few.
    pub samples: Vec<f32>,
    /// Phonemes in order of time, without overlap.
    pub phonemes: Vec<TimedPhoneme>,
    /// How loud the voice is as a rule, LUFS (EBU R128), so that all its pieces get the same gain. `None` if that is not
    /// known: each piece is then levelled by itself.
    pub loudness: Option<f32>,
    /// Whether the sound is to carry a mark that says that it was made ([`visage_cloning::Marker`]).
    pub marked: bool,
}

/// Something that speaks. Owned by one thread; speaking blocks.
pub trait Engine: Send {
    /// Speaks a piece of text (one sentence or a part of one).
    ///
    /// # Errors
    /// The engine failed; another engine may still speak the piece.
    fn speak(&mut self, piece: &str, language: Language, settings: &VoiceSettings) -> Result<Speech, VoiceError>;
}

/// How random a model's voice may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variation {
    /// As the voice was trained: a sentence sounds a little different each time.
    #[default]
    Natural,
    /// None: the same sentence gives the same samples. For rendering to files.
    None,
}

/// A symbol that an engine spoke, and the samples that it gave to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedSymbol {
    /// The character of the pronunciation; `_` between two of them.
    pub symbol: char,
    /// How long, samples.
    pub length: usize,
}

/// Joins symbols to phonemes: stress belongs to the phoneme after it, modifiers to the one before, and `t` `ʃ` are one.
///
/// The time between two phonemes (pads, spaces) belongs to the one after it: on Piper's speech the sound changes right
/// after a symbol's own time, and a stop is closed on the pad before its symbol, which is the burst. Only a pause is
/// different: a sound rings on until the pause, and the pause lasts until the next sound or closure.
pub fn join_symbols(symbols: &[TimedSymbol]) -> Vec<TimedPhoneme> {
    let mut phonemes: Vec<TimedPhoneme> = Vec::new();
    let mut now = 0;
    let mut stress_began = None;
    let mut joined = false;
    for &TimedSymbol { symbol, length } in symbols {
        let (start, end) = (now, now + length);
        now = end;
        match ipa::symbol(symbol) {
            ipa::Symbol::Base => {
                match phonemes.last_mut() {
                    Some(last) if joined && ipa::is_affricate(&last.phoneme, symbol) => {
                        last.phoneme.push(symbol);
                        last.end = end;
                    }
                    _ => phonemes.push(TimedPhoneme {
                        phoneme: symbol.to_string(),
                        start: stress_began.take().unwrap_or(start),
                        end,
                    }),
                }
                joined = true;
            }
            ipa::Symbol::Modifier => {
                if let Some(last) = phonemes.last_mut() {
                    last.phoneme.push(symbol);
                    if last.phoneme == "c\u{327}" {
                        last.phoneme = "ç".to_owned();
                    }
                    last.end = end;
                }
            }
            ipa::Symbol::Stress => {
                stress_began.get_or_insert(start);
                joined = false;
            }
            ipa::Symbol::Pause => {
                phonemes.push(TimedPhoneme { phoneme: String::new(), start, end });
                joined = false;
            }
            ipa::Symbol::Space => joined = false,
            ipa::Symbol::Other => {}
        }
    }
    for index in 1..phonemes.len() {
        let (before, after) = phonemes.split_at_mut(index);
        let (left, right) = (&mut before[index - 1], &mut after[0]);
        let after_pause = left.phoneme.is_empty() && !ipa::begins_closed(&right.phoneme);
        let boundary = if after_pause || right.phoneme.is_empty() { right.start } else { left.end };
        left.end = boundary.max(left.start);
        right.start = left.end;
    }
    phonemes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(symbols: &str, expected: &[(&str, usize, usize)]) {
        let symbols: Vec<_> = symbols.chars().map(|symbol| TimedSymbol { symbol, length: 10 }).collect();
        let joined = join_symbols(&symbols);
        let found: Vec<_> = joined.iter().map(|p| (p.phoneme.as_str(), p.start, p.end)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn symbols_become_phonemes() {
        // Stress goes to the vowel after it, length to the vowel before it.
        check("^_h_ˈ_ɑ_ː_$", &[("h", 20, 30), ("ɑː", 30, 90)]);
        // A stop takes the time before it.
        check("s_ _p_", &[("s", 0, 10), ("p", 10, 50)]);
        check("t_ʃ_ _ç_", &[("tʃ", 0, 30), ("ç", 30, 70)]);
        check("c_\u{327}_", &[("ç", 0, 30)]);
        // A sound rings on until the pause, which lasts until the next sound or closure.
        check("o_,_ _n_", &[("o", 0, 20), ("", 20, 60), ("n", 60, 70)]);
        check("o_,_ _b_", &[("o", 0, 20), ("", 20, 30), ("b", 30, 70)]);
        check("", &[]);
        check("ˈː_", &[]);
    }

    #[test]
    fn phonemes_never_overlap() {
        let symbols = "^_h_ə_l_ˈ_o_ʊ_,_ _w_ˈ_ɜ_ː_l_d_._$";
        let symbols: Vec<_> =
            symbols.chars().enumerate().map(|(i, symbol)| TimedSymbol { symbol, length: i * 7 % 5 }).collect();
        let joined = join_symbols(&symbols);
        assert!(joined.windows(2).all(|pair| pair[0].end <= pair[1].start));
        assert!(joined.iter().all(|phoneme| phoneme.start <= phoneme.end));
    }
}
