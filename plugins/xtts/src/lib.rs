//! XTTS v2 (Casanova et al. 2024, arXiv:2406.04904) on ONNX Runtime: speech in a voice that a short recording is the
//! model for, in English and German.
//!
//! ```no_run
//! use std::{ops::ControlFlow, path::Path};
//!
//! use visage_core::Language;
//! use visage_xtts::Xtts;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let recording: Vec<f32> = unimplemented!();
//! let mut xtts = Xtts::load(Path::new("models/xtts-v2"), 2)?;
//! let voice = xtts.condition(&recording, 48_000)?;
//! let sampling = xtts.sampling();
//! let mut play = |samples: &[f32]| {
//!     // New samples at 24 kHz, as soon as they are there.
//!     ControlFlow::Continue(())
//! };
//! let whole = xtts.speak("Hello, how are you?", Language::English, &voice, &sampling, &mut play)?;
//! # Ok(())
//! # }
//! ```
//!
//! The steps of a voice: two mel spectrograms, the conditioning encoder and the speaker encoder ([`Conditioning`]). The
//! steps of a text: tokens, GPT-2 code by code with its keys and values kept, and the decoder over windows of frames
//! ([`Speech`]). The files are exported from the checkpoint by `models/xtts/export.py`, which is for its users to do: the
//! checkpoint's licence (CPML) is for non-commercial use.

mod cleaning;
mod conditioning;
mod contract;
mod error;
mod frames;
mod joining;
mod mel;
mod networks;
mod numbers;
mod sampling;
#[cfg(test)]
mod testing;
mod vocabulary;
mod xtts;

pub use conditioning::Conditioning;
pub use error::XttsError;
pub use sampling::Sampling;
pub use xtts::{MODEL_ID, Speech, Xtts};
