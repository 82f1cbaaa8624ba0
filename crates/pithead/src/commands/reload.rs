//! `pithead reload`: has a tap that runs read its lists anew, by its control socket.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use super::print;
use crate::cli::ReloadArgs;
use crate::control::Client;
use crate::summary::counted;

pub(super) fn run(args: &ReloadArgs) -> Result<ExitCode> {
    let path = &args.control.control;
    let answer = Client::connect(path).and_then(|mut tap| tap.ask("reload"));
    if args.json {
        let (status, answer) = match answer {
            Ok(message) => (ExitCode::SUCCESS, json!({ "return": "OK", "message": message })),
            Err(error) => (ExitCode::FAILURE, json!({ "return": "NOK", "message": format!("{error:#}") })),
        };
        print(&format!("{answer}\n"))?;
        return Ok(status);
    }
    let answer =
        answer.with_context(|| format!("{}: not reloaded, what was in use stays in use", path.display()))?;
    let mut text =
        format!("{} of pools are in use\n", counted(answer["pools"].as_u64().unwrap_or(0), "name"));
    let waiting = answer["after_restart"].as_array();
    let waiting: Vec<&str> = waiting.into_iter().flatten().filter_map(|name| name.as_str()).collect();
    if !waiting.is_empty() {
        text.push_str(&format!("changes to {} take effect at the next start\n", waiting.join(", ")));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
