//! MPLS label stacks, and what lies under them.
//!
//! Labels mean what routers agreed on, so nothing in the frame says what follows the last one. As routers themselves do
//! (RFC 4928), the first nibble decides: IPv4, IPv6, or a pseudowire that carries Ethernet (RFC 4448).

use crate::Discard;
use crate::ethernet::{ethernet, looks_like_ethernet};
use crate::ip::{ipv4, ipv6};
use crate::trail::{Outcome, Trail};

/// Decodes from the outermost label on; every label counts as a layer.
pub(crate) fn mpls(mut bytes: &[u8], mut trail: Trail) -> Outcome<'_> {
    loop {
        let Some((entry, rest)) = bytes.split_first_chunk::<4>() else {
            return Err(Discard::TruncatedLink);
        };
        trail = trail.deeper()?;
        bytes = rest;
        let bottom = entry[2] & 1 != 0;
        if bottom {
            return unlabelled(bytes, trail);
        }
    }
}

fn unlabelled(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let Some(first) = bytes.first() else {
        return Err(Discard::TruncatedLink);
    };
    let after_control_word = bytes.get(4..).unwrap_or_default();
    match first >> 4 {
        4 => ipv4(bytes, trail),
        6 => ipv6(bytes, trail),
        0 if looks_like_ethernet(after_control_word) => ethernet(after_control_word, trail),
        // A pseudowire without the optional control word. Looked at ahead rather than tried and taken back: trying both
        // ways at each of eight layers would cost 256 times one.
        _ if looks_like_ethernet(bytes) => ethernet(bytes, trail),
        _ => Err(Discard::NotIp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checksums, LinkType, Tags, craft, decode};

    fn depth_of(body: &[u8]) -> Result<u8, Discard> {
        let frame = craft::ethernet(0x8847, body);
        decode(LinkType::ETHERNET, &frame, Checksums::Ignore)
            .and_then(craft::packet)
            .map(|packet| packet.tags.depth)
    }

    // Label 16, TTL 64; the last one with the bottom bit.
    const INNER: [u8; 4] = [0, 1, 0x00, 64];
    const BOTTOM: [u8; 4] = [0, 1, 0x01, 64];

    #[test]
    fn reads_ip_under_labels() {
        assert_eq!(depth_of(&[&BOTTOM[..], &craft::tcp_in_ipv4(b"a")].concat()), Ok(1));
        assert_eq!(depth_of(&[&INNER[..], &BOTTOM, &craft::tcp_in_ipv6(b"a")].concat()), Ok(2));
        assert_eq!(depth_of(&[INNER.repeat(7), BOTTOM.to_vec(), craft::tcp_in_ipv4(b"a")].concat()), Ok(8));
        assert_eq!(depth_of(&INNER.repeat(9)), Err(Discard::TooDeep));
        assert_eq!(depth_of(&INNER.repeat(3)), Err(Discard::TruncatedLink));
        assert_eq!(depth_of(&BOTTOM), Err(Discard::TruncatedLink));
    }

    #[test]
    fn reads_pseudowires() {
        let frame = craft::ethernet(0x0800, &craft::tcp_in_ipv4(b"a"));
        let control_word = [0, 0, 0, 9];
        assert_eq!(depth_of(&[&BOTTOM[..], &control_word, &frame].concat()), Ok(1));
        assert_eq!(depth_of(&[&BOTTOM[..], &frame].concat()), Ok(1));
        let arp = craft::ethernet(0x0806, &[0; 28]);
        assert_eq!(depth_of(&[&BOTTOM[..], &control_word, &arp].concat()), Err(Discard::NotIp));
        // An associated channel: the first nibble is 1.
        assert_eq!(depth_of(&[&BOTTOM[..], &[0x10, 0, 0, 7, 1, 2, 3, 4]].concat()), Err(Discard::NotIp));
    }

    #[test]
    fn keeps_the_tags_of_both_sides() {
        let tagged = craft::ethernet(0x8100, &[&[0, 5, 8, 0][..], &craft::tcp_in_ipv4(b"a")].concat());
        let body = [&[0, 4, 0x88, 0x47][..], &BOTTOM, &[0; 4], &tagged].concat();
        let frame = craft::ethernet(0x8100, &body);
        let packet = decode(LinkType::ETHERNET, &frame, Checksums::Ignore).and_then(craft::packet);
        assert_eq!(packet.map(|p| p.tags), Ok(Tags { vlan: [4, 5], vlans: 2, vni: None, depth: 3 }));
    }
}
