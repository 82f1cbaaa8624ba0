//! The memory for frames: chunks of one size, and behind them a side area of which the kernel knows nothing.
//!
//! It says where a frame lies and whether it may lie there; whose a chunk is at a time is `exchange.rs`'s to know.

use std::{io, ops::Range, ptr::NonNull, sync::Arc};

use super::{mmap::Mapping, ring::Descriptor, told::TOLD_BYTES};

/// Room for the frames of a batch that came in pieces: some hundred jumbo frames.
pub(super) const SIDE_BYTES: usize = 1 << 20;

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

    /// How many chunks there are.
    pub(super) const fn chunks(&self) -> u32 {
        self.chunks
    }

    /// How large each of them is.
    pub(super) const fn chunk_bytes(&self) -> u32 {
        self.chunk_bytes
    }

    /// Where the bytes of a descriptor lie, if within one chunk.
    #[inline]
    pub(super) fn bytes_of(&self, descriptor: Descriptor) -> Option<Range<usize>> {
        let start = usize::try_from(descriptor.address).ok()?;
        let end = start.checked_add(descriptor.len as usize)?;
        let within = start & (self.chunk_bytes as usize - 1);
        let fits =
            end <= self.kernel_bytes() && within + descriptor.len as usize <= self.chunk_bytes as usize;
        fits.then_some(start..end)
    }

    /// Whether what the program writes ahead of a frame lies in the frame's own chunk, or in the side area.
    #[inline]
    pub(super) const fn has_room_ahead(&self, offset: usize) -> bool {
        let within = offset & (self.chunk_bytes as usize - 1);
        within >= TOLD_BYTES || offset >= self.kernel_bytes() + TOLD_BYTES
    }

    /// The chunk that an address lies in, as the fill ring names it.
    #[inline]
    pub(super) const fn chunk_of(&self, address: u64) -> u64 {
        address & !(self.chunk_bytes as u64 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_lies_in_one_chunk() {
        let umem = Umem::new(4, 2048, false).unwrap();
        let bytes_of = |address, len| umem.bytes_of(Descriptor { address, len, options: 0 });
        assert_eq!(bytes_of(256, 60), Some(256..316));
        assert_eq!(bytes_of(3 * 2048, 2048), Some(6144..8192));
        for (address, len) in [(2000, 100), (4 * 2048, 1), (4 * 2048 - 1, 2), (u64::MAX, 1), (0, 2049)] {
            assert_eq!(bytes_of(address, len), None, "{len} at {address}");
        }
        assert_eq!(umem.chunk_of(2048 + 256), 2048);
    }
}
