//! What a replay says to people: who mines, and what became of the frames.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use pithead_detect::Stage;
use pithead_flow::Direction;
use pithead_output::{FlowRecord, HostRecord, Pool, Record, RecordBody, StatsRecord, Verdict, rfc3339};
use pithead_wire::{Discard, Timestamp};

/// The most miners, and the most hosts, that are shown; the events have all of them.
const ROWS: usize = 50;

/// What stands where nothing is known.
const NOTHING: &str = "-";
/// Columns of text where there is no terminal to ask.
const WIDTH: u16 = 120;

const BOLD: Style = Style::new().bold();
const ALARM: Style = AnsiColor::Red.on_default().bold();
const CALM: Style = AnsiColor::Green.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// An empty table in the house's style.
pub(crate) fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        table.set_width(asked.unwrap_or(WIDTH));
    }
    table.set_header(head);
    table
}

/// A miner: one host that mines in one way for one pool.
#[derive(Debug)]
struct Miner {
    pool: String,
    agent: String,
    user: String,
    stage: Stage,
    sure: &'static str,
    first: Timestamp,
    last: Timestamp,
    flows: BTreeMap<u64, (u64, u64, u64)>,
}

impl Miner {
    fn shares(&self) -> String {
        let add =
            |sum: (u64, u64, u64), flow: &(u64, u64, u64)| (sum.0 + flow.0, sum.1 + flow.1, sum.2 + flow.2);
        match self.flows.values().fold((0, 0, 0), add) {
            (0, 0, 0) => NOTHING.to_owned(),
            (sent, accepted, 0) => format!("{sent} sent\n{accepted} accepted"),
            (sent, accepted, rejected) => format!("{sent} sent\n{accepted} accepted\n{rejected} rejected"),
        }
    }
}

/// Gathers what the summary shows.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    miners: BTreeMap<(IpAddr, &'static str, String), Miner>,
    hosts: Vec<HostRecord>,
}

impl Summary {
    /// Takes in a record.
    pub(crate) fn note(&mut self, record: &Record) {
        match &record.body {
            RecordBody::Alert(alert) => {
                self.miner(&alert.flow, &alert.verdict, alert.pool.as_ref(), record.at);
            }
            RecordBody::Flow(flow) => {
                let FlowRecord { flow, verdict, pool, .. } = &**flow;
                if let Some(verdict) = verdict {
                    self.miner(flow, verdict, pool.as_ref(), flow.last);
                }
            }
            RecordBody::Host(host) => self.hosts.push((**host).clone()),
            RecordBody::Name(_) | RecordBody::Stats(_) => {}
        }
    }

    fn miner(&mut self, flow: &pithead_flow::Summary, verdict: &Verdict, pool: Option<&Pool>, at: Timestamp) {
        let (host, server) = match verdict.client() {
            Direction::Forward => (flow.source.ip(), flow.destination),
            Direction::Backward => (flow.destination.ip(), flow.source),
        };
        let dialect = verdict.dialect().unwrap_or(NOTHING);
        let mut said = (String::new(), String::new(), (0, 0, 0));
        if let Verdict::Session(mining) = verdict {
            let facts = &mining.facts;
            said.0 = facts.agent.clone().unwrap_or_default();
            said.1 = facts.user.clone().or_else(|| facts.wallet.clone()).unwrap_or_default();
            said.2 = (mining.shares.sent, mining.shares.accepted, mining.shares.rejected);
        }
        let pool = pool_text(pool, server);
        let miner = self.miners.entry((host, dialect, pool.clone())).or_insert_with(|| Miner {
            pool,
            agent: String::new(),
            user: String::new(),
            stage: verdict.stage(),
            sure: verdict.certainty().name(),
            first: flow.first,
            last: at,
            flows: BTreeMap::new(),
        });
        miner.stage = miner.stage.max(verdict.stage());
        miner.sure = verdict.certainty().name();
        miner.first = miner.first.min(flow.first);
        miner.last = miner.last.max(at);
        miner.flows.insert(flow.id, said.2);
        for (into, new) in [(&mut miner.agent, said.0), (&mut miner.user, said.1)] {
            if !new.is_empty() {
                *into = new;
            }
        }
    }

    /// The summary as text.
    pub(crate) fn render(&self, stats: &StatsRecord) -> String {
        let mut text = String::new();
        totals(&mut text, stats);
        self.miners(&mut text);
        self.hosts(&mut text);
        text
    }

    fn miners(&self, text: &mut String) {
        if self.miners.is_empty() {
            let _ = writeln!(text, "{CALM}No miners.{CALM:#}");
            return;
        }
        let mut rows = table(["host", "pool", "how", "user or wallet", "seen (UTC)", "shares", "stage"]);
        for ((host, dialect, _), miner) in self.miners.iter().take(ROWS) {
            rows.add_row([
                host.to_string(),
                miner.pool.clone(),
                two(dialect, &shorten(&miner.agent, 26)),
                shorten(&miner.user, 26),
                span(miner.first, miner.last),
                miner.shares(),
                two(miner.stage.name(), miner.sure),
            ]);
        }
        let hosts: std::collections::BTreeSet<_> = self.miners.keys().map(|(host, ..)| host).collect();
        let _ = writeln!(text, "{rows}");
        let more = self.miners.len().saturating_sub(ROWS);
        if more > 0 {
            let _ = writeln!(text, "… and {more} more; --eve has all of them.");
        }
        let (count, hosts) = (self.miners.len(), hosts.len());
        let _ = writeln!(text, "{ALARM}{} on {}.{ALARM:#}", plural(count, "miner"), plural(hosts, "host"));
    }

    fn hosts(&self, text: &mut String) {
        if self.hosts.is_empty() {
            return;
        }
        let mut rows =
            table(["host", "packets out", "in", "bytes out", "in", "flows out", "in", "peers", "ports"]);
        for host in self.hosts.iter().take(ROWS) {
            let stats = &host.stats;
            rows.add_row([
                host.address.map_or("others".to_owned(), |address| address.to_string()),
                stats.packets_out.to_string(),
                stats.packets_in.to_string(),
                stats.bytes_out.to_string(),
                stats.bytes_in.to_string(),
                stats.flows_out.to_string(),
                stats.flows_in.to_string(),
                format!("≈{}", stats.peers.estimate()),
                format!("≈{}", stats.ports.estimate()),
            ]);
        }
        let _ = writeln!(text, "\n{rows}");
        let more = self.hosts.len().saturating_sub(ROWS);
        if more > 0 {
            let _ = writeln!(text, "… and {more} more hosts; --eve has all of them.");
        }
    }
}

fn totals(text: &mut String, stats: &StatsRecord) {
    let frames = &stats.frames;
    let seconds = stats.elapsed.as_secs_f64().max(1e-9);
    let _ = writeln!(
        text,
        "{BOLD}{}{BOLD:#}, {} in {}: {} Mpps, {} Gbit/s; {}",
        counted(frames.read, "frame"),
        size(frames.bytes),
        duration(stats.elapsed),
        figure(frames.read as f64 / seconds / 1e6),
        figure(frames.bytes as f64 * 8.0 / seconds / 1e9),
        counted(stats.flows.flows, "flow"),
    );
    let mut left: Vec<String> = Discard::ALL
        .iter()
        .zip(frames.discarded)
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{} {}", grouped(count), reason.name().replace('_', " ")))
        .collect();
    let others = [
        (frames.other_protocols, "neither TCP nor UDP"),
        (frames.fragments, "fragments of what was not whole"),
        (frames.refused, "without room in the flow table"),
    ];
    left.extend(
        others
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(*count))),
    );
    if !left.is_empty() {
        let _ = writeln!(text, "{FAINT}{} in flows; {}{FAINT:#}", grouped(frames.in_flows), left.join(", "));
    }
    if frames.unexplained() != 0 {
        let _ = writeln!(
            text,
            "{ALARM}{} frames are unexplained: a mistake in this program.{ALARM:#}",
            frames.unexplained()
        );
    }
}

fn pool_text(pool: Option<&Pool>, server: SocketAddr) -> String {
    match pool {
        Some(Pool { name: Some(name), address: Some(address), port, .. }) => {
            let port = port.unwrap_or(server.port());
            format!("{name}\n{}", SocketAddr::new(*address, port))
        }
        Some(Pool { name: Some(name), port, .. }) => {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{name}{port}\nby proxy {server}")
        }
        _ => server.to_string(),
    }
}

/// A stretch of time: the day, and when it began and ended, with the other day where it is another.
fn span(first: Timestamp, last: Timestamp) -> String {
    let (first, last) = (rfc3339(first), rfc3339(last));
    let part = |text: &str, range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    let (day, other) = (part(&first, 0..10), part(&last, 0..10));
    let (begin, end) = (part(&first, 11..19), part(&last, 11..19));
    if day == other { format!("{day}\n{begin}\n{end}") } else { format!("{day}\n{begin}\n{other}\n{end}") }
}

/// Two lines of a cell; one where there is nothing for the other.
fn two(first: &str, second: &str) -> String {
    if second == NOTHING { first.to_owned() } else { format!("{first}\n{second}") }
}

fn shorten(text: &str, most: usize) -> String {
    if text.is_empty() {
        return NOTHING.to_owned();
    }
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most - 9).collect();
    let tail: String = text.chars().skip(text.chars().count() - 8).collect();
    format!("{head}…{tail}")
}

pub(crate) fn plural(count: usize, what: &str) -> String {
    counted(count as u64, what)
}

fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes >= 1e9 => format!("{:.2} GB", bytes / 1e9),
        _ if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        _ if bytes >= 1e3 => format!("{:.1} kB", bytes / 1e3),
        _ => format!("{bytes} bytes"),
    }
}

fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// Three significant digits.
fn figure(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ if value >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!((grouped(7).as_str(), grouped(1234567).as_str()), ("7", "1,234,567"));
        assert_eq!(size(342_000_000), "342.0 MB");
        assert_eq!((figure(0.1234), figure(12.34)), ("0.123".into(), "12.3".into()));
        assert_eq!(shorten(&"abcdefghij".repeat(9), 20), "abcdefghija…cdefghij");
        assert_eq!((plural(1, "host"), plural(1234, "host")), ("1 host".into(), "1,234 hosts".into()));
    }
}
