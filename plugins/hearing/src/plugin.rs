//! Registers hearing: one system in Ingest that carries sound to the ear, jobs to Whisper's thread, and words back.

use bevy::prelude::*;
use visage_core::{SAMPLES_PER_TICK, WorkerHandle};
use visage_models::Store;
use visage_schedule::{
    ActiveCharacter, Heard, Hearing, IngestSystems, Latencies, MicrophoneSound, Notices, Problem, Sounding,
    VoiceActivity,
};

use crate::{
    ear::{Ear, EarEvent, Pauses},
    worker::{COMMANDS, Command, EVENTS, Event, Recogniser},
};

/// Ticks after the start at which the model is loaded, so that the first frames have the processor for themselves.
const LOAD_AFTER: u32 = 60;
/// Ticks without microphone sound after which an utterance under way hears silence: a browser sends nothing while it
/// sends silence, and a network may delay sound by a few ticks.
const GAP: u32 = 6;

/// Understands what is said into the microphone.
#[derive(Clone, Debug)]
pub struct HearingPlugin {
    /// Threads that Whisper may use. Half of the processor's cores by default, because whisper.cpp's threads wait for
    /// each other by spinning: where another thread needs their core, two are slower than one.
    pub threads: usize,
    /// Where the model lies.
    pub store: Store,
    /// When a turn ends.
    pub pauses: Pauses,
    /// Whether sound is listened to before anybody says so with [`Hearing`].
    pub on: bool,
}

impl Default for HearingPlugin {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { threads: (cores / 2).clamp(1, 4), store: Store::default(), pauses: Pauses::default(), on: true }
    }
}

impl Plugin for HearingPlugin {
    fn build(&self, app: &mut App) {
        let (store, threads) = (self.store.clone(), self.threads);
        let worker = WorkerHandle::spawn("whisper", COMMANDS, EVENTS, move || {
            Ok::<_, std::convert::Infallible>(Recogniser { store, threads, whisper: None })
        });
        app.insert_resource(Listener {
            ear: Ear::new(self.pauses),
            worker,
            on: self.on,
            ticks: 0,
            quiet: 0,
            unavailable: None,
            told: false,
        })
        .add_systems(FixedUpdate, listen.in_set(IngestSystems::Listen));
    }
}

/// Under which what cannot be understood stands among the [`Notices`].
const NAME: &str = "hearing";

/// That nothing can be understood, to a person.
fn cannot(reason: &str) -> String {
    format!("I cannot understand speech: {reason}.")
}

#[derive(Resource)]
struct Listener {
    ear: Ear,
    worker: WorkerHandle<Command, Event>,
    on: bool,
    ticks: u32,
    /// Ticks since the last microphone sound.
    quiet: u32,
    /// Why nothing can be understood.
    unavailable: Option<String>,
    /// Whether somebody was told so since hearing was last switched on.
    told: bool,
}

#[derive(bevy::ecs::system::SystemParam)]
struct Said<'w> {
    voice: MessageWriter<'w, VoiceActivity>,
    heard: MessageWriter<'w, Heard>,
    problem: MessageWriter<'w, Problem>,
    notices: ResMut<'w, Notices>,
    latencies: ResMut<'w, Latencies>,
}

fn listen(
    mut listener: ResMut<Listener>,
    mut sound: MessageReader<MicrophoneSound>,
    mut switches: MessageReader<Hearing>,
    sounding: Res<Sounding>,
    character: Option<Res<ActiveCharacter>>,
    mut said: Said,
) {
    let listener = &mut *listener;
    if let Some(&(language, _)) = character.as_ref().and_then(|character| character.profile.voices.first()) {
        listener.ear.expect(language);
    }
    listener.ear.played(&sounding.block.samples[..]);
    for switch in switches.read() {
        listener.switch(switch.on);
    }
    let mut came = false;
    for MicrophoneSound { samples } in sound.read() {
        if listener.on {
            came = true;
            listener.ear.push(samples);
        }
    }
    listener.mind_the_gap(came);
    listener.exchange(&mut said);
    listener.report(&mut said);
}

impl Listener {
    fn switch(&mut self, on: bool) {
        if on != self.on {
            self.ear.close();
        }
        self.told &= !on;
        self.on = on;
    }

    /// Feeds silence to an utterance under way when the microphone's sound has ceased, and loads the model in time.
    fn mind_the_gap(&mut self, came: bool) {
        self.quiet = if came { 0 } else { self.quiet.saturating_add(1) };
        if self.on && self.quiet > GAP && self.ear.is_hearing() {
            self.ear.push(&[0.0; SAMPLES_PER_TICK]);
        }
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks == LOAD_AFTER {
            // The queue has room: nothing but the ear's one job is ever sent besides.
            let _ = self.worker.try_send(Command::Load);
        }
    }

    /// Answers in, jobs out.
    fn exchange(&mut self, said: &mut Said) {
        while let Some(event) = self.worker.try_recv() {
            match event {
                Event::Ready => {
                    self.unavailable = None;
                    said.notices.set(NAME, Vec::new());
                }
                Event::Unavailable(reason) => {
                    tracing::warn!("nothing can be heard: {reason}");
                    // Whoever comes later learns it from this, without speaking to the deaf first.
                    said.notices.set(NAME, vec![cannot(&reason)]);
                    self.unavailable = Some(reason);
                }
                Event::Understood { id, understood } => self.ear.answer(id, &understood),
                Event::LeftOff { id } => self.ear.left_off(id),
                Event::Failed { id, reason } => {
                    self.ear.fail(id);
                    if self.unavailable.is_none() {
                        tracing::error!("{reason}");
                        said.problem.write(Problem { text: format!("I could not hear that: {reason}.") });
                    }
                }
            }
        }
        if let Some(job) = self.ear.take_job() {
            let id = job.id;
            if self.worker.try_send(Command::Understand(job)).is_err() {
                self.ear.fail(id);
            }
        }
        // Told when it matters: when somebody speaks, or has switched the microphone on.
        if let Some(reason) = self.unavailable.as_ref().filter(|_| !self.told && self.on && self.quiet == 0) {
            said.problem.write(Problem { text: cannot(reason) });
            self.told = true;
        }
    }

    fn report(&mut self, said: &mut Said) {
        for event in self.ear.take_events() {
            match event {
                EarEvent::Voice(speaking) => {
                    said.voice.write(VoiceActivity { speaking });
                }
                EarEvent::Words { text, language, is_final, latency } => {
                    let timed = if is_final { &mut said.latencies.transcription } else { &mut said.latencies.partial };
                    *timed = Some(latency);
                    let latency = is_final.then_some(latency);
                    said.heard.write(Heard { text, language, is_final, latency });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use visage_core::{Language, StopFlag, Worker};
    use visage_schedule::SchedulePlugin;

    use super::*;
    use crate::{ear::Job, whisper::Understood};

    /// A German sentence at 48 kHz, in blocks of a tick, and nothing after it.
    fn sentence() -> Vec<Vec<f32>> {
        let mut reader = hound::WavReader::new(&include_bytes!("../fixtures/eurasien.wav")[..]).expect("the fixture");
        let samples: Vec<f32> = reader
            .samples::<i16>()
            .flat_map(|sample| [f32::from(sample.expect("the fixture")) / 32_768.0; 3])
            .collect();
        samples.chunks(SAMPLES_PER_TICK).map(<[f32]>::to_vec).collect()
    }

    /// Runs an app with hearing: one block of sound a tick, then none, until `done` or a minute has passed.
    fn run(plugin: HearingPlugin, done: impl Fn(&[Heard], &[Problem]) -> bool) -> (Vec<Heard>, Vec<Problem>) {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin, plugin));
        hear(&mut app, done)
    }

    fn hear(app: &mut App, done: impl Fn(&[Heard], &[Problem]) -> bool) -> (Vec<Heard>, Vec<Problem>) {
        fn all<M: Message + Clone>(app: &App) -> Vec<M> {
            let messages = app.world().resource::<Messages<M>>();
            messages.get_cursor().read(messages).cloned().collect()
        }
        app.finish();
        let mut blocks = sentence().into_iter();
        let began = Instant::now();
        loop {
            if let Some(block) = blocks.next() {
                app.world_mut().write_message(MicrophoneSound { samples: block.into() });
            } else {
                // Whisper works in real time, the ticks of this test do not.
                std::thread::sleep(Duration::from_millis(10));
            }
            app.world_mut().run_schedule(FixedUpdate);
            let found = (all::<Heard>(app), all::<Problem>(app));
            if done(&found.0, &found.1) || began.elapsed() > Duration::from_secs(60) {
                return found;
            }
        }
    }

    #[test]
    fn a_microphone_that_falls_silent_ends_the_turn() {
        let (heard, problems) = run(HearingPlugin::default(), |heard, _| heard.iter().any(|words| words.is_final));
        let last = heard.last().expect("words");
        assert_eq!(last.language, Language::German);
        assert!(last.text.contains("Eurasien") && last.latency.is_some(), "{last:?}");
        assert!(problems.is_empty(), "{problems:?}");
    }

    /// Ends in a panic at the first job, and understands the others.
    struct Faulty(u32);
    impl Worker for Faulty {
        type Command = Command;
        type Event = Event;
        fn handle(&mut self, command: Command, emit: &mut dyn FnMut(Event), _stop: &StopFlag) {
            let Command::Understand(Job { id, .. }) = command else { return };
            self.0 += 1;
            assert!(self.0 > 1, "a fault in the engine");
            let understood = Understood {
                text: "Eurasien.".into(),
                language: Language::German,
                german_odds: 9.0,
                no_speech: 0.0,
                confidence: -0.1,
            };
            emit(Event::Understood { id, understood });
        }
        fn if_lost(command: &Command) -> Option<Event> {
            Recogniser::if_lost(command)
        }
    }

    #[test]
    fn a_fault_costs_one_job_and_is_said_in_words() {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin, HearingPlugin::default()));
        let worker = WorkerHandle::spawn("faulty ear", COMMANDS, EVENTS, || Ok::<_, std::io::Error>(Faulty(0)));
        app.world_mut().resource_mut::<Listener>().worker = worker;
        let (_, problems) = hear(&mut app, |_, problems| !problems.is_empty());
        assert!(matches!(&problems[..], [Problem { text }] if text.contains("begins anew")), "{problems:?}");
        let (heard, _) = hear(&mut app, |heard, _| heard.iter().any(|words| words.is_final));
        assert_eq!(heard.last().map(|words| words.text.as_str()), Some("Eurasien."));
    }

    #[test]
    fn a_missing_model_is_said_in_words_once() {
        let store = Store::at(std::env::temp_dir().join("visage-without-models"));
        let plugin = HearingPlugin { store, ..HearingPlugin::default() };
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin, plugin));
        let (heard, problems) = hear(&mut app, |_, problems| !problems.is_empty());
        assert_eq!(app.world().resource::<Notices>().all(), [problems[0].text.clone()]);
        assert!(heard.is_empty());
        assert!(matches!(&problems[..], [problem] if problem.text.contains("visage models fetch")), "{problems:?}");
    }
}
