//! What a face does beside speaking: the emotion it shows and the small motions that never stop.
//!
//! ```
//! use visage_core::{Blendshape, Emotion};
//! use visage_emotion::Feeling;
//!
//! let mut feeling = Feeling::default();
//! feeling.aim(Emotion::Happy, 1.0);
//! for _ in 0..30 {
//!     feeling.step(&[]);
//! }
//! assert!(feeling.weights()[Emotion::Happy] > 0.95);
//! assert!(feeling.face()[Blendshape::MouthSmileLeft] > 0.5);
//! ```

mod blink;
mod compose;
mod feeling;
mod gaze;
mod idle;
mod plugin;
mod sway;

pub use blink::Blink;
pub use compose::compose;
pub use feeling::Feeling;
pub use gaze::Gaze;
pub use idle::Idle;
pub use plugin::EmotionPlugin;
pub use sway::Sway;
