//! Fragments in any order, overlapping, contradicting: memory stays in bounds, and what is put together decodes or not,
//! but never panics.
//!
//! Input: for each fragment a byte of choices (family, datagram, more to follow, seconds since the one before), the
//! offset in units of 8 bytes, the length as one byte, and the bytes.
#![no_main]

use pithead_flow::{FragmentLimits, Fragments};
use pithead_fuzz::Choices;
use pithead_wire::{Checksums, Fragment, Tags, Timestamp, decode_datagram};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pithead_fuzz::target!(|input| {
    let limits =
        FragmentLimits { memory_bytes: 16 << 10, datagrams: 3, pieces: 8, ..FragmentLimits::default() };
    let mut fragments = Fragments::new(limits);
    let mut choices = Choices(input);
    let mut second = 1_000;
    while !choices.is_over() {
        let choice = choices.byte();
        second += i64::from(choice >> 4);
        let source = match choice & 1 {
            0 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        let offset = u32::from(choices.word()) * 8;
        let length = usize::from(choices.byte());
        let fragment = Fragment {
            source,
            destination: source,
            protocol: if choice & 0x10 == 0 { 6 } else { 17 },
            id: u32::from(choice >> 1 & 3),
            offset,
            more: choice & 8 != 0,
            payload: choices.bytes(length),
            tags: Tags::default(),
        };
        if let Some(whole) = fragments.push(&fragment, Timestamp::from_nanos(second * 1_000_000_000)) {
            for payload in std::iter::once(whole.payload).chain(whole.rival) {
                assert!(payload.len() <= usize::from(u16::MAX));
                let _ =
                    decode_datagram(source, source, whole.protocol, whole.tags, payload, Checksums::Ignore);
            }
        }
        assert!(fragments.memory() <= limits.memory_bytes);
        assert!(fragments.len() <= limits.datagrams);
    }
});
