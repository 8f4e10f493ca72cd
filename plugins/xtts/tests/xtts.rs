//! XTTS from outside: against the reference, and what a caller can rely on.

#[path = "xtts/parity.rs"]
mod parity;
#[path = "xtts/reference.rs"]
mod reference;
#[path = "xtts/speech.rs"]
mod speech;
