//! `pithead generate`: shell completions and man pages, for packages.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{CommandFactory, ValueEnum};

use crate::cli::{Cli, Generate, GenerateArgs};

pub(super) fn run(args: &GenerateArgs) -> Result<ExitCode> {
    let whole = || format!("{}: cannot write there", args.dir.display());
    std::fs::create_dir_all(&args.dir).with_context(whole)?;
    let mut command = Cli::command();
    match args.what {
        Generate::Completions => {
            for shell in clap_complete::Shell::value_variants() {
                clap_complete::generate_to(*shell, &mut command, "pithead", &args.dir).with_context(whole)?;
            }
        }
        Generate::Man => clap_mangen::generate_to(command, &args.dir).with_context(whole)?,
    }
    Ok(ExitCode::SUCCESS)
}
