//! `visage speak`: a text becomes a WAV file.

use visage_character::Library;
use visage_core::SAMPLE_RATE;
use visage_models::Store;
use visage_voice::{Synthesiser, Variation, default_voice, synthesise};

use super::sound;
use crate::{app::characters_folder, cli::Speak};

/// Threads that one synthesis uses.
const THREADS: usize = 2;

pub fn run(speak: &Speak) -> anyhow::Result<()> {
    let library = Library::read(&characters_folder(speak.characters.clone()))?;
    let entry = match &speak.character {
        Some(id) => Some(library.get(id)?),
        None => library.default_entry(),
    };
    let voice = entry
        .and_then(|entry| entry.profile().voices.into_iter().find(|(language, _)| *language == speak.language))
        .map_or_else(|| default_voice(speak.language), |(_, voice)| voice);
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
