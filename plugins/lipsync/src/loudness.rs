//! How loud an utterance is over time: what the plan of a mouth needs to know of the sound.

use visage_core::SAMPLE_RATE;

const RATE: f32 = SAMPLE_RATE as f32;
/// A frame of the curve, seconds.
const FRAME: f32 = 0.01;

/// How loud an utterance is over time, in frames of 10 ms, relative to its loud part.
pub(crate) struct Loudness(Vec<f32>);

impl Loudness {
    /// The curve of an utterance's sound at 48 kHz; without sound it knows nothing.
    pub(crate) fn new(samples: &[f32]) -> Self {
        let frame = (FRAME * RATE) as usize;
        let mut levels: Vec<f32> = samples
            .chunks(frame)
            .map(|chunk| (chunk.iter().map(|s| s * s).sum::<f32>() / chunk.len() as f32).sqrt())
            .collect();
        let mut sorted = levels.clone();
        sorted.sort_by(f32::total_cmp);
        // The loud part: nine tenths of what is not silent is softer.
        let audible = sorted.partition_point(|level| *level < 1e-4);
        let loud = sorted.get(audible + (sorted.len() - audible) * 9 / 10).copied().unwrap_or(0.0);
        if loud <= 0.0 {
            return Self(Vec::new());
        }
        levels.iter_mut().for_each(|level| *level /= loud);
        Self(levels)
    }

    fn frames(&self, start: f32, end: f32) -> std::ops::Range<usize> {
        let frame = FRAME * RATE;
        let from = ((start / frame).max(0.0) as usize).min(self.0.len());
        from..((end / frame).ceil().max(0.0) as usize).clamp(from, self.0.len())
    }

    /// How clearly a vowel is made: 0.75 when soft, 1.1 when loud.
    pub(crate) fn emphasis(&self, start: f32, end: f32) -> f32 {
        let frames = &self.0[self.frames(start, end)];
        if frames.is_empty() {
            return 1.0;
        }
        let mean = frames.iter().sum::<f32>() / frames.len() as f32;
        0.75 + 0.35 * mean.clamp(0.0, 1.0)
    }

    /// The longest quiet part between two samples, at least two frames long.
    pub(crate) fn quiet_part(&self, start: f32, end: f32) -> Option<(f32, f32)> {
        const QUIET: f32 = 0.18;
        let range = self.frames(start, end);
        let mut best: Option<(usize, usize)> = None;
        let mut began = None;
        for index in range.start..=range.end {
            if index < range.end && self.0[index] < QUIET {
                began.get_or_insert(index);
            } else if let Some(from) = began.take()
                && best.is_none_or(|(start, end)| index - from > end - start)
            {
                best = Some((from, index));
            }
        }
        let (from, to) = best.filter(|(from, to)| to - from >= 2)?;
        let frame = FRAME * RATE;
        Some((from as f32 * frame, (to as f32 * frame).min(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(parts: &[(f32, f32)]) -> Vec<f32> {
        let part = |(seconds, level): &(f32, f32)| vec![*level; (seconds * RATE) as usize];
        parts.iter().flat_map(part).collect()
    }

    #[test]
    fn the_longest_quiet_part_is_found_inside_the_limits() {
        let loudness = Loudness::new(&sound(&[(0.2, 0.3), (0.05, 0.0), (0.1, 0.3), (0.08, 0.01), (0.3, 0.3)]));
        let quiet = |from: f32, to: f32| loudness.quiet_part(from * RATE, to * RATE).map(|(a, b)| (a / RATE, b / RATE));
        let cases = [((0.0, 0.7), Some((0.35, 0.43))), ((0.0, 0.3), Some((0.2, 0.25))), ((0.0, 0.2), None)];
        for ((from, to), expected) in cases {
            match (quiet(from, to), expected) {
                (Some(found), Some(wanted)) => {
                    assert!((found.0 - wanted.0).abs() < 0.011 && (found.1 - wanted.1).abs() < 0.011, "{found:?}");
                }
                (found, wanted) => assert_eq!(found, wanted),
            }
        }
    }

    #[test]
    fn without_sound_vowels_are_made_fully() {
        for samples in [vec![], vec![0.0; 4_800]] {
            let loudness = Loudness::new(&samples);
            assert_eq!(loudness.emphasis(0.0, 4_800.0), 1.0);
            assert_eq!(loudness.quiet_part(0.0, 4_800.0), None);
        }
    }
}
