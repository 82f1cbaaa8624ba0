//! Frames, lent many at a time.
//!
//! A batch is a region of memory and a list of slots that say where in it the frames lie. It is one concrete type for
//! every source, so that what consumes it is not generic. It copies nothing and owns nothing.
//!
//! The region is an address and not a slice, since of the memory that a NIC writes to only the frames are ours: a slice over all
//! of it would be a lie. That is the one unsafe line here, and `Batch::from_raw` the one unsafe promise.
#![allow(unsafe_code)]

use std::{marker::PhantomData, ptr::NonNull, slice};

use pithead_wire::{LinkType, Timestamp};

use crate::map::Mapped;

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
    /// Which of several receivers is to take it, counted from 0; `None` where that has not been decided.
    pub taker: Option<u16>,
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
    /// Whether it lies in a region of so many bytes.
    #[inline]
    fn lies_in(&self, region_bytes: usize) -> bool {
        self.offset.checked_add(self.len as usize).is_some_and(|end| end <= region_bytes)
    }
}

/// Some frames in one region of memory: a mapped file, a reader's buffer, a test's `Vec`.
///
/// All of them come from the same file.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    base: NonNull<u8>,
    slots: &'a [Slot],
    /// One for each slot, or none at all.
    takers: &'a [Option<u16>],
    map: Option<&'a Mapped>,
    file: usize,
    first_number: u64,
    first_sequence: u64,
    now: Option<Timestamp>,
    region: PhantomData<&'a [u8]>,
}

// SAFETY: it is a shared borrow of its frames' bytes, which any thread may read.
unsafe impl Send for Batch<'_> {}
// SAFETY: as above.
unsafe impl Sync for Batch<'_> {}

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
        let base = NonNull::from(region).cast();
        // SAFETY: the region is borrowed for as long as the batch lives, all of it.
        unsafe { Self::from_raw(base, region.len(), slots, file, first_number, first_sequence) }
    }

    /// The same for frames in `region_bytes` of memory at `base`, the rest of which may change meanwhile.
    ///
    /// # Safety
    ///
    /// As long as the batch lives the region must stay mapped, and no byte that one of the slots names may be written.
    pub(crate) unsafe fn from_raw(
        base: NonNull<u8>,
        region_bytes: usize,
        slots: &'a [Slot],
        file: usize,
        first_number: u64,
        first_sequence: u64,
    ) -> Option<Self> {
        let inside = slots.iter().all(|slot| slot.lies_in(region_bytes));
        let (takers, map, now, region) = (&[][..], None, None, PhantomData);
        inside.then_some(Self { base, slots, takers, map, file, first_number, first_sequence, now, region })
    }

    /// The same in a mapped file, if it is in one.
    #[must_use]
    pub(crate) const fn in_map(mut self, map: Option<&'a Mapped>) -> Self {
        self.map = map;
        self
    }

    /// The mapped file in which its frames lie.
    pub(crate) const fn map(&self) -> Option<&'a Mapped> {
        self.map
    }

    /// Where its frames lie.
    pub(crate) const fn slots(&self) -> &'a [Slot] {
        self.slots
    }

    /// The same, with who is to take each frame.
    #[must_use]
    pub(crate) const fn with_takers(mut self, takers: &'a [Option<u16>]) -> Self {
        self.takers = takers;
        self
    }

    /// The same, lent at `now` by the clock of the machine.
    #[must_use]
    pub const fn with_now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// When it was lent, by the clock of the machine, also where no frame has arrived; `None` where time is what frames say,
    /// as in a file.
    pub const fn now(&self) -> Option<Timestamp> {
        self.now
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
            // SAFETY: `from_raw` has seen that each slot lies in the region, and its caller has promised that nobody writes there.
            bytes: unsafe { slice::from_raw_parts(self.base.add(slot.offset).as_ptr(), slot.len as usize) },
            wire_len: slot.wire_len,
            at: slot.at,
            link: slot.link,
            interface: slot.interface,
            number: self.first_number + index as u64,
            sequence: self.first_sequence + index as u64,
            taker: self.takers.get(index).copied().flatten(),
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
