//! The life of flows, by seconds.

use std::net::{IpAddr, SocketAddr};

use super::*;
use pithead_wire::{Tags, Tcp, Udp};

fn tcp(source: &str, destination: &str, flags: Flags, sequence: u32) -> Packet<'static> {
    let (source, destination): (SocketAddr, SocketAddr) =
        (source.parse().expect("address"), destination.parse().expect("address"));
    Packet {
        source: source.ip(),
        destination: destination.ip(),
        transport: Transport::Tcp(Tcp {
            source_port: source.port(),
            destination_port: destination.port(),
            sequence,
            acknowledgment: 0,
            flags,
            payload: &[],
            payload_len: 0,
        }),
        tags: Tags::default(),
    }
}

/// Last frame, reason and second of a flow's end.
type Told = (u64, End, i64);

fn told(ended: &Ended) -> Told {
    (ended.last_frame, ended.end, ended.at.nanos() / 1_000_000_000)
}

/// A table and its clock, fed by seconds.
struct Bench {
    table: FlowTable,
    clock: Clock,
    sequence: u64,
}

impl Bench {
    fn new(capacity: usize) -> Self {
        Self { table: FlowTable::new(capacity, Timeouts::default()), clock: Clock::default(), sequence: 0 }
    }

    fn pass(&mut self, seconds: i64) -> Vec<Told> {
        let moved = self.clock.observe(Timestamp::new(seconds, 0));
        self.table.tick(moved, &self.clock);
        self.table.ended().map(|ended| told(&ended)).collect()
    }

    fn frame(&mut self, seconds: i64, packet: &Packet<'_>) -> (Vec<Told>, Option<(bool, Direction)>) {
        let mut ended = self.pass(seconds);
        self.sequence += 1;
        let at = Timestamp::new(seconds, 0);
        let seen =
            Sighting { at, sequence: self.sequence, number: self.sequence, interface: 0, wire_len: 60 };
        let mut lookup = self.table.lookup(packet).expect("TCP");
        self.table.approach(&mut lookup);
        let observed = self.table.observe(&lookup, packet, seen, &self.clock);
        let observed = observed.map(|observed| (observed.is_new, observed.direction));
        ended.extend(self.table.ended().map(|ended| told(&ended)));
        (ended, observed)
    }

    fn finish(&mut self, seconds: i64) -> Vec<Ended> {
        let mut ended = Vec::new();
        while self.table.finish(Timestamp::new(seconds, 0)) {
            ended.extend(self.table.ended());
        }
        assert!(self.table.is_empty());
        ended
    }
}

const A: &str = "10.0.0.1:4000";
const B: &str = "192.0.2.1:3333";
const ACK: Flags = Flags::ACK;

#[test]
fn both_directions_are_one_flow() {
    let mut bench = Bench::new(10);
    assert_eq!(bench.frame(1, &tcp(A, B, Flags::SYN, 1)).1, Some((true, Direction::Forward)));
    assert_eq!(bench.frame(1, &tcp(B, A, Flags::SYN.union(ACK), 1)).1, Some((false, Direction::Backward)));
    assert_eq!(bench.table.len(), 1);
}

#[test]
fn an_answer_seen_first_still_names_the_initiator() {
    let mut bench = Bench::new(10);
    assert_eq!(bench.frame(1, &tcp(B, A, Flags::SYN.union(ACK), 1)).1, Some((true, Direction::Backward)));
}

#[test]
fn an_unanswered_flow_ends_after_thirty_seconds_and_others_do_not() {
    let mut bench = Bench::new(10);
    bench.frame(100, &tcp(A, B, Flags::SYN, 1));
    bench.frame(100, &tcp("10.0.0.2:1", B, ACK, 1));
    assert!(bench.pass(130).is_empty());
    assert_eq!(bench.pass(131), [(1, End::Timeout, 130)]);
    assert_eq!(bench.table.len(), 1);
    assert_eq!(bench.pass(701), [(2, End::Timeout, 700)]);
}

#[test]
fn the_end_does_not_depend_on_when_it_is_noticed() {
    // The packet itself comes late: its old flow ended at its deadline, and it begins another.
    let mut bench = Bench::new(10);
    bench.frame(100, &tcp(A, B, ACK, 1));
    let (ended, observed) = bench.frame(1000, &tcp(A, B, ACK, 1));
    assert_eq!(ended, [(1, End::Timeout, 700)]);
    assert_eq!(observed, Some((true, Direction::Forward)));
}

#[test]
fn ports_used_again_make_another_flow() {
    let mut bench = Bench::new(10);
    bench.frame(1, &tcp(A, B, Flags::SYN, 1));
    bench.frame(1, &tcp(B, A, Flags::RST, 1));
    assert_eq!(bench.frame(2, &tcp(A, B, Flags::SYN, 1)).1, Some((false, Direction::Forward)), "sent again");
    let (ended, observed) = bench.frame(2, &tcp(A, B, Flags::SYN, 77));
    assert_eq!(ended, [(3, End::Replaced, 2)]);
    assert_eq!(observed, Some((true, Direction::Forward)));
}

#[test]
fn a_full_table_refuses_and_counts() {
    let mut bench = Bench::new(1);
    bench.frame(1, &tcp(A, B, Flags::SYN, 1));
    assert_eq!(bench.frame(1, &tcp("10.0.0.2:1", B, Flags::SYN, 1)).1, None);
    assert_eq!(bench.table.counters(), TableCounters { flows: 1, packets: 1, refused: 1 });
}

#[test]
fn an_older_capture_after_a_newer_one_ends_what_was_over() {
    let mut bench = Bench::new(100);
    bench.frame(1_000_000, &tcp(A, B, ACK, 1));
    let mut ended = Vec::new();
    for n in 0..40 {
        ended.extend(bench.frame(500 + n, &tcp("10.0.0.9:9", B, ACK, 1)).0);
    }
    assert!(ended.is_empty(), "the first flow is not over in either time: {ended:?}");
    assert_eq!(bench.table.len(), 2);
    assert_eq!(bench.finish(600).len(), 2);
}

#[test]
fn all_end_a_part_at_a_time_and_the_table_is_as_new() {
    let mut bench = Bench::new(10_000);
    let count = AT_ONCE as usize * 2 + 5;
    for round in 0..2 {
        for n in 0..count {
            bench.frame(round, &tcp(&format!("10.1.{}.{}:9", n / 250, n % 250), B, ACK, 1));
        }
        assert_eq!((bench.table.len(), bench.table.places.len() as usize), (count, count));
        assert!(bench.table.finish(Timestamp::new(round, 0)));
        let first = bench.table.ended().count();
        assert!((1..count).contains(&first));
        assert_eq!(first + bench.finish(round).len(), count);
    }
}

#[test]
fn a_flow_that_ended_since_it_was_looked_up_counts_no_more() {
    for v6 in [false, true] {
        let mut bench = Bench::new(10);
        let (a, b) = if v6 { ("[2001:db8::1]:4000", "[2001:db8::2]:3333") } else { (A, B) };
        let packet = tcp(a, b, ACK, 1);
        bench.frame(1, &packet);
        let mut lookup = bench.table.lookup(&packet).expect("TCP");
        bench.table.approach(&mut lookup);
        assert_eq!(lookup.guess, 0);
        assert_eq!(bench.pass(1_000), [(1, End::Timeout, 601)]);
        let at = Timestamp::new(1_000, 0);
        let seen = Sighting { at, sequence: 2, number: 2, interface: 0, wire_len: 60 };
        let observed = bench.table.observe(&lookup, &packet, seen, &bench.clock).expect("room");
        assert!(observed.is_new);
        assert_eq!(bench.table.at(observed.place, &lookup).packets(), [1, 0]);
    }
}

#[test]
fn ports_used_again_in_a_moment_take_one_place() {
    let mut bench = Bench::new(10);
    for n in 0..1_000 {
        assert_eq!(bench.frame(5, &tcp(A, B, Flags::SYN, n)).1, Some((true, Direction::Forward)));
        bench.frame(5, &tcp(B, A, Flags::RST, 1));
    }
    assert_eq!((bench.table.places.len(), bench.table.len()), (1, 1));
    assert_eq!(bench.pass(100), [(2_000, End::Closed, 15)], "and its time is kept all the same");
    bench.frame(200, &tcp("10.0.0.9:9", B, Flags::SYN, 1));
    assert_eq!(bench.table.places.len(), 1);
}

#[test]
fn places_are_used_again() {
    let mut bench = Bench::new(100);
    for n in 0..5_000_i64 {
        bench.frame(n, &tcp(&format!("10.0.{}.{}:77", n / 250, n % 250), B, Flags::SYN, 1));
    }
    assert!(bench.table.places.len() < 100, "{} places for 30 flows at a time", bench.table.places.len());
}

#[test]
fn both_versions_of_ip_and_both_protocols_are_kept_apart() {
    let mut bench = Bench::new(100);
    let ends = [
        "10.0.0.1:4000",
        "10.0.0.2:4000",
        "[2001:db8::1]:4000",
        "[2001:db8::2]:4000",
        "[::ffff:10.0.0.1]:4000",
    ];
    let mut flows = 0;
    for a in ends {
        for b in ends {
            let same = |text: &str| text.starts_with('[');
            if a >= b || same(a) != same(b) {
                continue;
            }
            flows += 2;
            for (from, to) in [(a, b), (b, a)] {
                let tcp = tcp(from, to, ACK, 1);
                let Transport::Tcp(head) = &tcp.transport else { unreachable!("made above") };
                let (source_port, destination_port) = (head.source_port, head.destination_port);
                let transport =
                    Transport::Udp(Udp { source_port, destination_port, payload: &[], payload_len: 0 });
                let udp = Packet { transport, ..tcp.clone() };
                for packet in [tcp, udp] {
                    let (is_new, direction) = bench.frame(1, &packet).1.expect("room");
                    assert_eq!((is_new, direction == Direction::Forward), (from == a, from == a));
                }
            }
        }
    }
    assert_eq!(bench.table.len(), flows);
    let sources: Vec<_> = bench.finish(9).iter_mut().map(|ended| ended.flow().source().to_string()).collect();
    assert!(sources.iter().all(|source| ends.contains(&source.as_str())), "{sources:?}");
}

#[test]
fn tags_tell_flows_apart_only_if_asked() {
    let packet = |id: u16| Packet {
        tags: Tags { vlan: [id, 0], vlans: u8::from(id > 0), vni: None, depth: 1 },
        ..tcp(A, B, ACK, 1)
    };
    for (tags, flows) in [(KeyTags::default(), 1), (KeyTags { vlan: true, vni: false }, 3)] {
        let mut bench = Bench::new(10);
        bench.table = FlowTable::new(10, Timeouts::default()).with_tags(tags);
        for id in [5, 0, 6, 5, 0, 6] {
            bench.frame(1, &packet(id));
        }
        assert_eq!(bench.table.len(), flows);
        let mut ids: Vec<u64> = bench.finish(2).iter_mut().map(|ended| ended.flow().id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), flows, "each has an id of its own");
    }
}

#[test]
fn numbers_of_frames_are_those_of_their_files() {
    let mut numbers = Numbers::default();
    let seen =
        |sequence, number| Sighting { at: Timestamp::default(), sequence, number, interface: 0, wire_len: 0 };
    for (sequence, number) in [(3, 3), (7, 7), (11, 1), (12, 2), (40, 5)] {
        numbers.note(seen(sequence, number));
    }
    let of: Vec<u64> = [3, 7, 11, 12, 40].into_iter().map(|sequence| numbers.of(sequence)).collect();
    assert_eq!(of, [3, 7, 1, 2, 5]);
}

/// Everything that the table holds, by the bytes that it has asked for.
#[test]
fn a_flow_costs_no_more_than_was_promised() {
    let address = |n: u32, v6: bool| match v6 {
        false => IpAddr::from((0x0a00_0000 + n).to_be_bytes()),
        true => IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(n)).to_be_bytes()),
    };
    for (v6, most) in [(false, 128), (true, 160)] {
        let (mut table, mut clock) = (FlowTable::new(400_000, Timeouts::default()), Clock::default());
        // Three minutes with a tenth of the flows a second, each of which sends once more: the table is as full as it gets.
        for n in 0..300_000_u32 {
            let at = Timestamp::from_nanos(i64::from(n) * 1_000_000);
            let moved = clock.observe(at);
            table.tick(moved, &clock);
            table.ended().for_each(drop);
            let mut packet = tcp(A, B, ACK, 1);
            (packet.source, packet.destination) = (address(n, v6), address(7, v6));
            let lookup = table.lookup(&packet).expect("TCP");
            let sequence = u64::from(n) + 1;
            let seen = Sighting { at, sequence, number: sequence, interface: 0, wire_len: 60 };
            table.observe(&lookup, &packet, seen, &clock).expect("room");
        }
        let flows = table.len();
        let bytes = table.places.bytes() + table.index.bytes() + table.wheel.bytes();
        assert_eq!(flows, 300_000);
        assert!(bytes / flows <= most, "{} bytes a flow", bytes / flows);
    }
}
