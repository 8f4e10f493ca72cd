//! From a piece of text to finished sound, by the engine that the voice's settings ask for or the one that can.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, HashSet},
};

use visage_cloning::{MarkKey, Marker, Profiles};
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
    profiles: Profiles,
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
            profiles: cloned_voices(),
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
        if !voices.iter().any(|(_, settings)| self.is_of_xtts(&settings.model)) {
            self.xtts = None;
        }
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
        let (profile, style) = clones::load(&self.profiles, id)?;
        let speech = match style {
            Style::Kokoro(style) => self.kokoro()?.speak_with(&style.view(), piece, language, settings)?,
            Style::Xtts(voice) => self.xtts()?.speak_with(&voice, piece, language, settings, is_wanted)?,
        };
        let loudness = profile.loudness.filter(|loudness| loudness.is_finite());
        Ok(Speech { marked: profile.marked, loudness, ..speech })
    }

    /// Whether XTTS speaks a voice of this name.
    fn is_of_xtts(&self, model: &str) -> bool {
        let cloned = |id: &str| self.profiles.profile(id).is_ok_and(|profile| profile.engine == XTTS);
        model == XTTS || cloned_id(model).is_some_and(cloned)
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
mod tests;
