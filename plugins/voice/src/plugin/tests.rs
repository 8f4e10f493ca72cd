//! The voice in an app stepped by hand, speaking with espeak-ng or with workers that fail.

use super::*;
use visage_core::{Emotion, SAMPLES_PER_TICK, StopFlag, TurnId, Worker};
use visage_schedule::{CharacterProfile, SchedulePlugin};

use crate::{FADE_SAMPLES, LONGEST_AGENDA};

/// What one tick said and did.
#[derive(Debug, PartialEq)]
struct Heard {
    samples: Vec<f32>,
    piece: Option<(String, isize)>,
    busy: bool,
}

/// An app that speaks with espeak-ng (its folder of models is empty) and waits for its speech.
struct Stage {
    app: App,
    _models: tempfile::TempDir,
}

impl Stage {
    fn new(wait_for_speech: bool) -> Self {
        let models = tempfile::tempdir().expect("a temporary folder");
        let mut app = App::new();
        let plugin = VoicePlugin { store: Store::at(models.path()), threads: 1, wait_for_speech };
        app.add_plugins((SchedulePlugin, plugin));
        Self { app, _models: models }
    }

    fn speak(&mut self, turn: u64, text: &str) {
        self.queue(turn, text, QueueMode::Replace);
    }

    fn queue(&mut self, turn: u64, text: &str, queue: QueueMode) {
        let (turn, language) = (TurnId(turn), Language::German);
        self.app.world_mut().write_message(Speak { turn, queue, text: text.into(), language, emotion: None });
    }

    /// The turns that are told to be said and to wait.
    fn turns(&self) -> Vec<u64> {
        self.app.world().resource::<SpokenTurns>().0.iter().map(|spoken| spoken.turn.0).collect()
    }

    fn tick(&mut self) -> Heard {
        self.app.world_mut().run_schedule(FixedUpdate);
        let sounding = self.app.world().resource::<Sounding>();
        Heard {
            samples: sounding.block.samples.to_vec(),
            piece: sounding.utterance.as_ref().map(|(piece, at)| (piece.text.clone(), *at)),
            busy: sounding.busy,
        }
    }

    fn until_quiet(&mut self) -> Vec<Heard> {
        let mut heard = vec![self.tick()];
        while heard.last().is_some_and(|heard| heard.busy) {
            assert!(heard.len() < 3_000, "it speaks for more than a hundred seconds");
            heard.push(self.tick());
        }
        heard
    }

    fn started(&mut self) -> Vec<String> {
        let mut messages = self.app.world_mut().resource_mut::<Messages<UtteranceStarted>>();
        messages.drain().map(|started| started.text).collect()
    }
}

const TEXT: &str = "Guten Tag. Ich heiße Mira, und wie heißt du?";

#[test]
fn a_turn_is_heard_whole_and_the_same_each_time() {
    let run = || {
        let mut stage = Stage::new(true);
        stage.speak(1, TEXT);
        let heard = stage.until_quiet();
        assert_eq!(stage.started(), ["Guten Tag.", "Ich heiße Mira, und wie heißt du?"]);
        let latencies = *stage.app.world().resource::<Latencies>();
        assert!(latencies.first_sound.is_some() && latencies.synthesis_factor.is_some());
        heard
    };
    let heard = run();
    assert!(heard[0].busy && heard[0].piece == Some(("Guten Tag.".into(), 0)), "a tick waits for its speech");
    assert!(heard.len() > 45, "one and a half seconds at least");
    // Positions count on by a tick's samples within a piece, and the second piece follows without a gap.
    for pair in heard.windows(2) {
        match (&pair[0].piece, &pair[1].piece) {
            (Some((one, at)), Some((other, next))) if one == other => {
                assert_eq!(*next, at + SAMPLES_PER_TICK as isize);
            }
            (Some(_), Some((_, next))) => assert!(next.unsigned_abs() <= SAMPLES_PER_TICK),
            (_, after) => assert!(after.is_none(), "speech comes back after silence"),
        }
    }
    assert_eq!(heard, run());
}

#[test]
fn stop_is_silent_within_a_tick() {
    let mut stage = Stage::new(true);
    stage.speak(1, TEXT);
    (0..20).for_each(|_| drop(stage.tick()));
    stage.app.world_mut().write_message(StopSpeaking);
    let stopped = stage.tick();
    assert!(!stopped.busy && stopped.piece.is_none());
    assert!(stopped.samples[FADE_SAMPLES..].iter().all(|sample| *sample == 0.0));
    assert!((0..10).all(|_| stage.tick().samples.iter().all(|sample| *sample == 0.0)));
    // A stop and an order in the same tick: the order is heard.
    stage.app.world_mut().write_message(StopSpeaking);
    stage.speak(2, "Weiter.");
    assert_eq!(stage.tick().piece, Some(("Weiter.".into(), 0)));
}

#[test]
fn a_newer_turn_replaces_an_older_one_and_the_same_turn_goes_on() {
    let mut stage = Stage::new(true);
    stage.speak(2, TEXT);
    stage.tick();
    stage.speak(1, "Zu alt.");
    stage.speak(3, "Neu.");
    stage.speak(3, "Und mehr.");
    let heard = stage.until_quiet();
    assert_eq!(heard[0].piece.as_ref().map(|(text, _)| text.as_str()), Some("Neu."));
    assert_eq!(stage.started(), ["Guten Tag.", "Neu.", "Und mehr."]);
}

#[test]
fn texts_cut_in_and_follow_and_each_piece_knows_its_turn() {
    let mut stage = Stage::new(true);
    stage.speak(1, TEXT);
    stage.queue(2, "Danach.", QueueMode::Append);
    let mut heard = vec![stage.tick()];
    assert_eq!(stage.turns(), [1, 2]);
    stage.queue(3, "Vorsicht!", QueueMode::Next);
    heard.push(stage.tick());
    assert_eq!(stage.turns(), [1, 3, 2]);
    heard.extend(stage.until_quiet());
    let mut messages = stage.app.world_mut().resource_mut::<Messages<UtteranceStarted>>();
    let started: Vec<_> = messages.drain().map(|started| (started.turn.0, started.text)).collect();
    let expected = [(1, "Guten Tag."), (3, "Vorsicht!"), (1, "Ich heiße Mira, und wie heißt du?"), (2, "Danach.")];
    assert_eq!(started, expected.map(|(turn, text)| (turn, text.to_owned())));
    assert!(stage.turns().is_empty());
    // No silence between the sounds is longer than 0.38 s, the end of a sentence, and what is left of the trimmed ends.
    let samples: Vec<f32> = heard.iter().flat_map(|heard| heard.samples.iter().copied()).collect();
    let spoken = samples.iter().rposition(|sample| *sample != 0.0).expect("there is sound");
    let longest = samples[..spoken].split(|sample| *sample != 0.0).map(<[f32]>::len).max();
    assert!(longest.is_some_and(|longest| (16_000..=24_000).contains(&longest)), "{longest:?}");
}

#[test]
fn one_turn_is_taken_back_and_the_others_go_on() {
    let mut stage = Stage::new(true);
    stage.speak(1, TEXT);
    stage.queue(2, "Danach.", QueueMode::Append);
    stage.queue(3, "Zuletzt.", QueueMode::Append);
    (0..10).for_each(|_| drop(stage.tick()));
    // One that waits: what sounds goes on.
    stage.app.world_mut().write_message(CancelTurn(TurnId(2)));
    let after = stage.tick();
    assert_eq!((after.piece.map(|(text, _)| text), stage.turns()), (Some("Guten Tag.".into()), vec![1, 3]));
    // The one that sounds: the next one is heard in this very tick.
    stage.app.world_mut().write_message(CancelTurn(TurnId(1)));
    let after = stage.tick();
    assert_eq!((after.piece, stage.turns()), (Some(("Zuletzt.".into(), 0)), vec![3]));
    stage.until_quiet();
    assert_eq!(stage.started(), ["Guten Tag.", "Zuletzt."]);
}

#[test]
fn a_stop_ends_all_turns_and_too_many_are_refused_in_words() {
    let mut stage = Stage::new(true);
    stage.speak(1, TEXT);
    for turn in 2..LONGEST_AGENDA as u64 + 3 {
        stage.queue(turn, "Weiter.", QueueMode::Append);
    }
    stage.tick();
    let problems: Vec<_> = stage.app.world_mut().resource_mut::<Messages<Problem>>().drain().collect();
    let refused = problems.iter().filter(|problem| problem.text.contains("Too much was asked")).count();
    assert_eq!((refused, stage.turns().len()), (2, LONGEST_AGENDA));
    stage.app.world_mut().write_message(StopSpeaking);
    let stopped = stage.tick();
    assert!(!stopped.busy && stopped.piece.is_none() && stage.turns().is_empty());
    assert!(stopped.samples[FADE_SAMPLES..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn markup_is_heard_and_seen_on_the_face() {
    let mut stage = Stage::new(true);
    stage.speak(1, "[happy] Guten Tag. [pause 2s] [sad] Am 3. Mai ist Schluss.");
    let heard = stage.until_quiet();
    let mut messages = stage.app.world_mut().resource_mut::<Messages<UtteranceStarted>>();
    let started: Vec<_> = messages.drain().map(|started| (started.text, started.emotion)).collect();
    let expected = [("Guten Tag.", Emotion::Happy), ("Am 3. Mai ist Schluss.", Emotion::Sad)];
    assert_eq!(started, expected.map(|(text, emotion)| (text.to_owned(), Some(emotion))));
    // The silence is heard: two seconds, in which the first piece still counts as sounding.
    let silent = |heard: &&Heard| heard.samples.iter().all(|sample| *sample == 0.0) && heard.busy;
    let ticks = heard.iter().filter(silent).count();
    assert!((57..=66).contains(&ticks), "{ticks} silent ticks");
}

#[test]
fn wrong_markup_is_told_and_the_words_are_spoken() {
    let mut stage = Stage::new(true);
    stage.speak(1, "<speak>Guten <b>Tag</b>.</speak>");
    stage.until_quiet();
    assert_eq!(stage.started(), ["Guten Tag."]);
    let problems: Vec<_> = stage.app.world_mut().resource_mut::<Messages<Problem>>().drain().collect();
    // That there is no model is told too.
    let of_the_text: Vec<_> = problems.iter().filter(|problem| !problem.text.contains("visage models fetch")).collect();
    assert!(matches!(of_the_text[..], [Problem { text }] if text.contains("<b> at character 14")), "{problems:?}");
}

#[test]
fn nothing_to_say_ends_the_turn() {
    let mut stage = Stage::new(true);
    stage.speak(1, " 🙂 ");
    assert!(!stage.tick().busy);
}

#[test]
fn a_running_tick_never_waits_and_the_speech_comes() {
    let mut stage = Stage::new(false);
    stage.speak(1, TEXT);
    let patience = Instant::now() + PATIENCE;
    while stage.tick().piece.is_none() {
        assert!(Instant::now() < patience);
        std::thread::sleep(Duration::from_millis(1));
    }
    // The missing model is told once, in words that say what to do.
    let problems: Vec<_> =
        stage.app.world_mut().resource_mut::<Messages<Problem>>().drain().map(|problem| problem.text).collect();
    assert!(problems.len() <= 1 && problems.iter().all(|text| text.contains("visage models fetch")), "{problems:?}");
}

/// A worker that speaks a beep for any text, and ends in a panic at the text "fault".
struct Faulty(Epoch);
impl Worker for Faulty {
    type Command = Command;
    type Event = Event;
    fn handle(&mut self, command: Command, emit: &mut dyn FnMut(Event), _stop: &StopFlag) {
        let Command::Speak(order) = command else { return };
        assert!(order.text != "fault", "a fault in an engine");
        let utterance = Utterance {
            turn: order.turn,
            text: order.text,
            language: order.language,
            emotion: None,
            samples: vec![0.25; 2_000].into(),
            timeline: None,
            last: true,
        };
        let (epoch, utterance) = (self.0.now(), Arc::new(utterance));
        emit(Event::Piece { epoch, index: 0, utterance, took: Duration::ZERO });
        emit(Event::Finished { epoch: order.epoch });
    }
    fn if_lost(command: &Command) -> Option<Event> {
        VoiceWorker::if_lost(command)
    }
}

#[test]
fn a_fault_ends_the_turn_is_told_and_the_next_turn_is_heard() {
    let mut stage = Stage::new(true);
    let epoch = Epoch::default();
    let worker = Faulty(epoch.clone());
    let worker = WorkerHandle::spawn("faulty voice", COMMANDS, EVENTS, || Ok::<_, std::io::Error>(worker));
    stage.app.insert_resource(Voice::with(worker, epoch, true));
    stage.speak(1, "fault");
    let heard = stage.tick();
    assert!(!heard.busy && heard.piece.is_none(), "nobody waits for what will not come");
    let problems: Vec<_> = stage.app.world_mut().resource_mut::<Messages<Problem>>().drain().collect();
    assert!(matches!(&problems[..], [Problem { text }] if text == LOST), "{problems:?}");
    stage.speak(2, "Guten Tag.");
    assert_eq!(stage.tick().piece, Some(("Guten Tag.".into(), 0)));
}

#[test]
fn a_voice_that_stands_in_is_shown_to_whoever_comes_later() {
    let mut stage = Stage::new(true);
    let text = "Good morning.".to_owned();
    let (turn, queue) = (TurnId(1), QueueMode::Replace);
    stage.app.world_mut().write_message(Speak { turn, queue, text, language: Language::English, emotion: None });
    stage.until_quiet();
    let notices = stage.app.world().resource::<Notices>().all();
    assert!(matches!(&notices[..], [notice] if notice.contains("visage models fetch")), "{notices:?}");
}

/// Puts a character on stage whose voice has this speed.
fn cast(stage: &mut Stage, id: &str, speed: f32) {
    let settings = VoiceSettings { model: "espeak-ng".into(), speed, ..default_voice(Language::German) };
    let voices = vec![(Language::German, settings)];
    let profile = CharacterProfile { id: id.into(), voices, ..CharacterProfile::default() };
    let rig = Arc::new(visage_testkit::drawn_rig(16));
    stage.app.insert_resource(ActiveCharacter { profile: Arc::new(profile), rig });
}

/// How often each piece of a turn was heard to begin, and how long each sounded, in ticks. After `at` ticks `change`
/// happens. Nothing clicks.
fn heard_with(at: usize, change: impl FnOnce(&mut Stage)) -> Vec<(String, usize)> {
    let mut stage = Stage::new(true);
    cast(&mut stage, "mira", 1.0);
    stage.speak(1, "Guten Tag. Ich heiße Mira, und wie heißt du? Das ist schön.");
    let mut heard: Vec<Heard> = (0..at).map(|_| stage.tick()).collect();
    change(&mut stage);
    heard.extend(stage.until_quiet());
    let mut pieces: Vec<(String, usize)> = Vec::new();
    let mut last = None;
    for (text, from) in heard.into_iter().filter_map(|heard| heard.piece) {
        if last.is_none_or(|last| from <= last) {
            pieces.push((text, 0));
        }
        last = Some(from);
        if let Some((_, ticks)) = pieces.last_mut() {
            *ticks += 1;
        }
    }
    pieces
}

#[test]
fn a_changed_voice_speaks_from_the_next_piece_on() {
    let texts = |pieces: &[(String, usize)]| pieces.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
    let whole = ["Guten Tag.", "Ich heiße Mira, und wie heißt du?", "Das ist schön."];
    let plain = heard_with(45, |_| {});
    assert_eq!(texts(&plain), whole);
    // In the middle of the second piece: it ends as it began, the third is faster; nothing is left out or said twice.
    let faster = heard_with(45, |stage| cast(stage, "mira", 2.0));
    assert_eq!(texts(&faster), whole);
    assert_eq!(plain[..2], faster[..2]);
    assert!(faster[2].1 < plain[2].1 * 3 / 4, "{plain:?} {faster:?}");
    // A change of something else is no change of the voice.
    assert_eq!(heard_with(45, |stage| cast(stage, "mira", 1.0)), plain);
    // Another character says the piece again.
    let another = heard_with(45, |stage| cast(stage, "theo", 2.0));
    assert_eq!(texts(&another), [whole[0], whole[1], whole[1], whole[2]]);
    assert_eq!(heard_with(45, |stage| cast(stage, "theo", 1.0)), plain, "with the same voice there is no reason to");
}

#[test]
fn sound_from_elsewhere_is_played() {
    let mut stage = Stage::new(true);
    let utterance = Utterance {
        turn: TurnId(5),
        text: "a file".into(),
        language: Language::English,
        emotion: None,
        samples: vec![0.25; 2_000].into(),
        timeline: None,
        last: true,
    };
    stage.app.world_mut().resource_mut::<Voice>().play(Arc::new(utterance));
    let heard = stage.until_quiet();
    assert_eq!(heard.iter().flat_map(|heard| &heard.samples).filter(|sample| **sample == 0.25).count(), 2_000);
}
