//! Registers the voice: the worker, the queue, and the systems that give each tick its 1,600 samples.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy::{ecs::system::SystemParam, prelude::*};
use visage_core::{Language, Utterance, WorkerHandle};
use visage_models::Store;
use visage_schedule::{
    ActiveCharacter, CancelTurn, Latencies, MediaClock, Notices, Problem, QueueMode, Sounding, Speak, SpokenTurns,
    StopSpeaking, UtteranceStarted, VisageSystems, VoiceSettings,
};

use crate::{
    SpeechQueue, Synthesiser, Variation, cloning_door, default_voice, door,
    queue::Full,
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

/// How long a tick that waits for speech waits at most. A piece takes a second on a slow machine, and some forty where XTTS
/// speaks it, which has to be loaded before; three minutes mean that the engine hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// The queue of speech and the thread that fills it.
#[derive(Resource, Debug)]
pub struct Voice {
    queue: SpeechQueue,
    worker: WorkerHandle<Command, Event>,
    /// The queue's count as the thread sees it.
    epoch: Epoch,
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
        Self { queue: SpeechQueue::default(), worker, epoch, ordered: None, waits }
    }

    fn prepare(&self, voices: Vec<(Language, VoiceSettings)>) {
        // A full queue means that the thread is at work anyway; the voice is then loaded when it first speaks.
        if self.worker.try_send(Command::Prepare(voices)).is_err() {
            tracing::debug!("the voice is busy and is made ready later");
        }
    }

    /// Plays sound that was not made here (a file), as the only piece of its turn; what sounded before ends.
    pub fn play(&mut self, utterance: Arc<Utterance>) {
        self.queue.play(utterance);
        self.ordered = None;
        self.epoch.set(self.queue.epoch());
    }

    /// Whether a turn is being spoken or made.
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Makes everything stale that was ordered so far.
    fn interrupt(&mut self) {
        self.queue.silence();
        self.ordered = None;
        self.epoch.set(self.queue.epoch());
    }

    /// Takes an order; the error says to a person why it is not taken.
    fn order(&mut self, speak: &Speak, settings: VoiceSettings) -> Result<(), &'static str> {
        if self.worker.has_ended() {
            return Err(ENDED);
        }
        let (was_busy, epoch) = (self.is_busy(), self.queue.epoch());
        let order = Order {
            epoch,
            turn: speak.turn,
            text: speak.text.clone(),
            language: speak.language,
            emotion: speak.emotion,
            settings,
            skip: 0,
        };
        let taken = self.queue.order(order, speak.queue);
        // A text that waits for others is not late.
        if self.is_busy() && (!was_busy || speak.queue == QueueMode::Replace && self.queue.epoch() != epoch) {
            self.ordered = Some(Instant::now());
        }
        taken.map_err(|Full| "Too much was asked to be said; say it again when some of it has been said.")
    }

    /// Tells the thread what is wanted now, and what to make next unless it is making something.
    fn feed(&mut self) {
        self.epoch.set(self.queue.epoch());
        if let Some(order) = self.queue.wanted()
            && self.worker.try_send(Command::Speak(order)).is_ok()
        {
            self.queue.given();
        }
    }

    /// Takes one result of the worker in.
    fn take(&mut self, event: Event, told: &mut Told) {
        match event {
            Event::Piece { epoch, index, utterance, took } => {
                let seconds = utterance.seconds();
                if !self.queue.take(epoch, index, utterance) {
                    tracing::trace!("stale speech is dropped");
                } else if seconds > 0.0 {
                    told.latencies.synthesis_factor = Some(took.as_secs_f32() / seconds);
                }
            }
            Event::Finished { epoch } => self.queue.finished(epoch),
            Event::Notice(text) => {
                told.problems.write(Problem { text });
            }
            Event::Standing(texts) => {
                told.notices.set("voice", texts);
            }
            Event::Lost { epoch } => {
                if let Some(epoch) = epoch {
                    self.queue.finished(epoch);
                }
                told.problems.write(Problem { text: LOST.to_owned() });
            }
        }
        self.feed();
    }
}

/// Told when the voice's thread has ended.
const ENDED: &str = "The voice has ended after a fault; start the program again.";

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

/// What has to be loaded for a voice: its model, and a recording that is to be imitated.
type Needed = (Language, String, Option<Arc<[f32]>>);

/// Whose voices were last taken over.
#[derive(Default)]
struct Known {
    id: String,
    needed: Vec<Needed>,
}

/// The voices of a new character, or of one that was edited, count from now on, and they are loaded before they have to
/// speak.
fn take_voices(mut voice: ResMut<Voice>, mut known: Local<Known>, character: Option<Res<ActiveCharacter>>) {
    let Some(character) = character.filter(|character| character.is_changed()) else { return };
    let profile = &character.profile;
    // What is still to be said is said with the new ones, without a stop; if another character has come on stage, also the
    // piece that sounds.
    voice.queue.revoice(|language| voice_for(&profile.voices, language), known.id != profile.id);
    known.id.clone_from(&profile.id);
    let of = |(language, settings): &(Language, VoiceSettings)| -> Needed {
        (*language, settings.model.clone(), settings.reference.clone())
    };
    let needed: Vec<_> = profile.voices.iter().map(of).collect();
    if known.needed != needed {
        voice.prepare(profile.voices.clone());
        known.needed = needed;
    }
}

/// A stop comes before an order of the same tick: interrupting is stopping, then speaking. After that the thread learns
/// what has changed.
fn take_orders(
    mut voice: ResMut<Voice>,
    mut stops: MessageReader<StopSpeaking>,
    mut cancels: MessageReader<CancelTurn>,
    mut orders: MessageReader<Speak>,
    mut problems: MessageWriter<Problem>,
    character: Option<Res<ActiveCharacter>>,
) {
    if stops.read().count() > 0 {
        voice.interrupt();
    }
    for CancelTurn(turn) in cancels.read() {
        voice.queue.cancel(*turn);
    }
    for speak in orders.read() {
        let voices = character.as_ref().map_or(&[][..], |character| &character.profile.voices);
        if let Err(text) = voice.order(speak, voice_for(voices, speak.language)) {
            problems.write(Problem { text: text.to_owned() });
        }
    }
    voice.feed();
}

/// Takes what the worker has made and writes the samples of this tick.
fn play(
    mut voice: ResMut<Voice>,
    (mut sounding, mut turns): (ResMut<Sounding>, ResMut<SpokenTurns>),
    mut started: MessageWriter<UtteranceStarted>,
    mut told: Told,
    clock: Res<MediaClock>,
) {
    while voice.queue.has_room()
        && let Some(event) = voice.worker.try_recv()
    {
        voice.take(event, &mut told);
    }
    while voice.waits && voice.queue.starves() {
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
        if let Some(ordered) = voice.ordered.take() {
            told.latencies.first_sound = Some(ordered.elapsed().as_secs_f32());
        }
        started.write(UtteranceStarted { turn: piece.turn, text: piece.text.clone(), emotion: piece.emotion });
    }
    sounding.block = block.block;
    sounding.utterance = block.utterance;
    sounding.busy = voice.is_busy();
    if let Some(spoken) = voice.queue.turns() {
        turns.0 = spoken;
    }
}

#[cfg(test)]
mod tests;
