//! How to end sources before their files do, all of them behind the same frame.
//!
//! Workers that each walk the same files are never at the same place. Each announces how far it is going to read, a stride at a time; a stop
//! lets all of them come as far as any has announced, and no further. So a run that is cut short is a run over the first frames, exactly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Frames announced at a time: few enough that nobody waits for an end, enough that announcing costs nothing.
const STRIDE: u64 = 8192;

/// Set once the end has been asked for.
const ASKED: u64 = 1;
/// Set once somebody has ended without waiting for more.
const CLOSED: u64 = 2;
/// The rest counts frames.
const SHIFT: u32 = 2;

/// Asks the sources that share it to end. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicU64>);

impl Stop {
    /// Nothing has been asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the end. May be called by any thread, any number of times.
    pub fn now(&self) {
        self.0.fetch_or(ASKED, Ordering::SeqCst);
    }

    /// Whether the end has been asked for.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst) & ASKED != 0
    }

    /// Announces that frames will be read on from `lent`. Returns up to which one they may be: no further than `lent` when this is the end.
    pub(crate) fn announce(&self, lent: u64) -> u64 {
        let wanted = lent + STRIDE;
        let announced = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |state| {
            let further = state & ASKED == 0 && wanted > state >> SHIFT;
            further.then_some(wanted << SHIFT | state & (ASKED | CLOSED))
        });
        match announced {
            Ok(_) => wanted,
            Err(state) => state >> SHIFT,
        }
    }

    /// Notes that one who waited for frames has stopped waiting.
    pub(crate) fn close(&self) {
        self.0.fetch_or(ASKED | CLOSED, Ordering::SeqCst);
    }

    /// Whether somebody has stopped waiting, so that what comes now comes too late.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::SeqCst) & CLOSED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_come_as_far_as_any_has_announced() {
        let stop = Stop::new();
        assert_eq!(stop.announce(0), STRIDE);
        assert_eq!(stop.announce(STRIDE), 2 * STRIDE);
        assert_eq!(stop.announce(0), 2 * STRIDE, "who comes later may go as far at once");
        assert!(!stop.is_asked());
        stop.now();
        assert!(stop.is_asked() && !stop.is_closed());
        assert_eq!(stop.announce(10), 2 * STRIDE);
        assert_eq!(stop.announce(2 * STRIDE), 2 * STRIDE, "and no further");
    }
}
