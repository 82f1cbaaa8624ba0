//! The dialects: each by itself on any message, and all of them in a conversation, where the same bytes mean the same
//! however they are cut into segments.
//!
//! Input: a selector. Below 128 it picks a dialect, and a byte of choices (carrier, direction, cut short or not) and the
//! message follow. From 128 on its low bits say how to cut (see `cut`), and turns follow: two bytes, the highest bit for
//! what the server says and the others for the length, and that many bytes.
//!
//! Nothing is promised of a flow that has told all it tells, as TLS has after its hellos, and is then taken up again: whether one
//! is, a single segment decides, by its first bytes. Such conversations are held, but not compared.
#![no_main]

use pithead_detect::pools::{List, Pools};
use pithead_detect::{
    Anchors, Body, Carrier, DIALECTS, Detector, Event, Limits, Message, Mining, Tokens, Turns,
};
use pithead_flow::{Clock, Direction, End, FlowTable, Sighting, Timeouts};
use pithead_fuzz::{Choices, cut};
use pithead_wire::{Flags, Packet, Tags, Tcp, Timestamp, Transport};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| Anchors::new().expect("the patterns compile"));
static POOLS: LazyLock<Arc<Pools>> = LazyLock::new(|| Arc::new(Pools::new(List::builtin())));

/// Turns are no longer than this, so that no message is longer than what is held of an unfinished one.
const LONGEST: u16 = 0x7ff;

type Turn<'a> = (Direction, &'a [u8]);

pithead_fuzz::target!(|input| {
    let mut choices = Choices(input);
    let selector = choices.byte();
    if let Some(seed) = selector.checked_sub(128) {
        let turns = turns(choices);
        if let (Some(whole), Some(in_pieces)) = (converse(&turns, 0), converse(&turns, seed)) {
            assert_eq!(whole, in_pieces);
        }
    } else {
        examine(usize::from(selector), choices);
    }
});

/// Shows a message to one dialect.
fn examine(number: usize, mut choices: Choices<'_>) {
    let dialect = DIALECTS[number % DIALECTS.len()];
    let choice = choices.byte();
    let direction = if choice & 4 == 0 { Direction::Forward } else { Direction::Backward };
    let carrier = match choice & 3 {
        0 | 1 => Carrier::Stream,
        2 => Carrier::Http,
        _ => Carrier::WebSocket,
    };
    let mut tokens = Tokens::default();
    let text = choices.0;
    let json = tokens.read(text);
    let message = Message { text, json, carrier, head: None, direction, truncated: choice & 8 != 0 };
    let _ = dialect.examine(&message, None);

    let mut turns = Turns::new(choice & 16 != 0);
    for (direction, bytes) in self::turns(Choices(text)) {
        turns.push(direction, bytes);
        let _ = dialect.turns(&turns);
    }
}

fn turns(mut choices: Choices<'_>) -> Vec<Turn<'_>> {
    let mut turns = Vec::new();
    while !choices.is_over() {
        let head = choices.word();
        let direction = if head >> 15 == 0 { Direction::Forward } else { Direction::Backward };
        turns.push((direction, choices.bytes((head & LONGEST).into())));
    }
    turns
}

/// What a detector says of a connection: what its alert said, and what is known at its end. `None` if it was taken up again.
fn converse(turns: &[Turn<'_>], seed: u8) -> Option<Vec<Mining>> {
    let mut line = Line::new();
    line.send(Direction::Forward, Flags::SYN, &[]);
    line.send(Direction::Backward, Flags::SYN.union(Flags::ACK), &[]);
    for (direction, bytes) in turns {
        cut(bytes, seed).for_each(|piece| line.send(*direction, Flags::ACK, piece));
    }
    line.end()
}

/// A TCP connection between two hosts, and a detector that listens.
struct Line {
    flows: FlowTable,
    detector: Detector,
    events: Vec<Event>,
    clock: Clock,
    next: [u32; 2],
    frame: u64,
}

impl Line {
    const AT: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);
    const HOSTS: [(Ipv4Addr, u16); 2] =
        [(Ipv4Addr::new(10, 0, 0, 5), 49152), (Ipv4Addr::new(203, 0, 113, 9), 3333)];

    fn new() -> Self {
        Self {
            flows: FlowTable::new(1, Timeouts::default()),
            detector: Detector::new(
                &ANCHORS,
                POOLS.clone(),
                Limits { records: 1, messages: 4, ..Limits::default() },
            ),
            events: Vec::new(),
            clock: Clock::default(),
            next: [0x1000, 0xffff_ff00],
            frame: 0,
        }
    }

    fn send(&mut self, direction: Direction, flags: Flags, payload: &[u8]) {
        let (from, to) = (direction.index(), direction.reverse().index());
        self.frame += 1;
        let tcp = Tcp {
            source_port: Self::HOSTS[from].1,
            destination_port: Self::HOSTS[to].1,
            sequence: self.next[from],
            acknowledgment: self.next[to],
            flags,
            payload,
            payload_len: payload.len(),
        };
        let one_more = u32::from(flags.contains(Flags::SYN));
        self.next[from] = self.next[from].wrapping_add(payload.len() as u32 + one_more);
        let packet = Packet {
            source: IpAddr::V4(Self::HOSTS[from].0),
            destination: IpAddr::V4(Self::HOSTS[to].0),
            transport: Transport::Tcp(tcp.clone()),
            tags: Tags::default(),
        };
        let seen =
            Sighting { at: Self::AT, sequence: self.frame, number: self.frame, interface: 0, wire_len: 0 };
        self.clock.observe(Self::AT);
        let lookup = self.flows.lookup(&packet).expect("TCP or UDP");
        let observed =
            self.flows.observe(&lookup, &packet, seen, &self.clock).expect("there is room for one flow");
        let mut flow = self.flows.at(observed.place, &lookup);
        self.detector.tcp(&mut flow, observed.direction, &tcp, observed.before, seen, &mut self.events);
    }

    fn end(mut self) -> Option<Vec<Mining>> {
        while self.flows.finish(Self::AT) {
            for mut ended in self.flows.ended() {
                assert_eq!(ended.end, End::Shutdown);
                self.detector.finish(&mut ended, pithead_detect::Tell::All, &mut self.events);
            }
        }
        let minings = self.events.into_iter().filter_map(|event| match event.body {
            Body::Alert(mining) => Some(*mining),
            Body::Flow { mining, .. } => mining.map(|mining| *mining),
            _ => None,
        });
        let minings = minings.map(|mut mining| {
            mining.evidence.frame = 0; // of course another, when cut into more
            mining
        });
        (self.detector.counters().resumed == 0).then(|| minings.collect())
    }
}
