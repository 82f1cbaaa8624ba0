//! Frames made by hand, for the tests of this crate.

use crate::{Decoded, Discard, Packet};
use std::net::IpAddr;

/// The packet, where it is one; a fragment fails the test.
pub(crate) fn packet(decoded: Decoded<'_>) -> Result<Packet<'_>, Discard> {
    match decoded {
        Decoded::Packet(packet) => Ok(packet),
        Decoded::Fragment(fragment) => panic!("a fragment: {fragment:?}"),
    }
}

/// An Ethernet frame. The first nibble of its destination is no IP version.
pub(crate) fn ethernet(kind: u16, body: &[u8]) -> Vec<u8> {
    let destination = [0x02, 0, 0, 0, 0, 2];
    let source = [0x02, 0, 0, 0, 0, 1];
    [&destination[..], &source, &kind.to_be_bytes(), body].concat()
}

/// An IPv4 packet from 10.0.0.1 to 192.0.2.7, with a good header checksum.
pub(crate) fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + body.len() as u16).to_be_bytes();
    let mut bytes = vec![
        0x45, 0, high, low, // version, header length, service, total length
        0, 1, 0x40, 0, // identification, don't fragment
        64, protocol, 0, 0, // hops, protocol, checksum
        10, 0, 0, 1, 192, 0, 2, 7,
    ];
    let sum = internet_checksum(&bytes);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// An IPv6 packet from 2001:db8::1 to 2001:db8::2.
pub(crate) fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let address = |last: u8| [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let head = [0x60, 0, 0, 0]; // version, class, label
    let [high, low] = (body.len() as u16).to_be_bytes();
    [&head[..], &[high, low, next, 64], &address(1), &address(2), body].concat()
}

/// A TCP segment with ACK set and no checksum.
pub(crate) fn tcp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let numbers = [0, 0, 0, 1, 0, 0, 0, 2]; // sequence, acknowledgment
    let rest = [0x50, 0x10, 0x10, 0, 0, 0, 0, 0]; // offset, flags, window, checksum, urgent pointer
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &numbers, &rest, payload].concat()
}

/// A UDP datagram without a checksum.
pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    [source, destination, length, 0]
        .map(u16::to_be_bytes)
        .concat()
        .into_iter()
        .chain(payload.iter().copied())
        .collect()
}

/// TCP in IPv4, all checksums good.
pub(crate) fn tcp_in_ipv4(payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([192, 0, 2, 7]));
    ipv4(6, &summed(source, destination, 6, tcp(40_000, 3333, payload), 16))
}

/// TCP in IPv6, all checksums good.
pub(crate) fn tcp_in_ipv6(payload: &[u8]) -> Vec<u8> {
    let source = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]);
    let destination = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2]);
    ipv6(6, &summed(source, destination, 6, tcp(40_000, 3333, payload), 16))
}

/// A segment with its checksum, at the given offset, filled in.
pub(crate) fn summed(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    mut segment: Vec<u8>,
    at: usize,
) -> Vec<u8> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let length = (segment.len() as u32).to_be_bytes();
    let covered =
        [octets(source), octets(destination), vec![0, 0, 0, protocol], length.to_vec(), segment.clone()];
    segment[at..at + 2].copy_from_slice(&internet_checksum(&covered.concat()).to_be_bytes());
    segment
}

// Written apart from `checksum`, which it tests.
fn internet_checksum(bytes: &[u8]) -> u16 {
    let sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&b| u32::from(b))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}
