//! Registers the local devices: microphone sound comes in at Ingest, the tick's sound goes out at Present.

use std::{sync::Arc, thread};

use bevy::{platform::cell::SyncCell, prelude::*};
use crossbeam_channel::bounded;
use visage_schedule::{
    DeviceState, Devices, Hearing, IngestSystems, MicrophoneSound, Problem, Sounding, VisageSystems,
};

use crate::{
    AudioError, Loudspeaker, Microphone,
    device::{LOUDSPEAKER, MICROPHONE},
    keeper::{Device, Keeper, Opening},
};

/// The local microphone and loudspeaker. Inserts [`Devices`].
pub struct AudioPlugin {
    /// Whether the avatar is heard from the loudspeaker.
    pub loudspeaker: bool,
}

impl Default for AudioPlugin {
    fn default() -> Self {
        Self { loudspeaker: true }
    }
}

/// The devices themselves; dropping one closes it. Their rings have one user each, hence the cells.
#[derive(Resource)]
struct Local {
    microphone: Keeper<SyncCell<Microphone>>,
    loudspeaker: Keeper<SyncCell<Loudspeaker>>,
}

impl<D: Device> Device for SyncCell<D> {
    fn is_lost(&mut self) -> bool {
        self.get().is_lost()
    }
}

impl Plugin for AudioPlugin {
    fn build(&self, app: &mut App) {
        let mut local = Local { microphone: Keeper::new(MICROPHONE), loudspeaker: Keeper::new(LOUDSPEAKER) };
        local.loudspeaker.want(self.loudspeaker);
        app.insert_resource(local)
            .init_resource::<Devices>()
            .add_systems(FixedUpdate, (switch, keep, record).chain().in_set(IngestSystems::Receive))
            .add_systems(FixedUpdate, play.in_set(VisageSystems::Present));
    }
}

/// Opening a device takes its time, so it is done on a thread of its own.
fn open_on_thread<D: Send + 'static>(name: &str, open: fn() -> Result<D, AudioError>) -> Opening<SyncCell<D>> {
    let (sender, receiver) = bounded(1);
    let spawned = thread::Builder::new().name(format!("open {name}")).spawn(move || {
        // The receiver is gone when it is not wanted any more; then the device is closed again at once.
        if sender.send(open().map(SyncCell::new)).is_err() {
            tracing::debug!("nobody waits for the device any more");
        }
    });
    if let Err(error) = spawned {
        tracing::error!("cannot start a thread: {error}");
    }
    receiver
}

/// The microphone is open exactly while somebody wants to be heard.
fn switch(mut orders: MessageReader<Hearing>, mut local: ResMut<Local>) {
    if let Some(order) = orders.read().last() {
        local.microphone.want(order.on);
    }
}

fn keep(mut local: ResMut<Local>, mut devices: ResMut<Devices>, mut problems: MessageWriter<Problem>) {
    let told = [
        local.microphone.step(|| open_on_thread(MICROPHONE, Microphone::open)),
        local.loudspeaker.step(|| open_on_thread(LOUDSPEAKER, Loudspeaker::open)),
    ];
    problems.write_batch(told.into_iter().flatten().map(|text| Problem { text: sentence(&text) }));
    let now =
        Devices { microphone: state(&local.microphone), loudspeaker: state(&local.loudspeaker), lost: devices.lost };
    devices.set_if_neq(now);
}

fn state<D: Device>(keeper: &Keeper<D>) -> DeviceState {
    let trouble = keeper.trouble().map(sentence);
    DeviceState { wanted: keeper.is_wanted(), open: keeper.is_open(), trouble }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).collect::<String>().trim_end_matches('.').to_owned() + "."
}

fn record(mut local: ResMut<Local>, mut sound: MessageWriter<MicrophoneSound>) {
    let Some(microphone) = local.microphone.device() else { return };
    let mut samples = Vec::new();
    microphone.get().read(&mut samples);
    if !samples.is_empty() {
        sound.write(MicrophoneSound { samples: Arc::from(samples) });
    }
}

fn play(mut local: ResMut<Local>, mut devices: ResMut<Devices>, sounding: Res<Sounding>) {
    let Some(loudspeaker) = local.loudspeaker.device() else { return };
    let lost = loudspeaker.get().write(&sounding.block.samples[..]) as u64;
    if lost > 0 {
        devices.lost += lost;
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
        let mut loudspeaker = Keeper::new(LOUDSPEAKER);
        loudspeaker.want(true);
        // The system that opens devices is given one that is not there.
        let (sender, receiver) = bounded(1);
        sender.send(Err(AudioError::Missing(LOUDSPEAKER))).expect("there is room for one");
        assert_eq!(loudspeaker.step(|| receiver), None);
        app.world_mut().resource_mut::<Local>().loudspeaker = loudspeaker;
        app.world_mut().run_schedule(FixedUpdate);
        let problems: Vec<_> = app.world_mut().resource_mut::<Messages<Problem>>().drain().collect();
        assert!(matches!(&problems[..], [problem] if problem.text.starts_with("No loudspeaker found")), "{problems:?}");
        let devices = app.world().resource::<Devices>();
        let expected = DeviceState { wanted: true, open: false, trouble: Some(problems[0].text.clone()) };
        assert_eq!((&devices.loudspeaker, &devices.microphone), (&expected, &DeviceState::default()));
    }

    #[test]
    fn the_buttons_state_follows_the_order() {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin, AudioPlugin { loudspeaker: false }));
        for on in [true, false] {
            app.world_mut().write_message(Hearing { on });
            app.world_mut().run_schedule(FixedUpdate);
            assert_eq!(app.world().resource::<Devices>().microphone.wanted, on);
        }
    }
}
