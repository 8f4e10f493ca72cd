//! The ear: a stream of microphone sound becomes jobs for Whisper, and their answers become words. A pure state machine:
//! its only clock is the sound itself, and the caller carries jobs to a worker and answers back.
//!
//! While somebody speaks, the growing window is understood again and again (partial words). As soon as the voice pauses,
//! the final run begins, before it is known whether the turn has ended: if the person goes on, its words were partial
//! ones; if the pause grows long enough, they are the final ones and there is nothing left to wait for.

use std::collections::VecDeque;

use visage_core::{LONGEST_TEXT, Language, StopFlag};

use crate::{
    echo::EchoGate,
    resample::Downsampler,
    text::{Agreement, is_finished, words_of},
    vad::{Frame, VAD_FRAME, VoiceDetector},
    whisper::{Tongue, Understood, WHISPER_RATE},
};

/// Sound kept from before a voice was noticed: 0.4 s. The detector needs up to 0.11 s and first sounds are soft.
const PRE_ROLL: usize = samples(0.4);
/// Pause after which the final run begins.
const SPECULATE: usize = samples(0.16);
/// Sound of a pause that is given to Whisper with the speech.
const TAIL: usize = SPECULATE;
/// Pause after which nobody is said to speak any more.
const SILENT: usize = samples(0.3);
/// New sound between the beginnings of two partial runs.
const PARTIAL_EVERY: usize = samples(0.6);
/// Least sound between the end of a partial run and the beginning of the next one. It is at least as long as the run
/// took: half of one processor core is for other work, however long the window.
const PARTIAL_REST: usize = samples(0.15);
/// Shortest window for a partial run: with less, Whisper guesses.
const FIRST_PARTIAL: usize = PRE_ROLL + samples(0.5);
/// A partial run that misses no more than this of the voice is as good as a final one: the detector hears a voice for
/// up to 0.13 s after its end.
const MISSED: usize = samples(0.064);
/// Partial words less certain than this (mean logarithm of probability) are not shown.
const SHOWN: f32 = -0.9;
/// When the voice goes on after a pause, a window longer than this is closed: its words are settled.
const SETTLE_AFTER: usize = samples(8.0);
/// A window as long as this is closed without a pause, at its quietest moment of the last [`CUT_WITHIN`].
const LONGEST: usize = samples(20.0);
/// Where the quietest moment is looked for.
const CUT_WITHIN: usize = samples(4.0);
/// A turn whose settled words are longer than this ends, whoever goes on speaking, and another one begins: six minutes of
/// speech without a pause that would end it. It bounds the memory of a turn (a radio beside the microphone).
const LONGEST_TURN: usize = LONGEST_TEXT;
/// Voice needed in a run, and certainty of the language (logarithm of its odds), to stop asking for it.
const LANGUAGE_VOICED: usize = samples(1.5) / VAD_FRAME;
const LANGUAGE_CERTAIN: f32 = 2.0;

const fn samples(seconds: f32) -> usize {
    (seconds * WHISPER_RATE as f32) as usize
}

/// When a turn ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pauses {
    /// Seconds of silence that end a turn whose text is a finished sentence.
    pub finished: f32,
    /// Seconds of silence that end any turn.
    pub unfinished: f32,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { finished: 0.45, unfinished: 0.9 }
    }
}

/// Work for Whisper. One at a time.
#[derive(Debug)]
pub(crate) struct Job {
    /// Comes back with the answer.
    pub(crate) id: u64,
    /// Mono, 16 kHz.
    pub(crate) samples: Vec<f32>,
    /// In which language.
    pub(crate) tongue: Tongue,
    /// What the person said before, in the same turn.
    pub(crate) before: String,
    /// Set when nobody wants the answer any more.
    pub(crate) stop: StopFlag,
}

/// What the ear has to say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EarEvent {
    /// Somebody begins or ceases to speak.
    Voice(bool),
    /// Words; final ones end the turn. `latency` is the sound since the last sound of the voice (final words) or since the
    /// sound that the words cover (partial ones), in seconds.
    Words { text: String, language: Language, is_final: bool, latency: f32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Partial,
    Final,
    Settle,
}

/// A job under way: its id, what for, and how much of the window it covers.
#[derive(Clone, Copy, Debug)]
struct Running {
    id: u64,
    kind: Kind,
    covers: usize,
}

#[derive(Debug, Default)]
struct UtteranceHeard {
    /// Sound since the utterance (or its last settled part) began.
    window: Vec<f32>,
    /// Frames with voice in the window.
    voiced: usize,
    /// Voice frames in a row up to now.
    run: usize,
    /// End of the last voice in the window.
    last_voice: usize,
    /// Whether it was said that somebody speaks.
    told: bool,
    /// Words of earlier windows.
    settled: String,
    language: Option<Language>,
    /// Language of the latest run.
    leaning: Option<Language>,
    agreement: Agreement,
    /// What was last shown.
    shown: String,
    /// Length of the window at which the next partial run may begin.
    next_partial: usize,
    /// The latest final run: the `last_voice` that it covers, and its words.
    latest: Option<(usize, String, Language)>,
    /// No more sound will come.
    closing: bool,
}

/// See the module.
pub(crate) struct Ear {
    pauses: Pauses,
    downsampler: Downsampler,
    gate: EchoGate,
    detector: VoiceDetector,
    /// At 16 kHz, less than a frame.
    pending: Vec<f32>,
    before: VecDeque<f32>,
    utterance: Option<UtteranceHeard>,
    /// The language of the conversation so far.
    expected: Option<Language>,
    running: Option<Running>,
    /// Ends the job under way.
    stop: StopFlag,
    next_id: u64,
    job: Option<Job>,
    events: Vec<EarEvent>,
}

impl Ear {
    pub(crate) fn new(pauses: Pauses) -> Self {
        Self {
            pauses,
            downsampler: Downsampler::default(),
            gate: EchoGate::default(),
            detector: VoiceDetector::default(),
            pending: Vec::new(),
            before: VecDeque::new(),
            utterance: None,
            expected: None,
            running: None,
            stop: StopFlag::default(),
            next_id: 0,
            job: None,
            events: Vec::new(),
        }
    }

    /// Sets the language that is expected before anything was heard.
    pub(crate) fn expect(&mut self, language: Language) {
        self.expected.get_or_insert(language);
    }

    /// Takes what the character plays (48 kHz), so that it is not taken for a person.
    pub(crate) fn played(&mut self, samples: &[f32]) {
        self.gate.play(samples);
    }

    /// Takes sound of the microphone: 48 kHz, any length.
    pub(crate) fn push(&mut self, sound: &[f32]) {
        let mut pending = std::mem::take(&mut self.pending);
        self.downsampler.push(sound, &mut pending);
        let whole = pending.len() - pending.len() % VAD_FRAME;
        for frame in pending[..whole].chunks_exact(VAD_FRAME) {
            self.frame(frame);
            self.decide();
        }
        pending.drain(..whole);
        self.pending = pending;
    }

    /// Whether an utterance is under way.
    pub(crate) fn is_hearing(&self) -> bool {
        self.utterance.is_some()
    }

    /// No more sound will come: an utterance under way ends here.
    pub(crate) fn close(&mut self) {
        if let Some(utterance) = &mut self.utterance {
            utterance.closing = true;
        }
        self.decide();
    }

    /// The next job. At most one is under way.
    pub(crate) fn take_job(&mut self) -> Option<Job> {
        self.job.take()
    }

    /// What there is to say, in order.
    pub(crate) fn take_events(&mut self) -> Vec<EarEvent> {
        std::mem::take(&mut self.events)
    }

    /// A job could not be done: the utterance is given up.
    pub(crate) fn fail(&mut self, id: u64) {
        if self.running.is_some_and(|running| running.id == id) {
            self.running = None;
            self.end(None);
        }
    }

    /// A job was left off because its flag was set: there is room for the next one.
    pub(crate) fn left_off(&mut self, id: u64) {
        if self.running.is_some_and(|running| running.id == id) {
            self.running = None;
            if let Some(utterance) = &mut self.utterance {
                utterance.next_partial = utterance.window.len() + PARTIAL_REST;
            }
            self.decide();
        }
    }

    /// The answer to a job.
    pub(crate) fn answer(&mut self, id: u64, understood: &Understood) {
        let Some(running) = self.running.filter(|running| running.id == id) else { return };
        self.running = None;
        let Some(utterance) = &mut self.utterance else { return };
        let voiced = (utterance.voiced * VAD_FRAME) as f32 / WHISPER_RATE as f32;
        // A beginning is understood worse than a whole.
        let text = words_of(understood, if running.kind == Kind::Partial { voiced / 4.0 } else { voiced });
        if utterance.voiced >= LANGUAGE_VOICED && understood.german_odds.abs() >= LANGUAGE_CERTAIN {
            utterance.language.get_or_insert(understood.language);
        }
        if utterance.leaning != Some(understood.language) {
            utterance.agreement = Agreement::default();
            utterance.leaning = Some(understood.language);
        }
        match running.kind {
            Kind::Partial => {
                let now = utterance.window.len();
                let rest = PARTIAL_REST.max(now - running.covers);
                utterance.next_partial = (running.covers + PARTIAL_EVERY).max(now + rest);
                if !text.is_empty() && now > utterance.last_voice && running.covers + MISSED >= utterance.last_voice {
                    utterance.latest = Some((utterance.last_voice, text.clone(), understood.language));
                }
                if understood.confidence >= SHOWN {
                    let shown = utterance.agreement.update(&text);
                    self.show(shown, understood.language, running.covers);
                }
            }
            Kind::Final => {
                let shown = utterance.agreement.update(&text);
                utterance.latest = Some((running.covers, text, understood.language));
                utterance.next_partial = running.covers + PARTIAL_EVERY;
                self.show(shown, understood.language, running.covers);
                // The voice may have gone on while this run was made: its words are settled now, before another run
                // begins whose place in the window would then be wrong.
                self.go_on();
            }
            Kind::Settle => self.settle(running.covers, &text, understood.language),
        }
        self.decide();
    }

    fn frame(&mut self, frame: &[f32]) {
        let admitted = self.gate.admits(frame);
        let voice = self.detector.push(frame, admitted) == Frame::Voice;
        let Some(utterance) = &mut self.utterance else {
            // The character's own voice must not come before the person's words.
            self.before.extend(frame.iter().map(|&sample| if admitted { sample } else { 0.0 }));
            let surplus = self.before.len().saturating_sub(PRE_ROLL);
            self.before.drain(..surplus);
            if self.detector.begins() {
                self.begin();
            }
            return;
        };
        utterance.window.extend_from_slice(frame);
        utterance.run = if voice { utterance.run + 1 } else { 0 };
        let silence = utterance.window.len() - utterance.last_voice;
        // After a pause a single frame is no voice yet.
        if voice && (silence < SPECULATE || utterance.run >= 3) {
            utterance.voiced += 1;
            utterance.last_voice = utterance.window.len();
            if !utterance.told {
                utterance.told = true;
                self.events.push(EarEvent::Voice(true));
            }
            self.go_on();
        } else if silence >= SILENT && utterance.told {
            utterance.told = false;
            self.events.push(EarEvent::Voice(false));
        }
    }

    fn begin(&mut self) {
        let window: Vec<f32> = self.before.drain(..).collect();
        let last_voice = window.len();
        self.utterance = Some(UtteranceHeard {
            last_voice,
            window,
            voiced: 4,
            told: true,
            next_partial: FIRST_PARTIAL,
            ..UtteranceHeard::default()
        });
        self.detector.set_speaking(true);
        self.events.push(EarEvent::Voice(true));
    }

    /// The voice goes on: words of a final run that came too early are partial ones, or settled if they are many.
    fn go_on(&mut self) {
        let Some(utterance) = &mut self.utterance else { return };
        if let Some((covers, text, language)) = utterance.latest.take_if(|(covers, ..)| *covers < utterance.last_voice)
            && covers > SETTLE_AFTER
        {
            self.settle(covers, &text, language);
        }
    }

    /// Takes the words of the window's first part for good and goes on with the rest.
    fn settle(&mut self, covers: usize, text: &str, language: Language) {
        let Some(utterance) = &mut self.utterance else { return };
        utterance.settled = join(&utterance.settled, text);
        utterance.window.drain(..covers.min(utterance.window.len()));
        utterance.last_voice = utterance.last_voice.saturating_sub(covers);
        utterance.agreement = Agreement::default();
        utterance.latest = None;
        utterance.next_partial = samples(0.5);
        if utterance.settled.chars().count() > LONGEST_TURN {
            let text = std::mem::take(&mut utterance.settled);
            utterance.shown.clear();
            let latency = (utterance.window.len() - utterance.last_voice) as f32 / WHISPER_RATE as f32;
            self.events.push(EarEvent::Words { text, language, is_final: true, latency });
        }
    }

    fn show(&mut self, text: String, language: Language, covers: usize) {
        let Some(utterance) = &mut self.utterance else { return };
        let text = join(&utterance.settled, &text);
        if !text.is_empty() && text != utterance.shown {
            utterance.shown.clone_from(&text);
            let latency = utterance.window.len().saturating_sub(covers) as f32 / WHISPER_RATE as f32;
            self.events.push(EarEvent::Words { text, language, is_final: false, latency });
        }
    }

    /// Begins the next run, or ends the turn.
    fn decide(&mut self) {
        let Some(utterance) = &self.utterance else { return };
        let silence = utterance.window.len() - utterance.last_voice;
        let paused = silence >= SPECULATE || utterance.closing;
        if let Some(running) = self.running {
            // A partial run that began before the voice paused only keeps the final one waiting.
            if paused && running.kind == Kind::Partial && running.covers + MISSED < utterance.last_voice {
                self.stop.set();
            }
            return;
        }
        if let Some((covers, text, language)) = &utterance.latest
            && *covers == utterance.last_voice
        {
            let text = join(&utterance.settled, text);
            let finished = text.is_empty() || is_finished(&text, *language);
            let pause = samples(if finished { self.pauses.finished } else { self.pauses.unfinished });
            if silence >= pause || utterance.closing {
                let language = *language;
                self.end(Some((text, language)));
            }
        } else if paused {
            let until = (utterance.last_voice + TAIL).min(utterance.window.len());
            self.run(Kind::Final, utterance.last_voice, until);
        } else if utterance.window.len() >= LONGEST {
            let cut = quietest(&utterance.window);
            self.run(Kind::Settle, cut, cut);
        } else if utterance.window.len() >= utterance.next_partial && silence == 0 {
            // Not while it grows quiet: the final run may be about to begin.
            self.run(Kind::Partial, utterance.window.len(), utterance.window.len());
        }
    }

    fn run(&mut self, kind: Kind, covers: usize, until: usize) {
        let Some(utterance) = &self.utterance else { return };
        let id = self.next_id;
        self.next_id += 1;
        let tongue = utterance.language.map_or(Tongue::Either(self.expected), Tongue::Known);
        self.running = Some(Running { id, kind, covers });
        self.stop = StopFlag::default();
        let (samples, before) = (utterance.window[..until].to_vec(), utterance.settled.clone());
        self.job = Some(Job { id, samples, tongue, before, stop: self.stop.clone() });
    }

    /// The turn is over, with words or without.
    fn end(&mut self, words: Option<(String, Language)>) {
        let Some(utterance) = self.utterance.take() else { return };
        self.detector.set_speaking(false);
        if utterance.told {
            self.events.push(EarEvent::Voice(false));
        }
        let latency = (utterance.window.len() - utterance.last_voice) as f32 / WHISPER_RATE as f32;
        let (text, language) = words.unwrap_or_default();
        if !text.is_empty() {
            self.expected = Some(language);
        }
        // Empty final words take back what was shown.
        if !text.is_empty() || !utterance.shown.is_empty() {
            self.events.push(EarEvent::Words { text, language, is_final: true, latency });
        }
    }
}

fn join(before: &str, after: &str) -> String {
    if before.is_empty() || after.is_empty() { format!("{before}{after}") } else { format!("{before} {after}") }
}

/// The middle of the quietest tenth of a second in the window's last part.
fn quietest(window: &[f32]) -> usize {
    const LOOK: usize = samples(0.1);
    let from = window.len().saturating_sub(CUT_WITHIN);
    window[from..]
        .chunks_exact(LOOK)
        .enumerate()
        .map(|(index, chunk)| (index, chunk.iter().map(|sample| sample * sample).sum::<f32>()))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(window.len(), |(index, _)| from + index * LOOK + LOOK / 2)
}

#[cfg(test)]
mod tests;
