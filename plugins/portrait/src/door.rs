//! The thread behind the [`RigDoor`]: request handlers ask for rigs here, so that the check of an uploaded picture never
//! delays a change of character, which has a thread of its own.

use std::thread;

use tokio::sync::mpsc;
use visage_core::ThreadAtWork;
use visage_schedule::{RigDoor, RigRequest};

use crate::maker::Maker;

/// Requests that wait for the thread. When it is full, whoever asks is told so at once.
const REQUESTS: usize = 4;

/// Starts the thread. It ends when the last copy of the door is gone.
pub(crate) fn open(mut maker: Maker) -> RigDoor {
    let (door, mut requests) = mpsc::channel::<RigRequest>(REQUESTS);
    let thread = thread::Builder::new().name("portrait door".to_owned()).spawn(move || {
        while let Some(request) = requests.blocking_recv() {
            // Who asked may have gone meanwhile.
            if request.answer.is_closed() {
                continue;
            }
            let _at_work = ThreadAtWork::begin();
            let rig = maker.make(&request.source);
            // If nobody waits any more, the rig is kept for who asks next.
            let _ = request.answer.send(rig);
        }
    });
    if let Err(error) = thread {
        tracing::error!("cannot start the thread that checks pictures: {error}");
    }
    RigDoor(door)
}
