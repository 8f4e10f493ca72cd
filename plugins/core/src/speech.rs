//! Synthesised speech: sound and what the mouth does while it sounds.

use std::sync::Arc;

use crate::{Emotion, Language, SAMPLE_RATE, TurnId};

/// The longest text that is taken at once, in characters: about six minutes of speech. The same for every way in (REST, data
/// channel, window, command line) and for the voice; a longer one is refused with words, never cut.
pub const LONGEST_TEXT: usize = 5_000;

/// One phoneme and when it sounds.
#[derive(Clone, Debug, PartialEq)]
pub struct PhonemeSpan {
    /// The phoneme in IPA, without stress marks ("ə", "tʃ"); empty for a pause.
    pub phoneme: String,
    /// First sample (48 kHz, from the utterance's first sample).
    pub start: usize,
    /// One past the last sample.
    pub end: usize,
}

/// Phonemes in order of time, without overlap; gaps are silence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhonemeTimeline(pub Vec<PhonemeSpan>);

/// A sentence (or shorter piece) of speech, ready to be played. Made by the voice worker, read by the tick.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// The turn it belongs to.
    pub turn: TurnId,
    /// What is said.
    pub text: String,
    /// In which language.
    pub language: Language,
    /// The emotion it is said with; `None` leaves the character's emotion as it is.
    pub emotion: Option<Emotion>,
    /// Mono samples at 48 kHz, each in -1..=1.
    pub samples: Arc<[f32]>,
    /// Phoneme times; `None` if the engine does not know them (then visemes come from the sound).
    pub timeline: Option<PhonemeTimeline>,
    /// Whether this is the last piece of its turn.
    pub last: bool,
}

impl Utterance {
    /// Length in seconds.
    pub fn seconds(&self) -> f32 {
        self.samples.len() as f32 / SAMPLE_RATE as f32
    }
}
