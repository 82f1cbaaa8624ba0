//! What is drawn: a line of who and how fast, the account term by term, workers, and the miners. Nothing here knows of a terminal.
//!
//! A part for which there is no room is left out, the miners and the rates last; what is too long is cut in its middle, and no line is broken.

use std::cmp::Ordering;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Row, Table};
use serde_json::Value;

use super::notes;
use crate::columns::shorten;
use crate::status::{MinerStatus, Status};
use crate::summary::{counted, figure, grouped};

/// Below this there is only room for the rates.
const LEAST: (u16, u16) = (30, 6);
/// Columns of a term of the account: its name and a count in the trillions.
const TERM: u16 = 38;
/// Columns of a worker.
const WORKER: u16 = 20;
/// The most lines of workers.
const WORKER_LINES: u16 = 4;

/// Terms of the account, in the order in which frames meet them; what else there is follows.
const TERMS: [&str; 10] = [
    "seen",
    "to_sockets",
    "no_socket",
    "filtered",
    "received",
    "rx_dropped",
    "rx_ring_full",
    "invalid",
    "on_their_way",
    "unexplained",
];
/// Those of them that must be known, or be said to be unknown. A tap that has ended has no frames on their way.
const ALWAYS: [&str; 9] = [
    "seen",
    "to_sockets",
    "no_socket",
    "filtered",
    "received",
    "rx_dropped",
    "rx_ring_full",
    "invalid",
    "unexplained",
];
/// Those that ought to be 0.
const LOSSES: [&str; 7] =
    ["no_socket", "rx_dropped", "rx_ring_full", "invalid", "unexplained", "events_dropped", "refused"];
/// A cause of losses, which is never to be added to them.
const CAUSE: &str = "fill_ring_empty";
/// What NICs count by themselves: the first always, the others where there were any.
const NIC_LOSSES: [&str; 7] =
    ["rx_missed", "rx_no_buffer", "rx_fifo", "rx_over", "rx_nic_dropped", "rx_crc", "rx_length"];

const HELP: [&str; 9] = [
    "q, Esc      leave",
    "up, down    scroll the miners; also j, k",
    "PgUp, PgDn  by a page",
    "Home, End   to the first, to the last",
    "s           sort by the next column",
    "r           the other way round",
    "p, space    stand still, and go on",
    "Ctrl-Z      stop; Ctrl-L draw anew",
    "?           this; any key closes it",
];

/// By what miners are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Last,
    First,
    Host,
    Pool,
    Shares,
}

impl Sort {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Last => Self::First,
            Self::First => Self::Host,
            Self::Host => Self::Pool,
            Self::Pool => Self::Shares,
            Self::Shares => Self::Last,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Last => "last seen",
            Self::First => "first seen",
            Self::Host => "host",
            Self::Pool => "pool",
            Self::Shares => "shares",
        }
    }

    /// The latest and the most come first, names as in a dictionary.
    fn compare(self, a: &MinerStatus, b: &MinerStatus) -> Ordering {
        match self {
            Self::Last => b.last_seen.cmp(&a.last_seen),
            Self::First => b.first_seen.cmp(&a.first_seen),
            Self::Host => address(&a.host).cmp(&address(&b.host)),
            Self::Pool => a.pool.cmp(&b.pool),
            Self::Shares => b.shares.sent.cmp(&a.shares.sent),
        }
    }
}

/// An address in the order of addresses, not of digits.
fn address(host: &str) -> Option<std::net::IpAddr> {
    host.parse().ok()
}

/// What is drawn, and how somebody wants it.
pub(super) struct View {
    status: Status,
    before: Option<Status>,
    colours: bool,
    pub(super) sort: Sort,
    pub(super) reversed: bool,
    pub(super) help: bool,
    pub(super) paused: bool,
    /// The first miner shown.
    top: usize,
    /// Miners that there was room for.
    page: usize,
}

impl View {
    pub(super) fn new(colours: bool) -> Self {
        Self {
            status: Status::default(),
            before: None,
            colours,
            sort: Sort::Last,
            reversed: false,
            help: false,
            paused: false,
            top: 0,
            page: 1,
        }
    }

    /// Takes in how it goes now.
    pub(super) fn take(&mut self, status: Status) {
        let before = std::mem::replace(&mut self.status, status);
        self.before = (!before.stats.is_null()).then_some(before);
    }

    pub(super) fn scroll(&mut self, by: isize) {
        let last = self.status.miners.listed.len().saturating_sub(self.page);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    pub(super) fn page(&mut self, by: isize) {
        self.scroll(by.saturating_mul(isize::try_from(self.page.max(1)).unwrap_or(1)));
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let mut head = vec![self.title(area.width), self.rates(area.width)];
        if area.width >= LEAST.0 && area.height >= LEAST.1 {
            // The miners keep at least a third.
            let room = area.height * 2 / 3;
            for part in [self.account(area.width), self.work(area.width)] {
                if head.len() + part.len() <= usize::from(room) {
                    head.extend(part);
                }
            }
        }
        let foot = u16::from(area.height > 2);
        let rows = Layout::vertical([
            Constraint::Length(u16::try_from(head.len()).unwrap_or(u16::MAX)),
            Constraint::Fill(1),
            Constraint::Length(foot),
        ]);
        let [above, miners, below] = rows.areas(area);
        frame.render_widget(Paragraph::new(head), above);
        self.miners(frame, miners);
        frame.render_widget(Paragraph::new(self.foot(area.width)), below);
        if self.help {
            self.draw_help(frame, area);
        }
    }

    fn style(&self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn alarm(&self) -> Style {
        self.style(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Which links, how, and for how long.
    fn title(&self, width: u16) -> Line<'static> {
        let stats = &self.status.stats;
        let capture = &stats["capture"];
        let mut links: Vec<(String, usize)> = Vec::new();
        for queue in capture["queues"].as_array().into_iter().flatten() {
            let name = queue["interface"].as_str().unwrap_or("?");
            match links.iter_mut().find(|(known, _)| known == name) {
                Some((_, queues)) => *queues += 1,
                None => links.push((name.to_owned(), 1)),
            }
        }
        let named =
            |(name, queues): &(String, usize)| format!("{name} ({})", counted(*queues as u64, "queue"));
        let links: Vec<String> = links.iter().map(named).collect();
        let mode = capture["mode"].as_str().map(|mode| format!(", mode {mode}")).unwrap_or_default();
        let up = length(stats["seconds"].as_f64().unwrap_or(0.0));
        let paused = if self.paused { "  standing still" } else { "" };
        let version = stats["version"].as_str().unwrap_or("");
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let rest = format!("  {}{mode}  up {up}{paused}", links.join(", "));
        let name = format!("pithead {version}");
        let rest = cut(&rest, usize::from(width).saturating_sub(name.len()));
        Line::from(vec![Span::styled(name, bold), Span::raw(rest)])
    }

    /// How fast it goes, how full the tables are, and what came of it.
    fn rates(&self, width: u16) -> Line<'static> {
        let rate = |unit: &str, per_frame: f64, of: &[&str]| {
            let rate = self.rate(of).map(|rate| scaled(rate * per_frame));
            format!("{}{unit}/s", rate.unwrap_or_else(|| "- ".to_owned()))
        };
        let (frames, bits) =
            (rate("frames", 1.0, &["frames", "read"]), rate("bit", 8.0, &["frames", "bytes"]));
        let Status { flows, flows_max, alerts, .. } = &self.status;
        let full = if *flows_max > 0 { *flows as f64 * 100.0 / *flows_max as f64 } else { 0.0 };
        let alerts: u64 = alerts.values().sum();
        let text = format!(
            "{frames}  {bits}  {} ({full:.0} % full)  {}",
            counted(*flows, "flow"),
            counted(alerts, "alert")
        );
        Line::raw(cut(&text, width.into()))
    }

    /// How much a count has grown in a second of late.
    fn rate(&self, of: &[&str]) -> Option<f64> {
        let before = &self.before.as_ref()?.stats;
        let now = &self.status.stats;
        let seconds = now["seconds"].as_f64()? - before["seconds"].as_f64()?;
        let count = |stats: &Value| of.iter().fold(stats, |value, key| &value[*key]).as_u64();
        let grown = count(now)?.saturating_sub(count(before)?);
        (seconds > 0.0).then(|| grown as f64 / seconds)
    }

    /// The account, as many terms a line as there is room for.
    fn account(&self, width: u16) -> Vec<Line<'static>> {
        let (capture, frames) = (&self.status.stats["capture"], &self.status.stats["frames"]);
        let known = |name: &str| capture[name].as_u64();
        let mut terms: Vec<(&str, &str, Option<u64>)> = TERMS
            .iter()
            .filter(|name| ALWAYS.contains(name) || known(name).is_some())
            .map(|name| ("capture", *name, known(name)))
            .collect();
        let others = capture.as_object().into_iter().flatten();
        let others = others.filter(|(name, value)| value.is_u64() && !TERMS.contains(&name.as_str()));
        terms.extend(others.map(|(name, value)| ("capture", name.as_str(), value.as_u64())));
        for name in ["decoded", "discarded", "refused"] {
            terms.push(("frames", name, frames[name].as_u64()));
        }
        let nics = capture["nics"].as_array().map(Vec::as_slice).unwrap_or_default();
        for name in NIC_LOSSES {
            // Unknown of one is unknown of all, as in the account itself.
            let sum =
                nics.iter().map(|nic| nic[name].as_u64()).sum::<Option<u64>>().filter(|_| !nics.is_empty());
            if name == NIC_LOSSES[0] || sum > Some(0) {
                terms.push(("nics", name, sum));
            }
        }
        let across = usize::from((width / TERM).max(1));
        let mut lines = vec![self.heading("frames", width)];
        lines.extend(terms.chunks(across).map(|row| {
            Line::from(
                row.iter().flat_map(|(part, name, count)| self.term(part, name, *count)).collect::<Vec<_>>(),
            )
        }));
        lines
    }

    fn term(&self, part: &str, name: &str, count: Option<u64>) -> Vec<Span<'static>> {
        let grown = self.rate(&[part, name]).filter(|rate| *rate > 0.0 && LOSSES.contains(&name));
        let text = match (count, grown) {
            (None, _) => "unknown".to_owned(),
            (Some(count), Some(rate)) => format!("{} (+{}/s)", grouped(count), scaled(rate).trim_end()),
            (Some(count), None) => grouped(count),
        };
        let style = match count {
            Some(0) => Style::new(),
            Some(_) if LOSSES.contains(&name) || part == "nics" => self.alarm(),
            Some(_) if name != CAUSE => Style::new(),
            Some(_) | None => self.style(Color::Yellow),
        };
        let label = match (part, name) {
            (_, CAUSE) => "fill ring empty*".to_owned(),
            ("nics", name) => name.replacen("rx_nic", "rx", 1).replacen("rx", "NIC", 1).replace('_', " "),
            (_, name) => name.replace('_', " "),
        };
        let room = usize::from(TERM) - 17;
        vec![Span::raw(format!("{label:<16} ")), Span::styled(format!("{text:<room$}"), style)]
    }

    /// How busy workers are, and what sinks have lost.
    fn work(&self, width: u16) -> Vec<Line<'static>> {
        let across = usize::from((width / WORKER).max(1));
        let shown = across * usize::from(WORKER_LINES);
        let workers = &self.status.workers;
        let bar = |(number, busy): (usize, Option<f64>)| {
            let Some(busy) = busy else { return Span::raw(format!("{number:>3} {:<16}", "unknown")) };
            let filled = (busy * 8.0).round() as usize;
            let style = if busy > 0.9 { self.alarm() } else { self.style(Color::Green) };
            let empty = "·".repeat(8 - filled.min(8));
            Span::styled(
                format!("{number:>3} {}{empty}{:>4.0} %  ", "█".repeat(filled.min(8)), busy * 100.0),
                style,
            )
        };
        let mut lines = vec![self.heading("workers", width)];
        let listed: Vec<_> = workers.iter().take(shown).map(|worker| worker.busy).enumerate().collect();
        lines.extend(
            listed.chunks(across).map(|row| Line::from(row.iter().copied().map(bar).collect::<Vec<_>>())),
        );
        if workers.len() > shown {
            let busiest = workers.iter().filter_map(|worker| worker.busy).fold(0.0, f64::max);
            let more = workers.len() - shown;
            lines.push(Line::raw(format!("… and {more} more; the busiest of all: {:.0} %", busiest * 100.0)));
        }
        for sink in self.status.sinks.iter().filter(|sink| sink.lost > 0) {
            let text = format!("{}: {} lost", sink.name, counted(sink.lost, "event"));
            lines.push(Line::styled(cut(&text, width.into()), self.alarm()));
        }
        lines
    }

    fn heading(&self, text: &str, width: u16) -> Line<'static> {
        let line = "─".repeat(usize::from(width).saturating_sub(text.chars().count() + 4));
        Line::styled(format!("── {text} {line}"), Style::new().add_modifier(Modifier::DIM))
    }

    fn miners(&mut self, frame: &mut Frame<'_>, area: Rect) {
        if area.height == 0 {
            return;
        }
        let miners = &self.status.miners;
        let way = if self.reversed { ", the other way round" } else { "" };
        let more = miners.total.saturating_sub(miners.listed.len() as u64);
        let more = if more > 0 { format!("; {} more are not listed", grouped(more)) } else { String::new() };
        let title = format!("{} by {}{way}{more}", counted(miners.total, "miner"), self.sort.name());
        let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
        frame.render_widget(
            self.heading(&cut(&title, usize::from(area.width).saturating_sub(4)), area.width),
            head,
        );
        if miners.listed.is_empty() {
            frame.render_widget(Line::styled("none so far", self.style(Color::Green)), body);
            return;
        }
        self.page = usize::from(body.height.saturating_sub(1)).max(1);
        self.top = self.top.min(miners.listed.len().saturating_sub(self.page));
        let mut sorted: Vec<&MinerStatus> = miners.listed.iter().collect();
        sorted.sort_by(|a, b| self.sort.compare(a, b));
        if self.reversed {
            sorted.reverse();
        }
        let columns = columns(body.width);
        let shown = sorted.iter().skip(self.top).take(self.page);
        let rows = shown.map(|miner| {
            let cells = columns.iter().map(|column| cut(&(column.text)(miner), column.width.into()));
            let working = miner.stage == "working";
            Row::new(cells.collect::<Vec<_>>()).style(if working {
                self.alarm()
            } else {
                self.style(Color::Yellow)
            })
        });
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let table = Table::new(rows, columns.iter().map(|column| Constraint::Length(column.width)))
            .header(Row::new(columns.iter().map(|column| column.head)).style(bold))
            .column_spacing(1);
        frame.render_widget(table, body);
    }

    fn foot(&self, width: u16) -> Line<'static> {
        if let Some(note) = notes::latest() {
            return Line::styled(cut(&note, width.into()), self.style(Color::Yellow));
        }
        let keys = "q leave  ? help  s sort  r reverse  p pause  ↑↓ scroll      * a cause of losses, never added to them";
        Line::styled(cut(keys, width.into()), Style::new().add_modifier(Modifier::DIM))
    }

    fn draw_help(&self, frame: &mut Frame<'_>, area: Rect) {
        let width = HELP.iter().map(|line| line.len() as u16).max().unwrap_or(0) + 4;
        let (width, height) = (width.min(area.width), (HELP.len() as u16 + 2).min(area.height));
        let place = Rect::new((area.width - width) / 2, (area.height - height) / 2, width, height);
        frame.render_widget(Clear, place);
        let text: Vec<Line<'_>> = HELP.into_iter().map(Line::raw).collect();
        frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" keys ")), place);
    }
}

/// A column of the table of miners.
struct Column {
    head: &'static str,
    width: u16,
    text: fn(&MinerStatus) -> String,
}

/// The columns that fit, of the most important ones first; pool and user share what is left.
fn columns(width: u16) -> Vec<Column> {
    let all = [
        Column { head: "host", width: 15, text: |miner| miner.host.clone() },
        Column { head: "pool", width: 13, text: |miner| miner.pool.clone() },
        Column { head: "stage", width: 10, text: |miner| miner.stage.clone() },
        Column { head: "dialect", width: 12, text: |miner| miner.dialect.clone() },
        Column { head: "last", width: 8, text: |miner| clock(&miner.last_seen) },
        Column { head: "shares", width: 7, text: |miner| shares(miner) },
        Column { head: "first", width: 8, text: |miner| clock(&miner.first_seen) },
        Column { head: "sure", width: 10, text: |miner| miner.certainty.clone() },
        Column { head: "user or wallet", width: 16, text: |miner| miner.user.clone() },
        Column { head: "software", width: 16, text: |miner| miner.agent.clone() },
    ];
    let (mut columns, mut left) = (Vec::new(), width);
    for column in all {
        let needed = column.width + u16::from(!columns.is_empty());
        if needed > left {
            break;
        }
        left -= needed;
        columns.push(column);
    }
    // A pool is what is asked for first; an address of IPv6 needs room too.
    for (head, most) in [("pool", 44), ("host", 39), ("user or wallet", 60), ("software", 60)] {
        if let Some(column) = columns.iter_mut().find(|column| column.head == head) {
            let more = left.min(most - column.width);
            column.width += more;
            left -= more;
        }
    }
    columns
}

/// Shares that a pool has answered for, or those that were sent.
fn shares(miner: &MinerStatus) -> String {
    let shares = miner.shares;
    match shares.rejected {
        0 => shares.sent.to_string(),
        rejected => format!("{}-{rejected}", shares.sent),
    }
}

/// The time of day of a time in RFC 3339.
fn clock(time: &str) -> String {
    time.get(11..19).unwrap_or("-").to_owned()
}

/// A text that fits, cut in its middle where it does not.
fn cut(text: &str, width: usize) -> String {
    shorten(text, width)
}

/// A rate with three digits and the letter of its thousands.
fn scaled(rate: f64) -> String {
    match rate {
        _ if rate >= 1e9 => format!("{} G", figure(rate / 1e9)),
        _ if rate >= 1e6 => format!("{} M", figure(rate / 1e6)),
        _ if rate >= 1e3 => format!("{} k", figure(rate / 1e3)),
        _ => format!("{rate:.0} "),
    }
}

/// A length of time: hours, minutes and seconds, behind the days where there are any.
fn length(seconds: f64) -> String {
    let seconds = seconds as u64;
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match seconds / 86_400 {
        0 => clock,
        days => format!("{} {clock}", counted(days, "day")),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;
    use crate::status::{Miners, SharesStatus, SinkStatus, WorkerStatus};

    fn status(seconds: f64, frames: u64, miners: usize) -> Status {
        let miner = |number: usize| MinerStatus {
            host: format!("10.0.0.{number}"),
            pool: format!("pool{number}.supportxmr.example 203.0.113.{number}:3333"),
            dialect: "cryptonote".into(),
            agent: "XMRig/6.26.0 (Linux x86_64)".into(),
            user: "4Pithead\u{1b}[31mExampLe".into(),
            stage: "working".into(),
            certainty: "both sides".into(),
            shares: SharesStatus { sent: number as u64, accepted: 7, rejected: 0 },
            first_seen: "2026-11-02T09:00:19.000000+0000".into(),
            last_seen: format!("2026-11-02T09:{number:02}:59.000000+0000"),
        };
        Status {
            stats: json!({
                "version": "0.1.0", "seconds": seconds,
                "capture": {
                    "mode": "native", "seen": frames, "to_sockets": frames, "no_socket": 0, "filtered": 3,
                    "received": frames - 5, "rx_dropped": 5, "rx_ring_full": 0, "fill_ring_empty": 2, "unexplained": 0,
                    "halves_joined": 0, "events_dropped": 0,
                    "queues": [{ "interface": "eth1", "queue": 0 }, { "interface": "eth1", "queue": 1 }],
                    "nics": [{ "interface": "eth1", "rx_missed": 77, "rx_crc": 0 }],
                },
                "frames": { "read": frames - 5, "bytes": frames * 100, "decoded": frames - 6, "discarded": 1, "refused": 0 },
            }),
            flows: 250_000,
            flows_max: 1_000_000,
            pools: 3574,
            workers: vec![WorkerStatus { busy: Some(0.5) }, WorkerStatus { busy: None }],
            sinks: vec![SinkStatus { name: "eve.json".into(), written: 10, lost: 1 }],
            alerts: [("cryptonote".to_owned(), miners as u64)].into(),
            miners: Miners { total: miners as u64, listed: (1..=miners).map(miner).collect() },
        }
    }

    fn drawn(view: &mut View, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a made-up terminal");
        terminal.draw(|frame| view.draw(frame)).expect("it is drawn on");
        let buffer = terminal.backend().buffer();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(row).collect()
    }

    fn view(miners: usize) -> View {
        let mut view = View::new(false);
        view.take(status(60.0, 1_000_000, miners));
        view.take(status(61.0, 2_500_000, miners));
        view
    }

    #[test]
    fn all_that_matters_fits_into_80_by_24() {
        let lines = drawn(&mut view(3), 80, 24);
        let text = lines.join("\n");
        for part in [
            "pithead 0.1.0  eth1 (2 queues), mode native  up 00:01:01",
            "1.50 Mframes/s  1.20 Gbit/s  250,000 flows (25 % full)  3 alerts",
            "seen             2,500,000",
            "rx dropped       5",
            "invalid          unknown",
            "fill ring empty* 2",
            "unexplained      0",
            "NIC missed       77",
            "  0 ████····  50 %",
            "  1 unknown",
            "eve.json: 1 event lost",
            "3 miners by last seen",
            "cryptonote",
            "09:03:59",
            "q leave",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "what comes from the network moves no cursor");
    }

    #[test]
    fn no_size_breaks_it() {
        for width in [1, 2, 10, 29, 30, 40, 80, 133, 300] {
            for height in [1, 2, 3, 5, 6, 8, 12, 24, 60] {
                for help in [false, true] {
                    let mut view = view(40);
                    view.help = help;
                    let lines = drawn(&mut view, width, height);
                    let wanted = "pithead 0.1.0".chars().count().min(width.into());
                    if !help {
                        let begins: String = "pithead 0.1.0".chars().take(wanted).collect();
                        assert!(lines[0].starts_with(&begins), "{width} by {height}:\n{}", lines.join("\n"));
                    }
                }
            }
        }
        let small = drawn(&mut view(2), 40, 10).join("\n");
        assert!(small.contains("10.0.0.2") && small.contains("working"), "{small}");
        let tiny = drawn(&mut view(2), 28, 4).join("\n");
        assert!(tiny.contains("Mframes/s"), "{tiny}");
    }

    #[test]
    fn miners_scroll_and_are_sorted() {
        let mut view = view(40);
        let hosts = |view: &mut View| -> Vec<String> {
            let lines = drawn(view, 80, 30);
            let host = |line: &String| line.starts_with("10.0.0.").then(|| line[7..9].trim().to_owned());
            lines.iter().filter_map(host).collect()
        };
        let first = hosts(&mut view);
        assert!(first[0] == "40" && first.len() > 5 && first.len() < 40, "{first:?}");
        view.scroll(1);
        assert_eq!(hosts(&mut view)[0], "39");
        view.page(1);
        assert_eq!(hosts(&mut view)[0], (39 - first.len()).to_string());
        view.scroll(isize::MAX);
        assert_eq!(hosts(&mut view).last().map(String::as_str), Some("1"));
        view.scroll(isize::MIN);
        view.sort = Sort::Host;
        assert_eq!(hosts(&mut view)[..3], ["1", "2", "3"]);
        view.reversed = true;
        assert_eq!(hosts(&mut view)[0], "40");
        // Fewer than before: what was scrolled to is there no more.
        view.scroll(isize::MAX);
        view.take(status(62.0, 2_500_000, 2));
        assert_eq!(hosts(&mut view), ["2", "1"]);
    }

    #[test]
    fn losses_that_grow_say_how_fast() {
        let mut view = view(0);
        let mut worse = status(62.0, 2_500_000, 0);
        worse.stats["capture"]["rx_dropped"] = json!(1005);
        view.take(worse);
        let text = drawn(&mut view, 80, 24).join("\n");
        assert!(text.contains("1,005 (+1.00 k/s)") && text.contains("none so far"), "{text}");
    }

    #[test]
    fn colours_are_for_those_who_want_them() {
        let coloured = |colours| {
            let mut view = View::new(colours);
            view.take(status(60.0, 1_000_000, 3));
            let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a made-up terminal");
            terminal.draw(|frame| view.draw(frame)).expect("it is drawn on");
            let buffer = terminal.backend().buffer();
            buffer.content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
        };
        assert!(coloured(true) && !coloured(false));
    }
}
