//! `flow`, `tcp` and `anomalies`: what a flow was, seen from its client.

use pithead_detect::Oddities;
use pithead_flow::{End, State, Summary};
use pithead_wire::Flags;
use serde::Serialize;

use super::envelope::TCP;
use crate::ends::Ends;
use crate::record::FlowRecord;
use crate::time::rfc3339;

/// A flow that is under way: the part that both kinds of event have.
#[derive(Debug, Serialize)]
pub(super) struct AlertFlow {
    pkts_toserver: u64,
    pkts_toclient: u64,
    bytes_toserver: u64,
    bytes_toclient: u64,
    start: String,
}

impl AlertFlow {
    pub(super) fn new(flow: &Summary, ends: &Ends) -> Self {
        let [pkts_toserver, pkts_toclient] = ends.packets;
        let [bytes_toserver, bytes_toclient] = ends.bytes;
        Self { pkts_toserver, pkts_toclient, bytes_toserver, bytes_toclient, start: rfc3339(flow.first) }
    }
}

/// A flow that is over, or as far as it has come.
#[derive(Debug, Serialize)]
pub(super) struct EndedFlow {
    #[serde(flatten)]
    counts: AlertFlow,
    end: String,
    age: u64,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    alerted: bool,
}

impl EndedFlow {
    pub(super) fn new(record: &FlowRecord, ends: &Ends) -> Self {
        let flow = &record.flow;
        Self {
            counts: AlertFlow::new(flow, ends),
            end: rfc3339(flow.last),
            age: flow.last.since(flow.first).as_secs(),
            state: state(flow),
            reason: record.end.map(reason),
            alerted: record.verdict.is_some(),
        }
    }
}

/// The state in Suricata's words, which call a UDP flow established once it was answered.
const fn state(flow: &Summary) -> &'static str {
    let [there, back] = flow.packets;
    match flow.state {
        State::New => "new",
        State::Established => "established",
        State::Closed => "closed",
        State::Datagrams if there > 0 && back > 0 => "established",
        State::Datagrams => "new",
    }
}

const fn reason(end: End) -> &'static str {
    match end {
        End::Timeout => "timeout",
        End::Closed => "closed",
        End::Replaced => "replaced",
        End::Shutdown => "shutdown",
    }
}

/// TCP control bits: all as hexadecimal digits, and by name those that were seen.
#[derive(Debug, Serialize)]
pub(super) struct Tcp {
    tcp_flags: String,
    tcp_flags_ts: String,
    tcp_flags_tc: String,
    #[serde(skip_serializing_if = "is_false")]
    syn: bool,
    #[serde(skip_serializing_if = "is_false")]
    fin: bool,
    #[serde(skip_serializing_if = "is_false")]
    rst: bool,
    #[serde(skip_serializing_if = "is_false")]
    psh: bool,
    #[serde(skip_serializing_if = "is_false")]
    ack: bool,
    #[serde(skip_serializing_if = "is_false")]
    urg: bool,
}

impl Tcp {
    /// The control bits, if it is TCP.
    pub(super) fn new(flow: &Summary, ends: &Ends) -> Option<Self> {
        if flow.protocol != TCP {
            return None;
        }
        let [to_server, to_client] = ends.flags;
        let all = to_server.union(to_client);
        Some(Self {
            tcp_flags: digits(all),
            tcp_flags_ts: digits(to_server),
            tcp_flags_tc: digits(to_client),
            syn: all.contains(Flags::SYN),
            fin: all.contains(Flags::FIN),
            rst: all.contains(Flags::RST),
            psh: all.contains(Flags::PSH),
            ack: all.contains(Flags::ACK),
            urg: all.contains(Flags::URG),
        })
    }
}

fn digits(flags: Flags) -> String {
    format!("{:02x}", flags.0)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What was odd about the bytes of a flow.
#[derive(Debug, Serialize)]
pub(super) struct Anomalies {
    gaps: u64,
    lost_bytes: u64,
    conflicts: u64,
    out_of_order: u64,
    retransmissions: u64,
}

impl Anomalies {
    /// The oddities, if there are any.
    pub(super) fn new(oddities: &Oddities) -> Option<Self> {
        (*oddities != Oddities::default()).then(|| Self::all(oddities))
    }

    /// The oddities, be they all 0.
    pub(super) const fn all(oddities: &Oddities) -> Self {
        Self {
            gaps: oddities.gaps,
            lost_bytes: oddities.lost_bytes,
            conflicts: oddities.conflicts,
            out_of_order: oddities.out_of_order,
            retransmissions: oddities.retransmissions,
        }
    }
}
