//! Phoneme timeline or sound becomes visemes and mouth blendshapes.
//!
//! Where the phonemes of an utterance are known, its whole mouth is planned ahead ([`MouthTrack`]): lips set out before
//! the sound and meet in time. Where only sound is known, an [`Analyser`] follows it. Both give
//! (visage_core), which [`mouth_pose`] turns into ARKit blendshapes.
//!
//! ```
//! use visage_core::{Blendshape, PhonemeSpan, PhonemeTimeline};
//! use visage_lipsync::{MouthTrack, mouth_pose};
//!
//! let span = |phoneme: &str, start, end| PhonemeSpan { phoneme: phoneme.into(), start, end };
//! let track = MouthTrack::new(&PhonemeTimeline(vec![span("m", 4_800, 9_600), span("ɑː", 9_600, 19_200)]), &[]);
//! assert!(mouth_pose(&track.visemes(7_000.0))[Blendshape::JawOpen] < 0.05);
//! assert!(mouth_pose(&track.visemes(15_000.0))[Blendshape::JawOpen] > 0.4);
//! ```

mod analysis;
mod loudness;
mod mouth;
mod phonemes;
mod plugin;
mod track;

pub use analysis::Analyser;
pub use mouth::mouth_pose;
pub use phonemes::{Articulation, articulation};
pub use plugin::{FASTEST, LipsyncPlugin};
pub use track::{LEAD, MouthTrack};
