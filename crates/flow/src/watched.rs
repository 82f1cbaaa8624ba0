//! Long, quiet TCP flows: the sizes of what both sides say, and the times between, whatever it is wrapped in.
//!
//! A flow is watched from the first packet after a silence that finds it a minute old and slow. So a flow that is not watched costs two looks a
//! packet: whether it is, and whether it has been silent; and a busy flow never costs more. Records are bounded, 128 bytes each, in a table
//! of their own by the flow's id; a flow that finds no room is counted and goes unwatched. Nothing here knows what mining is.
//!
//! Messages are TLS records where the bytes are TLS's, of which only the header is read, and else segments, those that follow each other at
//! once taken together. Streams are not put in order: a segment seen before counts for nothing, and behind a hole reading goes on where
//! a record begins again.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use pithead_wire::{Tcp, Timestamp};

use crate::flow::{Direction, Flow};
use record::Record;
pub use record::{Asks, Gaps, Said, Shape};

mod record;

/// What is watched, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct WatchLimits {
    /// The most flows of a worker that are watched at a time. 65,536, some 10 MB: of an office's flows a few in a hundred grow old and slow.
    pub flows: usize,
    /// How old a flow must be. A minute: most flows of the web are over by then or silent for good.
    pub age: Duration,
    /// The most packets a minute, over the flow's life, both ways. Real miners need 7 to 54, and one that polls over HTTP 281.
    pub packets_a_minute: u64,
}

impl Default for WatchLimits {
    fn default() -> Self {
        Self { flows: 65_536, age: Duration::from_secs(60), packets_a_minute: 400 }
    }
}

/// What happened to flows worth watching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchCounters {
    /// Flows that were watched.
    pub watched: u64,
    /// Packets at which a flow would have been watched had there been room.
    pub full: u64,
    /// Flows that were let go because they became busy.
    pub busy: u64,
}

/// A silence that makes a flow worth a look.
const SILENCE: Duration = Duration::from_secs(1);

/// The flows of a worker that are watched.
#[derive(Debug)]
pub struct Watch {
    records: HashMap<u64, Record, RandomState>,
    limits: WatchLimits,
    counters: WatchCounters,
}

impl Watch {
    /// Room for so many flows; taken here, so that none is on a packet's way.
    pub fn new(limits: WatchLimits) -> Self {
        let records = HashMap::with_capacity_and_hasher(limits.flows, RandomState::default());
        Self { records, limits, counters: WatchCounters::default() }
    }

    /// What happened so far.
    pub const fn counters(&self) -> WatchCounters {
        self.counters
    }

    /// Whether a packet at `now`, whose flow's last one came at `before`, is worth showing to [`observe`](Self::observe).
    #[inline]
    pub fn concerns(flow: &Flow<'_>, before: Timestamp, now: Timestamp) -> bool {
        flow.is_watched() || now.since(before) >= SILENCE
    }

    /// Shows a segment of a flow. What the flow looks like comes back when it is time to look at it: each minute for a quarter of an hour, then every
    /// ten minutes.
    pub fn observe(
        &mut self,
        flow: &mut Flow<'_>,
        direction: Direction,
        tcp: &Tcp<'_>,
        now: Timestamp,
    ) -> Option<Shape> {
        if flow.is_watched() {
            return self.go_on(flow, direction, tcp, now);
        }
        if tcp.payload_len == 0 || !self.is_worth_it(flow, now) {
            return None;
        }
        if self.records.len() >= self.limits.flows {
            self.counters.full += 1;
            return None;
        }
        self.counters.watched += 1;
        flow.set_watched(true);
        let mut record = Record::new(client(flow), now);
        record.segment(record.side(direction), tcp, now);
        self.records.insert(flow.id(), record);
        None
    }

    /// Forgets a flow that has ended, and says what it looked like.
    pub fn finish(&mut self, flow: &Flow<'_>) -> Option<Shape> {
        if !flow.is_watched() {
            return None;
        }
        let mut record = self.records.remove(&flow.id())?;
        record.flush();
        Some(record.shape())
    }

    fn go_on(
        &mut self,
        flow: &mut Flow<'_>,
        direction: Direction,
        tcp: &Tcp<'_>,
        now: Timestamp,
    ) -> Option<Shape> {
        let id = flow.id();
        let record = self.records.get_mut(&id)?;
        if tcp.payload_len > 0 {
            record.segment(record.side(direction), tcp, now);
        }
        if !record.is_due(now) {
            return None;
        }
        let shape = record.shape();
        if self.is_busy(flow, now) {
            self.records.remove(&id);
            flow.set_watched(false);
            self.counters.busy += 1;
        }
        Some(shape)
    }

    fn is_worth_it(&self, flow: &Flow<'_>, now: Timestamp) -> bool {
        now.since(flow.first()) >= self.limits.age && !self.is_busy(flow, now)
    }

    fn is_busy(&self, flow: &Flow<'_>, now: Timestamp) -> bool {
        let seconds = now.since(flow.first()).as_secs().max(1);
        let packets: u64 = flow.packets().iter().sum();
        packets * 60 > self.limits.packets_a_minute * seconds
    }
}

/// Which way the client speaks. A flow met in its midst may have been turned the wrong way round by its first packet; there the lower port
/// is the server's.
fn client(flow: &Flow<'_>) -> Direction {
    let opened = flow.isn().iter().any(Option::is_some);
    if opened || flow.source().port() >= flow.destination().port() {
        Direction::Forward
    } else {
        Direction::Backward
    }
}

#[cfg(test)]
mod tests;
