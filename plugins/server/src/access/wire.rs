//! A connection as it comes in: a place is taken, TLS is spoken where it is spoken, and the requests on it are told how
//! they came.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::http::Request;
use axum_server::{
    accept::Accept,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tower_service::Service;

use super::{Gate, Places, client::client, limits::Place};

/// The first byte of a TLS connection: a record of type handshake (RFC 8446, section 5.1). No HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// How a request came. Put into each by its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    /// Whether it came over TLS.
    pub(crate) is_encrypted: bool,
}

impl Arrival {
    /// A request that came over no connection at all, as in tests of handlers.
    pub(crate) const NOWHERE: Self = Self { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), is_encrypted: false };
}

/// Takes connections in.
#[derive(Clone)]
pub(crate) struct Entrance {
    gate: Arc<Gate>,
    places: Places,
    tls: Option<RustlsAcceptor>,
}

impl Entrance {
    pub(crate) fn new(gate: Arc<Gate>, tls: Option<RustlsConfig>) -> Self {
        let patience = gate.limits.head_patience;
        let tls = tls.map(|config| RustlsAcceptor::new(config).handshake_timeout(patience));
        Self { places: Places::new(&gate.limits), gate, tls }
    }

    async fn welcome(self, stream: TcpStream) -> io::Result<(Wire, Arrival)> {
        let peer = stream.peer_addr()?.ip().to_canonical();
        let is_proxy = self.gate.proxies.contains(&peer);
        let Some(place) = self.places.take(client(peer, &Default::default(), &[]), is_proxy) else {
            self.gate.meters.crowded.increment(1);
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "no place is left for another connection"));
        };
        stream.set_nodelay(true)?;
        // Without TLS on a port that speaks it, the request is still read, so that it can be told what to do.
        let acceptor = match &self.tls {
            Some(acceptor) if self.begins_with_tls(&stream).await? => acceptor,
            _ => return Ok((Wire { kind: Kind::Plain(stream), _place: place }, Arrival { peer, is_encrypted: false })),
        };
        let (stream, _) = acceptor.accept(stream, ()).await?;
        Ok((Wire { kind: Kind::Tls(Box::new(stream)), _place: place }, Arrival { peer, is_encrypted: true }))
    }

    async fn begins_with_tls(&self, stream: &TcpStream) -> io::Result<bool> {
        let mut first = [0];
        let seen = timeout(self.gate.limits.head_patience, stream.peek(&mut first)).await??;
        Ok(seen == 1 && first[0] == TLS_HANDSHAKE)
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Entrance {
    type Stream = Wire;
    type Service = Told<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Wire, Told<S>)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let entrance = self.clone();
        Box::pin(async move {
            let (wire, arrival) = entrance.welcome(stream).await?;
            Ok((wire, Told { service, arrival }))
        })
    }
}

/// A service whose requests are told how they came.
#[derive(Clone)]
pub(crate) struct Told<S> {
    service: S,
    arrival: Arrival,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Told<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.arrival);
        self.service.call(request)
    }
}

/// A connection and its place.
pub(crate) struct Wire {
    kind: Kind,
    _place: Place,
}

enum Kind {
    Plain(TcpStream),
    Tls(Box<<RustlsAcceptor as Accept<TcpStream, ()>>::Stream>),
}

/// Does the same with either kind of stream.
macro_rules! on {
    ($wire:expr, $stream:ident => $call:expr) => {
        match &mut $wire.get_mut().kind {
            Kind::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Kind::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_read(context, into))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        on!(self, stream => stream.poll_write(context, from))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on!(self, stream => stream.poll_write_vectored(context, from))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Plain(stream) => stream.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
