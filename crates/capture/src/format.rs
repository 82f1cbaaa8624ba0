//! Capture formats: how to find the frames in a region of bytes.
//!
//! A walker is given a region and a cursor, writes down where frames lie, and says why it stopped. It copies no bytes, reads no
//! files and remembers only what the format makes it remember, so it walks a mapped file and a window onto a stream alike.

mod order;
mod pcap;
mod pcapng;
mod resolution;

use std::io;

use pithead_wire::LinkType;

use crate::{Interface, Slot, map::prefetch};

/// The largest frame that is accepted, in bytes. The tools that write captures cut at this length; a longer one is taken for damage,
/// since a reader that believed any length would allocate what a single flipped bit asks for.
pub const MAX_FRAME: usize = 256 * 1024;

/// The largest pcapng block that is looked into, in bytes: a frame of the largest size and far more options than are written.
/// Blocks that are only skipped may be of any size.
pub const MAX_BLOCK: usize = 1024 * 1024;

/// How far ahead of the record that is walked memory is asked for: some 40 lines, which take about as long to come as it takes to get there.
const AHEAD_BYTES: usize = 2048;
/// What a record has beside its frame, more or less: what is asked for grows as fast as the walk goes on.
const RECORD_BYTES: usize = 16;

/// Bytes by which a format is told.
pub(crate) const MAGIC_BYTES: usize = 4;

/// Why a file cannot be walked on.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It contradicts its format.
    Damaged(String),
    /// It cannot be read.
    Read(io::Error),
    /// Its frames cannot be decoded.
    Unsupported(LinkType),
}

/// Why a walk stopped without a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Enough frames were found.
    Full,
    /// What comes next needs so many bytes behind the cursor, which are not there.
    Short(usize),
}

/// How many frames to find at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// At most so many frames.
    pub(crate) frames: usize,
    /// No further frame once those found hold so many bytes.
    pub(crate) bytes: usize,
}

/// One walk through what a region holds.
pub(crate) struct Walk<'a> {
    pub(crate) region: &'a [u8],
    /// Where the next record begins; never past the region's end.
    pub(crate) cursor: usize,
    pub(crate) slots: &'a mut Vec<Slot>,
    pub(crate) interfaces: &'a mut Vec<Interface>,
    /// Frames of this file found before this walk.
    pub(crate) before: u64,
    /// Index of this file.
    pub(crate) file: usize,
    pub(crate) limits: Limits,
    /// Bytes in the frames found in this walk.
    pub(crate) bytes: usize,
}

impl<'a> Walk<'a> {
    fn is_full(&self) -> bool {
        self.slots.len() >= self.limits.frames || self.bytes >= self.limits.bytes
    }

    /// What lies behind the cursor.
    fn rest(&self) -> &'a [u8] {
        self.region.get(self.cursor..).unwrap_or_default()
    }

    /// Writes a frame down whose bytes begin at `slot.offset` behind the cursor.
    #[inline]
    fn lend(&mut self, mut slot: Slot) {
        slot.offset += self.cursor;
        // Where a frame ends says where the next one begins, so each would be waited for. Neither the processor's own look ahead nor a
        // jump from header to header is faster than to ask for every line in turn: the frames' bytes are wanted too.
        let ahead = slot.offset + AHEAD_BYTES;
        if let Some(bytes) = self.region.get(ahead..ahead + RECORD_BYTES + slot.len as usize) {
            prefetch(bytes);
        }
        // Some writers leave the length on the wire at zero, or forget to raise it.
        slot.wire_len = slot.wire_len.max(slot.len);
        self.bytes += slot.len as usize;
        self.slots.push(slot);
    }

    /// The number, in this file, of the frame that comes next.
    fn number(&self) -> u64 {
        self.before + self.slots.len() as u64 + 1
    }
}

/// Finds the frames of one file.
#[derive(Debug)]
pub(crate) enum Walker {
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

impl Walker {
    /// The walker for a file that begins with these bytes, if they are a capture's.
    pub(crate) fn sniff(first: &[u8]) -> Option<Self> {
        let magic = *first.first_chunk::<MAGIC_BYTES>()?;
        if pcapng::is_magic(magic) {
            return Some(Self::Pcapng(pcapng::Pcapng::new()));
        }
        pcap::Pcap::sniff(magic).map(Self::Pcap)
    }

    /// Moves on through the region and writes down what frames it finds, until there are enough or the region ends.
    ///
    /// At a fault the cursor stays at the record that is wrong, and the frames found before it are valid.
    pub(crate) fn walk(&mut self, walk: &mut Walk<'_>) -> Result<Stop, Fault> {
        match self {
            Self::Pcap(pcap) => pcap.walk(walk),
            Self::Pcapng(pcapng) => pcapng.walk(walk),
        }
    }

    /// What a file that ends behind `rest` lacks, if anything; frame `number` would be next.
    pub(crate) fn lack(&self, rest: &[u8], number: u64) -> Option<String> {
        match self {
            Self::Pcap(pcap) => pcap.lack(rest, number),
            Self::Pcapng(pcapng) => pcapng.lack(rest, number),
        }
    }
}

fn damaged<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Damaged(reason.into()))
}
