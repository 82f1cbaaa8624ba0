//! Measures what is too long or too large for `cargo bench`: many flows, and pithead beside its peers.

mod peers;
mod scale;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures what is too long or too large for `cargo bench`.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bytes a flow, and the rate with many flows
    Scale(scale::Args),
    /// A table, a file and a page of the runs that scripts/bench-peers timed
    Peers(peers::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Scale(args) => scale::run(&args),
        Command::Peers(args) => peers::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("measure: {error:#}");
            ExitCode::FAILURE
        }
    }
}
