//! Registers the voice: the worker, the queue, and the systems that give each tick its 1,600 samples.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy::{ecs::system::SystemParam, prelude::*};
use visage_core::{Language, Utterance, WorkerHandle};
use visage_models::Store;
use visage_schedule::{
    ActiveCharacter, Latencies, MediaClock, Notices, Problem, Sounding, Speak, StopSpeaking, UtteranceStarted,
    VisageSystems, VoiceSettings,
};

use crate::{
    SpeechQueue, Synthesiser, Variation, cloning_door, default_voice, door,
    progress::Progress,
    text::make_ready,
    voice_for,
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
            .insert_resource(door::open(self.store.clone(), self.threads))
            .insert_resource(cloning_door::open(self.store.clone(), self.threads))
            .add_systems(FixedUpdate, (take_voices, take_orders, play).chain().in_set(VisageSystems::Speak));
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
    /// What is said in this turn, and how far.
    progress: Progress,
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
            make_ready();
            let synthesiser = Synthesiser::new(store, threads, variation);
            Ok::<_, std::convert::Infallible>(VoiceWorker { synthesiser, epoch: worker_epoch, standing: Vec::new() })
        });
        let voice = Self::with(worker, epoch, plugin.wait_for_speech);
        voice.prepare(vec![(Language::English, default_voice(Language::English))]);
        voice
    }

    fn with(worker: WorkerHandle<Command, Event>, epoch: Epoch, waits: bool) -> Self {
        let (queue, progress) = (SpeechQueue::default(), Progress::default());
        Self { queue, worker, epoch, progress, pending: 0, ordered: None, waits }
    }

    fn prepare(&self, voices: Vec<(Language, VoiceSettings)>) {
        // A full queue means that the thread is at work anyway; the voice is then loaded when it first speaks.
        if self.worker.try_send(Command::Prepare(voices)).is_err() {
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
        self.progress.clear();
        self.pending = 0;
        self.ordered = None;
    }

    /// The character's voices have changed: what is still to be said is said with the new ones, without a stop. If
    /// `another` one has come on stage, also the piece that sounds is said again, by the new voice.
    fn change(&mut self, voices: &[(Language, VoiceSettings)], another: bool) -> Result<(), &'static str> {
        let same = |order: &Order| voice_for(voices, order.language) == order.settings;
        if !self.is_busy() || self.progress.orders().iter().all(same) {
            return Ok(());
        }
        self.epoch.advance();
        if another {
            self.queue.silence();
        } else {
            self.queue.drop_waiting();
        }
        let rest = self.progress.rest(another);
        self.progress.revoice(voices);
        self.pending = 0;
        for order in rest {
            let settings = voice_for(voices, order.language);
            self.send(Order { epoch: self.epoch.now(), settings, ..order })?;
        }
        Ok(())
    }

    /// Hands an order to the worker.
    fn send(&mut self, order: Order) -> Result<(), &'static str> {
        match self.worker.try_send(Command::Speak(order)) {
            Ok(()) => {
                self.pending += 1;
                Ok(())
            }
            Err(_) if self.worker.has_ended() => Err("The voice has ended after a fault; start the program again."),
            Err(_) => Err("Too much was asked to be said at once; say it again in a moment."),
        }
    }

    fn order(&mut self, speak: &Speak, settings: VoiceSettings) -> Result<(), &'static str> {
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
            place: self.progress.next_order(),
            skip: 0,
        };
        self.send(order.clone())?;
        self.progress.ordered(order);
        Ok(())
    }

    /// Takes one result of the worker in.
    fn take(&mut self, event: Event, told: &mut Told) {
        match event {
            Event::Piece { epoch, place, utterance, took } if epoch == self.epoch.now() => {
                if utterance.seconds() > 0.0 {
                    told.latencies.synthesis_factor = Some(took.as_secs_f32() / utterance.seconds());
                }
                let sounds = !utterance.samples.is_empty();
                if self.queue.push(utterance) && sounds {
                    self.progress.queued(place);
                }
            }
            Event::Finished { epoch } if epoch == self.epoch.now() => self.pending = self.pending.saturating_sub(1),
            Event::Piece { .. } | Event::Finished { .. } => tracing::trace!("stale speech is dropped"),
            Event::Notice(text) => {
                told.problems.write(Problem { text });
            }
            Event::Standing(texts) => {
                told.notices.set("voice", texts);
            }
            Event::Lost { epoch } => {
                if epoch == Some(self.epoch.now()) {
                    self.pending = self.pending.saturating_sub(1);
                }
                told.problems.write(Problem { text: LOST.to_owned() });
            }
        }
    }
}

/// Told when the voice's thread lost what it was doing.
const LOST: &str =
    "The voice was interrupted by a fault and begins anew; what it was about to say is lost. Say it again.";

/// What is told of the voice.
#[derive(SystemParam)]
struct Told<'w> {
    latencies: ResMut<'w, Latencies>,
    problems: MessageWriter<'w, Problem>,
    notices: ResMut<'w, Notices>,
}

/// Whose voices were last taken over.
#[derive(Default)]
struct Known {
    id: String,
    models: Vec<(Language, String)>,
}

/// The voices of a new character, or of one that was edited, count from now on, and they are loaded before they have to
/// speak.
fn take_voices(
    mut voice: ResMut<Voice>,
    mut known: Local<Known>,
    character: Option<Res<ActiveCharacter>>,
    mut problems: MessageWriter<Problem>,
) {
    let Some(character) = character.filter(|character| character.is_changed()) else { return };
    let profile = &character.profile;
    if let Err(text) = voice.change(&profile.voices, known.id != profile.id) {
        problems.write(Problem { text: text.to_owned() });
    }
    known.id.clone_from(&profile.id);
    let models: Vec<_> =
        profile.voices.iter().map(|(language, settings)| (*language, settings.model.clone())).collect();
    if known.models != models {
        voice.prepare(profile.voices.clone());
        known.models = models;
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
    mut started: MessageWriter<UtteranceStarted>,
    mut told: Told,
    clock: Res<MediaClock>,
) {
    while voice.queue.has_room()
        && let Some(event) = voice.worker.try_recv()
    {
        voice.take(event, &mut told);
    }
    while voice.waits && voice.pending > 0 && voice.queue.samples_left() < visage_core::SAMPLES_PER_TICK {
        match voice.worker.recv_timeout(PATIENCE) {
            Some(event) => voice.take(event, &mut told),
            None => {
                voice.interrupt();
                told.problems.write(Problem { text: "The voice does not answer; nothing more is said.".to_owned() });
            }
        }
    }
    let block = voice.queue.next_block(clock.tick);
    for piece in &block.started {
        voice.progress.started();
        if let Some(ordered) = voice.ordered.take() {
            told.latencies.first_sound = Some(ordered.elapsed().as_secs_f32());
        }
        started.write(UtteranceStarted { turn: piece.turn, text: piece.text.clone(), emotion: piece.emotion });
    }
    sounding.block = block.block;
    sounding.utterance = block.utterance;
    sounding.busy = voice.is_busy();
    if !sounding.busy {
        voice.progress.clear();
    }
}

#[cfg(test)]
mod tests;
