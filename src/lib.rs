//! The application: which plugins there are and how they are driven. It holds no logic of its own; docs/ARCHITECTURE.md
//! says where everything lives.

pub mod access;
pub mod app;
pub mod bench;
pub mod cli;
mod commands;
pub mod doctor;
pub mod render;
pub mod runner;

pub use commands::{explain, run};
