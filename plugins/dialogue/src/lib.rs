//! Turns of a conversation: barge-in and the built-in responder.
//!
//! [`Turns`] decides whose turn it is; [`reply`] is what a character answers; the plugin connects both to the tick.
//!
//! ```
//! use rand::SeedableRng;
//! use visage_core::Language;
//! use visage_dialogue::{Answerer, Memory, Now, reply};
//!
//! let who = Answerer { name: "Mira", personalities: &[] };
//! let mut chance = rand_chacha::ChaCha8Rng::seed_from_u64(0);
//! let answer = reply("What is 6 times 7?", Language::English, who, &mut Memory::default(), &Now::default(), &mut chance);
//! assert_eq!(answer.text, "6 times 7 is 42.");
//! ```

mod defaults;
mod names;
mod plugin;
mod responder;
mod skills;
mod turns;
mod words;

pub use defaults::default_personality;
pub use plugin::DialoguePlugin;
pub use responder::{Answerer, Memory, Reply, reply};
pub use skills::Now;
pub use turns::{Input, Output, Turns, Voice};
