//! From a frame to its innermost packet: the two ways in.
//!
//! A frame is peeled layer by layer, each layer a function that calls the next one in with a view of what it carries and the
//! [`Trail`] of what was met before. The budget is 30 cycles for plain Ethernet, IP and TCP, a tenth of what a packet may
//! cost at 10 million a second: some 120 instructions, no call, and nothing touched of what tunnels need.

use crate::ethernet::ethertype;
use crate::ip::Plain;
use crate::ip::{Datagram, protocol, straight_ipv4};
use crate::trail::Trail;
use crate::{Decoded, Discard, LinkType, Packet, Tags, Tcp, Transport, Udp, framing};
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
#[inline]
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

/// The same as [`decode`], written to where it will be looked for.
///
/// A result of some cache lines that is made and then moved is read in larger pieces than it was written in, for which the processor has to
/// wait. So what most frames are is written in place, field by field.
#[inline(always)]
pub fn decode_into<'a>(
    to: &mut Result<Decoded<'a>, Discard>,
    link: LinkType,
    frame: &'a [u8],
    checksums: Checksums,
) {
    if link == LinkType::ETHERNET
        && checksums == Checksums::Ignore
        && let Some(plain) = Plain::of(frame)
    {
        let (source, destination) = (IpAddr::V4(plain.source), IpAddr::V4(plain.destination));
        let tags = Tags { vlan: [0; 2], vlans: 0, vni: None, depth: 0 };
        if plain.protocol == protocol::TCP
            && let Some(tcp) = Tcp::of(plain.payload, plain.payload_len)
        {
            *to = Ok(Decoded::Packet(Packet { source, destination, transport: Transport::Tcp(tcp), tags }));
            return;
        }
        if plain.protocol == protocol::UDP
            && let Some(udp) = Udp::of(plain.payload, plain.payload_len)
        {
            *to = Ok(Decoded::Packet(Packet { source, destination, transport: Transport::Udp(udp), tags }));
            return;
        }
    }
    *to = decode(link, frame, checksums);
}

/// Between whom a frame goes that holds plain TCP over IPv4 over Ethernet, told by a few bytes of its headers and without a look at whether
/// the rest of them is sound. Where [`decode`] finds a packet in such a frame, it is between these two.
#[inline]
pub fn plain_pair(link: LinkType, frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let head = frame.first_chunk::<34>().filter(|_| link == LinkType::ETHERNET)?;
    let is_plain = head[12..14] == ethertype::IPV4.to_be_bytes()
        && head[14] >> 4 == 4
        // Neither more fragments nor an offset.
        && [head[20] & 0x3f, head[21]] == [0, 0]
        && head[23] == protocol::TCP;
    let address = |at: usize| IpAddr::from([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    is_plain.then(|| (address(26), address(30)))
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
