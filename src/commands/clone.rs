//! `visage voices clone`, `delete` and `check`: voices after recordings.

use std::path::Path;

use anyhow::Context;
use chrono::Utc;
use indicatif::{ProgressBar, ProgressStyle};
use visage_cloning::{
    ClipOptions, Embedding, FitProgress, Fitted, Go, MARKED, MarkKey, Permission, ReferenceClip, SpeakerEncoder,
    VoiceProfile, check_voice_name, denoise, detect,
};
use visage_core::SAMPLE_RATE;
use visage_models::Store;
use visage_voice::{CLONE, Imitation, KOKORO, XTTS, clone_voice, cloned_voices, imitate};

use super::sound;
use crate::cli::{CloneEngine, CloneVoice};

/// Threads that one synthesis uses.
const THREADS: usize = 2;

pub fn run(asked: &CloneVoice) -> anyhow::Result<()> {
    let permission = Permission { text: asked.permission.clone(), by: asked.by.clone(), at: Utc::now() };
    // What needs no time comes first.
    permission.check()?;
    check_voice_name(&asked.name)?;
    let recording = sound::read(&asked.recording)?;
    let clip = ReferenceClip::check(&recording.samples, SAMPLE_RATE, ClipOptions { denoise: asked.denoise })
        .with_context(|| format!("{} cannot be cloned", asked.recording.display()))?;
    let target = clip.embed(&mut SpeakerEncoder::load(THREADS)?)?;
    let profiles = cloned_voices();
    let profile = VoiceProfile {
        id: profiles.free_id(&asked.name),
        name: asked.name.clone(),
        engine: KOKORO.to_owned(),
        languages: vec![asked.language],
        created: Utc::now(),
        source_sha256: clip.sha256.clone(),
        permission,
        similarity_before: 0.0,
        similarity_after: 0.0,
        marked: !asked.unmarked,
        loudness: None,
    };
    let profile = match asked.engine {
        CloneEngine::Kokoro => {
            let fitted = fit(asked, &target)?;
            let (similarity_before, similarity_after) = (fitted.held_out.before, fitted.held_out.after);
            let profile = VoiceProfile {
                similarity_before,
                similarity_after,
                loudness: fitted.loudness,
                created: Utc::now(),
                ..profile
            };
            profiles.create(&profile, fitted.style.numbers())?;
            profile
        }
        CloneEngine::Xtts => {
            let denoised = asked.denoise.then(|| denoise(&recording.samples, SAMPLE_RATE));
            let samples = denoised.as_ref().unwrap_or(&recording.samples);
            eprintln!(
                "XTTS takes on the voice and speaks a few sentences with it; it takes about a minute on two cores."
            );
            let Imitation { style, languages, similarity } =
                imitate(&Store::default(), (samples, SAMPLE_RATE), &target, asked.language, THREADS)?;
            let profile = VoiceProfile {
                engine: XTTS.to_owned(),
                languages,
                similarity_before: similarity.before,
                similarity_after: similarity.after,
                created: Utc::now(),
                ..profile
            };
            profiles.create_bytes(&profile, &style)?;
            profile
        }
    };
    super::print(told(&profile))?;
    Ok(())
}

/// What became of it, in a line.
fn told(profile: &VoiceProfile) -> String {
    let VoiceProfile { id, engine, similarity_before: before, similarity_after: after, .. } = profile;
    let own = if *before == 0.0 {
        String::new()
    } else {
        format!(", and {before:.2} of the most similar voice of {engine} itself")
    };
    format!("{CLONE}/{id}: similarity {after:.2}{own}, with sentences that it was not made with")
}

/// Fits a style of Kokoro, and shows how far it is.
fn fit(asked: &CloneVoice, target: &Embedding) -> anyhow::Result<Fitted> {
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
    let fitted = clone_voice(&Store::default(), target, asked.language, asked.tries, THREADS, &mut progress)?;
    bar.finish_and_clear();
    Ok(fitted)
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

#[cfg(test)]
mod tests {
    use visage_core::Language;

    use super::*;

    #[test]
    fn what_became_of_a_recording_is_told() {
        let now = Utc::now();
        for (engine, similarity_before, expected) in [
            (KOKORO, 0.691, "clone/anna: similarity 0.72, and 0.69 of the most similar voice of kokoro itself, with"),
            (XTTS, 0.0, "clone/anna: similarity 0.72, with sentences that it was not made with"),
        ] {
            let profile = VoiceProfile {
                id: "anna".to_owned(),
                name: "Anna".to_owned(),
                engine: engine.to_owned(),
                languages: vec![Language::German],
                created: now,
                source_sha256: String::new(),
                permission: Permission { text: "You may.".to_owned(), by: "Anna".to_owned(), at: now },
                similarity_before,
                similarity_after: 0.724,
                marked: true,
                loudness: None,
            };
            assert!(told(&profile).starts_with(expected), "{}", told(&profile));
        }
    }
}
