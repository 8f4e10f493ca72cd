//! Registers the voice: the worker, the queue, and the systems that give each tick its 1,600 samples.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy::prelude::*;
use visage_core::{Language, Utterance, WorkerHandle};
use visage_models::Store;
use visage_schedule::{
    ActiveCharacter, Latencies, MediaClock, Problem, Sounding, Speak, StopSpeaking, UtteranceStarted, VisageSystems,
};

use crate::{
    SpeechQueue, Synthesiser, Variation, default_voice, voice_for,
    worker::{COMMANDS, Command, EVENTS, Epoch, Event, Order, VoiceWorker},
};

/// Gives the avatar its voice.
#[derive(Clone, Debug)]
pub struct VoicePlugin {
    /// Where the voices' models are.
    pub store: Store,
    /// Threads that one synthesis uses.
    pub threads: usize,
    /// For rendering to files only: a tick waits until its speech is made, and a text always gives the same samples.
    pub wait_for_speech: bool,
}

impl Default for VoicePlugin {
    fn default() -> Self {
        Self { store: Store::default(), threads: 2, wait_for_speech: false }
    }
}

impl Plugin for VoicePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Voice::start(self))
            .add_systems(FixedUpdate, (make_ready, take_orders, play).chain().in_set(VisageSystems::Speak));
    }
}

/// How long a tick that waits for speech waits at most. A piece takes a second on a slow machine; a minute means that
/// the engine hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The queue of speech and the thread that fills it.
#[derive(Resource, Debug)]
pub struct Voice {
    queue: SpeechQueue,
    worker: WorkerHandle<Command, Event>,
    epoch: Epoch,
    /// Orders that the worker has not finished.
    pending: usize,
    /// When the turn was ordered whose first sound is still to come.
    ordered: Option<Instant>,
    waits: bool,
}

impl Voice {
    fn start(plugin: &VoicePlugin) -> Self {
        let epoch = Epoch::default();
        let variation = if plugin.wait_for_speech { Variation::None } else { Variation::Natural };
        let (store, threads, worker_epoch) = (plugin.store.clone(), plugin.threads, epoch.clone());
        let worker = WorkerHandle::spawn("voice", COMMANDS, EVENTS, move || {
            let synthesiser = Synthesiser::new(store, threads, variation);
            Ok::<_, std::convert::Infallible>(VoiceWorker { synthesiser, epoch: worker_epoch })
        });
        let voice = Self {
            queue: SpeechQueue::default(),
            worker,
            epoch,
            pending: 0,
            ordered: None,
            waits: plugin.wait_for_speech,
        };
        voice.prepare(Language::English, default_voice(Language::English));
        voice
    }

    fn prepare(&self, language: Language, settings: visage_schedule::VoiceSettings) {
        // A full queue means that the thread is at work anyway; the voice is then loaded when it first speaks.
        if self.worker.try_send(Command::Prepare { language, settings }).is_err() {
            tracing::debug!("the voice is busy and is made ready later");
        }
    }

    /// Plays sound that was not made here (a file), as the only piece of its turn; what sounded before ends.
    pub fn play(&mut self, utterance: Arc<Utterance>) {
        self.interrupt();
        self.queue.begin(utterance.turn);
        self.queue.push(utterance);
    }

    /// Whether a turn is being spoken or made.
    pub fn is_busy(&self) -> bool {
        self.pending > 0 || !self.queue.is_empty()
    }

    /// Makes everything stale that was ordered so far.
    fn interrupt(&mut self) {
        self.epoch.advance();
        self.queue.silence();
        self.pending = 0;
        self.ordered = None;
    }

    fn order(&mut self, speak: &Speak, settings: visage_schedule::VoiceSettings) -> Result<(), &'static str> {
        if speak.turn < self.queue.turn() {
            return Ok(());
        }
        if speak.turn > self.queue.turn() {
            self.interrupt();
            self.queue.begin(speak.turn);
            self.ordered = Some(Instant::now());
        }
        let order = Order {
            epoch: self.epoch.now(),
            turn: speak.turn,
            text: speak.text.clone(),
            language: speak.language,
            emotion: speak.emotion,
            settings,
        };
        match self.worker.try_send(Command::Speak(order)) {
            Ok(()) => {
                self.pending += 1;
                Ok(())
            }
            Err(_) => Err("Too much was asked to be said at once; say it again in a moment."),
        }
    }

    /// Takes one result of the worker in.
    fn take(&mut self, event: Event, latencies: &mut Latencies, problems: &mut MessageWriter<Problem>) {
        match event {
            Event::Piece { epoch, utterance, took } if epoch == self.epoch.now() => {
                if utterance.seconds() > 0.0 {
                    latencies.synthesis_factor = Some(took.as_secs_f32() / utterance.seconds());
                }
                self.queue.push(utterance);
            }
            Event::Finished { epoch } if epoch == self.epoch.now() => self.pending = self.pending.saturating_sub(1),
            Event::Piece { .. } | Event::Finished { .. } => tracing::trace!("stale speech is dropped"),
            Event::Notice(text) => {
                problems.write(Problem { text });
            }
        }
    }
}

/// A new character's voice is loaded before it has to speak.
fn make_ready(voice: Res<Voice>, character: Option<Res<ActiveCharacter>>) {
    let Some(character) = character.filter(|character| character.is_changed()) else { return };
    if let Some((language, settings)) = character.profile.voices.first() {
        voice.prepare(*language, settings.clone());
    }
}

/// A stop comes before an order of the same tick: interrupting is stopping, then speaking.
fn take_orders(
    mut voice: ResMut<Voice>,
    mut stops: MessageReader<StopSpeaking>,
    mut orders: MessageReader<Speak>,
    mut problems: MessageWriter<Problem>,
    character: Option<Res<ActiveCharacter>>,
) {
    if stops.read().count() > 0 {
        voice.interrupt();
    }
    for speak in orders.read() {
        let voices = character.as_ref().map_or(&[][..], |character| &character.profile.voices);
        if let Err(text) = voice.order(speak, voice_for(voices, speak.language)) {
            problems.write(Problem { text: text.to_owned() });
        }
    }
}

/// Takes what the worker has made and writes the samples of this tick.
fn play(
    mut voice: ResMut<Voice>,
    mut sounding: ResMut<Sounding>,
    mut latencies: ResMut<Latencies>,
    mut started: MessageWriter<UtteranceStarted>,
    mut problems: MessageWriter<Problem>,
    clock: Res<MediaClock>,
) {
    while voice.queue.has_room()
        && let Some(event) = voice.worker.try_recv()
    {
        voice.take(event, &mut latencies, &mut problems);
    }
    while voice.waits && voice.pending > 0 && voice.queue.samples_left() < visage_core::SAMPLES_PER_TICK {
        match voice.worker.recv_timeout(PATIENCE) {
            Some(event) => voice.take(event, &mut latencies, &mut problems),
            None => {
                voice.interrupt();
                problems.write(Problem { text: "The voice does not answer; nothing more is said.".to_owned() });
            }
        }
    }
    let block = voice.queue.next_block(clock.tick);
    for piece in &block.started {
        if let Some(ordered) = voice.ordered.take() {
            latencies.first_sound = Some(ordered.elapsed().as_secs_f32());
        }
        started.write(UtteranceStarted { turn: piece.turn, text: piece.text.clone(), emotion: piece.emotion });
    }
    sounding.block = block.block;
    sounding.utterance = block.utterance;
    sounding.busy = voice.is_busy();
}

#[cfg(test)]
mod tests {
    use super::*;
    use visage_core::{SAMPLES_PER_TICK, TurnId};
    use visage_schedule::SchedulePlugin;

    use crate::FADE_SAMPLES;

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
            let speak = Speak { turn: TurnId(turn), text: text.into(), language: Language::German, emotion: None };
            self.app.world_mut().write_message(speak);
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
        assert!(
            problems.len() <= 1 && problems.iter().all(|text| text.contains("visage models fetch")),
            "{problems:?}"
        );
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
}
