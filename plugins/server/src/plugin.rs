//! Registers the server: opens it when all plugins are built, takes orders in Ingest, publishes after Last.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, SystemTime},
};

use bevy::prelude::*;
use crossbeam_channel::{Receiver, bounded};
use tokio::{runtime::Handle, sync::watch};
use visage_library::Library;
use visage_schedule::{
    CloningDoor, IngestSystems, Orders, RemoteCommand, RigDoor, SpeechDoor, StillDoor, ViewerDoor, VisageSystems,
};

use crate::{
    access::{Access, Gate, Limits, Tls, wire::Entrance},
    assets::Assets,
    listener::{Listener, ServerError},
    meters::{self, Meters},
    routes::{self, Context},
    signal::closed,
    snapshot::{self, Publisher, Snapshot},
};

/// Orders that wait for the next tick. From the handlers to the tick; a client that finds it full gets 503 and tries again.
const ORDERS: usize = 64;
/// How long requests in progress have to end when the server does.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often the certificate is read again.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);
/// Headers that a request may have, and requests at once on one connection of HTTP/2.
const HEADERS: usize = 64;
const STREAMS: u32 = 16;

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct ServerPlugin {
    /// Where the server runs.
    pub runtime: Handle,
    /// What it listens on; see [`Self::bind`].
    pub listener: Listener,
    /// Who may use it. A server that others can reach does not run without a token ([`Access::check`]).
    pub access: Access,
    /// TLS; without it the server speaks plain HTTP.
    pub tls: Option<Tls>,
    /// What one client may ask of it.
    pub limits: Limits,
    /// The characters that are served and changed.
    pub library: Library,
    /// A folder to read the page's files from instead of what is built in.
    pub web_folder: Option<PathBuf>,
}

impl ServerPlugin {
    /// The plugin with everything else as usual, and with no characters: see [`Self::library`].
    pub fn new(runtime: Handle, listener: Listener) -> Self {
        let (access, limits) = (Access::default(), Limits::default());
        Self { runtime, listener, access, tls: None, limits, library: Library::in_memory(), web_folder: None }
    }

    /// Opens the port. To be called before the app runs, so that a port in use is told at the start.
    ///
    /// # Errors
    /// Says in words why nothing can listen there.
    pub fn bind(address: SocketAddr) -> Result<Listener, ServerError> {
        Listener::open(address)
    }
}

/// Orders on their way to the tick.
#[derive(Resource)]
struct Incoming(Receiver<RemoteCommand>);

/// Ends the server when the app goes: no new connections, viewers are told, requests in progress are finished.
#[derive(Resource)]
struct Running(watch::Sender<bool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl Plugin for ServerPlugin {
    fn build(&self, app: &mut App) {
        // Orders from here and from viewers come in any order; they are separate people.
        app.add_systems(
            FixedUpdate,
            take_orders
                .in_set(IngestSystems::Receive)
                .ambiguous_with(IngestSystems::Receive)
                .run_if(resource_exists::<Incoming>),
        )
        .add_systems(
            FixedUpdate,
            (snapshot::publish.run_if(resource_exists::<Publisher>), meters::measure.run_if(resource_exists::<Meters>))
                .after(VisageSystems::Last),
        );
    }

    fn finish(&self, app: &mut App) {
        if let Err(error) = self.access.check(self.listener.address()) {
            return tracing::error!("the server does not run: {error}");
        }
        let (orders, incoming) = bounded(ORDERS);
        let (publisher, snapshot) = watch::channel(Snapshot { conversation: "idle", ..Snapshot::default() });
        let (close, closing) = watch::channel(false);
        let connections = Arc::new(AtomicUsize::new(0));
        let (meters, reader) = Meters::new(connections.clone());
        let gate = Arc::new(Gate::new(
            self.access.clone(),
            self.limits.clone(),
            self.tls.is_some(),
            self.listener.address(),
            reader.gate.clone(),
        ));
        let context = Context {
            orders,
            snapshot,
            door: app.world().get_resource::<ViewerDoor>().map(|door| door.0.clone()),
            library: self.library.clone(),
            rigs: app.world().get_resource::<RigDoor>().cloned(),
            stills: app.world().get_resource::<StillDoor>().cloned(),
            speech: app.world().get_resource::<SpeechDoor>().cloned(),
            cloning: app.world().get_resource::<CloningDoor>().cloned(),
            places: Arc::default(),
            meters: reader,
            connections,
            gate,
            assets: Arc::new(Assets { folder: self.web_folder.clone() }),
            closing: closing.clone(),
        };
        app.insert_resource(Incoming(incoming))
            .insert_resource(Publisher(publisher))
            .insert_resource(meters)
            .insert_resource(Running(close));
        self.runtime.spawn(serve(self.listener.clone(), self.tls.clone(), context, closing.clone()));
        if let Some(tls) = self.tls.clone() {
            self.runtime.spawn(renew(tls, closing));
        }
    }
}

async fn serve(listener: Listener, tls: Option<Tls>, context: Context, mut closing: watch::Receiver<bool>) {
    let mut server = match listener.socket().and_then(axum_server::from_tcp) {
        Ok(server) => server,
        Err(error) => return tracing::error!("the server cannot run on {}: {error}", listener.address()),
    };
    // The plugin may live as long as the app; only the server's copy of the socket is to stay open while it runs.
    drop(listener);
    let patience = context.gate.limits.head_patience;
    server.http_builder().http1().header_read_timeout(patience).max_headers(HEADERS);
    server.http_builder().http2().max_concurrent_streams(STREAMS).keep_alive_interval(patience);
    let handle = axum_server::Handle::new();
    let served = server
        .acceptor(Entrance::new(context.gate.clone(), tls.map(|tls| tls.config())))
        .first_request_timeout(patience)
        .accept_error_handler(|peer, error| match peer {
            // Somebody who went away, or was sent away.
            Some(peer) => tracing::debug!("a connection from {peer} came to nothing: {error}"),
            None => tracing::warn!("no connection can be taken: {error}"),
        })
        .handle(handle.clone())
        .serve(routes::router(context).into_make_service());
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = closed(&mut closing) => {
            handle.graceful_shutdown(Some(GOODBYE));
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::error!("the server ended: {error}");
    }
}

/// Keeps the certificate fresh until the server closes.
async fn renew(tls: Tls, mut closing: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = closed(&mut closing) => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let tls = tls.clone();
        // Files are read, so not on a thread of the network.
        let read = tokio::task::spawn_blocking(move || (tls.refresh(SystemTime::now()), tls.fingerprint())).await;
        match read {
            Ok((Ok(false), _)) => {}
            Ok((Ok(true), fingerprint)) => tracing::info!("there is a new certificate, SHA-256 {fingerprint}"),
            Ok((Err(error), _)) => tracing::warn!("the certificate stays as it was: {error}"),
            Err(error) => tracing::warn!("the certificate could not be looked at: {error}"),
        }
    }
}

fn take_orders(incoming: Res<Incoming>, mut orders: Orders) {
    for order in incoming.0.try_iter().take(ORDERS) {
        orders.give(order);
    }
}
