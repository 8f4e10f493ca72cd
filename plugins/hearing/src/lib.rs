//! Sound becomes text: voice activity, Whisper and the end of a turn.
//!
//! Microphone sound passes the echo gate and the voice detector in the tick; Whisper runs on a thread of its own in a
//! growing window. docs/avatar/stt.md has the measurements behind the constants.
//!
//! ```no_run
//! use visage_hearing::{Whisper, transcribe};
//! use visage_models::Store;
//!
//! # fn main() -> Result<(), visage_hearing::HearingError> {
//! let mut whisper = Whisper::open(&Store::default(), 2)?;
//! let samples = vec![0.0; 44_100];
//! assert_eq!(transcribe(&mut whisper, &samples, 44_100, None)?.text, "");
//! # Ok(())
//! # }
//! ```

mod decode;
mod ear;
mod echo;
mod error;
mod plugin;
mod quantise;
mod resample;
#[cfg(test)]
mod scenarios;
mod text;
mod transcribe;
mod vad;
mod whisper;
mod worker;

pub use ear::Pauses;
pub use error::HearingError;
pub use plugin::HearingPlugin;
pub use transcribe::{Transcription, transcribe};
pub use whisper::{LONGEST_WINDOW, Tongue, Understood, WHISPER_RATE, Whisper, check_processor};
