//! Files as memory: the one unsafe line of this crate outside of live capture.
#![allow(unsafe_code)]

use std::{fs::File, io};

use memmap2::{Advice, Mmap};

/// Maps the whole of a file as it is now. Fails for what cannot be mapped: pipes, terminals, empty files.
///
/// If another process cuts the file short while it is mapped, or its disk fails, touching the missing pages ends this
/// process with SIGBUS. That is accepted: a signal handler that recovers would need more unsafe code than all the rest, and a
/// file that is still being written can be read as a stream, through standard input.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is read-only and its length is fixed here. Others may still write to the file, so a byte may differ
    // between two looks at it; no code in this crate relies on a second look: a length is read once, checked against
    // the region, and each slice is taken with a bounds check. Changed bytes give wrong frames, nothing worse.
    let map = unsafe { Mmap::map(file) }?;
    // Only a hint (read ahead, keep little behind): a kernel that refuses it changes nothing.
    let _ = map.advise(Advice::Sequential);
    Ok(map)
}
