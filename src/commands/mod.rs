//! One file for each command: what the words of the command line make happen.

mod bake;
mod characters;
mod clone;
mod models;
mod openapi;
mod portrait;
mod preview;
mod render;
pub mod serve;
mod sound;
mod speak;
mod transcribe;
mod voices;

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
        Command::Bake(asked) => bake::run(&asked),
        Command::Speak(speak) => speak::run(&speak),
        Command::Voices(asked) => voices::run(&asked),
        Command::Transcribe(transcribe) => transcribe::run(&transcribe),
        Command::Characters(characters) => characters::run(&characters),
        Command::Models(models) => models::run(&models),
        Command::Portrait(portrait) => portrait::run(&portrait),
        Command::Doctor(asked) => return doctor::run(&asked),
        Command::Openapi(asked) => openapi::run(&asked),
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

/// An error with its causes, as a person should read it: a cause that an outer error has already told is not told again.
pub fn explain(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn no_reason_is_told_twice() {
        let gone = || anyhow!("no such file");
        let cases = [
            (gone(), "no such file"),
            (gone().context("cannot open a.wav"), "cannot open a.wav: no such file"),
            (
                gone().context("cannot open a.wav: no such file; choose another"),
                "cannot open a.wav: no such file; choose another",
            ),
        ];
        for (error, words) in cases {
            assert_eq!(explain(&error), words);
        }
        let twice: anyhow::Result<()> = Err(gone()).context("cannot open it: no such file").context("no character");
        assert_eq!(explain(&twice.expect_err("it is one")), "no character: cannot open it: no such file");
    }
}
