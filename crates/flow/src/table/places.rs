//! The memory of flows: places, taken and given back.

use pithead_wire::Packet;

use crate::flow::State;
use crate::key::{Key, KeyTags, Pair};
use crate::line::{Life, Line, Rest};
use crate::slab::Slab;

/// What a packet's flow is looked for by.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    pub(super) key: Key,
    pub(super) hash: u64,
    /// Whether the packet's source is the upper end.
    pub(super) swapped: bool,
    /// Where the flow most likely is, once that has been looked up.
    pub(super) guess: u32,
}

/// No place.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Places of flows.
#[derive(Debug)]
pub(super) struct Places {
    hasher: foldhash::fast::RandomState,
    pub(super) tags: KeyTags,
    pub(super) lines: Slab<Line>,
    pub(super) rests: Slab<Rest>,
    /// The addresses of flows of IPv6.
    pairs: Slab<[u128; 2]>,
    free: Vec<u32>,
    free_pairs: Vec<u32>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            hasher: foldhash::fast::RandomState::default(),
            tags: KeyTags::default(),
            lines: Slab::new(),
            rests: Slab::new(),
            pairs: Slab::new(),
            free: Vec::new(),
            free_pairs: Vec::new(),
        }
    }

    #[inline(always)]
    pub(super) fn lookup(&self, packet: &Packet<'_>) -> Option<Lookup> {
        let (key, swapped) = Key::of(packet, self.tags)?;
        Some(Lookup { hash: key.hash(&self.hasher), key, swapped, guess: NOWHERE })
    }

    /// How many places there are, taken or not.
    pub(super) fn len(&self) -> u32 {
        self.lines.len() as u32
    }

    /// Whether no flow could be given a place, were there at most so many.
    pub(super) fn is_full(&self, most: usize) -> bool {
        self.free.is_empty() && self.lines.len() >= most
    }

    /// Whether the flow at a place is the one looked for.
    #[inline(always)]
    pub(super) fn is_of(&self, place: u32, lookup: &Lookup) -> bool {
        let (line, key) = (&self.lines[place], &lookup.key);
        let same_pair = match key.pair {
            Pair::V4(pair) => line.is_between(key.ports, key.udp, false) && line.addresses == pair,
            Pair::V6(pair) => {
                line.is_between(key.ports, key.udp, true) && self.is_pair(line, lookup.hash, pair)
            }
        };
        same_pair && (!self.tags.any() || self.network_of(place) == key.network)
    }

    #[inline(never)]
    fn is_pair(&self, line: &Line, hash: u64, pair: [u128; 2]) -> bool {
        line.addresses[1] == part_of(hash) && self.pairs[line.addresses[0]] == pair
    }

    /// The same for a place that was looked up a while ago, and whose flow may have ended since: a live one has packets.
    #[inline(always)]
    pub(super) fn is_still_of(&self, place: u32, lookup: &Lookup) -> bool {
        place != NOWHERE && self.lines[place].has_packets() && self.is_of(place, lookup)
    }

    /// The hash of the flow at a place.
    pub(super) fn hash_of(&self, place: u32) -> u64 {
        self.key_of(place).hash(&self.hasher)
    }

    fn key_of(&self, place: u32) -> Key {
        let line = &self.lines[place];
        let pair = match line.addresses {
            [pair, _] if line.is_v6() => Pair::V6(self.pairs[pair]),
            pair => Pair::V4(pair),
        };
        let network = if self.tags.any() { self.network_of(place) } else { 0 };
        Key { pair, ports: line.ports, udp: line.state() == State::Datagrams, network }
    }

    #[cold]
    fn network_of(&self, place: u32) -> u64 {
        self.tags.of(&self.rests[place].tags())
    }

    /// Gives a flow its place: that of the flow it follows on the same ports, which hangs in the wheel and stays there, or else any. Were
    /// it any, ports used again and again in a moment would take memory without bound.
    pub(super) fn take(
        &mut self,
        lookup: &Lookup,
        line: impl FnOnce([u32; 2]) -> Line,
        rest: Rest,
        over: Option<u32>,
    ) -> u32 {
        let line = match lookup.key.pair {
            Pair::V4(pair) => line(pair),
            Pair::V6(pair) => line([self.keep(pair), part_of(lookup.hash)]).of_v6(),
        };
        let Some(place) = over.or_else(|| self.free.pop()) else {
            self.rests.push(rest);
            return self.lines.push(line);
        };
        (self.lines[place], self.rests[place]) = (line, rest);
        place
    }

    /// Keeps a pair of addresses: its number.
    fn keep(&mut self, pair: [u128; 2]) -> u32 {
        let Some(number) = self.free_pairs.pop() else { return self.pairs.push(pair) };
        self.pairs[number] = pair;
        number
    }

    /// A flow ends: what was kept of it. Its place is not free yet.
    pub(super) fn leave(&mut self, place: u32) -> (Key, Line, Rest) {
        let (key, line, rest) = (self.key_of(place), self.lines[place], self.rests[place]);
        if line.is_v6() {
            self.free_pairs.push(line.addresses[0]);
        }
        self.lines[place].forget_packets();
        self.rests[place].set_life(Life::Dead);
        (key, line, rest)
    }

    /// Gives a place back whose flow has ended.
    pub(super) fn give_back(&mut self, place: u32) {
        self.rests[place].set_life(Life::Free);
        self.free.push(place);
    }

    /// Asks for the line of a place.
    #[inline]
    pub(super) fn prefetch_line(&self, place: u32) {
        self.lines.prefetch(place);
    }

    /// Asks for the rest of a place.
    #[inline]
    pub(super) fn prefetch_rest(&self, place: u32) {
        self.rests.prefetch(place);
    }

    /// Bytes that places take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.lines.len() * (size_of::<Line>() + size_of::<Rest>())
            + self.pairs.len() * size_of::<[u128; 2]>()
            + (self.free.capacity() + self.free_pairs.capacity()) * size_of::<u32>()
    }
}

/// A part of the hash that neither names a bucket nor is the tag.
const fn part_of(hash: u64) -> u32 {
    (hash >> 25) as u32
}
