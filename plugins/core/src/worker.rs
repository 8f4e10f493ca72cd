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
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
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

    /// What is reported in place of the rest if handling `command` ends in a panic, so that nobody waits for it for ever.
    /// Asked before each command. `None` if nobody waits for an answer.
    fn if_lost(command: &Self::Command) -> Option<Self::Event> {
        let _ = command;
        None
    }

    /// Begins anew after a panic: whatever was half done when it came (a model that was being loaded, a buffer) is to be
    /// thrown away. The next command comes after a pause of 0.1 s, which doubles with every panic in a row up to 5 s.
    fn renew(&mut self) {}
}

/// The pause after a panic; it doubles with every further one in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The pause does not grow beyond this: a worker whose every command ends in a panic does so every five seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a pausing worker looks whether it is to stop.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The pause after the `count`th panic in a row, counted from 1.
fn pause_after(count: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << count.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

/// The words of a panic.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
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
    ended: Arc<AtomicBool>,
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

/// Makes the calling thread, and those that it starts, give way to the others of the program: for work in the background
/// that would make ticks late where cores are few. Does nothing on systems where only the whole program can be polite.
pub fn give_way() {
    // As much as counts: one tenth of the share of a thread that is not.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!("the thread keeps its priority: {error}");
    }
}

/// A thread that is no [`Worker`]'s is at work: while this lives, [`wait_for_workers`] waits for it.
#[derive(Debug)]
pub struct ThreadAtWork(());

impl ThreadAtWork {
    /// Work begins; it ends when the value is dropped.
    pub fn begin() -> Self {
        THREADS.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for ThreadAtWork {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Nothing is pending any more once the thread has ended.
struct Ended {
    pending: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Ended {
    fn new(pending: Arc<AtomicUsize>, ended: Arc<AtomicBool>) -> Self {
        THREADS.fetch_add(1, Ordering::AcqRel);
        Self { pending, ended }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        self.pending.store(0, Ordering::Release);
        THREADS.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<C: Send + 'static, E: Send + 'static> WorkerHandle<C, E> {
    /// Starts a thread called `name`. `make` runs on that thread (loading a model takes time); if it fails, the error is
    /// logged once and the worker ends: sending to it then gives the command back.
    ///
    /// A panic in [`Worker::handle`] does not end the thread: it is logged, [`Worker::if_lost`] is reported,
    /// [`Worker::renew`] is called, and after a pause the next command is handled.
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
        let ended = Arc::new(AtomicBool::new(false));
        let load = Arc::new(Load { pending: pending.clone(), events: event_out.clone(), ended: ended.clone() });
        let weak: Weak<dyn Settles> = Arc::downgrade(&(load.clone() as Arc<dyn Settles>));
        LOADS.lock().unwrap_or_else(PoisonError::into_inner).push(weak);
        let ended = Ended::new(pending, ended);
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let pending = &ended.pending;
            // Goes before `ended` does: whoever sees that nothing is pending any more cannot hand in a command.
            let command_out = command_out;
            let mut worker = match make() {
                Ok(worker) => worker,
                Err(error) => {
                    tracing::error!("{thread_name}: {error}");
                    return;
                }
            };
            take_one(pending);
            let mut panics = 0;
            while let Ok(command) = command_out.recv() {
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
                let if_lost = W::if_lost(&command);
                let handled = catch_unwind(AssertUnwindSafe(|| worker.handle(command, &mut emit, &thread_stop)));
                let Err(panic) = handled else {
                    panics = 0;
                    continue;
                };
                panics += 1;
                tracing::error!("{thread_name}: the work ended in a panic ({}); it begins anew", words_of(&*panic));
                // What it had is half done, and may not even let itself be thrown away.
                let renewed = catch_unwind(AssertUnwindSafe(|| worker.renew()));
                if_lost.into_iter().for_each(&mut emit);
                if renewed.is_err() {
                    tracing::error!("{thread_name}: it cannot begin anew; it ends");
                    command_out.try_iter().filter_map(|command| W::if_lost(&command)).for_each(&mut emit);
                    drop(command_out);
                    return;
                }
                let until = Instant::now() + pause_after(panics);
                while Instant::now() < until && !thread_stop.is_set() {
                    thread::sleep(LOOK_AGAIN);
                }
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

    /// Whether the thread has ended for good: it could not be started, or not begin anew after a panic.
    pub fn has_ended(&self) -> bool {
        self.load.ended.load(Ordering::Acquire)
    }

    /// Whether it has done all that it was told, or waits for its events to be taken.
    pub fn is_settled(&self) -> bool {
        self.load.is_settled()
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
mod tests;
