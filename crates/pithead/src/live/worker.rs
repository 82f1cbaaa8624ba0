//! A worker on a live link: runs to completion on its own core, and reports ten times a second.
//!
//! It reads no clock of its own: the time is the batch's. It never waits for whoever takes its reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pithead_capture::PacketSource;
use pithead_detect::pools::Reader;
use pithead_wire::Timestamp;

use super::exchange::Outbox;
use crate::pipeline::Pipeline;
use crate::report::Report;

/// Time between two reports.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The most events of one report: more than any link raises in a tenth of a second, unless somebody wants to drown one in them.
const EVENTS: usize = 65_536;

/// Empty batches in a row after which nothing is left to read, once no more frames come. A source waits in some of these calls.
const EMPTY: u32 = 24;

/// A source, a pipeline, and somebody to report to.
pub(crate) struct Worker {
    pub(crate) source: Box<dyn PacketSource>,
    pub(crate) pipeline: Pipeline,
    pub(crate) outbox: Outbox,
    /// The pool list, should there be another.
    pub(crate) pools: Reader,
    /// Set when no more frames will come: what has come is read, and then it ends.
    pub(crate) ending: Arc<AtomicBool>,
}

impl Worker {
    /// Runs until the source ends, or is empty once the end has been asked for.
    pub(crate) fn run(mut self) {
        let (mut until, mut empty) = (0, 0);
        let mut reported = None;
        loop {
            let ending = self.ending.load(Ordering::Acquire);
            let mut now = None;
            if let Some(pools) = self.pools.newer() {
                self.pipeline.take_pools(pools);
            }
            match self.source.next_batch() {
                Ok(Some(batch)) => {
                    self.pipeline.on_frames(batch.frames().inspect(|frame| {
                        until = frame.sequence;
                        now = Some(frame.at);
                    }));
                    empty = if batch.is_empty() { empty + 1 } else { 0 };
                    if let Some(at) = batch.now() {
                        self.pipeline.on_time(at);
                        now = Some(at);
                    }
                }
                Ok(None) => break,
                Err(error) => self.pipeline.on_error(error.to_string()),
            }
            self.pipeline.keep_events(EVENTS);
            if let Some(now) = now
                && is_due(reported, now)
                && self.publish(until)
            {
                reported = Some(now);
            }
            if ending && empty > EMPTY {
                break;
            }
        }
        self.finish(until);
    }

    /// Hands the report over; false if there is none to go on with, so that this one is filled further.
    fn publish(&mut self, until: u64) -> bool {
        let Some(spare) = self.outbox.spare() else { return false };
        let report = self.pipeline.exchange(spare, until);
        self.send(report);
        true
    }

    fn send(&mut self, mut report: Report) {
        report.interfaces.clear();
        report.interfaces.extend(self.source.interfaces().iter().map(|interface| interface.name.clone()));
        self.outbox.send(report);
    }

    /// Ends all flows and makes the last report, for which there will be room: nobody else makes any now.
    fn finish(mut self, until: u64) {
        self.pipeline.finish();
        self.pipeline.keep_events(EVENTS);
        loop {
            if let Some(spare) = self.outbox.spare() {
                let mut report = self.pipeline.exchange(spare, until);
                report.last = true;
                return self.send(report);
            }
            // Frames no longer wait for this thread.
            std::thread::sleep(TICK / 10);
        }
    }
}

/// Whether a report is due; also when the clock was turned back.
fn is_due(reported: Option<Timestamp>, now: Timestamp) -> bool {
    reported.is_none_or(|before| now.since(before) >= TICK || before.since(now) >= TICK)
}
