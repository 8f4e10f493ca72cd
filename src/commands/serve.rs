//! `visage serve`: the character for browsers.

use anyhow::Context;
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

pub fn run(serve: &Serve) -> anyhow::Result<()> {
    models::fetch_missing();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(NETWORK_THREADS)
        .thread_name("network")
        .enable_all()
        .build()
        .context("cannot start the network threads")?;
    // First the port: if it is taken, nothing else needs to start.
    let listener = ServerPlugin::bind(serve.listen)?;
    let address = listener.address();
    let mut app = headless(Adapter::Best, VisagePlugins::new(&serve.stage))?;
    app.add_plugins(WebRtcPlugin::new(runtime.handle().clone()));
    app.add_plugins(ServerPlugin {
        web_folder: serve.web.clone(),
        ..ServerPlugin::new(runtime.handle().clone(), listener)
    });
    println!("Visage is ready: open http://{address} in a browser. Ctrl-C ends it.");
    runner::run(&mut app);
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    Ok(())
}
