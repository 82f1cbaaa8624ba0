//! `pithead verify`: every capture of a folder against the events expected of it.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget};
use pithead_capture::Stop;
use rayon::prelude::*;

use super::{DIFFERENT, complain, configure, print};
use crate::cli::VerifyArgs;
use crate::expect::{Difference, Lines};
use crate::run::{self, Tools};
use crate::summary::plural;

/// File names that are captures.
const CAPTURES: &[&str] = &[".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz", ".pcap.zst", ".pcapng.zst"];

enum Verdict {
    Same,
    Written,
    Different(Difference),
    /// It has no events beside it to be held to; so many were found, in so many frames.
    Unexpected(usize, u64),
    Failed(String),
}

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let tools = Tools::new(configure(&args.common)?)?;
    super::note_cache(&args.common, &tools.anchors);
    if args.dir.is_file() {
        bail!(
            "{}: not a folder; a single capture is held to its events by replay --expect",
            args.dir.display()
        );
    }
    let mut captures = Vec::new();
    collect(&args.dir, &mut captures)?;
    captures.sort();
    if captures.is_empty() {
        bail!("{}: no captures in this folder (files ending in {})", args.dir.display(), CAPTURES.join(", "));
    }
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::with_draw_target(Some(captures.len() as u64), ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    let verdicts: Vec<Verdict> = captures
        .par_iter()
        .map(|capture| {
            let verdict = judge(&tools, capture, args.update);
            bar.inc(1);
            verdict.unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")))
        })
        .collect();
    bar.finish_and_clear();
    tell(&captures, verdicts)
}

fn collect(folder: &Path, captures: &mut Vec<PathBuf>) -> Result<()> {
    let cannot = || format!("{}: cannot read this folder", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        if entry.file_type().with_context(cannot)?.is_dir() {
            collect(&entry.path(), captures)?;
        } else if stem(&entry.file_name().to_string_lossy()).is_some() {
            captures.push(entry.path());
        }
    }
    Ok(())
}

/// The name without its ending, if it is a capture's.
fn stem(name: &str) -> Option<&str> {
    CAPTURES.iter().find_map(|ending| name.strip_suffix(ending)).filter(|stem| !stem.is_empty())
}

/// Where the events expected of a capture are.
fn expectation(capture: &Path) -> PathBuf {
    let name = capture.file_name().unwrap_or_default().to_string_lossy();
    capture.with_file_name(format!("{}.expected.jsonl", stem(&name).unwrap_or(&name)))
}

fn judge(tools: &Tools, capture: &Path, update: bool) -> Result<Verdict> {
    let path = expectation(capture);
    let mut lines = Lines::default();
    let batch = pithead_capture::BATCH_FRAMES;
    let outcome =
        run::replay(tools, &[capture.to_owned()], 1, batch, &Stop::new(), &mut |_, _| {}, &mut |record| {
            lines.push(&record);
        })?;
    if let Some(error) = outcome.errors.first() {
        bail!("{error}");
    }
    if update {
        lines.write(&path)?;
        return Ok(Verdict::Written);
    }
    if !path.exists() {
        return Ok(Verdict::Unexpected(lines.len(), outcome.stats.frames.read));
    }
    Ok(lines.difference(&Lines::read(&path)?).map_or(Verdict::Same, Verdict::Different))
}

fn tell(captures: &[PathBuf], verdicts: Vec<Verdict>) -> Result<ExitCode> {
    let mut text = String::new();
    let (mut same, mut written, mut different, mut unexpected, mut failed) = (0, 0, 0, 0, 0);
    for (capture, verdict) in captures.iter().zip(verdicts) {
        match verdict {
            Verdict::Same => same += 1,
            Verdict::Written => written += 1,
            Verdict::Unexpected(events, frames) => {
                unexpected += 1;
                let (path, found) = (expectation(capture), plural(events, "event"));
                let found = if frames == 0 { "no frame".to_owned() } else { found };
                complain(&format!(
                    "{}: not compared: it holds {found}, and there is no {} to compare with; --update writes it",
                    capture.display(),
                    path.file_name().unwrap_or_default().display(),
                ));
            }
            Verdict::Different(difference) => {
                different += 1;
                writeln!(text, "{}: {}", capture.display(), difference.counts())?;
                text.push_str(&difference.text);
            }
            Verdict::Failed(error) => {
                failed += 1;
                complain(&error);
            }
        }
    }
    let mut counts = vec![format!("{same} as expected")];
    for (count, what) in [
        (written, "written"),
        (different, "different"),
        (unexpected, "without expectations"),
        (failed, "failed"),
    ] {
        if count > 0 {
            counts.push(format!("{count} {what}"));
        }
    }
    writeln!(text, "{}: {}", plural(captures.len(), "capture"), counts.join(", "))?;
    print(&text)?;
    // A capture that was compared with nothing has not been verified.
    Ok(match (failed + unexpected, different) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(DIFFERENT),
        _ => ExitCode::FAILURE,
    })
}
