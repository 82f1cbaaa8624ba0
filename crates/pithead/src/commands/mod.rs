//! The commands, one file each.

mod bench;
mod check;
mod dialects;
#[cfg(target_os = "linux")]
mod doctor;
#[cfg(target_os = "linux")]
mod finding;
mod generate;
#[cfg(target_os = "linux")]
mod reload;
mod replay;
#[cfg(target_os = "linux")]
mod selftest;
#[cfg(target_os = "linux")]
mod tap;
#[cfg(target_os = "linux")]
mod top;
mod verify;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use pithead_detect::Anchors;
use pithead_matcher::Origin;
use pithead_wire::Checksums;

use crate::cache;
use crate::cli::{ChecksumsArg, Command, Common, Depth};
use crate::config::{Config, home_nets};

#[cfg(target_os = "linux")]
pub(crate) use tap::length_of_time;

/// Exit status when events differ from those expected.
const DIFFERENT: u8 = 3;

/// Runs a command.
///
/// # Errors
/// What went wrong, for `main` to print.
pub fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Replay(args) => replay::run(&args),
        #[cfg(target_os = "linux")]
        Command::Tap(args) => tap::run(&args),
        #[cfg(target_os = "linux")]
        Command::Top(args) => top::run(&args),
        #[cfg(target_os = "linux")]
        Command::Reload(args) => reload::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Dialects(args) => dialects::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Bench(args) => bench::run(&args),
        #[cfg(target_os = "linux")]
        Command::Doctor(args) => doctor::run(&args),
        #[cfg(target_os = "linux")]
        Command::Selftest(args) => selftest::run(&args),
        Command::Generate(args) => generate::run(&args),
    }
}

/// The configuration file, if any, with what the command line says instead.
fn configure(common: &Common) -> Result<Config> {
    let mut config = match &common.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if !common.home_net.is_empty() {
        config.settings.home = home_nets(common.home_net.iter().map(String::as_str))?;
    }
    match common.depth {
        Some(Depth::Bytes(bytes)) => config.settings.limits = config.settings.limits.with_depth(Some(bytes)),
        Some(Depth::Unlimited) => config.settings.limits = config.settings.limits.with_depth(None),
        None => {}
    }
    match common.checksums {
        Some(ChecksumsArg::Verify) => config.settings.checksums = Checksums::Verify,
        Some(ChecksumsArg::Ignore) => config.settings.checksums = Checksums::Ignore,
        None => {}
    }
    if let Some(folder) = &common.cache {
        config.cache = cache::in_folder(folder);
    }
    Ok(config)
}

/// Says why a cache that was asked for is of no use. Of the usual one nobody needs to hear: it saves milliseconds.
fn note_cache(common: &Common, anchors: &Anchors) {
    if let (Some(_), Origin::NotKept(cause)) = (&common.cache, anchors.origin()) {
        anstream::eprintln!(
            "note: patterns are compiled at each start, since the cache cannot be used: {cause}"
        );
    }
}

/// Prints to standard output. Whoever reads it may have had enough, as `head` has; that is no error.
fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.context("standard output: cannot be written on"),
    }
}

/// Says a warning on standard error.
pub(crate) fn warn(warning: &str) {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    tell(&format!("{yellow}warning:{yellow:#} {warning}"));
}

/// Says an error on standard error.
pub fn complain(error: &str) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    tell(&format!("{red}error:{red:#} {error}"));
}

/// Says a line on standard error, once no screen is drawn.
pub(crate) fn tell(line: &str) {
    #[cfg(target_os = "linux")]
    if crate::screen::notes::waits(line) {
        return;
    }
    anstream::eprintln!("{line}");
}
