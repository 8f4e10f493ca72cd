//! What a viewer sees: the page in a headless browser, measured by the page itself (assets/web/modules/readings.js),
//! which writes a line to the browser's console each second.

use std::{
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::Context;
use bevy::{app::AppExit, prelude::*};
use crossbeam_channel::{Receiver, Sender, bounded};
use serde::Deserialize;
use visage_core::TICK_HZ;
use visage_schedule::{IngestSystems, Say, Sounding};

use super::{Row, live::TEXT, percentile};
use crate::{
    app::VisagePlugins,
    cli::{Serve, Stage},
    commands::serve::Service,
    runner,
};

/// Names under which a Chromium may be installed.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// What the page writes before each reading.
const MARK: &str = "visage-reading ";
/// Readings of the first seconds are left out: the browser's buffers settle.
const SETTLING: usize = 3;
/// Readings on their way; more than any run has. When full, the newest is lost.
const READINGS: usize = 4_096;

/// A second as the page saw it. Times in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Reading {
    /// Median from frame made to frame shown.
    shown: f64,
    /// 95 % lie below.
    p95: f64,
    /// Frames in the second.
    frames: f64,
    /// Sound against picture, positive when the sound is early; `None` while the browser does not know.
    skew: Option<f64>,
    /// Time that a frame waits in the jitter buffer.
    buffer: Option<f64>,
}

/// Measures with the browser that is installed.
pub fn measure(stage: &Stage, seconds: u32) -> Vec<Row> {
    match readings(stage, seconds) {
        Ok(readings) => rows(&readings),
        Err(error) => vec![Row::missing("frame made → shown in the browser", format!("{error:#}"))],
    }
}

fn readings(stage: &Stage, seconds: u32) -> anyhow::Result<Vec<Reading>> {
    let serve = Serve { stage: stage.clone(), listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), web: None };
    let mut service = Service::open(&serve, VisagePlugins::new(stage)?)?;
    let browser = Browser::start(&format!("http://{}/#report", service.address))?;
    let (app, readings) = (&mut service.app, browser.readings.clone());
    let ticks = u64::from(seconds + SETTLING as u32) * u64::from(TICK_HZ);
    app.insert_resource(Session { readings, seen: Vec::new(), left: ticks, patience: ticks + START_TICKS })
        .add_systems(
            FixedUpdate,
            (collect, talk).chain().in_set(IngestSystems::Receive).ambiguous_with(IngestSystems::Receive),
        );
    runner::run(app);
    let seen = std::mem::take(&mut app.world_mut().resource_mut::<Session>().seen);
    anyhow::ensure!(seen.len() > SETTLING, "the page in the browser reported nothing");
    Ok(seen[SETTLING..].to_vec())
}

/// Ticks that the browser may take to start and connect: half a minute.
const START_TICKS: u64 = 30 * TICK_HZ as u64;

#[derive(Resource)]
struct Session {
    readings: Receiver<Reading>,
    seen: Vec<Reading>,
    /// Ticks still to go once the page reports.
    left: u64,
    /// Ticks still to go in any case.
    patience: u64,
}

fn collect(mut session: ResMut<Session>, mut exit: MessageWriter<AppExit>) {
    let session = &mut *session;
    session.seen.extend(session.readings.try_iter());
    session.left = session.left.saturating_sub(u64::from(!session.seen.is_empty()));
    session.patience = session.patience.saturating_sub(1);
    if session.left == 0 || session.patience == 0 {
        exit.write(AppExit::Success);
    }
}

fn talk(session: Res<Session>, sounding: Res<Sounding>, mut say: MessageWriter<Say>) {
    // An order takes a tick to show, and twice in a row would interrupt the first.
    if !session.seen.is_empty() && !sounding.busy && session.left.is_multiple_of(3) {
        say.write(Say { text: TEXT.into(), language: None, emotion: None });
    }
}

fn rows(readings: &[Reading]) -> Vec<Row> {
    let of = |value: fn(&Reading) -> Option<f64>| readings.iter().filter_map(value).collect::<Vec<f64>>();
    let seconds = format!("{} s of talking, loopback, headless Chromium on the same cores", readings.len());
    let mut rows = vec![
        Row::new("frame made → shown in the browser", percentile(&mut of(|one| Some(one.shown)), 0.5), "ms")
            .note(&seconds),
        Row::new("frame made → shown, 95 %", percentile(&mut of(|one| Some(one.p95)), 0.5), "ms")
            .at_most(100.0)
            .note("median of the seconds"),
        Row::new("frames shown", percentile(&mut of(|one| Some(one.frames)), 0.5), "/s").at_least(25.0).note("median"),
        Row::new("jitter buffer", percentile(&mut of(|one| one.buffer), 0.5), "ms").note("video, median"),
    ];
    let mut skew: Vec<f64> = of(|one| one.skew);
    let middle = percentile(&mut skew, 0.5);
    rows.push(if skew.is_empty() {
        Row::missing("sound against picture", "the browser did not tell")
    } else {
        Row::new("sound against picture", middle.abs(), "ms").at_most(20.0).note(format!(
            "median; from {:.0} to {:.0} ms",
            skew[0],
            skew[skew.len() - 1]
        ))
    });
    rows
}

/// A headless Chromium with a folder of its own. Ends when it is dropped.
struct Browser {
    child: Child,
    readings: Receiver<Reading>,
    _folder: tempfile::TempDir,
}

impl Browser {
    fn start(url: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = BROWSERS
            .iter()
            .find_map(|name| command(name, folder.path(), url).spawn().ok())
            .context("no Chromium is installed (Debian: `apt install chromium`)")?;
        let log = child.stderr.take().context("the browser has no log")?;
        let (sender, readings) = bounded(READINGS);
        thread::Builder::new().name("browser log".into()).spawn(move || listen(log, &sender))?;
        Ok(Self { child, readings, _folder: folder })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::warn!("the browser does not end: {error}");
        }
    }
}

fn command(name: &str, folder: &std::path::Path, url: &str) -> Command {
    let mut command = Command::new(name);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--autoplay-policy=no-user-gesture-required", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", folder.display()))
        .arg(url)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Reads the browser's log until it ends.
fn listen(log: impl Read, readings: &Sender<Reading>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if let Some(reading) = parse(&line)
            && readings.try_send(reading).is_err()
        {
            return;
        }
    }
}

/// The reading in a line of Chromium's log, `[…:INFO:CONSOLE:1] "visage-reading {…}", source: … (1)`.
fn parse(line: &str) -> Option<Reading> {
    let (_, rest) = line.split_once(MARK)?;
    let (json, _) = rest.rsplit_once("\", source:")?;
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_found_in_the_browsers_log() {
        let line = r#"[1:1:1122/101500.1:INFO:CONSOLE(110)] "visage-reading {"shown":61.2,"p95":74,"frames":30,"skew":null,"buffer":9.5}", source: http://127.0.0.1:8080/modules/readings.js (110)"#;
        let reading = parse(line).expect("there is one");
        assert_eq!((reading.shown, reading.p95, reading.skew, reading.buffer), (61.2, 74.0, None, Some(9.5)));
        for other in ["", "[1:1] \"hello\", source: a (1)", "visage-reading {\"shown\":1}\", source: a (1)"] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
