//! Memory shared with the kernel: frames, and rings.
//!
//! A [`Mapping`] is never a `&[u8]`: the kernel writes to it meanwhile. Words are read and written as atomics or through
//! pointers, and only `umem.rs` makes slices, of frames that are ours for the time.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr::{self, NonNull},
    sync::atomic::AtomicU32,
};

/// What the smallest huge page holds on the machines that matter here.
pub(super) const HUGE_PAGE: usize = 2 << 20;

/// Some pages of memory, unmapped at the end.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: it is memory, at the same address for every thread. All that is done with it through `&self` is to hand out pointers
// and atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Fresh memory, all zero, present from the start so that no page fault meets a frame.
    ///
    /// In huge pages it takes whole ones; that fails where too few are set aside.
    pub(super) fn anonymous(len: usize, huge: bool) -> io::Result<Self> {
        let len = if huge { len.next_multiple_of(HUGE_PAGE) } else { len };
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        Self::map(len, flags | if huge { libc::MAP_HUGETLB } else { 0 }, -1, 0)
    }

    /// The part of a descriptor's memory that begins at `offset`.
    pub(super) fn shared(fd: BorrowedFd<'_>, len: usize, offset: libc::off_t) -> io::Result<Self> {
        Self::map(len, libc::MAP_SHARED | libc::MAP_POPULATE, fd.as_raw_fd(), offset)
    }

    fn map(len: usize, flags: libc::c_int, fd: libc::c_int, offset: libc::off_t) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the kernel chooses an address that is free, so no memory in use changes.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, access, flags, fd, offset) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, len })
    }

    /// The first byte.
    pub(super) const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The address of `count` values of type `T` that begin at `offset`.
    ///
    /// # Panics
    ///
    /// If they do not lie inside, or are not aligned: the kernel told us where they lie, once, at the start.
    pub(super) fn place<T>(&self, offset: usize, count: usize) -> NonNull<T> {
        let end = count.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(offset));
        assert!(
            end.is_some_and(|end| end <= self.len),
            "{count} entries at {offset} of {} mapped bytes",
            self.len
        );
        assert!(offset.is_multiple_of(align_of::<T>()), "entries at {offset} are not aligned");
        // SAFETY: it lies inside the mapping, as has just been seen.
        unsafe { self.base.add(offset) }.cast()
    }

    /// The word at `offset`, as an atomic; panics as [`place`](Self::place) does.
    pub(super) fn word(&self, offset: usize) -> NonNull<AtomicU32> {
        self.place(offset, 1)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the whole of what `map` mapped, once. Those who hold pointers into it hold it as well.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_outside_are_refused() {
        let memory = Mapping::anonymous(4096, false).unwrap();
        let _last: NonNull<u64> = memory.place(4088, 1);
        for (offset, count) in [(4096, 1), (4088, 2), (8, usize::MAX), (4, 1)] {
            let tried = std::panic::catch_unwind(|| memory.place::<u64>(offset, count));
            assert!(tried.is_err(), "{count} at {offset}");
        }
    }
}
