//! Cloned voices: Kokoro with a style that was fitted to a recording (`visage_cloning`). A character names one as
//! "clone/" and its id.

use std::{fs, path::PathBuf};

use ndarray::Array2;
use visage_cloning::{
    CloningError, Embedding, FitOptions, FitProgress, Fitted, Go, HeardVoices, Profiles, STYLE_NUMBERS, STYLE_ROWS,
    Sentences, Speaker, SpeakerEncoder, StyleTable, VoiceProfile, fit,
};
use visage_core::Language;
use visage_models::Store;
use visage_schedule::VoiceSettings;

use crate::{KOKORO_VOICES, KokoroEngine, VoiceError, default_voice};

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

/// A cloned voice and its style.
///
/// # Errors
/// There is none of this id, or it is damaged.
pub(crate) fn load(profiles: &Profiles, id: &str) -> Result<(VoiceProfile, Array2<f32>), VoiceError> {
    let (profile, style) = profiles.load(id)?;
    let damaged = |error: ndarray::ShapeError| CloningError::Damaged { id: id.to_owned(), reason: error.to_string() };
    Ok((profile, Array2::from_shape_vec((STYLE_ROWS, STYLE_NUMBERS), style).map_err(damaged)?))
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
    let sentences = match language {
        Language::English => Sentences::ENGLISH,
        Language::German => Sentences::GERMAN,
    };
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
    Ok(fit(target, &tables, &heard, &options, &mut speaker, &mut encoder, progress)?)
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
    use chrono::Utc;
    use visage_cloning::Permission;

    use super::*;
    use crate::{Synthesiser, Variation, voices::voices_with};

    #[test]
    fn clones_are_named_by_their_id() {
        for (model, id) in
            [("clone/anna", Some("anna")), ("clone", None), ("clones/anna", None), ("kokoro/af_sky", None)]
        {
            assert_eq!(cloned_id(model), id, "{model}");
        }
    }

    fn profile(id: &str) -> VoiceProfile {
        VoiceProfile {
            id: id.to_owned(),
            name: "Anna".to_owned(),
            engine: crate::KOKORO.to_owned(),
            languages: vec![Language::German],
            created: Utc::now(),
            source_sha256: "0".repeat(64),
            permission: Permission {
                text: "I allow that my voice is cloned.".to_owned(),
                by: "Anna".to_owned(),
                at: Utc::now(),
            },
            similarity_before: 0.6,
            similarity_after: 0.7,
            marked: true,
        }
    }

    #[test]
    fn a_clone_is_listed_with_who_allowed_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let profiles = Profiles::at(folder.path());
        profiles.create(&profile("anna"), &[0.5; STYLE_ROWS * STYLE_NUMBERS]).expect("it can be kept");
        let (_, style) = load(&profiles, "anna").expect("it is there");
        assert_eq!(style.dim(), (STYLE_ROWS, STYLE_NUMBERS));
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
    fn a_clone_that_is_gone_is_spoken_by_another_voice_and_told() {
        let mut engines = Synthesiser::new(Store::default(), 1, Variation::None);
        let settings = VoiceSettings { model: "clone/nobody-has-this".into(), ..default_voice(Language::German) };
        engines.speak("Guten Tag.", Language::German, &settings).expect("espeak-ng speaks");
        let notices = engines.take_notices().concat();
        assert!(notices.contains("nobody-has-this") && notices.contains("\"espeak-ng\" speaks"), "{notices}");
    }
}
