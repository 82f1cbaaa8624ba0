//! What is kept of a flow: the line that each of its packets touches, and the rest.
//!
//! ```text
//! line  addresses 8 | ports 4 | flags 2 | app 1 | bits 1
//!       bytes and high packets 16 | low packets 8 | last 8
//!       next sequence numbers 8 | last frame 6 | credit 2                64 bytes
//! rest  first 8 | initial sequence numbers 8 | VLANs 4 | VNI 4 | record 4
//!       interface 2 | depth and VLAN count 1 | bits 1                    32 bytes
//! ```
//!
//! A line is one cache line, since with more flows than the cache holds its miss is most of what a packet costs. The rest is written when a flow
//! begins, and read by those that look into it or tell of it. The addresses of an IPv6 flow are in a line of their own; in their
//! place stand its number and a part of the hash, so that a flow which is not the one looked for is told by the first line.

use pithead_wire::{Flags, Tags, Timestamp};

use crate::flow::{Direction, State};

/// Two packed bits: see [`State`].
const STATE: u8 = 0b11;
const V6: u8 = 1 << 2;
/// The initiator is the upper end.
const SWAPPED: u8 = 1 << 3;
/// Notes of the detector.
pub(crate) const DONE: u8 = 1 << 4;
pub(crate) const ALERTED: u8 = 1 << 5;
pub(crate) const FOLLOWED: u8 = 1 << 6;
pub(crate) const RECORDED: u8 = 1 << 7;
/// In the byte of what the flow speaks: whether it is watched.
pub(crate) const WATCHED: u8 = 1 << 7;

/// What each packet of a flow touches.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// IPv4: lower and upper end. IPv6: which pair of addresses, and a part of the hash.
    pub(crate) addresses: [u32; 2],
    /// Of the lower and of the upper end.
    pub(crate) ports: [u16; 2],
    /// Control bits seen, forward and backward.
    pub(crate) flags: [Flags; 2],
    /// Room for the detector.
    pub(crate) app: u8,
    pub(crate) bits: u8,
    counts: Counts,
    pub(crate) last: Timestamp,
    /// Room for the detector.
    pub(crate) next: [u32; 2],
    last_frame: [u16; 3],
    /// Room for the detector.
    pub(crate) credit: [u8; 2],
}

const _: () = assert!(size_of::<Line>() == 64);

impl Line {
    /// A line of a flow that has no packet yet.
    pub(crate) fn new(addresses: [u32; 2], ports: [u16; 2], state: State, swapped: bool) -> Self {
        let bits = state as u8 | if swapped { SWAPPED } else { 0 };
        Self {
            addresses,
            ports,
            flags: [Flags::default(); 2],
            app: 0,
            bits,
            counts: Counts::default(),
            last: Timestamp::default(),
            next: [0; 2],
            last_frame: [0; 3],
            credit: [0; 2],
        }
    }

    /// The same, of a flow of IPv6.
    pub(crate) const fn of_v6(mut self) -> Self {
        self.bits |= V6;
        self
    }

    /// Whether it is of a flow of this kind between these ports.
    #[inline]
    pub(crate) const fn is_between(&self, ports: [u16; 2], udp: bool, is_v6: bool) -> bool {
        let datagrams = self.bits & STATE == State::Datagrams as u8;
        self.ports[0] == ports[0] && self.ports[1] == ports[1] && datagrams == udp && self.is_v6() == is_v6
    }

    #[inline]
    pub(crate) const fn is_v6(&self) -> bool {
        self.has(V6)
    }

    /// Whether the initiator is the upper end.
    #[inline]
    pub(crate) const fn is_swapped(&self) -> bool {
        self.has(SWAPPED)
    }

    #[inline]
    pub(crate) const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    pub(crate) const fn set(&mut self, bit: u8, on: bool) {
        if on { self.bits |= bit } else { self.bits &= !bit }
    }

    #[inline]
    pub(crate) const fn state(&self) -> State {
        match self.bits & STATE {
            0 => State::New,
            1 => State::Established,
            2 => State::Closed,
            _ => State::Datagrams,
        }
    }

    #[inline]
    pub(crate) const fn set_state(&mut self, state: State) {
        self.bits = self.bits & !STATE | state as u8;
    }

    /// Adds a packet.
    #[inline]
    pub(crate) fn count(&mut self, way: Direction, wire_len: u32, at: Timestamp, sequence: u64) {
        self.counts.add(way, wire_len);
        self.last = self.last.max(at);
        self.set_last_frame(sequence);
    }

    pub(crate) fn packets(&self) -> [u64; 2] {
        self.counts.packets()
    }

    /// Whether there are packets, as there are from the first on: false for one whose low counts have both just run over, too.
    #[inline]
    pub(crate) fn has_packets(&self) -> bool {
        self.counts.packets != [0; 2]
    }

    /// Counts no packets any more: the flow has ended.
    pub(crate) fn forget_packets(&mut self) {
        self.counts = Counts::default();
    }

    pub(crate) fn bytes(&self) -> [u64; 2] {
        self.counts.bytes()
    }

    #[inline]
    const fn set_last_frame(&mut self, sequence: u64) {
        self.last_frame = [sequence as u16, (sequence >> 16) as u16, (sequence >> 32) as u16];
    }

    /// The sequence of its latest frame, given that of any frame since: 48 bits are kept of it, which a link of ten million frames a second
    /// takes most of a year to count through.
    pub(crate) fn last_frame(&self, now: u64) -> u64 {
        const KEPT: u64 = (1 << 48) - 1;
        let [low, middle, high] = self.last_frame.map(u64::from);
        let kept = low | middle << 16 | high << 32;
        // So many frames ago, as far as the kept bits can tell.
        now - (now.wrapping_sub(kept) & KEPT).min(now)
    }
}

/// Packets and bytes of both directions in 24 bytes.
///
/// 44 bits of packets (ten million a second for 20 days) and 52 of bytes (100 Gbit/s for 4 days) in one flow; what goes beyond stays at the most.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Bytes, and below them the high bits of packets.
    words: [u64; 2],
    /// The low bits of packets.
    packets: [u32; 2],
}

const HIGH_BITS: u32 = 12;
const HIGH: u64 = (1 << HIGH_BITS) - 1;

impl Counts {
    #[inline]
    fn add(&mut self, way: Direction, wire_len: u32) {
        let (word, packets) = (&mut self.words[way.index()], &mut self.packets[way.index()]);
        *word = word.checked_add(u64::from(wire_len) << HIGH_BITS).unwrap_or(!HIGH | *word & HIGH);
        *packets = packets.wrapping_add(1);
        if *packets == 0 {
            carry(word, packets);
        }
    }

    fn packets(&self) -> [u64; 2] {
        [0, 1].map(|way| (self.words[way] & HIGH) << 32 | u64::from(self.packets[way]))
    }

    fn bytes(&self) -> [u64; 2] {
        self.words.map(|word| word >> HIGH_BITS)
    }
}

/// Once in four thousand million packets.
#[cold]
const fn carry(word: &mut u64, packets: &mut u32) {
    if *word & HIGH == HIGH { *packets = u32::MAX } else { *word += 1 }
}

/// What is written when a flow begins.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    pub(crate) first: Timestamp,
    isn: [u32; 2],
    vlan: [u16; 2],
    vni: u32,
    /// Room for the detector.
    pub(crate) record: u32,
    pub(crate) interface: u16,
    /// Depth in the low bits, how many VLANs above.
    tags: u8,
    bits: u8,
}

const _: () = assert!(size_of::<Rest>() == 32);

/// What a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nothing: it waits for a flow.
    Free = 0,
    /// A flow.
    Live = 1,
    /// A flow that has ended, and whose slot in the wheel has not come due.
    Dead = 2,
}

const LIFE: u8 = 0b11;
const HAS_VNI: u8 = 1 << 2;
/// And the next bit for the other direction.
const HAS_ISN: u8 = 1 << 3;
const DEPTH_BITS: u32 = 6;

impl Rest {
    /// The rest of a flow that has no packet yet.
    pub(crate) fn new(first: Timestamp, tags: &Tags, interface: u16) -> Self {
        let vni = tags.vni;
        Self {
            first,
            isn: [0; 2],
            vlan: tags.vlan,
            vni: vni.unwrap_or_default(),
            record: 0,
            interface,
            tags: tags.vlans << DEPTH_BITS | tags.depth & ((1 << DEPTH_BITS) - 1),
            bits: Life::Live as u8 | if vni.is_some() { HAS_VNI } else { 0 },
        }
    }

    pub(crate) const fn tags(&self) -> Tags {
        Tags {
            vlan: self.vlan,
            vlans: self.tags >> DEPTH_BITS,
            vni: if self.bits & HAS_VNI == 0 { None } else { Some(self.vni) },
            depth: self.tags & ((1 << DEPTH_BITS) - 1),
        }
    }

    pub(crate) const fn life(&self) -> Life {
        match self.bits & LIFE {
            0 => Life::Free,
            1 => Life::Live,
            _ => Life::Dead,
        }
    }

    pub(crate) const fn set_life(&mut self, life: Life) {
        self.bits = self.bits & !LIFE | life as u8;
    }

    /// Initial sequence numbers, forward and backward, where the SYN was seen.
    pub(crate) fn isn(&self) -> [Option<u32>; 2] {
        [0, 1].map(|way| (self.bits & HAS_ISN << way != 0).then_some(self.isn[way]))
    }

    /// Notes a direction's initial sequence number, if it is the first.
    pub(crate) fn open(&mut self, way: Direction, sequence: u32) {
        let bit = HAS_ISN << way.index();
        if self.bits & bit == 0 {
            self.isn[way.index()] = sequence;
            self.bits |= bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_as_two_plain_numbers_would(packets in prop::collection::vec((any::<bool>(), any::<u32>()), 0..200)) {
            let (mut counts, mut plain) = (Counts::default(), ([0_u64; 2], [0_u64; 2]));
            // Just below where the low packets run over.
            counts.packets = [u32::MAX - 20; 2];
            plain.0 = [u64::from(u32::MAX) - 20; 2];
            for (back, wire_len) in packets {
                let way = if back { Direction::Backward } else { Direction::Forward };
                counts.add(way, wire_len);
                plain.0[way.index()] += 1;
                plain.1[way.index()] += u64::from(wire_len);
            }
            prop_assert_eq!((counts.packets(), counts.bytes()), plain);
        }

        #[test]
        fn tags_come_back(vlan: [u16; 2], vlans in 0_u8..3, vni: Option<u32>, depth in 0_u8..9) {
            let tags = Tags { vlan, vlans, vni, depth };
            prop_assert_eq!(Rest::new(Timestamp::default(), &tags, 0).tags(), tags);
        }

        #[test]
        fn the_last_frame_comes_back(frame in 0_u64..1 << 60, since in 0_u64..1 << 48) {
            let mut line = Line::new([0; 2], [0; 2], State::New, false);
            line.set_last_frame(frame);
            prop_assert_eq!(line.last_frame(frame + since), frame);
        }
    }

    #[test]
    fn full_counts_stay_full() {
        let mut counts = Counts { words: [u64::MAX - (5 << HIGH_BITS), 0], packets: [u32::MAX, 0] };
        for _ in 0..3 {
            counts.add(Direction::Forward, 1500);
        }
        assert_eq!((counts.packets()[0], counts.bytes()[0]), ((1 << 44) - 1, (1 << 52) - 1));
        assert_eq!((counts.packets()[1], counts.bytes()[1]), (0, 0));
    }
}
