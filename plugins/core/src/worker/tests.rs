//! Workers that work, that are stubborn, and that end in a panic.

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

/// Doubles numbers; an odd one ends in a panic, after it has broken the worker.
struct Brittle {
    broken: bool,
}
impl Worker for Brittle {
    type Command = u32;
    type Event = Result<u32, u32>;
    fn handle(&mut self, command: u32, emit: &mut dyn FnMut(Self::Event), _stop: &StopFlag) {
        self.broken = !command.is_multiple_of(2);
        assert!(!self.broken, "{command} is odd");
        emit(Ok(command * 2));
    }
    fn if_lost(command: &u32) -> Option<Self::Event> {
        Some(Err(*command))
    }
    fn renew(&mut self) {
        self.broken = false;
    }
}

#[test]
fn a_panic_costs_one_command_and_is_answered() {
    let make = || Ok::<_, std::io::Error>(Brittle { broken: false });
    let worker = WorkerHandle::spawn("brittle", 8, 8, make);
    for command in [2, 3, 4, 5, 7, 6] {
        assert!(worker.try_send(command).is_ok());
    }
    let answers: Vec<_> = (0..6).map(|_| worker.recv_timeout(PATIENCE)).collect();
    assert_eq!(answers, [Ok(4), Err(3), Ok(8), Err(5), Err(7), Ok(12)].map(Some));
    assert!(!worker.has_ended());
    drop(worker);
    assert!(wait_for_workers(PATIENCE), "a pausing worker ends when nobody needs it");
}

/// A worker that cannot even begin anew ends, and says so by taking no more.
struct Shattered;
impl Worker for Shattered {
    type Command = u32;
    type Event = u32;
    fn handle(&mut self, _command: u32, _emit: &mut dyn FnMut(u32), _stop: &StopFlag) {
        panic!("{}", "broken");
    }
    fn if_lost(command: &u32) -> Option<u32> {
        Some(*command)
    }
    fn renew(&mut self) {
        panic!("for good");
    }
}

#[test]
fn a_worker_that_cannot_begin_anew_answers_and_ends() {
    let (let_go, held) = bounded(1);
    let make = move || held.recv().map(|()| Shattered);
    let worker = WorkerHandle::spawn("shattered", 4, 4, make);
    assert!(worker.try_send(7).is_ok() && worker.try_send(8).is_ok());
    let_go.send(()).expect("there is room for one");
    assert_eq!([worker.recv_timeout(PATIENCE), worker.recv_timeout(PATIENCE)], [Some(7), Some(8)]);
    assert_eq!(worker.recv_timeout(PATIENCE), None, "its queue of events is closed");
    assert_eq!(worker.try_send(9), Err(9));
    assert!(wait_for_workers(PATIENCE) && worker.has_ended());
}

#[test]
fn pauses_grow_to_a_limit() {
    for (count, milliseconds) in [(1, 100), (2, 200), (3, 400), (6, 3_200), (7, 5_000), (u32::MAX, 5_000)] {
        assert_eq!(pause_after(count).as_millis(), milliseconds, "after {count}");
    }
}

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
