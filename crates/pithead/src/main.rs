//! The command line of pithead.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use pithead::cli::Cli;
use pithead::commands;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(cli.command) {
        Ok(status) => status,
        Err(error) => {
            commands::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
