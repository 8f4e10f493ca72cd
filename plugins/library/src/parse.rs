//! Text becomes a character, and a character becomes text. Errors name line and column and the nearest name that there
//! is; nothing here touches a file.

use ron::{Options, error::SpannedError, extensions::Extensions, ser::PrettyConfig};
use serde::Deserialize;

use crate::{CharacterFile, FileError, SCHEMA_VERSION, check::unknown_version, migrate::CharacterV1, position};

/// Longest `character.ron`, in bytes: a hundred times the longest of the shipped ones.
pub(crate) const MAX_TEXT_BYTES: usize = 1 << 20;

/// From this depth on a value is written on one line: an intent, a voice's settings.
const DEPTH_OF_LINES: usize = 4;

/// How like two names must be (Jaro–Winkler, 1 is equal) for one to be suggested for the other.
const LIKENESS: f64 = 0.75;

/// What says how to read the rest.
#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    schema_version: Option<u32>,
}

impl CharacterFile {
    /// Reads the text of a `character.ron`, of this version of the schema or the first.
    ///
    /// # Errors
    /// Says what is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(FileError::value("", format!("the file is longer than {MAX_TEXT_BYTES} bytes")));
        }
        let options = options();
        let version: Version = options.from_str(text).map_err(in_words)?;
        let file: Result<Self, FileError> = match version.schema_version {
            None | Some(SCHEMA_VERSION) => options.from_str(text).map_err(in_words),
            Some(1) => options.from_str::<CharacterV1>(text).map(Self::from).map_err(in_words),
            Some(other) => Err(placed(text, unknown_version(other))),
        };
        let file = file?;
        file.check().map_err(|error| placed(text, error))?;
        Ok(file)
    }

    /// Reads a character from JSON, as REST sends it.
    ///
    /// # Errors
    /// As [`CharacterFile::parse`]; line and column are those of the JSON.
    pub fn from_json(json: &[u8]) -> Result<Self, FileError> {
        let file: Self = serde_json::from_slice(json).map_err(|error| of_json(&error))?;
        file.check()?;
        Ok(file)
    }

    /// Reads a character from a JSON value.
    pub(crate) fn from_value(json: serde_json::Value) -> Result<Self, FileError> {
        let file: Self = serde_json::from_value(json).map_err(|error| of_json(&error))?;
        file.check()?;
        Ok(file)
    }

    /// The text of its `character.ron`. What has its default is left out; the order is always the same.
    pub fn to_ron(&self) -> String {
        let style = PrettyConfig::default()
            .new_line("\n")
            .indentor("    ")
            .depth_limit(DEPTH_OF_LINES)
            .extensions(Extensions::empty());
        let text = options().to_string_pretty(self, style).expect("a character has no value that RON cannot write");
        format!("{}\n", plain_apostrophes(&text))
    }
}

/// The RON writer escapes apostrophes in strings, which nobody does by hand.
fn plain_apostrophes(ron: &str) -> String {
    let mut plain = String::with_capacity(ron.len());
    let mut letters = ron.chars();
    while let Some(letter) = letters.next() {
        match (letter, letters.clone().next()) {
            ('\\', Some('\'')) => {}
            ('\\', Some(escaped)) => {
                plain.extend(['\\', escaped]);
                letters.next();
            }
            _ => plain.push(letter),
        }
    }
    plain
}

/// How characters, and landmarks beside them, are read: `Some` need not be written.
pub(crate) fn options() -> Options {
    Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// Adds line and column to what is said about a field.
fn placed(text: &str, error: FileError) -> FileError {
    let (line, column) = position::of(text, &error.field);
    FileError { line, column, ..error }
}

/// What the RON reader found, in an author's words.
pub(crate) fn in_words(error: SpannedError) -> FileError {
    use ron::Error;
    // A text that ends too early is wrong where it ends.
    let place = if error.code == Error::Eof { error.span.end } else { error.span.start };
    let reason = match error.code {
        Error::NoSuchStructField { expected, found, .. } => unknown("field", &found, expected),
        Error::NoSuchEnumVariant { expected, found, .. } => unknown("value", &found, expected),
        Error::MissingStructField { field, .. } => format!("the field \"{field}\" is missing"),
        Error::DuplicateStructField { field, .. } => format!("the field \"{field}\" is given twice"),
        Error::Message(message) => of_message(&message),
        other => {
            let text = other.to_string();
            let mut letters = text.chars();
            letters.next().map(char::to_lowercase).into_iter().flatten().chain(letters).collect()
        }
    };
    FileError { line: place.line, column: place.col, field: String::new(), reason }
}

fn of_json(error: &serde_json::Error) -> FileError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = of_message(text.strip_suffix(&place).unwrap_or(&text));
    FileError { line: error.line(), column: error.column(), field: String::new(), reason }
}

/// Serde's own messages name what is unknown and what there is in backticks: "unknown field `a`, expected one of `b`, `c`".
fn of_message(message: &str) -> String {
    let kind = if message.starts_with("unknown field `") {
        "field"
    } else if message.starts_with("unknown variant `") {
        "value"
    } else {
        return message.to_owned();
    };
    let mut names = message.split('`').skip(1).step_by(2);
    let found = names.next().unwrap_or_default();
    unknown(kind, found, &names.collect::<Vec<_>>())
}

/// There is no `found`; perhaps one of `known` was meant.
fn unknown(kind: &str, found: &str, known: &[&str]) -> String {
    let found: String = found.chars().take(60).collect();
    let lower = found.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&lower, &name.to_lowercase());
    let nearest = known.iter().map(|name| (likeness(name), *name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let place = if kind == "field" { " here" } else { "" };
    let advice = match nearest {
        Some((likeness, name)) if likeness >= LIKENESS => format!("did you mean \"{name}\"?"),
        _ => format!("there are: {}", known.join(", ")),
    };
    format!("there is no {kind} \"{found}\"{place}; {advice}")
}

#[cfg(test)]
mod tests {
    use visage_core::{Blendshape, Emotion, Language};

    use super::*;
    use crate::{Background, Colour, Engine, Renderer};

    /// A voice, so that cases need not repeat it.
    const VOICE: &str = "voices: {en: ()}";

    /// Each wrong file and what is said about it.
    #[test]
    fn wrong_files_say_what_is_wrong_and_where() {
        let cases = [
            ("(", "line 1, column 2: "),
            ("", "line 1, column 1: "),
            ("(name: \"A\")", "line 1, column 11: the field \"voices\" is missing"),
            ("(voices: {})", "the field \"name\" is missing"),
            ("(name: \"A\", name: \"B\", VOICE)", "line 1, column 13: the field \"name\" is given twice"),
            ("(name: 3, VOICE)", "line 1, column 7: expected string"),
            ("(name: \" \", VOICE)", "line 1, column 8: name: it is empty"),
            (
                "(\n  name: \"A\",\n  colour: 3,\n)",
                "line 3, column 3: there is no field \"colour\" here; there are: schema",
            ),
            ("(\n  nmae: \"A\",\n)", "line 2, column 3: there is no field \"nmae\" here; did you mean \"name\"?"),
            (
                "(name: \"A\",\n Personality: {}, VOICE)",
                "line 2, column 2: there is no field \"Personality\" here; did you mean \"personality\"?",
            ),
            (
                "(name: \"A\", voices: {en: (pich: 1.0)})",
                "column 27: there is no field \"pich\" here; did you mean \"pitch\"?",
            ),
            ("(name: \"A\", voices: {})", "column 21: voices: it is empty"),
            ("(name: \"A\",\n language: de, VOICE)", "line 2, column 12: language: it is de, but voices has no voice"),
            (
                "(name: \"A\", voices: {\n  en: (speed: 9.0)})",
                "line 2, column 15: voices.en.speed: it is 9, it must be from 0.5 to 2",
            ),
            ("(name: \"A\", voices: {en: (speed: NaN)})", "column 34: voices.en.speed: it is NaN"),
            ("(name: \"A\", voices: {fr: ()})", "column 22: there is no value \"fr\"; there are: en, de"),
            (
                "(name: \"A\", voices: {en: (model: \"x\")})",
                "column 34: voices.en.model: \"x\" does not say which engine",
            ),
            ("(name: \"A\", voices: {en: (engine: xtts)})", "column 35: voices.en.engine: it is for another engine"),
            (
                "(name: \"A\", voices: {en: (engine: pipr)})",
                "column 35: there is no value \"pipr\"; did you mean \"piper\"?",
            ),
            (
                "(name: \"A\", voices: {en: (reference: \"/a.wav\")})",
                "voices.en.reference: \"/a.wav\" is no name of a file",
            ),
            (
                "(name: \"A\", portrait: \"../b.png\", VOICE)",
                "column 23: portrait: \"../b.png\" is no name of a file here: it is a path",
            ),
            (
                "(name: \"A\", schema_version: 7, VOICE)",
                "column 29: schema_version: it is 7, this Visage reads versions 1 to 2",
            ),
            (
                "(name: \"A\", schema_version: 1, id: \"a\", voices: {en: (model: \"espeak-ng\")})",
                "there is no field \"id\"",
            ),
            ("(name: \"A\", schema_version: 1, voices: {en: ()})", "the field \"model\" is missing"),
            ("(name: \"A\", id: \"A b\", VOICE)", "column 17: id: \"A b\" is no id"),
            (
                "(name: \"A\", VOICE, emotions: {hapy: ()})",
                "column 42: there is no value \"hapy\"; did you mean \"happy\"?",
            ),
            (
                "(name: \"A\", VOICE, emotions: {happy: (shapes: {mouthSmileLft: 1.0})})",
                "did you mean \"mouthSmileLeft\"?",
            ),
            (
                "(name: \"A\", VOICE, emotions: {happy: (shapes: {jawOpen: 2.0})})",
                "column 68: emotions.happy.shapes.jawOpen: it is 2, it must be from 0 to 1",
            ),
            ("(name: \"A\", VOICE, emotions: {sad: (head: (yaw: NaN))})", "emotions.sad.head.yaw: it is NaN"),
            (
                "(name: \"A\", VOICE, emotions: {sad: (head: (translation: (0.0, 9.0, 0.0)))})",
                "emotions.sad.head.translation: it is 9",
            ),
            (
                "(name: \"A\", VOICE, emotions: {sad: (onset: 0.0)})",
                "emotions.sad.onset: it is 0, it must be from 0.02 to 10",
            ),
            ("(name: \"A\", VOICE, emotions: {sad: (response: 1.5)})", "emotions.sad.response: it is 1.5"),
            ("(name: \"A\", VOICE, idle: (liveliness: 2.0))", "idle.liveliness: it is 2, it must be from 0 to 1"),
            ("(name: \"A\", VOICE, idle: (blinks: -1.0))", "idle.blinks: it is -1, it must be from 0 to 60"),
            ("(name: \"A\", VOICE, background: colour(\"red\"))", "\"red\" is no colour; write it as #rrggbb"),
            ("(name: \"A\", VOICE, background: color(\"#000000\"))", "did you mean \"colour\"?"),
            ("(name: \"A\", VOICE, background: picture(\"a/b\"))", "background: \"a/b\" is no name of a file here"),
            (
                "(name: \"A\", VOICE, renderer: neural)",
                "there is no value \"neural\"; there are: auto, warp, liveportrait",
            ),
            ("(name: \"A\", VOICE, created: \"yesterday\")", "\"yesterday\" is no time"),
            (
                "(name: \"A\", VOICE, personality: {en: (intents: [(words: [], replies: [\"b\"])])})",
                "personality.en.intents[0].words: there are 0",
            ),
            ("(name: \"A\", VOICE) x", "non-whitespace trailing characters"),
        ];
        let mut failures = String::new();
        for (text, words) in cases {
            let text = text.replace("VOICE", VOICE);
            let error = CharacterFile::parse(&text).expect_err(&text).to_string();
            if !error.contains(words) || !error.starts_with("line ") {
                failures += &format!("{text}\n  says:     {error}\n  expected: {words}\n");
            }
        }
        assert!(failures.is_empty(), "{failures}");
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let file = CharacterFile::parse(&format!("(name: \"A\", {VOICE})")).expect("correct");
        assert_eq!(file, CharacterFile::new("A", Language::English));
        assert_eq!((file.portrait.as_str(), file.renderer), ("portrait.png", Renderer::Auto));
        assert_eq!(file.voices[&Language::English].engine(), Engine::Espeak);
        assert_eq!(file.background, Background::Original);
        assert_eq!(
            file.to_ron(),
            "(\n    schema_version: 2,\n    name: \"A\",\n    voices: {\n        en: (),\n    },\n)\n"
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = r##"(
            id: "a-1", name: "A \"the\" Ä", portrait: "p.webp", landmarks: "l.ron", renderer: liveportrait, language: de,
            voices: {en: (engine: xtts, model: "own", reference: "me.wav", pitch: 1.28), de: (model: "piper-x", volume: 0.5)},
            personality: {de: (system_prompt: "Zeile\nzwei", greeting: "Grüß dich, \\'s is' schö", fallback: ["?"],
                intents: [(words: ["hallo"], replies: ["{name}!"], emotion: happy)])},
            emotions: {happy: (shapes: {jawOpen: 0.3}, head: (yaw: -0.2), onset: 0.1, decay: 2.0, response: 0.0)},
            idle: (liveliness: 0.1, blinks: 3.0, gaze: 0.0, sway: 2.0, breath: 0.5),
            background: colour("#0a0B0c"), created: "2026-11-23T01:00:00+01:00", updated: "2026-11-23T12:00:00Z",
        )"##;
        let file = CharacterFile::parse(text).expect("correct");
        assert_eq!(file.languages(), [Language::German, Language::English]);
        assert_eq!(file.background, Background::Colour(Colour([10, 11, 12])));
        assert_eq!(file.emotions[&Emotion::Happy].shapes, Some([(Blendshape::JawOpen, 0.3)].into()));
        let written = file.to_ron();
        assert_eq!(CharacterFile::parse(&written).expect(&written), file);
        assert!(written.contains(r#"greeting: "Grüß dich, \\'s is' schö""#), "{written}");
        assert!(written.contains("created: \"2026-11-23T00:00:00Z\""), "{written}");
        let json = serde_json::to_vec(&file).expect("JSON");
        assert_eq!(CharacterFile::from_json(&json).expect("correct"), file);
        assert_eq!(CharacterFile::from_value(serde_json::to_value(&file).expect("JSON")).expect("correct"), file);
    }

    #[test]
    fn wrong_json_says_the_same() {
        for (json, words) in [
            ("{", "line 1, column 1: EOF"),
            ("[]", "invalid"),
            (
                r#"{"name": "A", "voices": {"en": {}}, "nme": 1}"#,
                "there is no field \"nme\" here; did you mean \"name\"?",
            ),
            (r#"{"name": "A", "voices": {"en": {}}, "emotions": {"hapy": {}}}"#, "did you mean \"happy\"?"),
            (r#"{"name": "A", "voices": {"en": {"speed": 9}}}"#, "voices.en.speed: it is 9"),
            (r#"{"name": "A", "voices": {"en": {}}, "background": {"colour": "red"}}"#, "\"red\" is no colour"),
        ] {
            let error = CharacterFile::from_json(json.as_bytes()).expect_err(json).to_string();
            assert!(error.contains(words), "{json}: {error}");
        }
    }

    /// The characters as the first Visage shipped them mean the same as today.
    #[test]
    fn version_1_is_read() {
        let mira = CharacterFile::parse(include_str!("../fixtures/v1/mira.ron")).expect("correct");
        assert_eq!((mira.schema_version, mira.name.as_str(), mira.portrait.as_str()), (2, "Mira", "portrait.png"));
        assert_eq!(mira.language, Some(Language::English));
        let english = &mira.voices[&Language::English];
        assert_eq!(
            (english.engine(), english.model.as_str(), english.speed, english.pitch),
            (Engine::Piper, "piper-en-joe", 1.02, 1.28)
        );
        assert_eq!(mira.personality[&Language::English].intents.len(), 11);
        assert_eq!(mira.personality[&Language::German].fallback.len(), 2);
        assert_eq!((mira.idle.liveliness, mira.idle.blinks), (0.8, 16.0));
        let theo = CharacterFile::parse(include_str!("../fixtures/v1/theo.ron")).expect("correct");
        assert_eq!(theo.voices[&Language::German].pitch, 0.85);
        for file in [mira, theo] {
            assert_eq!(CharacterFile::parse(&file.to_ron()).expect("correct"), file);
        }
    }

    /// In version 1 a face replaced the built-in one as a whole.
    #[test]
    fn a_face_of_version_1_stays_whole() {
        let face = |version: &str| {
            let text = format!(
                "({version} name: \"A\", voices: {{en: (model: \"espeak-ng\")}}, emotions: {{sad: (head: (yaw: 0.1))}})"
            );
            CharacterFile::parse(&text).expect("correct").emotions[&Emotion::Sad].shapes.clone()
        };
        assert_eq!(face("schema_version: 1,"), Some([].into()));
        assert_eq!(face("schema_version: 2,"), None);
        assert_eq!(face(""), None);
    }
}
