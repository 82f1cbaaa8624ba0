//! `pithead top`: a screen on a tap that runs elsewhere, by its control socket.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::cli::ControlArgs;
use crate::control::Client;
use crate::screen;
use crate::signals::Watch;

pub(super) fn run(args: &ControlArgs) -> Result<ExitCode> {
    screen::check()?;
    let mut client = Client::connect(&args.control)?;
    let over = Arc::new(AtomicBool::new(false));
    let ends = over.clone();
    let watch = Watch::new(false, move |_| ends.store(true, Ordering::Relaxed))?;
    let mut ask = || {
        let status = client.ask("status")?;
        serde_json::from_value(status)
            .with_context(|| format!("{}: the tap is of another version", args.control.display()))
    };
    screen::run(&mut ask, &over)?;
    Ok(watch.signal().map_or(ExitCode::SUCCESS, |signal| ExitCode::from(signal.status())))
}
