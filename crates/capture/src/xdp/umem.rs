//! Who owns which chunk of the memory for frames, and the one place where a chunk becomes a frame.
//!
//! A chunk is the kernel's from when its address is in the fill ring until it comes out of the RX ring; then it is lent, until the
//! next call gives it back. There is no third place, so nothing can get lost:
//!
//! ```text
//!        ┌──── fill ring ────▶ kernel ──── RX ring ────┐
//!        └──────────────────── lent ◀──────────────────┘
//! ```
//!
//! A frame in several chunks is put together in a side area behind the chunks, of which the kernel knows nothing, so that all
//! frames of a batch lie in one region.
#![allow(unsafe_code)]

use std::{io, ops::Range, ptr::NonNull, sync::Arc};

use pithead_wire::{LinkType, Timestamp};

use super::{
    mmap::Mapping,
    ring::{Consumer, Descriptor, Producer},
};
use crate::{Batch, Slot};

/// Room for the frames of a batch that came in pieces: some hundred jumbo frames.
const SIDE_BYTES: usize = 1 << 20;

/// Memory for frames: chunks of one size, and the side area.
#[derive(Debug)]
pub(super) struct Umem {
    memory: Arc<Mapping>,
    chunk_bytes: u32,
    chunks: u32,
}

impl Umem {
    /// So many chunks, in huge pages if asked for.
    pub(super) fn new(chunks: u32, chunk_bytes: u32, huge: bool) -> io::Result<Self> {
        assert!(chunk_bytes.is_power_of_two(), "chunks of {chunk_bytes} bytes: not a power of two");
        let len = chunks as usize * chunk_bytes as usize + SIDE_BYTES;
        let memory = Arc::new(Mapping::anonymous(len, huge)?);
        Ok(Self { memory, chunk_bytes, chunks })
    }

    /// The first byte of the first chunk.
    pub(super) fn base(&self) -> NonNull<u8> {
        self.memory.base()
    }

    /// The memory itself, for whoever plays the kernel.
    pub(super) fn memory(&self) -> Arc<Mapping> {
        Arc::clone(&self.memory)
    }

    /// How much of it the kernel may write to.
    pub(super) const fn kernel_bytes(&self) -> usize {
        self.chunks as usize * self.chunk_bytes as usize
    }

    /// How long the region is that frames lie in: the chunks and the side area.
    pub(super) const fn region_bytes(&self) -> usize {
        self.kernel_bytes() + SIDE_BYTES
    }

    /// How large each of them is.
    pub(super) const fn chunk_bytes(&self) -> u32 {
        self.chunk_bytes
    }

    /// Where the bytes of a descriptor lie, if within one chunk.
    #[inline]
    fn bytes_of(&self, descriptor: Descriptor) -> Option<Range<usize>> {
        let start = usize::try_from(descriptor.address).ok()?;
        let end = start.checked_add(descriptor.len as usize)?;
        let within = start & (self.chunk_bytes as usize - 1);
        let fits =
            end <= self.kernel_bytes() && within + descriptor.len as usize <= self.chunk_bytes as usize;
        fits.then_some(start..end)
    }

    /// The chunk that an address lies in, as the fill ring names it.
    #[inline]
    const fn chunk_of(&self, address: u64) -> u64 {
        address & !(self.chunk_bytes as u64 - 1)
    }
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
        assert_eq!(
            fill.room(umem.chunks),
            umem.chunks,
            "the fill ring is smaller than the memory for frames"
        );
        for chunk in 0..umem.chunks {
            fill.push(u64::from(chunk) * u64::from(umem.chunk_bytes));
        }
        fill.publish();
        let lent = Vec::with_capacity(umem.chunks as usize);
        Self { umem, fill, rx, lent, slots: Vec::new(), side_used: 0, invalid: 0 }
    }

    /// Gives back what was lent, then takes up to `limit` frames, which came on `interface` and are said to have come at `at`.
    /// Says how many there were.
    pub(super) fn take(&mut self, limit: usize, interface: u16, at: Timestamp) -> usize {
        // Refill before reading RX: an empty fill ring puts the driver to sleep, and only our next call would wake it.
        self.give_back();
        let ready = self.rx.ready(self.rx.size());
        let mut taken = 0;
        while self.slots.len() < limit && taken < ready {
            let Some(pieces) = self.pieces(taken, ready) else { break };
            let place = if pieces == 1 { self.whole(taken) } else { self.put_together(taken, pieces) };
            match place {
                Place::At(range) => {
                    let len = range.len() as u32;
                    let link = LinkType::ETHERNET;
                    self.slots.push(Slot { offset: range.start, len, wire_len: len, at, link, interface });
                }
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

    /// Remembers the chunk of a descriptor as lent, if it names one.
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

    /// A frame in one chunk stays where it is.
    #[inline]
    fn whole(&self, ahead: u32) -> Place {
        self.rx.peek(ahead).and_then(|frame| self.umem.bytes_of(frame)).map_or(Place::Nowhere, Place::At)
    }

    /// Copies the pieces of a frame behind each other.
    fn put_together(&mut self, first: u32, pieces: u32) -> Place {
        let start = self.umem.kernel_bytes() + self.side_used;
        let mut end = start;
        for ahead in first..first + pieces {
            let Some(range) = self.rx.peek(ahead).and_then(|piece| self.umem.bytes_of(piece)) else {
                return Place::Nowhere;
            };
            if end + range.len() > self.umem.region_bytes() {
                return if self.side_used == 0 { Place::Nowhere } else { Place::NotNow };
            }
            let base = self.umem.base().as_ptr();
            // SAFETY: `bytes_of` has seen that the piece lies in a chunk, which came out of the RX ring and so is ours; there is room
            // behind `end`, in the side area, where no chunk lies; nothing of this batch has been lent yet, as `self` is borrowed.
            unsafe { base.add(range.start).copy_to_nonoverlapping(base.add(end), range.len()) };
            end += range.len();
        }
        self.side_used = end - self.umem.kernel_bytes();
        Place::At(start..end)
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
mod tests {
    use std::collections::{HashSet, VecDeque};

    use proptest::prelude::*;

    use super::*;
    use crate::xdp::double::{Feeder, rings};

    const NOW: Timestamp = Timestamp::from_nanos(7);

    fn taken(exchange: &mut Exchange, limit: usize) -> Vec<Vec<u8>> {
        let count = exchange.take(limit, 3, NOW);
        let batch = exchange.lend(1, 1).unwrap();
        assert_eq!(batch.len(), count);
        batch
            .frames()
            .inspect(|frame| assert_eq!((frame.at, frame.interface), (NOW, 3)))
            .map(|frame| frame.bytes.to_vec())
            .collect()
    }

    fn drained(feeder: &mut Feeder) -> HashSet<u64> {
        let mut seen = HashSet::new();
        while let Some(chunk) = feeder.take_chunk() {
            assert!(seen.insert(chunk), "chunk {chunk} is in the fill ring twice");
        }
        seen
    }

    #[test]
    fn a_frame_is_lent_until_the_next_call() {
        let (mut exchange, mut feeder) = rings(4, 2048, u32::MAX).unwrap();
        for frame in [&b"one"[..], b"two", b"three", b"four"] {
            assert!(feeder.offer(frame));
        }
        assert!(!feeder.offer(b"five"), "no chunk is free");
        feeder.publish();
        assert_eq!(taken(&mut exchange, 3), [&b"one"[..], b"two", b"three"]);
        assert_eq!(feeder.free(9), 0);
        assert_eq!(taken(&mut exchange, 3), [b"four"]);
        assert_eq!(feeder.free(9), 3);
        assert_eq!(taken(&mut exchange, 3), [b""; 0]);
        assert_eq!(drained(&mut feeder).len(), 4);
    }

    #[test]
    fn pieces_are_put_together_as_far_as_there_is_room() {
        let (mut exchange, mut feeder) = rings(1024, 2048, 0).unwrap();
        // Two of them fill most of the side area; the third has to wait for the next batch.
        let frames: Vec<Vec<u8>> = (0..3u8).map(|byte| vec![byte; 400_000 + byte as usize]).collect();
        for frame in &frames {
            assert!(feeder.offer(frame));
        }
        assert!(feeder.offer(b"small"));
        feeder.publish();
        assert_eq!(taken(&mut exchange, 64), frames[..2]);
        assert_eq!(taken(&mut exchange, 64), [&frames[2][..], b"small"]);
        assert_eq!(exchange.invalid(), 0);
    }

    #[test]
    fn a_frame_whose_end_is_missing_waits_for_it() {
        let (mut exchange, mut feeder) = rings(8, 2048, 0).unwrap();
        let (first, last) = (feeder.take_chunk().unwrap(), feeder.take_chunk().unwrap());
        let piece = |chunk, options| Descriptor { address: chunk + 256, len: 10, options };
        feeder.offer_raw(piece(first, libc::XDP_PKT_CONTD));
        feeder.publish();
        assert_eq!(taken(&mut exchange, 64).len(), 0);
        feeder.offer_raw(piece(last, 0));
        feeder.publish();
        assert_eq!(taken(&mut exchange, 64), [[0; 20]]);
    }

    #[test]
    fn what_makes_no_sense_is_counted_and_its_chunk_comes_back() {
        let (mut exchange, mut feeder) = rings(8, 2048, 0).unwrap();
        let chunk = feeder.take_chunk().unwrap();
        feeder.offer_raw(Descriptor { address: chunk + 2000, len: 100, options: 0 }); // into the next chunk
        feeder.offer_raw(Descriptor { address: 8 * 2048, len: 1, options: 0 }); // behind the last
        feeder.offer_raw(Descriptor { address: u64::MAX, len: u32::MAX, options: 0 });
        feeder.publish();
        assert_eq!(taken(&mut exchange, 64).len(), 0);
        assert_eq!(exchange.invalid(), 3);
        exchange.give_back();
        assert_eq!(drained(&mut feeder).len(), 8);
    }

    #[test]
    fn a_frame_longer_than_the_side_area_is_invalid_and_the_next_is_not() {
        let (mut exchange, mut feeder) = rings(1024, 2048, 0).unwrap();
        assert!(feeder.offer(&vec![1; SIDE_BYTES + 1]) && feeder.offer(b"next"));
        feeder.publish();
        assert_eq!(taken(&mut exchange, 64), [b"next"]);
        assert_eq!(exchange.invalid(), 1);
        exchange.give_back();
        assert_eq!(drained(&mut feeder).len(), 1024);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Offer(Vec<usize>),
        Take(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let len = prop_oneof![4 => 4usize..1792, 1 => 1793usize..9000];
        let offer = prop::collection::vec(len, 0..20).prop_map(Step::Offer);
        prop::collection::vec(prop_oneof![offer, (1usize..9).prop_map(Step::Take)], 1..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The test plays the kernel: no frame is lost, doubled or changed, and every chunk has one owner at every time.
        #[test]
        fn no_frame_is_lost_or_owned_twice(
            steps in steps(),
            first in prop_oneof![Just(0u32), (u32::MAX - 40)..=u32::MAX],
        ) {
            let (mut exchange, mut feeder) = rings(32, 2048, first).unwrap();
            let (mut on_the_way, mut number) = (VecDeque::new(), 0u32);
            for step in steps {
                match step {
                    Step::Offer(lens) => for len in lens {
                        let mut frame = vec![number as u8; len];
                        frame[..4].copy_from_slice(&number.to_be_bytes());
                        let fits = feeder.offer(&frame);
                        feeder.publish();
                        if fits {
                            on_the_way.push_back(frame);
                            number += 1;
                        }
                    },
                    Step::Take(limit) => {
                        let lent = taken(&mut exchange, limit);
                        prop_assert!(lent.len() == limit.min(on_the_way.len()));
                        for frame in lent {
                            prop_assert_eq!(Some(frame), on_the_way.pop_front());
                        }
                    }
                }
            }
            while exchange.take(64, 0, NOW) > 0 {}
            prop_assert_eq!(exchange.invalid(), 0);
            prop_assert_eq!(drained(&mut feeder).len(), 32);
        }
    }
}
