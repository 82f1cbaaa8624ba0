//! How busy workers are: the share of its core that each thread used of late, by the kernel's account of it.
//!
//! Read by the control thread, so that it costs the workers nothing. A worker that polls is always busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Clock ticks a second in which the kernel counts: fixed for programs (USER_HZ).
const TICKS: f64 = 100.0;

/// A thread's number, once the thread has told it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thread(Arc<AtomicU32>);

impl Thread {
    /// Notes the thread that calls this. Where /proc is not to be read, it stays unknown.
    pub(crate) fn note(&self) {
        let link = std::fs::read_link("/proc/thread-self").ok();
        let number = link.as_deref().and_then(|link| link.file_name()?.to_str()?.parse().ok());
        self.0.store(number.unwrap_or(0), Ordering::Relaxed);
    }
}

/// Measures one thread from one call to the next.
#[derive(Debug)]
pub(crate) struct Load {
    thread: Thread,
    before: Option<(Instant, u64)>,
}

impl Load {
    pub(crate) const fn new(thread: Thread) -> Self {
        Self { thread, before: None }
    }

    /// The share of a core since the last call, from 0 to 1; `None` at first, and where it is not known.
    pub(crate) fn busy(&mut self) -> Option<f64> {
        let number = Some(self.thread.0.load(Ordering::Relaxed)).filter(|number| *number > 0)?;
        let text = std::fs::read_to_string(format!("/proc/self/task/{number}/stat")).ok()?;
        let now = (Instant::now(), ticks(&text)?);
        let before = self.before.replace(now)?;
        let elapsed = now.0.duration_since(before.0).as_secs_f64();
        let used = now.1.saturating_sub(before.1) as f64 / TICKS;
        (elapsed > 0.0).then(|| (used / elapsed).min(1.0))
    }
}

/// User and system time of a thread, in ticks: fields 14 and 15 of proc_pid_stat(5), counted behind the name, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let stat = "77 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("77 (x"), None);
    }

    #[test]
    fn a_thread_that_works_is_busy() {
        let thread = Thread::default();
        let mut load = Load::new(thread.clone());
        assert_eq!(load.busy(), None, "nobody has told which thread");
        thread.note();
        load.busy();
        // Time must pass by the kernel's count, which goes in hundredths of a second.
        let mut busy = None;
        while busy.is_none_or(|busy| busy <= 0.0) {
            busy = load.busy();
        }
        assert!(busy <= Some(1.0));
    }
}
