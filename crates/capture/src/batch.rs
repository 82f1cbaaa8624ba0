//! Frames, lent many at a time.
//!
//! A batch is a region of memory and a list of slots that say where in it the frames lie. It is one concrete type for
//! every source, so that what consumes it is not generic. It copies nothing and owns nothing.

use pithead_wire::{LinkType, Timestamp};

/// One frame of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The bytes that were captured.
    pub bytes: &'a [u8],
    /// How long the frame was on the wire, in bytes; more than `bytes` holds when it was sliced.
    pub wire_len: u32,
    /// When it was captured.
    pub at: Timestamp,
    /// What its first bytes are.
    pub link: LinkType,
    /// The interface it came from: an index into the source's interfaces.
    pub interface: u16,
    /// Its number in its file or on its link, counted from 1, as Wireshark counts.
    pub number: u64,
    /// Its number over all that the source has lent, counted from 1.
    pub sequence: u64,
}

/// Where one frame of a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Offset of the first byte in the batch's region.
    pub offset: usize,
    /// Captured bytes.
    pub len: u32,
    /// Bytes on the wire.
    pub wire_len: u32,
    /// When it was captured.
    pub at: Timestamp,
    /// What the first bytes are.
    pub link: LinkType,
    /// Which interface it came from.
    pub interface: u16,
}

impl Slot {
    fn bytes<'a>(&self, region: &'a [u8]) -> Option<&'a [u8]> {
        region.get(self.offset..)?.get(..self.len as usize)
    }
}

/// Some frames in one region of memory: a mapped file, a reader's buffer, a test's `Vec`.
///
/// All of them come from the same file.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    region: &'a [u8],
    slots: &'a [Slot],
    file: usize,
    first_number: u64,
    first_sequence: u64,
}

impl<'a> Batch<'a> {
    /// A batch of the frames that `slots` name in `region`; `None` if one of them lies outside of it.
    ///
    /// `first_number` and `first_sequence` are those of the first frame; the others count on from there.
    pub fn new(
        region: &'a [u8],
        slots: &'a [Slot],
        file: usize,
        first_number: u64,
        first_sequence: u64,
    ) -> Option<Self> {
        let inside = slots.iter().all(|slot| slot.bytes(region).is_some());
        inside.then_some(Self { region, slots, file, first_number, first_sequence })
    }

    /// How many frames there are.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none: nothing has arrived yet.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Which of the source's files the frames come from, counted from 0 in the order they were given.
    pub const fn file(&self) -> usize {
        self.file
    }

    /// The frame at `index`, counted from 0.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`len`](Self::len).
    pub fn frame(&self, index: usize) -> Frame<'a> {
        self.lend(index, &self.slots[index])
    }

    /// Every frame, in the order in which they were captured.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'a>> + use<'a> {
        let batch = *self;
        batch.slots.iter().enumerate().map(move |(index, slot)| batch.lend(index, slot))
    }

    #[inline]
    fn lend(&self, index: usize, slot: &Slot) -> Frame<'a> {
        Frame {
            // `new` has seen that each slot lies inside, so the empty slice is never taken.
            bytes: slot.bytes(self.region).unwrap_or_default(),
            wire_len: slot.wire_len,
            at: slot.at,
            link: slot.link,
            interface: slot.interface,
            number: self.first_number + index as u64,
            sequence: self.first_sequence + index as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(offset: usize, len: u32) -> Slot {
        let at = Timestamp::from_nanos(5);
        Slot { offset, len, wire_len: len, at, link: LinkType::ETHERNET, interface: 3 }
    }

    #[test]
    fn slots_outside_the_region_are_refused() {
        let region = [0u8; 10];
        for bad in [slot(0, 11), slot(10, 1), slot(11, 0), slot(usize::MAX, 1), slot(usize::MAX, u32::MAX)] {
            assert!(Batch::new(&region, &[slot(0, 10), bad], 0, 1, 1).is_none(), "{bad:?}");
        }
        assert!(Batch::new(&region, &[slot(0, 10), slot(10, 0)], 0, 1, 1).is_some());
    }

    #[test]
    fn frames_count_on_from_the_first() {
        let slots = [slot(0, 2), slot(1, 2), slot(4, 0)];
        let batch = Batch::new(b"abcd", &slots, 7, 11, 21).unwrap();
        assert_eq!((batch.len(), batch.is_empty(), batch.file()), (3, false, 7));
        let seen: Vec<_> = batch.frames().map(|frame| (frame.bytes, frame.number, frame.sequence)).collect();
        assert_eq!(seen, [(&b"ab"[..], 11, 21), (b"bc", 12, 22), (b"", 13, 23)]);
        assert_eq!(batch.frame(1), batch.frames().nth(1).unwrap());
    }
}
