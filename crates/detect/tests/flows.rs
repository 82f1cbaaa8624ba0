//! Whole flows through the one door: packets in, events out. Messages here are made up; what matters is how they travel.

use std::net::SocketAddr;
use std::sync::Arc;

use pithead_detect::pools::{List, Pools};
use pithead_detect::{Anchors, Body, Detector, Event, Limits, Mining, Tell, Where};
use pithead_flow::{Clock, Direction, FlowTable, Sighting, Timeouts};
use pithead_wire::{Flags, Packet, Tags, Tcp, Timestamp, Transport, Udp};

const SUBSCRIBE: &[u8] = b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"cgminer/4.12.0\"]}\n";
const DIFFICULTY: &[u8] = b"{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[8192]}\n";
const SHARE: &[u8] =
    b"{\"id\":4,\"method\":\"mining.submit\",\"params\":[\"u.w\",\"j\",\"00000000\",\"5f5e1000\",\"deadbeef\"]}\n";
const YES: &[u8] = b"{\"id\":4,\"result\":true,\"error\":null}\n";

/// One flow between a client and a server, and all that the detector says of it.
struct Line {
    table: FlowTable,
    clock: Clock,
    detector: Detector,
    client: SocketAddr,
    server: SocketAddr,
    next: [u32; 2],
    frames: u64,
    events: Vec<Event>,
}

impl Line {
    /// To a port, with nothing seen of it yet.
    fn to(port: u16, limits: Limits) -> Self {
        let anchors = Anchors::new().expect("an engine");
        Self {
            table: FlowTable::new(10, Timeouts::default()),
            clock: Clock::default(),
            detector: Detector::new(&anchors, Arc::new(Pools::new(List::builtin())), limits),
            client: "10.0.0.5:40000".parse().expect("an address"),
            server: SocketAddr::new([192, 0, 2, 7].into(), port),
            next: [1000, 9000],
            frames: 0,
            events: Vec::new(),
        }
    }

    /// A connection in whose midst the capture begins.
    fn midway() -> Self {
        Self::to(3333, Limits::default())
    }

    /// A connection that was seen to open.
    fn open() -> Self {
        Self::opened(3333, Limits::default())
    }

    fn opened(port: u16, limits: Limits) -> Self {
        let mut line = Self::to(port, limits);
        line.tcp(Direction::Forward, Flags::SYN, 999, b"");
        line.tcp(Direction::Backward, Flags::SYN.union(Flags::ACK), 8999, b"");
        line
    }

    fn client(&mut self, bytes: &[u8]) -> &mut Self {
        self.say(Direction::Forward, bytes)
    }

    fn server(&mut self, bytes: &[u8]) -> &mut Self {
        self.say(Direction::Backward, bytes)
    }

    fn say(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        let sequence = self.next[direction.index()];
        self.next[direction.index()] += bytes.len() as u32;
        self.tcp(direction, Flags::ACK, sequence, bytes)
    }

    /// So many bytes that were sent and not captured, then these.
    fn after_gap(&mut self, direction: Direction, lost: u32, bytes: &[u8]) -> &mut Self {
        self.next[direction.index()] += lost;
        self.say(direction, bytes);
        let acknowledged = self.next[direction.index()];
        self.packet(direction.reverse(), |tcp| tcp.acknowledgment = acknowledged, b"")
    }

    fn tcp(&mut self, direction: Direction, flags: Flags, sequence: u32, payload: &[u8]) -> &mut Self {
        self.packet(direction, |tcp| (tcp.flags, tcp.sequence) = (flags, sequence), payload)
    }

    fn packet(&mut self, direction: Direction, set: impl FnOnce(&mut Tcp<'_>), payload: &[u8]) -> &mut Self {
        let (source, destination) = self.ends(direction);
        let mut tcp = Tcp {
            source_port: source.port(),
            destination_port: destination.port(),
            sequence: self.next[direction.index()],
            acknowledgment: 0,
            flags: Flags::ACK,
            payload,
            payload_len: payload.len(),
        };
        set(&mut tcp);
        self.show(source, destination, Transport::Tcp(tcp))
    }

    fn datagram(&mut self, direction: Direction, payload: &[u8]) -> &mut Self {
        let (source, destination) = self.ends(direction);
        let (source_port, destination_port) = (source.port(), destination.port());
        let udp = Udp { source_port, destination_port, payload, payload_len: payload.len() };
        self.show(source, destination, Transport::Udp(udp))
    }

    fn ends(&self, direction: Direction) -> (SocketAddr, SocketAddr) {
        match direction {
            Direction::Forward => (self.client, self.server),
            Direction::Backward => (self.server, self.client),
        }
    }

    fn show(&mut self, source: SocketAddr, destination: SocketAddr, transport: Transport<'_>) -> &mut Self {
        self.frames += 1;
        let at = Timestamp::new(1_700_000_000, 0);
        self.clock.observe(at);
        let packet =
            Packet { source: source.ip(), destination: destination.ip(), transport, tags: Tags::default() };
        let seen = Sighting { at, sequence: self.frames, number: self.frames, interface: 0, wire_len: 60 };
        let lookup = self.table.lookup(&packet).expect("TCP or UDP");
        let observed = self.table.observe(&lookup, &packet, seen, &self.clock).expect("room");
        let mut flow = self.table.at(observed.place, &lookup);
        match &packet.transport {
            Transport::Tcp(tcp) => {
                self.detector.tcp(
                    &mut flow,
                    observed.direction,
                    tcp,
                    observed.before,
                    seen,
                    &mut self.events,
                );
            }
            Transport::Udp(udp) => {
                self.detector.udp(&mut flow, observed.direction, udp, seen, &mut self.events);
            }
            Transport::Other(_) => {}
        }
        self
    }

    /// Ends the flow, and hands over every event of it.
    fn end(&mut self) -> Vec<Event> {
        while self.table.finish(self.clock.now()) {
            for mut ended in self.table.ended() {
                self.detector.finish(&mut ended, Tell::Miners, &mut self.events);
            }
        }
        std::mem::take(&mut self.events)
    }

    /// Ends the flow, and says what it was alerted for, if it was.
    fn alert(&mut self) -> Option<Mining> {
        let mut alerts = self.end().into_iter().filter_map(|event| match event.body {
            Body::Alert(mining) => Some(*mining),
            _ => None,
        });
        let alert = alerts.next();
        assert_eq!(alerts.next(), None, "a flow is alerted once");
        alert
    }

    /// Ends the flow, and says what was known of its mining then.
    fn outcome(&mut self) -> Option<Mining> {
        self.end().into_iter().find_map(|event| match event.body {
            Body::Flow { end: Some(_), mining, .. } => mining.map(|mining| *mining),
            _ => None,
        })
    }
}

#[test]
fn a_login_alerts_and_its_end_is_told() {
    let mut line = Line::open();
    line.client(SUBSCRIBE).server(DIFFICULTY).client(SHARE).server(YES);
    let mining = line.outcome().expect("a miner");
    assert_eq!((mining.shares.sent, mining.shares.accepted), (1, 1));
}

#[test]
fn a_page_with_a_hole_stays_a_page() {
    let mut line = Line::open();
    line.client(b"GET /stratum HTTP/1.1\r\nHost: wiki.example\r\n\r\n");
    line.server(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9000\r\n\r\n<html><pre>\n");
    line.after_gap(Direction::Backward, 1448, &[b"and this is the first message:\n", SUBSCRIBE].concat());
    assert_eq!(line.alert(), None);
}

#[test]
fn a_page_met_in_its_midst_is_a_page() {
    let mut line = Line::midway();
    line.server(&[b"he first message of a miner:</p>\n", SUBSCRIBE, b"<p>and so on\n"].concat());
    assert_eq!(line.alert(), None);
}

#[test]
fn a_session_met_in_its_midst_is_a_session() {
    let mut line = Line::midway();
    line.server(&[b"\"00000002\",\"1d00ffff\",\"5f5e1000\",true]}\n", DIFFICULTY].concat());
    assert_eq!(line.alert().map(|mining| mining.client), Some(Direction::Backward));
}

#[test]
fn another_reading_of_a_mail_is_a_mail() {
    let mut line = Line::open();
    line.server(b"220 mx.example ESMTP\r\n").client(b"EHLO jane\r\nMAIL FROM:<j@example>\r\nDATA\r\n");
    line.client(&[b'x'; 1400]).client(&[b'y'; 1400]).client(&[b'z'; 1400]).client(b"\r\n");
    line.client(b"My miner says:\r\n").client(SUBSCRIBE);
    // The same bytes again, a little different at first: a bad checksum, or somebody's middlebox.
    let again = [b"my miner says:\r\n", SUBSCRIBE].concat();
    let sequence = line.next[0] - again.len() as u32;
    line.tcp(Direction::Forward, Flags::ACK, sequence, &again);
    line.client(b"Regards\r\n");
    assert_eq!(line.alert(), None);
}

#[test]
fn another_reading_of_all_there_was_is_a_login() {
    let mut line = Line::open();
    let sequence = line.next[0];
    line.client(&vec![b'x'; SUBSCRIBE.len()]).tcp(Direction::Forward, Flags::ACK, sequence, SUBSCRIBE);
    assert!(line.alert().is_some());
}

#[test]
fn a_body_may_begin_with_blanks_and_be_called_anything() {
    let body = format!(
        r#" {{"jsonrpc":"2.0","id":1,"method":"eth_submitWork","params":["0x{}","0x{}","0x{}"]}}"#,
        "1".repeat(16),
        "2".repeat(64),
        "3".repeat(64)
    );
    for (port, kind) in [(8545, "application/json"), (53, "application/json"), (8545, "text/html")] {
        let mut line = Line::opened(port, Limits::default());
        let length = body.len();
        let head = format!("POST / HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        line.client(head.as_bytes()).client(&body.as_bytes()[..1]).client(&body.as_bytes()[1..]);
        assert!(line.alert().is_some(), "{kind} at port {port}");
    }
}

#[test]
fn a_socks_greeting_comes_in_pieces() {
    let mut request = b"\x05\x01\0\x03\x0cpool.example".to_vec();
    request.extend_from_slice(&3333_u16.to_be_bytes());
    let greeting = [b"\x05\x01\0", &request[..]].concat();
    for cut in 1..greeting.len() {
        let mut line = Line::opened(1080, Limits::default());
        line.client(&greeting[..cut]).client(&greeting[cut..]);
        line.server(b"\x05\0\x05\0\0\x01\0\0\0\0\0\0").client(SUBSCRIBE);
        let events = line.end();
        let target = events.iter().find_map(|event| match &event.body {
            Body::Named(sighting) => Some((sighting.name.to_string(), sighting.place, sighting.port)),
            _ => None,
        });
        assert_eq!(target, Some(("pool.example".to_owned(), Where::Socks, Some(3333))), "cut at {cut}");
        assert!(events.iter().any(|event| matches!(event.body, Body::Alert(_))), "cut at {cut}");
    }
}

#[test]
fn what_only_began_like_socks_is_read() {
    let mut line = Line::opened(1080, Limits::default());
    line.client(b"\x05").client(&[b"\n", SUBSCRIBE].concat()).server(DIFFICULTY);
    assert!(line.alert().is_some());
}

#[test]
fn a_header_of_a_load_balancer_is_no_quotation() {
    for cut in [3, 40, 41] {
        let all = [b"PROXY TCP4 198.51.100.1 192.0.2.7 4711 3333\r\n", SUBSCRIBE].concat();
        let mut line = Line::open();
        line.client(&all[..cut]).client(&all[cut..]);
        assert!(line.alert().is_some());
    }
}

#[test]
fn a_miner_that_waits_is_met_again() {
    let limits = Limits { depth_bytes: 1000, ..Limits::default() };
    let mut line = Line::opened(3333, limits);
    line.client(&[b' '; 600]).server(&[b'\n'; 600]);
    line.client(&[b"\r\n", SUBSCRIBE].concat()).server(DIFFICULTY);
    assert!(line.alert().is_some());
}

#[test]
fn without_room_the_end_is_told_too() {
    let mut line = Line::opened(3333, Limits { records: 0, ..Limits::default() });
    line.client(SUBSCRIBE).server(DIFFICULTY).client(SHARE);
    let events = line.end();
    let count = |wanted: fn(&Body) -> bool| events.iter().filter(|event| wanted(&event.body)).count();
    assert_eq!(count(|body| matches!(body, Body::Alert(_))), 1);
    assert_eq!(count(|body| matches!(body, Body::Flow { end: Some(_), .. })), 1);
}

#[test]
fn words_in_an_unanswered_syn_are_told_once() {
    let mut line = Line::to(3333, Limits::default());
    line.tcp(Direction::Forward, Flags::SYN, 999, SUBSCRIBE);
    let events = line.end();
    assert!(events.iter().any(|event| matches!(event.body, Body::Alert(_))));
    assert!(!events.iter().any(|event| matches!(event.body, Body::Unanswered { .. })));
}

#[test]
fn shares_of_one_id_are_all_answered() {
    let mut line = Line::open();
    line.client(SUBSCRIBE).server(DIFFICULTY).client(SHARE).client(SHARE).client(SHARE);
    line.server(YES).server(YES).server(YES);
    let shares = line.outcome().expect("a miner").shares;
    assert_eq!((shares.sent, shares.accepted), (3, 3));
}

#[test]
fn roles_stay_once_they_were_told() {
    let mut line = Line::open();
    line.client(SUBSCRIBE).client(DIFFICULTY).client(SHARE);
    let mining = line.outcome().expect("a miner");
    assert_eq!((mining.client, mining.confirmed, mining.shares.sent), (Direction::Forward, false, 1));
}

#[test]
fn an_object_that_never_ends_hides_nothing_after_it() {
    let open = [&b"{\"x\":[1"[..], &b",1".repeat(3000), b",\n"].concat();
    for size in [700, 10_000] {
        let mut line = Line::open();
        open.chunks(size).for_each(|piece| {
            line.client(piece);
        });
        line.client(SUBSCRIBE).server(DIFFICULTY).client(SHARE);
        assert_eq!(line.outcome().map(|mining| mining.shares.sent), Some(1), "in pieces of {size}");
    }
}

#[test]
fn an_answer_seen_first_names_who_asked() {
    let mut message = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x04pool\x07example\0\0\x01\0\x01".to_vec();
    message.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc6\x33\x64\x09");
    for first in [Direction::Forward, Direction::Backward] {
        let mut line = Line::to(53, Limits::default());
        if first == Direction::Forward {
            line.datagram(
                Direction::Forward,
                b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04pool\x07example\0\0\x01\0\x01",
            );
        }
        line.datagram(Direction::Backward, &message);
        let client = line.client.ip();
        let who = line.end().into_iter().find_map(|event| match event.body {
            Body::Resolved(resolution) => Some((resolution.client, resolution.addresses)),
            _ => None,
        });
        assert_eq!(who, Some((client, vec![[198, 51, 100, 9].into()])));
    }
}

#[test]
fn a_list_loaded_midway_counts_from_there_on() {
    let mut line = Line::opened(80, Limits::default());
    let ask = |line: &mut Line, name: &str| {
        line.client(format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n").as_bytes());
    };
    ask(&mut line, "pool.new.example");
    let text = "domain,kind,coins,ports,source\nnew.example,pool,,,";
    let pools = Pools::new(List::parse("mine.csv", text).expect("a list"));
    line.detector.take_pools(Arc::new(pools));
    ask(&mut line, "pool.supportxmr.com");
    ask(&mut line, "pool.new.example");
    let named: Vec<String> = line
        .end()
        .into_iter()
        .filter_map(|event| match event.body {
            Body::Named(sighting) => Some(sighting.name.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(named, ["pool.new.example"]);
}

#[test]
fn a_pools_name_after_many_others_is_told() {
    let mut line = Line::opened(80, Limits::default());
    for n in 0..40 {
        line.client(format!("GET / HTTP/1.1\r\nHost: n{n}.example\r\n\r\n").as_bytes());
    }
    for _ in 0..2 {
        line.client(b"GET / HTTP/1.1\r\nHost: pool.supportxmr.com\r\n\r\n");
    }
    let named = line.end().into_iter().filter(|event| matches!(event.body, Body::Named(_)));
    assert_eq!(named.count(), 1);
}

/// What P2Pool's peers say first: a challenge each, then a solution each.
fn peers(line: &mut Line, ends: u8) {
    let varied =
        |seed: u8| (0..40).map(move |n: u8| n.wrapping_mul(37) ^ seed.wrapping_mul(91)).collect::<Vec<u8>>();
    let challenge = |seed: u8| [&[0][..], &varied(seed)[..16]].concat();
    let solution = |seed: u8| [&[ends][..], &varied(seed)].concat();
    line.client(&challenge(1)).server(&challenge(2)).client(&solution(3)).server(&solution(4));
}

#[test]
fn turns_count_from_the_tunnel_on() {
    const ASKS: &[u8] = b"CONNECT pool.example:37889 HTTP/1.1\r\nHost: pool.example:37889\r\n\r\n";
    const AGREES: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let mut line = Line::open();
    line.client(ASKS).server(AGREES);
    peers(&mut line, 1);
    assert_eq!(line.outcome().map(|mining| mining.dialect), Some("p2pool"));

    let mut other = Line::open();
    other.client(ASKS).server(AGREES);
    peers(&mut other, 7);
    assert_eq!(other.outcome().map(|mining| mining.dialect), None);

    let mut refused = Line::open();
    refused.client(ASKS).server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(refused.outcome().map(|mining| mining.dialect), None);
}
