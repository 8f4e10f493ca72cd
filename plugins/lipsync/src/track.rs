//! The mouth over the time of an utterance: visemes that overlap as they do in speech.
//!
//! Coarticulation follows Cohen and Massaro, "Modeling Coarticulation in Synthetic Visual Speech" (1993): each phoneme
//! has a dominance, full while it sounds and falling off exponentially before and after it, and the mouth is the mean of
//! all mouths weighted by their dominance. Rounding reaches further ahead than other shapes; tongue consonants have
//! little say over the lips, so that a vowel's shape carries over them.
//!
//! Lips that must meet do not take part in the mean: for p, b and m they close fully, for f and v the lower lip reaches
//! the teeth, for as long as the sound needs it. They set out [`LEAD`] before. Where the sound of p and b is known, they
//! close in its silence.

use visage_core::{PhonemeTimeline, SAMPLE_RATE, VISEMES, Viseme, VisemeWeights};

use crate::{loudness::Loudness, phonemes::articulation};

const RATE: f32 = SAMPLE_RATE as f32;

/// Lips set out for a closure this long before it is complete, seconds. Two ticks: no jump is larger than half a closure.
pub const LEAD: f32 = 0.066;
/// Lips part from a closure within this time, seconds: faster than they meet, for the vowel after it is loud at once.
const RELEASE: f32 = 0.052;
/// A closure lasts at least this long, seconds: longer than a tick, so that one frame at least shows it.
const SHORTEST_CLOSURE: f32 = 0.037;
/// Lips need this long from one closure to another one, seconds.
const CHANGE: f32 = 0.055;
/// How far the lower lip comes for f and v; the lips behind keep a trace of the vowel.
const LIP_TO_TEETH: f32 = 0.95;
/// A span that is longer than this belongs to the mouth's rest rather than to speech, seconds.
const PAUSE: f32 = 0.18;
/// The mouth belongs to speech this long before and after a phoneme, and is free this long after that, seconds.
const SPEECH_NEAR: f32 = 0.12;
const SPEECH_FAR: f32 = 0.4;

/// Dominance of a mouth over its neighbours, and how fast it falls off before and after its phoneme, seconds.
struct Dominance {
    weight: f32,
    before: f32,
    after: f32,
}

fn dominance(viseme: Viseme) -> Dominance {
    use Viseme::{Aa, CH, DD, E, FF, I, Kk, Nn, O, PP, RR, SS, Sil, TH, U};
    let (weight, before, after) = match viseme {
        Sil => (0.8, 0.07, 0.06),
        // Their lips are laid over the mean; here they only keep the jaw up a little.
        PP | FF => (0.25, 0.03, 0.03),
        TH => (0.8, 0.035, 0.03),
        CH => (1.1, 0.06, 0.045),
        SS => (0.7, 0.035, 0.035),
        DD | Nn => (0.45, 0.03, 0.03),
        Kk => (0.4, 0.03, 0.03),
        RR => (0.7, 0.045, 0.04),
        Aa => (1.1, 0.05, 0.055),
        E | I => (1.0, 0.045, 0.05),
        O => (1.2, 0.08, 0.06),
        U => (1.3, 0.09, 0.06),
    };
    Dominance { weight, before, after }
}

/// A mouth and when it is held, samples.
#[derive(Clone, Debug)]
struct Segment {
    viseme: Viseme,
    strength: f32,
    start: f32,
    end: f32,
}

/// A time at which the lips meet, samples, and how long they take to get there.
#[derive(Clone, Debug)]
struct Closure {
    viseme: Viseme,
    start: f32,
    end: f32,
    lead: f32,
}

/// What the mouth does during an utterance.
#[derive(Clone, Debug, Default)]
pub struct MouthTrack {
    segments: Vec<Segment>,
    closures: Vec<Closure>,
    /// Spans of speech, pauses left out, samples.
    spoken: Vec<(f32, f32)>,
}

impl MouthTrack {
    /// Plans the mouth of an utterance: its phonemes and its sound, 48 kHz. Without the sound (an empty slice) loudness
    /// is taken as even.
    pub fn new(timeline: &PhonemeTimeline, samples: &[f32]) -> Self {
        let loudness = Loudness::new(samples);
        let mut track = Self::default();
        let mut last_end = f32::NEG_INFINITY;
        for span in &timeline.0 {
            let (start, end) = (span.start as f32, span.end as f32);
            let pause = span.phoneme.is_empty();
            if last_end.is_finite() && start - last_end > PAUSE * RATE {
                track.rest(last_end, start);
            }
            last_end = end;
            if pause {
                track.rest(start, end);
                continue;
            }
            match track.spoken.last_mut() {
                Some((_, last)) if start - *last <= PAUSE * RATE => *last = end,
                _ => track.spoken.push((start, end)),
            }
            let Some(found) = articulation(&span.phoneme) else { continue };
            if matches!(found.viseme, Viseme::PP | Viseme::FF) {
                track.close(found.viseme, &span.phoneme, start, end, &loudness);
            }
            let strength = found.strength * if is_vowel(found.viseme) { loudness.emphasis(start, end) } else { 1.0 };
            track.segments.push(Segment { viseme: found.viseme, strength, start, end });
        }
        // Before the first sound and after the last the mouth is at rest.
        if let (Some(first), Some(last)) = (track.segments.first().cloned(), track.segments.last().cloned()) {
            track.segments.insert(0, silence(f32::NEG_INFINITY, first.start - 0.1 * RATE));
            track.segments.push(silence(last.end + 0.08 * RATE, f32::INFINITY));
        }
        track
    }

    fn rest(&mut self, start: f32, end: f32) {
        self.segments.push(silence(start, end));
    }

    fn close(&mut self, viseme: Viseme, phoneme: &str, start: f32, end: f32, loudness: &Loudness) {
        let quiet = if phoneme.starts_with('m') || viseme == Viseme::FF {
            None
        } else {
            loudness.quiet_part(start - 0.08 * RATE, end)
        };
        let (mut from, mut to) = quiet.unwrap_or((start - 0.015 * RATE, end - 0.015 * RATE));
        let missing = SHORTEST_CLOSURE * RATE - (to - from);
        if missing > 0.0 {
            from -= missing * 0.7;
            to += missing * 0.3;
        }
        let mut lead = LEAD * RATE;
        if let Some(last) = self.closures.last_mut().filter(|last| last.viseme != viseme) {
            // "five moved": the second waits for the first as far as it is long enough, then the first comes earlier.
            let latest = (to - SHORTEST_CLOSURE * RATE).max(from);
            from = from.max(last.end + CHANGE * RATE).min(latest);
            let missing = (CHANGE * RATE - (from - last.end)).max(0.0);
            last.start -= missing;
            last.end -= missing;
            lead = lead.min(from - last.end);
        } else if let Some(last) = self.closures.last() {
            // "paper map": between two closures the lips part, if only for a moment.
            lead = lead.min((from - last.end) / 2.0).max(CHANGE * RATE);
        }
        self.closures.push(Closure { viseme, start: from, end: to, lead });
    }

    /// The visemes at a sample of the utterance, which may lie before its first and after its last.
    pub fn visemes(&self, sample: f32) -> VisemeWeights {
        let mut sums = VisemeWeights::default();
        let mut total = 0.0;
        for segment in &self.segments {
            let dominance = dominance(segment.viseme);
            let distance = if sample < segment.start {
                (segment.start - sample) / (dominance.before * RATE)
            } else {
                (sample - segment.end).max(0.0) / (dominance.after * RATE)
            };
            // Beyond eight time constants nothing is left to be seen.
            if distance < 8.0 {
                let weight = dominance.weight * (-distance).exp();
                sums[segment.viseme] += weight * segment.strength;
                total += weight;
            }
        }
        let mut weights = VisemeWeights::default();
        if total > 1e-6 {
            for viseme in VISEMES {
                weights[viseme] = (sums[viseme] / total).clamp(0.0, 1.0);
            }
        }
        weights[Viseme::Sil] = 0.0;
        self.close_lips(sample, &mut weights);
        weights
    }

    /// Lays the closures over the mean.
    fn close_lips(&self, sample: f32, weights: &mut VisemeWeights) {
        for (lips, full) in [(Viseme::FF, LIP_TO_TEETH), (Viseme::PP, 1.0)] {
            let closed = self.closures.iter().filter(|closure| closure.viseme == lips).map(|c| c.at(sample));
            let closed = closed.fold(0.0_f32, f32::max) * full;
            for viseme in VISEMES {
                weights[viseme] *= 1.0 - closed;
            }
            weights[lips] += closed;
        }
    }

    /// How much the mouth belongs to speech at a sample of the utterance: 1 near phonemes, 0 in long pauses.
    pub fn speech(&self, sample: f32) -> f32 {
        let outside = |(start, end): &(f32, f32)| (start - sample).max(sample - end).max(0.0) / RATE;
        let nearest = self.spoken.iter().map(outside).fold(f32::INFINITY, f32::min);
        (1.0 - (nearest - SPEECH_NEAR) / (SPEECH_FAR - SPEECH_NEAR)).clamp(0.0, 1.0)
    }
}

impl Closure {
    /// How closed the lips are, 0..=1.
    fn at(&self, sample: f32) -> f32 {
        let before = (self.start - sample) / self.lead;
        let after = (sample - self.end) / (RELEASE * RATE);
        (1.0 - before.max(after)).clamp(0.0, 1.0)
    }
}

fn silence(start: f32, end: f32) -> Segment {
    Segment { viseme: Viseme::Sil, strength: 0.0, start, end }
}

fn is_vowel(viseme: Viseme) -> bool {
    matches!(viseme, Viseme::Aa | Viseme::E | Viseme::I | Viseme::O | Viseme::U)
}

#[cfg(test)]
mod tests {
    use super::*;
    use visage_core::{PhonemeSpan, SAMPLES_PER_TICK};

    use crate::plugin::FASTEST;

    /// Times of a true run of Piper; see fixtures/README.md.
    fn sentences() -> PhonemeTimeline {
        let lines = include_str!("../fixtures/sentences.tsv").lines().filter(|line| !line.starts_with('#'));
        let spans = lines.map(|line| {
            let mut fields = line.split('\t');
            let mut number = || fields.next().and_then(|field| field.parse().ok()).expect("a number");
            let (start, end) = (number(), number());
            PhonemeSpan { phoneme: fields.next().unwrap_or_default().to_owned(), start, end }
        });
        PhonemeTimeline(spans.collect())
    }

    fn span(phoneme: &str, from: f32, to: f32) -> PhonemeSpan {
        PhonemeSpan { phoneme: phoneme.into(), start: (from * RATE) as usize, end: (to * RATE) as usize }
    }

    /// Samples at which frames look, for a video that begins `phase` samples before the sound.
    fn frames(timeline: &PhonemeTimeline, phase: usize) -> impl Iterator<Item = f32> {
        let end = timeline.0.last().map_or(0, |span| span.end) + 24_000;
        (0..end / SAMPLES_PER_TICK).map(move |n| (n * SAMPLES_PER_TICK) as f32 - phase as f32)
    }

    #[test]
    fn lips_meet_for_every_p_b_m_f_and_v_however_frames_fall() {
        let timeline = sentences();
        let track = MouthTrack::new(&timeline, &[]);
        let mut counted = 0;
        for phase in (0..SAMPLES_PER_TICK).step_by(100) {
            for span in &timeline.0 {
                let Some(found) = articulation(&span.phoneme) else { continue };
                let (lips, enough) = match found.viseme {
                    Viseme::PP => (Viseme::PP, 0.99),
                    Viseme::FF => (Viseme::FF, 0.9),
                    _ => continue,
                };
                let near = (span.start as f32 - 0.03 * RATE)..(span.end as f32 + 0.02 * RATE);
                let reached = frames(&timeline, phase)
                    .filter(|sample| near.contains(sample))
                    .map(|sample| track.visemes(sample)[lips])
                    .fold(0.0, f32::max);
                assert!(reached >= enough, "{span:?} at phase {phase}: {reached}");
                counted += 1;
            }
        }
        assert!(counted > 16 * 30, "the sentences have many closures: {counted}");
    }

    #[test]
    fn no_mouth_jumps() {
        let timeline = sentences();
        let track = MouthTrack::new(&timeline, &[]);
        for phase in (0..SAMPLES_PER_TICK).step_by(200) {
            let mut last: Option<VisemeWeights> = None;
            for sample in frames(&timeline, phase) {
                let now = track.visemes(sample);
                assert!(now.0.iter().all(|weight| (0.0..=1.0).contains(weight)));
                if let Some(then) = last {
                    let jump = now.0.iter().zip(then.0).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(jump <= FASTEST, "{jump} at {sample}");
                }
                last = Some(now);
            }
        }
    }

    #[test]
    fn vowels_are_seen_and_silence_is_rest() {
        let timeline = sentences();
        let track = MouthTrack::new(&timeline, &[]);
        for span in &timeline.0 {
            let (middle, long) = ((span.start + span.end) as f32 / 2.0, span.end - span.start);
            match articulation(&span.phoneme) {
                Some(found) if found.viseme == Viseme::Aa && long > 4_800 => {
                    assert!(track.visemes(middle)[Viseme::Aa] > 0.45 * found.strength, "{span:?}");
                }
                _ => {}
            }
        }
        for pair in timeline.0.windows(2) {
            if pair[1].start - pair[0].end > 12_000 {
                let middle = track.visemes((pair[0].end + pair[1].start) as f32 / 2.0);
                assert!(middle.0.iter().all(|weight| *weight < 0.08), "{pair:?}: {middle:?}");
            }
        }
        let end = timeline.0.last().map_or(0, |span| span.end) as f32;
        assert!(track.visemes(end + 0.5 * RATE).0.iter().all(|weight| *weight < 0.01));
        assert!(track.visemes(-0.5 * RATE).0.iter().all(|weight| *weight < 0.01));
    }

    #[test]
    fn lips_set_out_before_the_sound() {
        let timeline = PhonemeTimeline(vec![span("ɑː", 0.2, 0.6), span("m", 0.6, 0.7), span("ɑː", 0.7, 1.0)]);
        let track = MouthTrack::new(&timeline, &[]);
        let lips = |seconds: f32| track.visemes(seconds * RATE)[Viseme::PP];
        assert!(lips(0.48) < 0.1 && lips(0.56) > 0.4 && lips(0.6) > 0.99 && lips(0.65) > 0.99 && lips(0.8) < 0.1);
        // Rounding begins in the consonants before the vowel ("stew"), spreading does not come as early.
        let word = |vowel: &str| {
            let timeline = PhonemeTimeline(vec![span("s", 0.2, 0.3), span("t", 0.3, 0.38), span(vowel, 0.38, 0.6)]);
            MouthTrack::new(&timeline, &[])
        };
        let round = word("uː").visemes(0.32 * RATE)[Viseme::U];
        assert!(round > 0.3 && round > word("iː").visemes(0.32 * RATE)[Viseme::I], "{round}");
    }

    #[test]
    fn lips_close_where_the_sound_is_silent() {
        // A voice with a gap from 0.50 to 0.58 s; the timeline is late by 50 ms.
        let samples: Vec<f32> = (0..48_000)
            .map(|n| n as f32 / RATE)
            .map(|t| if (0.5..0.58).contains(&t) { 0.0 } else { 0.2 * (t * 900.0).sin() })
            .collect();
        let timeline = PhonemeTimeline(vec![span("ɑː", 0.1, 0.55), span("p", 0.55, 0.63), span("ɑː", 0.63, 0.9)]);
        let track = MouthTrack::new(&timeline, &samples);
        let lips = |seconds: f32| track.visemes(seconds * RATE)[Viseme::PP];
        assert!(
            lips(0.51) > 0.99 && lips(0.57) > 0.99 && lips(0.63) < 0.6,
            "{} {} {}",
            lips(0.51),
            lips(0.57),
            lips(0.63)
        );
    }

    #[test]
    fn soft_vowels_are_smaller_and_speech_ends() {
        let samples: Vec<f32> =
            (0..48_000).map(|n| (n as f32 * 0.05).sin() * if n < 24_000 { 0.2 } else { 0.02 }).collect();
        let timeline = PhonemeTimeline(vec![span("ɑː", 0.1, 0.4), span("", 0.4, 0.6), span("ɑː", 0.6, 0.9)]);
        let track = MouthTrack::new(&timeline, &samples);
        assert!(track.visemes(0.25 * RATE)[Viseme::Aa] > track.visemes(0.75 * RATE)[Viseme::Aa] + 0.1);
        assert_eq!((track.speech(0.25 * RATE), track.speech(2.0 * RATE)), (1.0, 0.0));
        assert_eq!(MouthTrack::new(&PhonemeTimeline::default(), &[]).visemes(0.0), VisemeWeights::default());
    }
}
