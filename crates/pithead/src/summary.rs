//! What a replay says to people: who mines, and what became of the frames.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use pithead_detect::Stage;
use pithead_flow::Direction;
use pithead_output::{FlowRecord, HostRecord, Pool, Record, RecordBody, StatsRecord, Verdict, rfc3339};
use pithead_wire::{Discard, Timestamp};

use crate::columns::{self, Layout, shorten};
#[cfg(target_os = "linux")]
use crate::status::{MinerStatus, Miners, SharesStatus};

/// The most miners, and the most hosts, that are shown; the events have all of them.
const ROWS: usize = 50;
/// The most miners that a status lists: more than anybody scrolls through, and about 200 kB.
#[cfg(target_os = "linux")]
const LISTED: usize = 500;
/// The most miners that are kept. A tap may run for months; so many are 10 MB at most.
const MINERS: usize = 10_000;

/// What stands where nothing is known.
const NOTHING: &str = "-";
/// How much of an agent or a user is shown.
const SHOWN: usize = 26;

const BOLD: Style = Style::new().bold();
const ALARM: Style = AnsiColor::Red.on_default().bold();
const CALM: Style = AnsiColor::Green.on_default().bold();
const FAINT: Style = Style::new().dimmed();

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
    /// Shares sent, accepted and rejected in flows that have ended.
    ended: Shares,
    /// The same by flow, as last told, of those that have not.
    flows: BTreeMap<u64, Shares>,
}

type Shares = (u64, u64, u64);

const fn add(sum: Shares, more: Shares) -> Shares {
    (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2)
}

impl Miner {
    fn sum(&self) -> Shares {
        self.flows.values().copied().fold(self.ended, add)
    }

    fn shares(&self) -> String {
        match self.sum() {
            (0, 0, 0) => String::new(),
            (sent, accepted, 0) => format!("{sent} sent\n{accepted} accepted"),
            (sent, accepted, rejected) => format!("{sent} sent\n{accepted} accepted\n{rejected} rejected"),
        }
    }
}

/// Gathers what the summary shows.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    miners: BTreeMap<(IpAddr, &'static str, String), Miner>,
    /// Flows of miners for whom there was no room.
    unkept: u64,
    hosts: Vec<HostRecord>,
    /// Whether the hosts are all there are: a live link tells them anew each minute.
    told: bool,
}

impl Summary {
    /// Takes in a record.
    pub(crate) fn note(&mut self, record: &Record) {
        match &record.body {
            RecordBody::Alert(alert) => {
                self.miner(&alert.flow, &alert.verdict, alert.pool.as_ref(), record.at, false);
            }
            RecordBody::Flow(flow) => {
                let FlowRecord { flow, verdict, pool, end, .. } = &**flow;
                if let Some(verdict) = verdict {
                    self.miner(flow, verdict, pool.as_ref(), flow.last, end.is_some());
                }
            }
            RecordBody::Host(host) => {
                if std::mem::take(&mut self.told) {
                    self.hosts.clear();
                }
                self.hosts.push((**host).clone());
            }
            RecordBody::Stats(_) => self.told = true,
            RecordBody::Name(_) => {}
        }
    }

    fn miner(
        &mut self,
        flow: &pithead_flow::Summary,
        verdict: &Verdict,
        pool: Option<&Pool>,
        at: Timestamp,
        over: bool,
    ) {
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
        let key = (host, dialect, pool.clone());
        if self.miners.len() >= MINERS && !self.miners.contains_key(&key) {
            self.unkept += u64::from(over);
            return;
        }
        let miner = self.miners.entry(key).or_insert_with(|| Miner {
            pool,
            agent: String::new(),
            user: String::new(),
            stage: verdict.stage(),
            sure: verdict.certainty().name(),
            first: flow.first,
            last: at,
            ended: (0, 0, 0),
            flows: BTreeMap::new(),
        });
        miner.stage = miner.stage.max(verdict.stage());
        miner.sure = verdict.certainty().name();
        miner.first = miner.first.min(flow.first);
        miner.last = miner.last.max(at);
        if over {
            miner.flows.remove(&flow.id);
            miner.ended = add(miner.ended, said.2);
        } else {
            miner.flows.insert(flow.id, said.2);
        }
        for (into, new) in [(&mut miner.agent, said.0), (&mut miner.user, said.1)] {
            if !new.is_empty() {
                *into = new;
            }
        }
    }

    /// The miners so far, those seen last first.
    #[cfg(target_os = "linux")]
    pub(crate) fn miners_now(&self) -> Miners {
        let mut miners: Vec<_> = self.miners.iter().collect();
        miners.sort_by_key(|(_, miner)| std::cmp::Reverse(miner.last));
        let status = |((host, dialect, _), miner): (&(IpAddr, &str, String), &Miner)| {
            let (sent, accepted, rejected) = miner.sum();
            MinerStatus {
                host: host.to_string(),
                pool: miner.pool.replace('\n', " "),
                dialect: (*dialect).to_owned(),
                agent: miner.agent.clone(),
                user: miner.user.clone(),
                stage: miner.stage.name().to_owned(),
                certainty: miner.sure.to_owned(),
                shares: SharesStatus { sent, accepted, rejected },
                first_seen: rfc3339(miner.first),
                last_seen: rfc3339(miner.last),
            }
        };
        Miners {
            total: self.miners.len() as u64,
            listed: miners.into_iter().take(LISTED).map(status).collect(),
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
        let _ = writeln!(text, "{}", columns::render(&self.miner_layouts()));
        let more = self.miners.len().saturating_sub(ROWS);
        if more > 0 {
            let _ = writeln!(text, "… and {} more; --eve has all of them.", grouped(more as u64));
        }
        if self.unkept > 0 {
            let unkept = counted(self.unkept, "flow");
            let _ = writeln!(text, "… and {unkept} of miners beyond the first {}.", grouped(MINERS as u64));
        }
        let hosts: std::collections::BTreeSet<_> = self.miners.keys().map(|(host, ..)| host).collect();
        let verb = if hosts.len() == 1 { "mines" } else { "mine" };
        let ways = match self.miners.len() {
            ways if ways > hosts.len() => {
                format!(", in {ways} ways (by dialect and pool)", ways = grouped(ways as u64))
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "{ALARM}{} {verb}{ways}.{ALARM:#}", plural(hosts.len(), "host"));
    }

    /// The same rows for terminals of several widths. A pool is cut only in the narrowest: it is what is asked for first.
    fn miner_layouts(&self) -> [Layout; 4] {
        let mut wide = Layout::new(&[
            ("host", false),
            ("pool", false),
            ("how", true),
            ("user or wallet", true),
            ("seen (UTC)", false),
            ("shares", false),
            ("stage", false),
        ]);
        let mut middling = Layout::new(&[
            ("host, seen (UTC)", false),
            ("pool", false),
            ("how, user or wallet", true),
            ("stage, shares", false),
        ]);
        let mut slim = Layout::new(&[
            ("host, seen (UTC)", false),
            ("pool, user or wallet", false),
            ("how, stage, shares", true),
        ]);
        let mut narrow = Layout::new(&[("host, pool, user or wallet", true), ("how, stage, shares", true)]);
        for ((host, dialect, _), miner) in self.miners.iter().take(ROWS) {
            let (host, seen) = (host.to_string(), span(miner.first, miner.last));
            let (how, user) = (lines([dialect, &shorten(&miner.agent, SHOWN)]), shorten(&miner.user, SHOWN));
            let (stage, shares) = (lines([miner.stage.name(), miner.sure]), miner.shares());
            wide.row([
                host.clone(),
                miner.pool.clone(),
                or_dash(&how),
                or_dash(&user),
                seen.clone(),
                or_dash(&shares),
                stage.clone(),
            ]);
            middling.row([
                lines([&host, &seen]),
                miner.pool.clone(),
                lines([&how, &user]),
                lines([&stage, &shares]),
            ]);
            slim.row([lines([&host, &seen]), lines([&miner.pool, &user]), lines([&how, &stage, &shares])]);
            narrow.row([lines([&host, &miner.pool, &user]), lines([&how, &stage, &shares])]);
        }
        [wide, middling, slim, narrow]
    }

    fn hosts(&self, text: &mut String) {
        if self.hosts.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n{}", columns::render(&self.host_layouts()));
        let more = self.hosts.len().saturating_sub(ROWS);
        if more > 0 {
            let more = grouped(more as u64);
            let _ = writeln!(text, "… and {more} more hosts; --eve has all of them.");
        }
    }

    fn host_layouts(&self) -> [Layout; 2] {
        let mut wide = Layout::new(
            &["host", "packets out", "in", "bytes out", "in", "flows out", "in", "peers", "ports"]
                .map(|head| (head, false)),
        );
        let mut narrow = Layout::new(
            &["host", "packets out\nin", "bytes out\nin", "flows out\nin", "peers\nports"]
                .map(|head| (head, false)),
        );
        for host in self.hosts.iter().take(ROWS) {
            let stats = &host.stats;
            let name = host.address.map_or("others".to_owned(), |address| address.to_string());
            let pairs = [
                [stats.packets_out, stats.packets_in],
                [stats.bytes_out, stats.bytes_in],
                [stats.flows_out, stats.flows_in],
            ];
            let pairs = pairs.map(|pair| pair.map(grouped));
            let sketches =
                [&stats.peers, &stats.ports].map(|sketch| format!("≈{}", grouped(sketch.estimate().into())));
            wide.row([name.clone()].into_iter().chain(pairs.concat()).chain(sketches.clone()));
            narrow.row(
                [name].into_iter().chain(pairs.map(|pair| pair.join("\n"))).chain([sketches.join("\n")]),
            );
        }
        [wide, narrow]
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

/// The lines of a cell, without those that have nothing to say.
fn lines<const N: usize>(lines: [&str; N]) -> String {
    lines.into_iter().filter(|line| !matches!(*line, "" | NOTHING)).collect::<Vec<_>>().join("\n")
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { NOTHING.to_owned() } else { text.to_owned() }
}

pub(crate) fn plural(count: usize, what: &str) -> String {
    counted(count as u64, what)
}

pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
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
pub(crate) fn figure(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ if value >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use pithead_detect::{App, Oddities};
    use pithead_flow::{End, HostStats, State};
    use pithead_output::{Blocked, Origin};

    use super::*;

    fn record(body: RecordBody) -> Record {
        Record { at: Timestamp::default(), origin: Origin::default(), body }
    }

    fn host(last: u8) -> Record {
        let address = Some(IpAddr::from([10, 0, 0, last]));
        record(RecordBody::Host(Box::new(HostRecord { address, stats: HostStats::default() })))
    }

    fn blocked(client: u32, id: u64, end: Option<End>) -> Record {
        let flow = pithead_flow::Summary {
            id,
            source: SocketAddr::new(IpAddr::V4(client.into()), 50_000),
            destination: SocketAddr::from(([192, 0, 2, 1], 3333)),
            protocol: 6,
            state: State::New,
            flags: Default::default(),
            tags: Default::default(),
            interface: 0,
            first: Timestamp::default(),
            last: Timestamp::default(),
            packets: [1, 0],
            bytes: [60, 0],
        };
        let verdict =
            Verdict::Blocked(Box::new(Blocked { reset: false, name: "pool.example".into(), frame: 1 }));
        record(RecordBody::Flow(Box::new(FlowRecord {
            flow,
            app: App::Unknown,
            end,
            verdict: Some(verdict),
            pool: None,
            watched: None,
            oddities: Oddities::default(),
        })))
    }

    #[test]
    fn hosts_told_anew_take_the_place_of_those_before() {
        let mut summary = Summary::default();
        for _ in 0..3 {
            summary.note(&host(1));
            summary.note(&host(2));
            summary.note(&record(RecordBody::Stats(Box::default())));
        }
        assert_eq!(summary.hosts.len(), 2);
    }

    #[test]
    fn of_a_flow_that_has_ended_only_sums_are_kept() {
        let mut summary = Summary::default();
        for id in 1..100 {
            summary.note(&blocked(1, id, None));
            summary.note(&blocked(1, id, Some(End::Timeout)));
        }
        assert_eq!(summary.miners.values().map(|miner| miner.flows.len()).sum::<usize>(), 0);
    }

    #[test]
    fn miners_without_room_are_counted() {
        let mut summary = Summary::default();
        for client in 0..MINERS as u32 + 7 {
            summary.note(&blocked(client, client.into(), Some(End::Timeout)));
        }
        assert_eq!((summary.miners.len(), summary.unkept), (MINERS, 7));
        let text = summary.render(&StatsRecord::default());
        assert!(text.contains("7 flows of miners beyond the first 10,000"), "{text}");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!((grouped(7).as_str(), grouped(1234567).as_str()), ("7", "1,234,567"));
        assert_eq!(size(342_000_000), "342.0 MB");
        assert_eq!((figure(0.1234), figure(12.34)), ("0.123".into(), "12.3".into()));
        assert_eq!((plural(1, "host"), plural(1234, "host")), ("1 host".into(), "1,234 hosts".into()));
    }
}
