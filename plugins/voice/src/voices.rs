//! Who can speak: the voices of all engines, for whoever is to choose one.

use visage_cloning::{Profiles, VoiceProfile};
use visage_core::Language;
use visage_models::{Catalogue, State, Store};
use visage_schedule::{Cloned, VoiceInfo};

use crate::{
    CLONE, ESPEAK, KOKORO, KOKORO_VOICES, KokoroVoice, PIPER_VOICES, PiperVoice, XTTS, cloned_voices, espeak::program,
    kokoro_voice,
};

/// What Piper's voices have as their engine.
const PIPER: &str = "piper";
/// What to do where the program espeak-ng is missing, which every engine needs for its phonemes.
pub(crate) const NO_ESPEAK: &str = "install the program espeak-ng (Debian: apt install espeak-ng)";

/// All voices. Those come first that speak where none is named: Piper's, then espeak-ng, then Kokoro's, of which its own
/// choice for a language comes first.
///
/// XTTS, which needs a recording, and cloned voices come last.
pub fn voices(store: &Store) -> Vec<VoiceInfo> {
    voices_with(store, &cloned_voices(), program().is_ok())
}

pub(crate) fn voices_with(store: &Store, clones: &Profiles, has_espeak: bool) -> Vec<VoiceInfo> {
    let mut voices: Vec<_> = PIPER_VOICES.iter().map(piper).collect();
    voices.push(espeak());
    let (mut first, rest): (Vec<_>, Vec<_>) = KOKORO_VOICES.iter().partition(|voice| is_default(voice));
    first.extend(rest);
    voices.extend(first.into_iter().map(kokoro));
    voices.push(xtts());
    // The model of a clone is that of its engine.
    let state = |voice: VoiceInfo, model: Option<&str>| {
        let to_fetch = || to_fetch(store, model.unwrap_or(&voice.id));
        let advice = if has_espeak { to_fetch() } else { Some(NO_ESPEAK.to_owned()) };
        let installed = advice.is_none();
        let advice = advice.or_else(|| (voice.id == XTTS).then(|| NEEDS_RECORDING.to_owned()));
        VoiceInfo { installed, advice, ..voice }
    };
    let mut voices: Vec<_> = voices.into_iter().map(|voice| state(voice, None)).collect();
    match clones.list() {
        Ok(listing) => {
            listing.broken.iter().for_each(|error| tracing::warn!("{error}"));
            voices.extend(listing.profiles.iter().map(|profile| state(cloned(profile), Some(&profile.engine))));
        }
        Err(error) => tracing::warn!("{error}"),
    }
    voices
}

/// What to do for a voice whose model is not there.
pub(crate) fn to_fetch(store: &Store, voice: &str) -> Option<String> {
    // A voice that is in no catalogue has no model: espeak-ng's.
    let model = Catalogue::builtin().voice(voice).ok()?;
    let then = if model.made.is_some() { ", which says how to make it" } else { "" };
    (store.state(model) != State::Present).then(|| format!("run `visage models fetch {}`{then}", model.id))
}

/// A voice about which nothing is known yet but what makes it.
fn of_engine(engine: &'static str, id: String, languages: Vec<Language>) -> VoiceInfo {
    let model = Catalogue::builtin().voice(&id).ok();
    VoiceInfo {
        engine,
        name: String::new(),
        languages,
        description: model.map_or_else(String::new, |model| model.job.clone()),
        licence: model.map_or_else(String::new, |model| model.licence.clone()),
        installed: false,
        advice: None,
        cloned: None,
        id,
    }
}

fn piper(voice: &PiperVoice) -> VoiceInfo {
    let name = capitalised(voice.id.rsplit('-').next().unwrap_or(voice.id));
    VoiceInfo { name, ..of_engine(PIPER, voice.id.to_owned(), vec![voice.language]) }
}

fn espeak() -> VoiceInfo {
    VoiceInfo {
        name: "eSpeak NG".to_owned(),
        description: "a machine's voice, quick and plain".to_owned(),
        licence: "GPL-3.0-or-later".to_owned(),
        ..of_engine(ESPEAK, ESPEAK.to_owned(), vec![Language::English, Language::German])
    }
}

/// What to do with XTTS where it is installed: it has no voice of its own.
const NEEDS_RECORDING: &str = "it speaks like a recording: give one to a character's voice as its `reference`, or make a voice \
                               of one with `visage voices clone --engine xtts-v2`";

fn xtts() -> VoiceInfo {
    VoiceInfo {
        name: "XTTS v2".to_owned(),
        description: "like a recording, for non-commercial use".to_owned(),
        ..of_engine(XTTS, XTTS.to_owned(), vec![Language::English, Language::German])
    }
}

fn kokoro(voice: &KokoroVoice) -> VoiceInfo {
    let mut letters = voice.name.chars();
    let (language, speech) = match letters.next() {
        Some('a') => (Language::English, "American English"),
        Some('b') => (Language::English, "British English"),
        Some('e') => (Language::German, "German with a Spanish accent"),
        Some('f') => (Language::German, "German with a French accent"),
        Some('i') => (Language::German, "German with an Italian accent"),
        _ => (Language::German, "German with a Brazilian accent"),
    };
    let sex = if letters.next() == Some('f') { "female" } else { "male" };
    VoiceInfo {
        name: capitalised(voice.name.split('_').next_back().unwrap_or(voice.name)),
        description: format!("{speech}, {sex}"),
        ..of_engine(KOKORO, format!("{KOKORO}/{}", voice.name), vec![language])
    }
}

fn cloned(profile: &VoiceProfile) -> VoiceInfo {
    VoiceInfo {
        name: profile.name.clone(),
        description: format!("cloned from a recording with the permission of {}", profile.permission.by),
        licence: Catalogue::builtin()
            .voice(&profile.engine)
            .map_or_else(|_| String::new(), |model| model.licence.clone()),
        cloned: Some(Cloned {
            permission_by: profile.permission.by.clone(),
            similarity_before: profile.similarity_before,
            similarity_after: profile.similarity_after,
            marked: profile.marked,
        }),
        ..of_engine(CLONE, format!("{CLONE}/{}", profile.id), profile.languages.clone())
    }
}

/// Whether it is the one that Kokoro speaks a language with if none is named.
fn is_default(voice: &KokoroVoice) -> bool {
    [Language::English, Language::German]
        .into_iter()
        .filter_map(|language| kokoro_voice(KOKORO, language)?.ok())
        .any(|default| default.name == voice.name)
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use visage_schedule::{ChoiceError, VoiceSettings, choose_voice};

    use super::*;
    use crate::{Synthesiser, Variation, testing::small_xtts};

    #[test]
    fn every_voice_is_listed_once_with_all_that_people_need() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let voices = voices_with(&Store::at(empty.path()), &Profiles::at(empty.path()), true);
        assert_eq!(voices.len(), PIPER_VOICES.len() + 1 + KOKORO_VOICES.len() + 1);
        let ids: HashSet<_> = voices.iter().map(|voice| &voice.id).collect();
        assert_eq!(ids.len(), voices.len());
        for voice in &voices {
            assert!(!voice.name.is_empty() && !voice.description.is_empty(), "{voice:?}");
            assert!(!voice.licence.is_empty() && !voice.languages.is_empty(), "{voice:?}");
            // Only what needs no model is there.
            assert_eq!(voice.installed, voice.id == ESPEAK, "{voice:?}");
            assert_eq!(voice.advice.is_none(), voice.installed, "{voice:?}");
            assert_eq!(voice.cloned, None, "{voice:?}");
        }
        let find = |id: &str| voices.iter().find(|voice| voice.id == id).expect(id);
        let emma = find("kokoro/bf_emma");
        assert_eq!((emma.name.as_str(), emma.description.as_str()), ("Emma", "British English, female"));
        assert_eq!(emma.advice.as_deref(), Some("run `visage models fetch kokoro`"));
        assert_eq!((find("piper-en-joe").name.as_str(), find("piper-en-joe").engine), ("Joe", PIPER));
    }

    #[test]
    fn the_first_voice_of_a_language_is_the_one_that_speaks_where_none_is_named() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let voices = voices_with(&Store::at(empty.path()), &Profiles::at(empty.path()), true);
        let first = |engine: Option<&str>, language| {
            let fits = |voice: &&VoiceInfo| engine.is_none_or(|engine| voice.engine == engine);
            voices.iter().filter(fits).find(|voice| voice.languages.contains(&language)).map(|voice| voice.id.clone())
        };
        for language in [Language::English, Language::German] {
            assert_eq!(first(None, language), Some(crate::default_voice(language).model));
            let own = kokoro_voice(KOKORO, language).and_then(Result::ok).expect("it has one");
            assert_eq!(first(Some(KOKORO), language), Some(format!("{KOKORO}/{}", own.name)));
        }
    }

    #[test]
    fn xtts_is_listed_with_its_licence_and_what_it_needs() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let (_folder, full) = small_xtts();
        let cases = [
            (Store::at(empty.path()), false, "run `visage models fetch xtts-v2`, which says how to make it"),
            (full, true, "give one to a character's voice as its `reference`"),
        ];
        for (store, installed, words) in cases {
            let voices = voices_with(&store, &Profiles::at(empty.path()), true);
            let xtts = voices.iter().find(|voice| voice.id == XTTS).expect("it is listed");
            assert_eq!(xtts.installed, installed);
            assert!(xtts.advice.as_ref().is_some_and(|advice| advice.contains(words)), "{xtts:?}");
            assert!(xtts.licence.contains("CPML") && xtts.description.contains("non-commercial"), "{xtts:?}");
            // By its name alone it is never chosen, as another voice would have to speak.
            let error = choose_voice(&voices, Some(XTTS), None, "Hello.").expect_err("it needs a recording");
            assert_eq!(matches!(error, ChoiceError::NotAlone { .. }), installed);
            assert!(error.to_string().contains(words), "{error}");
            let only: Vec<_> =
                voices.iter().filter(|voice| [XTTS, ESPEAK].contains(&voice.id.as_str())).rev().cloned().collect();
            let (chosen, _) = choose_voice(&only, None, None, "Hello.").expect("espeak-ng speaks");
            assert_eq!(chosen.id, ESPEAK);
        }
    }

    #[test]
    fn without_espeak_nobody_speaks() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let voices = voices_with(&Store::default(), &Profiles::at(empty.path()), false);
        assert!(voices.iter().all(|voice| !voice.installed && voice.advice.as_deref() == Some(NO_ESPEAK)));
    }

    /// What is listed is what the settings of a character may name.
    #[test]
    fn listed_voices_are_known_to_the_engines() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let mut engines = Synthesiser::new(Store::at(empty.path()), 1, Variation::None);
        for voice in voices(&Store::at(empty.path())) {
            let settings = VoiceSettings { model: voice.id.clone(), ..crate::default_voice(voice.languages[0]) };
            engines.prepare(&[(voice.languages[0], settings)]);
            let standing = engines.standing_notices().concat();
            assert!(!standing.contains("there is no voice"), "{}: {standing}", voice.id);
        }
    }
}
