//! From a piece of text to finished sound, by the engine that the voice's settings ask for or the one that can.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, HashSet},
};

use visage_cloning::{MarkKey, Marker};
use visage_core::{LONGEST_TEXT, Language, PhonemeSpan, PhonemeTimeline, SAMPLE_RATE, Script};
use visage_models::Store;
use visage_schedule::VoiceSettings;

use crate::{
    Engine, EspeakEngine, Finished, KOKORO, KOKORO_VOICES, KokoroEngine, PIPER_VOICES, PiperEngine, PiperVoice, Speech,
    Variation, VoiceError, XTTS, XttsEngine,
    clones::{self, CLONE, Style, cloned_id, cloned_voices},
    finish, kokoro_voice,
    recent::Recent,
    sound::delayed,
    text::{Piece, pieces},
};

/// The settings name of espeak-ng's own voices. "espeak" means them too.
pub const ESPEAK: &str = "espeak-ng";

/// The names of all voices, for a person.
pub(crate) fn known_voices() -> String {
    let piper = PIPER_VOICES.iter().map(|voice| voice.id.to_owned());
    let kokoro = KOKORO_VOICES.iter().map(|voice| format!("{KOKORO}/{}", voice.name));
    let names: Vec<_> = piper.chain(kokoro).chain([XTTS.to_owned()]).collect();
    format!("{} and {ESPEAK}", names.join(", "))
}

/// The voice of a language when no character brings its own.
pub fn default_voice(language: Language) -> VoiceSettings {
    let piper = PIPER_VOICES.iter().find(|voice| voice.language == language);
    let model = piper.map_or(ESPEAK, |voice| voice.id).to_owned();
    VoiceSettings { model, reference: None, speed: 1.0, pitch: 1.0, volume: 1.0 }
}

/// The voice of `voices` for a language, or the default one.
pub fn voice_for(voices: &[(Language, VoiceSettings)], language: Language) -> VoiceSettings {
    let own = voices.iter().find(|(own, _)| *own == language);
    own.map_or_else(|| default_voice(language), |(_, settings)| settings.clone())
}

/// What a voice says to nobody when it is made ready: as long as a first piece, so that the memory for one is there.
const fn warming(language: Language) -> &'static str {
    match language {
        Language::English => "Hello, it is good to see you here.",
        Language::German => "Hallo, es ist schön, dich hier zu sehen.",
    }
}

/// How often an engine that asks while it speaks may go on with [`warming`]: XTTS asks every 46 ms of speech, takes as long or
/// longer for them, and has made its first sound by then.
const WARMING_STEPS: u32 = 13;

/// Voices that are kept in memory, about 100 MB each: two languages of the character on stage, and one more for a switch to and
/// fro.
const MOST_LOADED: usize = 3;

/// All engines, loaded when they are first needed. Owned by one thread; speaking blocks.
pub struct Synthesiser {
    store: Store,
    threads: usize,
    variation: Variation,
    piper: Recent<&'static str, PiperEngine>,
    /// Kokoro, which has all its voices in one model.
    kokoro: Option<KokoroEngine>,
    /// XTTS, which has as many voices as there are recordings.
    xtts: Option<XttsEngine>,
    /// Voices whose model is there but unusable, and why. They are not tried again.
    broken: HashMap<&'static str, String>,
    espeak: EspeakEngine,
    /// Marks what cloned voices say.
    marker: Option<Marker>,
    told: HashSet<String>,
    notices: Vec<String>,
    /// What stands in the way of a voice now, by the voice that was wanted.
    standing: BTreeMap<String, String>,
}

impl Synthesiser {
    /// Nothing is loaded yet. `threads` is what one synthesis may use.
    pub fn new(store: Store, threads: usize, variation: Variation) -> Self {
        Self {
            store,
            threads,
            variation,
            piper: Recent::new(MOST_LOADED),
            kokoro: None,
            xtts: None,
            broken: HashMap::new(),
            espeak: EspeakEngine::default(),
            marker: Marker::new(MarkKey::default(), SAMPLE_RATE),
            told: HashSet::new(),
            notices: Vec::new(),
            standing: BTreeMap::new(),
        }
    }

    /// Throws every engine away that was loaded: what was half done may be broken.
    pub fn renew(&mut self) {
        self.piper.clear();
        self.kokoro = None;
        self.xtts = None;
        self.espeak = EspeakEngine::default();
    }

    /// Loads voices and lets each speak a sentence to nobody, so that its first piece comes as fast as the others. What
    /// stands in the way of other voices matters no more, and XTTS, which fills gigabytes, goes if none of them is its.
    pub fn prepare(&mut self, voices: &[(Language, VoiceSettings)]) {
        self.forget_standing();
        let before = self.xtts.take();
        self.xtts = before.filter(|_| voices.iter().any(|(_, settings)| is_of_xtts(&settings.model)));
        for (language, settings) in voices {
            let steps = Cell::new(0);
            let is_wanted = || {
                steps.set(steps.get() + 1);
                steps.get() < WARMING_STEPS
            };
            match self.speak_while(warming(*language), *language, settings, &is_wanted) {
                Ok(_) | Err(VoiceError::Unwanted) => {}
                // What is wrong is in the notices, and again in the error of the first sentence.
                Err(error) => tracing::debug!("the voice is not ready: {error}"),
            }
        }
    }

    /// What stands in the way of voices matters no more.
    pub(crate) fn forget_standing(&mut self) {
        self.standing.clear();
    }

    /// Speaks a piece of text. If the voice's own engine cannot, espeak-ng does, and a notice says so once.
    ///
    /// # Errors
    /// No engine can speak it.
    pub fn speak(&mut self, piece: &str, language: Language, settings: &VoiceSettings) -> Result<Speech, VoiceError> {
        self.speak_while(piece, language, settings, &|| true)
    }

    /// The same, as long as `is_wanted` says so, which an engine that takes long (XTTS) asks while it speaks.
    ///
    /// # Errors
    /// Like [`Self::speak`], or [`VoiceError::Unwanted`].
    pub fn speak_while(
        &mut self,
        piece: &str,
        language: Language,
        settings: &VoiceSettings,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Speech, VoiceError> {
        let mut wanted = self.wanted(language, settings);
        loop {
            let spoken = match wanted {
                Wanted::Piper(voice) => self.piper(voice).and_then(|engine| engine.speak(piece, language, settings)),
                Wanted::Kokoro => self.kokoro().and_then(|engine| engine.speak(piece, language, settings)),
                Wanted::Xtts => self.like_recording(piece, language, settings, is_wanted),
                Wanted::Clone => self.clone_of(piece, language, settings, is_wanted),
                Wanted::Espeak => return self.espeak.speak(piece, language, settings),
            };
            // Piper's place is taken by espeak-ng, and any other's by the default voice.
            let instead = match wanted {
                Wanted::Kokoro | Wanted::Xtts | Wanted::Clone => Wanted::default_of(language),
                Wanted::Piper(_) | Wanted::Espeak => Wanted::Espeak,
            };
            match spoken {
                Ok(speech) => {
                    self.standing.remove(wanted.name());
                    return Ok(speech);
                }
                Err(error @ (VoiceError::NoEspeak | VoiceError::NothingToSay | VoiceError::Unwanted)) => {
                    return Err(error);
                }
                Err(error) => self.notice(error, wanted.name(), instead.name()),
            }
            wanted = instead;
        }
    }

    /// Which engine the settings ask for. If they ask for a voice that nobody knows, a notice says so.
    fn wanted(&mut self, language: Language, settings: &VoiceSettings) -> Wanted {
        let model = settings.model.as_str();
        if let Some(voice) = PIPER_VOICES.iter().find(|voice| voice.id == model) {
            // A voice that does not speak the language leaves it to espeak-ng.
            return if voice.language == language { Wanted::Piper(*voice) } else { Wanted::Espeak };
        }
        if [ESPEAK, "espeak"].contains(&model) {
            return Wanted::Espeak;
        }
        if model == XTTS {
            return Wanted::Xtts;
        }
        if cloned_id(model).is_some() {
            return Wanted::Clone;
        }
        let problem = match kokoro_voice(model, language) {
            Some(Ok(_)) => return Wanted::Kokoro,
            Some(Err(unknown)) => unknown,
            None => VoiceError::UnknownVoice(model.to_owned()),
        };
        let default = Wanted::default_of(language);
        self.notice(problem, model, default.name());
        default
    }

    /// Speaks a piece as its author marked it and brings it to 48 kHz, with its pauses.
    ///
    /// # Errors
    /// No engine can speak it.
    pub fn finish(
        &mut self,
        piece: &Piece,
        language: Language,
        settings: &VoiceSettings,
    ) -> Result<Finished, VoiceError> {
        self.finish_while(piece, language, settings, &|| true)
    }

    /// The same, as long as `is_wanted` says so ([`Self::speak_while`]).
    ///
    /// # Errors
    /// Like [`Self::finish`], or [`VoiceError::Unwanted`].
    pub fn finish_while(
        &mut self,
        piece: &Piece,
        language: Language,
        settings: &VoiceSettings,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Finished, VoiceError> {
        let settings = piece.voice(settings);
        let speech = self.speak_while(&piece.spoken, language, &settings, is_wanted)?;
        let mut finished = delayed(finish(&speech, settings.volume, piece.pause)?, piece.before);
        if speech.marked
            && let Some(marker) = &mut self.marker
        {
            // Pauses count, so that the mark goes on from piece to piece.
            marker.mark(&mut finished.samples);
        }
        Ok(finished)
    }

    /// Speaks like the recording of the settings.
    fn like_recording(
        &mut self,
        piece: &str,
        language: Language,
        settings: &VoiceSettings,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Speech, VoiceError> {
        // Without one there is no reason to load it.
        if settings.reference.is_none() {
            return Err(VoiceError::NoReference);
        }
        self.xtts()?.speak_like(piece, language, settings, is_wanted)
    }

    /// Speaks with the cloned voice that the settings name.
    fn clone_of(
        &mut self,
        piece: &str,
        language: Language,
        settings: &VoiceSettings,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Speech, VoiceError> {
        let id = cloned_id(&settings.model).ok_or_else(|| VoiceError::UnknownVoice(settings.model.clone()))?;
        let (profile, style) = clones::load(&cloned_voices(), id)?;
        let speech = match style {
            Style::Kokoro(style) => self.kokoro()?.speak_with(&style.view(), piece, language, settings)?,
            Style::Xtts(voice) => self.xtts()?.speak_with(&voice, piece, language, settings, is_wanted)?,
        };
        let loudness = profile.loudness.filter(|loudness| loudness.is_finite());
        Ok(Speech { marked: profile.marked, loudness, ..speech })
    }

    /// What a person should know, said once for each thing since the start. Taken out.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// What is so now: which voices cannot speak, and who does instead. For whoever comes later.
    pub fn standing_notices(&self) -> Vec<String> {
        self.standing.values().cloned().collect()
    }

    fn piper(&mut self, voice: PiperVoice) -> Result<&mut PiperEngine, VoiceError> {
        self.check(voice.id)?;
        let (store, threads, variation, broken) = (&self.store, self.threads, self.variation, &mut self.broken);
        self.piper.get(voice.id, || {
            let loaded = PiperEngine::load(store, voice, threads, variation);
            loaded.inspect_err(|error| set_aside(broken, voice.id, error))
        })
    }

    fn kokoro(&mut self) -> Result<&mut KokoroEngine, VoiceError> {
        self.check(KOKORO)?;
        let engine = match self.kokoro.take() {
            Some(engine) => engine,
            None => KokoroEngine::load(&self.store, self.threads)
                .inspect_err(|error| set_aside(&mut self.broken, KOKORO, error))?,
        };
        Ok(self.kokoro.insert(engine))
    }

    fn xtts(&mut self) -> Result<&mut XttsEngine, VoiceError> {
        self.check(XTTS)?;
        let engine = match self.xtts.take() {
            Some(engine) => engine,
            None => XttsEngine::load(&self.store, self.threads, self.variation)
                .inspect_err(|error| set_aside(&mut self.broken, XTTS, error))?,
        };
        Ok(self.xtts.insert(engine))
    }

    /// Whether a voice was not found to be unusable before.
    fn check(&self, voice: &str) -> Result<(), VoiceError> {
        self.broken.get(voice).map_or(Ok(()), |reason| Err(VoiceError::Broken(reason.clone())))
    }

    fn notice(&mut self, problem: VoiceError, wanted: &str, instead: &str) {
        tracing::debug!("{problem}");
        let problem = problem.to_string();
        let notice = format!("{}. Until then the voice \"{instead}\" speaks.", problem.trim_end_matches('.'));
        // One notice for each voice that stands in: further errors of the same kind change nothing for the person.
        if self.told.insert(instead.to_owned()) {
            self.notices.push(notice.clone());
        }
        self.standing.insert(wanted.to_owned(), notice);
    }
}

/// Remembers a voice that is unusable. One whose model is missing may be fetched while the program runs.
fn set_aside(broken: &mut HashMap<&'static str, String>, voice: &'static str, error: &VoiceError) {
    if !error.is_missing() {
        broken.insert(voice, error.to_string());
    }
}

/// Whether XTTS speaks a voice of this name.
fn is_of_xtts(model: &str) -> bool {
    let cloned = |id: &str| cloned_voices().profile(id).is_ok_and(|profile| profile.engine == XTTS);
    model == XTTS || cloned_id(model).is_some_and(cloned)
}

/// The engine that is to speak.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Piper(PiperVoice),
    Kokoro,
    Xtts,
    Clone,
    Espeak,
}

impl Wanted {
    /// The voice of a language when none is named.
    fn default_of(language: Language) -> Self {
        let piper = PIPER_VOICES.iter().find(|voice| voice.language == language);
        piper.map_or(Self::Espeak, |voice| Self::Piper(*voice))
    }

    /// Its name in notices.
    const fn name(self) -> &'static str {
        match self {
            Self::Piper(voice) => voice.id,
            Self::Kokoro => KOKORO,
            Self::Xtts => XTTS,
            Self::Clone => CLONE,
            Self::Espeak => ESPEAK,
        }
    }
}

/// Whether a text is short enough to be said at once.
///
/// # Errors
/// It is longer than [`LONGEST_TEXT`].
pub(crate) fn check_length(text: &str) -> Result<(), VoiceError> {
    let count = text.chars().count();
    if count > LONGEST_TEXT { Err(VoiceError::TooLong(count)) } else { Ok(()) }
}

/// A whole text as sound.
#[derive(Clone, Debug)]
pub struct Synthesis {
    /// Mono samples at 48 kHz, in -1..=1.
    pub samples: Vec<f32>,
    /// The phonemes in them.
    pub timeline: PhonemeTimeline,
    /// What a person should know, for example that another voice had to speak.
    pub notices: Vec<String>,
}

/// Speaks a whole text at once; for files. Blocks. With [`Variation::None`] the same text gives the same samples.
///
/// # Errors
/// There is nothing to say, or too much, or no engine can say it.
pub fn synthesise(
    synthesiser: &mut Synthesiser,
    text: &str,
    language: Language,
    settings: &VoiceSettings,
) -> Result<Synthesis, VoiceError> {
    check_length(text)?;
    let mut whole = Synthesis { samples: Vec::new(), timeline: PhonemeTimeline::default(), notices: Vec::new() };
    let (script, problem) = Script::read(text);
    for piece in pieces(&script, language) {
        let finished = match synthesiser.finish(&piece, language, settings) {
            Err(VoiceError::NothingToSay) => continue,
            other => other?,
        };
        let offset = whole.samples.len();
        whole.samples.extend(finished.samples);
        whole.timeline.0.extend(finished.timeline.0.into_iter().map(|span| PhonemeSpan {
            start: span.start + offset,
            end: span.end + offset,
            ..span
        }));
    }
    whole.notices = problem.map(|problem| problem.to_string()).into_iter().chain(synthesiser.take_notices()).collect();
    if whole.samples.is_empty() { Err(VoiceError::NothingToSay) } else { Ok(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{recording, small_xtts};

    fn synthesiser(variation: Variation) -> Synthesiser {
        Synthesiser::new(Store::default(), 2, variation)
    }

    fn speak(synthesiser: &mut Synthesiser, text: &str, language: Language, settings: &VoiceSettings) -> Synthesis {
        synthesise(synthesiser, text, language, settings).expect(text)
    }

    fn seconds(synthesis: &Synthesis) -> f32 {
        synthesis.samples.len() as f32 / visage_core::SAMPLE_RATE as f32
    }

    #[test]
    fn piper_speaks_with_exact_times() {
        let english = default_voice(Language::English);
        let mut voices = synthesiser(Variation::None);
        let text = "Bob puts my paper map by the pub. Then he goes home!";
        let spoken = speak(&mut voices, text, Language::English, &english);
        assert_eq!(spoken.notices, Vec::<String>::new(), "the models must be there: `visage models fetch`");
        let names: String = spoken.timeline.0.iter().map(|span| span.phoneme.as_str()).collect();
        assert!(names.starts_with("bɑːbpʊtsma"), "{names}");
        assert!(spoken.timeline.0.windows(2).all(|pair| pair[0].end <= pair[1].start && pair[0].start < pair[0].end));
        assert!(spoken.timeline.0.last().is_some_and(|span| span.end <= spoken.samples.len()));
        assert!((2.5..6.0).contains(&seconds(&spoken)));
        // The times are true: vowels are loud in their middle, pauses are not.
        let energy = |from: usize, to: usize| {
            let part = &spoken.samples[from..to];
            (part.iter().map(|s| s * s).sum::<f32>() / part.len() as f32).sqrt()
        };
        for span in &spoken.timeline.0 {
            let (from, to) = (span.start + (span.end - span.start) / 4, span.end - (span.end - span.start) / 4);
            if crate::ipa::kind(&span.phoneme) == crate::ipa::Kind::LongVowel {
                assert!(energy(from, to) > 0.05, "{span:?}");
            }
        }
        // The same text gives the same samples, in a new process of mind too.
        assert_eq!(spoken.samples, speak(&mut voices, text, Language::English, &english).samples);
        let mut others = synthesiser(Variation::None);
        assert_eq!(spoken.samples, speak(&mut others, text, Language::English, &english).samples);
    }

    #[test]
    fn pieces_are_joined_without_a_click_and_are_equally_loud() {
        let english = default_voice(Language::English);
        let mut voices = synthesiser(Variation::None);
        let text = "Yes. My brother is a doctor, but he has always wanted to be a painter. Nobody knows why.";
        let mut loud = Vec::new();
        for piece in pieces(&Script::read(text).0, Language::English) {
            let samples = voices.finish(&piece, Language::English, &english).expect("Piper").samples;
            // A piece begins and ends in silence: whatever is before and behind it, there is no step.
            let edge = samples[..48].iter().chain(&samples[samples.len() - 48..]);
            assert!(edge.clone().all(|sample| sample.abs() < 0.01), "{}", piece.text);
            assert_eq!((samples[0], samples.last().copied()), (0.0, Some(0.0)), "{}", piece.text);
            loud.extend(crate::loudness(&samples));
        }
        // Short pieces and long ones are about as loud.
        let (least, most) = loud.iter().fold((f32::MAX, f32::MIN), |(a, b), l| (a.min(*l), b.max(*l)));
        assert!(most - least < 4.0 && (crate::LOUDNESS - 4.0..crate::LOUDNESS + 3.5).contains(&least), "{loud:?}");
    }

    #[test]
    fn speed_and_pitch_change_what_they_say() {
        let mut voices = synthesiser(Variation::None);
        let text = "This is how I sound when I am asked to say a sentence.";
        let mut length = |speed: f32, pitch: f32| {
            let settings = VoiceSettings { speed, pitch, ..default_voice(Language::English) };
            seconds(&speak(&mut voices, text, Language::English, &settings))
        };
        let own = length(1.0, 1.0);
        assert!((length(1.5, 1.0) / own - 1.0 / 1.5).abs() < 0.12);
        assert!((length(1.0, 1.2) / own - 1.0).abs() < 0.12, "the pitch leaves the speed");
    }

    #[test]
    fn a_missing_model_is_replaced_and_told_once() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let mut voices = Synthesiser::new(Store::at(empty.path()), 1, Variation::None);
        let english = default_voice(Language::English);
        let first = speak(&mut voices, "Hello. Here I am.", Language::English, &english);
        assert_eq!(first.notices.len(), 1, "{:?}", first.notices);
        assert!(first.notices[0].contains("visage models fetch"), "{}", first.notices[0]);
        assert!(seconds(&first) > 0.5 && !first.timeline.0.is_empty());
        assert!(speak(&mut voices, "Again.", Language::English, &english).notices.is_empty());
        // Whoever comes later learns it all the same, until another voice is on stage.
        assert_eq!(voices.standing_notices(), first.notices);
        let espeak = VoiceSettings { model: ESPEAK.into(), ..english };
        voices.prepare(&[(Language::English, espeak)]);
        assert!(voices.standing_notices().is_empty());
    }

    #[test]
    fn where_kokoro_is_missing_the_default_voice_speaks() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let mut voices = Synthesiser::new(Store::at(empty.path()), 1, Variation::None);
        let settings = VoiceSettings { model: "kokoro/bf_emma".into(), ..default_voice(Language::English) };
        let spoken = speak(&mut voices, "Hello.", Language::English, &settings);
        // Piper is missing, too, so that espeak-ng has the last word; who speaks German by default is espeak-ng.
        let told: Vec<_> = spoken.notices.iter().map(|notice| notice.contains("visage models fetch")).collect();
        assert_eq!(told, [true, true], "{:?}", spoken.notices);
        assert!(
            spoken.notices[0].contains("the model kokoro") && spoken.notices[0].contains("\"piper-en-joe\" speaks")
        );
        let mut voices = Synthesiser::new(Store::at(empty.path()), 1, Variation::None);
        let german = speak(&mut voices, "Guten Tag.", Language::German, &settings);
        assert_eq!(german.notices.len(), 1);
        assert!(german.notices[0].contains("\"espeak-ng\" speaks"), "{}", german.notices[0]);
    }

    /// A voice that is to sound like a recording of `plugins/cloning/fixtures`.
    fn like(name: &str, language: Language) -> VoiceSettings {
        VoiceSettings { model: XTTS.into(), reference: Some(recording(name)), ..default_voice(language) }
    }

    #[test]
    fn xtts_speaks_like_a_recording_and_what_it_says_is_marked() {
        let (_folder, store) = small_xtts();
        let mut voices = Synthesiser::new(store.clone(), 1, Variation::None);
        // A mark goes on from piece to piece.
        let marker = voices.marker.take();
        for (text, language) in [("Hello, how are you?", Language::English), ("Guten Tag.", Language::German)] {
            let settings = like("af_heart", language);
            let spoken = speak(&mut voices, text, language, &settings);
            assert_eq!(spoken.notices, Vec::<String>::new());
            let spans = &spoken.timeline.0;
            assert!(spans.iter().all(|span| span.start < span.end) && !spans.is_empty(), "{spans:?}");
            assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{spans:?}");
            assert!(spans.last().is_some_and(|span| span.end <= spoken.samples.len()), "{spans:?}");
            assert!(voices.speak(text, language, &settings).expect("it speaks").marked);
            // In a new process of mind, too.
            let mut others = Synthesiser::new(store.clone(), 1, Variation::None);
            others.marker = None;
            assert!(spoken.samples == speak(&mut others, text, language, &settings).samples, "{text}");
        }
        voices.marker = marker;
        // The sound is another one with the mark in it.
        let text = pieces(&Script::read("Hello.").0, Language::English);
        let settings = like("af_heart", Language::English);
        let marked = voices.finish(&text[0], Language::English, &settings).expect("it speaks").samples;
        voices.marker = None;
        let plain = voices.finish(&text[0], Language::English, &settings).expect("it speaks").samples;
        assert!(marked.len() == plain.len() && marked != plain);
    }

    #[test]
    fn where_xtts_or_its_recording_is_missing_the_default_voice_speaks() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let (_folder, store) = small_xtts();
        let without = VoiceSettings { reference: None, ..like("af_heart", Language::German) };
        let silent = VoiceSettings { reference: Some([0.0; 24_000].into()), ..without.clone() };
        let cases = [
            (Store::at(empty.path()), like("af_heart", Language::German), "has no xtts.json, no vocab.json"),
            (store.clone(), without, "this voice has none; give the character's voice a reference"),
            (store, silent, "cannot be imitated: the recording is silent"),
        ];
        for (store, settings, words) in cases {
            let mut voices = Synthesiser::new(store, 1, Variation::None);
            let spoken = speak(&mut voices, "Guten Tag. Ich bin Mira.", Language::German, &settings);
            assert!(seconds(&spoken) > 0.5 && !spoken.timeline.0.is_empty());
            let [notice] = &spoken.notices[..] else { panic!("{:?}", spoken.notices) };
            assert!(notice.contains(words), "{notice}");
            assert!(
                notice.ends_with("Until then the voice \"espeak-ng\" speaks.") && !notice.contains(".."),
                "{notice}"
            );
            assert_eq!(voices.standing_notices(), spoken.notices, "it is so for whoever comes later");
        }
    }

    #[test]
    fn files_that_are_no_xtts_are_told_again_and_not_tried_again() {
        let (folder, store) = small_xtts();
        let file = folder.path().join(XTTS).join("decoder.onnx");
        std::fs::write(&file, "no network").expect("a temporary folder");
        let mut voices = Synthesiser::new(store, 1, Variation::None);
        let settings = like("af_heart", Language::German);
        let spoken = speak(&mut voices, "Guten Tag.", Language::German, &settings);
        assert!(spoken.notices.len() == 1 && spoken.notices[0].contains("decoder.onnx"), "{:?}", spoken.notices);
        // What it was is still known when it stands in the way again.
        std::fs::remove_file(&file).expect("it is there");
        speak(&mut voices, "Guten Tag.", Language::German, &settings);
        assert_eq!(voices.standing_notices(), spoken.notices);
    }

    #[test]
    fn xtts_is_made_ready_without_saying_all_and_goes_when_nobody_wants_it() {
        let (_folder, store) = small_xtts();
        let mut voices = Synthesiser::new(store, 1, Variation::Natural);
        voices.prepare(&[(Language::German, like("af_heart", Language::German))]);
        assert!(voices.xtts.is_some() && voices.standing_notices().is_empty(), "{:?}", voices.standing_notices());
        voices.prepare(&[(Language::English, like("af_heart", Language::English))]);
        assert!(voices.xtts.is_some());
        let espeak = VoiceSettings { model: ESPEAK.into(), ..default_voice(Language::German) };
        voices.speak("Guten Tag.", Language::German, &espeak).expect("espeak-ng");
        assert!(voices.xtts.is_some(), "another voice in between is no reason to load it anew");
        voices.prepare(&[(Language::German, espeak)]);
        assert!(voices.xtts.is_none());
    }

    #[test]
    fn what_nobody_wants_any_more_is_not_spoken_by_others() {
        let (_folder, store) = small_xtts();
        let mut voices = Synthesiser::new(store, 1, Variation::None);
        let text = pieces(&Script::read("Guten Tag.").0, Language::German);
        let spoken = voices.finish_while(&text[0], Language::German, &like("af_heart", Language::German), &|| false);
        assert!(matches!(spoken, Err(VoiceError::Unwanted)), "{spoken:?}");
        assert!(voices.take_notices().is_empty() && voices.standing_notices().is_empty());
    }

    #[test]
    fn a_voice_that_kokoro_does_not_have_is_told_with_those_it_has() {
        let mut voices = synthesiser(Variation::None);
        let settings = VoiceSettings { model: "kokoro/nobody".into(), ..default_voice(Language::German) };
        let spoken = speak(&mut voices, "Guten Tag.", Language::German, &settings);
        let [notice] = &spoken.notices[..] else { panic!("{:?}", spoken.notices) };
        for part in ["kokoro/nobody", "kokoro/af_heart", "kokoro/bm_george", "piper-en-joe", "xtts-v2", "espeak-ng"] {
            assert!(notice.contains(part), "{part} is not in: {notice}");
        }
    }

    #[test]
    fn german_and_unknown_voices_are_spoken_by_somebody() {
        let mut voices = synthesiser(Variation::None);
        let english_voice = default_voice(Language::English);
        let german = speak(&mut voices, "Guten Tag.", Language::German, &english_voice);
        assert!(german.notices.is_empty() && seconds(&german) > 0.4);
        for name in ["espeak-ng", "espeak"] {
            let espeak = VoiceSettings { model: name.into(), ..default_voice(Language::German) };
            assert!(speak(&mut voices, "Guten Tag.", Language::German, &espeak).notices.is_empty(), "{name}");
        }
        let unknown = VoiceSettings { model: "nobody".into(), ..default_voice(Language::German) };
        let spoken = speak(&mut voices, "Guten Tag.", Language::German, &unknown);
        assert!(spoken.notices[0].contains("nobody"));
    }

    #[test]
    fn markup_changes_how_a_text_sounds() {
        let mut voices = synthesiser(Variation::None);
        let espeak = VoiceSettings { model: ESPEAK.into(), ..default_voice(Language::German) };
        let mut length = |text: &str| seconds(&speak(&mut voices, text, Language::German, &espeak));
        let plain = length("Guten Tag, meine Damen und Herren.");
        let paused = length("[pause 1s] Guten Tag, meine Damen und Herren. [pause 2s]");
        assert!((paused - plain - 3.0 + 0.15).abs() < 0.01, "{plain} {paused}");
        let slow = length("<speak><prosody rate='50%'>Guten Tag, meine Damen und Herren.</prosody></speak>");
        assert!((slow / plain - 2.0).abs() < 0.25, "{plain} {slow}");
        let loudness = |voices: &mut Synthesiser, text: &str| {
            let samples = speak(voices, text, Language::German, &espeak).samples;
            (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
        };
        let soft = loudness(&mut voices, "<speak><prosody volume='-6dB'>Guten Tag.</prosody></speak>");
        assert!((soft / loudness(&mut voices, "Guten Tag.") - 0.5).abs() < 0.02);
        let wrong = speak(&mut voices, "<speak><b>Hallo</b></speak>", Language::German, &espeak);
        assert!(wrong.notices.len() == 1 && wrong.notices[0].contains("<b> at character 8"));
    }

    #[test]
    fn too_much_to_say_is_an_error_in_words() {
        let text = "ä".repeat(LONGEST_TEXT + 1);
        let mut voices = synthesiser(Variation::None);
        let error = synthesise(&mut voices, &text, Language::German, &default_voice(Language::German));
        let words = error.expect_err("it is too long").to_string();
        assert!(words.contains("5001 characters") && words.contains("5000"), "{words}");
    }

    #[test]
    fn nothing_to_say_is_an_error() {
        for text in ["", "  ", "🙂", "...", "[[", "\u{0}"] {
            let spoken = synthesise(
                &mut synthesiser(Variation::None),
                text,
                Language::English,
                &VoiceSettings { model: ESPEAK.into(), ..default_voice(Language::English) },
            );
            assert!(matches!(spoken, Err(VoiceError::NothingToSay)), "{text:?}");
        }
    }
}
