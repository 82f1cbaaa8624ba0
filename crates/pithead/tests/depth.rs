//! What is not read is not lost: the same miners are found as if every byte had been.
//!
//! Each made conversation goes past the depth first, and then mines in a way that the first bytes of a payload do not always tell.

#[path = "support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use pithead_wire::Timestamp;
use support::line::{self, Told};
use support::steps::{self, Segment, Step};
use support::{golden, short};

const SUBSCRIBE: &[u8] = b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"cpuminer/2.5.1\"]}\n";
const GRANTED: &[u8] =
    b"{\"id\":1,\"result\":[[[\"mining.set_difficulty\",\"1\"],[\"mining.notify\",\"1\"]],\"08000002\",4],\"error\":null}\n";
const AUTHORIZE: &[u8] =
    b"{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"1ExampLePitheadWaLLetExampLePithead.rig\",\"x\"]}\n";
const NOTIFY: &[u8] = b"{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"bf\",\"4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000\",\"01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff20020862062f503253482f04b8864e5008\",\"072f736c7573682f000000000100f2052a010000001976a914d23fcdf86f7e756a64a7a9688ef9903327048ed988ac00000000\",[],\"00000002\",\"1c2ac4af\",\"504e86b9\",false]}\n";
/// Bytes without a bracket, as of something compressed, up to a line end: of a message behind anything else, nothing that goes by lines
/// would see the beginning.
const NOISE: [u8; 1400] = {
    let mut noise = [0x9d; 1400];
    noise[1399] = b'\n';
    noise
};

/// A connection between two hosts, written down as it goes.
struct Talk {
    ends: [SocketAddr; 2],
    next: [u32; 2],
    at: Timestamp,
    steps: Vec<Step>,
}

impl Talk {
    /// One that was seen to open, or met in its midst.
    fn new(opened: bool) -> Self {
        let ends = ["10.1.1.7:40404", "203.0.113.9:4444"].map(|end| end.parse().expect("an address"));
        let mut talk =
            Self { ends, next: [1000, 9000], at: Timestamp::new(1_800_000_000, 0), steps: Vec::new() };
        if opened {
            talk.send(0, 2, 0, b"").send(1, 0x12, 0, b"");
            talk.next = [1001, 9001];
        }
        talk
    }

    fn send(&mut self, way: usize, flags: u8, ahead: u32, payload: &[u8]) -> &mut Self {
        self.at = self.at.after(Duration::from_micros(200));
        self.steps.push(Step::Segment(Segment {
            source: self.ends[way],
            destination: self.ends[1 - way],
            sequence: self.next[way].wrapping_add(ahead),
            acknowledgment: self.next[1 - way],
            flags,
            payload: payload.to_vec(),
            at: self.at,
        }));
        self
    }

    fn say(&mut self, way: usize, payload: &[u8]) -> &mut Self {
        self.send(way, 0x18, 0, payload);
        self.next[way] = self.next[way].wrapping_add(payload.len() as u32);
        self
    }

    fn client(&mut self, payload: &[u8]) -> &mut Self {
        self.say(0, payload)
    }

    fn server(&mut self, payload: &[u8]) -> &mut Self {
        self.say(1, payload)
    }

    /// The two halves of a payload, the second before the first.
    fn reversed(&mut self, way: usize, payload: &[u8]) -> &mut Self {
        let (first, second) = payload.split_at(payload.len() / 2);
        self.send(way, 0x18, first.len() as u32, second).send(way, 0x18, 0, first);
        self.next[way] = self.next[way].wrapping_add(payload.len() as u32);
        self
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.at = self.at.after(Duration::from_secs(seconds));
        self
    }

    /// Something else, both ways, further than anything is read.
    fn other(&mut self, segments: usize) -> &mut Self {
        for _ in 0..segments {
            self.client(&NOISE).server(&NOISE);
        }
        self
    }

    fn mine(&mut self) -> &mut Self {
        self.client(SUBSCRIBE).server(GRANTED).client(AUTHORIZE).server(NOTIFY)
    }

    /// Fails unless the miner is found, and also when every byte is read.
    #[track_caller]
    fn found(&self) -> Told {
        let frames = steps::frames(&self.steps);
        let (told, unlimited) = (line::run(&frames), line::unlimited(&frames));
        assert_eq!(unlimited.miners().len(), 1, "unlimited: {:?}", unlimited.stats);
        assert_eq!(told.miners(), unlimited.miners(), "{:?}", told.stats);
        told
    }
}

#[test]
fn golden_captures_raise_the_same_alerts() {
    for capture in golden() {
        let frames = support::captures::frames(&capture);
        let (told, unlimited) = (line::run(&frames), line::unlimited(&frames));
        assert_eq!(told.alerts(), unlimited.alerts(), "{}", short(&capture));
        assert_eq!(told.ends(), unlimited.ends(), "{}", short(&capture));
    }
}

#[test]
fn a_miner_who_connected_before_the_tap() {
    Talk::new(false).server(NOTIFY).found();
    // The tail of a message first.
    Talk::new(false).server(&NOTIFY[300..]).server(NOTIFY).wait(30).server(NOTIFY).found();
}

#[test]
fn a_message_after_a_hundred_megabytes_of_something_else() {
    let told = Talk::new(true).other(100_000_000 / 2 / NOISE.len()).mine().found();
    assert_eq!(told.stats.detect.inspected, 1);
    assert!((1..=4).contains(&told.stats.detect.resumed), "{:?}", told.stats.detect);
}

#[test]
fn a_message_after_an_hour_of_silence() {
    Talk::new(true).other(10).wait(3600).mine().found();
    // Within the timeout of the flow, and with words instead of brackets in front.
    let line = [b"hello\n", SUBSCRIBE].concat();
    Talk::new(true).other(10).wait(300).client(&line).wait(30).server(NOTIFY).found();
}

#[test]
fn one_junk_byte_in_front() {
    let behind = |message: &[u8]| [b"~\n", message].concat();
    Talk::new(true)
        .other(10)
        .wait(10)
        .client(&behind(SUBSCRIBE))
        .wait(10)
        .server(&behind(GRANTED))
        .wait(10)
        .server(&behind(NOTIFY))
        .found();
}

#[test]
fn a_segment_before_its_turn() {
    Talk::new(true)
        .other(10)
        .reversed(0, SUBSCRIBE)
        .server(GRANTED)
        .client(AUTHORIZE)
        .reversed(1, NOTIFY)
        .found();
}

#[test]
fn a_message_in_two_segments() {
    let (first, second) = SUBSCRIBE.split_at(1);
    Talk::new(true)
        .other(10)
        .client(first)
        .client(second)
        .server(&NOTIFY[..40])
        .server(&NOTIFY[40..])
        .found();
}

#[test]
fn while_one_side_has_said_nothing_yet() {
    let mut talk = Talk::new(true);
    for _ in 0..10 {
        talk.server(&NOISE);
    }
    talk.mine().found();
}

#[test]
fn what_is_left_alone_costs_nothing_but_a_look() {
    let frames = steps::frames(&Talk::new(true).other(1000).steps);
    let told = line::run(&frames);
    assert_eq!((told.stats.detect.inspected, told.stats.detect.resumed), (1, 0));
}
