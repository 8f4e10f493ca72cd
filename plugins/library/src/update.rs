//! What changes characters. Every change is made the same way:
//!
//! 1. Writers wait for each other (in a folder by a lock file, in a bucket within the process).
//! 2. The present `character.ron` is read and the caller's precondition checked against it.
//! 3. New files are written under names made of their content, so no file in use is touched.
//! 4. `character.ron` is written whole, if it still is what was read. This is the commit: before it the old character is
//!    complete, after it the new one.
//! 5. Files that nothing names any more, and that the store has written, are deleted.
//!
//! A process that is killed between two steps leaves files that nobody names; the next change of that character, or the
//! first change that the next process makes, deletes them; those of a character that never came to be after an hour.

use std::{collections::BTreeMap, future::Future};

use bytes::Bytes;
use chrono::{SubsecRound, Utc};

use crate::{
    CharacterFile, ETag, Entry, FileError, Library, LibraryError, Part, Precondition, SCHEMA_VERSION, What,
    library::{read, refused, revision},
    location::numbered,
    parse::MAX_TEXT_BYTES,
    slug,
    storage::{Committed, Expected, Guard},
};

/// How often a change without a precondition is tried again when somebody else was quicker; only in a bucket.
const ATTEMPTS: usize = 5;
/// Most numbers that are tried behind a name's id.
const NUMBERS: usize = 1000;

/// What a change makes of a character: its file and the new files that it names, each by what it is for.
type Changed = (CharacterFile, BTreeMap<Part, Bytes>);

impl Library {
    /// A new character. Its id is `id`, or the file's own, or made of its name with a number behind it if that is taken.
    ///
    /// # Errors
    /// [`LibraryError::Exists`], [`LibraryError::InvalidId`], [`LibraryError::File`], [`LibraryError::Upload`],
    /// [`LibraryError::Missing`] (the file names more than the portrait), [`LibraryError::Storage`].
    pub async fn create(&self, id: Option<&str>, file: CharacterFile, portrait: Bytes) -> Result<Entry, LibraryError> {
        let file = CharacterFile { portrait: crate::file::portrait(), ..file };
        self.create_with(id, file, [(Part::Portrait, portrait)].into()).await
    }

    /// A new character with all files that it names.
    pub(crate) async fn create_with(
        &self,
        id: Option<&str>,
        mut file: CharacterFile,
        assets: BTreeMap<Part, Bytes>,
    ) -> Result<Entry, LibraryError> {
        let wanted = id.map(str::to_owned).or(file.id.take());
        wanted.as_deref().map_or(Ok(()), crate::check_id)?;
        // The folder says it; a second place could only differ.
        file.id = None;
        file.check()?;
        name_assets(&mut file, &assets)?;
        let base = wanted.clone().unwrap_or_else(|| slug(&file.name));
        if let Some((part, name)) = file.assets().into_iter().find(|(part, _)| !assets.contains_key(part)) {
            return Err(LibraryError::Missing { id: base, field: part.field(), name: name.to_owned() });
        }
        let now = Utc::now().trunc_subsecs(0);
        (file.created, file.updated) = (Some(now), Some(now));
        let library = self.clone();
        whole(async move {
            let guard = library.writer().await?;
            for number in 1..NUMBERS {
                let id = if number == 1 { base.clone() } else { numbered(&base, number) };
                if library.stored(&id).await?.is_none()
                    && let Some(entry) = library.commit(&guard, &id, &file, &assets, Expected::Nothing).await?
                {
                    library.tell(&id, What::Created);
                    return Ok(entry);
                }
                if wanted.is_some() {
                    break;
                }
            }
            Err(LibraryError::Exists { id: base })
        })
        .await
    }

    /// Replaces what a character's file says; also that of a broken one. It may name only files that the character has.
    /// The time of its creation stays.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`], [`LibraryError::Conflict`], [`LibraryError::File`], [`LibraryError::Missing`],
    /// [`LibraryError::Upload`], [`LibraryError::Storage`].
    pub async fn replace(
        &self,
        id: &str,
        file: CharacterFile,
        precondition: &Precondition,
    ) -> Result<Entry, LibraryError> {
        file.check()?;
        self.change(id, precondition, move |_| Ok((file.clone(), BTreeMap::new()))).await
    }

    /// Changes some fields: a JSON Merge Patch (RFC 7396) over the character's JSON. `null` takes a field back to its
    /// default. Only `background` is one value even where it is written as an object, and is replaced as a whole.
    ///
    /// # Errors
    /// As [`Library::replace`], and [`LibraryError::Broken`].
    pub async fn patch(
        &self,
        id: &str,
        patch: &serde_json::Value,
        precondition: &Precondition,
    ) -> Result<Entry, LibraryError> {
        let patch = patch.clone();
        self.change(id, precondition, move |old| {
            let mut json = serde_json::to_value(old?)
                .map_err(|error| FileError::value("", format!("this character cannot be patched: {error}")))?;
            if !patch.is_object() {
                return Err(FileError::value("", "a patch is a JSON object with the fields to change").into());
            }
            if let (Some(fields), Some(_)) = (json.as_object_mut(), patch.get("background")) {
                fields.remove("background");
            }
            json_patch::merge(&mut json, &patch);
            Ok((CharacterFile::from_value(json)?, BTreeMap::new()))
        })
        .await
    }

    /// Gives a character a portrait, landmarks, a background or a recording of its voice. The file's name is the store's.
    ///
    /// # Errors
    /// As [`Library::replace`], [`LibraryError::Broken`], and [`LibraryError::NoPart`] (a recording for a language that
    /// the character does not speak).
    pub async fn set_part(
        &self,
        id: &str,
        part: Part,
        bytes: Bytes,
        precondition: &Precondition,
    ) -> Result<Entry, LibraryError> {
        let name = part.stored_name(&bytes, part.inspect(&bytes).map_err(refused(part))?);
        let owner = id.to_owned();
        let change = move |old: Result<CharacterFile, LibraryError>| {
            let mut file = old?;
            if !file.set_asset(part, Some(name.clone())) {
                return Err(LibraryError::NoPart { id: owner.clone(), part });
            }
            // Landmarks that were placed for the picture before do not fit the new one.
            if part == Part::Portrait {
                file.landmarks = None;
            }
            Ok((file, [(part, bytes.clone())].into()))
        };
        self.change(id, precondition, change).await
    }

    /// Takes landmarks, a background or a recording away. A portrait can only be replaced.
    ///
    /// # Errors
    /// As [`Library::set_part`]; [`LibraryError::NoPart`] if it has none.
    pub async fn remove_part(&self, id: &str, part: Part, precondition: &Precondition) -> Result<Entry, LibraryError> {
        let owner = id.to_owned();
        self.change(id, precondition, move |old| {
            let mut file = old?;
            if file.asset(part).is_none() || !file.set_asset(part, None) {
                return Err(LibraryError::NoPart { id: owner.clone(), part });
            }
            Ok((file, BTreeMap::new()))
        })
        .await
    }

    /// Deletes a character with all files of its folder. If it was the active one, the default one is.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`], [`LibraryError::Conflict`], [`LibraryError::Protected`] (the default character),
    /// [`LibraryError::Storage`].
    pub async fn delete(&self, id: &str, precondition: &Precondition) -> Result<(), LibraryError> {
        let (library, id, precondition) = (self.clone(), id.to_owned(), precondition.clone());
        whole(async move {
            let guard = library.writer().await?;
            let Some(stored) = library.stored(&id).await? else { return Err(library.unknown(&id).await) };
            precondition.check(&id, &stored.etag)?;
            match library.default_id().await {
                Ok(default) if default == id => return Err(LibraryError::Protected { id }),
                // Only broken ones are left; they may go.
                Ok(_) | Err(LibraryError::Empty { .. }) => {}
                Err(error) => return Err(error),
            }
            library.storage.delete_all(&guard, &id).await?;
            library.tell(&id, What::Deleted);
            if library.storage.active().await?.as_deref() == Some(&id) {
                library.storage.set_active(&guard, None).await?;
                if let Ok(default) = library.default_id().await {
                    library.tell(&default, What::Activated);
                }
            }
            Ok(())
        })
        .await
    }

    /// Makes a character the active one, also after the next start.
    ///
    /// # Errors
    /// As [`Library::get`].
    pub async fn set_active(&self, id: &str) -> Result<(), LibraryError> {
        let (library, id) = (self.clone(), id.to_owned());
        whole(async move {
            let guard = library.writer().await?;
            library.get(&id).await?;
            if library.storage.active().await?.as_deref() != Some(&id) {
                library.storage.set_active(&guard, Some(&id)).await?;
                library.tell(&id, What::Activated);
            }
            Ok(())
        })
        .await
    }

    /// Waits until nobody else writes. Before the first change of this program, what interrupted changes have left is
    /// deleted; in a bucket, where that means to list every character, only at the next change of each.
    async fn writer(&self) -> Result<Guard, LibraryError> {
        let guard = self.storage.lock().await?;
        if self.storage.folder().is_some()
            && self.storage.is_first_writer()
            && let Err(error) = self.sweep(&guard).await
        {
            tracing::warn!("cannot tidy up: {error}");
        }
        Ok(guard)
    }

    /// Deletes what interrupted changes have left in all folders.
    pub(crate) async fn sweep(&self, guard: &Guard) -> Result<(), LibraryError> {
        for id in self.storage.folders().await? {
            if crate::check_id(&id).is_err() {
                continue;
            }
            match self.stored(&id).await? {
                // Somebody may be copying a character into this folder, pictures first.
                None if !self.storage.is_at_rest(&id).await => {}
                None => self.storage.sweep(guard, &id, |_| false).await,
                // The files of a character that cannot be read may be needed once its author has mended it.
                Some(stored) => {
                    if let Ok(file) = CharacterFile::parse(&stored.text) {
                        self.storage.sweep(guard, &id, |name| names(&file, name)).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Changes a character as the head of this file says. `edit` may be asked several times.
    async fn change(
        &self,
        id: &str,
        precondition: &Precondition,
        edit: impl Fn(Result<CharacterFile, LibraryError>) -> Result<Changed, LibraryError> + Send + 'static,
    ) -> Result<Entry, LibraryError> {
        let (library, id, precondition) = (self.clone(), id.to_owned(), precondition.clone());
        whole(async move {
            let guard = library.writer().await?;
            for _ in 0..ATTEMPTS {
                let Some(stored) = library.stored(&id).await? else { return Err(library.unknown(&id).await) };
                precondition.check(&id, &stored.etag)?;
                let old = read(&id, &stored.text);
                let known = old.as_ref().ok().cloned();
                let (mut file, assets) = edit(old)?;
                if file.id.as_ref().is_some_and(|own| *own != id) {
                    let reason = format!("it is {:?}, but this is the character {id:?}", file.id.unwrap_or_default());
                    return Err(FileError::value("id", reason).into());
                }
                file.schema_version = SCHEMA_VERSION;
                (file.created, file.updated) = known.as_ref().map_or((None, None), |old| (old.created, old.updated));
                // Nothing changes: nothing is written, and nobody is told.
                if known.as_ref() == Some(&file) && assets.is_empty() {
                    return library.get(&id).await;
                }
                file.updated = Some(Utc::now().trunc_subsecs(0));
                file.check()?;
                library.check_new_names(&id, &file, known.as_ref(), &assets).await?;
                let expected = Expected::Version(stored.version);
                if let Some(entry) = library.commit(&guard, &id, &file, &assets, expected).await? {
                    library.tell(&id, What::Updated);
                    return Ok(entry);
                }
            }
            Err(LibraryError::Conflict { id })
        })
        .await
    }

    /// Checks the files that a character names for the first time and that do not come with the change.
    async fn check_new_names(
        &self,
        id: &str,
        file: &CharacterFile,
        old: Option<&CharacterFile>,
        assets: &BTreeMap<Part, Bytes>,
    ) -> Result<(), LibraryError> {
        for (part, name) in file.assets() {
            let known = old.is_some_and(|old| old.asset(part) == Some(name));
            if !known && !assets.contains_key(&part) {
                self.asset(id, part, name).await?;
            }
        }
        Ok(())
    }

    /// Steps 3 to 5; `None` if somebody else was quicker.
    async fn commit(
        &self,
        guard: &Guard,
        id: &str,
        file: &CharacterFile,
        assets: &BTreeMap<Part, Bytes>,
        expected: Expected,
    ) -> Result<Option<Entry>, LibraryError> {
        let text = file.to_ron();
        // A longer one could never be read again.
        if text.len() > MAX_TEXT_BYTES {
            let reason = format!("character.ron would have {} bytes, {MAX_TEXT_BYTES} are allowed", text.len());
            return Err(FileError::value("", reason).into());
        }
        for (&part, bytes) in assets {
            if let Some(name) = file.asset(part) {
                self.storage.write(id, name, bytes.clone()).await?;
            }
        }
        let etag = ETag::of(text.as_bytes());
        let committed = self.storage.commit(guard, id, text, expected).await?;
        if committed == Committed::TooLate {
            return Ok(None);
        }
        // In a bucket somebody may have committed again meanwhile, and what that names must stay; it does, by its age.
        self.storage.sweep(guard, id, |name| names(file, name)).await;
        let revision = revision(&etag, file, &self.storage.items(id).await?);
        Ok(Some(Entry { id: id.to_owned(), file: file.clone(), etag, revision }))
    }
}

fn names(file: &CharacterFile, name: &str) -> bool {
    file.assets().iter().any(|(_, used)| *used == name)
}

/// Checks the files of a new character and gives them the store's names.
fn name_assets(file: &mut CharacterFile, assets: &BTreeMap<Part, Bytes>) -> Result<(), LibraryError> {
    for (&part, bytes) in assets {
        let kind = part.inspect(bytes).map_err(refused(part))?;
        file.set_asset(part, Some(part.stored_name(bytes, kind)));
    }
    Ok(())
}

/// Runs a change to its end even if its caller goes away in the middle (a request that is cut off): a change that goes on
/// after its lock is released could overwrite the next one.
async fn whole<T: Send + 'static>(
    change: impl Future<Output = Result<T, LibraryError>> + Send + 'static,
) -> Result<T, LibraryError> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime
            .spawn(change)
            .await
            .map_err(|cause| LibraryError::Storage { doing: "finish a change".to_owned(), cause: cause.into() })?,
        Err(_) => change.await,
    }
}
