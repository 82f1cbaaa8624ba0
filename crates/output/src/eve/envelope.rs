//! The whole event: what all types have in common, and a place for what each adds.

use std::net::IpAddr;

use pithead_flow::{Direction, Summary};
use serde::Serialize;

use super::flow::{AlertFlow, Anomalies, EndedFlow, Tcp};
use super::mining::{Alert, Mining};
use super::name::{Dns, Http, Tls};
use super::totals::{Host, Stats};
use super::watched::Watched;
use crate::community::community_id;
use crate::ends::Ends;
use crate::record::{AlertRecord, FlowRecord, HostRecord, NameRecord, Record, RecordBody, Verdict};
use crate::stats::StatsRecord;
use crate::time::rfc3339;

/// An event, ready to be written.
#[derive(Debug, Default, Serialize)]
pub(super) struct Event<'a> {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_iface: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pcap_cnt: Option<u64>,
    event_type: &'static str,
    #[serde(skip_serializing_if = "<[u16]>::is_empty")]
    vlan: &'a [u16],
    #[serde(skip_serializing_if = "Option::is_none")]
    src_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pcap_filename: Option<&'a str>,
    #[serde(flatten)]
    details: Details<'a>,
}

/// What each type of event adds.
#[derive(Debug, Default, Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Alert<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<Dns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<FlowPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<Tcp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anomalies: Option<Anomalies>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mining: Option<Mining<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watched: Option<Watched>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Host>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Stats<'a>>,
}

/// A flow that is under way, or one that is over.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum FlowPart {
    Alert(AlertFlow),
    Ended(EndedFlow),
}

/// The virtual network in which the packets travelled.
#[derive(Debug, Serialize)]
struct Tunnel {
    vni: u32,
}

impl<'a> Event<'a> {
    pub(super) fn new(record: &'a Record) -> Self {
        let event = match &record.body {
            RecordBody::Alert(alert) => Self::alert(alert),
            RecordBody::Flow(flow) => Self::flow(flow),
            RecordBody::Name(name) => Self::name(name),
            RecordBody::Host(host) => Self::host(host),
            RecordBody::Stats(stats) => Self::stats(stats),
        };
        Self {
            timestamp: rfc3339(record.at),
            in_iface: record.origin.interface.as_deref(),
            pcap_cnt: record.origin.number,
            pcap_filename: record.origin.file.as_deref(),
            ..event
        }
    }

    fn alert(alert: &'a AlertRecord) -> Self {
        let ends = Ends::new(&alert.flow, alert.verdict.client());
        let details = Details {
            alert: Some(Alert::new(&alert.signature, &alert.verdict)),
            flow: Some(FlowPart::Alert(AlertFlow::new(&alert.flow, &ends))),
            mining: Some(Mining::new(&alert.verdict, alert.pool.as_ref())),
            watched: Watched::of(Some(&alert.verdict), None),
            ..Details::default()
        };
        Self { app_proto: alert.app.name(), details, ..Self::between("alert", &alert.flow, &ends) }
    }

    fn flow(flow: &'a FlowRecord) -> Self {
        let client = flow.verdict.as_ref().map_or(Direction::Forward, Verdict::client);
        let ends = Ends::new(&flow.flow, client);
        let details = Details {
            flow: Some(FlowPart::Ended(EndedFlow::new(flow, &ends))),
            tcp: Tcp::new(&flow.flow, &ends),
            anomalies: Anomalies::new(&flow.oddities),
            mining: flow.verdict.as_ref().map(|verdict| Mining::new(verdict, flow.pool.as_ref())),
            watched: Watched::of(flow.verdict.as_ref(), flow.watched.as_deref()),
            ..Details::default()
        };
        Self { app_proto: flow.app.name(), details, ..Self::between("flow", &flow.flow, &ends) }
    }

    fn name(name: &'a NameRecord) -> Self {
        let ends = Ends::new(&name.flow, Direction::Forward);
        let (dns, tls, http) = (Dns::new(name), Tls::new(name), Http::new(name));
        let kind = match (&dns, &tls) {
            (Some(_), _) => "dns",
            (_, Some(_)) => "tls",
            _ => "http",
        };
        let details = Details { dns, tls, http, mining: Some(Mining::named(name)), ..Details::default() };
        Self { app_proto: name.app.name(), details, ..Self::between(kind, &name.flow, &ends) }
    }

    fn host(host: &HostRecord) -> Self {
        let details = Details { host: Some(Host::new(host)), ..Details::default() };
        Self { event_type: "host", details, ..Self::default() }
    }

    fn stats(stats: &'a StatsRecord) -> Self {
        let details = Details { stats: Some(Stats::new(stats)), ..Details::default() };
        Self { event_type: "stats", details, ..Self::default() }
    }

    /// An event of a flow, with who and where.
    fn between(event_type: &'static str, flow: &'a Summary, ends: &Ends) -> Self {
        let vlans = usize::from(flow.tags.vlans).min(flow.tags.vlan.len());
        Self {
            flow_id: Some(flow.id),
            event_type,
            vlan: flow.tags.vlan.get(..vlans).unwrap_or_default(),
            src_ip: Some(ends.client.ip()),
            src_port: Some(ends.client.port()),
            dest_ip: Some(ends.server.ip()),
            dest_port: Some(ends.server.port()),
            proto: Some(if flow.protocol == TCP { "TCP" } else { "UDP" }),
            tunnel: flow.tags.vni.map(|vni| Tunnel { vni }),
            community_id: Some(community_id(flow.source, flow.destination, flow.protocol)),
            ..Self::default()
        }
    }
}

/// IANA's number. Flows are made of TCP and UDP only.
pub(super) const TCP: u8 = 6;
