//! Where events go: what is said of miners, in the words that others read.
//!
//! A [`Record`] is one thing to say, complete and owned: it is made on the control thread, by whoever knows the names of files,
//! interfaces and pools. A [`Sink`] takes records; [`EveSink`] writes them as lines of EVE JSON, which `docs/events.md` describes
//! and [`SCHEMA`] defines. `output` relies on `wire`, `flow` and `detect` for their types, never runs on a worker, reads no
//! clock and no frame, and decides nothing: which events there are, and in which order, is settled before they come here.
#![forbid(unsafe_code)]

mod behind;
mod capture;
mod community;
mod ends;
mod eve;
mod pool;
mod prometheus;
mod record;
mod rotating;
mod scrape;
mod signature;
mod sink;
mod stats;
mod syslog;
mod time;
mod volatile;

pub use behind::Behind;
pub use capture::{CaptureStats, NicAccount, QueueAccount, Terms};
pub use community::community_id;
pub use ends::Ends;
pub use eve::{EveSink, json};
pub use pool::{Listing, NameSource, Pool};
pub use prometheus::{Gauges, prometheus};
pub use record::{
    AlertRecord, Behaviour, Blocked, Certainty, FlowRecord, HostRecord, NameRecord, Origin, Record,
    RecordBody, Verdict,
};
pub use rotating::Rotation;
pub use scrape::Scrape;
pub use signature::{BEHAVIOUR_ID, BLOCKED_ID, Signature};
pub use sink::{Config, Error, Sink, Target, open};
pub use stats::{Frames, HostCounters, StatsRecord};
pub use syslog::{Address, SyslogSink};
pub use time::rfc3339;
pub use volatile::{VOLATILE, normalize};

/// The JSON schema (2020-12) of every event that [`EveSink`] writes: `docs/events.schema.json`.
pub const SCHEMA: &str = include_str!("../../../docs/events.schema.json");
