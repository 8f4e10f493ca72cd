//! Finds when the phonemes of a sound are spoken, for engines that do not say it.
//!
//! The phonemes and their order are known; what is sought is where each begins. A Viterbi search over whole segments
//! weighs two things: how long a phoneme of its kind usually lasts, and how well the sound's energy and noisiness fit
//! the kind (stops begin silent, fricatives are noisy, vowels are loud). Silence is allowed where a clause ends.

use crate::{
    TimedPhoneme,
    ipa::{Kind, kind},
};

/// Length of an analysis frame, seconds.
const FRAME_SECONDS: f32 = 0.01;
/// Frames of one phoneme at most, and of a pause.
const LONGEST: usize = 45;
const LONGEST_PAUSE: usize = 120;
/// Frames of a whole sound at most (a minute): the search needs memory in proportion to phonemes times frames.
const MOST_FRAMES: usize = 6_000;
/// How much usual lengths count against the sound.
const LENGTH_WEIGHT: f32 = 4.0;

/// What the search knows of a frame.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Energy relative to the loud part of the sound, decibels, at most 0, at least -50.
    level: f32,
    /// Share of the energy in the sample-to-sample difference: 0 for low tones, towards 2 for noise.
    noise: f32,
}

/// What a kind of phoneme is like: usual length in frames, level in decibels, noise.
struct Model {
    frames: f32,
    level: f32,
    noise: f32,
}

/// Usual lengths after Klatt's inherent durations (D. H. Klatt, "Synthesis by rule of segmental durations in English
/// sentences", 1979), shortened to running speech; levels and noise measured on speech whose times
/// are known (Piper's).
fn model(kind: Kind) -> Model {
    let (seconds, level, noise) = match kind {
        Kind::Pause => (0.12, -48.0, 0.2),
        Kind::Stop => (0.08, -34.0, 0.2),
        Kind::VoicedStop => (0.065, -27.0, 0.07),
        Kind::Fricative => (0.075, -20.0, 1.0),
        Kind::VoicedFricative => (0.055, -15.0, 0.4),
        Kind::Sonorant => (0.05, -10.0, 0.025),
        Kind::Schwa => (0.055, -8.0, 0.07),
        Kind::Vowel => (0.08, -5.0, 0.06),
        Kind::LongVowel => (0.125, -5.0, 0.06),
    };
    Model { frames: seconds / FRAME_SECONDS, level, noise }
}

/// Finds the phonemes in a sound. `clauses` holds the phonemes of each clause; between clauses, before the first and
/// after the last there may be silence. Times are samples of `samples`; pauses that were found are phonemes without a
/// name. A sound longer than a minute gets lengths in proportion only.
pub fn align(samples: &[f32], rate: u32, clauses: &[Vec<String>]) -> Vec<TimedPhoneme> {
    let mut wanted: Vec<&str> = vec![""];
    for clause in clauses.iter().filter(|clause| !clause.is_empty()) {
        wanted.extend(clause.iter().map(String::as_str));
        wanted.push("");
    }
    let hop = ((rate as f32 * FRAME_SECONDS) as usize).max(1);
    let frames = analyse(samples, hop);
    if wanted.len() < 2 || frames.is_empty() {
        return Vec::new();
    }
    let starts = if frames.len() <= MOST_FRAMES { search(&frames, &wanted) } else { None }
        .unwrap_or_else(|| in_proportion(frames.len(), &wanted));
    let at = |frame: usize| (frame * hop).min(samples.len());
    wanted
        .iter()
        .enumerate()
        .map(|(index, phoneme)| TimedPhoneme {
            phoneme: (*phoneme).to_owned(),
            start: at(starts[index]),
            end: at(starts[index + 1]),
        })
        .filter(|phoneme| phoneme.start < phoneme.end)
        .collect()
}

fn analyse(samples: &[f32], hop: usize) -> Vec<Frame> {
    let energies: Vec<(f32, f32)> = samples
        .chunks(hop)
        .map(|frame| {
            let energy: f32 = frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32;
            let change: f32 =
                frame.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f32>() / frame.len() as f32;
            (energy, change)
        })
        .collect();
    let mut sorted: Vec<f32> = energies.iter().map(|(energy, _)| *energy).collect();
    sorted.sort_by(f32::total_cmp);
    // The loud part: nine tenths of the frames are softer.
    let loud = sorted.get(sorted.len() * 9 / 10).copied().unwrap_or(0.0).max(1e-9);
    energies
        .into_iter()
        .map(|(energy, change)| Frame {
            level: (10.0 * (energy / loud).max(1e-5).log10()).clamp(-50.0, 0.0),
            noise: if energy > loud * 1e-4 { (change / energy).clamp(0.0, 2.0) } else { 0.2 },
        })
        .collect()
}

/// How badly a frame fits a kind.
fn misfit(frame: Frame, model: &Model) -> f32 {
    let level = (frame.level - model.level) / 9.0;
    let noise = ((frame.noise + 0.01) / (model.noise + 0.01)).ln() / 1.2;
    (level * level + noise * noise).min(9.0)
}

/// How badly a length fits a kind.
fn length_misfit(frames: usize, kind: Kind, model: &Model) -> f32 {
    if kind == Kind::Pause {
        return if frames == 0 { 0.0 } else { 1.0 };
    }
    LENGTH_WEIGHT * (frames as f32 / model.frames).ln().powi(2)
}

/// The first frame of each phoneme and the end of the last; `None` if the frames cannot hold the phonemes.
fn search(frames: &[Frame], wanted: &[&str]) -> Option<Vec<usize>> {
    let count = frames.len();
    let width = count + 1;
    let mut best = vec![f32::INFINITY; width];
    best[0] = 0.0;
    // Length of the segment that ends at a frame, by phoneme.
    let mut chosen = vec![0_u8; wanted.len() * width];
    for (index, phoneme) in wanted.iter().enumerate() {
        let kind = kind(phoneme);
        let model = model(kind);
        let mut sums = Vec::with_capacity(width);
        sums.push(0.0_f32);
        for frame in frames {
            sums.push(sums[sums.len() - 1] + misfit(*frame, &model));
        }
        let (shortest, longest) = if kind == Kind::Pause { (0, LONGEST_PAUSE) } else { (1, LONGEST) };
        let costs: Vec<f32> = (0..=longest).map(|frames| length_misfit(frames, kind, &model)).collect();
        let mut next = vec![f32::INFINITY; width];
        for end in shortest..=count {
            for (length, length_cost) in costs.iter().enumerate().take(end + 1).skip(shortest) {
                let start = end - length;
                let cost = best[start] + sums[end] - sums[start] + length_cost;
                if cost < next[end] {
                    next[end] = cost;
                    chosen[index * width + end] = length as u8;
                }
            }
        }
        best = next;
    }
    if !best[count].is_finite() {
        return None;
    }
    let mut starts = vec![count; wanted.len() + 1];
    for index in (0..wanted.len()).rev() {
        starts[index] = starts[index + 1] - usize::from(chosen[index * width + starts[index + 1]]);
    }
    Some(starts)
}

/// Usual lengths, stretched to the sound's length.
fn in_proportion(count: usize, wanted: &[&str]) -> Vec<usize> {
    let usual: Vec<f32> = wanted.iter().map(|phoneme| model(kind(phoneme)).frames).collect();
    let total: f32 = usual.iter().sum();
    let mut now = 0.0;
    let mut starts = vec![0];
    for frames in usual {
        now += frames;
        starts.push(((now / total * count as f32).round() as usize).min(count));
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 22_050;

    /// Sound of one kind: a tone, noise, or nothing, by seconds.
    fn sound(parts: &[(char, f32)]) -> Vec<f32> {
        let mut samples = Vec::new();
        let mut random = 1_u32;
        for &(kind, seconds) in parts {
            for index in 0..(seconds * RATE as f32) as usize {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = random as f32 / u32::MAX as f32 - 0.5;
                let tone = (index as f32 / RATE as f32 * 300.0 * std::f32::consts::TAU).sin();
                samples.push(match kind {
                    'v' => 0.4 * tone,
                    'm' => 0.12 * tone,
                    's' => 0.12 * noise,
                    _ => 0.0,
                });
            }
        }
        samples
    }

    fn check(parts: &[(char, f32)], clauses: &[&[&str]], expected: &[(&str, f32)]) {
        let clauses: Vec<Vec<String>> =
            clauses.iter().map(|clause| clause.iter().map(|p| (*p).to_owned()).collect()).collect();
        let found = align(&sound(parts), RATE, &clauses);
        let names: Vec<_> = found.iter().map(|p| p.phoneme.as_str()).collect();
        assert_eq!(names, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (phoneme, (name, start)) in found.iter().zip(expected) {
            let began = phoneme.start as f32 / RATE as f32;
            assert!((began - start).abs() <= 0.025, "{name} begins at {began}, not {start}");
        }
        assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));
    }

    #[test]
    fn borders_are_found_where_the_sound_changes() {
        check(
            &[(' ', 0.2), ('s', 0.15), ('v', 0.25), (' ', 0.07), ('v', 0.1), (' ', 0.1)],
            &[&["s", "aː", "p", "a"]],
            &[("", 0.0), ("s", 0.2), ("aː", 0.35), ("p", 0.6), ("a", 0.67), ("", 0.77)],
        );
        check(
            &[('v', 0.2), (' ', 0.4), ('s', 0.1), ('v', 0.2)],
            &[&["aː"], &["s", "aː"]],
            &[("aː", 0.0), ("", 0.2), ("s", 0.6), ("aː", 0.7)],
        );
    }

    #[test]
    fn too_short_a_sound_still_gives_every_time_in_order() {
        let clause: Vec<String> = vec!["a".into(); 40];
        let found = align(&sound(&[('v', 0.2)]), RATE, &[clause]);
        assert!(!found.is_empty());
        assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(align(&[], RATE, &[vec!["a".into()]]), Vec::new());
        assert_eq!(align(&[0.0; 100], RATE, &[]), Vec::new());
    }

    /// Piper's own times are exact; finding them in its sound shows how good the search is.
    #[test]
    fn times_found_in_real_speech_are_near_the_true_ones() {
        let mut voices = crate::Synthesiser::new(visage_models::Store::default(), 2, crate::Variation::None);
        let voice = crate::default_voice(visage_core::Language::English);
        let texts = [
            "Bob puts my paper map by the pub.",
            "She sells sea shells on the shore, and he pays for them in pounds.",
            "My mother makes excellent coffee every morning before breakfast.",
        ];
        let (mut searched, mut proportional) = (Vec::new(), Vec::new());
        for text in texts {
            let speech = voices.speak(text, visage_core::Language::English, &voice).expect("Piper");
            let mut clauses: Vec<Vec<String>> = vec![Vec::new()];
            for phoneme in &speech.phonemes {
                match phoneme.phoneme.as_str() {
                    "" => clauses.push(Vec::new()),
                    name => clauses.last_mut().expect("one was put there").push(name.to_owned()),
                }
            }
            let truth: Vec<_> = speech.phonemes.iter().filter(|p| !p.phoneme.is_empty()).collect();
            let found = align(&speech.samples, speech.rate, &clauses);
            let found: Vec<_> = found.iter().filter(|p| !p.phoneme.is_empty()).collect();
            assert_eq!(found.len(), truth.len());
            let wanted: Vec<&str> = truth.iter().map(|p| p.phoneme.as_str()).collect();
            let plain = in_proportion(speech.samples.len(), &wanted);
            for (index, (found, truth)) in found.iter().zip(&truth).enumerate() {
                let milliseconds = |samples: usize| samples as f32 * 1e3 / speech.rate as f32;
                searched.push(milliseconds(found.start.abs_diff(truth.start)));
                proportional.push(milliseconds(plain[index].abs_diff(truth.start)));
            }
        }
        let mean = |errors: &[f32]| errors.iter().sum::<f32>() / errors.len() as f32;
        // Measured: 27 ms against 121 ms.
        assert!(mean(&searched) < 35.0 && mean(&searched) < 0.4 * mean(&proportional));
    }
}
