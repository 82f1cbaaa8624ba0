//! PPP (RFC 1661, RFC 1662), Cisco HDLC, and PPP over Ethernet (RFC 2516).
//!
//! Leaves out compression, encryption and multilink: what they carry cannot be read from one frame.

use crate::Discard;
use crate::ethernet::network;
use crate::ip::{ipv4, ipv6};
use crate::mpls::mpls;
use crate::trail::{Outcome, Trail};

/// Decodes a PPP frame, with or without HDLC address and control bytes.
pub(crate) fn ppp(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    protocol(bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes), trail)
}

/// Decodes PPP in HDLC-like framing, or Cisco's HDLC, which carries EtherTypes: the address byte tells.
pub(crate) fn hdlc(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match *bytes {
        [0x0f | 0x8f, _, high, low, ref rest @ ..] => network(u16::from_be_bytes([high, low]), rest, trail),
        _ => ppp(bytes, trail),
    }
}

/// Decodes a PPPoE session frame; it counts as a layer.
pub(crate) fn pppoe(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match *bytes {
        // Version and type, code 0, session, length. The length is left alone: the IP header inside has its own.
        [0x11, 0, _, _, _, _, ref rest @ ..] => protocol(rest, trail.deeper()?),
        [_, _, _, _, _, _, ..] => Err(Discard::NotIp),
        _ => Err(Discard::TruncatedLink),
    }
}

/// Decodes from the protocol field on: two bytes, or one where the sender compresses it (the last byte of it is odd).
fn protocol(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let (number, rest) = match *bytes {
        [low, ref rest @ ..] if low & 1 != 0 => (u16::from(low), rest),
        [high, low, ref rest @ ..] => (u16::from_be_bytes([high, low]), rest),
        _ => return Err(Discard::TruncatedLink),
    };
    match number {
        0x0021 => ipv4(rest, trail),
        0x0057 => ipv6(rest, trail),
        0x0281 | 0x0283 => mpls(rest, trail),
        _ => Err(Discard::NotIp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checksums, LinkType, craft, decode};

    fn depth_of(link: LinkType, head: &[u8], inner: &[u8]) -> Result<u8, Discard> {
        let frame = [head, inner].concat();
        decode(link, &frame, Checksums::Ignore).and_then(craft::packet).map(|packet| packet.tags.depth)
    }

    #[test]
    fn reads_every_spelling_of_ppp() {
        let (v4, v6) = (craft::tcp_in_ipv4(b"a"), craft::tcp_in_ipv6(b"a"));
        for link in [LinkType::PPP, LinkType::PPP_HDLC] {
            assert_eq!(depth_of(link, &[0xff, 0x03, 0x00, 0x21], &v4), Ok(0));
            assert_eq!(depth_of(link, &[0xff, 0x03, 0x21], &v4), Ok(0));
            assert_eq!(depth_of(link, &[0x00, 0x57], &v6), Ok(0));
            assert_eq!(depth_of(link, &[0x57], &v6), Ok(0));
            // One label under PPP.
            assert_eq!(depth_of(link, &[0xff, 0x03, 0x02, 0x81, 0, 1, 1, 64], &v4), Ok(1));
            // Link control, and nothing at all.
            assert_eq!(depth_of(link, &[0xff, 0x03, 0xc0, 0x21], &[1, 1, 0, 4]), Err(Discard::NotIp));
            assert_eq!(depth_of(link, &[0xff, 0x03], &[]), Err(Discard::TruncatedLink));
            assert_eq!(depth_of(link, &[], &[]), Err(Discard::TruncatedLink));
        }
    }

    #[test]
    fn reads_cisco_hdlc() {
        assert_eq!(depth_of(LinkType::PPP_HDLC, &[0x0f, 0, 8, 0], &craft::tcp_in_ipv4(b"a")), Ok(0));
        assert_eq!(depth_of(LinkType::PPP_HDLC, &[0x8f, 0, 0x20, 0], &[2, 0xb4]), Err(Discard::NotIp));
    }

    #[test]
    fn reads_ppp_over_ethernet() {
        let session = |code: u8, inner: &[u8]| {
            // Version 1 type 1, code, session 0x0102, a length that nobody reads.
            craft::ethernet(0x8864, &[&[0x11, code, 1, 2, 0, 0][..], inner].concat())
        };
        let ip = [&[0x00, 0x21][..], &craft::tcp_in_ipv4(b"a")].concat();
        assert_eq!(depth_of(LinkType::ETHERNET, &session(0, &ip), &[]), Ok(1));
        assert_eq!(depth_of(LinkType::ETHERNET, &session(0xa7, &ip), &[]), Err(Discard::NotIp));
        assert_eq!(depth_of(LinkType::ETHERNET, &session(0, &[0xc0, 0x21]), &[]), Err(Discard::NotIp));
        assert_eq!(depth_of(LinkType::ETHERNET, &session(0, &[]), &[]), Err(Discard::TruncatedLink));
        assert_eq!(depth_of(LinkType::ETHERNET, &session(0, &ip)[..19], &[]), Err(Discard::TruncatedLink));
    }
}
