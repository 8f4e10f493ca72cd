//! What models there are: `models/catalogue.ron`, read and checked.
//!
//! The catalogue is part of the program, so that it knows what to fetch and what to expect before there is any file.
//! Nothing is fetched without a hash.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use serde::Deserialize;

/// Why a catalogue is refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It is not RON, or has other fields.
    #[error("the catalogue cannot be read: {0}")]
    Syntax(#[from] ron::error::SpannedError),
    /// Something in it cannot be right.
    #[error("the catalogue's entry {id:?} is wrong: {reason}")]
    Entry {
        /// The entry's id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no entry of this id.
    #[error("there is no model {id:?}; there are {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The model has no voice of this name.
    #[error("{id} has no voice {voice:?}; it has {}", known.join(", "))]
    NoSuchVoice {
        /// The model.
        id: String,
        /// What was asked for.
        voice: String,
        /// What it has.
        known: Vec<String>,
    },
}

/// All models for this platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The models, the most needed first.
    pub models: Vec<Model>,
}

/// A model: a few files that belong together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name in commands and settings, and its folder in the cache.
    pub id: String,
    /// What it does, in a person's words.
    pub job: String,
    /// Whether it belongs to the set that the first run fetches.
    #[serde(default)]
    pub default: bool,
    /// The folder among the program's own files that has it, if it is shipped with the program.
    #[serde(default)]
    pub shipped: Option<String>,
    /// The platform that it is for, as "x86_64-linux"; `None` for all.
    #[serde(default)]
    pub platform: Option<String>,
    /// Its licence: an SPDX name.
    pub licence: String,
    /// Conditions and origin, in a person's words.
    pub origin: String,
    /// What works, and how, while it is missing.
    pub without: String,
    /// The names of its voices, if it has several: a character names one as "id/voice".
    #[serde(default)]
    pub voices: Vec<String>,
    /// What else is fetched with it on a machine that has what it is for.
    #[serde(default)]
    pub with: Vec<Companions>,
    /// How it is made, if whoever uses it has to make it. Such a model has no sources, and its files no hashes.
    #[serde(default)]
    pub made: Option<Made>,
    /// Its files.
    pub files: Vec<ModelFile>,
    /// Where the files come from, in the order in which they are tried. A source need not have all of them.
    #[serde(default)]
    pub sources: Vec<Source>,
}

/// How a model is made that nobody may hand out, or that differs from machine to machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// What its licence allows and what it does not, in a person's words.
    pub terms: String,
    /// What to do, in this order. `{folder}` stands for the folder that its files belong into.
    pub steps: Vec<String>,
}

/// Models that another one is faster with, on some machines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Companions {
    /// What the machine must have.
    pub hardware: Hardware,
    /// Their ids. Those that are not for this platform are left out.
    pub models: Vec<String>,
}

/// What a machine may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Hardware {
    /// An NVIDIA card with a driver that runs CUDA 13.
    Nvidia,
}

/// A file of a model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Its name in the model's folder.
    pub name: String,
    /// The contents that are accepted. More than one when sources differ in ways that do not matter; none if its user makes
    /// it, and then anything is.
    #[serde(default)]
    pub forms: Vec<Form>,
}

impl ModelFile {
    /// Whether a file of so many bytes may be it.
    pub(crate) fn may_have(&self, size: u64) -> bool {
        if self.forms.is_empty() { size > 0 } else { self.forms.iter().any(|form| form.size == size) }
    }

    /// Whether a content is one that is accepted.
    pub(crate) fn accepts(&self, found: &Form) -> bool {
        if self.forms.is_empty() { found.size > 0 } else { self.forms.contains(found) }
    }
}

/// An accepted content of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
}

/// A place that has a model's files.
#[derive(Clone, Debug, Deserialize)]
pub enum Source {
    /// Public addresses: the file's name and its address.
    Web(BTreeMap<String, String>),
    /// Packages of a registry, fetched by its own client and taken apart.
    Packages {
        /// Whose packages.
        registry: Registry,
        /// The packages that are needed together.
        packages: Vec<Package>,
        /// How each file is made from the packages' contents.
        gives: BTreeMap<String, Recipe>,
    },
}

impl Source {
    /// The names of the files that it has.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let (web, packages) = match self {
            Self::Web(addresses) => (Some(addresses.keys()), None),
            Self::Packages { gives, .. } => (None, Some(gives.keys())),
        };
        web.into_iter().flatten().chain(packages.into_iter().flatten()).map(String::as_str)
    }
}

/// A registry of packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Registry {
    /// Python wheels, by `pip download`. Nothing of a wheel is run.
    Pip,
    /// npm packages, by `npm pack`. Nothing of a package is run.
    Npm,
}

/// A package at a version.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name in the registry.
    pub name: String,
    /// Its version, exactly.
    pub version: String,
    /// About how many bytes are downloaded; for the progress bar.
    pub size: u64,
    /// The wheel's platform tag ("manylinux_2_28_x86_64") where it has one. Says which of several wheels is meant, so
    /// that the same bytes come whatever Python is installed.
    #[serde(default)]
    pub platform: Option<String>,
}

/// How a file is made from what packages contain. Paths are those inside the packages.
#[derive(Clone, Debug, Deserialize)]
pub enum Recipe {
    /// It is in a package.
    Member(String),
    /// It was cut into parts.
    Joined(Vec<String>),
    /// Whisper in CTranslate2's format, to be written in whisper.cpp's.
    WhisperGgml {
        /// `model.bin`, or the parts that it was cut into.
        weights: Vec<String>,
        /// `vocabulary.json`.
        vocabulary: String,
    },
}

/// The platform's name in the catalogue: "x86_64-linux".
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

impl Catalogue {
    /// The program's own catalogue, for this platform.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Catalogue> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            // A test reads the same text, so a catalogue that is wrong never leaves the workshop.
            Self::read(include_str!("../../../models/catalogue.ron")).expect("the built-in catalogue was tested")
        })
    }

    /// Reads a catalogue and leaves out what is for other platforms.
    ///
    /// # Errors
    /// The text is not a catalogue, or an entry has a bad id, name, hash or source.
    pub fn read(text: &str) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::read_all(text)?;
        let here = platform();
        catalogue.models.retain(|model| model.platform.as_ref().is_none_or(|platform| *platform == here));
        Ok(catalogue)
    }

    /// Reads a catalogue with the entries of all platforms.
    pub(crate) fn read_all(text: &str) -> Result<Self, CatalogueError> {
        let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        let catalogue: Self = options.from_str(text)?;
        for (index, model) in catalogue.models.iter().enumerate() {
            let wrong = |reason: String| Err(CatalogueError::Entry { id: model.id.clone(), reason });
            let twice = catalogue.models[..index].iter().any(|earlier| {
                earlier.id == model.id && (earlier.platform.is_none() || earlier.platform == model.platform)
            });
            if twice {
                return wrong("it is there twice".to_owned());
            }
            if let Err(reason) = model.check() {
                return wrong(reason);
            }
            let companions = || model.with.iter().flat_map(|companions| &companions.models);
            if let Some(id) = companions().find(|id| !catalogue.models.iter().any(|other| other.id == **id)) {
                return wrong(format!("it is fetched with {id:?}, which is not there"));
            }
        }
        Ok(catalogue)
    }

    /// The model `id`.
    ///
    /// # Errors
    /// There is none.
    pub fn model(&self, id: &str) -> Result<&Model, CatalogueError> {
        self.models.iter().find(|model| model.id == id).ok_or_else(|| CatalogueError::Unknown {
            id: id.to_owned(),
            known: self.models.iter().map(|model| model.id.clone()).collect(),
        })
    }

    /// The model that a voice's name asks for: a model's id, or "id/voice" for one of its voices.
    ///
    /// # Errors
    /// There is no such model, or it has no such voice.
    pub fn voice(&self, name: &str) -> Result<&Model, CatalogueError> {
        let (id, voice) = name.split_once('/').map_or((name, None), |(id, voice)| (id, Some(voice)));
        let model = self.model(id)?;
        match voice {
            Some(voice) if !model.voices.iter().any(|own| own == voice) => {
                let (id, voice, known) = (id.to_owned(), voice.to_owned(), model.voices.clone());
                Err(CatalogueError::NoSuchVoice { id, voice, known })
            }
            _ => Ok(model),
        }
    }

    /// The models that are fetched with `ids` on this machine, without `ids` themselves. `has` says what the machine
    /// has; it is asked only where the answer matters, and once for each kind.
    pub fn companions(&self, ids: &[&str], mut has: impl FnMut(Hardware) -> bool) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        let asked = self.models.iter().filter(|model| ids.contains(&model.id.as_str()));
        let mut known: Vec<(Hardware, bool)> = Vec::new();
        for companions in asked.flat_map(|model| &model.with) {
            let here = self.models.iter().filter(|model| companions.models.contains(&model.id));
            let new: Vec<_> =
                here.map(|model| model.id.as_str()).filter(|id| !ids.contains(id) && !found.contains(id)).collect();
            if new.is_empty() {
                continue;
            }
            let hardware = companions.hardware;
            let answer = known.iter().find(|(asked, _)| *asked == hardware).map(|(_, answer)| *answer);
            let answer = answer.unwrap_or_else(|| {
                known.push((hardware, has(hardware)));
                known[known.len() - 1].1
            });
            if answer {
                found.extend(new);
            }
        }
        found
    }

    /// The ids of the set that the first run fetches.
    pub fn default_ids(&self) -> Vec<&str> {
        self.models.iter().filter(|model| model.default).map(|model| model.id.as_str()).collect()
    }
}

impl Model {
    /// The file `name` of the model.
    pub fn file(&self, name: &str) -> Option<&ModelFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Bytes of all files, in their first form; 0 if its user makes it.
    pub fn size(&self) -> u64 {
        self.files.iter().filter_map(|file| file.forms.first()).map(|form| form.size).sum()
    }

    fn check(&self) -> Result<(), String> {
        if !plain(&self.id) || self.id.contains('.') {
            return Err("its id may have lower-case letters, digits and hyphens".to_owned());
        }
        if self.files.is_empty() {
            return Err("it has no files".to_owned());
        }
        if let Some(voice) = self.voices.iter().find(|voice| voice.is_empty() || voice.contains('/')) {
            return Err(format!("{voice:?} is no name for a voice"));
        }
        for file in &self.files {
            if file.name.is_empty() || file.name.starts_with('.') || file.name.contains(['/', '\\']) {
                return Err(format!("{:?} is no file name", file.name));
            }
            if file.forms.is_empty() && self.made.is_none() {
                return Err(format!("{} has no hash", file.name));
            }
            for form in &file.forms {
                let hexadecimal = form.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                if form.sha256.len() != 64 || !hexadecimal || form.size == 0 {
                    return Err(format!("{} has a malformed hash or no size", file.name));
                }
            }
        }
        if let Some(Made { terms, steps }) = &self.made {
            if terms.trim().is_empty() || steps.is_empty() {
                return Err("it does not say how it is made, or under which terms".to_owned());
            }
            if self.shipped.is_some() || self.default || !self.sources.is_empty() {
                return Err("its user makes it, so nobody else has it".to_owned());
            }
            return Ok(());
        }
        if self.shipped.is_none() && self.sources.is_empty() {
            return Err("nobody has it".to_owned());
        }
        let mut served = BTreeSet::new();
        for source in &self.sources {
            match source {
                Source::Web(addresses) => {
                    if let Some(address) = addresses.values().find(|address| !address.starts_with("https://")) {
                        return Err(format!("{address} is not an https address"));
                    }
                }
                Source::Packages { packages, .. } => {
                    if packages.is_empty() {
                        return Err("a source names no package".to_owned());
                    }
                }
            }
            if let Some(stray) = source.files().find(|name| self.file(name).is_none()) {
                return Err(format!("a source has {stray}, which is no file of it"));
            }
            served.extend(source.files());
        }
        let unserved = |file: &&ModelFile| self.shipped.is_none() && !served.contains(file.name.as_str());
        if let Some(missing) = self.files.iter().find(unserved) {
            return Err(format!("no source has {}", missing.name));
        }
        Ok(())
    }
}

fn plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A catalogue of one model, with a chosen id, hash and source.
    fn catalogue(id: &str, sha256: &str, source: &str) -> Result<Catalogue, CatalogueError> {
        Catalogue::read(&format!(
            r#"(models: [(
                id: "{id}", job: "j", licence: "MIT", origin: "o", without: "w",
                files: [(name: "a.bin", forms: [(sha256: "{sha256}", size: 1)])],
                sources: [{source}],
            )])"#
        ))
    }

    #[test]
    fn the_built_in_catalogue_is_well_formed_on_every_platform() {
        let all = Catalogue::read_all(include_str!("../../../models/catalogue.ron")).expect("it was checked by hand");
        let here = Catalogue::builtin();
        assert!(all.models.len() >= here.models.len());
        for id in ["face", "piper-en-joe", "whisper-base"] {
            assert!(here.default_ids().contains(&id), "{id}");
        }
        for model in &all.models {
            for text in [&model.job, &model.licence, &model.origin, &model.without] {
                assert!(!text.trim().is_empty(), "{} lacks a text", model.id);
            }
        }
    }

    #[test]
    fn every_address_names_a_revision() {
        let all = Catalogue::read_all(include_str!("../../../models/catalogue.ron")).expect("it was checked by hand");
        let mut addresses = 0;
        for source in all.models.iter().flat_map(|model| &model.sources) {
            let Source::Web(files) = source else { continue };
            for address in files.values() {
                let commit = |part: &str| part.len() == 40 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
                let release =
                    |part: &str| part.starts_with('v') && part[1..].split('.').all(|n| n.parse::<u32>().is_ok());
                // A release of a repository is named by its tag ("v1.0.0", "model-files-v1.0").
                let tag = address.split_once("/releases/download/").and_then(|(_, rest)| rest.split('/').next());
                let tagged = tag.and_then(|tag| tag.rsplit('-').next()).is_some_and(release);
                let fixed = tagged || address.split(['/', '@']).any(|part| commit(part) || release(part));
                assert!(fixed, "{address} follows a branch");
                addresses += 1;
            }
        }
        assert!(addresses > 30, "{addresses}");
    }

    #[test]
    fn a_wrong_entry_is_refused() {
        let sha = "0".repeat(64);
        let good = r#"Web({"a.bin": "https://example.com/a.bin"})"#;
        assert!(catalogue("a-1", &sha, good).is_ok());
        let cases = [
            ("A", sha.as_str(), good),
            ("../a", &sha, good),
            ("a", "12", good),
            ("a", &"G".repeat(64), good),
            ("a", &sha, r#"Web({"a.bin": "http://example.com/a.bin"})"#),
            ("a", &sha, r#"Web({"b.bin": "https://example.com/a.bin"})"#),
            ("a", &sha, r#"Web({"a.bin": "https://example.com/a.bin", "b.bin": "https://example.com/a.bin"})"#),
            ("a", &sha, r#"Web({})"#),
            ("a", &sha, r#"Packages(registry: Pip, packages: [], gives: {"a.bin": Member("a")})"#),
            ("a", &sha, ""),
        ];
        for (id, sha256, source) in cases {
            assert!(catalogue(id, sha256, source).is_err(), "{id} {sha256} {source}");
        }
    }

    #[test]
    fn who_makes_a_model_is_told_how() {
        let read = |made: &str, rest: &str| {
            Catalogue::read(&format!(
                r#"(models: [(
                    id: "a", job: "j", licence: "MIT", origin: "o", without: "w", {made} files: [(name: "a.bin")], {rest}
                )])"#
            ))
        };
        let good = r#"made: (terms: "for everybody", steps: ["make it"]),"#;
        let model = read(good, "").expect("it says how").models.remove(0);
        assert_eq!(model.size(), 0);
        assert!(model.files[0].may_have(1) && !model.files[0].may_have(0));
        let cases = [
            ("", "", "a.bin has no hash"),
            (r#"made: (terms: " ", steps: ["make it"]),"#, "", "under which terms"),
            (r#"made: (terms: "for everybody", steps: []),"#, "", "how it is made"),
            (good, "default: true,", "nobody else has it"),
            (good, r#"shipped: "models/a","#, "nobody else has it"),
            (good, r#"sources: [Web({"a.bin": "https://example.com/a.bin"})],"#, "nobody else has it"),
        ];
        for (made, rest, words) in cases {
            let error = read(made, rest).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn companions_come_where_the_hardware_is_and_for_this_platform() {
        let sha = "0".repeat(64);
        let model = |id: &str, rest: &str| {
            format!(
                r#"(id: "{id}", job: "j", licence: "MIT", origin: "o", without: "w", {rest}
                files: [(name: "a.bin", forms: [(sha256: "{sha}", size: 1)])],
                sources: [Web({{"a.bin": "https://example.com/a.bin"}})])"#
            )
        };
        let with = r#"with: [(hardware: Nvidia, models: ["card", "library", "elsewhere"])],"#;
        let elsewhere = r#"platform: "none-nowhere","#;
        let models = [
            model("net", with),
            model("other", with),
            model("card", ""),
            model("library", ""),
            model("elsewhere", elsewhere),
        ];
        let catalogue = Catalogue::read(&format!("(models: [{}])", models.join(", "))).expect("it is good");
        let cases: [(&[&str], bool, &[&str], usize); 5] = [
            (&["net"], true, &["card", "library"], 1),
            (&["net"], false, &[], 1),
            (&["net", "other"], true, &["card", "library"], 1),
            (&["net", "library", "card"], true, &[], 0),
            (&["card"], true, &[], 0),
        ];
        for (ids, nvidia, expected, questions) in cases {
            let mut asked = 0;
            let found = catalogue.companions(ids, |_| {
                asked += 1;
                nvidia
            });
            assert_eq!((found.as_slice(), asked), (expected, questions), "{ids:?}");
        }
        let stranger = model("net", r#"with: [(hardware: Nvidia, models: ["stranger"])],"#);
        let error =
            Catalogue::read(&format!("(models: [{stranger}])")).expect_err("there is no such model").to_string();
        assert!(error.contains("stranger"), "{error}");
    }

    #[test]
    fn an_unknown_model_is_told_with_those_there_are() {
        let catalogue =
            catalogue("a", &"0".repeat(64), r#"Web({"a.bin": "https://example.com/"})"#).expect("it is good");
        let message = catalogue.model("b").expect_err("there is no b").to_string();
        assert_eq!(message, r#"there is no model "b"; there are a"#);
    }

    #[test]
    fn voices_are_named_behind_their_model() {
        let catalogue = Catalogue::builtin();
        for (name, id) in [("piper-en-joe", "piper-en-joe"), ("kokoro", "kokoro"), ("kokoro/bf_emma", "kokoro")] {
            assert_eq!(catalogue.voice(name).expect(name).id, id);
        }
        let message = catalogue.voice("kokoro/nobody").expect_err("it has none").to_string();
        assert!(message.starts_with(r#"kokoro has no voice "nobody"; it has af_"#), "{message}");
        for unknown in ["piper-en-joe/x", "kokoro/", "x/af_heart"] {
            assert!(catalogue.voice(unknown).is_err(), "{unknown}");
        }
    }
}
