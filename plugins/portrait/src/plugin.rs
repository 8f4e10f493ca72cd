//! Portraits are prepared on a worker thread: [`PreparePortrait`] in, [`PortraitReady`] out.

use std::{collections::VecDeque, path::PathBuf, sync::Arc};

use bevy::prelude::*;
use visage_core::{Rig, StopFlag, Worker, WorkerHandle};
use visage_models::Store;
use visage_schedule::{PortraitReady, PreparePortrait, VisageSystems};

use crate::RigBuilder;

/// Orders that wait for the worker, from the tick to the thread. When it is full the order waits in the plugin's own list
/// and is sent at a later tick.
const ORDERS: usize = 4;
/// Finished portraits on their way back. When it is full the worker waits.
const RESULTS: usize = 4;
/// Orders that wait in the plugin's own list. When it is full the oldest is answered with a failure.
const WAITING: usize = 64;

/// Makes rigs of portraits, off the tick.
#[derive(Clone, Debug, Default)]
pub struct PortraitPlugin {
    /// Where the face networks lie.
    pub store: Store,
}

impl Plugin for PortraitPlugin {
    fn build(&self, app: &mut App) {
        let store = self.store.clone();
        let make = move || Ok::<_, std::convert::Infallible>(Preparer { store, builder: None });
        app.insert_resource(PortraitWorker {
            handle: WorkerHandle::spawn("portrait", ORDERS, RESULTS, make),
            waiting: VecDeque::new(),
        })
        .add_systems(FixedUpdate, (send, receive).chain().in_set(VisageSystems::Ingest));
    }
}

#[derive(Resource)]
struct PortraitWorker {
    handle: WorkerHandle<PathBuf, PortraitReady>,
    waiting: VecDeque<PathBuf>,
}

/// Loads the networks when the first portrait is ordered, and again after a failure: a missing library may have been
/// fetched meanwhile.
struct Preparer {
    store: Store,
    builder: Option<RigBuilder>,
}

impl Preparer {
    fn prepare(&mut self, path: &std::path::Path) -> Result<Rig, crate::PortraitError> {
        let builder = match &mut self.builder {
            Some(builder) => builder,
            empty => empty.insert(RigBuilder::new(&self.store)?),
        };
        builder.build_file(path)
    }
}

impl Worker for Preparer {
    type Command = PathBuf;
    type Event = PortraitReady;

    fn handle(&mut self, path: PathBuf, emit: &mut dyn FnMut(PortraitReady), _stop: &StopFlag) {
        let rig = self.prepare(&path).map(Arc::new).map_err(|error| error.to_string());
        emit(PortraitReady { path, rig });
    }
}

fn send(
    mut orders: MessageReader<PreparePortrait>,
    mut worker: ResMut<PortraitWorker>,
    mut answers: MessageWriter<PortraitReady>,
) {
    for order in orders.read() {
        if worker.waiting.len() == WAITING
            && let Some(path) = worker.waiting.pop_front()
        {
            let rig = Err("too many portraits are waiting to be prepared; try again".to_owned());
            answers.write(PortraitReady { path, rig });
        }
        worker.waiting.push_back(order.path.clone());
    }
    while let Some(path) = worker.waiting.pop_front() {
        if let Err(path) = worker.handle.try_send(path) {
            worker.waiting.push_front(path);
            break;
        }
    }
}

fn receive(worker: Res<PortraitWorker>, mut answers: MessageWriter<PortraitReady>) {
    while let Some(answer) = worker.handle.try_recv() {
        answers.write(answer);
    }
}
