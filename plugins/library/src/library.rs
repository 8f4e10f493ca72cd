//! The library: what can be asked about characters. What changes them is in `update.rs` and `transfer.rs`.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::broadcast;
use utoipa::ToSchema;
use visage_core::{Backdrop, Language, PortraitSource};

use crate::{
    Asset, Background, CharacterFile, FileError, LibraryError, Location, Part, UploadError,
    location::is_id,
    parse::MAX_TEXT_BYTES,
    part::{self, hex},
    storage::{COMMIT, Item, Storage, Version},
};

/// The character that is active when nobody has chosen another. If there is none of this id, it is the first.
pub const DEFAULT_CHARACTER: &str = "mira";

/// Changes that a slow reader can be behind before it misses some; it is told, and lists anew.
const CHANGES: usize = 64;
/// Characters that are read at the same time. Enough to hide a bucket's latency, few enough for its limits.
const READERS: usize = 8;
/// How often a character is read again because its files were replaced in the middle of reading.
const ATTEMPTS: usize = 4;

/// What tells one state of a character from another: the hash of its `character.ron`. Without the quotes of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct ETag(String);

impl ETag {
    /// A tag that a caller has brought along.
    pub fn new(tag: impl Into<String>) -> Self {
        Self(tag.into())
    }

    /// The tag of a content.
    pub(crate) fn of(content: &[u8]) -> Self {
        Self(hex(&Sha256::digest(content)[..16]))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What must be true for a change to be made (RFC 9110, section 13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: the last one to write wins.
    #[default]
    None,
    /// The character is in one of these states.
    IfMatch(Vec<ETag>),
    /// There is no such character.
    IfNoneMatchAny,
}

impl Precondition {
    /// Checks it against the present state.
    pub(crate) fn check(&self, id: &str, present: &ETag) -> Result<(), LibraryError> {
        match self {
            Self::None => Ok(()),
            Self::IfMatch(tags) if tags.contains(present) => Ok(()),
            Self::IfMatch(_) | Self::IfNoneMatchAny => Err(LibraryError::Conflict { id: id.to_owned() }),
        }
    }
}

/// A character of the library.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id: the name of its folder.
    pub id: String,
    /// What its file says.
    pub file: CharacterFile,
    /// Changes with its file.
    pub etag: ETag,
    /// Changes with its file and with every file that it names, also if an author has replaced one by hand.
    pub revision: String,
}

/// A character that cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// Its id: the name of its folder.
    pub id: String,
    /// Changes with its file.
    pub etag: ETag,
    /// What is wrong with its file.
    pub error: FileError,
}

/// All characters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Those that can be used, in order of their ids.
    pub characters: Vec<Entry>,
    /// Those that cannot, in order of their ids.
    pub broken: Vec<Broken>,
}

impl Listing {
    /// The default character: [`DEFAULT_CHARACTER`], or the first.
    pub fn default_entry(&self) -> Option<&Entry> {
        self.characters.iter().find(|entry| entry.id == DEFAULT_CHARACTER).or(self.characters.first())
    }
}

/// A character with its files.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The character.
    pub entry: Entry,
    /// Its picture, landmarks and background.
    pub portrait: Arc<PortraitSource>,
    /// Recordings of voices, as they are stored: WAV, FLAC, Ogg or MP3, not yet decoded.
    pub references: BTreeMap<Language, Bytes>,
}

/// What happened to a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is new.
    Created,
    /// Its file or one of its files has changed.
    Updated,
    /// It is gone.
    Deleted,
    /// It became the active one.
    Activated,
}

/// A change of the characters that was made through this library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Which character.
    pub id: String,
    /// What happened to it.
    pub what: What,
}

/// Characters in a folder, a bucket or memory. A copy is the same library.
#[derive(Clone, Debug)]
pub struct Library {
    pub(crate) storage: Arc<Storage>,
    location: Location,
    changes: broadcast::Sender<Change>,
}

/// A character's file as it is stored.
pub(crate) struct Stored {
    pub text: String,
    pub etag: ETag,
    pub version: Version,
}

impl Library {
    /// Opens a library. A folder must be there; a bucket is asked only when it is used.
    ///
    /// # Errors
    /// [`LibraryError::Storage`].
    pub fn open(location: &Location) -> Result<Self, LibraryError> {
        let storage = Arc::new(Storage::open(location)?);
        Ok(Self { storage, location: location.clone(), changes: broadcast::Sender::new(CHANGES) })
    }

    /// An empty library in memory.
    pub fn in_memory() -> Self {
        Self::open(&Location::Memory).expect("memory is always there")
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The folder that it is in, for whoever watches the files. Names that begin with a dot or have a `#` in them are the
    /// store's own.
    pub fn folder(&self) -> Option<&Path> {
        self.storage.folder()
    }

    /// Changes made through this library and its copies from now on. A reader that is 64 behind misses the oldest.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(crate) fn tell(&self, id: &str, what: What) {
        // Nobody listening is no error.
        let _ = self.changes.send(Change { id: id.to_owned(), what });
    }

    /// All characters. A broken one does not keep the others from being read; a library without any is empty.
    ///
    /// # Errors
    /// [`LibraryError::Storage`].
    pub async fn list(&self) -> Result<Listing, LibraryError> {
        let folders = self.storage.folders().await?.into_iter().filter(|name| !name.starts_with('.'));
        let read = futures_util::stream::iter(folders.map(|id| async move {
            let result = self.read_listed(&id).await?;
            Ok::<_, LibraryError>((id, result))
        }));
        let read: Vec<_> = read.buffered(READERS).try_collect().await?;
        let mut listing = Listing::default();
        for (_, result) in read {
            match result {
                Some(Ok(entry)) => listing.characters.push(entry),
                Some(Err(broken)) => listing.broken.push(broken),
                None => {}
            }
        }
        Ok(listing)
    }

    /// One folder of a listing; `None` if it holds no character.
    async fn read_listed(&self, id: &str) -> Result<Option<Result<Entry, Broken>>, LibraryError> {
        if !is_id(id) {
            // An author's folder with a capital letter is better told than passed over.
            let Ok(items) = self.storage.items(id).await else { return Ok(None) };
            let error = FileError::value("", LibraryError::InvalidId { id: id.to_owned() }.to_string());
            let broken = Broken { id: id.to_owned(), etag: ETag::of(b""), error };
            return Ok(items.iter().any(|item| item.name == COMMIT).then_some(Err(broken)));
        }
        match self.find(id).await {
            Ok(entry) => Ok(entry.map(Ok)),
            Err(LibraryError::Broken { id, error }) => {
                let etag = self.stored(&id).await?.map_or_else(|| ETag::of(b""), |stored| stored.etag);
                Ok(Some(Err(Broken { id, etag, error })))
            }
            // One file that is too long or locked away; in a bucket more likely all of them cannot be read now.
            Err(error @ LibraryError::Storage { .. }) if self.folder().is_some() => {
                let error = FileError::value("", error.to_string());
                Ok(Some(Err(Broken { id: id.to_owned(), etag: ETag::of(b""), error })))
            }
            Err(error) => Err(error),
        }
    }

    /// One character.
    ///
    /// # Errors
    /// [`LibraryError::InvalidId`], [`LibraryError::Unknown`], [`LibraryError::Broken`], [`LibraryError::Storage`].
    pub async fn get(&self, id: &str) -> Result<Entry, LibraryError> {
        match self.find(id).await? {
            Some(entry) => Ok(entry),
            None => Err(self.unknown(id).await),
        }
    }

    async fn find(&self, id: &str) -> Result<Option<Entry>, LibraryError> {
        let Some(stored) = self.stored(id).await? else { return Ok(None) };
        let file = read(id, &stored.text)?;
        let revision = revision(&stored.etag, &file, &self.storage.items(id).await?);
        Ok(Some(Entry { id: id.to_owned(), file, etag: stored.etag, revision }))
    }

    pub(crate) async fn unknown(&self, id: &str) -> LibraryError {
        let mut known = self.storage.folders().await.unwrap_or_default();
        known.retain(|id| is_id(id));
        LibraryError::Unknown { id: id.to_owned(), known }
    }

    /// A character's file as it is stored, whether or not it can be used.
    ///
    /// # Errors
    /// [`LibraryError::InvalidId`], [`LibraryError::Unknown`], [`LibraryError::Storage`].
    pub async fn text(&self, id: &str) -> Result<(String, ETag), LibraryError> {
        match self.stored(id).await? {
            Some(stored) => Ok((stored.text, stored.etag)),
            None => Err(self.unknown(id).await),
        }
    }

    pub(crate) async fn stored(&self, id: &str) -> Result<Option<Stored>, LibraryError> {
        crate::check_id(id)?;
        let Some(object) = self.storage.read(id, COMMIT, MAX_TEXT_BYTES).await? else { return Ok(None) };
        let etag = ETag::of(&object.bytes);
        // What is not text is a broken character, not a broken library: the reader will say where.
        let text = String::from_utf8_lossy(&object.bytes).into_owned();
        Ok(Some(Stored { text, etag, version: object.version }))
    }

    /// One character with all its files, checked by their heads.
    ///
    /// # Errors
    /// As [`Library::get`], and [`LibraryError::Missing`] and [`LibraryError::Upload`] for its files.
    pub async fn load(&self, id: &str) -> Result<Loaded, LibraryError> {
        for _ in 1..ATTEMPTS {
            let before = self.get(id).await?;
            match self.load_files(before.clone()).await {
                // A file that is missing because the character has changed meanwhile: once more.
                Err(LibraryError::Missing { .. }) if self.get(id).await?.etag != before.etag => {}
                result => return result,
            }
        }
        self.load_files(self.get(id).await?).await
    }

    async fn load_files(&self, entry: Entry) -> Result<Loaded, LibraryError> {
        let mut portrait = Bytes::new();
        let mut landmarks = None;
        let mut backdrop = match &entry.file.background {
            Background::Original | Background::Picture(_) => Backdrop::Original,
            Background::Colour(colour) => Backdrop::Colour(colour.0),
            Background::Transparent => Backdrop::Transparent,
        };
        let mut references = BTreeMap::new();
        for (part, name) in entry.file.assets() {
            let Asset { bytes, .. } = self.asset(&entry.id, part, name).await?;
            match part {
                Part::Portrait => portrait = bytes,
                Part::Landmarks => landmarks = Some(Arc::new(part::landmarks(&bytes).map_err(refused(part))?)),
                Part::Background => backdrop = Backdrop::Picture(Arc::from(&bytes[..])),
                Part::Reference(language) => drop(references.insert(language, bytes)),
            }
        }
        let portrait = Arc::new(PortraitSource::new(Arc::from(&portrait[..]), landmarks, backdrop));
        Ok(Loaded { entry, portrait, references })
    }

    /// One file of a character.
    ///
    /// # Errors
    /// As [`Library::load`], and [`LibraryError::NoPart`].
    pub async fn part(&self, id: &str, part: Part) -> Result<Asset, LibraryError> {
        for _ in 1..ATTEMPTS {
            let before = self.get(id).await?;
            let name = before.file.asset(part).ok_or_else(|| LibraryError::NoPart { id: id.to_owned(), part })?;
            match self.asset(id, part, name).await {
                Err(LibraryError::Missing { .. }) if self.get(id).await?.etag != before.etag => {}
                result => return result,
            }
        }
        Err(LibraryError::Conflict { id: id.to_owned() })
    }

    /// Reads and checks a file that a character names.
    pub(crate) async fn asset(&self, id: &str, part: Part, name: &str) -> Result<Asset, LibraryError> {
        let missing = || LibraryError::Missing { id: id.to_owned(), field: part.field(), name: name.to_owned() };
        let object = self.storage.read(id, name, part.most_bytes()).await?.ok_or_else(missing)?;
        let media_type = part.inspect(&object.bytes).map_err(refused(part))?.media_type;
        Ok(Asset { name: name.to_owned(), etag: ETag::of(&object.bytes), bytes: object.bytes, media_type })
    }

    /// The id of the default character: [`DEFAULT_CHARACTER`] if it can be used, or the first that can.
    ///
    /// # Errors
    /// [`LibraryError::Empty`], [`LibraryError::Storage`].
    pub async fn default_id(&self) -> Result<String, LibraryError> {
        if matches!(self.find(DEFAULT_CHARACTER).await, Ok(Some(_))) {
            return Ok(DEFAULT_CHARACTER.to_owned());
        }
        let listing = self.list().await?;
        let entry =
            listing.default_entry().ok_or_else(|| LibraryError::Empty { location: self.location.to_string() })?;
        Ok(entry.id.clone())
    }

    /// The id of the active character: the one that was activated last if it can still be used, or the default one.
    ///
    /// # Errors
    /// [`LibraryError::Empty`], [`LibraryError::Storage`].
    pub async fn active(&self) -> Result<String, LibraryError> {
        if let Some(id) = self.storage.active().await?
            && matches!(self.find(&id).await, Ok(Some(_)))
        {
            return Ok(id);
        }
        self.default_id().await
    }
}

/// Reads a character's text.
pub(crate) fn read(id: &str, text: &str) -> Result<CharacterFile, LibraryError> {
    let broken = |error| LibraryError::Broken { id: id.to_owned(), error };
    let file = CharacterFile::parse(text).map_err(broken)?;
    match &file.id {
        Some(own) if own != id => {
            let (line, column) = crate::position::of(text, "id");
            let reason = format!("it is {own:?}, but the character's folder is called {id:?}");
            Err(broken(FileError { line, column, field: "id".to_owned(), reason }))
        }
        _ => Ok(file),
    }
}

/// What changes with a character and all its files.
pub(crate) fn revision(etag: &ETag, file: &CharacterFile, items: &[Item]) -> String {
    let mut hash = Sha256::new();
    hash.update(etag.as_str());
    for (_, name) in file.assets() {
        let tag = items.iter().find(|item| item.name == name).map_or("", |item| item.tag.as_str());
        hash.update([0]);
        hash.update(tag);
    }
    hex(&hash.finalize()[..8])
}

pub(crate) fn refused(part: Part) -> impl Fn(UploadError) -> LibraryError {
    move |reason| LibraryError::Upload { part, reason }
}
