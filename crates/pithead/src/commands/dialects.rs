//! `pithead dialects`: what can be recognised.

use std::process::ExitCode;

use anyhow::Result;
use pithead_detect::{DIALECTS, Dialect};

use super::print;
use crate::cli::DialectsArgs;
use crate::columns::table;

pub(super) fn run(args: &DialectsArgs) -> Result<ExitCode> {
    let mut dialects: Vec<&dyn Dialect> = DIALECTS.to_vec();
    dialects.sort_by_key(|dialect| dialect.name());
    if args.markdown {
        print(&markdown(&dialects))?;
    } else if args.json {
        print(&dialects.into_iter().map(|dialect| format!("{}\n", json(dialect))).collect::<String>())?;
    } else {
        let mut list = table(["dialect", "signature id", "what it is"]);
        for dialect in &dialects {
            list.add_row([dialect.name(), &dialect.about().signature_id.to_string(), dialect.about().title]);
        }
        print(&format!("{list}\n{} dialects\n", dialects.len()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn json(dialect: &dyn Dialect) -> serde_json::Value {
    serde_json::json!({
        "dialect": dialect.name(),
        "title": dialect.about().title,
        "family": dialect.about().family,
        "signature_id": dialect.about().signature_id,
        "source": dialect.about().source,
        "anchors": dialect.about().anchors,
    })
}

/// The page `docs/dialects.md`.
fn markdown(dialects: &[&dyn Dialect]) -> String {
    let mut page = String::from(
        "# Dialects\n\n\
        The mining protocols that are recognised. Made by `pithead dialects --markdown`; a test holds this page against the code.\n\n\
        | dialect | what it is | alert | signature id | described in |\n| --- | --- | --- | --- | --- |\n",
    );
    for dialect in dialects {
        page.push_str(&format!(
            "| `{}` | {} | PITHEAD Miner {} … | {} | <{}> |\n",
            dialect.name(),
            dialect.about().title,
            dialect.about().family,
            dialect.about().signature_id,
            dialect.about().source
        ));
    }
    page
}
