//! The voices side by side: how soon they speak, what they cost, what our own Whisper understands of them, and how well the
//! lips' timeline fits their sound. The sentences are this project's own (`sentences`).

use std::{ops::Range, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};
use visage_core::{Language, PhonemeTimeline, SAMPLE_RATE, Script};
use visage_hearing::{HearingPlugin, Whisper, transcribe};
use visage_models::{Catalogue, State, Store};
use visage_schedule::VoiceSettings;
use visage_voice::{ESPEAK, KOKORO, Synthesiser, Variation, default_voice, loudness, pieces, synthesise};

use super::{Row, percentile};

const ENGLISH: &str = include_str!("sentences/en.txt");
const GERMAN: &str = include_str!("sentences/de.txt");
/// Threads that one synthesis uses, as in the program.
const THREADS: usize = 2;
/// How often the first piece is made; the median counts.
const RUNS: usize = 5;
/// A text whose first sentence is cut at its comma.
const OPENING: &str = "Good morning, my name is Mira. I would like to show you around the museum.";
const OPENING_GERMAN: &str = "Guten Morgen, mein Name ist Mira. Ich möchte Ihnen heute unser Museum zeigen.";

/// The voices that are compared if none is named: the default ones, Kokoro's best for the language, and espeak-ng.
fn usual_voices() -> Vec<(Language, String)> {
    use Language::{English, German};
    vec![
        (English, default_voice(English).model),
        (English, format!("{KOKORO}/af_heart")),
        (English, format!("{KOKORO}/bf_emma")),
        (English, format!("{KOKORO}/am_michael")),
        (English, ESPEAK.to_owned()),
        (German, format!("{KOKORO}/ef_dora")),
        (German, default_voice(German).model),
    ]
}

pub fn measure() -> Vec<Row> {
    let mut whisper = Whisper::open(&Store::default(), HearingPlugin::default().threads);
    let voices = usual_voices();
    voices.into_iter().flat_map(|(language, model)| measure_voice(&model, language, whisper.as_mut().ok())).collect()
}

fn measure_voice(model: &str, language: Language, whisper: Option<&mut Whisper>) -> Vec<Row> {
    let name = format!("{model} ({language})");
    let installed = model == ESPEAK
        || Catalogue::builtin().voice(model).is_ok_and(|model| Store::default().state(model) == State::Present);
    if !installed {
        let id = model.split('/').next().unwrap_or(model);
        return vec![Row::missing(name, format!("not installed; `visage models fetch {id}`"))];
    }
    let settings = VoiceSettings { model: model.to_owned(), ..default_voice(language) };
    let mut voices = Synthesiser::new(Store::default(), THREADS, Variation::None);
    let began = Instant::now();
    voices.prepare(&[(language, settings.clone())]);
    let loaded = began.elapsed().as_secs_f64();
    let mut rows = vec![Row::new(format!("{name}: loaded and warm"), loaded, "s")];
    let (opening, text) = match language {
        Language::English => (OPENING, ENGLISH),
        Language::German => (OPENING_GERMAN, GERMAN),
    };
    match first_piece(&mut voices, opening, language, &settings) {
        Ok(mut times) => {
            let time = percentile(&mut times, 0.5) * 1e3;
            rows.push(Row::new(format!("{name}: text → first sound made"), time, "ms").at_most(150.0));
        }
        Err(error) => return vec![Row::missing(name, error)],
    }
    let sentences: Vec<&str> = text.lines().collect();
    match spoken(&mut voices, &sentences, language, &settings, whisper) {
        Ok(spoken) => rows.extend(spoken.rows(&name, language)),
        Err(error) => rows.push(Row::missing(name, error)),
    }
    rows.extend(voices.take_notices().into_iter().map(|notice| Row::missing(model.to_owned(), notice)));
    rows
}

fn first_piece(
    voices: &mut Synthesiser,
    text: &str,
    language: Language,
    settings: &VoiceSettings,
) -> anyhow::Result<Vec<f64>> {
    (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            let (script, _) = Script::read(text);
            if let Some(piece) = pieces(&script, language).first() {
                voices.finish(piece, language, settings)?;
            }
            Ok(began.elapsed().as_secs_f64())
        })
        .collect()
}

/// What was measured on all sentences of a voice.
#[derive(Default)]
struct Spoken {
    sentences: usize,
    /// Seconds of sound, and of the work for it.
    sound: f64,
    work: f64,
    /// LUFS of each sentence.
    loudness: Vec<f64>,
    /// Words that were said, and how many edits away the transcripts are, if there is a Whisper.
    words: usize,
    wrong: Option<usize>,
    /// Seconds by which an edge of speech in the timeline is beside the one in the sound.
    off: Vec<f64>,
    /// Edges of the sound that the timeline does not have.
    missed: usize,
}

fn spoken(
    voices: &mut Synthesiser,
    sentences: &[&str],
    language: Language,
    settings: &VoiceSettings,
    mut whisper: Option<&mut Whisper>,
) -> anyhow::Result<Spoken> {
    let mut all = Spoken { sentences: sentences.len(), wrong: whisper.is_some().then_some(0), ..Spoken::default() };
    let bar = ProgressBar::new(sentences.len() as u64).with_message(settings.model.clone());
    bar.set_style(ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}")?);
    for sentence in sentences {
        let began = Instant::now();
        let speech = synthesise(voices, sentence, language, settings)?;
        all.work += began.elapsed().as_secs_f64();
        all.sound += speech.samples.len() as f64 / f64::from(SAMPLE_RATE);
        all.loudness.extend(loudness(&speech.samples).map(f64::from));
        let edges = edges(&speech.samples, &speech.timeline);
        all.missed += edges.missed;
        all.off.extend(edges.off);
        let said = words(sentence);
        all.words += said.len();
        if let (Some(whisper), Some(wrong)) = (whisper.as_deref_mut(), &mut all.wrong) {
            let heard = words(&transcribe(whisper, &speech.samples, SAMPLE_RATE, Some(language))?.text);
            let edits = edits(&said, &heard);
            if edits > 0 {
                tracing::info!("{}: \"{sentence}\" was heard as \"{}\"", settings.model, heard.join(" "));
            }
            *wrong += edits;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(all)
}

impl Spoken {
    fn rows(mut self, name: &str, language: Language) -> Vec<Row> {
        let (count, words) = (self.sentences, self.words);
        let mut rows = vec![
            Row::new(format!("{name}: 5 s of speech"), self.work / self.sound * 5e3, "ms")
                .at_most(500.0)
                .note(format!("{count} sentences, {:.0} s, {THREADS} threads", self.sound)),
        ];
        let (soft, loud) = (percentile(&mut self.loudness, 0.05), percentile(&mut self.loudness, 0.95));
        rows.push(
            Row::new(format!("{name}: loudness"), percentile(&mut self.loudness, 0.5), "LUFS")
                .note(format!("median; 90 % of the sentences from {soft:.1} to {loud:.1}")),
        );
        let what = format!("{name}: words that Whisper hears wrong");
        rows.push(match self.wrong {
            Some(wrong) => {
                let row = Row::new(what, 100.0 * wrong as f64 / words as f64, "%");
                let row = row.note(format!("{wrong} edits in {words} words, {count} sentences; whisper-base"));
                if language == Language::English { row.at_most(5.0) } else { row }
            }
            None => Row::missing(what, "whisper-base is not installed; `visage models fetch`"),
        });
        let (edges, late) = (self.off.len(), percentile(&mut self.off, 0.95) * 1e3);
        rows.push(
            Row::new(format!("{name}: timeline beside the sound"), percentile(&mut self.off, 0.5) * 1e3, "ms").note(
                format!("median of {edges} edges of speech; 95 % below {late:.0} ms; {} without one", self.missed),
            ),
        );
        rows
    }
}

/// The words of a text as they are compared: small letters, no punctuation; an apostrophe stays.
fn words(text: &str) -> Vec<String> {
    let kept = |letter: char| if letter.is_alphanumeric() || letter == '\'' { letter } else { ' ' };
    let plain: String = text.to_lowercase().replace('’', "'").chars().map(kept).collect();
    plain.split_whitespace().map(str::to_owned).collect()
}

/// How many words must be put in, taken out or changed to get from one text to the other.
fn edits(said: &Vec<String>, heard: &Vec<String>) -> usize {
    // Named, as the compiler would look for more than it can among the types of Bevy.
    strsim::generic_levenshtein::<Vec<String>, Vec<String>, &String, &String>(said, heard)
}

/// Energy is measured every so many samples: 5 ms.
const HOP: usize = SAMPLE_RATE as usize / 200;
/// Sound counts as speech where its energy is above this share of the loudest, amplitude: -36 dB.
const SPEECH: f32 = 0.016;
/// Silence inside speech that is shorter than this is the closure of a stop, hops: 120 ms.
const CLOSURE: usize = 24;
/// An edge of the timeline belongs to one of the sound if it is no further from it than this, seconds.
const NEAR: f64 = 0.25;

struct Edges {
    off: Vec<f64>,
    missed: usize,
}

/// Compares where speech begins and ends: by the sound's energy, and by the timeline.
fn edges(samples: &[f32], timeline: &PhonemeTimeline) -> Edges {
    let energy: Vec<f32> =
        samples.chunks(HOP).map(|hop| (hop.iter().map(|s| s * s).sum::<f32>() / hop.len() as f32).sqrt()).collect();
    let loudest = energy.iter().fold(0.0_f32, |most, e| most.max(*e));
    let voiced = energy.iter().enumerate().filter(|(_, e)| **e > loudest * SPEECH).map(|(hop, _)| hop..hop + 1);
    let sound = joined(voiced, CLOSURE);
    let spans = timeline.0.iter().filter(|span| !span.phoneme.is_empty()).map(|span| span.start / HOP..span.end / HOP);
    let planned = joined(spans, CLOSURE);
    let seconds = |hop: usize| hop as f64 * HOP as f64 / f64::from(SAMPLE_RATE);
    let mut result = Edges { off: Vec::new(), missed: 0 };
    for (of_sound, of_plan) in [(starts(&sound), starts(&planned)), (ends(&sound), ends(&planned))] {
        for edge in of_sound {
            let nearest = of_plan.iter().map(|planned| (seconds(*planned) - seconds(edge)).abs());
            match nearest.min_by(f64::total_cmp).filter(|off| *off <= NEAR) {
                Some(off) => result.off.push(off),
                None => result.missed += 1,
            }
        }
    }
    result
}

fn starts(ranges: &[Range<usize>]) -> Vec<usize> {
    ranges.iter().map(|range| range.start).collect()
}

fn ends(ranges: &[Range<usize>]) -> Vec<usize> {
    ranges.iter().map(|range| range.end).collect()
}

/// Ranges in order, those with a gap below `gap` between them as one.
fn joined(ranges: impl Iterator<Item = Range<usize>>, gap: usize) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match all.last_mut() {
            Some(last) if range.start < last.end + gap => last.end = last.end.max(range.end),
            _ => all.push(range),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use visage_core::PhonemeSpan;

    use super::*;

    #[test]
    fn words_are_compared_without_their_marks() {
        assert_eq!(words("Don’t stop, Mira!"), ["don't", "stop", "mira"]);
        assert_eq!(words("Häuser – schön."), ["häuser", "schön"]);
        let count = |a: &str, b: &str| edits(&words(a), &words(b));
        assert_eq!(count("the old house", "the house"), 1);
        assert_eq!(count("the old house", "The old mouse, too"), 2);
    }

    #[test]
    fn the_timeline_is_compared_with_the_energy() {
        let second = SAMPLE_RATE as usize;
        let tone = |from: f32, to: f32| {
            (0..2 * second).map(move |n| {
                let t = n as f32 / SAMPLE_RATE as f32;
                if (from..to).contains(&t) { (t * 2_000.0).sin() } else { 0.0 }
            })
        };
        let samples: Vec<f32> = tone(0.2, 0.6).zip(tone(1.0, 1.5)).map(|(a, b)| a + b).collect();
        let span = |phoneme: &str, start: f32, end: f32| PhonemeSpan {
            phoneme: phoneme.to_owned(),
            start: (start * SAMPLE_RATE as f32) as usize,
            end: (end * SAMPLE_RATE as f32) as usize,
        };
        let exact = PhonemeTimeline(vec![span("a", 0.2, 0.6), span("", 0.6, 1.0), span("o", 1.0, 1.5)]);
        let found = edges(&samples, &exact);
        assert!(
            found.missed == 0 && found.off.len() == 4 && found.off.iter().all(|off| *off < 0.006),
            "{:?}",
            found.off
        );
        let late = PhonemeTimeline(vec![span("a", 0.25, 0.65), span("o", 1.05, 1.55)]);
        assert!(edges(&samples, &late).off.iter().all(|off| (off - 0.05).abs() < 0.006));
        let half = PhonemeTimeline(vec![span("a", 0.2, 0.6)]);
        assert_eq!(edges(&samples, &half).missed, 2);
    }
}
