//! Keeps a device open while it is wanted: opens it away from the tick, notices when it is gone, and opens it again when
//! it is back. Counts ticks, so that it can be tested without a device and without a clock.

use crossbeam_channel::Receiver;

use crate::AudioError;

/// Ticks between two attempts after a device was lost; it doubles with every failure up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: u32 = 60;
/// Ticks between two attempts where there never was a device: half a minute. Some systems write to the terminal whenever
/// one is looked for.
const LONGEST_PAUSE: u32 = 900;

/// A device that may go away.
pub(crate) trait Device {
    /// Whether it has gone away or stands still.
    fn is_lost(&mut self) -> bool;
}

/// Where the result of an opening will be; capacity one, for the one device.
pub(crate) type Opening<D> = Receiver<Result<D, AudioError>>;

/// See the file's head.
pub(crate) struct Keeper<D> {
    /// "microphone" or "loudspeaker".
    name: &'static str,
    wanted: bool,
    state: State<D>,
    /// Ticks before the next attempt but one.
    pause: u32,
    /// Why it is not open though it is wanted.
    trouble: Option<String>,
}

enum State<D> {
    Closed,
    Opening(Opening<D>),
    Open(D),
    /// Ticks until the next attempt.
    Waiting(u32),
}

impl<D: Device> Keeper<D> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, wanted: false, state: State::Closed, pause: LONGEST_PAUSE, trouble: None }
    }

    /// Whether it is to be open from now on. Wanting it again tries at once.
    pub(crate) fn want(&mut self, wanted: bool) {
        let waits = matches!(self.state, State::Waiting(_));
        if !wanted || waits {
            self.state = State::Closed;
            self.trouble = None;
        }
        self.wanted = wanted;
    }

    /// One tick. Gives what a person should be told, once for each outage.
    pub(crate) fn step(&mut self, open: impl FnOnce() -> Opening<D>) -> Option<String> {
        match &mut self.state {
            State::Closed if self.wanted => self.state = State::Opening(open()),
            State::Waiting(0) => self.state = State::Opening(open()),
            State::Waiting(left) => *left -= 1,
            State::Opening(opening) => match opening.try_recv() {
                Ok(Ok(device)) => {
                    self.state = State::Open(device);
                    self.pause = FIRST_PAUSE;
                    self.trouble = None;
                }
                Ok(Err(error)) => return self.fail(error.to_string()),
                Err(error) if error.is_disconnected() => {
                    return self.fail(format!("the {} could not be opened", self.name));
                }
                Err(_) => {}
            },
            State::Open(device) => {
                if device.is_lost() {
                    return self.fail(format!("the {} went away; it is used again as soon as it is back", self.name));
                }
            }
            State::Closed => {}
        }
        None
    }

    fn fail(&mut self, why: String) -> Option<String> {
        self.state = State::Waiting(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        // The first reason is the one that a person can do something about.
        if self.trouble.is_some() {
            return None;
        }
        self.trouble = Some(why.clone());
        Some(why)
    }

    /// The device, if it is open.
    pub(crate) fn device(&mut self) -> Option<&mut D> {
        if let State::Open(device) = &mut self.state { Some(device) } else { None }
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use crossbeam_channel::bounded;

    use super::*;

    /// A device with a plug.
    struct Plugged(Rc<Cell<bool>>);
    impl Device for Plugged {
        fn is_lost(&mut self) -> bool {
            !self.0.get()
        }
    }

    /// A microphone whose plug a test pulls and puts in again.
    struct Bench {
        keeper: Keeper<Plugged>,
        plug: Rc<Cell<bool>>,
        attempts: u32,
        told: Vec<String>,
    }

    impl Bench {
        fn new(plugged: bool) -> Self {
            let plug = Rc::new(Cell::new(plugged));
            Self { keeper: Keeper::new("microphone"), plug, attempts: 0, told: Vec::new() }
        }

        fn ticks(&mut self, count: u32) {
            for _ in 0..count {
                let (plug, attempts) = (&self.plug, &mut self.attempts);
                let told = self.keeper.step(|| {
                    *attempts += 1;
                    let (sender, receiver) = bounded(1);
                    let device =
                        if plug.get() { Ok(Plugged(plug.clone())) } else { Err(AudioError::Missing("microphone")) };
                    sender.send(device).expect("there is room for one");
                    receiver
                });
                self.told.extend(told);
            }
        }
    }

    #[test]
    fn it_is_open_exactly_while_it_is_wanted() {
        let mut bench = Bench::new(true);
        bench.ticks(5);
        assert!(!bench.keeper.is_open() && bench.attempts == 0);
        bench.keeper.want(true);
        bench.ticks(2);
        assert!(bench.keeper.device().is_some() && bench.attempts == 1);
        bench.keeper.want(true);
        bench.ticks(100);
        assert_eq!(bench.attempts, 1, "wanting it twice opens it once");
        bench.keeper.want(false);
        assert!(!bench.keeper.is_open());
        bench.ticks(1_000);
        assert_eq!((bench.attempts, bench.told.len()), (1, 0));
    }

    #[test]
    fn a_device_that_was_unplugged_is_opened_when_it_is_back() {
        let mut bench = Bench::new(true);
        bench.keeper.want(true);
        bench.ticks(10);
        bench.plug.set(false);
        bench.ticks(500);
        assert!(!bench.keeper.is_open() && bench.keeper.is_wanted());
        assert!(matches!(&bench.told[..], [text] if text.contains("went away")), "{:?}", bench.told);
        assert_eq!(bench.keeper.trouble(), Some(bench.told[0].as_str()));
        assert!((3..6).contains(&bench.attempts), "{} attempts", bench.attempts);
        bench.plug.set(true);
        bench.ticks(LONGEST_PAUSE + 2);
        assert!(bench.keeper.is_open() && bench.keeper.trouble().is_none());
        // The next outage is told again, and the first attempt comes soon again.
        bench.plug.set(false);
        bench.ticks(2);
        bench.plug.set(true);
        bench.ticks(FIRST_PAUSE + 2);
        assert!(bench.keeper.is_open());
        assert_eq!(bench.told.len(), 2);
    }

    #[test]
    fn a_device_that_never_was_is_told_once_and_found_later() {
        let mut bench = Bench::new(false);
        bench.keeper.want(true);
        bench.ticks(2 * LONGEST_PAUSE);
        assert!(matches!(&bench.told[..], [text] if text.contains("no microphone found")), "{:?}", bench.told);
        assert!(bench.attempts <= 3, "{} attempts", bench.attempts);
        bench.plug.set(true);
        // A person who asks again does not wait for the next attempt.
        bench.keeper.want(true);
        bench.ticks(2);
        assert!(bench.keeper.is_open());
    }
}
