//! Where Kokoro's sound falls silent, and what that says of its durations: they count most of a pause to the phoneme before
//! it.
//!
//! Measured on 20 sentences of two voices: the phoneme before a mark of punctuation lasts as a rule 0.2 to 0.5 s longer
//! than it is heard, while the one after a pause begins when its time does. Voices also pause between
//! words where there is no mark.

use super::{FRAME, RATE};
use crate::{TimedSymbol, ipa};

/// Loudness is measured every so many samples: 5 ms, a whole part of a frame.
const HOP: usize = FRAME / 5;
/// What is softer than this share of the loudest hop is silence, amplitude: -40 dB. Before a pause the voices fall from
/// -30 dB to their floor below -60 dB within 60 ms.
const SILENT: f32 = 0.01;
/// Silence between two words that is shorter than this is no pause but the closure of a stop, samples: 120 ms.
const CLOSURE: usize = RATE as usize * 12 / 100;
/// What a phoneme keeps though it is silent, samples: a stop that is not released is seen at the lips only.
const SHORTEST: usize = 2 * FRAME;

/// Gives silence to the pause that it belongs to: a phoneme ends where the sound before a mark falls silent, and a space in a
/// longer silence is a pause as well (it becomes a comma). `symbols` are all those of `samples`; their lengths, whole
/// frames before, keep their sum.
pub(super) fn pause_in_silence(symbols: &mut [TimedSymbol], samples: &[f32]) {
    let silent = silent(samples);
    let mut start = 0;
    let mut after_phoneme = false;
    for index in 0..symbols.len() {
        let TimedSymbol { symbol, length } = symbols[index];
        let (before, after) = silent.split_at((start / HOP).min(silent.len()));
        let before = before.iter().rev().take_while(|silent| **silent).count() * HOP;
        let within = after.iter().take(length / HOP).take_while(|silent| **silent).count() * HOP;
        start += length;
        let pause = match ipa::symbol(symbol) {
            ipa::Symbol::Pause => true,
            ipa::Symbol::Space => after_phoneme && before + within >= CLOSURE,
            _ => false,
        };
        if pause {
            let (earlier, later) = symbols.split_at_mut(index);
            later[0].length += take_from_phoneme(earlier, before);
            later[0].symbol = if symbol == ' ' { ',' } else { symbol };
        }
        after_phoneme = matches!(ipa::symbol(symbol), ipa::Symbol::Base | ipa::Symbol::Modifier);
    }
}

/// Shortens the last phoneme, with what modifies it, by up to `most` samples. Returns by how many.
fn take_from_phoneme(symbols: &mut [TimedSymbol], most: usize) -> usize {
    let mut taken = 0;
    for TimedSymbol { symbol, length } in symbols.iter_mut().rev() {
        let kept = match ipa::symbol(*symbol) {
            ipa::Symbol::Modifier => 0,
            ipa::Symbol::Base => SHORTEST,
            _ => break,
        };
        let part = length.saturating_sub(kept).min(most - taken);
        *length -= part;
        taken += part;
        if kept > 0 {
            break;
        }
    }
    taken
}

/// Whether each hop of a sound is silent.
fn silent(samples: &[f32]) -> Vec<bool> {
    let energies: Vec<f32> = samples
        .chunks(HOP)
        .map(|hop| hop.iter().map(|sample| sample * sample).sum::<f32>() / hop.len() as f32)
        .collect();
    let loudest = energies.iter().copied().fold(0.0, f32::max);
    energies.iter().map(|energy| *energy <= loudest * SILENT * SILENT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_belongs_to_the_pause() {
        // Symbols with their frames, "_" between words; the sound, "-" where a frame is silent; and the frames afterwards.
        let cases = [
            // The phoneme before a mark ends where it falls silent, the one after a pause begins when its time does.
            ("ŋ8 ,4 _2 m3", "vvv-----------vvv", "ŋ3 ,9 _2 m3"),
            ("^2 ə7 .4 $2", "--vvvv---------", "^2 ə4 .7 $2"),
            // It may ring on until the mark, or into it.
            ("ŋ4 ,4 m3", "vvvvv---vvv", "ŋ4 ,4 m3"),
            // Only the silence right before the mark is meant: the closure of a stop is its own.
            ("a3 t4 ,4 m2", "vvv---v----vv", "a3 t4 ,4 m2"),
            // Length goes first; a phoneme does not vanish, nor does the one before it become shorter instead.
            ("u5 ː4 ,2 m2", "vvv--------vv", "u3 ː0 ,8 m2"),
            ("ʌ4 p5 ,2 m2", "vvv--------vv", "ʌ4 p2 ,5 m2"),
            ("ʌ4 p1 ,2 m2", "vvv----vv", "ʌ4 p1 ,2 m2"),
            // Five frames are a pause between two words, four are a stop's closure. After a mark the pause is there already.
            ("z6 _3 w2", "vvvv-----vv", "z4 ,5 w2"),
            ("u4 ː2 _3 w2", "vvvv-----vv", "u4 ː0 ,5 w2"),
            ("z6 _3 w2", "vvvvv----vv", "z6 _3 w2"),
            ("z4 ,2 _3 w2", "vvvv-----vv", "z4 ,2 _3 w2"),
            // Nothing is heard at all, or there is nothing before the pause.
            ("^2 a5 .3 $2", "------------", "^2 a2 .6 $2"),
            (",3 _2 a2", "-----vv", ",3 _2 a2"),
        ];
        let read = |symbols: &str| -> Vec<(char, usize)> {
            let symbols = symbols.split(' ').map(|symbol| {
                let (name, frames) = symbol.split_at(symbol.len() - 1);
                let name = name.chars().next().expect("each has a name");
                (if name == '_' { ' ' } else { name }, frames.parse().expect("each has its frames"))
            });
            symbols.collect()
        };
        for (symbols, sound, expected) in cases {
            let timed =
                read(symbols).into_iter().map(|(symbol, frames)| TimedSymbol { symbol, length: frames * FRAME });
            let mut timed: Vec<TimedSymbol> = timed.collect();
            let samples: Vec<f32> =
                sound.chars().flat_map(|frame| [if frame == 'v' { 0.1_f32 } else { 0.0 }; FRAME]).collect();
            assert_eq!(timed.iter().map(|symbol| symbol.length).sum::<usize>(), samples.len(), "{symbols}");
            pause_in_silence(&mut timed, &samples);
            let found: Vec<_> = timed.iter().map(|symbol| (symbol.symbol, symbol.length / FRAME)).collect();
            assert_eq!(found, read(expected), "{symbols} {sound}");
        }
    }
}
