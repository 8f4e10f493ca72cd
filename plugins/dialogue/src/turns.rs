//! Whose turn it is: a state machine over ticks. It decides what is spoken, when the character is interrupted, and which
//! lines the transcript has; it makes no sound and knows no clock but the index of the tick.

use std::collections::VecDeque;

use visage_core::{Emotion, Language, Script, TICK_HZ, Tick, TurnCounter, TurnId, plain};
use visage_schedule::{Conversation, QueueMode, Speaker};

use crate::{responder::Reply, words::likeness};

/// Ticks that a new turn may take to sound before it is given up.
const PATIENCE: u64 = 10 * TICK_HZ as u64;
/// Ticks that an answer is shown to be in the making before the voice has taken it up.
const TAKE_UP: u64 = 30;
/// Ticks that a person may be silent without final words before nobody is listened to any more.
const LISTEN_ON: u64 = 3 * TICK_HZ as u64;
/// How strongly the face shows the emotion of an answer, 0..=1.
const ANSWER_STRENGTH: f32 = 0.8;
/// Ticks that an emotion stays on the face after what was said with it.
const EMOTION_STAYS: u64 = 36;
/// Ticks after the character's last sound in which its words may still come back from the microphone.
const ECHO_STAYS: u64 = 3 * TICK_HZ as u64;
/// Turns that are remembered while the character speaks: as many as the voice lets wait, and those that were said. The oldest
/// is forgotten for a further one, which matters to nobody once it has been said.
const TURNS_KEPT: usize = 64;
/// Share of heard words found in what the character has just said from which they are its own, and how many words that
/// takes: a person may well repeat one.
const OWN_WORDS: f32 = 0.7;
const OWN_WORDS_NEEDED: usize = 3;

/// What happens to the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The character is to say this.
    Say {
        /// What.
        text: String,
        /// In which language.
        language: Language,
        /// With which emotion.
        emotion: Option<Emotion>,
        /// When.
        queue: QueueMode,
    },
    /// A person wrote this to the character.
    Wrote {
        /// What.
        text: String,
        /// In which language.
        language: Language,
    },
    /// A person said this to the character.
    Heard {
        /// What.
        text: String,
        /// In which language.
        language: Language,
        /// Whether the person has finished.
        is_final: bool,
    },
    /// A person begins or ceases to speak.
    Voice(bool),
    /// A person wants silence.
    Stop,
    /// A person takes one turn back.
    Cancel(TurnId),
    /// A person has set the emotion, and how much of it, 0..=1.
    Emotion(Emotion, f32),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Be silent at once.
    Stop,
    /// Speak.
    Speak {
        /// As what.
        turn: TurnId,
        /// When.
        queue: QueueMode,
        /// What.
        text: String,
        /// In which language.
        language: Language,
        /// With which emotion.
        emotion: Option<Emotion>,
    },
    /// A line of the transcript.
    Line {
        /// Whose.
        speaker: Speaker,
        /// What.
        text: String,
        /// In which language.
        language: Language,
        /// Whether it stays.
        is_final: bool,
    },
    /// Show an emotion, and how much of it, 0..=1.
    Emotion(Emotion, f32),
}

/// What sounds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// The turn that is heard.
    pub turn: Option<TurnId>,
    /// Whether a turn is heard or prepared.
    pub busy: bool,
}

/// What the character was told to say.
#[derive(Debug)]
struct Told {
    turn: TurnId,
    /// Without mark-up.
    text: String,
    language: Language,
    /// Whether it has an emotion of its own.
    feels: bool,
    /// Whether its line stands in the transcript.
    shown: bool,
}

/// The state.
#[derive(Debug, Default)]
pub struct Turns {
    barge_in_ticks: u64,
    counter: TurnCounter,
    /// The first turn that counts: sound of earlier ones dies away.
    first: TurnId,
    /// What is said and waits, and what was said just before it.
    told: VecDeque<Told>,
    /// The turn that sounded last.
    sounded: TurnId,
    state: Conversation,
    /// When the state began.
    since: Tick,
    /// Since when a person has been speaking.
    voice_since: Option<Tick>,
    /// Whether partial words are shown.
    partial_shown: bool,
    /// What the character said last, and when it last sounded.
    said: String,
    last_sound: Option<Tick>,
    /// The emotion that a person has set, and how much of it.
    baseline: (Emotion, f32),
    /// Whether the face shows the emotion of an answer.
    borrowed: bool,
}

impl Turns {
    /// Nobody has said anything. A person must speak for `barge_in_ticks` before the character falls silent.
    pub fn new(barge_in_ticks: u64) -> Self {
        Self { barge_in_ticks, baseline: (Emotion::default(), 1.0), ..Self::default() }
    }

    /// Where the conversation is.
    pub const fn state(&self) -> Conversation {
        self.state
    }

    /// One tick: what has happened goes in, what is to be done comes out. `answer` makes the answer to a person's words.
    pub fn step(
        &mut self,
        tick: Tick,
        inputs: impl IntoIterator<Item = Input>,
        voice: Voice,
        answer: &mut dyn FnMut(&str, Language) -> Reply,
    ) -> Vec<Output> {
        let mut out = Vec::new();
        if voice.turn.is_some() {
            self.last_sound = Some(tick);
        }
        self.hear(voice, &mut out);
        for input in inputs {
            self.take(tick, input, voice, answer, &mut out);
        }
        self.mind(tick, voice, &mut out);
        out
    }

    fn take(
        &mut self,
        tick: Tick,
        input: Input,
        voice: Voice,
        answer: &mut dyn FnMut(&str, Language) -> Reply,
        out: &mut Vec<Output>,
    ) {
        match input {
            Input::Say { text, language, emotion, queue } => {
                if !plain(&text).trim().is_empty() {
                    self.speak(tick, text, language, emotion, queue, out);
                }
            }
            Input::Wrote { text, language } => {
                if !text.trim().is_empty() {
                    self.line(Speaker::User, text.clone(), language, true, out);
                    self.answer(tick, &text, language, answer, out);
                }
            }
            Input::Heard { text, language, is_final } => {
                if text.trim().is_empty() {
                    self.take_back(language, out);
                } else if self.is_own(tick, &text, voice) {
                    tracing::debug!("the character's own words came back: {text}");
                    self.take_back(language, out);
                } else {
                    self.partial_shown = !is_final;
                    self.line(Speaker::User, text.clone(), language, is_final, out);
                    if is_final {
                        self.answer(tick, &text, language, answer, out);
                    }
                }
            }
            Input::Voice(speaking) => {
                self.voice_since = if speaking { self.voice_since.or(Some(tick)) } else { None };
                if speaking && self.state == Conversation::Idle || !speaking && self.state == Conversation::Listening {
                    self.enter(tick, Conversation::Listening);
                }
            }
            Input::Stop => {
                // A new turn makes stale whatever was on its way to be spoken.
                self.first = self.counter.begin();
                self.told.clear();
                if self.state != Conversation::Listening {
                    self.enter(tick, Conversation::Idle);
                }
            }
            Input::Cancel(turn) => {
                self.told.retain(|told| told.turn != turn);
                if self.told.is_empty() && self.state == Conversation::Thinking {
                    self.enter(tick, Conversation::Idle);
                }
            }
            Input::Emotion(emotion, strength) => {
                self.baseline = (emotion, strength);
                self.borrowed = false;
            }
        }
    }

    /// What the passing of time does.
    fn mind(&mut self, tick: Tick, voice: Voice, out: &mut Vec<Output>) {
        let age = tick.0 - self.since.0;
        match self.state {
            Conversation::Thinking | Conversation::Speaking
                if self.voice_since.is_some_and(|since| tick.0 - since.0 >= self.barge_in_ticks)
                    && (voice.busy || age > 1) =>
            {
                self.first = self.counter.begin();
                self.told.clear();
                out.push(Output::Stop);
                self.enter(tick, Conversation::Listening);
            }
            Conversation::Thinking if voice.turn.is_some_and(|turn| turn >= self.first) => {
                self.enter(tick, Conversation::Speaking);
            }
            Conversation::Thinking if age > PATIENCE || age > TAKE_UP && !voice.busy => {
                self.enter(tick, Conversation::Idle);
            }
            Conversation::Speaking if !voice.busy => self.enter(tick, Conversation::Idle),
            Conversation::Listening if self.voice_since.is_none() && age > LISTEN_ON => {
                self.enter(tick, Conversation::Idle);
            }
            Conversation::Idle if self.voice_since.is_some() => self.enter(tick, Conversation::Listening),
            _ => {}
        }
        let over = matches!(self.state, Conversation::Idle | Conversation::Listening);
        if self.borrowed && over && tick.0 - self.since.0 >= EMOTION_STAYS {
            self.borrowed = false;
            let (emotion, strength) = self.baseline;
            out.push(Output::Emotion(emotion, strength));
        }
    }

    fn answer(
        &mut self,
        tick: Tick,
        text: &str,
        language: Language,
        answer: &mut dyn FnMut(&str, Language) -> Reply,
        out: &mut Vec<Output>,
    ) {
        let reply = answer(text, language);
        if let Some(emotion) = reply.emotion {
            // The face answers before the voice does.
            out.push(Output::Emotion(emotion, ANSWER_STRENGTH));
        }
        self.speak(tick, reply.text, language, reply.emotion, QueueMode::Replace, out);
    }

    fn speak(
        &mut self,
        tick: Tick,
        text: String,
        language: Language,
        emotion: Option<Emotion>,
        queue: QueueMode,
        out: &mut Vec<Output>,
    ) {
        let turn = self.counter.begin();
        let speaks = matches!(self.state, Conversation::Thinking | Conversation::Speaking);
        // What waits for others stands in the transcript when it is said.
        let shown = queue == QueueMode::Replace || !speaks;
        if shown {
            self.told.clear();
        }
        if queue == QueueMode::Replace {
            self.first = turn;
        }
        // Wrong mark-up is the voice's to tell.
        let (script, _) = Script::read(&text);
        let feels = emotion.is_some() || script.has_emotion();
        let words = script.plain();
        if shown {
            self.borrowed |= feels;
            self.enter(tick, Conversation::Thinking);
            self.line(Speaker::Avatar, words.clone(), language, true, out);
        }
        if self.told.len() == TURNS_KEPT {
            self.told.pop_front();
        }
        self.told.push_back(Told { turn, text: words, language, feels, shown });
        out.push(Output::Speak { turn, queue, text, language, emotion });
    }

    /// Another turn begins to sound, or goes on: its line stands in the transcript, and the face is not left with the emotion
    /// of another one.
    fn hear(&mut self, voice: Voice, out: &mut Vec<Output>) {
        let Some(turn) = voice.turn.filter(|turn| *turn != self.sounded) else { return };
        self.sounded = turn;
        let Some(told) = self.told.iter_mut().find(|told| told.turn == turn) else { return };
        self.said.clone_from(&told.text);
        let line = (!std::mem::replace(&mut told.shown, true)).then(|| (told.text.clone(), told.language));
        let feels = told.feels;
        if let Some((text, language)) = line {
            self.line(Speaker::Avatar, text, language, true, out);
        }
        if self.borrowed && !feels {
            let (emotion, strength) = self.baseline;
            out.push(Output::Emotion(emotion, strength));
        }
        self.borrowed = feels;
    }

    fn line(&self, speaker: Speaker, text: String, language: Language, is_final: bool, out: &mut Vec<Output>) {
        out.push(Output::Line { speaker, text, language, is_final });
    }

    /// Partial words that turned out to be none are taken back.
    fn take_back(&mut self, language: Language, out: &mut Vec<Output>) {
        if std::mem::take(&mut self.partial_shown) {
            self.line(Speaker::User, String::new(), language, false, out);
        }
    }

    /// Whether heard words are the character's own, come back through the microphone.
    fn is_own(&self, tick: Tick, text: &str, voice: Voice) -> bool {
        let lately = voice.turn.is_some() || self.last_sound.is_some_and(|at| tick.0 - at.0 <= ECHO_STAYS);
        lately && text.split_whitespace().count() >= OWN_WORDS_NEEDED && likeness(text, &self.said) >= OWN_WORDS
    }

    fn enter(&mut self, tick: Tick, state: Conversation) {
        self.state = state;
        self.since = tick;
    }
}

#[cfg(test)]
mod tests;
