//! Text becomes speech: sentences, phonemes, engines and the queue that the tick plays from.
//!
//! A [`Speak`](visage_schedule::Speak) message is cut into pieces and written out in words (`text`), which a worker thread
//! speaks one after the other ([`Synthesiser`]: Piper, Kokoro, XTTS, or espeak-ng where they cannot), trims and brings to
//! 48 kHz (`sound`). The tick takes 1,600 samples at a time from the [`SpeechQueue`]; the phoneme times go with them to the
//! lips.
//!
//! ```no_run
//! use visage_core::Language;
//! use visage_models::Store;
//! use visage_voice::{Synthesiser, Variation, default_voice, synthesise};
//!
//! let mut voices = Synthesiser::new(Store::default(), 2, Variation::None);
//! let voice = default_voice(Language::English);
//! let speech = synthesise(&mut voices, "Hello. How are you?", Language::English, &voice)?;
//! println!("{} samples, {} phonemes", speech.samples.len(), speech.timeline.0.len());
//! # Ok::<(), visage_voice::VoiceError>(())
//! ```

mod align;
mod clauses;
mod clones;
mod cloning_door;
mod door;
mod engine;
mod error;
mod espeak;
mod espeak_engine;
mod ipa;
mod kokoro;
mod loudness;
mod piper;
mod plugin;
mod prosody;
mod queue;
mod recent;
mod sound;
mod synthesis;
#[cfg(test)]
mod testing;
mod text;
mod voices;
mod worker;
mod xtts_engine;

pub use align::align;
pub use clauses::{Clause, clauses};
pub use clones::{CLONE, Imitation, VOICES_VARIABLE, clone_voice, cloned_voices, imitate};
pub use engine::{Engine, Speech, TimedPhoneme, TimedSymbol, Variation, join_symbols};
pub use error::VoiceError;
pub use espeak::{ESPEAK_VARIABLE, Phonemiser, program as espeak_program};
pub use espeak_engine::EspeakEngine;
pub use kokoro::{KOKORO, KOKORO_VOICES, KokoroEngine, KokoroVoice, kokoro_voice};
pub use loudness::{LOUDNESS, PEAK, loudness};
pub use piper::{PIPER_VOICES, PiperEngine, PiperVoice};
pub use plugin::{Voice, VoicePlugin};
pub use queue::{Block, FADE_SAMPLES, LONGEST_AGENDA, LONGEST_QUEUE, SpeechQueue, TURN_GAP};
pub use sound::{Finished, finish, to_48k};
pub use synthesis::{ESPEAK, Synthesis, Synthesiser, default_voice, synthesise, voice_for};
pub use text::{Piece, pieces};
pub use voices::voices;
pub use xtts_engine::{XTTS, XttsEngine};
