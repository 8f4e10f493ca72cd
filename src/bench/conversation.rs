//! A conversation by voice as the person at the page hears it: a question is spoken into the browser's microphone, the
//! character answers, is asked to talk at length, and is interrupted. The page times what it says and hears
//! (`page/bench.js`); how far the partial words are behind is taken from the tick.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bevy::prelude::*;
use visage_core::{Language, SAMPLE_RATE, TICK_HZ, encode_wav};
use visage_models::Store;
use visage_schedule::{Heard, Latencies, MediaClock, VisageSystems, VoiceActivity};
use visage_voice::{Synthesiser, Variation, default_voice, synthesise};

use super::{
    Row,
    chromium::{Felt, Line, What},
    percentile,
    visit::{Visit, visit},
};
use crate::cli::Stage;

/// One round of the microphone: silence, the question, time for the answer and for a long talk, an interruption, time for
/// the answer to it. Seconds.
const BEFORE: f32 = 1.5;
const QUESTION: &str = "I have been sitting at this desk since this morning without a watch, so please tell me what time \
                        it is now.";
const FOR_THE_ANSWER: f32 = 9.5;
const INTERRUPTION: &str = "Wait a moment, please stop talking now.";
const FOR_ANOTHER: f32 = 6.5;
/// Rounds that are measured at least.
const ROUNDS: u32 = 3;
/// Moments in the sound between two sets of partial words at which a word may have been said.
const MOMENTS: usize = 10;
const THREADS: usize = 2;

const ANSWER: &str = "end of a question (5 s) → first sound of the answer, at the viewer";
const PARTIAL: &str = "partial words behind the voice, 95 %";

/// Measures at least three rounds, and more if they fit into `seconds`.
pub fn measure(stage: &Stage, seconds: u32) -> Vec<Row> {
    match talk(stage, seconds) {
        Ok((felt, behind)) => rows(&felt, behind),
        Err(error) => vec![Row::missing(ANSWER, crate::explain(&error))],
    }
}

/// What the person felt, and by how many seconds partial words were behind.
fn talk(stage: &Stage, seconds: u32) -> anyhow::Result<(Vec<Felt>, Vec<f64>)> {
    let round = round()?;
    let length = round.len() as f32 / SAMPLE_RATE as f32;
    let file = tempfile::Builder::new().suffix(".wav").tempfile()?;
    std::fs::write(file.path(), encode_wav(&round, SAMPLE_RATE)).context("the question cannot be written")?;
    let rounds = ROUNDS.max((seconds as f32 / length) as u32);
    let asked =
        Visit { microphone: Some(file.path()), seconds: (rounds as f32 * length).ceil() as u32, ..Visit::default() };
    let behind = Arc::new(Mutex::new(Vec::new()));
    let partial = PartialWords { behind: behind.clone(), covered: None };
    let lines = visit(stage, asked, |app| {
        app.insert_resource(partial).add_systems(FixedUpdate, read_along.after(VisageSystems::Last));
    })?;
    let felt = lines.into_iter().filter_map(|line| if let Line::Felt(felt) = line { Some(felt) } else { None });
    let behind = std::mem::take(&mut *behind.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((felt.collect(), behind))
}

/// The sound of one round, 48 kHz.
fn round() -> anyhow::Result<Vec<f32>> {
    let mut voices = Synthesiser::new(Store::default(), THREADS, Variation::None);
    let voice = default_voice(Language::English);
    let mut sound = silence(BEFORE);
    for (text, pause) in [(QUESTION, FOR_THE_ANSWER), (INTERRUPTION, FOR_ANOTHER)] {
        let speech = synthesise(&mut voices, text, Language::English, &voice)?;
        sound.extend(speech.samples);
        sound.extend(silence(pause));
    }
    Ok(sound)
}

fn silence(seconds: f32) -> Vec<f32> {
    vec![0.0; (seconds * SAMPLE_RATE as f32) as usize]
}

/// Follows the partial words of the person's turns.
#[derive(Resource)]
struct PartialWords {
    behind: Arc<Mutex<Vec<f64>>>,
    /// Up to where the words shown so far cover the sound, seconds of the media clock.
    covered: Option<f64>,
}

fn read_along(
    mut words: ResMut<PartialWords>,
    mut voice: MessageReader<VoiceActivity>,
    mut heard: MessageReader<Heard>,
    latencies: Res<Latencies>,
    clock: Res<MediaClock>,
) {
    let now = clock.tick.0 as f64 / f64::from(TICK_HZ);
    if voice.read().any(|activity| activity.speaking) && words.covered.is_none() {
        words.covered = Some(now);
    }
    for heard in heard.read() {
        if heard.is_final {
            words.covered = None;
        } else if let (Some(before), Some(partial)) = (words.covered, latencies.partial) {
            let covers = now - f64::from(partial);
            let new = behind(now, before, covers);
            words.behind.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
            words.covered = Some(covers.max(before));
        }
    }
}

/// Seconds by which words are late that are shown at `now` and were said somewhere between `before` and `covers`.
fn behind(now: f64, before: f64, covers: f64) -> Vec<f64> {
    let length = covers - before;
    if length <= 0.0 {
        return Vec::new();
    }
    (0..MOMENTS).map(|moment| now - before - length * (moment as f64 + 0.5) / MOMENTS as f64).collect()
}

fn rows(felt: &[Felt], mut behind: Vec<f64>) -> Vec<Row> {
    let row = |name: &'static str, what: What, budget: f64| {
        let mut times: Vec<f64> = felt.iter().filter(|felt| felt.what == what).map(|felt| felt.ms).collect();
        let middle = percentile(&mut times, 0.5);
        match (times.first(), times.last()) {
            (Some(first), Some(last)) => Row::new(name, middle, "ms")
                .at_most(budget)
                .note(format!("median of {}, from {first:.0} to {last:.0} ms; headless Chromium", times.len())),
            _ => Row::missing(name, "the page heard nothing of it; `visage -vv bench talk` shows what it heard"),
        }
    };
    let mut rows = vec![
        row(ANSWER, What::Answer, 1_000.0),
        row("the same after a short sentence (2 s)", What::ShortAnswer, 1_000.0),
        row("barge-in: voice → character silent, at the viewer", What::BargeIn, 300.0),
        row("text → first sound, at the viewer", What::Say, 300.0),
    ];
    rows.push(if behind.is_empty() {
        Row::missing(PARTIAL, "no partial words were shown")
    } else {
        let middle = percentile(&mut behind, 0.5);
        Row::new(PARTIAL, percentile(&mut behind, 0.95), "s")
            .at_most(1.0)
            .note(format!("of {} partial runs; median {middle:.2} s", behind.len() / MOMENTS))
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_behind_by_the_run_and_by_the_wait_for_it() {
        // Said between second 1 and 2, shown at 2.5: from 1.45 s late to 0.55 s.
        let late = behind(2.5, 1.0, 2.0);
        assert!(late.len() == MOMENTS && (late[0] - 1.45).abs() < 1e-9 && (late[MOMENTS - 1] - 0.55).abs() < 1e-9);
        assert!(behind(2.5, 2.0, 2.0).is_empty() && behind(2.5, 2.0, 1.9).is_empty());
    }

    #[test]
    fn what_was_not_heard_is_not_measured() {
        let felt = [200.0, 300.0, 100.0].map(|ms| Felt { what: What::BargeIn, ms });
        let rows = rows(&felt, vec![0.5; 20]);
        let values: Vec<_> = rows.iter().map(|row| row.value).collect();
        assert_eq!(values, [None, None, Some(200.0), None, Some(0.5)]);
        assert_eq!(rows[2].keeps_budget(), Some(true));
    }
}
