//! The program `visage`.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use visage::cli::Cli;

/// How long inference that is under way may take to end with the program.
const GOODBYE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.start_log();
    let code = visage::run(cli).unwrap_or_else(|error| {
        eprintln!("visage: {}", visage::explain(&error));
        ExitCode::FAILURE
    });
    if !visage_core::wait_for_workers(GOODBYE) {
        tracing::debug!("a worker is still busy at the end of the program");
    }
    code
}
