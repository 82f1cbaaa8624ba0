//! The sums as Prometheus reads them: text, by its naming rules, made from the same record as the `stats` event.
//!
//! What is not known is left out, as an absent series, and never 0.

use std::fmt::Write as _;

use pithead_wire::Discard;

use crate::capture::{CaptureStats, Terms};
use crate::stats::StatsRecord;

/// How things stand at this moment, beside the sums.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauges {
    /// The share of its core that each worker used of late, from 0 to 1, where it is known.
    pub worker_busy: Vec<Option<f64>>,
    /// Alerts by dialect; those of miners that were blocked by the empty one.
    pub alerts: Vec<(&'static str, u64)>,
    /// Sinks by name: records passed on, and lost.
    pub sinks: Vec<(String, u64, u64)>,
    /// The most flows that all workers together can follow.
    pub flows_max: u64,
}

/// The page that is scraped.
pub fn prometheus(stats: &StatsRecord, gauges: &Gauges) -> String {
    let mut page = Page::default();
    page.family("build_info", "gauge", "Version of pithead").put(&[("version", &stats.version)], 1);
    page.family("uptime_seconds", "gauge", "How long it has been listening")
        .real(&[], stats.elapsed.as_secs_f64());
    frames(&mut page, stats);
    flows(&mut page, stats, gauges);
    detection(&mut page, stats, gauges);
    if let Some(capture) = &stats.capture {
        links(&mut page, capture);
    }
    program(&mut page, gauges);
    page.text
}

fn frames(page: &mut Page, stats: &StatsRecord) {
    let frames = &stats.frames;
    page.counter("frames_total", "Frames read by the workers", frames.read);
    page.counter("bytes_total", "Their bytes on the wire", frames.bytes);
    page.counter("decoded_frames_total", "Frames decoded", frames.decoded);
    page.family("discards_total", "counter", "Frames that could not be decoded, by reason");
    for (reason, count) in Discard::ALL.iter().zip(frames.discarded) {
        page.put(&[("reason", reason.name())], count);
    }
    page.counter(
        "unexplained_frames_total",
        "Frames that were decoded and are in no counter: a fault",
        frames.unexplained(),
    );
}

fn flows(page: &mut Page, stats: &StatsRecord, gauges: &Gauges) {
    page.counter("flows_begun_total", "Flows begun", stats.flows.flows);
    page.counter("flows_ended_total", "Flows ended", stats.flows_ended);
    let now = stats.flows.flows.saturating_sub(stats.flows_ended);
    page.family("flows", "gauge", "Flows that are followed now").put(&[], now);
    page.family("flows_max", "gauge", "The most flows that can be followed").put(&[], gauges.flows_max);
    page.counter("flow_packets_total", "Packets counted in flows", stats.flows.packets);
    page.counter("flow_refused_packets_total", "Packets of flows that found no room", stats.flows.refused);
    page.family("fragments_total", "counter", "Pieces of datagrams, by what became of them");
    let fragments = &stats.fragments;
    for (fate, count) in [("received", fragments.received), ("invalid", fragments.invalid)] {
        page.put(&[("fate", fate)], count);
    }
    page.family("datagrams_total", "counter", "Datagrams in pieces, by what became of them");
    for (fate, count) in
        [("completed", fragments.completed), ("expired", fragments.expired), ("evicted", fragments.evicted)]
    {
        page.put(&[("fate", fate)], count);
    }
}

fn detection(page: &mut Page, stats: &StatsRecord, gauges: &Gauges) {
    page.family("alerts_total", "counter", "Alerts raised, by dialect; blocked miners spoke none");
    for (dialect, count) in &gauges.alerts {
        page.put(&[("dialect", if dialect.is_empty() { "none" } else { dialect })], *count);
    }
    page.counter("inspected_flows_total", "Flows looked into", stats.detect.inspected);
    page.counter(
        "records_full_total",
        "Payloads judged alone, for want of room to follow their flow",
        stats.detect.records_full,
    );
    page.counter("watched_flows_total", "Flows watched for how they behave", stats.watch.watched);
    page.counter(
        "watched_full_total",
        "Packets at which a flow would have been watched had there been room",
        stats.watch.full,
    );
    page.counter(
        "messages_full_total",
        "Messages judged by their first piece, for want of room",
        stats.detect.messages_full,
    );
    page.counter(
        "windows_full_total",
        "Packed messages of WebSockets read without those before them, for want of room",
        stats.detect.windows_full,
    );
    page.counter(
        "forgotten_total",
        "Names, and words about flows, that were forgotten to make room",
        stats.forgotten,
    );
}

/// A term of the account of a queue: its name, what it means, and where it stands.
type Term = (&'static str, &'static str, fn(&Terms) -> Option<u64>);

const TERMS: [Term; 9] = [
    ("capture_seen_frames_total", "Frames that the XDP program met", |terms| terms.seen),
    ("capture_to_sockets_frames_total", "Frames that it sent to sockets", |terms| terms.to_sockets),
    ("capture_no_socket_frames_total", "Frames whose queue has no socket", |terms| terms.no_socket),
    ("capture_filtered_frames_total", "Frames that were not asked for", |terms| terms.filtered),
    ("capture_received_frames_total", "Frames that came out of the sockets", |terms| terms.received),
    ("capture_rx_dropped_frames_total", "Frames that found no free memory", |terms| terms.rx_dropped),
    ("capture_rx_ring_full_frames_total", "Frames that found the ring full", |terms| terms.rx_ring_full),
    ("capture_invalid_frames_total", "Frames that made no sense", |terms| terms.invalid),
    (
        "capture_fill_ring_empty_total",
        "Times that no memory had been given back: a cause of losses",
        |terms| terms.fill_ring_empty,
    ),
];

fn links(page: &mut Page, capture: &CaptureStats) {
    page.family("capture_mode", "gauge", "How frames of a queue come");
    for queue in &capture.queues {
        page.put(
            &[("interface", &queue.interface), ("queue", &queue.queue.to_string()), ("mode", queue.mode)],
            1,
        );
    }
    for (name, help, term) in TERMS {
        page.family(name, "counter", help);
        for queue in &capture.queues {
            if let Some(count) = term(&queue.terms) {
                page.put(&[("interface", &queue.interface), ("queue", &queue.queue.to_string())], count);
            }
        }
    }
    if let Some(count) = capture.unexplained() {
        page.family(
            "capture_unexplained_frames",
            "gauge",
            "Frames that are missing from the account, or too many in it",
        );
        page.put(&[], count);
    }
    page.counter(
        "events_dropped_total",
        "Events that nobody took from the workers in time",
        capture.events_dropped,
    );
    page.family("nic_frames_total", "counter", "What the NIC counted by itself, by what became of the frame");
    for nic in &capture.nics {
        let fates = [
            ("received", nic.received),
            ("missed", nic.missed),
            ("no_buffer", nic.no_buffer),
            ("fifo", nic.fifo),
            ("over", nic.over),
            ("dropped", nic.dropped),
            ("crc", nic.crc),
            ("length", nic.length),
        ];
        for (fate, count) in fates {
            if let Some(count) = count {
                page.put(&[("interface", &nic.interface), ("fate", fate)], count);
            }
        }
    }
}

fn program(page: &mut Page, gauges: &Gauges) {
    page.family("worker_busy_ratio", "gauge", "The share of its core that a worker used of late");
    for (worker, busy) in gauges.worker_busy.iter().enumerate() {
        if let Some(busy) = busy {
            page.real(&[("worker", &worker.to_string())], *busy);
        }
    }
    page.family("sink_events_total", "counter", "Events by sink and what became of them");
    for (sink, written, lost) in &gauges.sinks {
        page.put(&[("sink", sink), ("fate", "written")], *written);
        page.put(&[("sink", sink), ("fate", "lost")], *lost);
    }
}

/// The text, and the family that is being written.
#[derive(Debug, Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.name = name;
        let _ = writeln!(self.text, "# HELP pithead_{name} {help}.\n# TYPE pithead_{name} {kind}");
        self
    }

    fn counter(&mut self, name: &'static str, help: &str, count: u64) {
        self.family(name, "counter", help).put(&[], count);
    }

    fn put(&mut self, labels: &[(&str, &str)], count: u64) {
        self.series(labels);
        let _ = writeln!(self.text, " {count}");
    }

    fn real(&mut self, labels: &[(&str, &str)], value: f64) {
        self.series(labels);
        let _ = writeln!(self.text, " {value:.3}");
    }

    fn series(&mut self, labels: &[(&str, &str)]) {
        let _ = write!(self.text, "pithead_{}", self.name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{label}=\"{value}\"", if place == 0 { "{" } else { "," });
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::capture::QueueAccount;

    fn page() -> String {
        let queue = QueueAccount {
            interface: "eth1".into(),
            mode: "skb",
            terms: Terms { seen: Some(7), ..Terms::default() },
            queue: 0,
        };
        let capture = CaptureStats { queues: vec![queue], ..CaptureStats::default() };
        let stats = StatsRecord { capture: Some(capture), ..StatsRecord::default() };
        let gauges = Gauges {
            worker_busy: vec![Some(0.25), None],
            alerts: vec![("stratum-v1", 3), ("", 1)],
            sinks: vec![("a \"b\"\\".into(), 5, 0)],
            flows_max: 10,
        };
        prometheus(&stats, &gauges)
    }

    #[test]
    fn what_is_not_known_has_no_series() {
        let page = page();
        assert!(
            page.contains("pithead_capture_seen_frames_total{interface=\"eth1\",queue=\"0\"} 7\n"),
            "{page}"
        );
        assert!(!page.contains("pithead_capture_rx_dropped_frames_total{") && !page.contains("worker=\"1\""));
        assert!(page.contains("pithead_alerts_total{dialect=\"none\"} 1\n"));
        assert!(page.contains("sink=\"a \\\"b\\\"\\\\\",fate=\"written\"} 5\n"));
    }

    #[test]
    fn families_are_declared_once_and_named_by_the_rules() {
        let page = page();
        let mut declared = BTreeSet::new();
        for line in page.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(declared.insert(name.to_owned()), "{name} twice");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                assert!(declared.contains(name), "{line}");
                let value = line.rsplit(' ').next().unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(declared.len() > 20);
    }
}
