//! All flows of a worker.
//!
//! A fixed number of flows at most; one more is refused and counted, since evicting a flow that mines to make room for a
//! scan's would lose what the program is for. When a flow ends is a function of the frames alone: its last packet plus
//! its timeout against the clock of the frames, whether or not a sweep has come by.

use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::time::Duration;

use hashbrown::HashTable;
use pithead_wire::{Flags, Packet, Timestamp, Transport};

use crate::clock::{Clock, Moved, second};
use crate::flow::{Direction, End, Flow, Mark, State};
use crate::key::Key;
use crate::wheel::{NONE, Wheel};

/// The longest time between two visits of the timer wheel.
const VISIT: Duration = Duration::from_secs(60);

/// How long a flow may be silent before it has ended.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// TCP, unanswered.
    pub new: Duration,
    /// TCP, under way. Real miners were silent for 195 s.
    pub established: Duration,
    /// TCP, reset or closed by both: long enough for stragglers.
    pub closed: Duration,
    /// UDP.
    pub datagrams: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            new: Duration::from_secs(30),
            established: Duration::from_secs(600),
            closed: Duration::from_secs(10),
            datagrams: Duration::from_secs(60),
        }
    }
}

impl Timeouts {
    const fn of(&self, state: State) -> Duration {
        match state {
            State::New => self.new,
            State::Established => self.established,
            State::Closed => self.closed,
            State::Datagrams => self.datagrams,
        }
    }
}

/// What happened in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableCounters {
    /// Flows begun.
    pub flows: u64,
    /// Packets counted in a flow.
    pub packets: u64,
    /// Packets of flows for which there was no room.
    pub refused: u64,
}

/// A packet's flow.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Where the flow is: good for [`FlowTable::at`] until the next packet is observed.
    pub place: u32,
    /// Which way the packet goes.
    pub direction: Direction,
    /// Whether the packet began the flow.
    pub is_new: bool,
}

/// Where and when a packet was met.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// The frame's place in the whole input.
    pub sequence: u64,
    /// The frame's number in its file.
    pub number: u64,
    /// Which interface.
    pub interface: u16,
    /// Length of the frame on the wire.
    pub wire_len: u32,
}

/// The flows of a worker.
#[derive(Debug)]
pub struct FlowTable {
    index: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    flows: Vec<Flow>,
    free: Vec<u32>,
    wheel: Wheel,
    timeouts: Timeouts,
    capacity: usize,
    ended: Vec<(Flow, End, Timestamp)>,
    counters: TableCounters,
}

impl FlowTable {
    /// A table of at most `capacity` flows. Memory is taken as flows come.
    pub fn new(capacity: usize, timeouts: Timeouts) -> Self {
        Self {
            index: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            flows: Vec::new(),
            free: Vec::new(),
            wheel: Wheel::new(),
            timeouts,
            capacity: capacity.min(NONE as usize - 1),
            ended: Vec::new(),
            counters: TableCounters::default(),
        }
    }

    /// What happened so far.
    pub const fn counters(&self) -> TableCounters {
        self.counters
    }

    /// How many flows there are now.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Counts a packet in its flow; begins one if need be. `None`: neither TCP nor UDP, or no room.
    ///
    /// Flows that turn out to have ended are waiting in [`ended`](Self::ended) afterwards, and must be taken first.
    pub fn observe(&mut self, packet: &Packet<'_>, seen: Sighting, clock: &Clock) -> Option<Observed> {
        let (source, destination) = ends(packet)?;
        let (flags, sequence) = match &packet.transport {
            Transport::Tcp(tcp) => (tcp.flags, Some(tcp.sequence)),
            _ => (Flags::default(), None),
        };
        let key = Key::new(source, destination, packet.transport.protocol());
        let opening = sequence.filter(|_| flags.contains(Flags::SYN) && !flags.contains(Flags::ACK));

        let (hash, found) = self.look_up(key);
        let over = found.filter(|&index| self.ends_before(index, seen.at, opening, clock));
        let (index, is_new) = match found.filter(|_| over.is_none()) {
            Some(index) => (index, false),
            None => (self.begin(key, hash, source, destination, packet, seen, opening, over)?, true),
        };
        self.counters.packets += 1;
        let flow = &mut self.flows[index as usize];
        let direction = flow.direction(source);
        count(flow, direction, flags, sequence, seen);
        Some(Observed { place: index, direction, is_new })
    }

    /// The flow at a place that [`observe`](Self::observe) has just named.
    pub fn at(&mut self, place: u32) -> &mut Flow {
        &mut self.flows[place as usize]
    }

    /// The flow of a packet that has been counted before, and which way the packet goes.
    pub fn find(&mut self, packet: &Packet<'_>) -> Option<(&mut Flow, Direction)> {
        let (source, destination) = ends(packet)?;
        let (_, found) = self.look_up(Key::new(source, destination, packet.transport.protocol()));
        let flow = self.at(found?);
        let direction = flow.direction(source);
        Some((flow, direction))
    }

    /// The hash of a key, and where its flow is.
    fn look_up(&self, key: Key) -> (u64, Option<u32>) {
        let hash = self.hasher.hash_one(key);
        (hash, self.index.find(hash, |&index| self.flows[index as usize].key == key).copied())
    }

    /// Moves time on: flows that were silent for too long end.
    pub fn tick(&mut self, moved: Moved, clock: &Clock) {
        match moved {
            Moved::Within => {}
            Moved::Second => self.sweep(clock.now()),
            Moved::Back(until) => {
                self.sweep_all(until);
                self.wheel.set(clock.now());
            }
        }
    }

    /// Ends every flow there is, oldest first.
    pub fn finish(&mut self, now: Timestamp) {
        let mut live: Vec<u32> = self.index.iter().copied().collect();
        live.sort_unstable_by_key(|&index| self.flows[index as usize].first_frame);
        for index in live {
            self.end(index, End::Shutdown, now);
        }
    }

    /// Takes the flows that have ended, each with the reason and the time of its end.
    pub fn ended(&mut self) -> std::vec::Drain<'_, (Flow, End, Timestamp)> {
        self.ended.drain(..)
    }

    /// Whether flows are waiting to be taken.
    pub fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Ends the flow, and says so, if it was over before a packet at `at` came, or if the packet opens another connection.
    fn ends_before(&mut self, index: u32, at: Timestamp, opening: Option<u32>, clock: &Clock) -> bool {
        if clock.with(at) > self.deadline(index) {
            self.run_out(index);
            return true;
        }
        let flow = &self.flows[index as usize];
        // A SYN with another sequence number after the end is a new connection over the same ports.
        if flow.state == State::Closed && opening.is_some_and(|isn| flow.isn[0] != Some(isn)) {
            self.end(index, End::Replaced, at);
            return true;
        }
        false
    }

    #[allow(clippy::too_many_arguments, reason = "one caller, which has just worked all of them out")]
    fn begin(
        &mut self,
        key: Key,
        hash: u64,
        source: SocketAddr,
        destination: SocketAddr,
        packet: &Packet<'_>,
        seen: Sighting,
        opening: Option<u32>,
        over: Option<u32>,
    ) -> Option<u32> {
        if self.index.len() >= self.capacity {
            self.counters.refused += 1;
            return None;
        }
        self.counters.flows += 1;
        let flow = fresh(key, source, destination, packet, seen, opening.is_some());
        let deadline = seen.at.after(self.timeouts.of(flow.state));
        let index = self.place(flow, over);
        let hasher = &self.hasher;
        let flows = &self.flows;
        self.index.insert_unique(hash, index, |&other| hasher.hash_one(flows[other as usize].key));
        if over.is_none() {
            self.hang(index, deadline, seen.at);
        }
        Some(index)
    }

    /// Gives a flow its place: that of the flow it follows on the same ports, which hangs in the wheel and stays there, or else any. Were
    /// it any, ports used again and again in a moment would take memory without bound.
    fn place(&mut self, flow: Flow, over: Option<u32>) -> u32 {
        if let Some(index) = over {
            let next_in_slot = self.flows[index as usize].next_in_slot;
            self.flows[index as usize] = Flow { next_in_slot, ..flow };
            return index;
        }
        if let Some(index) = self.free.pop() {
            self.flows[index as usize] = flow;
            return index;
        }
        self.flows.push(flow);
        self.flows.len() as u32 - 1
    }

    /// Hangs a flow up to be visited at its deadline, or sooner: the place of a flow that has ended is given back at a visit.
    fn hang(&mut self, index: u32, deadline: Timestamp, now: Timestamp) {
        let successor = self.wheel.insert(index, deadline.min(now.after(VISIT)));
        self.flows[index as usize].next_in_slot = successor;
    }

    /// Visits the flows whose slots have come due.
    fn sweep(&mut self, now: Timestamp) {
        let mut lists = Vec::new();
        self.wheel.advance(now, |head| lists.push(head));
        for head in lists {
            let mut next = head;
            while next != NONE {
                let index = next;
                next = self.flows[index as usize].next_in_slot;
                self.visit(index, now);
            }
        }
    }

    /// One flow whose slot has come due: it has ended, or it is hung up again, or it ended long ago and gives its place back.
    fn visit(&mut self, index: u32, now: Timestamp) {
        if self.flows[index as usize].dead {
            self.free.push(index);
            return;
        }
        let deadline = self.deadline(index);
        if now > deadline {
            self.run_out(index);
            self.free.push(index);
        } else {
            self.hang(index, deadline, now);
        }
    }

    /// Ends the flows that ran out in the second of `now`, which no sweep will come by any more. Those that ran out earlier have been
    /// swept, but for flows that began while the clock was in doubt, and these belong to the time to come.
    fn sweep_all(&mut self, now: Timestamp) {
        let mut over: Vec<u32> = self.index.iter().copied().collect();
        over.retain(|&index| {
            let deadline = self.deadline(index);
            now > deadline && second(deadline) == second(now)
        });
        over.sort_unstable_by_key(|&index| self.flows[index as usize].first_frame);
        for index in over {
            self.run_out(index);
        }
    }

    /// When a flow has been silent for too long.
    fn deadline(&self, index: u32) -> Timestamp {
        let flow = &self.flows[index as usize];
        flow.last.after(self.timeouts.of(flow.state))
    }

    /// Ends a flow that was silent for too long, at its deadline.
    fn run_out(&mut self, index: u32) {
        let closed = self.flows[index as usize].state == State::Closed;
        self.end(index, if closed { End::Closed } else { End::Timeout }, self.deadline(index));
    }

    /// Takes a flow out of the index. Its place is given back when its slot in the wheel comes due, since the slot's list runs
    /// through it until then.
    fn end(&mut self, index: u32, reason: End, at: Timestamp) {
        let flow = &mut self.flows[index as usize];
        let hash = self.hasher.hash_one(flow.key);
        if let Ok(entry) = self.index.find_entry(hash, |&other| other == index) {
            entry.remove();
        }
        self.ended.push((flow.clone(), reason, at));
        flow.dead = true;
    }
}

/// A flow that a packet begins, with nothing counted yet. `opens`: with a SYN.
fn fresh(
    key: Key,
    source: SocketAddr,
    destination: SocketAddr,
    packet: &Packet<'_>,
    seen: Sighting,
    opens: bool,
) -> Flow {
    let state = match &packet.transport {
        Transport::Tcp(_) if opens => State::New,
        Transport::Tcp(_) => State::Established,
        _ => State::Datagrams,
    };
    // An answer to a SYN that was not seen names the initiator all the same.
    let answers =
        matches!(&packet.transport, Transport::Tcp(tcp) if tcp.flags.contains(Flags::SYN.union(Flags::ACK)));
    let (source, destination) = if answers { (destination, source) } else { (source, destination) };
    Flow {
        key,
        next_in_slot: NONE,
        dead: false,
        source,
        destination,
        protocol: packet.transport.protocol(),
        state,
        flags: [Flags::default(); 2],
        tags: packet.tags,
        interface: seen.interface,
        first: seen.at,
        last: seen.at,
        first_frame: seen.sequence,
        last_frame: seen.sequence,
        last_number: seen.number,
        packets: [0; 2],
        bytes: [0; 2],
        isn: [None; 2],
        mark: Mark::default(),
    }
}

/// The ends of a TCP or UDP packet.
fn ends(packet: &Packet<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let (source, destination) = match &packet.transport {
        Transport::Tcp(tcp) => (tcp.source_port, tcp.destination_port),
        Transport::Udp(udp) => (udp.source_port, udp.destination_port),
        Transport::Other(_) => return None,
    };
    Some((SocketAddr::new(packet.source, source), SocketAddr::new(packet.destination, destination)))
}

/// Adds a packet to its flow.
fn count(flow: &mut Flow, direction: Direction, flags: Flags, sequence: Option<u32>, seen: Sighting) {
    let way = direction.index();
    flow.packets[way] += 1;
    flow.bytes[way] += u64::from(seen.wire_len);
    flow.flags[way] = flow.flags[way].union(flags);
    flow.last = flow.last.max(seen.at);
    flow.last_frame = seen.sequence;
    flow.last_number = seen.number;
    let Some(sequence) = sequence else { return };
    if flags.contains(Flags::SYN) && flow.isn[way].is_none() {
        flow.isn[way] = Some(sequence);
    }
    let both_closed = flow.flags.iter().all(|seen| seen.contains(Flags::FIN));
    if flags.contains(Flags::RST) || both_closed {
        flow.state = State::Closed;
    } else if flow.state == State::New && (direction == Direction::Backward || flags.contains(Flags::ACK)) {
        flow.state = State::Established;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pithead_wire::{Tags, Tcp};

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

    /// First frame, reason and second of a flow's end.
    type Ended = (u64, End, i64);

    /// A table and its clock, fed by seconds.
    struct Bench {
        table: FlowTable,
        clock: Clock,
        sequence: u64,
    }

    impl Bench {
        fn new(capacity: usize) -> Self {
            Self {
                table: FlowTable::new(capacity, Timeouts::default()),
                clock: Clock::default(),
                sequence: 0,
            }
        }

        fn pass(&mut self, seconds: i64) -> Vec<Ended> {
            let moved = self.clock.observe(Timestamp::new(seconds, 0));
            self.table.tick(moved, &self.clock);
            self.table
                .ended()
                .map(|(flow, end, at)| (flow.first_frame, end, at.nanos() / 1_000_000_000))
                .collect()
        }

        fn frame(&mut self, seconds: i64, packet: &Packet<'_>) -> (Vec<Ended>, Option<(bool, Direction)>) {
            let mut ended = self.pass(seconds);
            self.sequence += 1;
            let at = Timestamp::new(seconds, 0);
            let seen =
                Sighting { at, sequence: self.sequence, number: self.sequence, interface: 0, wire_len: 60 };
            let observed =
                self.table.observe(packet, seen, &self.clock).map(|seen| (seen.is_new, seen.direction));
            ended.extend(
                self.table.ended().map(|(flow, end, at)| (flow.first_frame, end, at.nanos() / 1_000_000_000)),
            );
            (ended, observed)
        }
    }

    const A: &str = "10.0.0.1:4000";
    const B: &str = "192.0.2.1:3333";
    const ACK: Flags = Flags::ACK;

    #[test]
    fn both_directions_are_one_flow() {
        let mut bench = Bench::new(10);
        assert_eq!(bench.frame(1, &tcp(A, B, Flags::SYN, 1)).1, Some((true, Direction::Forward)));
        assert_eq!(
            bench.frame(1, &tcp(B, A, Flags::SYN.union(ACK), 1)).1,
            Some((false, Direction::Backward))
        );
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
        assert_eq!(
            bench.frame(2, &tcp(A, B, Flags::SYN, 1)).1,
            Some((false, Direction::Forward)),
            "sent again"
        );
        let (ended, observed) = bench.frame(2, &tcp(A, B, Flags::SYN, 77));
        assert_eq!(ended, [(1, End::Replaced, 2)]);
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
        bench.table.finish(Timestamp::new(600, 0));
        assert_eq!(bench.table.ended().count(), 2);
    }

    #[test]
    fn ports_used_again_in_a_moment_take_one_place() {
        let mut bench = Bench::new(10);
        for n in 0..1_000 {
            assert_eq!(bench.frame(5, &tcp(A, B, Flags::SYN, n)).1, Some((true, Direction::Forward)));
            bench.frame(5, &tcp(B, A, Flags::RST, 1));
        }
        assert_eq!((bench.table.flows.len(), bench.table.len()), (1, 1));
        assert_eq!(bench.pass(100), [(1_999, End::Closed, 15)], "and its time is kept all the same");
        bench.frame(200, &tcp("10.0.0.9:9", B, Flags::SYN, 1));
        assert_eq!(bench.table.flows.len(), 1);
    }

    #[test]
    fn places_are_used_again() {
        let mut bench = Bench::new(100);
        for n in 0..5_000_i64 {
            bench.frame(n, &tcp(&format!("10.0.{}.{}:77", n / 250, n % 250), B, Flags::SYN, 1));
        }
        assert!(bench.table.flows.len() < 100, "{} places for 30 flows at a time", bench.table.flows.len());
    }
}
