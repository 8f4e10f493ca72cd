//! Registers the local devices: microphone sound comes in at Ingest, the tick's sound goes out at Present.

use std::{sync::Arc, thread};

use bevy::{platform::cell::SyncCell, prelude::*};
use crossbeam_channel::{Receiver, bounded};
use visage_schedule::{Hearing, IngestSystems, MicrophoneSound, Problem, Sounding, VisageSystems};

use crate::{AudioError, Loudspeaker, Microphone};

/// The local microphone and loudspeaker.
pub struct AudioPlugin {
    /// Whether the avatar is heard from the loudspeaker.
    pub loudspeaker: bool,
}

impl Default for AudioPlugin {
    fn default() -> Self {
        Self { loudspeaker: true }
    }
}

/// Opening a device takes its time, so it is done on a thread of its own; capacity one, for the one device.
type Opening<D> = Receiver<Result<D, AudioError>>;

/// What is known of the local devices; for the window.
#[derive(Resource, Default)]
pub struct Devices {
    /// Whether the microphone is open.
    pub microphone: bool,
    /// Whether the loudspeaker is open.
    pub loudspeaker: bool,
    /// Samples that the loudspeaker did not take.
    pub lost: u64,
}

/// The devices themselves; dropping one closes it. Their rings have one user each, hence the cells.
#[derive(Resource, Default)]
struct Open {
    microphone: Option<SyncCell<Microphone>>,
    loudspeaker: Option<SyncCell<Loudspeaker>>,
    opening_microphone: Option<Opening<Microphone>>,
    opening_loudspeaker: Option<Opening<Loudspeaker>>,
}

impl Plugin for AudioPlugin {
    fn build(&self, app: &mut App) {
        let mut open = Open::default();
        if self.loudspeaker {
            open.opening_loudspeaker = Some(open_on_thread("open loudspeaker", Loudspeaker::open));
        }
        app.insert_resource(open)
            .init_resource::<Devices>()
            .add_systems(FixedUpdate, (switch, take_opened, record).chain().in_set(IngestSystems::Receive))
            .add_systems(FixedUpdate, play.in_set(VisageSystems::Present));
    }
}

fn open_on_thread<D: Send + 'static>(name: &str, open: fn() -> Result<D, AudioError>) -> Opening<D> {
    let (sender, receiver) = bounded(1);
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
        // The receiver is gone when the app has ended in the meantime; then the device is closed again at once.
        if sender.send(open()).is_err() {
            tracing::debug!("nobody waits for the device any more");
        }
    });
    if let Err(error) = spawned {
        tracing::error!("cannot start a thread: {error}");
    }
    receiver
}

/// The microphone is open exactly while somebody wants to be heard.
fn switch(mut orders: MessageReader<Hearing>, mut open: ResMut<Open>, mut devices: ResMut<Devices>) {
    let Some(order) = orders.read().last() else { return };
    if !order.on {
        open.microphone = None;
        open.opening_microphone = None;
        devices.microphone = false;
    } else if open.microphone.is_none() && open.opening_microphone.is_none() {
        open.opening_microphone = Some(open_on_thread("open microphone", Microphone::open));
    }
}

fn take_opened(mut open: ResMut<Open>, mut devices: ResMut<Devices>, mut problems: MessageWriter<Problem>) {
    if let Some(result) = open.opening_microphone.as_ref().and_then(|opening| opening.try_recv().ok()) {
        open.opening_microphone = None;
        open.microphone =
            result.map(SyncCell::new).map_err(|error| problems.write(Problem { text: error.to_string() })).ok();
        devices.microphone = open.microphone.is_some();
    }
    if let Some(result) = open.opening_loudspeaker.as_ref().and_then(|opening| opening.try_recv().ok()) {
        open.opening_loudspeaker = None;
        open.loudspeaker =
            result.map(SyncCell::new).map_err(|error| problems.write(Problem { text: error.to_string() })).ok();
        devices.loudspeaker = open.loudspeaker.is_some();
    }
}

fn record(mut open: ResMut<Open>, mut sound: MessageWriter<MicrophoneSound>) {
    let Some(microphone) = &mut open.microphone else { return };
    let mut samples = Vec::new();
    microphone.get().read(&mut samples);
    if !samples.is_empty() {
        sound.write(MicrophoneSound { samples: Arc::from(samples) });
    }
}

fn play(mut open: ResMut<Open>, mut devices: ResMut<Devices>, sounding: Res<Sounding>) {
    if let Some(loudspeaker) = &mut open.loudspeaker {
        devices.lost += loudspeaker.get().write(&sounding.block.samples[..]) as u64;
    }
}

#[cfg(test)]
mod tests {
    use visage_schedule::SchedulePlugin;

    use super::*;

    /// A machine without a sound card tells the person so, and the tick goes on.
    #[test]
    fn a_device_that_cannot_be_opened_is_a_problem_in_words() {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin, AudioPlugin { loudspeaker: false }));
        let (sender, receiver) = bounded(1);
        sender.send(Err(AudioError::Missing("loudspeaker"))).expect("there is room for one");
        app.world_mut().resource_mut::<Open>().opening_loudspeaker = Some(receiver);
        app.world_mut().run_schedule(FixedUpdate);
        let problems: Vec<_> = app.world_mut().resource_mut::<Messages<Problem>>().drain().collect();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].text.starts_with("no loudspeaker found"), "{}", problems[0].text);
        assert!(!app.world().resource::<Devices>().loudspeaker);
    }
}
