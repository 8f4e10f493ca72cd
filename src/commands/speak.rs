//! `visage speak`: a text becomes a WAV file.

use visage_character::read_profile;
use visage_core::SAMPLE_RATE;
use visage_library::block_on;
use visage_models::Store;
use visage_voice::{Synthesiser, Variation, default_voice, synthesise};

use super::sound;
use crate::{app::open_library, cli::Speak};

/// Threads that one synthesis uses.
const THREADS: usize = 2;

pub fn run(speak: &Speak) -> anyhow::Result<()> {
    let library = open_library(speak.characters.clone())?;
    let id = match &speak.character {
        Some(id) => Some(id.clone()),
        None => block_on(library.default_id()).ok(),
    };
    let profile = id.map(|id| read_profile(&library, &id)).transpose().map_err(anyhow::Error::msg)?;
    let own = profile.iter().flat_map(|profile| &profile.voices).find(|(language, _)| *language == speak.language);
    let voice = own.map_or_else(|| default_voice(speak.language), |(_, voice)| voice.clone());
    let mut voices = Synthesiser::new(Store::default(), THREADS, Variation::Natural);
    let speech = synthesise(&mut voices, &speak.text, speak.language, &voice)?;
    for notice in &speech.notices {
        eprintln!("{notice}");
    }
    sound::write(&speak.out, &speech.samples)?;
    let seconds = speech.samples.len() as f32 / SAMPLE_RATE as f32;
    super::print(format_args!("{}: {seconds:.1} s, {} phonemes", speak.out.display(), speech.timeline.0.len()))?;
    Ok(())
}
