//! The words that every part of Visage shares.
//!
//! Nothing here knows Bevy, files, devices or the network. A feature plugin that wants to tell another one something
//! does it in these types (and in the messages of `visage_schedule`), never by importing its neighbour.
//!
//! ```
//! use visage_core::{Blendshape, FacePose, Tick};
//!
//! let mut pose = FacePose::default();
//! pose[Blendshape::JawOpen] = 0.5;
//! assert_eq!(Tick(30).first_sample(), 48_000);
//! ```

mod audio;
mod clock;
mod emotion;
mod expression;
mod face;
mod folded;
mod frame;
mod language;
mod language_of;
mod markup;
pub mod mesh_topology;
mod portrait;
mod renderer;
mod resample;
mod rig;
mod slot;
mod sound_file;
mod speech;
mod turn;
mod viseme;
mod worker;

pub use audio::{AudioBlock, to_i16};
pub use clock::{RTP_VIDEO_HZ, RTP_VIDEO_UNITS_PER_TICK, SAMPLE_RATE, SAMPLES_PER_TICK, TICK_HZ, TICK_SECONDS, Tick};
pub use emotion::{Emotion, EmotionWeights, UnknownEmotion};
pub use expression::{emotion_face, under_speech, viseme_mouth};
pub use face::{BLENDSHAPES, Blendshape, FacePose, HeadPose};
pub use folded::folded;
pub use frame::Frame;
pub use language::{Language, UnknownLanguage};
pub use language_of::language_of;
pub use markup::{Emphasis, LONGEST_MARKED_PAUSE, MarkupError, Part, Reading, SayAs, Script, Style, plain};
pub use portrait::{Backdrop, FacePoint, PlacedLandmarks, PortraitId, PortraitSource};
pub use renderer::{DrawStill, OpenRenderer, RenderError, Renderer, Rung, Subject};
pub use resample::{StreamResampler, resample};
pub use rig::{Iris, LANDMARKS, MESH_POINTS, MouthColours, Raster, Rig};
pub use slot::{LatestReader, LatestSlot, LatestWriter, latest_slot};
pub use sound_file::{Sound, SoundError, decode_sound, encode_wav};
pub use speech::{LONGEST_TEXT, PhonemeSpan, PhonemeTimeline, Utterance};
pub use turn::{TurnCounter, TurnId};
pub use viseme::{VISEMES, Viseme, VisemeWeights};
pub use worker::{Job, StopFlag, ThreadAtWork, Worker, WorkerHandle, give_way, wait_for_workers, workers_settled};
