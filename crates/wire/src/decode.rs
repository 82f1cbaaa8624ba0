//! From a frame to its innermost packet: the two ways in.
//!
//! A frame is peeled layer by layer, each layer a function that calls the next one in with a view of what it carries and the
//! [`Trail`] of what was met before. The budget is 30 cycles for plain Ethernet, IP and TCP, a tenth of what a packet may
//! cost at 10 million a second: some 120 instructions, no call, and nothing touched of what tunnels need.

use crate::ethernet::ethertype;
use crate::ip::{Datagram, straight_ipv4};
use crate::trail::Trail;
use crate::{Decoded, Discard, LinkType, Tags, framing};
use std::net::IpAddr;

/// What to do about checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Do not look: captures on the sending host have wrong ones, and a decoy with a wrong one is read like any other.
    #[default]
    Ignore,
    /// Discard a packet whose IPv4 header, TCP or UDP checksum is wrong and whose bytes are all there.
    Verify,
}

/// Decodes a frame down to its innermost IP packet.
///
/// A tunnel that carries no IP is the packet that carries it: VXLAN around ARP is a UDP packet, GRE around CDP is protocol 47.
/// A frame cut short by the capture is decoded as far as it goes: payloads hold the bytes that are there, lengths say
/// what the headers say. A fragment is given back as it is, at whichever layer it is met.
///
/// # Errors
/// Returns the reason for which the frame holds no packet.
pub fn decode(link: LinkType, frame: &[u8], checksums: Checksums) -> Result<Decoded<'_>, Discard> {
    // What most frames are, in one straight line; everything else is a call away.
    if link == LinkType::ETHERNET
        && let Some((header, rest)) = frame.split_first_chunk::<14>()
        && [header[12], header[13]] == ethertype::IPV4.to_be_bytes()
    {
        return straight_ipv4(rest, Trail::new(checksums));
    }
    framing::frame(link, frame, Trail::new(checksums))
}

/// Decodes the payload of a reassembled datagram: what follows the IP header whose addresses, protocol and tags are given.
///
/// Tunnels inside go on counting from `tags.depth`. An IPv6 fragment header inside, at the datagram's own layer, is
/// [`Discard::BadFragment`]: no stack fragments twice, and reassembling again could be made to go on for long.
///
/// # Errors
/// Returns the reason for which the datagram holds no packet.
pub fn decode_datagram(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    tags: Tags,
    payload: &[u8],
    checksums: Checksums,
) -> Result<Decoded<'_>, Discard> {
    let trail = Trail { tags, checksums };
    Datagram::reassembled(source, destination, payload, trail).carrying(protocol)
}
