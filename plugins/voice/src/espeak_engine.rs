//! espeak-ng's own voices: not beautiful, but there wherever espeak-ng is, and in every language of Visage.
//!
//! The program does not print its phoneme times, so they are found in the sound: see `align`.

use std::collections::HashMap;

use visage_core::Language;
use visage_schedule::VoiceSettings;

use crate::{
    Engine, Speech, VoiceError, align, clauses,
    espeak::{ESPEAK_RATE, Phonemiser, sound},
    ipa,
};

/// The voice of a language.
const fn voice(language: Language) -> &'static str {
    match language {
        Language::English => "en-us",
        Language::German => "de",
    }
}

/// How loud the voice of a language is, LUFS: three sentences, measured as EBU R128 says.
const fn loudness(language: Language) -> f32 {
    match language {
        Language::English => -20.9,
        Language::German => -20.3,
    }
}

/// Says which phonemes a piece has, for engines in whose sound they are looked for (`align`).
#[derive(Debug, Default)]
pub(crate) struct Pronouncer {
    phonemisers: HashMap<Language, Phonemiser>,
}

impl Pronouncer {
    /// The phonemes of each clause of a piece.
    ///
    /// # Errors
    /// There are none, or espeak-ng failed.
    pub(crate) fn phonemes(&mut self, piece: &str, language: Language) -> Result<Vec<Vec<String>>, VoiceError> {
        let phonemiser = self.phonemisers.entry(language).or_insert_with(|| Phonemiser::new(voice(language)));
        let mut spoken = Vec::new();
        for clause in clauses(piece) {
            spoken.push(ipa::phonemes(&phonemiser.ipa(&clause.words)?));
        }
        if spoken.iter().all(Vec::is_empty) { Err(VoiceError::NothingToSay) } else { Ok(spoken) }
    }
}

/// Speaks with espeak-ng's own voices.
#[derive(Debug, Default)]
pub struct EspeakEngine {
    pronouncer: Pronouncer,
}

impl Engine for EspeakEngine {
    fn speak(&mut self, piece: &str, language: Language, settings: &VoiceSettings) -> Result<Speech, VoiceError> {
        let spoken = self.pronouncer.phonemes(piece, language)?;
        let samples = sound(voice(language), piece, settings.speed, settings.pitch)?;
        let phonemes = align(&samples, ESPEAK_RATE, &spoken);
        Ok(Speech { rate: ESPEAK_RATE, samples, phonemes, loudness: Some(loudness(language)), marked: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> VoiceSettings {
        VoiceSettings { model: "espeak-ng".into(), reference: None, speed: 1.0, pitch: 1.0, volume: 1.0 }
    }

    /// Root mean square of a part of the sound.
    fn energy(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
    }

    #[test]
    fn german_is_spoken_and_its_vowels_are_where_the_sound_is_loud() {
        let mut engine = EspeakEngine::default();
        let text = "Guten Tag, mein Name ist Mira. Wie geht es dir?";
        let speech = engine.speak(text, Language::German, &settings()).expect("espeak-ng");
        assert!(speech.samples.len() as f32 / ESPEAK_RATE as f32 > 1.5);
        let names: Vec<_> = speech.phonemes.iter().map(|p| p.phoneme.as_str()).filter(|p| !p.is_empty()).collect();
        assert_eq!(names[..5], ["ɡ", "uː", "t", "ə", "n"]);
        let mean = |wanted: &dyn Fn(ipa::Kind) -> bool| {
            let found: Vec<f32> = speech
                .phonemes
                .iter()
                .filter(|p| wanted(ipa::kind(&p.phoneme)))
                .map(|p| energy(&speech.samples[p.start..p.end]))
                .collect();
            found.iter().sum::<f32>() / found.len().max(1) as f32
        };
        let vowels = mean(&|kind| matches!(kind, ipa::Kind::Vowel | ipa::Kind::LongVowel));
        let stops = mean(&|kind| kind == ipa::Kind::Stop);
        assert!(vowels > 2.0 * stops, "vowels {vowels}, stops {stops}");
    }

    #[test]
    fn nothing_to_say_is_an_error() {
        let error = EspeakEngine::default().speak("…", Language::German, &settings());
        assert!(matches!(error, Err(VoiceError::NothingToSay)));
    }
}
