//! The program `visage`.

use std::process::ExitCode;

use clap::Parser;
use visage::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.start_log();
    match visage::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("visage: {error:#}");
            ExitCode::FAILURE
        }
    }
}
