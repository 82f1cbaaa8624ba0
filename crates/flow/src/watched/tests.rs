use pithead_wire::{Flags, Packet, Tags, Transport};

use super::*;
use crate::{Clock, FlowTable, Sighting, Timeouts};

/// A flow and its watch, shown segments at any time.
struct Tap {
    flows: FlowTable,
    watch: Watch,
    clock: Clock,
    next: [u32; 2],
    shapes: Vec<Shape>,
}

impl Tap {
    fn new(limits: WatchLimits) -> Self {
        let flows = FlowTable::new(10, Timeouts::default());
        Self { flows, watch: Watch::new(limits), clock: Clock::default(), next: [1, 1], shapes: Vec::new() }
    }

    /// The client (0) or the server (1) says this.
    fn say(&mut self, way: usize, milliseconds: i64, payload: &[u8]) {
        let sequence = self.next[way];
        self.next[way] += payload.len() as u32;
        self.segment(way, milliseconds, sequence, payload);
    }

    fn segment(&mut self, way: usize, milliseconds: i64, sequence: u32, payload: &[u8]) {
        let (client, server) = ("10.0.0.1", "192.0.2.1");
        let (from, to, ports) =
            if way == 0 { (client, server, [40_000, 443]) } else { (server, client, [443, 40_000]) };
        let tcp = Tcp {
            source_port: ports[0],
            destination_port: ports[1],
            sequence,
            acknowledgment: 0,
            flags: Flags::ACK,
            payload,
            payload_len: payload.len(),
        };
        let packet = Packet {
            source: from.parse().expect("an address"),
            destination: to.parse().expect("an address"),
            tags: Tags::default(),
            transport: Transport::Tcp(tcp),
        };
        let at = Timestamp::from_nanos(milliseconds * 1_000_000);
        self.clock.observe(at);
        let lookup = self.flows.lookup(&packet).expect("it is TCP");
        let seen = Sighting { at, sequence: 1, number: 1, interface: 0, wire_len: 60 };
        let observed = self.flows.observe(&lookup, &packet, seen, &self.clock).expect("there is room");
        let mut flow = self.flows.at(observed.place, &lookup);
        let Transport::Tcp(tcp) = &packet.transport else { unreachable!("it is TCP") };
        if Watch::concerns(&flow, observed.before, at) {
            self.shapes.extend(self.watch.observe(&mut flow, observed.direction, tcp, at));
        }
    }

    fn end(&mut self) -> Option<Shape> {
        assert!(self.flows.finish(self.clock.now()), "it is followed");
        let mut ended: Vec<_> = self.flows.ended().collect();
        self.watch.finish(&ended.first_mut()?.flow())
    }
}

/// A TLS record that holds so much.
fn record(size: u16) -> Vec<u8> {
    let [high, low] = size.to_be_bytes();
    [&[23, 3, 3, high, low][..], &vec![0x5a; usize::from(size)]].concat()
}

/// A share every ten seconds, answered after a tenth; a job in between each minute.
fn mine(tap: &mut Tap, minutes: i64, share: &[u8], answer: &[u8], job: &[u8]) {
    for ten in 0..minutes * 6 {
        tap.say(0, ten * 10_000, share);
        tap.say(1, ten * 10_000 + 100, answer);
        if ten % 6 == 5 {
            tap.say(1, ten * 10_000 + 5000, job);
        }
    }
}

#[test]
fn records_are_told_by_size_and_by_who_began() {
    let mut tap = Tap::new(WatchLimits::default());
    mine(&mut tap, 5, &record(207), &record(87), &record(415));
    assert_eq!(tap.shapes.len(), 3, "once a minute");
    let shape = tap.end().expect("it was watched");
    assert!(shape.tls);
    assert_eq!((shape.asks[0].said, shape.asked), (Said { size: 207, count: 24 }, 24));
    assert_eq!((shape.answers[0], shape.answered), (Said { size: 87, count: 24 }, 24));
    assert_eq!((shape.pushes[0], shape.pushed), (Said { size: 415, count: 4 }, 4));
    let gaps = shape.asks[0].gaps;
    assert_eq!(gaps.mean(23), Some(10.0));
    assert!(gaps.variation(23).is_some_and(|variation| variation < 0.01));
    assert!(shape.delay.is_some_and(|delay| (delay - 0.1).abs() < 0.01));
}

#[test]
fn segments_that_follow_each_other_are_one_message_and_said_again_they_are_none() {
    let mut tap = Tap::new(WatchLimits::default());
    for turn in 0..12 {
        let at = turn * 10_000;
        tap.say(0, at, &[1; 1448]);
        tap.say(0, at + 1, &[1; 1400]);
        let again = tap.next[0] - 1400;
        tap.segment(0, at + 300, again, &[1; 1400]);
        // A probe of a connection at rest.
        tap.segment(0, at + 5000, tap.next[0] - 1, &[0]);
        tap.say(1, at + 200, &[2; 25]);
    }
    let shape = tap.end().expect("it was watched");
    assert!(!shape.tls);
    assert_eq!((shape.asks[0].said.size, shape.asks[0].said.count), (2848, shape.asked));
    assert_eq!(shape.answers[0].size, 25);
}

#[test]
fn behind_a_hole_it_goes_on_at_the_next_record() {
    let mut tap = Tap::new(WatchLimits::default());
    for turn in 0..20 {
        if turn % 4 == 3 {
            tap.next[0] += 100;
        }
        tap.say(0, turn * 10_000, &record(207));
    }
    let shape = tap.end().expect("it was watched");
    assert_eq!((shape.asks[0].said.size, shape.asks[0].said.count), (207, 14));
}

#[test]
fn young_and_busy_flows_are_not_watched() {
    let mut young = Tap::new(WatchLimits::default());
    mine(&mut young, 1, &record(207), &record(87), &record(415));
    assert_eq!(young.end(), None);

    let mut busy = Tap::new(WatchLimits { packets_a_minute: 10, ..WatchLimits::default() });
    mine(&mut busy, 5, &record(207), &record(87), &record(415));
    assert_eq!((busy.end(), busy.watch.counters().watched), (None, 0));
}

#[test]
fn without_room_a_flow_goes_unwatched_and_is_counted() {
    let mut tap = Tap::new(WatchLimits { flows: 0, ..WatchLimits::default() });
    mine(&mut tap, 5, &record(207), &record(87), &record(415));
    assert_eq!(tap.end(), None);
    assert_eq!(tap.watch.counters().watched, 0);
    assert!(tap.watch.counters().full > 0);
}

#[test]
fn two_halves_show_together_what_one_flow_shows() {
    let mut whole = Tap::new(WatchLimits::default());
    mine(&mut whole, 8, &record(207), &record(87), &record(415));
    let [there, back] = [0, 1].map(|way| {
        let mut half = Tap::new(WatchLimits::default());
        for ten in 0..48 {
            if way == 0 {
                half.say(0, ten * 10_000, &record(207));
            } else {
                half.say(1, ten * 10_000 + 100, &record(87));
                if ten % 6 == 5 {
                    half.say(1, ten * 10_000 + 5000, &record(415));
                }
            }
        }
        half.end().expect("it was watched")
    });
    let (whole, joined) = (whole.end().expect("it was watched"), there.with(&back));
    assert_eq!((joined.asks[0].said, joined.asked), (whole.asks[0].said, whole.asked));
    assert_eq!(joined.answers[0].size, 87);
    assert_eq!((joined.pushes[0].size, joined.delay), (415, None));
}
