//! `visage serve`: the character for browsers.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use bevy::prelude::*;
use tokio::runtime::Runtime;
use visage_server::ServerPlugin;
use visage_stage::Adapter;
use visage_webrtc::WebRtcPlugin;

use super::models;
use crate::{
    app::{VisagePlugins, headless},
    cli::Serve,
    runner,
};

/// Threads for HTTP and WebRTC. Two are enough for a few viewers, and the cores are for the tick and for inference.
const NETWORK_THREADS: usize = 2;
/// How long viewers and requests have to end.
const GOODBYE: Duration = Duration::from_secs(2);

pub fn run(serve: &Serve) -> anyhow::Result<()> {
    // First the port: if it is taken, nothing needs to be fetched.
    ServerPlugin::bind(serve.listen)?;
    models::fetch_missing();
    let mut service = Service::open(serve, VisagePlugins::new(&serve.stage)?)?;
    println!("Visage is ready: open http://{} in a browser. Ctrl-C ends it.", to_open(service.address));
    runner::run(&mut service.app);
    service.close();
    Ok(())
}

/// The address as a browser on this machine takes it: "all networks" is none.
fn to_open(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// A character with its server, not yet running.
pub struct Service {
    /// To be driven by the runner.
    pub app: App,
    /// Where it listens.
    pub address: SocketAddr,
    runtime: Runtime,
}

impl Service {
    /// Opens the port and the graphics device.
    ///
    /// # Errors
    /// One of them is not to be had; the message says what to do.
    pub fn open(serve: &Serve, plugins: VisagePlugins) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(NETWORK_THREADS)
            .thread_name("network")
            .enable_all()
            .build()
            .context("cannot start the network threads")?;
        let listener = ServerPlugin::bind(serve.listen)?;
        let address = listener.address();
        let handle = runtime.handle().clone();
        let mut app = headless(Adapter::Best, plugins)?;
        app.add_plugins(WebRtcPlugin::new(handle.clone()))
            .add_plugins(ServerPlugin { web_folder: serve.web.clone(), ..ServerPlugin::new(handle, listener) });
        Ok(Self { app, address, runtime })
    }

    /// Ends the network threads once the app has ended.
    pub fn close(self) {
        drop(self.app);
        self.runtime.shutdown_timeout(GOODBYE);
    }
}

#[cfg(test)]
mod tests {
    use visage_schedule::MediaClock;
    use visage_testkit::Stepper;

    use super::*;
    use crate::cli::{DEFAULT_SIZE, Stage};

    /// Two systems of the whole program that touch the same data without an order between them are an error.
    #[test]
    fn the_order_of_the_whole_tick_is_settled() {
        let stage = Stage { character: None, characters: None, size: DEFAULT_SIZE };
        let plugins = VisagePlugins::new(&stage).expect("the shipped characters are in order");
        let serve = Serve { stage, listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), web: None };
        let service = Service::open(&serve, plugins).expect("a free port and a graphics driver");
        let mut stepper = Stepper::of(service.app);
        stepper.tick();
        stepper.tick();
        assert!(stepper.get::<MediaClock>().tick.0 >= 1);
    }
}
