//! Which flows may have run out of time: a timer wheel of one-second slots.
//!
//! A flow hangs in one slot, in a list threaded through the flows themselves. It is not moved when a packet arrives; when its
//! slot comes due its true deadline is looked at, and it is hung up again if that lies ahead. So a packet pays nothing,
//! and a flow is touched about once a timeout.

use crate::clock::second;
use pithead_wire::Timestamp;

/// One slot a second; longer deadlines go round again. 1,024 seconds hold the longest timeout by default.
const SLOTS: usize = 1024;

/// Marks the end of a list.
pub(crate) const NONE: u32 = u32::MAX;

/// Heads of the lists of flows, by the second in which they may be due.
#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Vec<u32>,
    /// The second up to which slots have been emptied, inclusive.
    done: i64,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self { heads: vec![NONE; SLOTS], done: 0 }
    }

    /// Hangs up a flow that may be due at `deadline`: returns what the flow must remember as its successor.
    pub(crate) fn insert(&mut self, index: u32, deadline: Timestamp) -> u32 {
        // Never into a slot already passed, or it would wait a whole turn.
        let due = second(deadline).saturating_add(1).max(self.done.saturating_add(1));
        std::mem::replace(&mut self.heads[slot(due)], index)
    }

    /// Takes the lists of every slot that has come due by `now`, handing over each list's first flow.
    pub(crate) fn advance(&mut self, now: Timestamp, mut due: impl FnMut(u32)) {
        let now = second(now);
        let from = self.done.saturating_add(1).max(now.saturating_sub(SLOTS as i64 - 1));
        // The lists are taken before any flow is hung up again, or a flow could be met twice.
        self.done = now;
        for at in from..=now {
            let head = std::mem::replace(&mut self.heads[slot(at)], NONE);
            if head != NONE {
                due(head);
            }
        }
    }

    /// Turns the wheel back (or forth) to `now` without emptying a slot.
    pub(crate) fn set(&mut self, now: Timestamp) {
        self.done = second(now);
    }
}

const fn slot(second: i64) -> usize {
    second.rem_euclid(SLOTS as i64) as usize
}
