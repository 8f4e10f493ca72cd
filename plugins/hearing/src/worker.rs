//! Whisper's thread.

use visage_core::{StopFlag, Worker};
use visage_models::Store;

use crate::{
    ear::Job,
    whisper::{Understood, Whisper},
};

/// Jobs that may wait. The ear has at most one under way, and loading is asked for once: the queue is never full.
pub(crate) const COMMANDS: usize = 4;
/// Answers that may wait for the tick; the worker waits while it is full, which costs nobody anything.
pub(crate) const EVENTS: usize = 4;

/// What the recogniser is told to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Load the model, unless it is loaded.
    Load,
    /// Understand.
    Understand(Job),
}

/// What it reports.
#[derive(Debug)]
pub(crate) enum Event {
    /// The model is loaded.
    Ready,
    /// It cannot be loaded, with the reason in a person's words.
    Unavailable(String),
    /// The answer to a job.
    Understood { id: u64, understood: Understood },
    /// A job was left off because nobody wanted its answer any more.
    LeftOff { id: u64 },
    /// A job failed, with the reason.
    Failed { id: u64, reason: String },
}

/// Owns the model.
pub(crate) struct Recogniser {
    pub(crate) store: Store,
    pub(crate) threads: usize,
    pub(crate) whisper: Option<Whisper>,
}

impl Recogniser {
    fn load(&mut self, emit: &mut dyn FnMut(Event)) {
        if self.whisper.is_some() {
            return;
        }
        match Whisper::open(&self.store, self.threads) {
            Ok(whisper) => {
                self.whisper = Some(whisper);
                emit(Event::Ready);
            }
            Err(error) => emit(Event::Unavailable(error.to_string())),
        }
    }
}

impl Worker for Recogniser {
    type Command = Command;
    type Event = Event;

    fn if_lost(command: &Command) -> Option<Event> {
        match command {
            Command::Load => None,
            Command::Understand(job) => Some(Event::Failed {
                id: job.id,
                reason: "recognition was interrupted by a fault and begins anew".into(),
            }),
        }
    }

    /// The model is loaded again.
    fn renew(&mut self) {
        self.whisper = None;
    }

    fn handle(&mut self, command: Command, emit: &mut dyn FnMut(Event), _stop: &StopFlag) {
        match command {
            Command::Load => self.load(emit),
            Command::Understand(job) => {
                self.load(emit);
                let id = job.id;
                let Some(whisper) = &mut self.whisper else {
                    emit(Event::Failed { id, reason: "the speech model is not loaded".into() });
                    return;
                };
                match whisper.understand_unless(&job.stop, &job.samples, job.tongue, &job.before) {
                    Ok(Some(understood)) => emit(Event::Understood { id, understood }),
                    Ok(None) => emit(Event::LeftOff { id }),
                    Err(error) => emit(Event::Failed { id, reason: error.to_string() }),
                }
            }
        }
    }
}
