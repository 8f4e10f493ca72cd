//! The pictures of the catalogue's "portraits" become characters: `models/people.ron` says who each of them is.
//!
//! What is in the library stays as it is: a character whose id is taken is left alone, so that fetching again changes
//! nothing that somebody edited.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::Context;
use serde::Deserialize;
use visage_core::{Emotion, Language};
use visage_library::{CharacterFile, EmotionFace, Idle, Library, LibraryError, Speech, Voice, slug};

/// The catalogue's entry that becomes characters.
pub const PORTRAITS: &str = "portraits";
/// The voice of those who speak English, raised or lowered for each.
const ENGLISH: &str = "piper-en-joe";

/// Who the pictures become.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    people: Vec<Person>,
    manners: BTreeMap<String, Manner>,
}

/// A picture's name, voice and manner.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    picture: String,
    name: String,
    language: Language,
    pitch: f32,
    speed: f32,
    manner: String,
}

/// How somebody speaks and moves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manner {
    speech: BTreeMap<Language, Speech>,
    #[serde(default)]
    emotions: BTreeMap<Emotion, EmotionFace>,
    #[serde(default)]
    idle: Idle,
}

/// What became of the pictures: ids of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enlisted {
    /// They are new in the library.
    pub created: Vec<String>,
    /// Their id was taken; what is there was left as it is.
    pub kept: Vec<String>,
}

impl People {
    /// Those of `models/people.ron`.
    pub fn builtin() -> Self {
        // A test reads the same text.
        Self::read(include_str!("../../../models/people.ron")).expect("the built-in people were tested")
    }

    fn read(text: &str) -> Result<Self, ron::error::SpannedError> {
        ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME).from_str(text)
    }

    /// Each picture's file name and the character that it becomes.
    ///
    /// # Errors
    /// Somebody has a manner that is not described.
    pub fn characters(&self) -> anyhow::Result<Vec<(&str, CharacterFile)>> {
        self.people.iter().map(|person| Ok((person.picture.as_str(), self.character(person)?))).collect()
    }

    fn character(&self, person: &Person) -> anyhow::Result<CharacterFile> {
        let manner = self.manners.get(&person.manner);
        let manner = manner.with_context(|| format!("{} has no such manner as {:?}", person.name, person.manner))?;
        let voice = |language| {
            let model = if language == Language::English { ENGLISH.to_owned() } else { Voice::default().model };
            Voice { model, pitch: person.pitch, speed: person.speed, ..Voice::default() }
        };
        let mut speech = manner.speech.clone();
        for words in speech.values_mut() {
            // A language model is told who it is; the other texts get the name when they are spoken.
            words.system_prompt = words.system_prompt.replace("{name}", &person.name);
            words.greeting = words.greeting.replace("{name}", &person.name);
        }
        Ok(CharacterFile {
            language: Some(person.language),
            voices: [Language::English, Language::German].map(|language| (language, voice(language))).into(),
            personality: speech,
            emotions: manner.emotions.clone(),
            idle: manner.idle,
            ..CharacterFile::new(&person.name, person.language)
        })
    }

    /// Makes a character of each picture, unless its id is taken. `path` finds a picture's file.
    ///
    /// # Errors
    /// A picture cannot be read, or the library cannot keep the character.
    pub async fn enlist(
        &self,
        library: &Library,
        path: impl Fn(&str) -> anyhow::Result<PathBuf>,
    ) -> anyhow::Result<Enlisted> {
        let mut enlisted = Enlisted::default();
        for (picture, file) in self.characters()? {
            let id = slug(&file.name);
            let path = path(picture)?;
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            match library.create(Some(&id), file, bytes.into()).await {
                Ok(entry) => enlisted.created.push(entry.id),
                Err(LibraryError::Exists { id }) => enlisted.kept.push(id),
                Err(error) => return Err(error).with_context(|| format!("cannot make a character of {picture}")),
            }
        }
        Ok(enlisted)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use visage_library::{Precondition, block_on};
    use visage_models::Catalogue;

    use super::*;

    #[test]
    fn every_picture_of_the_catalogue_becomes_somebody_of_their_own() {
        let people = People::builtin();
        let characters = people.characters().expect("every manner is described");
        let files = &Catalogue::builtin().model(PORTRAITS).expect("it is in the catalogue").files;
        let pictures: BTreeSet<_> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(characters.iter().map(|(picture, _)| *picture).collect::<BTreeSet<_>>(), pictures);
        let different = |of: &dyn Fn(&CharacterFile) -> String| {
            characters.iter().map(|(_, file)| of(file)).collect::<BTreeSet<_>>().len()
        };
        assert_eq!(different(&|file| slug(&file.name)), characters.len(), "ids");
        assert_eq!(different(&|file| format!("{:?}", file.voices)), characters.len(), "voices");
        assert_eq!(different(&|file| format!("{:?}", file.language)), 2, "languages");
        for (picture, file) in &characters {
            file.check().unwrap_or_else(|error| panic!("{picture}: {error}"));
            // What is written is what is read.
            assert_eq!(CharacterFile::parse(&file.to_ron()).expect("it is in order"), *file, "{picture}");
            assert_eq!(file.languages()[0], file.language.expect("it is given"), "{picture}");
            for (language, speech) in &file.personality {
                assert!(speech.greeting.contains(&file.name), "{picture} says its name in {language}");
                assert!(!speech.system_prompt.contains("{name}") && !speech.fallback.is_empty(), "{picture}");
            }
        }
    }

    #[test]
    fn pictures_of_a_folder_become_characters_once_and_nothing_is_overwritten() {
        const TEXT: &str = r#"(
            people: [
                (picture: "one.png", name: "Ada", language: en, pitch: 1.2, speed: 1, manner: "plain"),
                (picture: "two.png", name: "Bo", language: de, pitch: 0.9, speed: 1, manner: "plain"),
            ],
            manners: {"plain": (speech: {en: (greeting: "I am {name}."), de: (greeting: "Ich bin {name}.")})},
        )"#;
        let people = People::read(TEXT).expect("it is in order");
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, grey) in [("one.png", 60), ("two.png", 200)] {
            let picture = image::RgbImage::from_pixel(64, 64, image::Rgb([grey; 3]));
            picture.save(folder.path().join(name)).expect("a temporary folder");
        }
        let library = Library::in_memory();
        let enlist = || block_on(people.enlist(&library, |name| Ok(folder.path().join(name))));
        let both = || vec!["ada".to_owned(), "bo".to_owned()];
        assert_eq!(enlist().expect("both are new"), Enlisted { created: both(), kept: vec![] });
        let stored = block_on(library.part("bo", visage_library::Part::Portrait)).expect("it has a portrait");
        assert_eq!(stored.bytes, fs::read(folder.path().join("two.png")).expect("it was written"));

        // Somebody edits one and takes the other away.
        let edit = serde_json::json!({"name": "Adele"});
        block_on(library.patch("ada", &edit, &Precondition::None)).expect("it is there");
        block_on(library.delete("bo", &Precondition::None)).expect("it is not the default");
        let again = enlist().expect("one is new again");
        assert_eq!(again, Enlisted { created: vec!["bo".into()], kept: vec!["ada".into()] });
        assert_eq!(block_on(library.get("ada")).expect("it is there").file.name, "Adele");

        // A picture that is missing is told by its name.
        fs::remove_file(folder.path().join("one.png")).expect("a temporary folder");
        let error = format!("{:#}", enlist().expect_err("a picture is missing"));
        assert!(error.contains("one.png"), "{error}");
    }

    #[test]
    fn a_manner_that_is_not_described_is_told() {
        let text = r#"(people: [(picture: "a.png", name: "Ada", language: en, pitch: 1, speed: 1, manner: "odd")], manners: {})"#;
        let error = People::read(text).expect("it is in order").characters().expect_err("there is no such manner");
        assert!(error.to_string().contains("odd"), "{error}");
    }
}
