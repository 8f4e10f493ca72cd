//! Registers the server: opens it when all plugins are built, takes orders in Ingest, publishes after Last.

use std::{
    future::IntoFuture,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use bevy::prelude::*;
use crossbeam_channel::{Receiver, bounded};
use tokio::{runtime::Handle, sync::watch};
use visage_schedule::{IngestSystems, Orders, Problem, RemoteCommand, ViewerDoor, VisageSystems};

use crate::{
    assets::Assets,
    guard::Hosts,
    listener::{Listener, ServerError},
    meters::{self, Meters},
    routes::{self, Context},
    signal::closed,
    snapshot::{self, Publisher, Snapshot},
};

/// Orders that wait for the next tick. From the handlers to the tick; a client that finds it full gets 503 and tries again.
const ORDERS: usize = 64;

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct ServerPlugin {
    /// Where the server runs.
    pub runtime: Handle,
    /// What it listens on; see [`Self::bind`].
    pub listener: Listener,
    /// Host names by which it may be reached, besides addresses and `localhost`. If it listens beyond this machine and
    /// the list is empty, every name is answered.
    pub hosts: Vec<String>,
    /// A folder to read the page's files from instead of what is built in.
    pub web_folder: Option<PathBuf>,
}

impl ServerPlugin {
    /// The plugin with everything else as usual.
    pub const fn new(runtime: Handle, listener: Listener) -> Self {
        Self { runtime, listener, hosts: Vec::new(), web_folder: None }
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
            (
                log_problems,
                snapshot::publish.run_if(resource_exists::<Publisher>),
                meters::measure.run_if(resource_exists::<Meters>),
            )
                .after(VisageSystems::Last),
        );
    }

    fn finish(&self, app: &mut App) {
        let (orders, incoming) = bounded(ORDERS);
        let (publisher, snapshot) = watch::channel(Snapshot { conversation: "idle", ..Snapshot::default() });
        let (close, closing) = watch::channel(false);
        let connections = Arc::new(AtomicUsize::new(0));
        let (meters, reader) = Meters::new(connections.clone());
        let context = Context {
            orders,
            snapshot,
            door: app.world().get_resource::<ViewerDoor>().map(|door| door.0.clone()),
            meters: reader,
            connections,
            hosts: Arc::new(Hosts::new(self.listener.address(), &self.hosts)),
            assets: Arc::new(Assets { folder: self.web_folder.clone() }),
            closing: closing.clone(),
        };
        app.insert_resource(Incoming(incoming))
            .insert_resource(Publisher(publisher))
            .insert_resource(meters)
            .insert_resource(Running(close));
        self.runtime.spawn(serve(self.listener.clone(), context, closing));
    }
}

async fn serve(listener: Listener, context: Context, mut closing: watch::Receiver<bool>) {
    let socket = match listener.for_tokio() {
        Ok(socket) => socket,
        Err(error) => return tracing::error!("the server cannot run on {}: {error}", listener.address()),
    };
    // The plugin may live as long as the app; only the server's copy of the socket is to stay open while it runs.
    drop(listener);
    let close = async move { closed(&mut closing).await };
    if let Err(error) = axum::serve(socket, routes::router(context)).with_graceful_shutdown(close).into_future().await {
        tracing::error!("the server ended: {error}");
    }
}

/// Problems also go to the log: while nobody watches, nobody else is told.
fn log_problems(mut problems: MessageReader<Problem>) {
    for problem in problems.read() {
        tracing::warn!("{}", problem.text);
    }
}

fn take_orders(incoming: Res<Incoming>, mut orders: Orders) {
    for order in incoming.0.try_iter().take(ORDERS) {
        orders.give(order);
    }
}
