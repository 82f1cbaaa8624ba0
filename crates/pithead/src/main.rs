//! The command line of pithead.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anstream::eprintln;
use clap::Parser;
use pithead::cli::Cli;
use pithead::commands;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(cli.command) {
        Ok(status) => status,
        Err(error) => {
            let red = anstyle::AnsiColor::Red.on_default().bold();
            eprintln!("{red}error:{red:#} {error:#}");
            ExitCode::FAILURE
        }
    }
}
