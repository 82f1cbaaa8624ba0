//! All flows of a worker.
//!
//! A fixed number of flows at most; one more is refused and counted, since evicting a flow that mines to make room for a
//! scan's would lose what the program is for. When a flow ends is a function of the frames alone: its last packet plus
//! its timeout against the clock of the frames, whether or not a sweep has come by.
//!
//! A packet of a known flow touches two cache lines here, a bucket of the index and the flow's line. Asked for one after the other, both would
//! be waited for. So a batch is gone through in steps: [`lookup`](FlowTable::lookup) asks for the buckets of all its packets,
//! [`approach`](FlowTable::approach) for the lines that these name, and only then each packet is counted. A flow costs 64 bytes for the line, 32 for the
//! rest, about 13 in the index and 5 in the wheel; one of IPv6 another 32.

use std::time::Duration;

use pithead_wire::{Flags, Packet, Timestamp, Transport};

use crate::clock::{Clock, Moved, slice};
use crate::flow::{Direction, End, Ended, Flow, State};
use crate::index::Index;
use crate::key::KeyTags;
use crate::line::{Life, Line, Rest};
use crate::wheel::Wheel;
pub use places::Lookup;
use places::Places;

mod places;

/// The longest time between two visits of the timer wheel.
const VISIT: Duration = Duration::from_secs(60);
/// Places looked at in one step of ending all flows: what is told of so many fits into the second-nearest cache.
const AT_ONCE: u32 = 2048;
/// How far ahead of a visit its flow is asked for.
const AHEAD: usize = 8;
/// The most flows there can be, since a place's number has 32 bits and there may be twice as many places.
const MOST: usize = 1 << 30;

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
    /// By [`State`], in nanoseconds: each packet is held against one.
    fn all(&self) -> [i64; 4] {
        [self.new, self.established, self.closed, self.datagrams]
            .map(|time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
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
    /// The latest time of the flow's packets before this one.
    pub before: Timestamp,
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
    index: Index,
    places: Places,
    wheel: Wheel,
    /// Flows whose slots have come due.
    due: Vec<u32>,
    /// By [`State`].
    timeouts: [i64; 4],
    capacity: usize,
    ended: Vec<Ended>,
    counters: TableCounters,
    /// Sequence of the latest frame.
    now: u64,
    numbers: Numbers,
    /// Up to which place flows have been ended for good.
    finished: u32,
}

impl FlowTable {
    /// A table of at most `capacity` flows. Memory is taken as flows come.
    pub fn new(capacity: usize, timeouts: Timeouts) -> Self {
        Self {
            index: Index::new(),
            places: Places::new(),
            wheel: Wheel::new(),
            due: Vec::new(),
            timeouts: timeouts.all(),
            capacity: capacity.min(MOST),
            ended: Vec::new(),
            counters: TableCounters::default(),
            now: 0,
            numbers: Numbers::default(),
            finished: 0,
        }
    }

    /// The same, telling flows apart by their tags as well.
    #[must_use]
    pub const fn with_tags(mut self, tags: KeyTags) -> Self {
        self.places.tags = tags;
        self
    }

    /// What happened so far.
    pub const fn counters(&self) -> TableCounters {
        self.counters
    }

    /// How many flows there are now.
    pub const fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a packet's flow is looked for by. `None`: neither TCP nor UDP.
    ///
    /// Asks for the memory in which [`approach`](Self::approach) will look.
    #[inline(always)]
    pub fn lookup(&self, packet: &Packet<'_>) -> Option<Lookup> {
        let lookup = self.places.lookup(packet)?;
        self.index.prefetch(lookup.hash);
        Some(lookup)
    }

    /// Looks where the flow most likely is, and asks for the memory in which [`observe`](Self::observe) will find it.
    #[inline]
    pub fn approach(&self, lookup: &mut Lookup) {
        if let Some(place) = self.index.guess(lookup.hash) {
            lookup.guess = place;
            self.places.prefetch_line(place);
        }
    }

    /// Counts a packet in its flow; begins one if need be. `None`: no room.
    ///
    /// Flows that turn out to have ended are waiting in [`ended`](Self::ended) afterwards, and must be taken first.
    pub fn observe(
        &mut self,
        lookup: &Lookup,
        packet: &Packet<'_>,
        seen: Sighting,
        clock: &Clock,
    ) -> Option<Observed> {
        let (flags, sequence, carries) = match &packet.transport {
            Transport::Tcp(tcp) => (tcp.flags, Some(tcp.sequence), tcp.payload_len > 0),
            _ => (Flags::default(), None, false),
        };
        let syn = sequence.filter(|_| flags.contains(Flags::SYN));
        let opening = syn.filter(|_| !flags.contains(Flags::ACK));
        self.now = seen.sequence;
        self.numbers.note(seen);

        let found = self.place_of(lookup);
        let over = found.filter(|&place| self.ends_before(place, lookup.hash, seen.at, opening, clock));
        let (place, is_new) = match found {
            Some(place) if over.is_none() => (place, false),
            _ => (self.begin(lookup, packet, seen, over)?, true),
        };
        self.counters.packets += 1;
        let line = &mut self.places.lines[place];
        let before = line.last;
        let direction = way(line, lookup);
        line.count(direction, seen.wire_len, seen.at, seen.sequence);
        if sequence.is_some() {
            follow(line, direction, flags, carries);
        }
        if let Some(sequence) = syn {
            self.places.rests[place].open(direction, sequence);
        }
        Some(Observed { place, direction, is_new, before })
    }

    /// The flow at a place that [`observe`](Self::observe) has just named.
    #[inline]
    pub fn at(&mut self, place: u32, lookup: &Lookup) -> Flow<'_> {
        Flow { line: &mut self.places.lines[place], rest: &mut self.places.rests[place], key: lookup.key }
    }

    /// The flow of a packet that has been counted before, and which way the packet goes.
    pub fn find(&mut self, packet: &Packet<'_>) -> Option<(Flow<'_>, Direction)> {
        let lookup = self.lookup(packet)?;
        let place = self.place_of(&lookup)?;
        let direction = way(&self.places.lines[place], &lookup);
        Some((self.at(place, &lookup), direction))
    }

    /// Moves time on: flows that were silent for too long end.
    pub fn tick(&mut self, moved: Moved, clock: &Clock) {
        match moved {
            Moved::Within => {}
            Moved::Slice => self.sweep(clock.now()),
            Moved::Back(until) => {
                self.sweep_all(until);
                self.wheel.set(clock.now());
            }
        }
    }

    /// Ends the flows there are, some at a time so that what is told of them need not all be held at once: false when there are no more. The
    /// table is as new then; in between it is good for nothing else.
    #[must_use = "until it is false there are more"]
    pub fn finish(&mut self, now: Timestamp) -> bool {
        let from = self.finished;
        if from == self.places.len() {
            (self.index, self.wheel, self.finished) = (Index::new(), Wheel::new(), 0);
            return false;
        }
        self.finished = self.places.len().min(from.saturating_add(AT_ONCE));
        for place in from..self.finished {
            let life = self.places.rests[place].life();
            if life == Life::Live {
                // They go out of the index all together, above.
                self.leave(place, End::Shutdown, now);
            }
            if life != Life::Free {
                self.places.give_back(place);
            }
        }
        true
    }

    /// Takes the flows that have ended.
    pub fn ended(&mut self) -> std::vec::Drain<'_, Ended> {
        self.ended.drain(..)
    }

    /// Whether flows are waiting to be taken.
    pub const fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    #[inline]
    fn place_of(&self, lookup: &Lookup) -> Option<u32> {
        if self.places.is_still_of(lookup.guess, lookup) {
            return Some(lookup.guess);
        }
        self.index.find(lookup.hash, |place| self.places.is_of(place, lookup))
    }

    /// Ends the flow, and says so, if it was over before a packet at `at` came, or if the packet opens another connection.
    #[inline]
    fn ends_before(
        &mut self,
        place: u32,
        hash: u64,
        at: Timestamp,
        opening: Option<u32>,
        clock: &Clock,
    ) -> bool {
        if clock.with(at) > self.deadline(place) {
            self.run_out(place, hash);
            return true;
        }
        // A SYN with another sequence number after the end is a new connection over the same ports.
        if let Some(opening) = opening
            && self.places.lines[place].state() == State::Closed
            && self.places.rests[place].isn()[0] != Some(opening)
        {
            self.end(place, hash, End::Replaced, at);
            return true;
        }
        false
    }

    fn begin(
        &mut self,
        lookup: &Lookup,
        packet: &Packet<'_>,
        seen: Sighting,
        over: Option<u32>,
    ) -> Option<u32> {
        // What has ended and waits for its slot takes room too: twice the flows at most, after the clock went back.
        let full = self.places.is_full(self.capacity * 2);
        if self.index.len() >= self.capacity || (full && over.is_none()) {
            self.counters.refused += 1;
            return None;
        }
        self.counters.flows += 1;
        let state = state_of(packet);
        let deadline = self.deadline_of(seen.at, state);
        let line = |addresses| {
            let mut line = Line::new(addresses, lookup.key.ports, state, initiator_is_upper(lookup, packet));
            line.last = seen.at;
            line
        };
        let rest = Rest::new(seen.at, &packet.tags, seen.interface);
        let place = self.places.take(lookup, line, rest, over);
        let places = &self.places;
        self.index.insert(lookup.hash, place, |other| places.hash_of(other));
        if over.is_none() {
            self.hang(place, deadline, seen.at);
        }
        Some(place)
    }

    /// Hangs a flow up to be visited at its deadline, or sooner: the place of a flow that has ended is given back at a visit.
    fn hang(&mut self, place: u32, deadline: Timestamp, now: Timestamp) {
        self.wheel.insert(place, deadline.min(now.after(VISIT)));
    }

    /// Visits the flows whose slots have come due.
    fn sweep(&mut self, now: Timestamp) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(now, &mut due);
        for (turn, &place) in due.iter().enumerate() {
            if let Some(&soon) = due.get(turn + AHEAD) {
                self.places.prefetch_line(soon);
                self.places.prefetch_rest(soon);
            }
            self.visit(place, now);
        }
        due.clear();
        self.due = due;
    }

    /// One flow whose slot has come due: it has ended, or it is hung up again, or it ended long ago and gives its place back.
    fn visit(&mut self, place: u32, now: Timestamp) {
        if self.places.rests[place].life() == Life::Live {
            let deadline = self.deadline(place);
            if now <= deadline {
                return self.hang(place, deadline, now);
            }
            self.run_out(place, self.places.hash_of(place));
        }
        self.places.give_back(place);
    }

    /// Ends the flows that ran out in the slice of `now`, which no sweep will come by any more. Those that ran out earlier have been
    /// swept, but for flows that began while the clock was in doubt, and these belong to the time to come.
    fn sweep_all(&mut self, now: Timestamp) {
        for place in 0..self.places.len() {
            if self.places.rests[place].life() != Life::Live {
                continue;
            }
            let deadline = self.deadline(place);
            if now > deadline && slice(deadline) == slice(now) {
                self.run_out(place, self.places.hash_of(place));
            }
        }
    }

    /// When a flow has been silent for too long.
    #[inline]
    fn deadline(&self, place: u32) -> Timestamp {
        let line = &self.places.lines[place];
        self.deadline_of(line.last, line.state())
    }

    #[inline]
    fn deadline_of(&self, last: Timestamp, state: State) -> Timestamp {
        Timestamp::from_nanos(last.nanos().saturating_add(self.timeouts[state as usize]))
    }

    /// Ends a flow that was silent for too long, at its deadline.
    fn run_out(&mut self, place: u32, hash: u64) {
        let closed = self.places.lines[place].state() == State::Closed;
        self.end(place, hash, if closed { End::Closed } else { End::Timeout }, self.deadline(place));
    }

    /// Takes a flow out of the index. Its place is given back when its slot in the wheel comes due, since it hangs there until then.
    fn end(&mut self, place: u32, hash: u64, end: End, at: Timestamp) {
        self.index.remove(hash, place);
        self.leave(place, end, at);
    }

    fn leave(&mut self, place: u32, end: End, at: Timestamp) {
        let (key, line, rest) = self.places.leave(place);
        let last_frame = line.last_frame(self.now);
        let last_number = self.numbers.of(last_frame);
        self.ended.push(Ended { line, rest, key, end, at, last_frame, last_number });
    }
}

/// Which way a packet goes.
#[inline]
fn way(line: &Line, lookup: &Lookup) -> Direction {
    if line.is_swapped() == lookup.swapped { Direction::Forward } else { Direction::Backward }
}

/// How far a flow has come that a packet begins.
fn state_of(packet: &Packet<'_>) -> State {
    match &packet.transport {
        Transport::Tcp(tcp) if tcp.flags.contains(Flags::SYN) && !tcp.flags.contains(Flags::ACK) => {
            State::New
        }
        Transport::Tcp(_) => State::Established,
        _ => State::Datagrams,
    }
}

/// Whether the initiator of a flow that a packet begins is the upper end. An answer to a SYN that was not seen names the initiator all the
/// same.
fn initiator_is_upper(lookup: &Lookup, packet: &Packet<'_>) -> bool {
    let answers =
        matches!(&packet.transport, Transport::Tcp(tcp) if tcp.flags.contains(Flags::SYN.union(Flags::ACK)));
    let [low, high] = lookup.key.ends();
    // Who talks to himself is always on his way forward.
    (lookup.swapped != answers) && low != high
}

/// Follows a connection by its control bits.
#[inline]
fn follow(line: &mut Line, direction: Direction, flags: Flags, carries: bool) {
    let way = direction.index();
    let ends = Flags::FIN.union(Flags::RST);
    // Who goes on after an end had sent none: it was forged, or lay outside of what its receiver takes.
    let goes_on = carries && flags.0 & ends.0 == 0 && line.flags[way].0 & ends.0 != 0;
    line.flags[way] = line.flags[way].union(flags);
    let both_closed = line.flags[0].contains(Flags::FIN) && line.flags[1].contains(Flags::FIN);
    if flags.contains(Flags::RST) || (flags.contains(Flags::FIN) && both_closed) {
        line.set_state(State::Closed);
    } else if (line.state() == State::Closed && goes_on)
        || (line.state() == State::New && (direction == Direction::Backward || flags.contains(Flags::ACK)))
    {
        line.set_state(State::Established);
    }
}

/// Numbers of frames in their files, from their places in the whole input: one entry a file.
#[derive(Debug, Default)]
struct Numbers {
    /// The first frame seen of each, and by how much its number is less than its sequence.
    files: Vec<(u64, u64)>,
}

impl Numbers {
    #[inline]
    fn note(&mut self, seen: Sighting) {
        let less = seen.sequence.wrapping_sub(seen.number);
        if self.files.last().is_none_or(|last| last.1 != less) {
            self.files.push((seen.sequence, less));
        }
    }

    fn of(&self, sequence: u64) -> u64 {
        let file = self.files.partition_point(|&(first, _)| first <= sequence).saturating_sub(1);
        sequence.wrapping_sub(self.files.get(file).map_or(0, |file| file.1))
    }
}

#[cfg(test)]
mod tests;
