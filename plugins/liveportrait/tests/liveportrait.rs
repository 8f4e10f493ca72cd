//! The crate from outside, with small networks of the published form in the real runtime.

#[path = "liveportrait/parity.rs"]
mod parity;
#[path = "liveportrait/pipeline.rs"]
mod pipeline;
#[path = "liveportrait/reference.rs"]
mod reference;
