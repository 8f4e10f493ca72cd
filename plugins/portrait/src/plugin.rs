//! Portraits are prepared on worker threads: [`PreparePortrait`] in, [`PortraitReady`] out; and beside the tick whatever
//! comes through the [`RigDoor`].

use std::{collections::VecDeque, sync::Arc};

use bevy::prelude::*;
use visage_core::{PortraitSource, StopFlag, Worker, WorkerHandle, give_way};
use visage_models::Store;
use visage_schedule::{PortraitReady, PreparePortrait, VisageSystems};

use crate::{
    door,
    maker::{Maker, shared_cache},
};

/// Orders that wait for the worker, from the tick to the thread. When it is full the order waits in the plugin's own list
/// and is sent at a later tick.
const ORDERS: usize = 4;
/// Finished portraits on their way back. When it is full the worker waits.
const RESULTS: usize = 4;
/// Orders that wait in the plugin's own list. When it is full the oldest is answered with a failure.
const WAITING: usize = 64;
/// Bytes of finished rigs that are kept. The rig of a picture of 1024 pixels has 9.4 MB, of 512 pixels 2.4 MB: a dozen
/// of the largest. When it is full, the one that was not asked for the longest goes.
const KEPT_RIGS: usize = 128 << 20;

/// Makes rigs of portraits, off the tick.
#[derive(Clone, Debug)]
pub struct PortraitPlugin {
    /// Where the face networks lie.
    pub store: Store,
    /// Bytes of finished rigs that are kept.
    pub kept_rigs: usize,
}

impl Default for PortraitPlugin {
    fn default() -> Self {
        Self { store: Store::default(), kept_rigs: KEPT_RIGS }
    }
}

impl Plugin for PortraitPlugin {
    fn build(&self, app: &mut App) {
        let cache = shared_cache(self.kept_rigs);
        let preparer = Preparer(Maker::new(&self.store, cache.clone()));
        app.insert_resource(PortraitWorker {
            handle: WorkerHandle::spawn("portrait", ORDERS, RESULTS, || {
                give_way();
                Ok::<_, std::convert::Infallible>(preparer)
            }),
            waiting: VecDeque::new(),
        })
        .insert_resource(door::open(Maker::new(&self.store, cache)))
        .add_systems(FixedUpdate, (send, receive).chain().in_set(VisageSystems::Ingest));
    }
}

#[derive(Resource)]
struct PortraitWorker {
    handle: WorkerHandle<Arc<PortraitSource>, PortraitReady>,
    waiting: VecDeque<Arc<PortraitSource>>,
}

struct Preparer(Maker);

impl Worker for Preparer {
    type Command = Arc<PortraitSource>;
    type Event = PortraitReady;

    fn handle(&mut self, source: Arc<PortraitSource>, emit: &mut dyn FnMut(PortraitReady), _stop: &StopFlag) {
        let rig = self.0.make(&source).map_err(|error| error.to_string());
        emit(PortraitReady { id: source.id(), rig });
    }
}

fn send(
    mut orders: MessageReader<PreparePortrait>,
    mut worker: ResMut<PortraitWorker>,
    mut answers: MessageWriter<PortraitReady>,
) {
    for order in orders.read() {
        if worker.waiting.len() == WAITING
            && let Some(source) = worker.waiting.pop_front()
        {
            let rig = Err("too many portraits are waiting to be prepared; try again".to_owned());
            answers.write(PortraitReady { id: source.id(), rig });
        }
        worker.waiting.push_back(order.source.clone());
    }
    while let Some(source) = worker.waiting.pop_front() {
        if let Err(source) = worker.handle.try_send(source) {
            worker.waiting.push_front(source);
            break;
        }
    }
}

fn receive(worker: Res<PortraitWorker>, mut answers: MessageWriter<PortraitReady>) {
    while let Some(answer) = worker.handle.try_recv() {
        answers.write(answer);
    }
}
