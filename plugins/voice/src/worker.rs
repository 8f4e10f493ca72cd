//! The thread that makes speech: takes whole texts, gives back pieces one by one, and leaves off when nobody wants them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use visage_core::{Emotion, Language, Script, StopFlag, TurnId, Utterance, Worker};
use visage_schedule::VoiceSettings;

use crate::{Synthesiser, VoiceError, synthesis::check_length, text::pieces};

/// Commands that may wait for the thread. While there are more, a text waits in the tick's own queue, which gives one at a
/// time; the others are texts that are not wanted any more, and voices to be made ready.
pub(crate) const COMMANDS: usize = 16;
/// Results that may wait for the tick. When it is full, the thread waits: no more speech is made than is heard soon.
pub(crate) const EVENTS: usize = 4;

/// The count of changes in what is to be made. Work that carries an older one is not wanted any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epoch(Arc<AtomicU64>);

impl Epoch {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, epoch: u64) {
        self.0.store(epoch, Ordering::Relaxed);
    }
}

/// A text to be spoken.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) epoch: u64,
    pub(crate) turn: TurnId,
    pub(crate) text: String,
    pub(crate) language: Language,
    pub(crate) emotion: Option<Emotion>,
    pub(crate) settings: VoiceSettings,
    /// Pieces at its beginning that are there already.
    pub(crate) skip: usize,
}

#[derive(Debug)]
pub(crate) enum Command {
    /// Speak a text.
    Speak(Order),
    /// Make voices ready.
    Prepare(Vec<(Language, VoiceSettings)>),
}

#[derive(Debug)]
pub(crate) enum Event {
    /// A piece is ready, and which one of its order's text it is.
    Piece { epoch: u64, index: usize, utterance: Arc<Utterance>, took: Duration },
    /// All of an order has been made, or given up.
    Finished { epoch: u64 },
    /// A person should know this.
    Notice(String),
    /// What is not as it should be from now on, in words.
    Standing(Vec<String>),
    /// A fault ended an order (or, without an epoch, the making ready of a voice).
    Lost { epoch: Option<u64> },
}

pub(crate) struct VoiceWorker {
    pub(crate) synthesiser: Synthesiser,
    pub(crate) epoch: Epoch,
    /// What was last reported as [`Event::Standing`].
    pub(crate) standing: Vec<String>,
}

impl Worker for VoiceWorker {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, command: Command, emit: &mut dyn FnMut(Event), stop: &StopFlag) {
        match command {
            Command::Prepare(voices) => self.synthesiser.prepare(&voices),
            Command::Speak(order) => {
                self.speak(&order, emit, stop);
                emit(Event::Finished { epoch: order.epoch });
            }
        }
        self.tell(emit);
    }

    fn if_lost(command: &Command) -> Option<Event> {
        let epoch = match command {
            Command::Speak(order) => Some(order.epoch),
            Command::Prepare(_) => None,
        };
        Some(Event::Lost { epoch })
    }

    fn renew(&mut self) {
        self.synthesiser.renew();
    }
}

impl VoiceWorker {
    /// Reports what the engines have to say.
    fn tell(&mut self, emit: &mut dyn FnMut(Event)) {
        self.synthesiser.take_notices().into_iter().for_each(|notice| emit(Event::Notice(notice)));
        let standing = self.synthesiser.standing_notices();
        if standing != self.standing {
            self.standing.clone_from(&standing);
            emit(Event::Standing(standing));
        }
    }

    fn speak(&mut self, order: &Order, emit: &mut dyn FnMut(Event), stop: &StopFlag) {
        if let Err(error) = check_length(&order.text) {
            emit(Event::Notice(error.to_string()));
            return;
        }
        let (script, problem) = Script::read(&order.text);
        // Of a text that is gone on with it was told before.
        if let Some(problem) = problem.filter(|_| order.skip == 0) {
            emit(Event::Notice(problem.to_string()));
        }
        let pieces = pieces(&script, order.language);
        let count = pieces.len();
        for (index, mut piece) in pieces.into_iter().enumerate().skip(order.skip) {
            let is_wanted = || !stop.is_set() && self.epoch.now() == order.epoch;
            if !is_wanted() {
                return;
            }
            piece.style.emotion = piece.style.emotion.or(order.emotion);
            let began = Instant::now();
            let finished = self.synthesiser.finish_while(&piece, order.language, &order.settings, &is_wanted);
            let finished = match finished {
                Ok(finished) => finished,
                Err(VoiceError::NothingToSay) => continue,
                Err(VoiceError::Unwanted) => return,
                Err(error) => {
                    emit(Event::Notice(error.to_string()));
                    return;
                }
            };
            let utterance = Arc::new(Utterance {
                turn: order.turn,
                text: piece.text,
                language: order.language,
                emotion: piece.style.emotion,
                samples: finished.samples.into(),
                timeline: Some(finished.timeline),
                last: index + 1 == count,
            });
            emit(Event::Piece { epoch: order.epoch, index, utterance, took: began.elapsed() });
            self.tell(emit);
        }
    }
}
