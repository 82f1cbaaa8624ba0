//! `pithead bench`: how many frames a second this machine takes without losing one.
//!
//! After RFC 2544 (throughput by frame size) and MLRsearch (a search for several loss ratios at once, draft-ietf-bmwg-mlrsearch; here a short form of it): frames arrive by the
//! clock in a queue as long as a NIC's, and what finds no room is lost. The frames are made up, or a capture's, and lie in memory: what a NIC
//! and its driver cost comes on top. The worker is the one that reads files and links; its reports are merged nowhere.

mod line;
mod load;
mod page;
mod search;
mod trial;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use pithead_traffic::{Recipe, Sizes};

use self::load::Load;
use self::page::{Found, Page};
use self::search::{Goal, search};
use self::trial::Bench;
use super::{configure, print};
use crate::cli::BenchArgs;
use crate::run::Tools;

pub(super) fn run(args: &BenchArgs) -> Result<ExitCode> {
    let config = configure(&args.common)?;
    let bench = Bench {
        tools: Tools::new(config)?,
        workers: usize::from(args.workers),
        queue: args.queue as usize,
        lasting: args.trial,
    };
    let mut page = Page::new(args, &bench);
    for load in loads(args)? {
        say(&format!("{}: as fast as it goes", load.name));
        let found = measure(&bench, &load, args.loss)?;
        page.rows.push(found);
    }
    say("");
    write(args.json.as_deref(), || page.json())?;
    write(args.html.as_deref(), || Ok(page.html()))?;
    if args.json.as_deref() != Some(Path::new("-")) && args.html.as_deref() != Some(Path::new("-")) {
        print(&page.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is measured, one after the other: made-up frames of each size, or a capture.
fn loads(args: &BenchArgs) -> Result<Vec<Load>> {
    if let Some(file) = &args.file {
        return Ok(vec![Load::of_file(file)?]);
    }
    let load = |&sizes: &Sizes| {
        Load::made(&Recipe {
            sizes,
            flows: args.flows,
            miners: args.miners,
            new_flows_per_second: args.flows / 10,
            ..Recipe::default()
        })
    };
    Ok(args.sizes.iter().map(load).collect())
}

/// The most a load can be taken at, and the highest rates without loss and with a little.
fn measure(bench: &Bench, load: &Load, loss: f64) -> Result<Found> {
    let most = bench.flat_out(load)?;
    if most == 0.0 {
        bail!("{}: no frame was taken in a trial of {:?}; --trial makes it longer", load.name, bench.lasting);
    }
    let goals = [Goal { name: "with a little loss", loss }, Goal { name: "without loss", loss: 0.0 }];
    let rates = search(most, &goals, &mut |goal, rate| {
        say(&format!("{}: {}: {:.3} Mpps", load.name, goal.name, rate / 1e6));
        bench.at(load, rate)
    })?;
    Ok(Found {
        name: load.name.clone(),
        mean_len: load.mean_len(),
        most,
        with_little_loss: rates[0],
        without_loss: rates[1],
    })
}

/// Tells what is going on, where somebody looks.
fn say(line: &str) {
    if std::io::stderr().is_terminal() {
        // What cannot be told is not worth an error.
        let _ = write!(std::io::stderr(), "\r\u{1b}[K{line}");
    }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> Result<String>) -> Result<()> {
    match path {
        None => Ok(()),
        Some(path) if path == Path::new("-") => print(&text()?),
        Some(path) => {
            std::fs::write(path, text()?).with_context(|| format!("{}: cannot be written", path.display()))
        }
    }
}
