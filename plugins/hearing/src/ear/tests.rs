//! The ear on human speech with made-up answers: windows, jobs and ends of turns.

use super::*;

/// Human speech at 48 kHz without its quiet beginning and end.
fn speech() -> Vec<f32> {
    let mut reader = hound::WavReader::new(&include_bytes!("../../fixtures/eurasien.wav")[..]).expect("the fixture");
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|sample| f32::from(sample.expect("the fixture")) / 32_768.0).collect();
    let loud = |sample: &f32| sample.abs() > 0.05;
    let first = samples.iter().position(loud).expect("somebody speaks");
    let last = samples.iter().rposition(loud).expect("somebody speaks");
    samples[first..last].iter().flat_map(|&sample| [sample; 3]).collect()
}

fn understood(text: &str) -> Understood {
    Understood { text: text.into(), language: Language::German, german_odds: 5.0, no_speech: 0.0, confidence: -0.1 }
}

/// Lets the ear hear `sound`; each job is answered `late` ticks later with "w<length of the job in tenths of seconds>".
/// Gives the jobs' lengths in seconds and the events.
fn hear(ear: &mut Ear, sound: &[f32], late: u32) -> (Vec<f32>, Vec<EarEvent>) {
    let (mut lengths, mut events) = (Vec::new(), Vec::new());
    let mut waiting: Option<(u32, u64, String)> = None;
    for block in sound.chunks(1_600) {
        ear.push(block);
        if let Some((ticks, id, text)) = waiting.take() {
            if ticks == 0 { ear.answer(id, &understood(&text)) } else { waiting = Some((ticks - 1, id, text)) }
        }
        if let Some(job) = ear.take_job() {
            let length = job.samples.len() as f32 / WHISPER_RATE as f32;
            lengths.push(length);
            waiting = Some((late, job.id, format!("w{:.0}.", length * 10.0)));
        }
        events.extend(ear.take_events());
    }
    (lengths, events)
}

/// Seconds of sound whose words the one turn of `events` ends with.
fn heard_length(events: &[EarEvent]) -> f32 {
    let finals: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            EarEvent::Words { text, is_final: true, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    // The windows' words follow each other.
    let [text] = finals[..] else { panic!("one turn: {finals:?}") };
    text.split(' ').map(|word| word[1..].trim_end_matches('.').parse::<f32>().unwrap_or(0.0)).sum::<f32>() / 10.0
}

/// The voice goes on after a short pause while a slow machine still works on what was said before it: the words are
/// settled once, and the runs that follow begin after them.
#[test]
fn a_long_window_is_settled_when_its_answer_comes_after_the_pause() {
    let voice = |seconds: f32| speech().into_iter().cycle().take((seconds * 48_000.0) as usize);
    let silence = |seconds: f32| vec![0.0; (seconds * 48_000.0) as usize];
    let sound: Vec<f32> = voice(9.0).chain(silence(0.3)).chain(voice(7.0)).chain(silence(4.0)).collect();
    for late in [2, 14, 26, 38] {
        let (_, events) = hear(&mut Ear::new(Pauses::default()), &sound, late);
        let total = heard_length(&events);
        assert!((15.8..=17.2).contains(&total), "{total} s with answers {late} ticks late");
    }
}

#[test]
fn breathless_speech_is_cut_into_windows() {
    let sound: Vec<f32> = speech().into_iter().cycle().take(50 * 48_000).chain(vec![0.0; 48_000]).collect();
    let (lengths, events) = hear(&mut Ear::new(Pauses::default()), &sound, 2);
    assert!(lengths.iter().all(|&length| length <= 20.1), "{lengths:?}");
    let total = heard_length(&events);
    assert!((49.0..=51.0).contains(&total), "{total} s");
}

/// Somebody (or a radio) speaks without a pause for longer than a turn may be: turns end and begin, no word is lost or said
/// twice, and nothing grows.
#[test]
fn a_turn_without_a_pause_has_a_longest_length() {
    let sound: Vec<f32> = speech().into_iter().cycle().take(100 * 48_000).chain(vec![0.0; 48_000 * 2]).collect();
    let mut ear = Ear::new(Pauses::default());
    let (mut windows, mut finals) = (0, Vec::new());
    // Words come twenty times as fast as anybody speaks, so that the test is short.
    let word = "wort ".repeat(LONGEST_TURN / 5 / 2);
    for block in sound.chunks(1_600) {
        ear.push(block);
        if let Some(job) = ear.take_job() {
            assert!(job.before.len() <= 2 * LONGEST_TURN, "{}", job.before.len());
            ear.answer(job.id, &understood(&word));
        }
        for event in ear.take_events() {
            match event {
                EarEvent::Words { text, is_final: true, .. } => finals.push(text),
                EarEvent::Words { text, .. } => assert!(text.len() <= 3 * LONGEST_TURN),
                EarEvent::Voice(_) => {}
            }
        }
        windows = finals.iter().map(|text: &String| text.split(' ').count()).sum();
    }
    let per_window = LONGEST_TURN / 5 / 2;
    assert!(finals.len() >= 2, "{} turns", finals.len());
    assert!(finals.iter().all(|text| text.len() <= 2 * LONGEST_TURN));
    assert!(windows % per_window == 0 && windows / per_window >= 5, "{windows} words");
}

#[test]
fn partial_runs_are_bounded() {
    let sound: Vec<f32> = speech().into_iter().cycle().take(10 * 48_000).collect();
    let (lengths, _) = hear(&mut Ear::new(Pauses::default()), &sound, 2);
    assert!((6..=17).contains(&lengths.len()), "{lengths:?}");
}

#[test]
fn switching_off_ends_the_turn_with_what_was_said() {
    let mut ear = Ear::new(Pauses::default());
    ear.push(&speech()[..60_000]);
    let partial = ear.take_job().expect("a partial run");
    ear.push(&speech()[60_000..80_000]);
    ear.close();
    ear.answer(partial.id, &understood("Europa und"));
    let job = ear.take_job().expect("a final run");
    ear.answer(job.id, &understood("Europa und Asien."));
    let last = ear.take_events().pop();
    assert!(
        matches!(&last, Some(EarEvent::Words { text, is_final: true, .. }) if text == "Europa und Asien."),
        "{last:?}"
    );
    assert!(!ear.is_hearing());
}

/// A partial run that began long before the voice paused is left off, and the final run takes its place in the same tick;
/// one that covers the voice, and a final one, are waited for.
#[test]
fn a_pause_ends_the_partial_run_under_way() {
    let mut ear = Ear::new(Pauses::default());
    ear.push(&speech()[..60_000]);
    let partial = ear.take_job().expect("a partial run");
    ear.push(&speech()[60_000..80_000]);
    assert!(!partial.stop.is_set());
    ear.push(&[0.0; 20_000]);
    assert!(partial.stop.is_set());
    ear.left_off(partial.id);
    let last = ear.take_job().expect("a final run");
    assert!(last.samples.len() > partial.samples.len() + 5_000, "{} samples", last.samples.len());
    ear.push(&[0.0; 9_600]);
    assert!(!last.stop.is_set() && ear.is_hearing());
    // An answer that was ready before the flag was seen counts as ever.
    ear.answer(partial.id, &understood("Zu spät."));
    ear.answer(last.id, &understood("Europa und Asien."));
    ear.push(&[0.0; 24_000]);
    let words = ear.take_events().into_iter().rev().find_map(|event| match event {
        EarEvent::Words { text, is_final: true, .. } => Some(text),
        _ => None,
    });
    assert_eq!(words.as_deref(), Some("Europa und Asien."));
}

#[test]
fn a_partial_run_that_covers_the_voice_is_waited_for() {
    let (speech, silence) = (speech(), [0.0; 768]);
    // After so many blocks of voice there is silence: when does the first run begin, and is it left off?
    let run = |voice: usize| {
        let mut ear = Ear::new(Pauses::default());
        let mut partial = None;
        for (index, block) in speech.chunks(768).take(voice).chain(std::iter::repeat_n(&silence[..], 63)).enumerate() {
            ear.push(block);
            partial = partial.or_else(|| ear.take_job().map(|job| (index, job)));
        }
        let (index, job) = partial.expect("a partial run");
        (index, job.stop.is_set())
    };
    let (begins, left_off) = run(90);
    assert!(left_off, "most of the voice came later");
    // The detector goes on for eight blocks, of which the run has missed three.
    assert_eq!(run(begins - 4), (begins, false));
}

/// Interrupting waits for nothing but the first `Voice(true)`: it stands for nine ticks, however short the voice.
#[test]
fn a_short_voice_is_one_for_nine_ticks() {
    let mut ear = Ear::new(Pauses::default());
    ear.push(&[0.0; 24_000]);
    let mut ticks = None;
    for block in speech()[..9_600].chunks(1_600).chain(std::iter::repeat_n(&[0.0; 1_600][..], 30)) {
        ear.push(block);
        ticks = ticks.map(|ticks| ticks + 1);
        for event in ear.take_events() {
            match event {
                EarEvent::Voice(true) => ticks = Some(0),
                EarEvent::Voice(false) => {
                    assert!(ticks.is_some_and(|ticks| ticks >= 9), "{ticks:?}");
                    return;
                }
                EarEvent::Words { .. } => {}
            }
        }
    }
    panic!("no voice was noticed, or it never ended: {ticks:?}");
}

#[test]
fn a_failed_job_gives_the_turn_up() {
    let mut ear = Ear::new(Pauses::default());
    ear.push(&speech()[..60_000]);
    let job = ear.take_job().expect("a partial run");
    ear.fail(job.id);
    assert!(!ear.is_hearing());
    assert_eq!(ear.take_events(), [EarEvent::Voice(true), EarEvent::Voice(false)]);
    ear.answer(job.id, &understood("Zu spät."));
    assert_eq!(ear.take_events(), []);
}
