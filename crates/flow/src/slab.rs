//! Many values of one kind, by number, in memory that grows by a chunk at a time.
//!
//! Nothing is moved when it grows, so it never needs the room twice nor stops the worker to copy; and it takes memory as values come, not
//! for the most there may be.

use std::ops::{Index, IndexMut};

use crate::prefetch;

/// Values of a chunk. Of those that fill a cache line they are 64 MiB, of addresses and not of memory: that is taken as it is written to. Were a
/// chunk not much larger than a huge page, hardly any would fit into it, since the allocator does not begin at one.
const CHUNK: usize = 1 << BITS;
const BITS: u32 = 20;

/// Values by number.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Adds a value: its number.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        let number = self.len() as u32;
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            let mut chunk = Vec::with_capacity(CHUNK);
            prefetch::huge(chunk.spare_capacity_mut());
            self.chunks.push(chunk);
        }
        let last = self.chunks.last_mut().expect("one was added if there was none");
        last.push(value);
        number
    }

    /// Asks for a value that will be wanted soon.
    #[inline]
    pub(crate) fn prefetch(&self, number: u32) {
        if let Some(value) =
            self.chunks.get(number as usize >> BITS).and_then(|chunk| chunk.get(within(number)))
        {
            prefetch::prefetch(value);
        }
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.chunks[number as usize >> BITS][within(number)]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[number as usize >> BITS][within(number)]
    }
}

const fn within(number: u32) -> usize {
    number as usize & (CHUNK - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_over_chunks_and_nothing_moves() {
        let mut slab = Slab::new();
        let count = CHUNK as u32 * 2 + 3;
        assert_eq!(slab.push(0_u32), 0);
        let first = std::ptr::from_ref(&slab[0]);
        for value in 1..count {
            assert_eq!(slab.push(value), value);
        }
        assert_eq!(slab.len(), count as usize);
        assert!((0..count).all(|number| slab[number] == number));
        assert_eq!(std::ptr::from_ref(&slab[0]), first);
        slab[CHUNK as u32] = 7;
        assert_eq!(slab[CHUNK as u32], 7);
        slab.prefetch(count);
    }
}
