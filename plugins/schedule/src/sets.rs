//! The order of a tick. All order between crates is configured here and nowhere else.

use bevy::prelude::*;

/// The phases of a tick, in `FixedUpdate`, chained in this order.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VisageSystems {
    /// The media clock moves on. Only `visage_schedule` writes here.
    First,
    /// Results of workers, viewers' events, REST and data-channel commands become messages.
    Ingest,
    /// Turn state, emotion targets, barge-in: reads messages, writes [`Speak`](crate::Speak) and
    /// [`StopSpeaking`](crate::StopSpeaking).
    Decide,
    /// The tick's 1,600 samples are taken: the voice writes [`Sounding`](crate::Sounding).
    Speak,
    /// The face: see [`AnimateSystems`].
    Animate,
    /// The pose goes to the renderer, the sound to the encoders and loudspeakers.
    Present,
    /// The tick is measured and published.
    Last,
}

/// Inside [`VisageSystems::Ingest`].
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IngestSystems {
    /// What comes from people: orders of page, REST and window, sound of microphones.
    Receive,
    /// What that sound says.
    Listen,
}

/// Inside [`VisageSystems::Animate`].
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnimateSystems {
    /// Each source writes its own field of [`FaceLayers`](crate::FaceLayers): lip-sync the mouth, emotion the mood and
    /// the idle motion.
    Layers,
    /// The layers become the one [`CurrentPose`](crate::CurrentPose).
    Compose,
}

pub(crate) fn configure(app: &mut App) {
    use VisageSystems::{Animate, Decide, First, Ingest, Last, Present, Speak};

    app.configure_sets(FixedUpdate, (First, Ingest, Decide, Speak, Animate, Present, Last).chain());
    app.configure_sets(FixedUpdate, (IngestSystems::Receive, IngestSystems::Listen).chain().in_set(Ingest));
    app.configure_sets(FixedUpdate, (AnimateSystems::Layers, AnimateSystems::Compose).chain().in_set(Animate));
}
