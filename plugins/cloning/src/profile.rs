//! Cloned voices at rest: a profile as RON, its style beside it, and the statement of permission without which there is none.
//!
//! A profile `anna` is a folder `anna` with `voice.ron` and `style.bin`: what its engine speaks with, in the engine's own form
//! (Kokoro's is numbers, little-endian f32; XTTS's a safetensors file). It is written under a name of
//! its own and renamed, so a profile is there whole or not at all. An id is checked before it becomes part of a path.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use visage_core::Language;

use crate::CloningError;

/// Longest id, in characters: as for characters.
const MAX_ID: usize = 63;
/// Longest name, in characters.
pub const MAX_NAME: usize = 80;
/// Longest words of a permission, and longest name of who gave it, in characters.
const MAX_PERMISSION: usize = 2_000;
/// Fewest characters that say something.
const MIN_PERMISSION: usize = 10;
/// The profile's file.
const PROFILE: &str = "voice.ron";
/// Its style's file.
const STYLE: &str = "style.bin";
/// Bytes of a style at most: nothing that an engine has today comes near, and a damaged file does not fill the memory.
const MAX_STYLE: usize = 16 << 20;

/// Who allowed a voice to be cloned, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// The words, as they were said or typed.
    pub text: String,
    /// Who said so: the owner of the voice, or who acts for them.
    pub by: String,
    /// When.
    #[serde(with = "moment")]
    pub at: DateTime<Utc>,
}

impl Permission {
    /// Whether it says something and somebody.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn check(&self) -> Result<(), CloningError> {
        let (text, by) = (self.text.trim(), self.by.trim());
        let letters = text.chars().filter(|letter| letter.is_alphabetic()).count();
        let reason = if letters < MIN_PERMISSION {
            "the statement is empty or says nothing"
        } else if by.is_empty() {
            "it does not say who made the statement"
        } else if text.chars().count() > MAX_PERMISSION || by.chars().count() > MAX_NAME {
            "the statement or the name is too long"
        } else {
            return Ok(());
        };
        Err(CloningError::NoPermission(reason))
    }
}

/// A cloned voice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceProfile {
    /// Its id: the name of its folder, and how a character names it.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// The engine that speaks with its style: a model of the catalogue ("kokoro", "xtts-v2").
    pub engine: String,
    /// Languages that it speaks.
    pub languages: Vec<Language>,
    /// When it was made.
    #[serde(with = "moment")]
    pub created: DateTime<Utc>,
    /// SHA-256 of the recording, as in [`ReferenceClip::sha256`](crate::ReferenceClip::sha256).
    pub source_sha256: String,
    /// Who allowed it.
    pub permission: Permission,
    /// Similarity to the recording of the most similar voice that the engine has by itself, 0..=1; 0 if it has none.
    pub similarity_before: f32,
    /// And of the clone.
    pub similarity_after: f32,
    /// Whether what it says is to be marked ([`Marker`](crate::Marker)).
    pub marked: bool,
    /// How loud it speaks by itself, LUFS (EBU R128), so that all its pieces get the same gain. `None` if that was not
    /// measured, as in older profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<f32>,
}

/// The cloned voices of a folder.
#[derive(Clone, Debug)]
pub struct Profiles {
    folder: PathBuf,
}

/// What is found in the folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// Profiles that can be used, by id.
    pub profiles: Vec<VoiceProfile>,
    /// What is wrong with the others.
    pub broken: Vec<CloningError>,
}

impl Profiles {
    /// The voices in `folder`, which is made when the first is kept.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// An id made of a name, with a number behind it if it is taken.
    pub fn free_id(&self, name: &str) -> String {
        let plain = slug(name);
        let taken = |id: &str| self.folder.join(id).exists();
        let numbered = (2..).map(|number| {
            let number = format!("-{number}");
            format!("{}{number}", plain[..plain.len().min(MAX_ID - number.len())].trim_end_matches('-'))
        });
        std::iter::once(plain.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(plain)
    }

    /// Keeps a new profile with a style of numbers.
    ///
    /// # Errors
    /// Like [`Self::create_bytes`], or some of them are not numbers.
    pub fn create(&self, profile: &VoiceProfile, style: &[f32]) -> Result<(), CloningError> {
        let finite = style.iter().all(|number| number.is_finite());
        let bytes = style.iter().filter(|_| finite).flat_map(|number| number.to_le_bytes());
        self.create_bytes(profile, &bytes.collect::<Vec<_>>())
    }

    /// Keeps a new profile with a style in the engine's own form.
    ///
    /// # Errors
    /// There is no statement of permission, the id or name is none, the style is empty or far too large, the id is taken, or
    /// the folder cannot be written.
    pub fn create_bytes(&self, profile: &VoiceProfile, style: &[u8]) -> Result<(), CloningError> {
        profile.permission.check()?;
        check_id(&profile.id)?;
        check_name(&profile.name)?;
        let damaged = |reason: String| CloningError::Damaged { id: profile.id.clone(), reason };
        if style.is_empty() || style.len() > MAX_STYLE {
            return Err(damaged(format!("a style of {} bytes is none", style.len())));
        }
        let text = ron::ser::to_string_pretty(profile, ron::ser::PrettyConfig::default())
            .map_err(|error| damaged(error.to_string()))?;
        fs::create_dir_all(&self.folder).map_err(file(&self.folder))?;
        // The name begins with a point, which no id does: a listing passes over what a crash leaves.
        let beside = tempfile::Builder::new().prefix(".new-").tempdir_in(&self.folder).map_err(file(&self.folder))?;
        write(&beside.path().join(STYLE), style)?;
        write(&beside.path().join(PROFILE), text.as_bytes())?;
        let place = self.folder.join(&profile.id);
        match fs::rename(beside.path(), &place) {
            Ok(()) => {
                // It has another name now: there is nothing to clean up.
                let _ = beside.keep();
                Ok(())
            }
            // A folder is not renamed over one that has files.
            Err(_) if place.exists() => Err(CloningError::Taken { id: profile.id.clone() }),
            Err(error) => Err(file(&place)(error)),
        }
    }

    /// All profiles, by id. A folder that is not there has none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Listing, CloningError> {
        let mut listing = Listing::default();
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
            Err(error) => return Err(file(&self.folder)(error)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ids: Vec<_> = names.filter(|name| check_id(name).is_ok()).collect();
        ids.sort();
        for id in ids {
            match self.profile(&id) {
                Ok(profile) => listing.profiles.push(profile),
                // A file that lies there, or a profile that was just deleted.
                Err(CloningError::Unknown { .. }) => {}
                Err(error) => listing.broken.push(error),
            }
        }
        Ok(listing)
    }

    /// A profile without its style.
    ///
    /// # Errors
    /// There is none of this id, or it is damaged.
    pub fn profile(&self, id: &str) -> Result<VoiceProfile, CloningError> {
        check_id(id)?;
        let text = self.read(id, PROFILE)?;
        let damaged = |reason: String| CloningError::Damaged { id: id.to_owned(), reason };
        let text = String::from_utf8(text).map_err(|error| damaged(error.to_string()))?;
        let profile: VoiceProfile = ron::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if profile.id != id {
            return Err(damaged(format!("its file says that it is {:?}", profile.id)));
        }
        profile.permission.check().map_err(|error| damaged(error.to_string()))?;
        Ok(profile)
    }

    /// A profile and its style in the engine's own form.
    ///
    /// # Errors
    /// Like [`Self::profile`].
    pub fn load_bytes(&self, id: &str) -> Result<(VoiceProfile, Vec<u8>), CloningError> {
        Ok((self.profile(id)?, self.read(id, STYLE)?))
    }

    /// A profile and its style of numbers.
    ///
    /// # Errors
    /// Like [`Self::profile`], or its style is something else.
    pub fn load(&self, id: &str) -> Result<(VoiceProfile, Vec<f32>), CloningError> {
        let (profile, bytes) = self.load_bytes(id)?;
        let (numbers, rest) = bytes.as_chunks();
        let style: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        if style.is_empty() || !rest.is_empty() || style.iter().any(|number| !number.is_finite()) {
            let reason = format!("its style has {} bytes that are no numbers", bytes.len());
            return Err(CloningError::Damaged { id: id.to_owned(), reason });
        }
        Ok((profile, style))
    }

    /// Deletes a profile with its style.
    ///
    /// # Errors
    /// There is none of this id, or the folder cannot be written.
    pub fn delete(&self, id: &str) -> Result<(), CloningError> {
        check_id(id)?;
        let place = self.folder.join(id);
        if !place.join(PROFILE).is_file() && !place.join(STYLE).is_file() {
            return Err(CloningError::Unknown { id: id.to_owned() });
        }
        // Renamed first, so that it is gone at once and whole.
        let beside = tempfile::Builder::new().prefix(".old-").tempdir_in(&self.folder).map_err(file(&self.folder))?;
        let gone = beside.path().join(id);
        fs::rename(&place, &gone).map_err(file(&place))?;
        beside.close().map_err(file(&gone))
    }

    fn read(&self, id: &str, name: &str) -> Result<Vec<u8>, CloningError> {
        let path = self.folder.join(id).join(name);
        let length = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(_) if !self.folder.join(id).is_dir() => return Err(CloningError::Unknown { id: id.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CloningError::Damaged { id: id.to_owned(), reason: format!("it has no {name}") });
            }
            Err(error) => return Err(file(&path)(error)),
        };
        if length > MAX_STYLE as u64 {
            return Err(CloningError::Damaged { id: id.to_owned(), reason: format!("its {name} has {length} bytes") });
        }
        fs::read(&path).map_err(file(&path))
    }
}

/// An error of the file system at a path.
fn file(path: &Path) -> impl Fn(io::Error) -> CloningError {
    let path = path.to_owned();
    move |source| CloningError::File { path: path.clone(), source }
}

/// Moments as RFC 3339 writes them, to the second.
mod moment {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&moment.to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(|moment| moment.to_utc()).map_err(D::Error::custom)
    }
}

/// Writes a file and waits until it is on the disk.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CloningError> {
    let written = fs::File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(file(path))
}

/// Checks that this can be a profile's id: `[a-z0-9][a-z0-9-]{0,62}`, as for characters. Such an id is never a path.
///
/// # Errors
/// [`CloningError::InvalidId`].
pub fn check_voice_id(id: &str) -> Result<(), CloningError> {
    check_id(id)
}

/// Checks that a voice can be called so: 1 to [`MAX_NAME`] characters, none of them a control character.
///
/// # Errors
/// [`CloningError::InvalidName`].
pub fn check_voice_name(name: &str) -> Result<(), CloningError> {
    check_name(name)
}

fn check_id(id: &str) -> Result<(), CloningError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !id.is_empty() && id.len() <= MAX_ID && !id.starts_with('-') && id.bytes().all(plain) {
        Ok(())
    } else {
        Err(CloningError::InvalidId { id: id.chars().take(MAX_NAME).map(printable).collect() })
    }
}

fn printable(letter: char) -> char {
    if letter.is_control() { '\u{fffd}' } else { letter }
}

fn check_name(name: &str) -> Result<(), CloningError> {
    let length = name.trim().chars().count();
    if (1..=MAX_NAME).contains(&length) && !name.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(CloningError::InvalidName { longest: MAX_NAME })
    }
}

/// An id made of a name: lower-case letters of ASCII and digits, everything else a hyphen. Never empty.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            letter if letter.is_ascii_alphanumeric() => slug.push(letter),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(MAX_ID);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "voice".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(id: &str) -> VoiceProfile {
        let at = DateTime::parse_from_rfc3339("2026-05-04T12:00:00Z").expect("a time").to_utc();
        VoiceProfile {
            id: id.to_owned(),
            name: "Anna \"A\" Ölçer".to_owned(),
            engine: "kokoro".to_owned(),
            languages: vec![Language::English, Language::German],
            created: at,
            source_sha256: "ab".repeat(32),
            permission: Permission { text: "You may clone my voice.".to_owned(), by: "Anna Ölçer".to_owned(), at },
            similarity_before: 0.71,
            similarity_after: 0.84,
            marked: true,
            loudness: Some(-21.5),
        }
    }

    fn folder() -> (tempfile::TempDir, Profiles) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let profiles = Profiles::at(folder.path().join("voices"));
        (folder, profiles)
    }

    #[test]
    fn a_profile_is_kept_listed_loaded_and_deleted() {
        let (_folder, profiles) = folder();
        assert!(profiles.list().expect("none yet").profiles.is_empty());
        let style = [0.5, -1.25, 3.0e-7];
        for id in ["b", "anna-2"] {
            profiles.create(&profile(id), &style).expect("it is kept");
        }
        let ids: Vec<_> = profiles.list().expect("two").profiles.into_iter().map(|profile| profile.id).collect();
        assert_eq!(ids, ["anna-2", "b"]);
        let (loaded, loaded_style) = profiles.load("b").expect("it is there");
        assert_eq!((loaded, &loaded_style[..]), (profile("b"), &style[..]));

        // Nobody is overwritten.
        assert!(matches!(profiles.create(&profile("b"), &[9.0]), Err(CloningError::Taken { .. })));
        assert_eq!(profiles.load("b").expect("still there").1, style);

        profiles.delete("b").expect("it is there");
        assert!(matches!(profiles.load("b"), Err(CloningError::Unknown { .. })));
        assert!(matches!(profiles.delete("b"), Err(CloningError::Unknown { .. })));
        let left: Vec<_> =
            fs::read_dir(profiles.folder()).expect("a folder").flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["anna-2"], "nothing is left over");
    }

    #[test]
    fn a_profile_from_before_loudness_was_measured_still_loads() {
        let (_folder, profiles) = folder();
        profiles.create(&profile("anna"), &[1.0]).expect("it is kept");
        let path = profiles.folder().join("anna").join(PROFILE);
        let text = fs::read_to_string(&path).expect("it is there");
        let older: String = text.lines().filter(|line| !line.contains("loudness")).collect::<Vec<_>>().join("\n");
        assert_ne!(text.trim(), older);
        fs::write(&path, older).expect("a temporary folder");
        let loaded = profiles.profile("anna").expect("it is a profile");
        assert_eq!(loaded, VoiceProfile { loudness: None, ..profile("anna") });
        // What is not known is not written.
        let unknown = VoiceProfile { id: "ben".to_owned(), ..loaded };
        profiles.create(&unknown, &[1.0]).expect("it is kept");
        let text = fs::read_to_string(profiles.folder().join("ben").join(PROFILE)).expect("it is there");
        assert!(!text.contains("loudness"), "{text}");
    }

    #[test]
    fn a_style_in_another_form_is_kept_as_it_is() {
        let (_folder, profiles) = folder();
        profiles.create_bytes(&profile("anna"), b"no numbers").expect("it is kept");
        let (loaded, style) = profiles.load_bytes("anna").expect("it is there");
        assert_eq!((loaded, &style[..]), (profile("anna"), &b"no numbers"[..]));
        // Who takes it for numbers is told: they would be two and a half.
        assert!(matches!(profiles.load("anna"), Err(CloningError::Damaged { .. })));
        for wrong in [&[][..], &vec![0; MAX_STYLE + 1]] {
            let refused = profiles.create_bytes(&profile("b"), wrong);
            assert!(matches!(refused, Err(CloningError::Damaged { .. })), "{} bytes", wrong.len());
        }
    }

    #[test]
    fn nobody_is_cloned_without_permission() {
        let (_folder, profiles) = folder();
        let cases = [
            ("", "Anna", "says nothing"),
            (" \n\t ", "Anna", "says nothing"),
            ("..........", "Anna", "says nothing"),
            ("yes", "Anna", "says nothing"),
            ("You may clone my voice.", "  ", "who made"),
            (&"a".repeat(3_000), "Anna", "too long"),
        ];
        for (text, by, words) in cases {
            let mut profile = profile("anna");
            (profile.permission.text, profile.permission.by) = (text.to_owned(), by.to_owned());
            let error = profiles.create(&profile, &[1.0]).expect_err(words).to_string();
            assert!(error.contains(words) && error.contains("permission"), "{words}: {error}");
        }
        assert!(!profiles.folder().exists(), "nothing is written");
    }

    #[test]
    fn no_id_of_a_stranger_reaches_the_file_system() {
        let (folder, profiles) = folder();
        profiles.create(&profile("anna"), &[1.0]).expect("it is kept");
        fs::create_dir(folder.path().join("outside")).expect("a temporary folder");
        for name in [PROFILE, STYLE] {
            fs::copy(profiles.folder().join("anna").join(name), folder.path().join("outside").join(name))
                .expect("copied");
        }
        let long = "a".repeat(64);
        for id in ["", ".", "..", "../outside", "/etc", "a/b", "a\\b", "-a", "A", "a.b", "a b", "ä", "a\0", "C:", &long]
        {
            let all = [
                profiles.create(&profile(id), &[1.0]),
                profiles.load(id).map(|_| ()),
                profiles.profile(id).map(|_| ()),
                profiles.delete(id),
                check_voice_id(id),
            ];
            for result in all {
                assert!(matches!(result, Err(CloningError::InvalidId { .. })), "{id:?}: {result:?}");
            }
        }
        assert!(folder.path().join("outside").join(PROFILE).is_file());
    }

    #[test]
    fn names_become_ids_that_are_free() {
        let (_folder, profiles) = folder();
        for (name, id) in [
            ("Anna", "anna"),
            ("  Dr. Jürgen Groß ", "dr-juergen-gross"),
            ("../../etc/passwd", "etc-passwd"),
            ("张伟", "voice"),
            ("", "voice"),
        ] {
            assert_eq!(profiles.free_id(name), id, "{name}");
            check_id(&profiles.free_id(name)).expect(name);
        }
        let long = "ab ".repeat(60);
        for expected in ["anna", "anna-2", "anna-3"] {
            let id = profiles.free_id("Anna");
            assert_eq!(id, expected);
            profiles.create(&profile(&id), &[1.0]).expect("it is free");
            let id = profiles.free_id(&long);
            profiles.create(&profile(&id), &[1.0]).expect("it is free and an id");
        }
        for name in ["", "  ", "a\nb", &"a".repeat(81)] {
            let mut wrong = profile("x");
            wrong.name = name.to_owned();
            assert!(matches!(check_voice_name(name), Err(CloningError::InvalidName { .. })), "{name:?}");
            assert!(matches!(profiles.create(&wrong, &[1.0]), Err(CloningError::InvalidName { .. })), "{name:?}");
        }
    }

    #[test]
    fn what_is_damaged_is_said_and_the_others_are_listed() {
        let (_folder, profiles) = folder();
        type Damage = &'static dyn Fn(&Path);
        let wrong: [(&str, Damage); 6] = [
            ("cut", &|at| fs::write(at.join(PROFILE), "(id: \"cut\", na").expect("written")),
            ("other", &|at| {
                let text = fs::read_to_string(at.join(PROFILE)).expect("it is there");
                fs::write(at.join(PROFILE), text.replace("\"other\"", "\"another\"")).expect("written");
            }),
            ("robbed", &|at| {
                let text = fs::read_to_string(at.join(PROFILE)).expect("it is there");
                fs::write(at.join(PROFILE), text.replace("You may clone my voice.", "")).expect("written");
            }),
            ("without", &|at| fs::remove_file(at.join(PROFILE)).expect("it is there")),
            ("odd", &|at| fs::write(at.join(STYLE), [0; 7]).expect("written")),
            ("infinite", &|at| fs::write(at.join(STYLE), f32::INFINITY.to_le_bytes()).expect("written")),
        ];
        profiles.create(&profile("good"), &[1.0]).expect("it is kept");
        for (id, damage) in wrong {
            profiles.create(&profile(id), &[1.0]).expect("it is kept");
            damage(&profiles.folder().join(id));
            let error = profiles.load(id).expect_err(id);
            assert!(matches!(error, CloningError::Damaged { .. }) && error.to_string().contains(id), "{error}");
        }
        fs::write(profiles.folder().join("readme"), "a file").expect("written");
        fs::create_dir(profiles.folder().join(".new-crashed")).expect("made");
        let listing = profiles.list().expect("a folder");
        let ids: Vec<_> = listing.profiles.iter().map(|profile| profile.id.as_str()).collect();
        assert_eq!(ids, ["good", "infinite", "odd"]);
        assert_eq!(listing.broken.len(), 4, "{:?}", listing.broken);
        for (id, _) in wrong {
            profiles.delete(id).expect("what is damaged can be deleted");
        }
        assert!(profiles.create(&profile("nan"), &[f32::NAN]).is_err() && profiles.create(&profile("e"), &[]).is_err());
    }
}
