//! Files as memory: mapped, and asked for ahead of being read.
#![allow(unsafe_code)]

use std::{fs::File, io, ops::Deref, sync::Arc};

use memmap2::{Advice, Mmap};

/// A file that is mapped, for as long as anybody keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Mapped(Arc<Mmap>);

impl Deref for Mapped {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Maps the whole of a file as it is now. Fails for what cannot be mapped: pipes, terminals, empty files.
///
/// If another process cuts the file short while it is mapped, or its disk fails, touching the missing pages ends this
/// process with SIGBUS. That is accepted: a signal handler that recovers would need more unsafe code than all the rest, and a
/// file that is still being written can be read as a stream, through standard input.
pub(crate) fn map(file: &File) -> io::Result<Mapped> {
    // SAFETY: the map is read-only and its length is fixed here. Others may still write to the file, so a byte may differ
    // between two looks at it; no code in this crate relies on a second look: a length is read once, checked against
    // the region, and each slice is taken with a bounds check. Changed bytes give wrong frames, nothing worse.
    let map = unsafe { Mmap::map(file) }?;
    // Only a hint (read ahead, keep little behind): a kernel that refuses it changes nothing.
    let _ = map.advise(Advice::Sequential);
    Ok(Mapped(Arc::new(map)))
}

/// Asks for memory that is about to be read, a cache line at a time. It changes nothing.
#[inline]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..bytes.len()).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads and writes nothing that a program could see, and `at` is inside of the slice anyway.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}
