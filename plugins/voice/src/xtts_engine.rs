//! XTTS v2: speech in a voice that a recording is the model for (`visage_xtts`).
//!
//! Its user makes its files (models/xtts/README.md); they lie in the folder [`XTTS`] of the models. It does not say when its
//! phonemes sound, so they are found in the sound: see `align`.

use std::{
    convert::Infallible,
    ops::ControlFlow,
    sync::{Arc, Once},
};

use visage_cloning::{ClipOptions, ReferenceClip};
use visage_core::Language;
use visage_models::{Catalogue, Store};
use visage_schedule::VoiceSettings;
use visage_xtts::{Conditioning, Sampling, Xtts};

use crate::{
    Engine, Speech, Variation, VoiceError, align, espeak_engine::Pronouncer, piper::pitched_rate, recent::Recent,
};

/// XTTS's id in the model catalogue and in settings.
pub const XTTS: &str = visage_xtts::MODEL_ID;

/// Recordings whose voices are kept in memory, 133 kB each beside the recording: a character's two languages, and those of
/// another one for a switch to and fro. The one that spoke longest ago gives way.
const MOST_LIKENESSES: usize = 4;

/// A voice that was found in a recording, or in words why the recording is of no use.
type Likeness = Result<Arc<Conditioning>, String>;

/// XTTS, loaded, with the voices that have spoken.
pub struct XttsEngine {
    xtts: Xtts,
    variation: Variation,
    pronouncer: Pronouncer,
    /// By the recording's samples.
    likenesses: Recent<Arc<[f32]>, Likeness>,
    /// Pieces that were spoken with [`Variation::Natural`]. Chance begins with their number.
    spoken: u64,
}

impl XttsEngine {
    /// Loads the model of the store. Takes some seconds, and 1.3 to 3.2 GB of memory.
    ///
    /// # Errors
    /// A file is missing or is not what its name says; the message names it.
    pub fn load(store: &Store, threads: usize, variation: Variation) -> Result<Self, VoiceError> {
        let xtts = Xtts::load(&store.folder(XTTS), threads)?;
        show_licence();
        let (pronouncer, likenesses) = (Pronouncer::default(), Recent::new(MOST_LIKENESSES));
        Ok(Self { xtts, variation, pronouncer, likenesses, spoken: 0 })
    }

    /// Samples a second of what it speaks at a pitch of 1.
    pub fn rate(&self) -> u32 {
        self.xtts.rate()
    }

    /// Whether it speaks a language.
    pub fn speaks(&self, language: Language) -> bool {
        self.xtts.speaks(language)
    }

    /// Finds the voice in a recording: mono samples in -1..=1, of which the first 30 s count. What the recording is worth was
    /// checked before.
    ///
    /// # Errors
    /// The recording is too short or silent, or the runtime failed.
    pub fn condition(&mut self, samples: &[f32], rate: u32) -> Result<Conditioning, VoiceError> {
        Ok(self.xtts.condition(samples, rate)?)
    }

    /// The voice in a character's recording ([`VoiceSettings::reference`]). It is judged and looked for once; after that it
    /// is remembered, and so is that it is of no use.
    ///
    /// # Errors
    /// [`VoiceError::Reference`]: nobody can be imitated after it.
    pub(crate) fn likeness(&mut self, reference: &Arc<[f32]>) -> Result<Arc<Conditioning>, VoiceError> {
        let xtts = &mut self.xtts;
        let Ok(likeness) = self.likenesses.get(reference.clone(), || Ok::<_, Infallible>(likeness(xtts, reference)));
        likeness.clone().map_err(VoiceError::Reference)
    }

    /// Speaks like the recording of the settings, and leaves off when `is_wanted` says no, which is asked for every 46 ms of
    /// speech.
    ///
    /// # Errors
    /// Like [`Engine::speak`], or [`VoiceError::Unwanted`].
    pub fn speak_like(
        &mut self,
        piece: &str,
        language: Language,
        settings: &VoiceSettings,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Speech, VoiceError> {
        let reference = settings.reference.as_ref().ok_or(VoiceError::NoReference)?;
        let voice = self.likeness(reference)?;
        self.speak_with(&voice, piece, language, settings, is_wanted)
    }

    /// The same with a voice that was found before.
    ///
    /// # Errors
    /// Like [`Self::speak_like`].
    pub fn speak_with(
        &mut self,
        voice: &Conditioning,
        piece: &str,
        language: Language,
        settings: &VoiceSettings,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Speech, VoiceError> {
        // What it takes milliseconds to fail at comes first.
        let phonemes = self.pronouncer.phonemes(piece, language)?;
        let own = self.xtts.rate();
        let rate = pitched_rate(own, settings.pitch);
        // A higher voice is played faster, so it is made slower first.
        let speed = (settings.speed.clamp(0.4, 2.5) * own as f32 / rate as f32).clamp(0.25, 4.0);
        let sampling = Sampling { seed: self.seed(), speed, ..self.xtts.sampling() };
        let mut wanted = true;
        let mut go_on = |_: &[f32]| {
            wanted = is_wanted();
            if wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let samples = self.xtts.speak(&without_hyphens(piece), language, voice, &sampling, &mut go_on)?;
        if !wanted {
            return Err(VoiceError::Unwanted);
        }
        let phonemes = align(&samples, rate, &phonemes);
        Ok(Speech { rate, samples, phonemes, loudness: None, marked: true })
    }

    /// What chance begins with for the next piece.
    fn seed(&mut self) -> u64 {
        match self.variation {
            Variation::Natural => {
                self.spoken += 1;
                self.spoken
            }
            Variation::None => 0,
        }
    }
}

impl Engine for XttsEngine {
    fn speak(&mut self, piece: &str, language: Language, settings: &VoiceSettings) -> Result<Speech, VoiceError> {
        self.speak_like(piece, language, settings, &|| true)
    }
}

/// The voice in a recording, if it is good for anything.
fn likeness(xtts: &mut Xtts, reference: &[f32]) -> Likeness {
    let rate = VoiceSettings::REFERENCE_RATE;
    ReferenceClip::check(reference, rate, ClipOptions::default()).map_err(|error| error.to_string())?;
    xtts.condition(reference, rate).map(Arc::new).map_err(|error| error.to_string())
}

/// German numbers come with soft hyphens where their words are joined. XTTS would read them.
fn without_hyphens(piece: &str) -> String {
    piece.replace('\u{ad}', "")
}

/// Says once in a process under which licence XTTS speaks.
fn show_licence() {
    static SHOWN: Once = Once::new();
    SHOWN.call_once(|| {
        if let Ok(model) = Catalogue::builtin().model(XTTS) {
            let terms = model.made.as_ref().map_or("", |made| made.terms.as_str());
            tracing::info!("{XTTS} speaks under the licence {}. {terms}", model.licence);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{
        TimedPhoneme, default_voice,
        testing::{recording, small_xtts},
    };

    /// The small XTTS of the fixtures. Set-up fetches ONNX Runtime.
    fn engine(variation: Variation) -> XttsEngine {
        let (_folder, store) = small_xtts();
        XttsEngine::load(&store, 1, variation).expect("it is as exported")
    }

    fn like(name: &str) -> VoiceSettings {
        VoiceSettings { model: XTTS.into(), reference: Some(recording(name)), ..default_voice(Language::English) }
    }

    fn names(phonemes: &[TimedPhoneme]) -> String {
        phonemes.iter().map(|phoneme| phoneme.phoneme.as_str()).collect()
    }

    #[test]
    fn both_languages_are_spoken_with_phonemes_inside_the_sound() {
        let (mut engine, settings) = (engine(Variation::None), like("af_heart"));
        let cases =
            [(Language::English, "Hello, how are you?", "həloʊ"), (Language::German, "Guten Tag.", "ɡuːtəntɑːk")];
        for (language, text, begin) in cases {
            let speech = engine.speak(text, language, &settings).expect(text);
            assert_eq!((speech.rate, speech.marked, speech.loudness), (24_000, true, None));
            assert!(speech.samples.len() > 5_000 && speech.samples.iter().any(|sample| *sample != 0.0), "{text}");
            let phonemes = &speech.phonemes;
            assert!(names(phonemes).starts_with(begin), "{}", names(phonemes));
            assert!(phonemes.iter().all(|phoneme| phoneme.start < phoneme.end), "{phonemes:?}");
            assert!(phonemes.windows(2).all(|pair| pair[0].end <= pair[1].start), "{phonemes:?}");
            assert!(phonemes.last().is_some_and(|last| last.end <= speech.samples.len()), "{phonemes:?}");
        }
    }

    #[test]
    fn speed_and_pitch_are_those_of_the_settings() {
        let mut engine = engine(Variation::None);
        // As many codes each time, as the seed is the same: only how they are stretched and played differs.
        let mut seconds = |speed: f32, pitch: f32| {
            let settings = VoiceSettings { speed, pitch, ..like("af_heart") };
            let speech = engine.speak("Good morning!", Language::English, &settings).expect("it speaks");
            assert_eq!(speech.rate, pitched_rate(24_000, pitch));
            speech.samples.len() as f32 / speech.rate as f32
        };
        let own = seconds(1.0, 1.0);
        for (speed, pitch) in [(1.5, 1.0), (0.8, 1.0), (1.0, 1.25), (1.2, 0.8)] {
            let found = seconds(speed, pitch);
            // Of some thirty codes one can fall to rounding.
            assert!((found * speed / own - 1.0).abs() < 0.06, "{speed} {pitch}: {found} s, and {own} s by itself");
        }
    }

    #[test]
    fn a_text_sounds_the_same_where_nothing_may_vary_and_else_a_little_different() {
        let settings = like("af_heart");
        for (variation, same) in [(Variation::None, true), (Variation::Natural, false)] {
            let mut engine = engine(variation);
            let mut speak = || engine.speak("Good morning!", Language::English, &settings).expect("it speaks").samples;
            assert_eq!(speak() == speak(), same, "{variation:?}");
        }
    }

    #[test]
    fn a_recording_is_taken_on_once() {
        let mut engine = engine(Variation::None);
        let heart = recording("af_heart");
        let first = engine.likeness(&heart).expect("it is a good recording");
        // The same content in another place of the memory is the same recording.
        let again = engine.likeness(&Arc::from(&heart[..])).expect("it is a good recording");
        assert!(Arc::ptr_eq(&first, &again), "it was taken on twice");
        let other = engine.likeness(&recording("am_adam")).expect("it is a good recording");
        assert_ne!(first, other);
        // As many others as are kept, and it has to be taken on anew.
        for gain in [0.9, 0.8, 0.7, 0.6] {
            let softer: Arc<[f32]> = heart.iter().map(|sample| sample * gain).collect();
            engine.likeness(&softer).expect("it is a good recording");
        }
        let anew = engine.likeness(&heart).expect("it is a good recording");
        assert!(!Arc::ptr_eq(&first, &anew) && first == anew);
    }

    #[test]
    fn what_is_no_model_for_a_voice_is_told_with_the_reason() {
        let mut engine = engine(Variation::None);
        let cases: [(Option<Arc<[f32]>>, &str); 3] = [
            (None, "`visage voices clone --engine xtts-v2`"),
            (Some(Arc::from([0.0; 24_000])), "cannot be imitated: the recording is silent"),
            (Some(Arc::from(&recording("af_heart")[..24_000])), "3 s are the least"),
        ];
        for (reference, words) in cases {
            let settings = VoiceSettings { reference, ..like("af_heart") };
            let error = engine.speak("Hello.", Language::English, &settings).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn what_nobody_wants_any_more_ends_soon() {
        let (mut engine, settings) = (engine(Variation::None), like("af_heart"));
        let asked = Cell::new(0);
        let stop_at = |at: usize| {
            let asked = &asked;
            move || {
                asked.set(asked.get() + 1);
                asked.get() < at
            }
        };
        let stopped = engine.speak_like("Hello, how are you?", Language::English, &settings, &stop_at(3));
        assert!(matches!(stopped, Err(VoiceError::Unwanted)) && asked.get() == 3, "{} codes", asked.get());
        // Nothing is left behind.
        let again = engine.speak("Hello, how are you?", Language::English, &settings).expect("it speaks");
        let fresh = self::engine(Variation::None).speak("Hello, how are you?", Language::English, &settings);
        assert_eq!(again.samples, fresh.expect("it speaks").samples);
    }

    #[test]
    fn nothing_to_say_is_an_error() {
        let mut engine = engine(Variation::None);
        for text in ["", "…", "?!"] {
            let error = engine.speak(text, Language::German, &like("af_heart"));
            assert!(matches!(error, Err(VoiceError::NothingToSay)), "{text:?}");
        }
    }

    #[test]
    fn joints_of_numbers_are_not_read() {
        assert_eq!(without_hyphens("ein\u{ad}und\u{ad}zwanzig Uhr"), "einundzwanzig Uhr");
    }

    /// What is missing is named, and everything that is needed is in the catalogue.
    #[test]
    fn a_file_that_is_missing_is_named() {
        for file in &Catalogue::builtin().model(XTTS).expect("it is listed").files {
            let (folder, store) = small_xtts();
            std::fs::remove_file(folder.path().join(XTTS).join(&file.name)).expect("it was copied");
            let error = XttsEngine::load(&store, 1, Variation::None).err().expect("it is missing");
            assert!(error.is_missing() && error.to_string().contains(&file.name), "{error}");
        }
        let (folder, store) = small_xtts();
        std::fs::write(folder.path().join(XTTS).join("xtts.json"), "{}").expect("a temporary folder");
        let error = XttsEngine::load(&store, 1, Variation::None).err().expect("it is no file of XTTS");
        assert!(!error.is_missing() && error.to_string().contains("xtts.json"), "{error}");
    }
}
