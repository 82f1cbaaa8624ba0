//! IP datagrams, put together from their fragments.
//!
//! Relies on `wire` for the fragments and leaves decoding the whole to it. Two fragments may claim the same bytes with
//! different content, and which one the receiver took depends on its system; so such a datagram is lent out in two
//! readings, one in which the first content stays and one in which the latest wins. A datagram that is complete lingers
//! for a moment, since the contradiction may come after the last missing piece.
//!
//! Memory is bounded in every direction, see [`FragmentLimits`]. Nothing is iterated but in order of arrival, so the same
//! fragments give the same datagrams; the seeded hash serves look-ups alone. Times are arguments, and may run back.

mod datagram;

use datagram::Datagram;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use pithead_wire::{Fragment, Tags, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// The longest payload that an IP datagram can have, jumbograms (which cannot be fragmented) aside.
const LONGEST: usize = 65_535;

/// How much may be held, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentLimits {
    /// Memory for fragments. 4 MiB: 64 of the longest datagrams, as Linux allows for.
    pub memory_bytes: usize,
    /// Datagrams at a time. 1024: the memory limit is met first unless the fragments are small.
    pub datagrams: usize,
    /// Fragments of one datagram. 256: a full Ethernet frame's worth of fragments of 8 bytes.
    pub pieces: usize,
    /// How long a datagram may take. 30 s: as in Linux; a receiver that waits longer is rare.
    pub timeout: Duration,
    /// How long a complete datagram is kept for contradictions. 1 s: long enough for a decoy that is sent along, too short
    /// for a sender to come round to the same identification.
    pub linger: Duration,
}

impl Default for FragmentLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 4 << 20,
            datagrams: 1024,
            pieces: 256,
            timeout: Duration::from_secs(30),
            linger: Duration::from_secs(1),
        }
    }
}

/// What became of fragments and datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentCounters {
    /// Fragments taken in.
    pub received: u64,
    /// Datagrams that became complete.
    pub completed: u64,
    /// Datagrams that ran out of time.
    pub expired: u64,
    /// Datagrams given up, the oldest first, because the table was full.
    pub evicted: u64,
    /// Fragments that claimed bytes already there, duplicates included.
    pub overlaps: u64,
    /// Those among them that claimed another content, or another end.
    pub conflicts: u64,
    /// Fragments that cannot be: empty, past the longest datagram, or too many for one datagram.
    pub invalid: u64,
}

/// A datagram with all its bytes, lent until the next fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// The protocol of the payload, as the first fragment says.
    pub protocol: u8,
    /// The tags of the first fragment.
    pub tags: Tags,
    /// The payload, each byte as it was seen first.
    pub payload: &'a [u8],
    /// The payload with the latest content of each byte, if that is another.
    pub rival: Option<&'a [u8]>,
    /// The datagram was lent out before; a contradiction that came later gives it these readings, too.
    pub again: bool,
}

/// What the fragments of a datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    /// Part of the identity in IPv4 only (RFC 791 and RFC 8200 section 4.5); 0 in IPv6.
    protocol: u8,
    id: u32,
}

impl Key {
    fn of(fragment: &Fragment<'_>) -> Self {
        let protocol = if fragment.source.is_ipv4() { fragment.protocol } else { 0 };
        Self { source: fragment.source, destination: fragment.destination, protocol, id: fragment.id }
    }
}

/// Datagrams being put together.
#[derive(Debug)]
pub struct Fragments {
    limits: FragmentLimits,
    counters: FragmentCounters,
    /// In order of arrival.
    datagrams: BTreeMap<u64, Datagram>,
    numbers: HashMap<Key, u64, RandomState>,
    /// Complete datagrams, in order of completion; some may be gone already.
    done: VecDeque<u64>,
    next_number: u64,
    memory: usize,
    payload: Vec<u8>,
    rival: Vec<u8>,
}

impl Fragments {
    /// An empty table.
    pub fn new(limits: FragmentLimits) -> Self {
        Self {
            limits,
            counters: FragmentCounters::default(),
            datagrams: BTreeMap::new(),
            numbers: HashMap::default(),
            done: VecDeque::new(),
            next_number: 0,
            memory: 0,
            payload: Vec::new(),
            rival: Vec::new(),
        }
    }

    /// Takes in a fragment, and lends out the datagram that it completes.
    pub fn push(&mut self, fragment: &Fragment<'_>, at: Timestamp) -> Option<Whole<'_>> {
        self.counters.received += 1;
        self.expire(at);
        let Some(bytes) = claimed(fragment) else {
            self.counters.invalid += 1;
            return None;
        };
        let number = self.find_or_begin(fragment, at);
        let datagram = self.datagrams.get_mut(&number)?;
        if datagram.is_full(&self.limits) {
            self.counters.invalid += 1;
            return None;
        }
        let before = datagram.memory();
        let news = datagram.take_in(fragment, bytes, &mut self.counters);
        self.memory = (self.memory + datagram.memory()).saturating_sub(before);
        let again = datagram.done.is_some();
        let ready = datagram.wants_out(news)
            && datagram.lay_out(fragment.offset, bytes, &mut self.payload, &mut self.rival);
        let whole = ready.then_some((datagram.key, datagram.protocol, datagram.tags));
        if ready && !again {
            datagram.done = Some(at);
            self.done.push_back(number);
            self.counters.completed += 1;
        }
        self.relieve(number);
        let (key, protocol, tags) = whole?;
        let rival = (self.rival != self.payload).then_some(self.rival.as_slice());
        let Key { source, destination, .. } = key;
        Some(Whole { source, destination, protocol, tags, payload: &self.payload, rival, again })
    }

    /// What became of fragments and datagrams so far.
    pub const fn counters(&self) -> &FragmentCounters {
        &self.counters
    }

    /// How many datagrams are held, those that are complete and linger included.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether no datagram is held.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Bytes of memory held for datagrams.
    pub const fn memory(&self) -> usize {
        self.memory
    }

    /// The number of the datagram that a fragment belongs to.
    fn find_or_begin(&mut self, fragment: &Fragment<'_>, at: Timestamp) -> u64 {
        let key = Key::of(fragment);
        if let Some(&number) = self.numbers.get(&key) {
            if self.datagrams.get(&number).is_some_and(|datagram| !datagram.is_over(at, &self.limits)) {
                return number;
            }
            self.forget_expired(number);
        }
        let number = self.next_number;
        self.next_number += 1;
        let datagram = Datagram::new(key, fragment, at);
        self.memory += datagram.memory();
        self.datagrams.insert(number, datagram);
        self.numbers.insert(key, number);
        number
    }

    /// Lets go of datagrams whose time is over, beginning with those that came first.
    fn expire(&mut self, at: Timestamp) {
        while let Some(&number) = self.done.front() {
            let over = |datagram: &Datagram| datagram.is_over(at, &self.limits);
            if !self.datagrams.get(&number).is_none_or(over) {
                break;
            }
            self.done.pop_front();
            self.remove(number);
        }
        while let Some((&number, first)) = self.datagrams.first_key_value() {
            if !first.is_over(at, &self.limits) {
                break;
            }
            self.forget_expired(number);
        }
    }

    /// Makes room, at the cost of complete datagrams first, then of those that came first, of `newest` last.
    fn relieve(&mut self, newest: u64) {
        while self.memory > self.limits.memory_bytes || self.datagrams.len() > self.limits.datagrams {
            if let Some(number) = self.done.pop_front() {
                self.remove(number);
                continue;
            }
            let oldest = self.datagrams.keys().copied().find(|&number| number != newest);
            if self.remove(oldest.unwrap_or(newest)).is_none() {
                return;
            }
            self.counters.evicted += 1;
        }
    }

    fn forget_expired(&mut self, number: u64) {
        match self.remove(number) {
            Some(Datagram { done: Some(_), .. }) => self.done.retain(|&other| other != number),
            Some(_) => self.counters.expired += 1,
            None => {}
        }
    }

    fn remove(&mut self, number: u64) -> Option<Datagram> {
        let datagram = self.datagrams.remove(&number)?;
        self.memory = self.memory.saturating_sub(datagram.memory());
        self.numbers.remove(&datagram.key);
        Some(datagram)
    }
}

/// The bytes that a fragment may claim.
fn claimed<'a>(fragment: &Fragment<'a>) -> Option<&'a [u8]> {
    let len = fragment.payload.len();
    // All but the last are multiples of eight; receivers that do not refuse others cut them.
    let len = if fragment.more { len & !7 } else { len };
    let end = (fragment.offset as usize).checked_add(len)?;
    fragment.payload.get(..len).filter(|bytes| !bytes.is_empty() && end <= LONGEST)
}

#[cfg(test)]
mod tests;
