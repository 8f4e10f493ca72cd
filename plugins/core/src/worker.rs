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
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
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
    load: Arc<Load<E>>,
}

/// What a worker has to do before it waits for somebody.
#[derive(Debug)]
struct Load<E> {
    /// Commands that it was given and has not handled; its start counts as one.
    pending: Arc<AtomicUsize>,
    events: Receiver<E>,
}

trait Settles: Send + Sync {
    fn is_settled(&self) -> bool;
}

impl<E: Send> Settles for Load<E> {
    fn is_settled(&self) -> bool {
        self.pending.load(Ordering::Acquire) == 0 || self.events.is_full()
    }
}

/// The loads of all workers of the program whose handles live.
static LOADS: Mutex<Vec<Weak<dyn Settles>>> = Mutex::new(Vec::new());

/// Whether every worker of the program has done all that it was told, or waits for its events to be taken. Rendering
/// without a clock lets time pass only then, which makes it independent of how fast the workers are.
pub fn workers_settled() -> bool {
    let mut loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
    loads.retain(|load| load.strong_count() > 0);
    loads.iter().filter_map(Weak::upgrade).all(|load| load.is_settled())
}

/// Takes one off `pending` when dropped, even by a panic.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        take_one(self.0);
    }
}

fn take_one(pending: &AtomicUsize) {
    // Never fails: the closure always gives a value.
    let _ = pending.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| Some(count.saturating_sub(1)));
}

/// Threads of workers that have not ended.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Waits until the threads of all workers whose handles are gone have ended, and says whether they have. For the end of
/// the program: a library that is torn down under a running inference may crash.
pub fn wait_for_workers(patience: Duration) -> bool {
    let began = Instant::now();
    while THREADS.load(Ordering::Acquire) > 0 {
        if began.elapsed() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Nothing is pending any more once the thread has ended.
struct Ended(Arc<AtomicUsize>);

impl Ended {
    fn new(pending: Arc<AtomicUsize>) -> Self {
        THREADS.fetch_add(1, Ordering::AcqRel);
        Self(pending)
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
        THREADS.fetch_sub(1, Ordering::AcqRel);
    }
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
        let pending = Arc::new(AtomicUsize::new(1));
        let load = Arc::new(Load { pending: pending.clone(), events: event_out.clone() });
        let weak: Weak<dyn Settles> = Arc::downgrade(&(load.clone() as Arc<dyn Settles>));
        LOADS.lock().unwrap_or_else(PoisonError::into_inner).push(weak);
        let ended = Ended::new(pending);
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let pending = &ended.0;
            let mut worker = match make() {
                Ok(worker) => worker,
                Err(error) => {
                    tracing::error!("{thread_name}: {error}");
                    return;
                }
            };
            take_one(pending);
            for command in command_out {
                let _done = Done(pending);
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
        Self { commands: Some(command_in), events: event_out, stop, name: name.to_owned(), load }
    }

    /// Queues a command without waiting. Gives it back when the queue is full or the worker has ended.
    pub fn try_send(&self, command: C) -> Job<C> {
        let Some(commands) = &self.commands else { return Err(command) };
        self.load.pending.fetch_add(1, Ordering::AcqRel);
        commands.try_send(command).map_err(|error| {
            take_one(&self.load.pending);
            match error {
                TrySendError::Full(command) => {
                    tracing::debug!("{}: the queue is full", self.name);
                    command
                }
                TrySendError::Disconnected(command) => {
                    tracing::debug!("{}: the worker has ended", self.name);
                    command
                }
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

    /// Holds a thread until it is told to go on.
    struct Stubborn(Receiver<()>);
    impl Worker for Stubborn {
        type Command = ();
        type Event = ();
        fn handle(&mut self, (): (), _emit: &mut dyn FnMut(()), _stop: &StopFlag) {
            self.0.recv().expect("the test lets go before it ends");
        }
    }

    #[test]
    fn the_end_of_the_program_waits_for_a_busy_worker() {
        let (let_go, held) = bounded(1);
        let worker = WorkerHandle::spawn("stubborn", 1, 1, || Ok::<_, std::io::Error>(Stubborn(held)));
        assert!(worker.try_send(()).is_ok());
        assert!(!wait_for_workers(Duration::from_millis(20)), "it is still busy");
        let_go.send(()).expect("there is room for one");
        drop(worker);
        assert!(wait_for_workers(PATIENCE));
    }

    #[test]
    fn events_arrive_in_order() {
        let worker = WorkerHandle::spawn("counter", 4, 1, || Ok::<_, std::io::Error>(Counter(0)));
        assert!(worker.try_send(3).is_ok());
        let seen: Vec<_> = (0..3).map(|_| worker.recv_timeout(PATIENCE)).collect();
        assert_eq!(seen, [Some(1), Some(2), Some(3)]);
    }

    /// Tests of one program share the list of workers, so each looks at its own.
    fn settles(worker: &WorkerHandle<u32, u32>) -> bool {
        let start = std::time::Instant::now();
        while !worker.load.is_settled() {
            if start.elapsed() > PATIENCE {
                return false;
            }
            thread::yield_now();
        }
        true
    }

    #[test]
    fn a_worker_settles_when_it_has_done_its_work_or_waits_for_room() {
        let worker = WorkerHandle::spawn("counter", 4, 1, || Ok::<_, std::io::Error>(Counter(0)));
        assert!(settles(&worker), "started");
        assert!(worker.try_send(3).is_ok());
        assert!(settles(&worker), "one event is there, the second waits for room");
        for expected in 1..=3 {
            assert_eq!(worker.recv_timeout(PATIENCE), Some(expected));
        }
        assert!(settles(&worker), "nothing is left to do");
        assert_eq!(worker.load.pending.load(Ordering::Acquire), 0);
    }

    #[test]
    fn a_worker_that_has_ended_is_settled() {
        let worker = WorkerHandle::spawn("broken", 4, 1, || Err::<Counter, _>(std::io::Error::other("no model file")));
        assert!(settles(&worker));
        assert_eq!(worker.try_send(1), Err(1));
        assert!(settles(&worker));
    }

    #[test]
    fn a_worker_that_cannot_start_gives_commands_back() {
        let worker = WorkerHandle::spawn("broken", 4, 1, || Err::<Counter, _>(std::io::Error::other("no model file")));
        // The queue closes when the thread has ended; until then a command may still be taken.
        assert_eq!(worker.recv_timeout(PATIENCE), None);
        assert_eq!(worker.try_send(1), Err(1));
    }
}
