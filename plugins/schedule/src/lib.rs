//! The tick and what the plugins say to each other in it.
//!
//! A tick is one run of `FixedUpdate` at 30 Hz, in the order of [`VisageSystems`]. Feature plugins never import each
//! other: one writes a message or resource of this crate, another reads it.
//!
//! ```
//! use bevy::prelude::*;
//! use visage_schedule::{Say, SchedulePlugin, VisageSystems};
//!
//! let mut app = App::new();
//! app.add_plugins((MinimalPlugins, SchedulePlugin));
//! app.add_systems(FixedUpdate, (|mut say: MessageReader<Say>| say.read().count()).pipe(|_: In<usize>| ())
//!     .in_set(VisageSystems::Decide));
//! app.update();
//! ```

mod cloning;
mod diagnostics;
mod doors;
mod messages;
mod plugin;
mod remote;
mod resources;
mod sets;
mod voices;

pub use cloning::{CloneJob, CloneOrder, CloneRefusal, CloneState, CloneVoices, CloningDoor};
pub use diagnostics::{Latencies, StageTimes, TickReport, TickStats, Viewers};
pub use doors::{
    RigDoor, RigError, RigRequest, SpeechDoor, SpeechError, SpeechPiece, SpeechRequest, StillDoor, StillRequest,
};
pub use messages::{
    Activate, CancelTurn, CharacterEdit, EditCharacter, FrameReady, Heard, Hearing, MicrophoneSound, PortraitReady,
    PreparePortrait, Problem, QueueMode, Say, SetEmotion, Speak, Speaker, StopSpeaking, Transcript, TryFace, UserText,
    UtteranceStarted, VoiceActivity,
};
pub use plugin::SchedulePlugin;
pub use remote::{
    CharacterList, CharacterSummary, Orders, RemoteCommand, RemoteEvent, SignalSocket, ViewerDoor, check_length,
};
pub use resources::{
    ActiveCharacter, CharacterProfile, Conversation, CurrentPose, DeviceState, Devices, EmotionPreset, FaceLayers,
    IdleMotion, IntentReply, MediaClock, Mood, Notices, Personality, RendererChoice, RendererState, Renderers,
    Sounding, SpokenTurn, SpokenTurns, StageImage, VoiceSettings, WARP,
};
pub use sets::{AnimateSystems, IngestSystems, VisageSystems};
pub use voices::{ChoiceError, Cloned, ListVoices, VoiceInfo, choose_voice, language_in, languages, voices_named};
