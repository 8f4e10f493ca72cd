//! Public addresses as a source: HTTP with ranges, so that a download that was cut goes on where it stopped.

use std::{
    collections::{BTreeMap, HashSet},
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use ureq::{
    Agent,
    http::{Response, header},
};

use super::{SourceError, hashed::Hashed, hashed::remove, host, place};
use crate::{catalogue::ModelFile, progress::Progress, store::READ_BYTES};

/// How long public addresses are waited for. Short, so that a closed network is found out soon.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a name to be resolved, and then for a connection.
    pub connect: Duration,
    /// For the next bytes.
    pub stall: Duration,
    /// How often a download is begun or gone on with.
    pub attempts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), stall: Duration::from_secs(20), attempts: 4 }
    }
}

/// Downloads, and remembers which hosts cannot be reached.
pub(super) struct Web {
    agent: Agent,
    attempts: u32,
    unreachable: HashSet<String>,
}

/// Why an attempt has failed.
enum Trouble {
    /// The connection broke; what has come is kept.
    Cut(String),
    /// What has been kept does not fit what is there; begin anew.
    Stale,
    /// Another attempt would not help.
    Final(SourceError),
}

impl From<SourceError> for Trouble {
    fn from(error: SourceError) -> Self {
        Self::Final(error)
    }
}

impl Web {
    pub fn new(patience: Patience) -> Self {
        let config = Agent::config_builder()
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.stall))
            .timeout_per_read(Some(patience.stall))
            .http_status_as_error(false)
            .user_agent(concat!("visage/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), attempts: patience.attempts.max(1), unreachable: HashSet::new() }
    }

    /// Downloads the wanted files into `folder`.
    pub fn download(
        &mut self,
        addresses: &BTreeMap<String, String>,
        wanted: &[&ModelFile],
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        for file in wanted {
            let address = addresses.get(&file.name);
            let address = address.ok_or_else(|| SourceError::Fails(format!("it has no {}", file.name)))?;
            let result = self.download_file(address, file, folder, progress);
            let part = part(file, folder);
            if part.metadata().is_ok_and(|data| data.len() == 0) {
                remove(&part)?;
            }
            result?;
        }
        Ok(())
    }

    fn download_file(
        &mut self,
        address: &str,
        file: &ModelFile,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        let part = part(file, folder);
        let mut reason = String::new();
        for _ in 0..self.attempts {
            let target = Hashed::resume(part.clone())?;
            let resumed = target.size > 0;
            progress.begin(&file.name, file.forms.first().map(|form| form.size));
            let received = self.receive(address, file, target, progress);
            progress.end();
            match received {
                Ok(target) => {
                    let (path, form) = target.finish();
                    match place(&path, &form, file, folder) {
                        // The kept part may be of another time or source; from the start it may be right.
                        Err(SourceError::Fails(wrong)) if resumed => reason = wrong,
                        result => return result,
                    }
                }
                Err(Trouble::Cut(cut)) => reason = cut,
                Err(Trouble::Stale) => {
                    remove(&part)?;
                    "it has changed".clone_into(&mut reason);
                }
                Err(Trouble::Final(error)) => return Err(error),
            }
        }
        Err(SourceError::Fails(format!("{}: {reason}", file.name)))
    }

    /// Receives what `target` lacks.
    fn receive(
        &mut self,
        address: &str,
        file: &ModelFile,
        mut target: Hashed,
        progress: &dyn Progress,
    ) -> Result<Hashed, Trouble> {
        let longest = file.forms.iter().map(|form| form.size).max().unwrap_or(0);
        if target.size >= longest {
            // Whole already: the program was ended before it could be named. The hash decides.
            return Ok(target);
        }
        let mut response = self.ask(address, target.size)?;
        match response.status().as_u16() {
            206 if starts_at(&response, target.size) => {}
            200 if target.size == 0 => {}
            // The server does not know ranges, or gives another one than was asked for.
            200 | 206 | 416 if target.size > 0 => return Err(Trouble::Stale),
            status => return Err(fails(format!("it answers with status {status}"))),
        }
        if let Some(length) = response.body().content_length() {
            let size = target.size + length;
            if !file.forms.iter().any(|form| form.size == size) {
                return Err(fails(format!(
                    "{} has {size} bytes there, which is not the file that is wanted",
                    file.name
                )));
            }
        }
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = body.read(&mut buffer).map_err(|error| Trouble::Cut(format!("it was cut: {error}")))?;
            if read == 0 {
                break;
            }
            target.append(&buffer[..read])?;
            progress.at(target.size);
            if target.size > longest {
                let (path, _) = target.finish();
                remove(&path)?;
                return Err(fails(format!("{} is too long there", file.name)));
            }
        }
        if file.forms.iter().all(|form| target.size < form.size) {
            return Err(Trouble::Cut("it ended too early".to_owned()));
        }
        Ok(target)
    }

    /// Sends the request for everything from byte `from` on.
    fn ask(&mut self, address: &str, from: u64) -> Result<Response<ureq::Body>, Trouble> {
        let host = host(address);
        if self.unreachable.contains(host) {
            return Err(fails("it cannot be reached".to_owned()));
        }
        // Compressed on the way, the bytes could neither be counted nor continued.
        let mut request = self.agent.get(address).header(header::ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        request.call().map_err(|error| {
            self.unreachable.insert(host.to_owned());
            fails(format!("it cannot be reached: {error}"))
        })
    }
}

/// What has come of a file so far. Its name differs from those of other sources, whose bytes may be others.
fn part(file: &ModelFile, folder: &Path) -> PathBuf {
    folder.join(format!("{}.part", file.name))
}

fn fails(reason: String) -> Trouble {
    Trouble::Final(SourceError::Fails(reason))
}

/// Whether a partial answer begins at byte `from`.
fn starts_at(response: &Response<ureq::Body>, from: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}
