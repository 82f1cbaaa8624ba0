//! Frames, lent many at a time.

use pithead_wire::{LinkType, Timestamp};

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
}

/// Where one frame of a batch lies.
#[derive(Clone, Copy, Debug)]
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

/// Some frames in one region of memory: a mapped file, a reader's buffer, a test's `Vec`.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    region: &'a [u8],
    slots: &'a [Slot],
    origin: usize,
    first_number: u64,
    first_sequence: u64,
}
