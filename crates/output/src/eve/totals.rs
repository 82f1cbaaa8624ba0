//! `host` and `stats`: sums.

use std::net::IpAddr;

use pithead_flow::FragmentCounters;
use pithead_wire::Discard;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Number;

use super::capture::Capture;
use super::flow::Anomalies;
use super::number::rounded;
use crate::record::HostRecord;
use crate::stats::{self, StatsRecord};
use crate::time::rfc3339;

/// What a host sent and received.
#[derive(Debug, Serialize)]
pub(super) struct Host {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<bool>,
    pkts_sent: u64,
    pkts_received: u64,
    bytes_sent: u64,
    bytes_received: u64,
    flows_begun: u64,
    flows_accepted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    peers_estimate: u32,
    ports_estimate: u32,
}

impl Host {
    pub(super) fn new(record: &HostRecord) -> Self {
        let stats = &record.stats;
        Self {
            ip: record.address,
            others: record.address.is_none().then_some(true),
            pkts_sent: stats.packets_out,
            pkts_received: stats.packets_in,
            bytes_sent: stats.bytes_out,
            bytes_received: stats.bytes_in,
            flows_begun: stats.flows_out,
            flows_accepted: stats.flows_in,
            first_seen: stats.first_seen.map(rfc3339),
            last_seen: stats.last_seen.map(rfc3339),
            peers_estimate: stats.peers.estimate(),
            ports_estimate: stats.ports.estimate(),
        }
    }
}

/// What the program did.
#[derive(Debug, Serialize)]
pub(super) struct Stats<'a> {
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capture: Option<Capture<'a>>,
    frames: Frames,
    flows: Flows,
    fragments: Fragments,
    detect: Detect,
    behaviour: Watch,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<Hosts>,
    alerts: u64,
    forgotten: u64,
    jumps_back: u64,
}

impl<'a> Stats<'a> {
    pub(super) fn new(stats: &'a StatsRecord) -> Self {
        Self {
            version: &stats.version,
            // Milliseconds are as much as anyone can compare.
            seconds: rounded(stats.elapsed.as_millis() as f64 / 1_000.0),
            files: stats.files,
            capture: stats.capture.as_ref().map(Capture::new),
            frames: Frames::new(&stats.frames),
            flows: Flows {
                begun: stats.flows.flows,
                ended: stats.flows_ended,
                packets: stats.flows.packets,
                refused_packets: stats.flows.refused,
            },
            fragments: Fragments::new(&stats.fragments),
            detect: Detect {
                inspected: stats.detect.inspected,
                resumed: stats.detect.resumed,
                records_full: stats.detect.records_full,
                messages_full: stats.detect.messages_full,
                windows_full: stats.detect.windows_full,
                readings_full: stats.detect.readings_full,
                streams: Anomalies::all(&stats.detect.oddities),
            },
            behaviour: Watch { watched: stats.watch.watched, busy: stats.watch.busy, full: stats.watch.full },
            hosts: stats.hosts.map(|hosts| Hosts { known: hosts.known, refused: hosts.refused }),
            alerts: stats.alerts,
            forgotten: stats.forgotten,
            jumps_back: stats.jumps_back,
        }
    }
}

#[derive(Debug, Serialize)]
struct Frames {
    read: u64,
    bytes: u64,
    decoded: u64,
    discarded: u64,
    discarded_by: Reasons,
    in_flows: u64,
    not_tcp_udp: u64,
    not_tcp_udp_by: Others,
    refused: u64,
    unexplained: u64,
}

impl Frames {
    fn new(frames: &stats::Frames) -> Self {
        Self {
            read: frames.read,
            bytes: frames.bytes,
            decoded: frames.decoded,
            discarded: frames.discarded(),
            discarded_by: Reasons(frames.discarded),
            in_flows: frames.in_flows,
            not_tcp_udp: frames.not_tcp_udp(),
            not_tcp_udp_by: Others { fragments: frames.fragments, other_protocols: frames.other_protocols },
            refused: frames.refused,
            unexplained: frames.unexplained(),
        }
    }
}

/// Counters by the names of their reasons, in the order of the reasons.
#[derive(Debug)]
struct Reasons([u64; Discard::ALL.len()]);

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (reason, count) in Discard::ALL.iter().zip(self.0) {
            map.serialize_entry(reason.name(), &count)?;
        }
        map.end()
    }
}

#[derive(Debug, Serialize)]
struct Others {
    fragments: u64,
    other_protocols: u64,
}

#[derive(Debug, Serialize)]
struct Flows {
    begun: u64,
    ended: u64,
    packets: u64,
    refused_packets: u64,
}

#[derive(Debug, Serialize)]
struct Fragments {
    received: u64,
    completed: u64,
    expired: u64,
    evicted: u64,
    overlaps: u64,
    conflicts: u64,
    invalid: u64,
}

impl Fragments {
    const fn new(counters: &FragmentCounters) -> Self {
        Self {
            received: counters.received,
            completed: counters.completed,
            expired: counters.expired,
            evicted: counters.evicted,
            overlaps: counters.overlaps,
            conflicts: counters.conflicts,
            invalid: counters.invalid,
        }
    }
}

#[derive(Debug, Serialize)]
struct Detect {
    inspected: u64,
    resumed: u64,
    records_full: u64,
    messages_full: u64,
    windows_full: u64,
    readings_full: u64,
    streams: Anomalies,
}

#[derive(Debug, Serialize)]
struct Watch {
    watched: u64,
    busy: u64,
    full: u64,
}

#[derive(Debug, Serialize)]
struct Hosts {
    known: u64,
    refused: u64,
}
