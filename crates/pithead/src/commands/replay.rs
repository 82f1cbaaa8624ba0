//! `pithead replay`: capture files in, miners out.

use std::cell::Cell;
use std::fs::Metadata;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pithead_capture::{FileSource, Stop};
use pithead_output::{Config as SinkConfig, Error as SinkError, Sink, Target};

use super::{DIFFERENT, configure};
use crate::cli::ReplayArgs;
use crate::expect::Lines;
use crate::run::{self, Tools};
use crate::signals::Watch;
use crate::summary::{Summary, counted, plural};

pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode> {
    if let Some(folder) = args.files.iter().find(|file| file.is_dir()) {
        bail!(
            "{0}: a folder; name the captures in it, or hold all of them to the events beside them: pithead verify {0}",
            folder.display()
        );
    }
    let mut config = configure(&args.common)?;
    (config.settings.all_flows, config.settings.hosts) = (args.flows, args.hosts);
    config.settings.limits.inspect = !args.stats_only;
    let tools = Tools::new(config)?;
    super::note_cache(&args.common, &tools.anchors);
    let expected = match &args.expect {
        Some(path) if !args.update => Some(Lines::read(path)?),
        _ => None,
    };
    let stdout = args.eve.as_deref() == Some(Path::new("-"));
    // Before anything is opened for writing: a file that is not there, or in the way, must cost nothing.
    FileSource::open(&args.files)?;
    spare(args)?;
    let mut eve = args.eve.as_deref().map(open).transpose()?;

    let bar = progress(args);
    let shown = !bar.is_hidden();
    let mut show = |done: u64, total: Option<u64>| {
        // Told of each batch, and each time it would take a lock.
        if shown {
            advance(&bar, done, total);
        }
    };
    let (mut summary, mut lines) = (Summary::default(), Lines::default());
    let failure: Cell<Option<SinkError>> = Cell::new(None);
    let mut go_on = true;
    let stop = Stop::new();
    let asked = stop.clone();
    let watch = Watch::new(false, move |_| asked.now())?;
    let workers = run::workers(args.workers, &args.files);
    let outcome =
        run::replay(&tools, &args.files, workers, args.batch.max(1), &stop, &mut show, &mut |record| {
            if let (Some(sink), true) = (&mut eve, go_on)
                && let Err(error) = sink.write(&record)
            {
                // Where nothing else is to be said, there is nothing to read on for.
                if matches!(error, SinkError::Closed { .. }) && stdout && args.expect.is_none() {
                    stop.now();
                }
                (go_on, _) = (false, failure.replace(Some(error)));
            }
            if args.expect.is_some() {
                lines.push(&record);
            }
            summary.note(&record);
        })?;
    bar.finish_and_clear();
    if let (Some(sink), true) = (&mut eve, go_on)
        && let Err(error) = sink.flush()
    {
        failure.set(Some(error));
    }

    let mut status = ExitCode::SUCCESS;
    // Of a capture that gave nothing but an error, "no miners" would be no answer.
    let nothing_read = outcome.stats.frames.read == 0 && !outcome.errors.is_empty();
    if !args.quiet && !nothing_read {
        say(&summary.render(&outcome.stats), stdout)?;
    }
    for error in &outcome.errors {
        super::complain(error);
        status = ExitCode::FAILURE;
    }
    let cut = watch.signal();
    if let Some(signal) = cut {
        let frames = counted(outcome.stats.frames.read, "frame");
        super::warn(&format!(
            "cut short by {}: {frames} were read, and what they tell was told",
            signal.name()
        ));
        status = ExitCode::from(signal.status());
    }
    match failure.take() {
        // Whoever read the events has had enough; that is no error.
        None | Some(SinkError::Closed { .. }) => {}
        Some(error) => return Err(error.into()),
    }
    match (&args.expect, expected) {
        (_, _) if cut.is_some() => {}
        (Some(path), None) if outcome.errors.is_empty() => {
            lines.write(path)?;
            told(args, &format!("{}: {} written", path.display(), plural(lines.len(), "event")))?;
        }
        // What half a capture gives is not what is expected of it.
        (Some(path), None) => {
            super::complain(&format!("{}: not written, since not all could be read", path.display()));
        }
        (Some(path), Some(expected)) => {
            if let Some(difference) = lines.difference(&expected) {
                let mut out = anstream::stderr();
                write!(out, "{}", difference.text)?;
                writeln!(
                    out,
                    "{}: events differ: {}, of {} expected",
                    path.display(),
                    difference.counts(),
                    plural(expected.len(), "event")
                )?;
                if outcome.errors.is_empty() {
                    status = ExitCode::from(DIFFERENT);
                }
            } else {
                told(args, &format!("{}: {}, as expected", path.display(), plural(lines.len(), "event")))?;
            }
        }
        (None, _) => {}
    }
    Ok(status)
}

/// Says in a line what became of the expectation, where the summary is said.
fn told(args: &ReplayArgs, line: &str) -> Result<()> {
    if args.quiet { Ok(()) } else { say(&format!("{line}\n"), args.eve.as_deref() == Some(Path::new("-"))) }
}

/// Makes sure that the events are not written over what is read.
fn spare(args: &ReplayArgs) -> Result<()> {
    let Some(eve) = &args.eve else { return Ok(()) };
    if args.files.iter().any(|file| same_file(file, eve)) {
        bail!("{}: this is the capture that is to be read; name another file for the events", eve.display());
    }
    if args.expect.as_deref().is_some_and(|expected| same_file(expected, eve)) {
        bail!("{}: these are the expected events; name another file for those found", eve.display());
    }
    Ok(())
}

/// Whether two names lead to the same file, links followed.
fn same_file(a: &Path, b: &Path) -> bool {
    let identity =
        |path: &Path| path.metadata().ok().filter(Metadata::is_file).map(|file| (file.dev(), file.ino()));
    identity(a).is_some_and(|file| identity(b) == Some(file))
}

fn open(path: &Path) -> Result<Box<dyn Sink>> {
    let target = if path == Path::new("-") { Target::Stdout } else { Target::File(PathBuf::from(path)) };
    Ok(pithead_output::open(&SinkConfig::Eve(target))?)
}

/// Prints the summary: to standard output, unless that carries events; then to a terminal only.
pub(super) fn say(text: &str, stdout_is_taken: bool) -> Result<()> {
    if !stdout_is_taken {
        super::print(text)?;
    } else if std::io::stderr().is_terminal() {
        anstream::stderr().write_all(text.as_bytes())?;
    }
    Ok(())
}

/// A bar on standard error, where that is a terminal.
fn progress(args: &ReplayArgs) -> ProgressBar {
    if args.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style("{spinner} {bytes} read, {bytes_per_sec}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn advance(bar: &ProgressBar, done: u64, total: Option<u64>) {
    if let (None, Some(total)) = (bar.length(), total) {
        bar.set_length(total);
        bar.set_style(style("{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left"));
    }
    bar.set_position(done);
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
