//! `visage speak`: a text becomes a sound file.

use visage_character::read_profile;
use visage_core::{Language, SAMPLE_RATE};
use visage_library::block_on;
use visage_models::Store;
use visage_schedule::{VoiceSettings, choose_voice, language_in};
use visage_voice::{Synthesiser, Variation, default_voice, synthesise, voice_for, voices};

use super::sound;
use crate::{app::open_library, cli::Speak};

/// Threads that one synthesis uses.
const THREADS: usize = 2;

pub fn run(speak: &Speak) -> anyhow::Result<()> {
    let store = Store::default();
    let (voice, language) = match &speak.voice {
        Some(name) => named(&store, name, speak)?,
        None => of_character(speak)?,
    };
    let voice = VoiceSettings { speed: voice.speed * speak.speed, pitch: voice.pitch * speak.pitch, ..voice };
    let mut engines = Synthesiser::new(store, THREADS, Variation::Natural);
    let speech = synthesise(&mut engines, &speak.text, language, &voice)?;
    for notice in &speech.notices {
        eprintln!("{notice}");
    }
    sound::write(&speak.out, &speech.samples)?;
    let seconds = speech.samples.len() as f32 / SAMPLE_RATE as f32;
    super::print(format_args!("{}: {seconds:.1} s, {} phonemes", speak.out.display(), speech.timeline.0.len()))?;
    Ok(())
}

/// The voice that was asked for. It speaks or nobody does.
fn named(store: &Store, name: &str, speak: &Speak) -> anyhow::Result<(VoiceSettings, Language)> {
    let voices = voices(store);
    let (voice, language) = choose_voice(&voices, Some(name), speak.language, &speak.text)?;
    Ok((VoiceSettings { model: voice.id.clone(), ..default_voice(language) }, language))
}

/// The voice of a character for the text's language.
fn of_character(speak: &Speak) -> anyhow::Result<(VoiceSettings, Language)> {
    let library = open_library(speak.characters.clone())?;
    let id = match &speak.character {
        Some(id) => Some(id.clone()),
        None => block_on(library.default_id()).ok(),
    };
    let profile = id.map(|id| read_profile(&library, &id)).transpose().map_err(anyhow::Error::msg)?;
    let voices = profile.map(|profile| profile.voices.clone()).unwrap_or_default();
    let own = voices.first().map_or(Language::English, |(language, _)| *language);
    let others = [Language::English, Language::German].into_iter().filter(|language| *language != own);
    let all: Vec<_> = std::iter::once(own).chain(others).collect();
    let language = speak.language.unwrap_or_else(|| language_in(&speak.text, &all));
    Ok((voice_for(&voices, language), language))
}
