//! Whole sessions through the one door of the crate, cut into segments in every way: what is found must not depend on it.
//!
//! `sessions/mining` holds one session a file, named by its dialect and, after a dot, by what is special about it; `sessions/benign` holds
//! neighbours that must stay silent. A line is what one side wrote at once, `>` the client and `<` the server, with `\r`, `\n`, `\\` and
//! `\xNN` for what cannot be written plainly. Retransmissions, gaps and reordering are the flow crate's to test; here segments come in order.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use pithead_detect::pools::{List, Pools};
use pithead_detect::{Anchors, Body, DIALECTS, Detector, Event, Facts, Limits, Tell};
use pithead_flow::{Clock, Direction, FlowTable, Sighting, Timeouts};
use pithead_wire::{Flags, Packet, Tags, Tcp, Timestamp, Transport};
use proptest::prelude::*;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Sessions whose client alone proves nothing: dialects that are known by their turns, by an exchange, or by the server's words.
const CLIENT_SAYS_LITTLE: &[&str] = &[
    "duino-coin",
    "p2pool",
    "parse-error",
    "parse-error.tls",
    "primecoin",
    "stratum-v2",
    "stratum-v2.socks5",
    "stratum-v2-plain",
];

/// The same of servers: where they have said nothing of their own, or a tunnel that nobody asked for cannot be seen to open.
const SERVER_SAYS_LITTLE: &[&str] = &[
    "coinhive.banned",
    "cryptonote.socks5",
    "duino-coin",
    "eth-getwork",
    "eth-getwork.chunked",
    "getwork.headers",
    "getwork.long-poll",
    "p2pool",
    "primecoin",
    "stratum-v1.connect",
    "stratum-v2",
    "stratum-v2.socks5",
    "stratum-v2-plain",
    "xatum",
];

/// What one side writes at once.
#[derive(Clone, Debug)]
struct Write {
    client: bool,
    bytes: Vec<u8>,
}

/// What an alert says, but for the frame; and what the end of its flow says, by when a more exact dialect may be known.
#[derive(Clone, Debug, PartialEq)]
struct Alert {
    dialect: &'static str,
    stage: &'static str,
    client: IpAddr,
    facts: Facts,
    evidence: String,
    in_the_end: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Both,
    Only { client: bool },
}

/// A detector with its flows, and a link to play sessions on.
struct Theatre {
    detector: Detector,
    flows: FlowTable,
    clock: Clock,
    frame: u64,
    port: u16,
    heard: Heard,
    sent: [u32; 2],
    events: Vec<Event>,
}

fn shared() -> &'static (Anchors, Arc<Pools>) {
    static SHARED: OnceLock<(Anchors, Arc<Pools>)> = OnceLock::new();
    SHARED.get_or_init(|| (Anchors::new().expect("a matching engine"), Arc::new(Pools::new(List::default()))))
}

impl Theatre {
    fn new() -> Self {
        let (anchors, pools) = shared();
        Self {
            detector: Detector::new(anchors, Arc::clone(pools), Limits::default()),
            flows: FlowTable::new(16, Timeouts::default()),
            clock: Clock::default(),
            frame: 0,
            port: 1023,
            heard: Heard::Both,
            sent: [0; 2],
            events: Vec::new(),
        }
    }

    /// Plays a session from its opening to its end. The alert, if there is one; there must not be two.
    fn play<'a>(&mut self, heard: Heard, segments: impl Iterator<Item = (bool, &'a [u8])>) -> Option<Alert> {
        self.heard = heard;
        self.port = self.port.checked_add(1).unwrap_or(1024);
        self.sent = [1000, 0xffff_ff00];
        self.segment(true, Flags::SYN, b"");
        self.segment(false, Flags::SYN.union(Flags::ACK), b"");
        for (client, bytes) in segments {
            self.segment(client, Flags::ACK.union(Flags::PSH), bytes);
        }
        let now = self.clock.now();
        while self.flows.finish(now) {
            for mut ended in self.flows.ended() {
                self.detector.finish(&mut ended, Tell::Miners, &mut self.events);
            }
        }
        let ended = self.events.iter().rev().find_map(|event| match &event.body {
            Body::Flow { mining: Some(mining), .. } => Some(mining.dialect),
            _ => None,
        });
        let mut alerts = self.events.drain(..).filter_map(|event| alert(event, ended?));
        let first = alerts.next();
        assert_eq!(alerts.next(), None, "a second alert");
        first
    }

    fn segment(&mut self, client: bool, flags: Flags, payload: &[u8]) {
        let (from, to) = if client { (0, 1) } else { (1, 0) };
        let sequence = self.sent[from];
        let opening = u32::from(flags.contains(Flags::SYN));
        self.sent[from] = sequence.wrapping_add(payload.len() as u32).wrapping_add(opening);
        if matches!(self.heard, Heard::Only { client: heard } if heard != client) {
            return;
        }
        let ends = [(CLIENT, self.port), (SERVER, 3333)];
        let tcp = Tcp {
            source_port: ends[from].1,
            destination_port: ends[to].1,
            sequence,
            acknowledgment: self.sent[to],
            flags,
            payload,
            payload_len: payload.len(),
        };
        let transport = Transport::Tcp(tcp.clone());
        let packet =
            Packet { source: ends[from].0, destination: ends[to].0, transport, tags: Tags::default() };
        self.frame += 1;
        let at = Timestamp::new(1_800_000_000, 0);
        let seen = Sighting { at, sequence: self.frame, number: self.frame, interface: 0, wire_len: 60 };
        self.clock.observe(at);
        let lookup = self.flows.lookup(&packet).expect("TCP or UDP");
        let Some(observed) = self.flows.observe(&lookup, &packet, seen, &self.clock) else {
            panic!("no room for a flow")
        };
        let mut flow = self.flows.at(observed.place, &lookup);
        self.detector.tcp(&mut flow, observed.direction, &tcp, observed.before, seen, &mut self.events);
    }
}

fn alert(event: Event, in_the_end: &'static str) -> Option<Alert> {
    let Body::Alert(mining) = event.body else { return None };
    let ends: [SocketAddr; 2] = [event.flow.source, event.flow.destination];
    let client = if mining.client == Direction::Forward { ends[0] } else { ends[1] };
    Some(Alert {
        dialect: mining.dialect,
        stage: mining.stage.name(),
        client: client.ip(),
        facts: mining.facts,
        evidence: mining.evidence.text,
        in_the_end,
    })
}

/// The sessions of a folder by file name.
fn sessions(folder: &str) -> BTreeMap<String, Vec<Write>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions").join(folder);
    let entries = std::fs::read_dir(&path).expect("a folder of sessions");
    let files = entries.map(|entry| entry.expect("a readable folder").path());
    let named = files.map(|file| {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a readable session");
        (name, text.lines().filter(|line| !line.starts_with('#')).map(write).collect())
    });
    named.collect()
}

fn write(line: &str) -> Write {
    let (side, text) = line.split_at_checked(2).expect("a side and what it writes");
    assert!(matches!(side, "> " | "< "), "{line}");
    Write { client: side == "> ", bytes: plain(text) }
}

/// Resolves escapes.
fn plain(text: &str) -> Vec<u8> {
    let (mut bytes, mut chars) = (Vec::new(), text.chars());
    while let Some(char) = chars.next() {
        bytes.push(match (char, char == '\\') {
            (_, true) => match chars.next().expect("an escape") {
                'n' => b'\n',
                'r' => b'\r',
                'x' => {
                    let digits: String = chars.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).expect("two digits")
                }
                other => u8::try_from(other).expect("an escape of ASCII"),
            },
            (other, false) => u8::try_from(other).expect("ASCII"),
        });
    }
    bytes
}

fn whole(session: &[Write]) -> impl Iterator<Item = (bool, &[u8])> {
    session.iter().map(|write| (write.client, write.bytes.as_slice()))
}

/// Each write in segments of at most this size.
fn cut(session: &[Write], size: usize) -> impl Iterator<Item = (bool, &[u8])> {
    session.iter().flat_map(move |write| write.bytes.chunks(size).map(|piece| (write.client, piece)))
}

/// The writes as they are, but for one, which is cut in two.
fn cut_once(session: &[Write], which: usize, at: usize) -> impl Iterator<Item = (bool, &[u8])> {
    session.iter().enumerate().flat_map(move |(index, write)| {
        let (first, second) = write.bytes.split_at(if index == which { at } else { write.bytes.len() });
        [first, second].into_iter().filter(|piece| !piece.is_empty()).map(|piece| (write.client, piece))
    })
}

fn dialect_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[test]
fn every_dialect_is_found_in_its_session() {
    let mut theatre = Theatre::new();
    let sessions = sessions("mining");
    for (name, session) in &sessions {
        let alert = theatre.play(Heard::Both, whole(session));
        let alert = alert.unwrap_or_else(|| panic!("{name}: nothing found"));
        assert_eq!((alert.in_the_end, alert.client), (dialect_of(name), CLIENT), "{name}: {alert:?}");
    }
    for dialect in DIALECTS {
        let name = dialect.name();
        assert!(sessions.keys().any(|file| dialect_of(file) == name), "{name} has no session");
    }
}

#[test]
fn segments_of_any_size_give_the_same_alert() {
    let mut theatre = Theatre::new();
    for (name, session) in sessions("mining") {
        let wanted = theatre.play(Heard::Both, whole(&session));
        for size in 1..=64 {
            let got = theatre.play(Heard::Both, cut(&session, size));
            assert_eq!(got, wanted, "{name} in segments of {size}");
        }
    }
}

#[test]
fn a_cut_at_any_byte_gives_the_same_alert() {
    let mut theatre = Theatre::new();
    for (name, session) in sessions("mining") {
        let wanted = theatre.play(Heard::Both, whole(&session));
        for (which, write) in session.iter().enumerate() {
            for at in 1..write.bytes.len() {
                let got = theatre.play(Heard::Both, cut_once(&session, which, at));
                assert_eq!(got, wanted, "{name}, write {which} cut at {at}");
            }
        }
    }
}

#[test]
fn one_side_alone_is_enough_where_it_says_enough() {
    let mut theatre = Theatre::new();
    for (name, session) in sessions("mining") {
        for (client, little) in [(true, CLIENT_SAYS_LITTLE), (false, SERVER_SAYS_LITTLE)] {
            let wanted = theatre.play(Heard::Only { client }, whole(&session));
            let says_enough = !little.contains(&name.as_str());
            assert_eq!(wanted.is_some(), says_enough, "{name}, client {client}: {wanted:?}");
            assert!(wanted.iter().all(|alert| alert.client == CLIENT), "{name}: {wanted:?}");
            for size in [1, 7, 64] {
                let got = theatre.play(Heard::Only { client }, cut(&session, size));
                assert_eq!(got, wanted, "{name}, client {client}, in segments of {size}");
            }
        }
    }
}

#[test]
fn neighbours_stay_silent() {
    let mut theatre = Theatre::new();
    for (name, session) in sessions("benign") {
        for heard in [Heard::Both, Heard::Only { client: true }, Heard::Only { client: false }] {
            assert_eq!(theatre.play(heard, whole(&session)), None, "{name}");
            for size in 1..=64 {
                assert_eq!(theatre.play(heard, cut(&session, size)), None, "{name} in segments of {size}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_segments_give_the_same_alert(which: prop::sample::Index, sizes in prop::collection::vec(1..200_usize, 1..40)) {
        let sessions = sessions("mining");
        let (name, session) = which.get(&sessions.iter().collect::<Vec<_>>()).to_owned();
        let mut theatre = Theatre::new();
        let wanted = theatre.play(Heard::Both, whole(session));
        let mut sizes = sizes.into_iter().cycle();
        let mut segments: Vec<(bool, &[u8])> = Vec::new();
        for write in session {
            let mut rest = write.bytes.as_slice();
            while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
                let (piece, left) = rest.split_at(size.min(rest.len()));
                segments.push((write.client, piece));
                rest = left;
            }
        }
        prop_assert_eq!(theatre.play(Heard::Both, segments.into_iter()), wanted, "{}", name);
    }
}
