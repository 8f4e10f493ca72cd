//! `visage voices clone`, `delete` and `check`: voices after recordings.

use std::path::Path;

use anyhow::Context;
use chrono::Utc;
use indicatif::{ProgressBar, ProgressStyle};
use visage_cloning::{
    ClipOptions, FitProgress, Go, MARKED, MarkKey, Permission, ReferenceClip, SpeakerEncoder, VoiceProfile, detect,
};
use visage_core::SAMPLE_RATE;
use visage_models::Store;
use visage_voice::{CLONE, KOKORO, clone_voice, cloned_voices};

use super::sound;
use crate::cli::CloneVoice;

/// Threads that one synthesis uses.
const THREADS: usize = 2;

pub fn run(asked: &CloneVoice) -> anyhow::Result<()> {
    let permission = Permission { text: asked.permission.clone(), by: asked.by.clone(), at: Utc::now() };
    // What needs no time comes first.
    permission.check()?;
    let recording = sound::read(&asked.recording)?;
    let clip = ReferenceClip::check(&recording.samples, SAMPLE_RATE, ClipOptions { denoise: asked.denoise })
        .with_context(|| format!("{} cannot be cloned", asked.recording.display()))?;
    let target = clip.embed(&mut SpeakerEncoder::load(THREADS)?)?;
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{msg} {bar:30} {pos} of {len}, {eta} left").expect("the template is a constant"),
    );
    let mut progress = |now: FitProgress| {
        let (done, of, words) = match now {
            FitProgress::Voices { done, of } => (done, of, "hearing Kokoro's own voices".to_owned()),
            FitProgress::Tries { done, of, best } => (done, of, format!("fitting, similarity {best:.3}")),
        };
        bar.set_length(of as u64);
        bar.set_position(done as u64);
        bar.set_message(words);
        Go::On
    };
    let fitted = clone_voice(&Store::default(), &target, asked.language, asked.tries, THREADS, &mut progress)?;
    bar.finish_and_clear();
    let profiles = cloned_voices();
    let profile = VoiceProfile {
        id: profiles.free_id(&asked.name),
        name: asked.name.clone(),
        engine: KOKORO.to_owned(),
        languages: vec![asked.language],
        created: Utc::now(),
        source_sha256: clip.sha256.clone(),
        permission,
        similarity_before: fitted.held_out.before,
        similarity_after: fitted.held_out.after,
        marked: !asked.unmarked,
        loudness: fitted.loudness,
    };
    profiles.create(&profile, fitted.style.numbers())?;
    super::print(format_args!(
        "{CLONE}/{}: similarity {:.2}, and {:.2} of Kokoro's most similar voice, with sentences that it was not fitted to",
        profile.id, fitted.held_out.after, fitted.held_out.before
    ))?;
    Ok(())
}

pub fn delete(id: &str) -> anyhow::Result<()> {
    let id = id.strip_prefix(CLONE).and_then(|id| id.strip_prefix('/')).unwrap_or(id);
    cloned_voices().delete(id)?;
    super::print(format_args!("{CLONE}/{id} is deleted"))?;
    Ok(())
}

pub fn check(file: &Path) -> anyhow::Result<()> {
    let recording = sound::read(file)?;
    let score = detect(&recording.samples, SAMPLE_RATE, MarkKey::default());
    let words = if score >= MARKED { "a cloned voice of Visage speaks in it" } else { "no mark was found in it" };
    super::print(format_args!("{}: {words} (score {score:.1}; {MARKED} and more is a mark)", file.display()))?;
    Ok(())
}
