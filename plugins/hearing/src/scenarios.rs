//! Hearing on real speech with the real model: what is heard, when, and that noise is never words. A missing model fails
//! these tests; set-up fetches it.

use std::{collections::VecDeque, process::Command, sync::Mutex};

use visage_core::Language::{self, English, German};
use visage_models::Store;

use crate::{
    Tongue, Understood, Whisper,
    ear::{Ear, EarEvent, Pauses},
    text::{plain, words_of},
    transcribe::transcribe,
    vad::noise,
};

/// Samples of a tick at 48 kHz.
const TICK: usize = 1_600;

/// One model for all tests: it is large, and two at a time fight for the processor.
static WHISPER: Mutex<Option<Whisper>> = Mutex::new(None);

fn with_whisper<T>(work: impl FnOnce(&mut Whisper) -> T) -> T {
    let mut guard = WHISPER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let whisper = guard.get_or_insert_with(|| {
        Whisper::open(&Store::default(), 1).expect("the model is there: `visage models fetch whisper-base`")
    });
    work(whisper)
}

/// Mono samples and their rate.
type Sound = (Vec<f32>, u32);

fn wav(reader: impl std::io::Read) -> Sound {
    let mut reader = hound::WavReader::new(reader).expect("a WAV file");
    let rate = reader.spec().sample_rate;
    // espeak-ng writes to a pipe and so does not know the length it promises in the header.
    let samples = reader.samples::<i16>().map_while(Result::ok).map(|sample| f32::from(sample) / 32_768.0).collect();
    (samples, rate)
}

fn eurasien() -> Sound {
    wav(&include_bytes!("../fixtures/eurasien.wav")[..])
}

fn espeak(voice: &str, text: &str) -> Sound {
    let made = Command::new("espeak-ng").args(["-v", voice, "-s", "150", "--stdout", text]).output();
    wav(&made.expect("espeak-ng is installed by set-up").stdout[..])
}

/// As a microphone gives it: 48 kHz, with `before` and `after` seconds of a quiet room.
fn microphone((samples, rate): Sound, before: f32, after: f32) -> Vec<f32> {
    let seconds = samples.len() as f32 / rate as f32;
    let room = noise(((before + seconds + after) * 48_000.0) as usize);
    let first = (before * 48_000.0) as usize;
    room.iter()
        .enumerate()
        .map(|(index, hiss)| {
            let place = index.saturating_sub(first) as f32 * rate as f32 / 48_000.0;
            let (whole, part) = (place as usize, place.fract());
            let at = |n: usize| samples.get(n).copied().unwrap_or(0.0);
            let speech = if index < first { 0.0 } else { at(whole) * (1.0 - part) + at(whole + 1) * part };
            speech + hiss * 0.002
        })
        .collect()
}

/// Lets the ear hear `sound` while `played` sounds, tick by tick; each of Whisper's answers comes `late` ticks after its
/// job. Gives what was said and at which second.
fn hear(sound: &[f32], played: &[f32], late: usize) -> Vec<(f32, EarEvent)> {
    let mut ear = Ear::new(Pauses::default());
    let mut answers: VecDeque<(usize, u64, Understood)> = VecDeque::new();
    let mut said = Vec::new();
    for (tick, block) in sound.chunks(TICK).enumerate() {
        ear.played(played.get(tick * TICK..).map_or(&[], |rest| &rest[..rest.len().min(TICK)]));
        ear.push(block);
        if answers.front().is_some_and(|(due, ..)| *due <= tick)
            && let Some((_, id, understood)) = answers.pop_front()
        {
            ear.answer(id, &understood);
        }
        if let Some(job) = ear.take_job() {
            let understood = with_whisper(|whisper| whisper.understand(&job.samples, job.tongue, &job.before))
                .expect("Whisper works");
            answers.push_back((tick + late, job.id, understood));
        }
        said.extend(ear.take_events().into_iter().map(|event| (tick as f32 / 30.0, event)));
    }
    said
}

fn finals(said: &[(f32, EarEvent)]) -> Vec<(String, Language, f32)> {
    said.iter()
        .filter_map(|(_, event)| match event {
            EarEvent::Words { text, language, is_final: true, latency } => Some((plain(text), *language, *latency)),
            _ => None,
        })
        .collect()
}

/// How many words must change to make one text of the other, by words of `expected`.
fn word_errors(expected: &str, found: &str) -> usize {
    let (expected, found) = (plain(expected), plain(found));
    let found: Vec<&str> = found.split(' ').collect();
    let mut row: Vec<usize> = (0..=found.len()).collect();
    for (index, word) in expected.split(' ').enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for column in 1..row.len() {
            let substituted = diagonal + usize::from(found[column - 1] != word);
            diagonal = row[column];
            row[column] = substituted.min(row[column] + 1).min(row[column - 1] + 1);
        }
    }
    row[found.len()]
}

#[test]
fn a_german_sentence_is_heard_while_it_is_spoken() {
    let said = hear(&microphone(eurasien(), 1.0, 2.0), &[], 10);
    let expected = "Europa und Asien zusammengenommen wird auch als Eurasien bezeichnet";
    assert_eq!(finals(&said).len(), 1, "{said:?}");
    let (text, language, latency) = &finals(&said)[0];
    assert!(word_errors(expected, text) == 0 && *language == German, "{text} {language}");
    // The final run begins at the pause, or when the partial run of that moment is over.
    assert!((0.45..0.75).contains(latency), "{latency}");
    let begun = said.iter().find(|(_, event)| *event == EarEvent::Voice(true)).map(|(at, _)| *at);
    assert!(begun.is_some_and(|at| (1.0..1.25).contains(&at)), "{said:?}");
    let partial = said.iter().find(|(_, event)| matches!(event, EarEvent::Words { is_final: false, .. }));
    assert!(partial.is_some_and(|(at, _)| *at < 3.0), "{said:?}");
    assert_eq!(said.iter().filter(|(_, event)| *event == EarEvent::Voice(false)).count(), 1, "{said:?}");
}

#[test]
fn two_people_take_turns_in_their_languages() {
    let mut sound = microphone(espeak("en-us", "Good morning, can you tell me what time it is?"), 0.5, 1.5);
    sound.extend(microphone(eurasien(), 0.5, 1.5));
    sound.extend(microphone(espeak("en-us", "Thank you very much for your help today."), 0.5, 1.5));
    let said = hear(&sound, &[], 8);
    let turns = finals(&said);
    let languages: Vec<_> = turns.iter().map(|(_, language, _)| *language).collect();
    assert_eq!(languages, [English, German, English], "{turns:?}");
    assert!(word_errors("good morning can you tell me what time it is", &turns[0].0) <= 1, "{turns:?}");
    assert!(word_errors("thank you very much for your help today", &turns[2].0) <= 1, "{turns:?}");
}

#[test]
fn silence_and_noise_are_never_words() {
    let rate = 48_000.0;
    let cases: [(&str, Vec<f32>); 5] = [
        ("silence", vec![0.0; 10 * 48_000]),
        ("hiss", noise(10 * 48_000).iter().map(|sample| sample * 0.02).collect()),
        ("loud noise", noise(10 * 48_000).iter().map(|sample| sample * 0.4).collect()),
        ("hum", (0..10 * 48_000).map(|n| 0.3 * (std::f32::consts::TAU * 50.0 * n as f32 / rate).sin()).collect()),
        // Knocking on the table: bursts of noise that die away, three a second.
        (
            "knocks",
            noise(10 * 48_000)
                .iter()
                .enumerate()
                .map(|(n, sample)| sample * 0.8 * (-((n % 16_000) as f32) / 600.0).exp())
                .collect(),
        ),
    ];
    for (name, sound) in cases {
        assert_eq!(finals(&hear(&sound, &[], 8)), [], "{name}");
    }
}

/// Without the voice detector: what Whisper makes of noise must not pass for words.
#[test]
fn whispers_inventions_are_thrown_away() {
    for size in [0.0, 0.003, 0.05, 0.4] {
        let sound: Vec<f32> = noise(3 * 16_000).iter().map(|sample| sample * size).collect();
        let understood =
            with_whisper(|whisper| whisper.understand(&sound, Tongue::Either(None), "")).expect("Whisper works");
        assert_eq!(words_of(&understood, 0.1), "", "noise of size {size}: {understood:?}");
    }
}

#[test]
fn the_characters_own_voice_is_not_heard() {
    let played = microphone(
        espeak("en-us", "I am talking about the weather of next week, and about many other things."),
        0.3,
        1.5,
    );
    let heard: Vec<f32> = std::iter::repeat_n(0.0, 9_600).chain(played.iter().map(|sample| sample * 0.3)).collect();
    assert_eq!(finals(&hear(&heard, &played, 8)), []);
    let barge_in = microphone(espeak("en-us", "Please stop talking now."), 2.5, 2.0);
    let both: Vec<f32> = heard.iter().map(|echo| echo * 0.1).zip(&barge_in).map(|(a, b)| a + b).collect();
    let said = hear(&both, &played, 8);
    let begun = said.iter().find(|(_, event)| *event == EarEvent::Voice(true)).map(|(at, _)| *at);
    assert!(begun.is_some_and(|at| (2.5..3.2).contains(&at)), "{said:?}");
}

#[test]
fn a_long_recording_is_written_down_wholly() {
    let sentences = [
        "The old lighthouse stands on a rock at the end of the harbour.",
        "Every evening the keeper climbs the stairs and lights the lamp.",
        "The ships that pass in the night can see it from far away.",
        "In winter the waves are higher than the house of the keeper.",
        "But he has never been afraid of the sea and the storm.",
        "When the morning comes he goes to sleep and dreams of the sun.",
        "His daughter brings him bread and fresh fish on Sunday.",
    ];
    let text = sentences.join(" ");
    let sound = espeak("en-us", &text);
    let seconds = sound.0.len() as f32 / sound.1 as f32;
    assert!(seconds > 24.5, "longer than a window: {seconds}");
    let written = with_whisper(|whisper| transcribe(whisper, &sound.0, sound.1, None)).expect("Whisper works");
    let words = plain(&text).split(' ').count();
    assert!(word_errors(&text, &written.text) <= words / 8, "{written:?}");
    assert!(written.language == English && (written.seconds - seconds).abs() < 0.01);
}

#[test]
fn a_pause_settles_what_was_said_before() {
    let text = "The old lighthouse stands on a rock at the end of the harbour. Every evening, the keeper climbs the \
                stairs, and lights the lamp. The ships that pass in the night, can see it from far away.";
    let said = hear(&microphone(espeak("en-us", text), 0.5, 1.5), &[], 10);
    let heard = finals(&said).into_iter().map(|(text, ..)| text).collect::<Vec<_>>().join(" ");
    assert!(word_errors(text, &heard) <= 6, "{heard}");
}

#[test]
fn recordings_without_speech_have_no_text() {
    for samples in [Vec::new(), vec![0.0; 100], vec![f32::NAN; 40_000], noise(80_000)] {
        let written = with_whisper(|whisper| transcribe(whisper, &samples, 16_000, None)).expect("Whisper works");
        assert_eq!(written.text, "");
    }
}
