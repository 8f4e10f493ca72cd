//! A visit: the whole program serves a character to a browser on the same machine, for as long as something is measured.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use anyhow::Context;
use bevy::{app::AppExit, prelude::*};
use clap::Parser;
use crossbeam_channel::Receiver;
use visage_core::TICK_HZ;
use visage_schedule::IngestSystems;

use super::{
    chromium::{Chromium, Line, page},
    relay::{Leading, Relay},
};
use crate::{
    app::VisagePlugins,
    cli::{Cli, Command, Serve, Stage},
    commands::serve::Service,
    runner,
};

/// Ticks that the browser may take to start and connect: half a minute.
const START_TICKS: u64 = 30 * TICK_HZ as u64;

/// What a visitor does.
#[derive(Clone, Copy, Default)]
pub struct Visit<'a> {
    /// Spoken into the microphone, again and again.
    pub microphone: Option<&'a Path>,
    /// The way of picture and sound.
    pub relay: Option<&'a Relay>,
    /// How long the visit is, from the page's first reading on.
    pub seconds: u32,
}

/// How far a visit is, for systems that act in it.
#[derive(Resource)]
pub struct Progress {
    lines: Receiver<Line>,
    seen: Vec<Line>,
    /// Ticks still to go once the page reports.
    pub left: u64,
    /// Ticks still to go in any case.
    patience: u64,
    /// Whether the page has reported.
    pub begun: bool,
    /// Who wants to know where the server receives.
    leading: Option<Leading>,
}

/// Lets a browser visit the character; gives what its page wrote. `prepare` adds to the program what is to happen.
///
/// # Errors
/// The program or the browser cannot be started, or the page reports nothing.
pub fn visit(stage: &Stage, visit: Visit, prepare: impl FnOnce(&mut App)) -> anyhow::Result<Vec<Line>> {
    let page = page()?;
    let mut service = Service::open(&serve(stage, page.path())?, VisagePlugins::new(stage)?)?;
    let mut address = format!("http://{}/?", service.address);
    if let Some(relay) = visit.relay {
        address += &format!("relay={}", relay.port());
    }
    if visit.microphone.is_some() {
        address += "talk";
    }
    let browser = Chromium::start(&format!("{address}#report"), visit.microphone)?;
    let ticks = u64::from(visit.seconds) * u64::from(TICK_HZ);
    let app = &mut service.app;
    app.insert_resource(Progress {
        lines: browser.lines.clone(),
        seen: Vec::new(),
        left: ticks,
        patience: ticks + START_TICKS,
        begun: false,
        leading: visit.relay.map(Relay::leading),
    })
    .add_systems(FixedUpdate, collect.before(IngestSystems::Receive));
    prepare(app);
    runner::run(app);
    let seen = std::mem::take(&mut app.world_mut().resource_mut::<Progress>().seen);
    drop(browser);
    service.close();
    anyhow::ensure!(!seen.is_empty(), "the page in the browser reported nothing");
    Ok(seen)
}

/// The options of `visage serve` with everything left out but where to listen and the page.
fn serve(stage: &Stage, page: &Path) -> anyhow::Result<Serve> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).to_string();
    let page = page.to_str().context("the folder for temporary files has a name that is no text")?;
    match Cli::try_parse_from(["visage", "serve", "--listen", &listen, "--web", page])?.command {
        Some(Command::Serve(serve)) => Ok(Serve { stage: stage.clone(), ..serve }),
        _ => anyhow::bail!("the command line has changed its meaning"),
    }
}

fn collect(mut progress: ResMut<Progress>, mut exit: MessageWriter<AppExit>) {
    let progress = &mut *progress;
    for line in progress.lines.try_iter() {
        progress.begun |= matches!(line, Line::Reading(_));
        match (line, &progress.leading) {
            (Line::Candidate(port), Some(leading)) => leading.to(port),
            (line, _) => progress.seen.push(line),
        }
    }
    progress.left = progress.left.saturating_sub(u64::from(progress.begun));
    progress.patience = progress.patience.saturating_sub(1);
    if progress.left == 0 || progress.patience == 0 {
        exit.write(AppExit::Success);
    }
}
