//! One file for each command: what the words of the command line make happen.

mod characters;
mod models;
mod portrait;
mod preview;
mod render;
pub mod serve;
mod sound;
mod speak;
mod transcribe;

use std::process::ExitCode;

use crate::{
    bench,
    cli::{Cli, Command},
    doctor,
};

/// Does what the command line asks for.
///
/// # Errors
/// What went wrong and what to do, in a person's words.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command.unwrap_or_default() {
        Command::Preview(stage) => preview::run(&stage),
        Command::Serve(serve) => serve::run(&serve),
        Command::Render(render) => render::run(&render),
        Command::Speak(speak) => speak::run(&speak),
        Command::Transcribe(transcribe) => transcribe::run(&transcribe),
        Command::Characters(characters) => characters::run(&characters),
        Command::Models(models) => models::run(&models),
        Command::Portrait(portrait) => portrait::run(&portrait),
        Command::Doctor(asked) => return doctor::run(&asked),
        Command::Bench(asked) => bench::run(&asked),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a result. Whoever reads only the first lines of it (`| head`) is no error.
pub fn print(text: impl std::fmt::Display) -> std::io::Result<()> {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
