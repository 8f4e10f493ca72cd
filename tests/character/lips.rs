//! The mouth of every frame of an utterance against what was said in it.

use std::{fmt, ops::Range, sync::Arc};

use visage_core::{PhonemeSpan, SAMPLE_RATE, SAMPLES_PER_TICK};

use crate::theatre::Moment;

/// Gap between closed lips over the width of the mouth, beyond the gap at rest, at most. Of resting lips the mesh makes
/// 0.01 (Theo) to 0.05 (Mira), of pressed ones from 0.015 less to 0.006 more.
const CLOSED: f32 = 0.01;
/// Gap at an open vowel, beyond the gap at rest, at least: half of the widest that the mesh sees of Theo (0.26) and four
/// tenths of Mira's (0.37).
const OPEN: f32 = 0.13;
/// How far the gap of resting lips may move: with the head's sway, a blink and the fading last phoneme.
const DRIFT: f32 = 0.02;
/// Gap of a face at rest, at most: more than what the mesh sees between lips that touch.
const REST: f32 = 0.08;
/// Frames before and after a p, b or m in which the lips may meet: sound and lips of real speakers are that far apart,
/// and the timeline of the phonemes is no more exact.
const TOLERANCE: isize = 1;
/// An open vowel that is shorter than this is not clearly open in any mouth between two consonants, seconds.
const LONG: f32 = 0.085;
/// Frames until the mouth rests after the last sound: fading phonemes and the plan's end, 0.4 s.
const COMES_TO_REST: usize = 12;

/// How many of some.
#[derive(Clone, Debug, Default)]
pub struct Share {
    pub reached: usize,
    pub of: usize,
    /// The phonemes that did not reach it, each with its time in the take and its gap.
    missed: Vec<String>,
}

impl Share {
    pub fn share(&self) -> f32 {
        self.reached as f32 / self.of.max(1) as f32
    }
}

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {}", self.reached, self.of)?;
        if self.missed.is_empty() { Ok(()) } else { write!(out, ", not at {}", self.missed.join(", ")) }
    }
}

/// A take whose mouths have been measured.
pub struct Spoken {
    /// The gap of each frame.
    gaps: Vec<f32>,
    /// Whether anything sounds in the frame's tick.
    sounds: Vec<bool>,
    /// Every phoneme, and the frames that are seen while it sounds.
    phonemes: Vec<(PhonemeSpan, Range<isize>)>,
}

impl Spoken {
    pub fn new(moments: &[Moment], gaps: Vec<f32>) -> Self {
        let mut phonemes = Vec::new();
        let mut last = None;
        for (index, moment) in moments.iter().enumerate() {
            let Some((utterance, position)) = &moment.speech else { continue };
            if last == Some(Arc::as_ptr(utterance)) {
                continue;
            }
            last = Some(Arc::as_ptr(utterance));
            let timeline = utterance.timeline.as_ref().expect("Piper knows its phonemes");
            let frame =
                |sample: usize| index as isize + (sample as isize - position).div_euclid(SAMPLES_PER_TICK as isize);
            let spans = timeline.0.iter().filter(|span| span.end > span.start);
            phonemes.extend(spans.map(|span| (span.clone(), frame(span.start)..frame(span.end - 1) + 1)));
        }
        let sounds = moments.iter().map(|moment| moment.speech.is_some()).collect();
        Self { gaps, sounds, phonemes }
    }

    /// The gap before anything was said.
    fn rest(&self) -> f32 {
        self.gaps[0]
    }

    fn gaps_in(&self, frames: Range<isize>) -> impl Iterator<Item = f32> {
        frames.filter_map(|frame| self.gaps.get(usize::try_from(frame).ok()?).copied())
    }

    fn count(&self, wanted: impl Fn(&PhonemeSpan) -> bool, reached: impl Fn(&Range<isize>) -> (bool, f32)) -> Share {
        let mut share = Share::default();
        for (span, frames) in self.phonemes.iter().filter(|(span, _)| wanted(span)) {
            let (well, gap) = reached(frames);
            share.of += 1;
            share.reached += usize::from(well);
            if !well {
                share.missed.push(format!("{} in frame {} ({gap:.3})", span.phoneme, frames.start));
            }
        }
        share
    }

    /// At how many p, b and m the lips are seen to meet, in pictures that come `late` frames too late.
    pub fn closures(&self, late: isize) -> Share {
        let lips = |span: &PhonemeSpan| ["p", "b", "m"].iter().any(|lips| span.phoneme.starts_with(lips));
        self.count(lips, |frames| {
            let seen = frames.start - TOLERANCE - late..frames.end + TOLERANCE - late;
            let least = self.gaps_in(seen).fold(f32::INFINITY, f32::min);
            (least <= self.rest() + CLOSED, least)
        })
    }

    /// At how many open vowels the mouth is seen to open.
    pub fn openings(&self) -> Share {
        let vowels = |span: &PhonemeSpan| {
            let open = ["ɑ", "a", "æ"].iter().any(|vowel| span.phoneme.starts_with(vowel));
            open && (span.end - span.start) as f32 >= LONG * SAMPLE_RATE as f32
        };
        self.count(vowels, |frames| {
            let most = self.gaps_in(frames.clone()).fold(0.0, f32::max);
            (most >= self.rest() + OPEN, most)
        })
    }

    /// Whether the lips rest before the first and after the last sound.
    pub fn rests_in_silence(&self) -> Result<(), String> {
        let rest = self.rest();
        if rest > REST {
            return Err(format!("at rest the lips are {rest:.3} apart"));
        }
        let first = self.sounds.iter().position(|sounds| *sounds).ok_or("nothing sounds")?;
        let last = self.sounds.iter().rposition(|sounds| *sounds).ok_or("nothing sounds")?;
        let silent = (0..first).chain(last + COMES_TO_REST..self.gaps.len());
        for frame in silent {
            if (self.gaps[frame] - rest).abs() > DRIFT {
                return Err(format!("in silence, frame {frame}, the lips are {:.3} apart", self.gaps[frame]));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (span, frames) in self.phonemes.iter().filter(|(span, _)| !span.phoneme.is_empty()) {
            write!(out, "{}", span.phoneme)?;
            for gap in self.gaps_in(frames.clone()) {
                write!(out, " {gap:.2}")?;
            }
            write!(out, "; ")?;
        }
        Ok(())
    }
}
