//! Who owns which chunk, and the one place where a chunk becomes a frame.
//!
//! A chunk is the kernel's from when its address is in the fill ring until it comes out of the RX ring; then it is lent, until the
//! next call gives it back. There is no third place, so nothing can get lost:
//!
//! ```text
//!        ┌──── fill ring ────▶ kernel ──── RX ring ────┐
//!        └──────────────────── lent ◀──────────────────┘
//! ```
//!
//! A frame in several chunks is put together in the side area behind the chunks, so that all frames of a batch lie in one region. A VLAN
//! tag that the NIC took off is put back where it was, in the room ahead of the frame.
#![allow(unsafe_code)]

use std::{ops::Range, slice, time::Duration};

use pithead_wire::{LinkType, Timestamp};

use super::{
    ring::{Consumer, Descriptor, Producer},
    told::{self, TOLD_BYTES, Told},
    umem::Umem,
};
use crate::{Batch, Slot};

/// How far the clock of a NIC may be off ours for its times to be believed: one that nobody set is off by years, one on atomic
/// time by 37 s.
const CLOCKS_APART: Duration = Duration::from_secs(1);

/// What frames of one queue have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    /// When they came, unless the NIC says.
    pub at: Timestamp,
    /// The interface they came on.
    pub interface: u16,
    /// Whether the program wrote down ahead of each what the driver knows of it.
    pub tells: bool,
}

/// What both sides do with the chunks: the rings of one socket, and what is lent.
#[derive(Debug)]
pub(super) struct Exchange {
    umem: Umem,
    fill: Producer<u64>,
    rx: Consumer<Descriptor>,
    /// Chunks that came out of the RX ring and were not given back yet.
    lent: Vec<u64>,
    /// The frames that are lent: each lies in a chunk of `lent`, or in the side area.
    slots: Vec<Slot>,
    /// How much of the side area the frames lent take.
    side_used: usize,
    /// Frames that could not be lent: their descriptors make no sense, or they are longer than the side area.
    invalid: u64,
}

impl Exchange {
    /// Hands every chunk to the kernel. The fill ring must have room for all of them.
    ///
    /// # Panics
    ///
    /// If it has not.
    pub(super) fn new(umem: Umem, mut fill: Producer<u64>, rx: Consumer<Descriptor>) -> Self {
        let chunks = umem.chunks();
        assert_eq!(fill.room(chunks), chunks, "the fill ring is smaller than the memory for frames");
        for chunk in 0..chunks {
            fill.push(u64::from(chunk) * u64::from(umem.chunk_bytes()));
        }
        fill.publish();
        let lent = Vec::with_capacity(chunks as usize);
        Self { umem, fill, rx, lent, slots: Vec::new(), side_used: 0, invalid: 0 }
    }

    /// Gives back what was lent, then takes up to `limit` frames. Says how many there were.
    pub(super) fn take(&mut self, limit: usize, stamp: Stamp) -> usize {
        // Refill before reading RX: an empty fill ring puts the driver to sleep, and only our next call would wake it.
        self.give_back();
        let ready = self.rx.ready(self.rx.size());
        let mut taken = 0;
        while self.slots.len() < limit
            && taken < ready
            && let Some(first) = self.rx.peek(taken)
        {
            let (place, pieces) = if first.continues() {
                let Some(pieces) = self.pieces(taken, ready) else { break };
                (self.put_together(taken, pieces), pieces)
            } else {
                (self.umem.bytes_of(first).map_or(Place::Nowhere, Place::At), 1)
            };
            match place {
                Place::At(range) => self.seat(range, stamp),
                Place::Nowhere => self.invalid += 1,
                Place::NotNow => break,
            }
            for ahead in taken..taken + pieces {
                self.keep(ahead);
            }
            taken += pieces;
        }
        // The entries only: what they name stays ours until it is in the fill ring again.
        self.rx.release(taken);
        self.complete(stamp);
        self.slots.len()
    }

    /// Lends the frames that were taken last. Numbers count on from the first.
    pub(super) fn lend(&self, first_number: u64, first_sequence: u64) -> Option<Batch<'_>> {
        let (base, len) = (self.umem.base(), self.umem.region_bytes());
        // SAFETY: the memory is mapped while `self` lives. Each slot lies in a chunk that came out of the RX ring and has not been given
        // back, or in the side area; so nobody writes there before the next `take`, which the borrow of `self` keeps off.
        unsafe { Batch::from_raw(base, len, &self.slots, 0, first_number, first_sequence) }
    }

    /// Gives every chunk that is lent back to the kernel.
    pub(super) fn give_back(&mut self) {
        self.side_used = 0;
        self.slots.clear();
        if self.lent.is_empty() {
            return;
        }
        // There is room for all: the ring holds as many entries as there are chunks.
        let room = self.fill.room(self.lent.len() as u32) as usize;
        for chunk in self.lent.drain(self.lent.len() - room..) {
            self.fill.push(chunk);
        }
        self.fill.publish();
    }

    /// Whether the kernel wants a call before it fills chunks again.
    pub(super) fn needs_wakeup(&self) -> bool {
        self.fill.needs_wakeup()
    }

    /// How many frames could not be lent so far.
    pub(super) const fn invalid(&self) -> u64 {
        self.invalid
    }

    /// How many descriptors wait in the RX ring.
    pub(super) fn waiting(&self) -> u32 {
        self.rx.waiting()
    }

    #[inline]
    fn seat(&mut self, range: Range<usize>, stamp: Stamp) {
        self.prefetch(range.start);
        let (offset, len, link) = (range.start, range.len() as u32, LinkType::ETHERNET);
        self.slots.push(Slot { offset, len, wire_len: len, at: stamp.at, link, interface: stamp.interface });
    }

    /// Remembers the chunk of a descriptor as lent, if it names one.
    #[inline]
    fn keep(&mut self, ahead: u32) {
        if let Some(descriptor) = self.rx.peek(ahead) {
            let chunk = self.umem.chunk_of(descriptor.address);
            if chunk < self.umem.kernel_bytes() as u64 {
                self.lent.push(chunk);
            }
        }
    }

    /// How many descriptors the frame takes that begins at `first`; none when its end is not there yet.
    fn pieces(&self, first: u32, ready: u32) -> Option<u32> {
        let end =
            (first..ready).find(|&ahead| self.rx.peek(ahead).is_some_and(|piece| !piece.continues()))?;
        Some(end + 1 - first)
    }

    /// Copies the pieces of a frame behind each other, and what was written ahead of it.
    fn put_together(&mut self, first: u32, pieces: u32) -> Place {
        let start = self.umem.kernel_bytes() + self.side_used + TOLD_BYTES;
        let (mut end, base) = (start, self.umem.base().as_ptr());
        for ahead in first..first + pieces {
            let Some(range) = self.rx.peek(ahead).and_then(|piece| self.umem.bytes_of(piece)) else {
                return Place::Nowhere;
            };
            if end + range.len() > self.umem.region_bytes() {
                return if self.side_used == 0 { Place::Nowhere } else { Place::NotNow };
            }
            // SAFETY: `bytes_of` has seen that the piece lies in a chunk, which came out of the RX ring and so is ours; there is room
            // behind `end`, in the side area, where no chunk lies; nothing of this batch is lent yet.
            unsafe { base.add(range.start).copy_to_nonoverlapping(base.add(end), range.len()) };
            if ahead == first {
                let told = match self.umem.has_room_ahead(range.start) {
                    // SAFETY: it lies in the same chunk.
                    true => unsafe { base.add(range.start - TOLD_BYTES).cast::<[u8; TOLD_BYTES]>().read() },
                    // Not what an earlier frame left there, which its sender has chosen.
                    false => [0; TOLD_BYTES],
                };
                // SAFETY: room in the side area that was left ahead of the frame.
                unsafe { base.add(start - TOLD_BYTES).cast::<[u8; TOLD_BYTES]>().write(told) };
            }
            end += range.len();
        }
        self.side_used = end - self.umem.kernel_bytes();
        Place::At(start..end)
    }

    /// Brings the head of a frame nearer while the others are still looked up.
    #[inline]
    fn prefetch(&self, offset: usize) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint, for which any address will do.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.umem.base().as_ptr().wrapping_add(offset).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = offset;
    }

    /// Adds to every slot what only a look at the frame tells: its length on the wire, its time, its tag.
    fn complete(&mut self, stamp: Stamp) {
        for index in 0..self.slots.len() {
            if stamp.tells {
                self.hear(index);
            }
            let Some(slot) = self.slots.get_mut(index) else { return };
            // SAFETY: the slot lies in a chunk that is ours or in the side area, and nothing of it is lent yet.
            let frame = unsafe {
                slice::from_raw_parts(self.umem.base().as_ptr().add(slot.offset), slot.len as usize)
            };
            slot.wire_len = told::wire_len(frame) as u32;
        }
    }

    /// Reads what the program wrote ahead of a frame, and wipes it out so that the next frame here is not taken for this one.
    fn hear(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if !self.umem.has_room_ahead(slot.offset) {
            return;
        }
        // SAFETY: the frame's own chunk, or the side area where it was copied with the frame; ours, as in `complete`. The bytes lie ahead of
        // the frame, and within its chunk as has just been seen.
        let (told, wiped) = unsafe {
            let frame = self.umem.base().as_ptr().add(slot.offset);
            (frame.sub(TOLD_BYTES).cast::<[u8; TOLD_BYTES]>().read(), frame.sub(4).cast::<[u8; 4]>())
        };
        let Some(told) = Told::read(told) else { return };
        // SAFETY: as above: the last bytes of what was read.
        unsafe { wiped.write([0; 4]) };
        let at = Timestamp::from_nanos(told.nanos as i64);
        if told.nanos != 0 && at.since(slot.at).max(slot.at.since(at)) < CLOCKS_APART {
            slot.at = at;
        }
        let Some(tag) = told.tag.filter(|_| slot.len >= 12) else { return };
        // SAFETY: as above: the addresses move into the room ahead, which has just been read, and the tag to where they ended.
        unsafe {
            let frame = self.umem.base().as_ptr().add(slot.offset);
            frame.copy_to(frame.sub(4), 12);
            frame.add(8).cast::<[u8; 4]>().write(tag);
        }
        slot.offset -= 4;
        slot.len += 4;
    }
}

/// Where in the region a frame can be lent from.
enum Place {
    At(Range<usize>),
    /// It will never fit, or makes no sense.
    Nowhere,
    /// It fits once the side area is free again.
    NotNow,
}

#[cfg(test)]
mod tests;
