//! Bodies that come too slowly are given up, so that nobody holds a handler by sending a byte now and then.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::body::Body;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout};

use super::Limits;

/// Says whether a body was given up.
pub(crate) struct Slow(Arc<AtomicBool>);

impl Slow {
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The same body, which ends with an error when it stalls or takes too long.
pub(crate) fn watched(body: Body, limits: &Limits) -> (Body, Slow) {
    let slow = Arc::new(AtomicBool::new(false));
    let (stall, end, told) = (limits.body_stall, Instant::now() + limits.body_patience, slow.clone());
    let parts = stream::unfold(Some(body.into_data_stream()), move |parts| {
        let told = told.clone();
        async move {
            let mut parts = parts?;
            let patience = stall.min(end.saturating_duration_since(Instant::now()));
            match timeout(patience, parts.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(part))) => Some((Ok(part), Some(parts))),
                Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
                Err(_) => {
                    told.store(true, Ordering::Relaxed);
                    Some((Err(io::Error::from(io::ErrorKind::TimedOut)), None))
                }
            }
        }
    });
    (Body::from_stream(parts), Slow(slow))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    /// Reads a body within limits: its length, unless it was given up, and whether it was.
    async fn read(body: Body, limits: Limits) -> (Option<usize>, bool) {
        let (body, slow) = watched(body, &limits);
        let read = axum::body::to_bytes(body, 1 << 20).await.ok().map(|bytes| bytes.len());
        (read, slow.happened())
    }

    #[tokio::test]
    async fn slow_bodies_are_given_up() {
        const SHORT: Duration = Duration::from_millis(50);
        let piece = || Ok::<_, io::Error>(Bytes::from_static(b"x"));
        let whole = || Body::from_stream(stream::iter((0..100).map(move |_| piece())));
        assert_eq!(read(whole(), Limits::default()).await, (Some(100), false));
        assert_eq!(read(Body::empty(), Limits::default()).await, (Some(0), false));

        let stalls = Body::from_stream(stream::iter([piece()]).chain(stream::pending()));
        assert_eq!(read(stalls, Limits { body_stall: SHORT, ..Limits::default() }).await, (None, true));

        let endless = stream::unfold((), move |()| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((piece(), ()))
        });
        let limits = Limits { body_patience: SHORT, ..Limits::default() };
        assert_eq!(read(Body::from_stream(endless), limits).await, (None, true));

        let broken = stream::iter([piece(), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
        assert_eq!(read(Body::from_stream(broken), Limits::default()).await, (None, false));
    }
}
