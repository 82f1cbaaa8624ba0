//! Generic routing encapsulation: RFC 2784 with the key and sequence number of RFC 2890, PPTP's version (RFC 2637), and
//! the mirror sessions of Cisco switches (ERSPAN I to III, draft-foschiano-erspan-03).
//!
//! Leaves out the source routes of RFC 1701, which nobody sends, and checksums: the packet inside has its own.

use crate::Discard;
use crate::ethernet::{ethernet, tunnelled};
use crate::ip::ip;
use crate::ppp::ppp;
use crate::trail::{Outcome, Trail};

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// Version 1 only.
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

const PPP: u16 = 0x880b;
/// ERSPAN types I and II.
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;

/// Decodes from the GRE header on; with what it carries it counts as one layer.
pub(crate) fn gre(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(Discard::TruncatedLink);
    };
    let flags = u16::from_be_bytes([header[0], header[1]]);
    let kind = u16::from_be_bytes([header[2], header[3]]);
    let fields = match flags & VERSION {
        0 if flags & ROUTING == 0 => flags & (CHECKSUM | KEY | SEQUENCE),
        // Without a sequence number there is no payload, only an acknowledgment.
        1 if kind == PPP && flags & SEQUENCE != 0 => flags & (KEY | SEQUENCE | ACKNOWLEDGMENT),
        _ => return Err(Discard::NotIp),
    };
    // Each field that is there takes four bytes.
    let inner = rest.get(fields.count_ones() as usize * 4..).ok_or(Discard::TruncatedLink)?;
    let trail = trail.deeper()?;
    match kind {
        PPP => ppp(inner, trail),
        // Type I has no header of its own, and no sequence number to tell so.
        ERSPAN if flags & SEQUENCE == 0 => ethernet(inner, trail),
        ERSPAN | ERSPAN_III => erspan(inner, trail),
        kind => tunnelled(kind, inner, trail),
    }
}

/// Decodes a mirrored frame from the ERSPAN header on. The version is one less than the type.
fn erspan(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match *bytes {
        [first, _, _, _, _, _, _, _, ref frame @ ..] if first >> 4 == 1 => ethernet(frame, trail),
        [first, _, _, _, _, _, _, _, _, _, kind, flags, ref rest @ ..] if first >> 4 == 2 => {
            // The last bit announces a platform-specific subheader.
            let subheader_len = if flags & 1 != 0 { 8 } else { 0 };
            let frame = rest.get(subheader_len..).ok_or(Discard::TruncatedLink)?;
            // Five bits of frame type: Ethernet, or IP without it.
            match (kind >> 2) & 0x1f {
                0 => ethernet(frame, trail),
                2 => ip(frame, trail),
                _ => Err(Discard::NotIp),
            }
        }
        _ => Err(Discard::NotIp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checksums, LinkType, craft, decode};

    /// Depth and protocol of what a GRE header with some bytes behind it, in IPv4, turns out to be.
    fn seen(header: &[u8], inner: &[u8]) -> Result<(u8, u8), Discard> {
        let bytes = craft::ipv4(47, &[header, inner].concat());
        decode(LinkType::RAW, &bytes, Checksums::Ignore)
            .and_then(craft::packet)
            .map(|packet| (packet.tags.depth, packet.transport.protocol()))
    }

    const INSIDE: Result<(u8, u8), Discard> = Ok((1, 6));
    const OUTSIDE: Result<(u8, u8), Discard> = Ok((0, 47));

    #[test]
    fn reads_every_combination_of_fields() {
        let ip = craft::tcp_in_ipv4(b"a");
        for fields in 0..8_u8 {
            // Checksum, key and sequence number.
            let flags = (fields & 4) << 5 | (fields & 2) << 4 | (fields & 1) << 4;
            let header = [&[flags, 0, 8, 0][..], &[0; 12][..fields.count_ones() as usize * 4]].concat();
            assert_eq!(seen(&header, &ip), INSIDE, "flags {flags:#x}");
        }
    }

    #[test]
    fn reads_what_it_carries() {
        let (v4, v6) = (craft::tcp_in_ipv4(b"a"), craft::tcp_in_ipv6(b"a"));
        assert_eq!(seen(&[0, 0, 0x86, 0xdd], &v6), INSIDE);
        assert_eq!(seen(&[0, 0, 0x65, 0x58], &craft::ethernet(0x0800, &v4)), INSIDE);
        assert_eq!(seen(&[0, 0, 0x88, 0x47, 0, 1, 1, 64], &v4), Ok((2, 6)));
        assert_eq!(seen(&[0, 0, 0x88, 0x0b, 0xff, 3, 0, 0x21], &v4), INSIDE);
    }

    #[test]
    fn reads_pptp() {
        let ppp = [&[0xff, 3, 0, 0x21][..], &craft::tcp_in_ipv4(b"a")].concat();
        // Key (length and call id), sequence number, acknowledgment number.
        assert_eq!(seen(&[0x30, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], &ppp), INSIDE);
        assert_eq!(seen(&[0x30, 0x01, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 2], &ppp), INSIDE);
        assert_eq!(seen(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 3], &[]), OUTSIDE);
        // Encrypted by MPPE.
        assert_eq!(seen(&[0x30, 0x01, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 2], &[0xfd, 0x90, 0, 1, 2]), OUTSIDE);
    }

    #[test]
    fn reads_mirrored_frames() {
        let ip = craft::tcp_in_ipv4(b"a");
        let frame = craft::ethernet(0x0800, &ip);
        assert_eq!(seen(&[0, 0, 0x88, 0xbe], &frame), INSIDE);
        // Type II: version 1, VLAN 5; session 7; index.
        let second = [&[0x10, 5, 0, 7, 0, 0, 0, 0][..], &frame].concat();
        assert_eq!(seen(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &second), INSIDE);
        // Type III: version 2, session, timestamp, group tag; frame type and optional subheader in the last two bytes.
        let third =
            |last: [u8; 2], rest: &[u8]| [&[0x20, 5, 0, 7, 0, 0, 0, 0, 0, 0][..], &last, rest].concat();
        assert_eq!(seen(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &third([0, 0], &frame)), INSIDE);
        let behind_subheader = [&[0; 8][..], &frame].concat();
        assert_eq!(seen(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &third([0, 1], &behind_subheader)), INSIDE);
        assert_eq!(seen(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &third([0x08, 0], &ip)), INSIDE);
        assert_eq!(seen(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &third([0, 1], &[])), OUTSIDE);
    }

    #[test]
    fn counts_as_itself_where_there_is_no_ip_inside() {
        let ip = craft::tcp_in_ipv4(b"a");
        // ARP in bridged Ethernet; Cisco discovery; a routed header; version 2; cut short.
        assert_eq!(seen(&[0, 0, 0x65, 0x58], &craft::ethernet(0x0806, &[0; 28])), OUTSIDE);
        assert_eq!(seen(&[0, 0, 0x20, 0x00], &ip), OUTSIDE);
        assert_eq!(seen(&[0x40, 0, 8, 0, 0, 0, 0, 0], &ip), OUTSIDE);
        assert_eq!(seen(&[0, 2, 8, 0], &ip), OUTSIDE);
        assert_eq!(seen(&[0x20, 0, 8, 0], &[0, 0]), OUTSIDE);
        assert_eq!(seen(&[0, 0], &[]), OUTSIDE);
        assert_eq!(seen(&[0, 0, 8, 0], &ip[..19]), OUTSIDE);
    }

    #[test]
    fn counts_what_is_damaged_further_in() {
        assert_eq!(seen(&[0, 0, 8, 0], &craft::ipv4(6, &[0; 19])), Err(Discard::BadTransport));
        let nested = (0..9).fold(craft::tcp_in_ipv4(b"a"), |inner, _| {
            craft::ipv4(47, &[&[0, 0, 8, 0][..], &inner].concat())
        });
        assert_eq!(decode(LinkType::RAW, &nested, Checksums::Ignore), Err(Discard::TooDeep));
    }
}
