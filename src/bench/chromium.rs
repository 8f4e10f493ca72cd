//! A headless Chromium that opens the page, and what the page writes to its console. The page is the program's own, with
//! a script before it (`page/bench.js`) that measures what a person says and hears and can lead the connection through a
//! relay.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded};
use serde::Deserialize;
use visage_models::resource;

/// Names under which a Chromium may be installed.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Lines on their way; more than any run has. When full, the newest is lost.
const LINES: usize = 4_096;
/// The scripts that are put before the page's own.
const SCRIPTS: [(&str, &str); 2] =
    [("bench.js", include_str!("page/bench.js")), ("bench-worklet.js", include_str!("page/bench-worklet.js"))];

/// What the page writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    /// How the connection did in the last second.
    Reading(Reading),
    /// A latency that the person felt.
    Felt(Felt),
    /// The port at which the server receives.
    Candidate(u16),
}

/// A second as the page saw it (assets/web/modules/readings.js). Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Reading {
    /// Median from frame made to frame shown.
    pub shown: f64,
    /// 95 % lie below.
    pub p95: f64,
    /// Frames in the second.
    pub frames: f64,
    /// Sound against picture, positive when the sound is early; `None` while the browser does not know.
    pub skew: Option<f64>,
    /// Time that a frame waits in the jitter buffer.
    pub buffer: Option<f64>,
}

/// A latency as the page heard it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Felt {
    /// Of what.
    pub what: What,
    /// Milliseconds.
    pub ms: f64,
}

/// What the page times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// From the last sound of the person's question to the first sound of the answer.
    Answer,
    /// The same, after a sentence of two seconds.
    ShortAnswer,
    /// From a text sent to its first sound.
    Say,
    /// From the first sound of a person who interrupts to the character's last.
    BargeIn,
}

/// The page's files and the scripts before them, in a folder that goes with the value.
///
/// # Errors
/// The page is not where the program's files are, or the folder cannot be written.
pub fn page() -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir().context("there is no room for the page")?;
    copy(&resource("assets/web"), folder.path())?;
    for (name, text) in SCRIPTS {
        fs::write(folder.path().join(name), text)?;
    }
    let index = folder.path().join("index.html");
    let html = fs::read_to_string(&index).with_context(|| format!("cannot read {}", index.display()))?;
    let begin = html.find("<script").context("the page has no script")?;
    let (head, rest) = html.split_at(begin);
    fs::write(&index, format!("{head}<script src=\"bench.js\"></script>\n{rest}"))?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// See the file's head. Ends when it is dropped.
pub struct Chromium {
    child: Child,
    /// What the page writes.
    pub lines: Receiver<Line>,
    _folder: tempfile::TempDir,
}

impl Chromium {
    /// Opens `url`. `microphone` is a WAV file that is spoken into the microphone again and again.
    ///
    /// # Errors
    /// No Chromium is installed.
    pub fn start(url: &str, microphone: Option<&Path>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = BROWSERS
            .iter()
            .find_map(|name| command(name, folder.path(), url, microphone).spawn().ok())
            .context("no Chromium is installed (Debian: `apt install chromium`)")?;
        let log = child.stderr.take().context("the browser has no log")?;
        let (sender, lines) = bounded(LINES);
        thread::Builder::new().name("browser log".into()).spawn(move || listen(log, &sender))?;
        Ok(Self { child, lines, _folder: folder })
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::warn!("the browser does not end: {error}");
        }
    }
}

fn command(name: &str, folder: &Path, url: &str, microphone: Option<&Path>) -> Command {
    let mut command = Command::new(name);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--autoplay-policy=no-user-gesture-required", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", folder.display()));
    if let Some(file) = microphone {
        command
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            .arg(format!("--use-file-for-fake-audio-capture={}", file.display()));
    }
    command.arg(url).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Reads the browser's log until it ends.
fn listen(log: impl Read, lines: &Sender<Line>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if line.contains(":CONSOLE") {
            tracing::debug!("{line}");
        }
        if let Some(line) = parse(&line)
            && lines.try_send(line).is_err()
        {
            return;
        }
    }
}

/// What the page wrote in a line of Chromium's log, `[…:INFO:CONSOLE:1] "visage-reading {…}", source: … (1)`.
fn parse(line: &str) -> Option<Line> {
    let (_, rest) = line.split_once("\"visage-")?;
    let (text, _) = rest.rsplit_once("\", source:")?;
    let (kind, value) = text.split_once(' ')?;
    match kind {
        "reading" => serde_json::from_str(value).ok().map(Line::Reading),
        "measured" => serde_json::from_str(value).ok().map(Line::Felt),
        "candidate" => value.parse().ok().map(Line::Candidate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_writes_is_found_in_the_browsers_log() {
        let logged = |text: &str| {
            parse(&format!(
                r#"[1:1:1122/101500.1:INFO:CONSOLE(110)] "{text}", source: http://127.0.0.1:8080/a.js (110)"#
            ))
        };
        let reading = Reading { shown: 61.2, p95: 74.0, frames: 30.0, skew: None, buffer: Some(9.5) };
        let text = r#"visage-reading {"shown":61.2,"p95":74,"frames":30,"skew":null,"buffer":9.5}"#;
        assert_eq!(logged(text), Some(Line::Reading(reading)));
        let felt = Line::Felt(Felt { what: What::BargeIn, ms: 250.5 });
        assert_eq!(logged(r#"visage-measured {"what":"barge-in","ms":250.5}"#), Some(felt));
        assert_eq!(logged("visage-candidate 40123"), Some(Line::Candidate(40_123)));
        for other in ["hello", "visage-candidate 99999", "visage-dance {}", r#"visage-reading {"shown":1}"#] {
            assert_eq!(logged(other), None, "{other}");
        }
        assert_eq!(parse("visage-reading {\"shown\":1}\", source:"), None);
    }

    #[test]
    fn the_page_gets_the_script_before_its_own() {
        let folder = page().expect("the page is among the program's files");
        let html = fs::read_to_string(folder.path().join("index.html")).expect("it was written");
        let (ours, own) = (html.find("bench.js"), html.find("app.js"));
        assert!(ours.is_some() && ours < own, "{ours:?} {own:?}");
        assert!(folder.path().join("modules/session.js").exists() && folder.path().join("bench-worklet.js").exists());
    }
}
