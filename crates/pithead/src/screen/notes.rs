//! What is said while a screen is drawn: lines on a terminal's standard error would tear it, so they wait, the latest at its foot, until it
//! is gone. A log that standard error goes to has them at once.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most lines that wait; the oldest go.
const LINES: usize = 100;

static WAITING: Mutex<Option<VecDeque<String>>> = Mutex::new(None);

fn waiting() -> MutexGuard<'static, Option<VecDeque<String>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has lines wait from here on.
pub(super) fn hold() {
    if std::io::stderr().is_terminal() {
        waiting().get_or_insert_default();
    }
}

/// Says what has waited, and has nothing wait any more.
pub(super) fn release() {
    // Taken first: saying them looks here again.
    let lines = waiting().take();
    lines.into_iter().flatten().for_each(|line| anstream::eprintln!("{line}"));
}

/// Has a line wait, if a screen is drawn; says whether.
pub(crate) fn waits(line: &str) -> bool {
    let mut waiting = waiting();
    let Some(lines) = &mut *waiting else { return false };
    if lines.len() == LINES {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
    true
}

/// The latest line that waits, without its colours.
pub(super) fn latest() -> Option<String> {
    let waiting = waiting();
    let line = waiting.as_ref()?.back()?;
    Some(anstream::adapter::strip_str(line).to_string())
}
