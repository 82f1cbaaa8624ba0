//! Frames of every link type: no panic, and nothing read outside the frame.
//!
//! Input: the link type as a little-endian `u16`, then the frame. Both ways of treating checksums are tried.
#![no_main]

use pithead_wire::{Checksums, LinkType, decode};

pithead_fuzz::target!(|input| {
    let Some((number, frame)) = input.split_first_chunk() else { return };
    let link = LinkType(u16::from_le_bytes(*number));
    let loose = decode(link, frame, Checksums::Ignore);
    let strict = decode(link, frame, Checksums::Verify);
    // A checksum is a reason to discard a packet, never to accept one.
    assert!(strict.is_err() || loose.is_ok());
});
