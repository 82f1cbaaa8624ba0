//! The outermost header, by link type.
//!
//! Relies on the link types of <https://www.tcpdump.org/linktypes.html>. Radio and bus captures are left out: none of them
//! is what a tap or a server sees.

use crate::ethernet::{ethernet, llc, network};
use crate::ip::{ip, ipv4, ipv6};
use crate::ppp::{hdlc, ppp};
use crate::trail::{Outcome, Trail};
use crate::{Discard, LinkType};

/// Decodes a frame of the given link type.
pub(crate) fn frame(link: LinkType, bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match link {
        LinkType::ETHERNET => ethernet(bytes, trail),
        LinkType::NULL | LinkType::LOOP => loopback(bytes, trail),
        LinkType::PPP => ppp(bytes, trail),
        LinkType::PPP_HDLC => hdlc(bytes, trail),
        LinkType::RAW | LinkType(12 | 14) => ip(bytes, trail),
        LinkType::IPV4 => ipv4(bytes, trail),
        LinkType::IPV6 => ipv6(bytes, trail),
        LinkType::LINUX_SLL => cooked(bytes, trail),
        LinkType::LINUX_SLL2 => cooked2(bytes, trail),
        _ => Err(Discard::UnsupportedLink),
    }
}

/// BSD loopback: the address family, in an order that only the capturing host knew.
fn loopback(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let Some((family, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(Discard::TruncatedLink);
    };
    let family = u32::from_be_bytes(*family);
    // Families are small numbers: one with high bits is one in the other order.
    match if family > 0xffff { family.swap_bytes() } else { family } {
        // AF_INET; AF_INET6 of Linux, Windows, the BSDs and macOS.
        2 | 10 | 23 | 24 | 28 | 30 => ip(rest, trail),
        _ => Err(Discard::NotIp),
    }
}

/// Linux cooked capture, version 1: <https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html>.
fn cooked(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match bytes.split_first_chunk::<16>() {
        Some((header, rest)) => cooked_payload(u16::from_be_bytes([header[14], header[15]]), rest, trail),
        None => Err(Discard::TruncatedLink),
    }
}

/// Linux cooked capture, version 2: <https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html>.
fn cooked2(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match bytes.split_first_chunk::<20>() {
        Some((header, rest)) => cooked_payload(u16::from_be_bytes([header[0], header[1]]), rest, trail),
        None => Err(Discard::TruncatedLink),
    }
}

/// `ETH_P_802_2` of Linux: no EtherType, an LLC header follows.
const COOKED_LLC: u16 = 0x0004;

fn cooked_payload(protocol: u16, bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match protocol {
        COOKED_LLC => llc(bytes, trail),
        protocol => network(protocol, bytes, trail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::craft;
    use crate::{Checksums, Tags, Transport, decode};

    fn depth_of(link: u16, frame: &[u8]) -> Result<u8, Discard> {
        craft::packet(decode(LinkType(link), frame, Checksums::Ignore)?).map(|packet| {
            assert!(matches!(packet.transport, Transport::Tcp(_)));
            packet.tags.depth
        })
    }

    #[test]
    fn reads_raw_ip_of_every_number() {
        let (v4, v6) = (craft::tcp_in_ipv4(b"a"), craft::tcp_in_ipv6(b"a"));
        for link in [12, 14, 101] {
            assert_eq!(depth_of(link, &v4), Ok(0));
            assert_eq!(depth_of(link, &v6), Ok(0));
        }
        assert_eq!(depth_of(228, &v4), Ok(0));
        assert_eq!(depth_of(229, &v6), Ok(0));
        assert_eq!(depth_of(228, &v6), Err(Discard::BadIpHeader));
        assert_eq!(depth_of(229, &v4), Err(Discard::BadIpHeader));
        assert_eq!(depth_of(101, &[]), Err(Discard::BadIpHeader));
    }

    #[test]
    fn reads_loopback_in_either_order() {
        let (v4, v6) = (craft::tcp_in_ipv4(b"a"), craft::tcp_in_ipv6(b"a"));
        for link in [0, 108] {
            for family in [2_u32, 10, 24, 28, 30] {
                let inner = if family == 2 { &v4 } else { &v6 };
                assert_eq!(depth_of(link, &[&family.to_be_bytes()[..], inner].concat()), Ok(0));
                assert_eq!(depth_of(link, &[&family.to_le_bytes()[..], inner].concat()), Ok(0));
            }
            assert_eq!(depth_of(link, &[&7_u32.to_le_bytes()[..], &v4].concat()), Err(Discard::NotIp));
            assert_eq!(depth_of(link, &[2, 0, 0]), Err(Discard::TruncatedLink));
        }
    }

    #[test]
    fn reads_linux_cooked() {
        // Packet type, ARPHRD, address length, address; then the protocol.
        let header = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        let v1 = |protocol: u16, inner: &[u8]| [&header[..], &protocol.to_be_bytes(), inner].concat();
        assert_eq!(depth_of(113, &v1(0x0800, &craft::tcp_in_ipv4(b"a"))), Ok(0));
        assert_eq!(depth_of(113, &v1(0x86dd, &craft::tcp_in_ipv6(b"a"))), Ok(0));
        assert_eq!(depth_of(113, &v1(0x0806, &[0; 28])), Err(Discard::NotIp));
        let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &craft::tcp_in_ipv4(b"a")].concat();
        assert_eq!(depth_of(113, &v1(4, &snap)), Ok(0));
        assert_eq!(depth_of(113, &header), Err(Discard::TruncatedLink));
    }

    #[test]
    fn reads_linux_cooked_2() {
        // Protocol, reserved, interface index, ARPHRD, packet type, address length, address.
        let rest = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        let v2 = |protocol: u16, inner: &[u8]| [&protocol.to_be_bytes()[..], &rest, inner].concat();
        assert_eq!(depth_of(276, &v2(0x0800, &craft::tcp_in_ipv4(b"a"))), Ok(0));
        // A tag that the kernel left in place.
        let tagged = [&[0x00, 0x2a, 0x08, 0x00][..], &craft::tcp_in_ipv4(b"a")].concat();
        let frame = v2(0x8100, &tagged);
        let packet = decode(LinkType::LINUX_SLL2, &frame, Checksums::Ignore).and_then(craft::packet);
        assert_eq!(packet.map(|p| p.tags), Ok(Tags { vlan: [42, 0], vlans: 1, vni: None, depth: 1 }));
        assert_eq!(depth_of(276, &rest), Err(Discard::TruncatedLink));
    }

    #[test]
    fn knows_exactly_the_supported_types() {
        for number in 0..=u16::MAX {
            let unsupported =
                decode(LinkType(number), &[], Checksums::Ignore) == Err(Discard::UnsupportedLink);
            assert_eq!(unsupported, !LinkType(number).is_supported(), "link type {number}");
        }
    }
}
