//! Voices after a recording. `docs/avatar/cloning.md` says how it works and how well.
//!
//! ```no_run
//! use visage_cloning::{ClipOptions, ReferenceClip, SpeakerEncoder};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sound = visage_core::decode_sound(std::fs::File::open("anna.wav")?, 120)?;
//! let clip = ReferenceClip::check(&sound.samples, sound.rate, ClipOptions::default())?;
//! let mut encoder = SpeakerEncoder::load(1)?;
//! let anna = clip.embed(&mut encoder)?;
//! println!("{:.1} s of speech, {} long", clip.voiced_seconds, anna.numbers().len());
//! # Ok(())
//! # }
//! ```

mod clip;
mod denoise;
mod encoder;
mod error;
mod fit;
mod profile;
mod spectrogram;
mod voiced;
mod watermark;

#[cfg(test)]
mod testing;

pub use clip::{ClipOptions, LEAST_SIGNAL_TO_NOISE, LEAST_VOICED, LONGEST_CLIP, ReferenceClip};
pub use denoise::denoise;
pub use encoder::{EMBEDDING, Embedding, SPEAKER_ENCODER, SpeakerEncoder};
pub use error::CloningError;
pub use fit::{
    Ear, FitOptions, FitProgress, Fitted, Go, HeardVoices, STYLE_NUMBERS, STYLE_ROWS, Sentences, Similarity, Speaker,
    StyleTable, fit,
};
pub use profile::{Listing, MAX_NAME, Permission, Profiles, VoiceProfile, check_voice_id, check_voice_name};
pub use spectrogram::ENCODER_RATE;
pub use watermark::{LEVEL, MARK_RATE_STEP, MARKED, MarkKey, Marker, detect, mark};
