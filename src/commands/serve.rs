//! `visage serve`: the character for browsers.

use std::{
    io::{IsTerminal, stdout},
    net::SocketAddr,
    time::Duration,
};

use anyhow::Context;
use bevy::prelude::*;
use tokio::runtime::Runtime;
use visage_server::{Limits, ServerPlugin};
use visage_stage::Adapter;
use visage_webrtc::WebRtcPlugin;

use super::{models, print};
use crate::{
    access::{Arranged, arrange},
    app::{VisagePlugins, headless},
    cli::Serve,
    runner::{self, Ending},
};

/// Threads for HTTP and WebRTC. Two are enough for a few viewers, and the cores are for the tick and for inference.
const NETWORK_THREADS: usize = 2;
/// How long viewers and requests have to end.
const GOODBYE: Duration = Duration::from_secs(2);

pub fn run(serve: &Serve) -> anyhow::Result<()> {
    // First the port and who may use it: if that is wrong, nothing needs to be fetched.
    ServerPlugin::bind(serve.network.listen)?;
    let arranged = arrange(&serve.network)?;
    models::fetch_missing();
    let mut service = Service::open_as(serve, &arranged, VisagePlugins::new(&serve.stage)?)?;
    print(arranged.greeting(service.address, stdout().is_terminal()))?;
    runner::run(&mut service.app);
    service.close();
    Ok(())
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
        Self::open_as(serve, &arrange(&serve.network)?, plugins)
    }

    fn open_as(serve: &Serve, arranged: &Arranged, plugins: VisagePlugins) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(NETWORK_THREADS)
            .thread_name("network")
            .enable_all()
            .build()
            .context("cannot start the network threads")?;
        let listener = ServerPlugin::bind(serve.network.listen)?;
        let address = listener.address();
        let handle = runtime.handle().clone();
        let server = ServerPlugin {
            access: arranged.access.clone(),
            tls: arranged.tls.clone(),
            limits: Limits { requests_per_second: serve.rate_limit, ..Limits::default() },
            library: plugins.library.clone(),
            web_folder: serve.web.clone(),
            ..ServerPlugin::new(handle.clone(), listener)
        };
        let mut app = headless(Adapter::Best, plugins)?;
        let ending = Ending::default();
        runtime.spawn(end_when_asked(ending.clone()));
        app.insert_resource(ending).add_plugins((WebRtcPlugin::new(handle), server));
        Ok(Self { app, address, runtime })
    }

    /// Ends the network threads once the app has ended.
    pub fn close(self) {
        drop(self.app);
        self.runtime.shutdown_timeout(GOODBYE);
    }
}

/// Ends the app when the system asks for it (SIGTERM: a service manager, a container, `kill`). Ctrl-C is Bevy's.
async fn end_when_asked(ending: Ending) {
    #[cfg(unix)]
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut asked) => {
            asked.recv().await;
            tracing::info!("the system asks the program to end");
            ending.ask();
        }
        Err(error) => tracing::warn!("SIGTERM will end the program at once: {error}"),
    }
    #[cfg(not(unix))]
    drop(ending);
}

#[cfg(test)]
mod tests {
    use visage_schedule::MediaClock;
    use visage_testkit::Stepper;

    use super::*;
    use crate::cli::{DEFAULT_SIZE, Network, Neural, Stage};

    /// Two systems of the whole program that touch the same data without an order between them are an error.
    #[test]
    fn the_order_of_the_whole_tick_is_settled() {
        let stage =
            Stage { character: None, characters: None, size: DEFAULT_SIZE, renderer: None, neural: Neural::default() };
        let plugins = VisagePlugins::new(&stage).expect("the shipped characters are in order");
        let network = Network { listen: ([127, 0, 0, 1], 0).into(), ..Network::default() };
        let serve = Serve { stage, network, rate_limit: 0, web: None };
        let service = Service::open(&serve, plugins).expect("a free port and a graphics driver");
        let mut stepper = Stepper::of(service.app);
        stepper.tick();
        stepper.tick();
        assert!(stepper.get::<MediaClock>().tick.0 >= 1);
    }
}
