//! What a worker hands over: everything that happened in one epoch.

use std::sync::Arc;

use pithead_detect::{DetectCounters, Event};
use pithead_flow::{FragmentCounters, HostTable, TableCounters, WatchCounters};
use pithead_output::Frames;
use pithead_wire::Timestamp;

/// What happened on one worker since its last report.
#[derive(Debug)]
pub struct Report {
    /// Events, in the order in which they were made.
    pub events: Vec<Event>,
    /// What the hosts of flows that ended sent and received.
    pub hosts: HostTable,
    /// Where files begin: the sequence of the first frame, and which file.
    pub files: Vec<(u64, usize)>,
    /// How many capture files the source has opened so far. The source knows it, so the worker fills it in.
    pub opened: u64,
    /// The names of the interfaces met so far, by number; nothing where a capture does not name them. The source knows them, so the worker
    /// fills them in.
    pub interfaces: Vec<Option<Arc<str>>>,
    /// Totals since the start; those of the latest report count.
    pub counters: Counters,
    /// Sequence of the last frame that this report covers.
    pub until: u64,
    /// The clock of the frames.
    pub now: Timestamp,
    /// Errors of the source, as text, each said once.
    pub errors: Vec<String>,
    /// Whether this is the worker's last.
    pub last: bool,
}

/// Totals of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// What became of the frames that are this worker's.
    pub frames: Frames,
    /// What happened in its flow table.
    pub flows: TableCounters,
    /// Flows that ended.
    pub flows_ended: u64,
    /// What happened to fragments. Every worker sees all of them, so one worker's figures stand for all.
    pub fragments: FragmentCounters,
    /// What its detector did.
    pub detect: DetectCounters,
    /// What happened to flows worth watching.
    pub watch: WatchCounters,
    /// How often the clock of the frames went back; the same on every worker.
    pub jumps_back: u64,
    /// Events that were given up, the newest first, because nobody had taken the report in time. A replay waits instead.
    pub events_dropped: u64,
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::with_hosts(usize::MAX)
    }

    /// An empty report with room for so many hosts; what others do is summed in one row.
    pub fn with_hosts(hosts: usize) -> Self {
        Self {
            events: Vec::new(),
            hosts: HostTable::new(hosts),
            files: Vec::new(),
            opened: 0,
            interfaces: Vec::new(),
            counters: Counters::default(),
            until: 0,
            now: Timestamp::default(),
            errors: Vec::new(),
            last: false,
        }
    }

    /// Empties it, and keeps its memory for what will be noted next.
    pub fn clear(&mut self) {
        self.events.clear();
        self.hosts.clear();
        self.files.clear();
        self.interfaces.clear();
        self.errors.clear();
        (self.until, self.last, self.now, self.opened) = (0, false, Timestamp::default(), 0);
        self.counters = Counters::default();
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}
