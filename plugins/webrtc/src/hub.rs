//! What the tick, the encoder and the viewers share. Everything that crosses between them passes one of these channels;
//! each says its direction, its size, and what happens when it is full.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use tokio::sync::{broadcast, watch};
use visage_core::Tick;
use visage_schedule::RemoteCommand;
use visage_stream::MediaLine;

/// Encoded frames, encoder → viewers: half a second. A viewer's task that falls behind more loses frames and goes on with
/// the next keyframe.
const PICTURES: usize = 16;
/// Opus packets, encoder → viewers: half a second. A viewer's task that falls behind more loses sound.
const SOUNDS: usize = 32;
/// Events, tick → viewers. A viewer whose data channel is stuck loses the oldest; the state is kept apart and is never lost.
const EVENTS: usize = 256;
/// Orders, viewers → tick. When full, the order is answered by a problem.
const ORDERS: usize = 64;
/// Microphone sound, viewers → tick: two seconds in pieces of 20 ms. When full, sound is dropped.
const MICROPHONE: usize = 100;

/// An encoded frame, cut into the payloads of RTP packets.
#[derive(Debug)]
pub(crate) struct Picture {
    pub rtp_time: u32,
    pub keyframe: bool,
    pub payloads: Vec<Bytes>,
}

/// An Opus packet and when it is to leave.
#[derive(Debug)]
pub(crate) struct Sound {
    pub rtp_time: u32,
    pub departure: Instant,
    pub payload: Bytes,
}

/// The ends of the channels that the tick holds.
#[derive(Debug)]
pub(crate) struct TickEnds {
    pub orders: Receiver<RemoteCommand>,
    pub microphone: Receiver<Vec<f32>>,
}

/// A viewer's number. Never 0.
pub(crate) type ViewerId = u64;

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Hub {
    pub pictures: broadcast::Sender<Arc<Picture>>,
    pub sounds: broadcast::Sender<Arc<Sound>>,
    pub events: broadcast::Sender<Arc<str>>,
    /// The latest state as JSON; `None` before the first tick.
    pub state: watch::Sender<Option<Arc<str>>>,
    orders: Sender<RemoteCommand>,
    microphone: Sender<Vec<f32>>,
    pub clock: Clock,
    seats: usize,
    seated: AtomicUsize,
    next_viewer: AtomicU64,
    watching: AtomicUsize,
    keyframe: AtomicBool,
    /// The lock is held for a few comparisons.
    microphones: Mutex<Microphones>,
}

/// Who may be heard.
#[derive(Debug, Default)]
struct Microphones {
    /// Viewers whose microphone is on, the last to switch it on at the end.
    on: Vec<ViewerId>,
    /// While none is on (somebody else may have ordered to listen): the first who sent sound.
    first: Option<ViewerId>,
    /// The last one whose microphone was on has left without switching it off.
    left: bool,
}

impl Microphones {
    fn switch(&mut self, viewer: ViewerId, on: bool) {
        self.on.retain(|other| *other != viewer);
        if on {
            self.on.push(viewer);
            self.left = false;
        }
    }

    fn has_the_word(&mut self, viewer: ViewerId) -> bool {
        match self.on.last() {
            Some(last) => *last == viewer,
            None => *self.first.get_or_insert(viewer) == viewer,
        }
    }

    fn leave(&mut self, viewer: ViewerId) {
        let was_on = self.on.contains(&viewer);
        self.on.retain(|other| *other != viewer);
        self.first = self.first.filter(|first| *first != viewer);
        self.left |= was_on && self.on.is_empty();
    }
}

impl Hub {
    pub(crate) fn new(seats: usize) -> (Arc<Self>, TickEnds) {
        let (orders, orders_out) = crossbeam_channel::bounded(ORDERS);
        let (microphone, microphone_out) = crossbeam_channel::bounded(MICROPHONE);
        let hub = Self {
            pictures: broadcast::Sender::new(PICTURES),
            sounds: broadcast::Sender::new(SOUNDS),
            events: broadcast::Sender::new(EVENTS),
            state: watch::Sender::new(None),
            orders,
            microphone,
            clock: Clock::new(),
            seats,
            seated: AtomicUsize::new(0),
            next_viewer: AtomicU64::new(1),
            watching: AtomicUsize::new(0),
            keyframe: AtomicBool::new(false),
            microphones: Mutex::default(),
        };
        (Arc::new(hub), TickEnds { orders: orders_out, microphone: microphone_out })
    }

    /// Gives a seat to a viewer, or `None` when all are taken.
    pub(crate) fn sit(self: &Arc<Self>) -> Option<Seat> {
        let take = |seated: usize| (seated < self.seats).then_some(seated + 1);
        self.seated.try_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(Seat { viewer: self.next_viewer.fetch_add(1, Ordering::Relaxed), hub: self.clone() })
    }

    /// How many viewers there may be.
    pub(crate) const fn seats(&self) -> usize {
        self.seats
    }

    /// Counts a viewer as watching, from whom a keyframe is needed, until the guard is dropped.
    pub(crate) fn watch(self: &Arc<Self>) -> Watching {
        self.watching.fetch_add(1, Ordering::Relaxed);
        self.ask_for_keyframe();
        Watching(self.clone())
    }

    /// Viewers that receive the picture now.
    pub(crate) fn watching(&self) -> usize {
        self.watching.load(Ordering::Relaxed)
    }

    /// A receiver cannot go on without a keyframe.
    pub(crate) fn ask_for_keyframe(&self) {
        self.keyframe.store(true, Ordering::Relaxed);
    }

    /// Whether a keyframe was asked for since the last call.
    pub(crate) fn take_keyframe_request(&self) -> bool {
        self.keyframe.swap(false, Ordering::Relaxed)
    }

    /// Hands an order to the tick. The error is a sentence for the viewer. A viewer who mutes the own microphone does not
    /// mute that of another.
    pub(crate) fn order(&self, viewer: ViewerId, order: RemoteCommand) -> Result<(), String> {
        // Held until the order is queued: who leaves or switches on meanwhile does so before or after it.
        let mut microphones = self.microphones();
        if let RemoteCommand::Listen { on } = order {
            microphones.switch(viewer, on);
            if !on && !microphones.on.is_empty() {
                return Ok(());
            }
        }
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => "Too many orders are waiting; this one was left out.".into(),
            TrySendError::Disconnected(_) => "The program is ending.".into(),
        })
    }

    /// Hands microphone sound to the tick, if it comes from the viewer who has the word: the last of those whose microphone
    /// is on, or the first who spoke.
    pub(crate) fn hear(&self, viewer: ViewerId, samples: Vec<f32>) {
        if self.microphones().has_the_word(viewer)
            && let Err(error) = self.microphone.try_send(samples)
        {
            tracing::debug!("microphone sound was dropped: {error}");
        }
    }

    /// Whether the last viewer whose microphone was on has left since the last call, so that nobody is to be listened to
    /// any more. Asked after the orders were taken.
    pub(crate) fn take_left(&self) -> bool {
        std::mem::take(&mut self.microphones().left)
    }

    fn microphones(&self) -> MutexGuard<'_, Microphones> {
        self.microphones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A viewer's place. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    pub viewer: ViewerId,
    hub: Arc<Hub>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.seated.fetch_sub(1, Ordering::Relaxed);
        self.hub.microphones().leave(self.viewer);
    }
}

/// A viewer that receives the picture.
#[derive(Debug)]
pub(crate) struct Watching(Arc<Hub>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watching.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The media clock against the machine's clocks.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    began_unix: Duration,
    line: Mutex<MediaLine>,
}

impl Clock {
    fn new() -> Self {
        // A clock before 1970 is as good as any other: only differences matter.
        let began_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), began_unix, line: Mutex::new(MediaLine::default()) }
    }

    fn line(&self) -> MediaLine {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// Tells that the tick runs now. The lock is held for a few additions.
    pub(crate) fn observe(&self, tick: Tick, now: Instant) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).observe(tick, self.since(now));
    }

    /// Time since 1970, by a clock that is never adjusted while the program runs.
    pub(crate) fn unix(&self, now: Instant) -> Duration {
        self.began_unix + self.since(now)
    }

    /// The same in milliseconds.
    pub(crate) fn unix_ms(&self, now: Instant) -> f64 {
        self.unix(now).as_secs_f64() * 1e3
    }

    /// Time on an RTP clock.
    pub(crate) fn rtp_time(&self, now: Instant, hertz: u32) -> Option<u32> {
        self.line().rtp_time(self.since(now), hertz)
    }

    /// The tick, with a fraction.
    pub(crate) fn tick(&self, now: Instant) -> Option<f64> {
        self.line().tick(self.since(now))
    }

    /// When the packet that begins with the sample is to leave.
    pub(crate) fn departure(&self, first_sample: u64) -> Option<Instant> {
        Some(self.began + self.line().departure(first_sample)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_given_back() {
        let (hub, _ends) = Hub::new(2);
        let first = hub.sit().expect("free");
        let second = hub.sit().expect("free");
        assert!(first.viewer != second.viewer && hub.sit().is_none());
        drop(first);
        assert!(hub.sit().is_some());
    }

    #[test]
    fn one_microphone_is_heard_at_a_time() {
        let (hub, ends) = Hub::new(3);
        let (first, second) = (hub.sit().expect("free"), hub.sit().expect("free"));
        hub.hear(first.viewer, vec![1.0]);
        hub.hear(second.viewer, vec![2.0]);
        hub.order(second.viewer, RemoteCommand::Listen { on: true }).expect("room");
        hub.hear(first.viewer, vec![3.0]);
        hub.hear(second.viewer, vec![4.0]);
        drop(second);
        hub.hear(first.viewer, vec![5.0]);
        assert_eq!(ends.microphone.try_iter().flatten().collect::<Vec<_>>(), [1.0, 4.0, 5.0]);
        assert_eq!(ends.orders.try_iter().count(), 1);
    }

    #[test]
    fn who_leaves_with_the_microphone_on_is_listened_to_no_more() {
        let listen = |on| RemoteCommand::Listen { on };
        let (hub, _ends) = Hub::new(3);
        let sit = || hub.sit().expect("free");
        let (first, second, silent) = (sit(), sit(), sit());
        hub.order(first.viewer, listen(true)).expect("room");
        hub.order(second.viewer, listen(true)).expect("room");
        drop(silent);
        drop(second);
        assert!(!hub.take_left(), "the first one's microphone is still on");
        let third = sit();
        drop(first);
        assert!(hub.take_left() && !hub.take_left());
        // Whoever switches on in the same tick is heard.
        let fourth = sit();
        hub.order(third.viewer, listen(true)).expect("room");
        drop(third);
        hub.order(fourth.viewer, listen(true)).expect("room");
        assert!(!hub.take_left());
        // Who switched off before leaving has said so already.
        hub.order(fourth.viewer, listen(false)).expect("room");
        drop(fourth);
        assert!(!hub.take_left());
    }

    #[test]
    fn muting_does_not_mute_the_one_who_has_the_word() {
        let (hub, ends) = Hub::new(2);
        let (first, second) = (hub.sit().expect("free"), hub.sit().expect("free"));
        let (on, off) = (RemoteCommand::Listen { on: true }, RemoteCommand::Listen { on: false });
        for (viewer, order) in [(&first, &on), (&second, &on), (&first, &off), (&second, &off)] {
            hub.order(viewer.viewer, order.clone()).expect("room");
        }
        assert_eq!(ends.orders.try_iter().collect::<Vec<_>>(), [on.clone(), on, off]);
    }

    #[test]
    fn too_many_orders_are_told() {
        let (hub, ends) = Hub::new(1);
        let told = (0..100).filter(|_| hub.order(1, RemoteCommand::Stop).is_err()).count();
        assert_eq!((told, ends.orders.len()), (100 - ORDERS, ORDERS));
        drop(ends);
        assert_eq!(hub.order(1, RemoteCommand::Stop), Err("The program is ending.".into()));
    }

    #[test]
    fn every_new_watcher_needs_a_keyframe() {
        let (hub, _ends) = Hub::new(1);
        assert!(!hub.take_keyframe_request());
        let watching = hub.watch();
        assert!(hub.take_keyframe_request() && !hub.take_keyframe_request());
        assert_eq!(hub.watching(), 1);
        drop(watching);
        assert_eq!(hub.watching(), 0);
    }
}
