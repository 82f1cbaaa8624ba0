//! One-way queues in memory shared with the kernel: index arithmetic, and nothing else.
//!
//! Both indices count on for ever and wrap at 32 bits; an entry lies at its index modulo the size, which is a power of two. The
//! producer writes entries, then its index (release); the consumer reads that index (acquire), then the entries, and tells with
//! its own index that they may be written again. See
//! <https://www.kernel.org/doc/html/latest/networking/af_xdp.html#rings>.
//!
//! Each side looks at the other's index only when its own copy of it says that there is nothing to do.
#![allow(unsafe_code)]

use std::{
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{mmap::Mapping, syscall::Layout};

/// What an RX ring carries: a frame, or a piece of one.
/// <https://github.com/torvalds/linux/blob/v6.6/include/uapi/linux/if_xdp.h#L125>
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Descriptor {
    /// Where its first byte lies, counted from the start of the memory for frames.
    pub address: u64,
    /// How many bytes there are.
    pub len: u32,
    /// Flags.
    pub options: u32,
}

impl Descriptor {
    /// Whether the frame goes on in the next descriptor.
    pub(super) const fn continues(self) -> bool {
        self.options & libc::XDP_PKT_CONTD != 0
    }
}

/// A type of which any bytes are a value, so that an entry can be read whoever wrote it.
pub(super) trait Entry: Copy + Default + Send {}
impl Entry for u64 {}
impl Entry for Descriptor {}

/// The memory of a ring, as both sides know it.
#[derive(Debug)]
struct Shared<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    mask: u32,
    /// What the pointers point into.
    _memory: Arc<Mapping>,
}

// SAFETY: the pointers are into a mapping that it owns a share of; what they point to is made for two sides that run at once.
unsafe impl<T: Entry> Send for Shared<T> {}

impl<T: Entry> Shared<T> {
    fn new(memory: Arc<Mapping>, layout: Layout, size: u32) -> Self {
        assert!(size.is_power_of_two(), "a ring of {size} entries: not a power of two");
        Self {
            producer: memory.word(layout.producer),
            consumer: memory.word(layout.consumer),
            flags: memory.word(layout.flags),
            entries: memory.place(layout.entries, size as usize),
            mask: size - 1,
            _memory: memory,
        }
    }

    const fn size(&self) -> u32 {
        self.mask + 1
    }

    fn producer(&self) -> &AtomicU32 {
        // SAFETY: it points into a mapping that lives as long as `self`; others write there only atomically.
        unsafe { self.producer.as_ref() }
    }

    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as for `producer`.
        unsafe { self.consumer.as_ref() }
    }

    fn flags(&self) -> &AtomicU32 {
        // SAFETY: as for `producer`.
        unsafe { self.flags.as_ref() }
    }

    fn entry(&self, index: u32) -> NonNull<T> {
        // SAFETY: masked to an entry of the ring, all of which `new` has seen to lie in the mapping.
        unsafe { self.entries.add((index & self.mask) as usize) }
    }
}

/// The end that takes entries out.
#[derive(Debug)]
pub(super) struct Consumer<T> {
    shared: Shared<T>,
    /// The next entry to take.
    next: u32,
    /// How far the producer was when last looked at.
    produced: u32,
}

impl<T: Entry> Consumer<T> {
    /// The taking end of the ring of `size` entries that lies in `memory`. There may be one.
    ///
    /// # Panics
    ///
    /// If `size` is no power of two, or the ring does not lie in `memory`.
    pub(super) fn new(memory: Arc<Mapping>, layout: Layout, size: u32) -> Self {
        let shared = Shared::new(memory, layout, size);
        let next = shared.consumer().load(Ordering::Relaxed);
        Self { shared, next, produced: next }
    }

    /// How many entries can be taken, up to `wanted`.
    #[inline]
    pub(super) fn ready(&mut self, wanted: u32) -> u32 {
        let mut there = self.produced.wrapping_sub(self.next);
        if there < wanted {
            self.produced = self.shared.producer().load(Ordering::Acquire);
            there = self.produced.wrapping_sub(self.next);
        }
        // More than fit would mean that the other side broke the ring; the entries that are there are all that is believed.
        there.min(self.shared.size()).min(wanted)
    }

    /// The entry `ahead` of the next one, which [`ready`](Self::ready) has said is there.
    #[inline]
    pub(super) fn peek(&self, ahead: u32) -> Option<T> {
        if ahead >= self.produced.wrapping_sub(self.next).min(self.shared.size()) {
            return None;
        }
        let entry = self.shared.entry(self.next.wrapping_add(ahead));
        // SAFETY: it points to an entry, and any bytes are one. The producer's index says that it is written, and it is not written
        // again before our index has gone past it.
        Some(unsafe { entry.read() })
    }

    /// Lets the producer write the next `count` entries again. They must be there.
    #[inline]
    pub(super) fn release(&mut self, count: u32) {
        debug_assert!(count <= self.produced.wrapping_sub(self.next), "more released than was there");
        self.next = self.next.wrapping_add(count);
        self.shared.consumer().store(self.next, Ordering::Release);
    }

    /// How many entries wait now.
    pub(super) fn waiting(&self) -> u32 {
        self.shared.producer().load(Ordering::Relaxed).wrapping_sub(self.next).min(self.shared.size())
    }

    /// How many entries fit.
    pub(super) const fn size(&self) -> u32 {
        self.shared.size()
    }
}

/// The end that puts entries in.
#[derive(Debug)]
pub(super) struct Producer<T> {
    shared: Shared<T>,
    /// The next entry to write.
    next: u32,
    /// How far the consumer was when last looked at.
    consumed: u32,
}

impl<T: Entry> Producer<T> {
    /// The giving end of the ring of `size` entries that lies in `memory`. There may be one.
    ///
    /// # Panics
    ///
    /// If `size` is no power of two, or the ring does not lie in `memory`.
    pub(super) fn new(memory: Arc<Mapping>, layout: Layout, size: u32) -> Self {
        let shared = Shared::new(memory, layout, size);
        let next = shared.producer().load(Ordering::Relaxed);
        let consumed = shared.consumer().load(Ordering::Acquire);
        Self { shared, next, consumed }
    }

    /// How many entries there is room for, up to `wanted`.
    #[inline]
    pub(super) fn room(&mut self, wanted: u32) -> u32 {
        let size = self.shared.size();
        let mut room = size.saturating_sub(self.next.wrapping_sub(self.consumed));
        if room < wanted {
            self.consumed = self.shared.consumer().load(Ordering::Acquire);
            room = size.saturating_sub(self.next.wrapping_sub(self.consumed));
        }
        room.min(wanted)
    }

    /// Writes one entry, for which there must be [`room`](Self::room). The consumer sees it after [`publish`](Self::publish).
    ///
    /// # Panics
    ///
    /// If there is no room.
    #[inline]
    pub(super) fn push(&mut self, value: T) {
        assert!(self.next.wrapping_sub(self.consumed) < self.shared.size(), "no room was asked for");
        // SAFETY: it points to an entry, which is ours to write: the consumer's index has gone past it.
        unsafe { self.shared.entry(self.next).write(value) };
        self.next = self.next.wrapping_add(1);
    }

    /// Shows the consumer what was pushed.
    #[inline]
    pub(super) fn publish(&self) {
        self.shared.producer().store(self.next, Ordering::Release);
    }

    /// Whether the kernel rests and wants a call before it looks at the ring again.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        self.shared.flags().load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A layout for rings in plain memory.
    pub(in super::super) const LAYOUT: Layout =
        Layout { producer: 0, consumer: 64, flags: 128, entries: 192 };

    /// Memory for a ring of `size` entries of at most 16 bytes, whose indices begin at `first`.
    pub(in super::super) fn memory(size: u32, first: u32) -> Arc<Mapping> {
        let memory = Mapping::anonymous(LAYOUT.entries + size as usize * 16, false).unwrap();
        for offset in [LAYOUT.producer, LAYOUT.consumer] {
            // SAFETY: a word of a mapping that lives on.
            unsafe { memory.word(offset).as_ref() }.store(first, Ordering::Relaxed);
        }
        Arc::new(memory)
    }

    fn pair(size: u32, first: u32) -> (Producer<u64>, Consumer<u64>) {
        let memory = memory(size, first);
        (Producer::new(Arc::clone(&memory), LAYOUT, size), Consumer::new(memory, LAYOUT, size))
    }

    #[test]
    fn nothing_is_seen_before_it_is_published() {
        let (mut producer, mut consumer) = pair(4, 0);
        assert_eq!((producer.room(9), consumer.ready(9)), (4, 0));
        producer.push(7);
        assert_eq!((consumer.ready(9), consumer.peek(0)), (0, None));
        producer.publish();
        assert_eq!((consumer.ready(9), consumer.peek(0), consumer.peek(1)), (1, Some(7), None));
        assert_eq!(producer.room(9), 3, "an entry is free only when it is released");
        consumer.release(1);
        assert_eq!((producer.room(9), consumer.waiting()), (4, 0));
    }

    #[test]
    #[should_panic(expected = "no room was asked for")]
    fn a_full_ring_is_not_overwritten() {
        let (mut producer, _consumer) = pair(2, u32::MAX);
        for value in 0..3 {
            producer.push(value);
        }
    }

    #[test]
    fn the_flag_is_read() {
        let (producer, _consumer) = pair(2, 0);
        assert!(!producer.needs_wakeup());
        producer.shared.flags().store(libc::XDP_RING_NEED_WAKEUP, Ordering::Relaxed);
        assert!(producer.needs_wakeup());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// What comes out is what went in, once and in order, also where the indices wrap.
        #[test]
        fn entries_come_out_once_and_in_order(
            shift in 0u32..7,
            first in prop_oneof![Just(0u32), (u32::MAX - 300)..=u32::MAX, any::<u32>()],
            steps in prop::collection::vec((any::<bool>(), 0u32..100), 1..200),
        ) {
            let size = 1 << shift;
            let (mut producer, mut consumer) = pair(size, first);
            let (mut put, mut taken) = (0u64, 0u64);
            for (puts, count) in steps {
                if puts {
                    let room = producer.room(count);
                    prop_assert_eq!(u64::from(room), u64::from(count).min(u64::from(size) - (put - taken)));
                    for _ in 0..room {
                        producer.push(put);
                        put += 1;
                    }
                    producer.publish();
                } else {
                    let ready = consumer.ready(count);
                    prop_assert_eq!(u64::from(ready), u64::from(count).min(put - taken));
                    for ahead in 0..ready {
                        prop_assert_eq!(consumer.peek(ahead), Some(taken + u64::from(ahead)));
                    }
                    consumer.release(ready);
                    taken += u64::from(ready);
                }
                prop_assert_eq!(u64::from(consumer.waiting()), put - taken);
            }
        }
    }
}
