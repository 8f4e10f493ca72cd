//! Cloned voices: Kokoro with a style that was fitted to a recording (`visage_cloning`), or XTTS with the voice that it has
//! found in one. A character names one as "clone/" and its id.

use std::{fs, path::PathBuf};

use ndarray::Array2;
use visage_cloning::{
    CloningError, Embedding, FitOptions, FitProgress, Fitted, Go, HeardVoices, Profiles, STYLE_NUMBERS, STYLE_ROWS,
    Sentences, Similarity, Speaker, SpeakerEncoder, StyleTable, VoiceProfile, fit,
};
use visage_core::Language;
use visage_models::Store;
use visage_schedule::VoiceSettings;
use visage_xtts::{Conditioning, XttsError};

use crate::{
    KOKORO, KOKORO_VOICES, KokoroEngine, Variation, VoiceError, XTTS, XttsEngine, default_voice, loudness, to_48k,
};

/// What is before a cloned voice's id in its name, with a slash between.
pub const CLONE: &str = "clone";
/// Names the folder of the cloned voices, if it is to be another than the user's own.
pub const VOICES_VARIABLE: &str = "VISAGE_VOICES";

/// The cloned voices of this machine: in the folder that `VISAGE_VOICES` names, or `visage/voices` in the user's data
/// folder.
pub fn cloned_voices() -> Profiles {
    let named = std::env::var_os(VOICES_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || directories::BaseDirs::new().map(|base| base.data_dir().join("visage").join("voices"));
    // Without a home folder (some containers) the temporary folder has to do.
    Profiles::at(named.or_else(own).unwrap_or_else(|| std::env::temp_dir().join("visage-voices")))
}

/// The id in a cloned voice's name; `None` if the name is none.
pub(crate) fn cloned_id(model: &str) -> Option<&str> {
    model.strip_prefix(CLONE)?.strip_prefix('/')
}

/// What an engine speaks a cloned voice with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Style {
    /// Kokoro's, f32 `[510, 256]`.
    Kokoro(Array2<f32>),
    /// What XTTS has found in the recording.
    Xtts(Conditioning),
}

/// A cloned voice and its style.
///
/// # Errors
/// There is none of this id, or it is damaged.
pub(crate) fn load(profiles: &Profiles, id: &str) -> Result<(VoiceProfile, Style), VoiceError> {
    let damaged = |reason: String| CloningError::Damaged { id: id.to_owned(), reason };
    let profile = profiles.profile(id)?;
    let style = match profile.engine.as_str() {
        KOKORO => {
            let table = Array2::from_shape_vec((STYLE_ROWS, STYLE_NUMBERS), profiles.load(id)?.1);
            Style::Kokoro(table.map_err(|error| damaged(error.to_string()))?)
        }
        XTTS => {
            let voice = Conditioning::from_bytes(&profiles.load_bytes(id)?.1);
            Style::Xtts(voice.map_err(|error| match error {
                XttsError::Voice(reason) => damaged(reason),
                other => damaged(other.to_string()),
            })?)
        }
        engine => return Err(damaged(format!("this Visage has no engine {engine:?}")).into()),
    };
    Ok((profile, style))
}

/// Kokoro, as the fitting lets it speak.
struct Kokoro {
    engine: KokoroEngine,
    language: Language,
    settings: VoiceSettings,
}

impl Speaker for Kokoro {
    fn speak(&mut self, style: &StyleTable, sentence: &str) -> Result<Vec<f32>, String> {
        let table = ndarray::ArrayView2::from_shape((STYLE_ROWS, STYLE_NUMBERS), style.numbers());
        let table = table.map_err(|error| error.to_string())?;
        let speech = self.engine.speak_with(&table, sentence, self.language, &self.settings);
        speech.map(|speech| speech.samples).map_err(|error| error.to_string())
    }

    fn rate(&self) -> u32 {
        KokoroEngine::RATE
    }
}

/// Fits a style of Kokoro to the voice `target`, so that it speaks `language`. The first time in a language takes a minute
/// more, in which Kokoro's own voices are heard; what was heard is kept in the models' folder.
///
/// # Errors
/// Kokoro is not installed or fails, or `progress` said that nobody wants it any more.
pub fn clone_voice(
    store: &Store,
    target: &Embedding,
    language: Language,
    tries: usize,
    threads: usize,
    progress: &mut dyn FnMut(FitProgress) -> Go,
) -> Result<Fitted, VoiceError> {
    let sentences = sentences(language);
    let mut speaker =
        Kokoro { engine: KokoroEngine::load(store, threads)?, language, settings: default_voice(language) };
    let mut encoder = SpeakerEncoder::load(threads)?;
    let tables = palette(store, language)?;
    let kept = store.root().join(format!("heard-voices-{language}.ron"));
    let known = fs::read_to_string(&kept).ok().and_then(|text| ron::from_str::<HeardVoices>(&text).ok());
    let heard = match known.filter(|heard| heard.fits(&tables, sentences)) {
        Some(heard) => heard,
        None => {
            let heard = HeardVoices::hear(&tables, sentences, &mut speaker, &mut encoder, progress)?;
            keep(&kept, &heard);
            heard
        }
    };
    let options = FitOptions { tries, ..FitOptions::new(sentences) };
    let mut fitted = fit(target, &tables, &heard, &options, &mut speaker, &mut encoder, progress)?;
    fitted.loudness = own_loudness(&fitted.style, sentences, &mut speaker)?;
    Ok(fitted)
}

/// How loud a style speaks by itself, LUFS: three sentences, measured as EBU R128 says.
fn own_loudness(
    style: &StyleTable,
    sentences: Sentences,
    speaker: &mut impl Speaker,
) -> Result<Option<f32>, VoiceError> {
    let mut sound = Vec::new();
    for sentence in sentences.fitted.iter().chain(sentences.held_out) {
        sound.extend(speaker.speak(style, sentence).map_err(CloningError::Speak)?);
    }
    Ok(loudness(&to_48k(&sound, speaker.rate())?))
}

/// A voice that XTTS has found in a recording.
#[derive(Clone, Debug)]
pub struct Imitation {
    /// What is kept beside its profile ([`Profiles::create_bytes`]).
    pub style: Vec<u8>,
    /// The languages that it speaks.
    pub languages: Vec<Language>,
    /// How similar to the recording sentences are that XTTS speaks with it, as the speaker encoder hears it. `before` is that
    /// of the most similar of the voices that came with the checkpoint, 0 if none did.
    pub similarity: Similarity,
}

/// Lets XTTS find the voice in a recording: mono samples that were checked. Then it speaks two sentences of `language` with
/// it, and two with the most similar voice that it has by itself, which are held against the recording's voice `target`. All of
/// it takes a minute or less.
///
/// # Errors
/// XTTS is not there or fails, or nobody is heard in what it speaks.
pub fn imitate(
    store: &Store,
    (samples, rate): (&[f32], u32),
    target: &Embedding,
    language: Language,
    threads: usize,
) -> Result<Imitation, VoiceError> {
    let mut engine = XttsEngine::load(store, threads, Variation::None)?;
    let mut encoder = SpeakerEncoder::load(threads)?;
    let voice = engine.condition(samples, rate)?;
    let alike = |own: &Conditioning| own.speaker().iter().zip(voice.speaker()).map(|(a, b)| a * b).sum::<f32>();
    let nearest = own_voices(store).into_iter().max_by(|one, other| alike(one).total_cmp(&alike(other)));
    let mut similarity = |voice: &Conditioning| {
        let mut sound = Vec::new();
        for sentence in sentences(language).held_out {
            let speech = engine.speak_with(voice, sentence, language, &default_voice(language), &|| true)?;
            sound.extend(speech.samples);
        }
        Ok::<_, VoiceError>(encoder.embed(&sound, engine.rate())?.similarity(target))
    };
    let similarity =
        Similarity { before: nearest.as_ref().map_or(Ok(0.0), &mut similarity)?, after: similarity(&voice)? };
    let languages = [Language::English, Language::German].into_iter().filter(|language| engine.speaks(*language));
    Ok(Imitation { style: voice.to_bytes(), languages: languages.collect(), similarity })
}

/// The voices that came with XTTS's checkpoint. They are for comparison only, so one that cannot be read is passed over.
fn own_voices(store: &Store) -> Vec<Conditioning> {
    let Ok(files) = fs::read_dir(store.folder(XTTS).join("voices")) else { return Vec::new() };
    files.flatten().filter_map(|file| Conditioning::from_bytes(&fs::read(file.path()).ok()?).ok()).collect()
}

/// What is spoken to hear how good a clone is.
const fn sentences(language: Language) -> Sentences {
    match language {
        Language::English => Sentences::ENGLISH,
        Language::German => Sentences::GERMAN,
    }
}

/// The styles that are mixed: of the voices that were recorded in the language, or of all if it has none of its own.
fn palette(store: &Store, language: Language) -> Result<Vec<StyleTable>, VoiceError> {
    let own = |name: &str| language == Language::German || name.starts_with(['a', 'b']);
    let voices = KOKORO_VOICES.iter().filter(|voice| own(voice.name));
    voices
        .map(|voice| Ok(StyleTable::new(KokoroEngine::style_file(store, voice.name)?.into_raw_vec_and_offset().0)?))
        .collect()
}

/// Keeps what was heard; without it the next clone takes a minute longer.
fn keep(path: &std::path::Path, heard: &HeardVoices) {
    let kept = || -> std::io::Result<()> {
        let text = ron::to_string(heard).map_err(std::io::Error::other)?;
        let beside = path.with_extension("new");
        fs::write(&beside, text)?;
        fs::rename(beside, path)
    };
    if let Err(error) = kept() {
        tracing::debug!("what Kokoro's voices sound like cannot be kept: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Synthesiser,
        testing::{profile, recording, small_xtts},
        voices::voices_with,
    };

    #[test]
    fn clones_are_named_by_their_id() {
        for (model, id) in
            [("clone/anna", Some("anna")), ("clone", None), ("clones/anna", None), ("kokoro/af_sky", None)]
        {
            assert_eq!(cloned_id(model), id, "{model}");
        }
    }

    /// Speaks a tone, for each sentence of another length.
    struct Tone(f32);

    impl Speaker for Tone {
        fn speak(&mut self, _style: &StyleTable, sentence: &str) -> Result<Vec<f32>, String> {
            let tone = |n: usize| self.0 * (n as f32 * 997.0 * std::f32::consts::TAU / self.rate() as f32).sin();
            Ok((0..sentence.len() * 800).map(tone).chain(std::iter::repeat_n(0.0, 12_000)).collect())
        }

        fn rate(&self) -> u32 {
            KokoroEngine::RATE
        }
    }

    #[test]
    fn a_style_is_as_loud_as_what_it_speaks() {
        let style = StyleTable::new(vec![0.5; STYLE_ROWS * STYLE_NUMBERS]).expect("a style");
        // A tone of 997 Hz has 3 LU less than its amplitude (BS.1770); the half seconds of silence count for less than 1 LU.
        for (amplitude, expected) in [(1.0, -3.0), (0.1, -23.0)] {
            let found = own_loudness(&style, Sentences::GERMAN, &mut Tone(amplitude)).expect("it speaks");
            assert!(found.is_some_and(|found| (-0.1..1.0).contains(&(expected - found))), "{amplitude}: {found:?}");
        }
        assert_eq!(own_loudness(&style, Sentences::ENGLISH, &mut Tone(0.0)).expect("it speaks"), None);
    }

    #[test]
    fn a_clone_is_listed_with_who_allowed_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let profiles = Profiles::at(folder.path());
        profiles.create(&profile("anna"), &[0.5; STYLE_ROWS * STYLE_NUMBERS]).expect("it can be kept");
        let (_, style) = load(&profiles, "anna").expect("it is there");
        assert_eq!(style, Style::Kokoro(Array2::from_elem((STYLE_ROWS, STYLE_NUMBERS), 0.5)));
        let empty = tempfile::tempdir().expect("a temporary folder");
        let listed = voices_with(&Store::at(empty.path()), &profiles, true);
        let anna = listed.iter().find(|voice| voice.id == "clone/anna").expect("it is listed");
        assert!(anna.name == "Anna" && anna.description.contains("permission of Anna"), "{anna:?}");
        assert_eq!(anna.languages, [Language::German]);
        let cloned = anna.cloned.as_ref().expect("it is a clone");
        assert_eq!((cloned.permission_by.as_str(), cloned.similarity_after, cloned.marked), ("Anna", 0.7, true));
        assert!(!anna.installed && anna.advice.as_deref() == Some("run `visage models fetch kokoro`"), "{anna:?}");
    }

    #[test]
    fn a_style_of_another_size_is_no_voice() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let profiles = Profiles::at(folder.path());
        profiles.create(&profile("small"), &[0.5; 256]).expect("it can be kept");
        assert!(matches!(load(&profiles, "small"), Err(VoiceError::Cloning(CloningError::Damaged { .. }))));
        assert!(load(&profiles, "../small").is_err());
    }

    #[test]
    fn xtts_takes_on_the_voice_of_a_recording() {
        let (folder, store) = small_xtts();
        // The checkpoint's own voices; what is none of them is passed over.
        let own = folder.path().join(XTTS).join("voices");
        fs::create_dir(&own).expect("a temporary folder");
        let mut engine = XttsEngine::load(&store, 1, Variation::None).expect("it is as exported");
        let rate = VoiceSettings::REFERENCE_RATE;
        let other = engine.condition(&recording("am_adam"), rate).expect("it is a recording");
        fs::write(own.join("adam.safetensors"), other.to_bytes()).expect("a temporary folder");
        fs::write(own.join("readme"), "no voice").expect("a temporary folder");
        assert_eq!(own_voices(&store), [other]);

        let heart = recording("af_heart");
        let target = SpeakerEncoder::load(1).and_then(|mut encoder| encoder.embed(&heart, rate)).expect("it hears");
        let imitation = imitate(&store, (&heart, rate), &target, Language::German, 1).expect("it is complete");
        assert_eq!(imitation.languages, [Language::English, Language::German]);
        // The small network speaks noise: there is a similarity, whatever it is.
        let Similarity { before, after } = imitation.similarity;
        assert!((-1.0..=1.0).contains(&before) && (-1.0..=1.0).contains(&after) && before != 0.0, "{before} {after}");

        let profiles = Profiles::at(folder.path().join("profiles"));
        let anna = VoiceProfile { engine: XTTS.to_owned(), languages: imitation.languages, ..profile("anna") };
        profiles.create_bytes(&anna, &imitation.style).expect("it can be kept");
        let (kept, Style::Xtts(voice)) = load(&profiles, "anna").expect("it is there") else { panic!("not XTTS's") };
        assert_eq!(kept.engine, XTTS);
        assert_eq!(voice, engine.condition(&heart, rate).expect("it is a recording"));
        let settings = default_voice(Language::English);
        engine.speak_with(&voice, "Hello.", Language::English, &settings, &|| true).expect("it speaks");

        let listed = voices_with(&store, &profiles, true);
        let anna = listed.iter().find(|voice| voice.id == "clone/anna").expect("it is listed");
        assert!(anna.installed && anna.advice.is_none() && anna.licence.contains("CPML"), "{anna:?}");
        let empty = tempfile::tempdir().expect("a temporary folder");
        let listed = voices_with(&Store::at(empty.path()), &profiles, true);
        let anna = listed.iter().find(|voice| voice.id == "clone/anna").expect("it is listed");
        assert!(anna.advice.as_ref().is_some_and(|advice| advice.contains("models fetch xtts-v2")), "{anna:?}");
    }

    #[test]
    fn a_style_of_another_engine_is_no_voice() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let profiles = Profiles::at(folder.path());
        for (engine, words) in [(XTTS, "damaged"), ("x", "no engine \"x\"")] {
            profiles.create(&VoiceProfile { engine: engine.to_owned(), ..profile(engine) }, &[0.5; 256]).expect("kept");
            let error = load(&profiles, engine).expect_err(words).to_string();
            assert!(error.contains(words) && error.contains(engine), "{error}");
        }
    }

    #[test]
    fn a_clone_that_is_gone_is_spoken_by_another_voice_and_told() {
        let mut engines = Synthesiser::new(Store::default(), 1, Variation::None);
        let settings = VoiceSettings { model: "clone/nobody-has-this".into(), ..default_voice(Language::German) };
        engines.speak("Guten Tag.", Language::German, &settings).expect("espeak-ng speaks");
        let notices = engines.take_notices().concat();
        assert!(notices.contains("nobody-has-this") && notices.contains("\"espeak-ng\" speaks"), "{notices}");
    }
}
