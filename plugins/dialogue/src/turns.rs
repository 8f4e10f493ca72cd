//! Whose turn it is: a state machine over ticks. It decides what is spoken, when the character is interrupted, and which
//! lines the transcript has; it makes no sound and knows no clock but the index of the tick.

use visage_core::{Emotion, Language, TICK_HZ, Tick, TurnCounter, TurnId};
use visage_schedule::{Conversation, Speaker};

use crate::{responder::Reply, words::likeness};

/// Ticks that a new turn may take to sound before it is given up.
const PATIENCE: u64 = 10 * TICK_HZ as u64;
/// Ticks that an answer is shown to be in the making before the voice has taken it up.
const TAKE_UP: u64 = 30;
/// Ticks that a person may be silent without final words before nobody is listened to any more.
const LISTEN_ON: u64 = 3 * TICK_HZ as u64;
/// Ticks that an emotion stays on the face after what was said with it.
const EMOTION_STAYS: u64 = 36;
/// Ticks after the character's last sound in which its words may still come back from the microphone.
const ECHO_STAYS: u64 = 3 * TICK_HZ as u64;
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
    /// A person has set the emotion.
    Emotion(Emotion),
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
    /// Show an emotion.
    Emotion(Emotion),
}

/// What sounds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// The turn that is heard.
    pub turn: Option<TurnId>,
    /// Whether a turn is heard or prepared.
    pub busy: bool,
}

/// The state.
#[derive(Debug, Default)]
pub struct Turns {
    barge_in_ticks: u64,
    counter: TurnCounter,
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
    /// The emotion that a person has set.
    baseline: Emotion,
    /// Whether the face shows the emotion of an answer.
    borrowed: bool,
}

impl Turns {
    /// Nobody has said anything. A person must speak for `barge_in_ticks` before the character falls silent.
    pub fn new(barge_in_ticks: u64) -> Self {
        Self { barge_in_ticks, ..Self::default() }
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
            Input::Say { text, language, emotion } => {
                if !text.trim().is_empty() {
                    self.speak(tick, text, language, emotion, out);
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
                self.counter.begin();
                if self.state != Conversation::Listening {
                    self.enter(tick, Conversation::Idle);
                }
            }
            Input::Emotion(emotion) => {
                self.baseline = emotion;
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
                self.counter.begin();
                out.push(Output::Stop);
                self.enter(tick, Conversation::Listening);
            }
            Conversation::Thinking if voice.turn == Some(self.counter.current()) => {
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
            out.push(Output::Emotion(self.baseline));
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
            out.push(Output::Emotion(emotion));
        }
        self.speak(tick, reply.text, language, reply.emotion, out);
    }

    fn speak(&mut self, tick: Tick, text: String, language: Language, emotion: Option<Emotion>, out: &mut Vec<Output>) {
        let turn = self.counter.begin();
        self.borrowed |= emotion.is_some();
        self.said.clone_from(&text);
        self.enter(tick, Conversation::Thinking);
        self.line(Speaker::Avatar, text.clone(), language, true, out);
        out.push(Output::Speak { turn, text, language, emotion });
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
mod tests {
    use super::*;
    use visage_core::Language::English;

    fn say(text: &str) -> Input {
        Input::Say { text: text.into(), language: English, emotion: None }
    }

    fn heard(text: &str, is_final: bool) -> Input {
        Input::Heard { text: text.into(), language: English, is_final }
    }

    /// Something that happens to the conversation at a tick.
    enum Event {
        /// An input.
        In(Input),
        /// The voice takes up the present turn, or has nothing more to say.
        Busy(bool),
        /// The present turn begins to sound.
        Sounds,
    }
    use Event::{Busy, In, Sounds};

    fn brief(output: &Output) -> String {
        match output {
            Output::Stop => "stop".into(),
            Output::Speak { turn, text, .. } => format!("speak {} {text}", turn.0),
            Output::Line { speaker, text, is_final, .. } => {
                format!(
                    "{} {text}{}",
                    if *speaker == Speaker::User { "user:" } else { "avatar:" },
                    if *is_final { "" } else { " …" }
                )
            }
            Output::Emotion(emotion) => format!("emotion {emotion}"),
        }
    }

    /// Runs a scenario of events by tick; expects outputs by tick, and the state at the end.
    fn check(name: &str, events: Vec<(u64, Event)>, expected: &[(u64, &str)], end: Conversation) {
        let mut turns = Turns::new(4);
        let mut voice = Voice::default();
        let mut found = Vec::new();
        let mut events = events.into_iter().peekable();
        let last = expected.last().map_or(0, |(tick, _)| *tick) + 5;
        let mut tick = 0;
        while events.peek().is_some() || tick <= last {
            let mut inputs = Vec::new();
            while let Some((_, event)) = events.next_if(|(at, _)| *at == tick) {
                match event {
                    In(input) => inputs.push(input),
                    Busy(busy) => voice = Voice { busy, turn: voice.turn.filter(|_| busy) },
                    Sounds => voice = Voice { busy: true, turn: Some(turns.counter.current()) },
                }
            }
            let mut answer = |text: &str, _| Reply { text: format!("re {text}"), emotion: Some(Emotion::Happy) };
            let outputs = turns.step(Tick(tick), inputs, voice, &mut answer);
            if outputs.contains(&Output::Stop) {
                voice = Voice::default();
            }
            found.extend(outputs.iter().map(|output| (tick, brief(output))));
            tick += 1;
        }
        let expected: Vec<_> = expected.iter().map(|&(tick, text)| (tick, text.to_owned())).collect();
        assert_eq!(found, expected, "{name}");
        assert_eq!(turns.state(), end, "{name}");
    }

    #[test]
    fn the_character_says_what_it_is_told() {
        check(
            "one",
            vec![(1, In(say("One."))), (2, Busy(true)), (5, Sounds), (50, Busy(false))],
            &[(1, "avatar: One."), (1, "speak 1 One.")],
            Conversation::Idle,
        );
        check(
            "a second order replaces the first",
            vec![(1, In(say("One."))), (2, Busy(true)), (5, Sounds), (9, In(say("Two."))), (12, Sounds)],
            &[(1, "avatar: One."), (1, "speak 1 One."), (9, "avatar: Two."), (9, "speak 2 Two.")],
            Conversation::Speaking,
        );
        check("nothing is not said", vec![(1, In(say("  ")))], &[], Conversation::Idle);
    }

    #[test]
    fn a_person_is_answered() {
        check(
            "spoken",
            vec![
                (1, In(Input::Voice(true))),
                (9, In(heard("how", false))),
                (20, In(Input::Voice(false))),
                (25, In(heard("how are you", true))),
                (26, Busy(true)),
                (30, Sounds),
                (60, Busy(false)),
                (120, Busy(false)),
            ],
            &[
                (9, "user: how …"),
                (25, "user: how are you"),
                (25, "emotion happy"),
                (25, "avatar: re how are you"),
                (25, "speak 1 re how are you"),
                (96, "emotion neutral"),
            ],
            Conversation::Idle,
        );
        check(
            "written",
            vec![(1, In(Input::Wrote { text: "hi".into(), language: English })), (2, Busy(true))],
            &[(1, "user: hi"), (1, "emotion happy"), (1, "avatar: re hi"), (1, "speak 1 re hi")],
            Conversation::Thinking,
        );
        check(
            "partial words that were none",
            vec![
                (1, In(Input::Voice(true))),
                (9, In(heard("you", false))),
                (20, In(Input::Voice(false))),
                (25, In(heard("", true))),
            ],
            &[(9, "user: you …"), (25, "user:  …")],
            Conversation::Listening,
        );
    }

    #[test]
    fn a_person_interrupts() {
        check(
            "by speaking on",
            vec![(1, In(say("One."))), (2, Busy(true)), (5, Sounds), (40, In(Input::Voice(true)))],
            &[(1, "avatar: One."), (1, "speak 1 One."), (44, "stop")],
            Conversation::Listening,
        );
        check(
            "not by a short noise",
            vec![
                (1, In(say("One."))),
                (2, Busy(true)),
                (5, Sounds),
                (40, In(Input::Voice(true))),
                (43, In(Input::Voice(false))),
            ],
            &[(1, "avatar: One."), (1, "speak 1 One.")],
            Conversation::Speaking,
        );
        check(
            "by going on before the answer sounds",
            vec![
                (1, In(Input::Voice(true))),
                (20, In(Input::Voice(false))),
                (25, In(heard("I would", true))),
                (26, Busy(true)),
                (27, In(Input::Voice(true))),
            ],
            &[
                (25, "user: I would"),
                (25, "emotion happy"),
                (25, "avatar: re I would"),
                (25, "speak 1 re I would"),
                (31, "stop"),
                (67, "emotion neutral"),
            ],
            Conversation::Listening,
        );
        check(
            "by the stop button, which makes the turn stale",
            vec![
                (1, In(say("One."))),
                (2, Busy(true)),
                (5, Sounds),
                (9, In(Input::Stop)),
                (10, Busy(false)),
                (12, In(say("Two."))),
            ],
            &[(1, "avatar: One."), (1, "speak 1 One."), (12, "avatar: Two."), (12, "speak 3 Two.")],
            Conversation::Thinking,
        );
    }

    #[test]
    fn the_characters_own_words_are_not_answered() {
        check(
            "while it speaks",
            vec![
                (1, In(say("The weather is nice today."))),
                (2, Busy(true)),
                (5, Sounds),
                (30, In(heard("weather is nice today", true))),
            ],
            &[(1, "avatar: The weather is nice today."), (1, "speak 1 The weather is nice today.")],
            Conversation::Speaking,
        );
        check(
            "but a person may say something else",
            vec![
                (1, In(say("The weather is nice today."))),
                (2, Busy(true)),
                (5, Sounds),
                (30, In(heard("what time is it", true))),
            ],
            &[
                (1, "avatar: The weather is nice today."),
                (1, "speak 1 The weather is nice today."),
                (30, "user: what time is it"),
                (30, "emotion happy"),
                (30, "avatar: re what time is it"),
                (30, "speak 2 re what time is it"),
            ],
            Conversation::Thinking,
        );
    }

    #[test]
    fn an_emotion_that_a_person_set_comes_back() {
        check(
            "sad before, sad after",
            vec![
                (1, In(Input::Emotion(Emotion::Sad))),
                (2, In(Input::Wrote { text: "hi".into(), language: English })),
                (3, Busy(true)),
                (5, Sounds),
                (20, Busy(false)),
            ],
            &[(2, "user: hi"), (2, "emotion happy"), (2, "avatar: re hi"), (2, "speak 1 re hi"), (56, "emotion sad")],
            Conversation::Idle,
        );
    }

    #[test]
    fn a_voice_that_fails_does_not_hold_the_conversation_up() {
        check(
            "never taken up",
            vec![(1, In(say("One."))), (60, Busy(false))],
            &[(1, "avatar: One."), (1, "speak 1 One.")],
            Conversation::Idle,
        );
    }
}
