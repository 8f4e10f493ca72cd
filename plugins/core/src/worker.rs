//! Inference off the tick: a named thread that owns a model and its buffers, fed by a bounded queue.
//!
//! ```
//! use visage_core::{StopFlag, Worker, WorkerHandle};
//!
//! struct Doubler;
//! impl Worker for Doubler {
//!     type Command = u32;
//!     type Event = u32;
//!     fn handle(&mut self, command: u32, emit: &mut dyn FnMut(u32), _stop: &StopFlag) {
//!         emit(command * 2);
//!     }
//! }
//! let worker = WorkerHandle::spawn("doubler", 4, 4, || Ok::<_, std::io::Error>(Doubler));
//! assert!(worker.try_send(21).is_ok());
//! assert_eq!(worker.recv_timeout(std::time::Duration::from_secs(5)), Some(42));
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

/// Work that blocks: runs on its own thread, one command at a time.
pub trait Worker {
    /// What it is told to do.
    type Command: Send + 'static;
    /// What it reports.
    type Event: Send + 'static;

    /// Handles one command. `emit` may be called any number of times; it blocks while the queue of events is full and
    /// does nothing once the handle is gone. Long work asks `stop` now and then and returns early if it is set.
    fn handle(&mut self, command: Self::Command, emit: &mut dyn FnMut(Self::Event), stop: &StopFlag);
}

/// Tells a worker that nobody waits for its result any more.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Whether the worker should return as soon as it can.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks the worker to return as soon as it can.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A command that could not be queued.
pub type Job<C> = Result<(), C>;

/// The tick's end of a worker. Dropping it asks the thread to stop and does not wait for it.
#[derive(Debug)]
pub struct WorkerHandle<C, E> {
    commands: Option<Sender<C>>,
    events: Receiver<E>,
    stop: StopFlag,
    name: String,
}

impl<C: Send + 'static, E: Send + 'static> WorkerHandle<C, E> {
    /// Starts a thread called `name`. `make` runs on that thread (loading a model takes time); if it fails, the error is
    /// logged once and the worker ends: sending to it then gives the command back.
    ///
    /// `commands` and `events` are the capacities of the two queues.
    pub fn spawn<W, Error>(
        name: &str,
        commands: usize,
        events: usize,
        make: impl FnOnce() -> Result<W, Error> + Send + 'static,
    ) -> Self
    where
        W: Worker<Command = C, Event = E>,
        Error: std::fmt::Display,
    {
        let (command_in, command_out) = bounded::<C>(commands);
        let (event_in, event_out) = bounded::<E>(events);
        let stop = StopFlag::default();
        let thread_stop = stop.clone();
        let thread_name = name.to_owned();
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut worker = match make() {
                Ok(worker) => worker,
                Err(error) => {
                    tracing::error!("{thread_name}: {error}");
                    return;
                }
            };
            for command in command_out {
                if thread_stop.is_set() {
                    return;
                }
                let mut emit = |event| {
                    // The receiver is gone only when the handle was dropped; then nobody waits for the event.
                    if event_in.send(event).is_err() {
                        thread_stop.set();
                    }
                };
                worker.handle(command, &mut emit, &thread_stop);
            }
        });
        if let Err(error) = spawned {
            tracing::error!("cannot start the thread {name}: {error}");
        }
        Self { commands: Some(command_in), events: event_out, stop, name: name.to_owned() }
    }

    /// Queues a command without waiting. Gives it back when the queue is full or the worker has ended.
    pub fn try_send(&self, command: C) -> Job<C> {
        let Some(commands) = &self.commands else { return Err(command) };
        commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(command) => {
                tracing::debug!("{}: the queue is full", self.name);
                command
            }
            TrySendError::Disconnected(command) => {
                tracing::debug!("{}: the worker has ended", self.name);
                command
            }
        })
    }

    /// The next event, if there is one.
    pub fn try_recv(&self) -> Option<E> {
        self.events.try_recv().ok()
    }

    /// Waits for an event; for tools and tests, never for a system.
    pub fn recv_timeout(&self, patience: Duration) -> Option<E> {
        self.events.recv_timeout(patience).ok()
    }
}

impl<C, E> Drop for WorkerHandle<C, E> {
    fn drop(&mut self) {
        self.stop.set();
        self.commands = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u32);
    impl Worker for Counter {
        type Command = u32;
        type Event = u32;
        fn handle(&mut self, command: u32, emit: &mut dyn FnMut(u32), _stop: &StopFlag) {
            for _ in 0..command {
                self.0 += 1;
                emit(self.0);
            }
        }
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn events_arrive_in_order() {
        let worker = WorkerHandle::spawn("counter", 4, 1, || Ok::<_, std::io::Error>(Counter(0)));
        assert!(worker.try_send(3).is_ok());
        let seen: Vec<_> = (0..3).map(|_| worker.recv_timeout(PATIENCE)).collect();
        assert_eq!(seen, [Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn a_worker_that_cannot_start_gives_commands_back() {
        let worker =
            WorkerHandle::spawn("broken", 4, 1, || Err::<Counter, _>(std::io::Error::other("no model file")));
        // The queue closes when the thread has ended; until then a command may still be taken.
        assert_eq!(worker.recv_timeout(PATIENCE), None);
        assert_eq!(worker.try_send(1), Err(1));
    }
}
