//! The signalling WebSocket: carries texts between a viewer and `webrtc`, within limits, and understands none of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::{
    sync::{mpsc, watch},
    time,
};
use visage_schedule::SignalSocket;

/// Longest text in either direction, bytes (docs/api/signalling.md).
const MAX_TEXT_BYTES: usize = 65_536;
/// Longest frame that is read at all, bytes: more than a text may have, so that a text that is too long can be answered.
pub(crate) const MAX_FRAME_BYTES: usize = 2 * MAX_TEXT_BYTES;
/// Signalling connections at once, so that idle ones cannot use up the machine. One more is refused with 503.
pub(crate) const MAX_SOCKETS: usize = 32;
/// Texts that wait in each direction. Full towards `webrtc`: the viewer's socket is not read until there is room. Full
/// towards the viewer: `webrtc` decides.
const TEXTS: usize = 64;
/// Texts that a viewer may send at once, and how many more each second. An offer with all its candidates is about 20.
const BURST: f64 = 200.0;
const TEXTS_PER_SECOND: f64 = 20.0;
/// How often the viewer is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(15);
/// Silence after which it is taken to be gone: two pings without an answer.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a closing handshake may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// One seat among [`MAX_SOCKETS`], given back when dropped.
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Seat {
    /// A seat, if there is one.
    pub(crate) fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < MAX_SOCKETS).then_some(count + 1))
            .ok()
            .map(|_| Self(taken.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How often somebody may do something: a bucket that fills steadily and overflows at [`BURST`].
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    const fn full(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * TEXTS_PER_SECOND;
        self.left = (self.left + gained).min(BURST);
        self.at = now;
        let allowed = self.left >= 1.0;
        if allowed {
            self.left -= 1.0;
        }
        allowed
    }
}

/// Hands the viewer in and carries its texts until one side ends, the viewer breaks a rule, or the server closes.
pub(crate) async fn carry(
    mut socket: WebSocket,
    door: mpsc::Sender<SignalSocket>,
    mut closing: watch::Receiver<bool>,
    seat: Seat,
) {
    let (to_webrtc, from_viewer) = mpsc::channel(TEXTS);
    let (to_viewer, mut from_webrtc) = mpsc::channel::<String>(TEXTS);
    let mut allowance = Allowance::full(Instant::now());
    let mut ping = time::interval(PING_EVERY);
    let mut last_sign = Instant::now();

    let farewell = if door.try_send(SignalSocket { from_viewer, to_viewer }).is_err() {
        Some((close_code::AGAIN, "too many viewers are being welcomed; try again"))
    } else {
        loop {
            tokio::select! {
                text = from_webrtc.recv() => match text {
                    Some(text) => if socket.send(Message::Text(text.into())).await.is_err() { break None },
                    None => break Some((close_code::NORMAL, "")),
                },
                message = socket.recv() => {
                    last_sign = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) if text.len() > MAX_TEXT_BYTES => {
                            break Some((close_code::SIZE, "a message may have 65536 bytes"));
                        }
                        Some(Ok(Message::Text(text))) => {
                            if !allowance.take(last_sign) {
                                break Some((close_code::POLICY, "too many messages"));
                            }
                            if to_webrtc.send(text.as_str().to_owned()).await.is_err() {
                                break Some((close_code::NORMAL, ""));
                            }
                        }
                        Some(Ok(Message::Binary(_))) => break Some((close_code::UNSUPPORTED, "texts only")),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        // Gone without a word, or far beyond what a frame may hold.
                        Some(Err(error)) => {
                            tracing::debug!("a viewer's signalling connection broke: {error}");
                            break None;
                        }
                        Some(Ok(Message::Close(_))) | None => break None,
                    }
                },
                _ = ping.tick() => {
                    if last_sign.elapsed() > PATIENCE || socket.send(Message::Ping(Default::default())).await.is_err() {
                        break None;
                    }
                },
                () = closed(&mut closing) => break Some((close_code::AWAY, "the server is closing")),
            }
        }
    };
    drop((to_webrtc, from_webrtc, seat));
    if let Some((code, reason)) = farewell {
        // Whether it arrives or not, the connection ends here.
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        if time::timeout(FAREWELL, socket.send(close)).await.is_ok_and(|sent| sent.is_ok()) {
            let _ = time::timeout(FAREWELL, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
        }
    }
}

/// Ends when the server closes.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is the end of the app as well.
    let _ = closing.wait_for(|closing| *closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_used_up_and_comes_back() {
        let start = Instant::now();
        let mut allowance = Allowance::full(start);
        let at_once = (0..1_000).filter(|_| allowance.take(start)).count();
        assert_eq!(at_once, BURST as usize);
        let a_second_later = (0..1_000).filter(|_| allowance.take(start + Duration::from_secs(1))).count();
        assert_eq!(a_second_later, TEXTS_PER_SECOND as usize);
        let much_later = (0..1_000).filter(|_| allowance.take(start + Duration::from_secs(1_000))).count();
        assert_eq!(much_later, BURST as usize);
    }

    #[test]
    fn seats_are_given_back() {
        let taken = Arc::new(AtomicUsize::new(0));
        let mut seats: Vec<_> = std::iter::repeat_with(|| Seat::take(&taken)).take_while(Option::is_some).collect();
        assert_eq!(seats.len(), MAX_SOCKETS);
        seats.pop();
        assert!(Seat::take(&taken).is_some());
    }
}
