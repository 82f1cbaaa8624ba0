//! The network service header, RFC 8300, and the list of next protocols that VXLAN-GPE shares with it.

use crate::Discard;
use crate::ethernet::ethernet;
use crate::ip::{ipv4, ipv6};
use crate::mpls::mpls;
use crate::trail::{Outcome, Trail};

/// Decodes from the service header on; it counts as a layer.
pub(crate) fn nsh(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let Some(base) = bytes.first_chunk::<4>() else {
        return Err(Discard::TruncatedLink);
    };
    // Version 0; the length counts 4-byte words, and base and service path headers are two of them.
    let length = usize::from(base[1] & 0x3f) * 4;
    if base[0] >> 6 != 0 || length < 8 {
        return Err(Discard::NotIp);
    }
    let rest = bytes.get(length..).ok_or(Discard::TruncatedLink)?;
    numbered(base[3], rest, trail.deeper()?)
}

/// Decodes what follows a next-protocol number. The caller has counted its header as a layer.
pub(crate) fn numbered(protocol: u8, bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match protocol {
        1 => ipv4(bytes, trail),
        2 => ipv6(bytes, trail),
        3 => ethernet(bytes, trail),
        4 => nsh(bytes, trail),
        5 => mpls(bytes, trail),
        _ => Err(Discard::NotIp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checksums, LinkType, craft, decode};

    fn depth_of(next: u8, inner: &[u8]) -> Result<u8, Discard> {
        // TTL 63, six words, metadata type 1, next protocol; service path 1, index 255; 16 bytes of context.
        let head = [0x0f, 0xc6, 0x01, next, 0, 0, 1, 255];
        let frame = craft::ethernet(0x894f, &[&head[..], &[0; 16], inner].concat());
        decode(LinkType::ETHERNET, &frame, Checksums::Ignore)
            .and_then(craft::packet)
            .map(|packet| packet.tags.depth)
    }

    #[test]
    fn reads_every_next_protocol() {
        let v4 = craft::tcp_in_ipv4(b"a");
        assert_eq!(depth_of(1, &v4), Ok(1));
        assert_eq!(depth_of(2, &craft::tcp_in_ipv6(b"a")), Ok(1));
        assert_eq!(depth_of(3, &craft::ethernet(0x0800, &v4)), Ok(1));
        assert_eq!(depth_of(4, &[&[0x0f, 0xc2, 2, 1, 0, 0, 1, 255][..], &v4].concat()), Ok(2));
        assert_eq!(depth_of(5, &[&[0, 1, 1, 64][..], &v4].concat()), Ok(2));
        assert_eq!(depth_of(9, &v4), Err(Discard::NotIp));
    }

    #[test]
    fn refuses_what_is_none() {
        let frame = |bytes: &[u8]| craft::ethernet(0x894f, bytes);
        let reason = |bytes: &[u8]| decode(LinkType::ETHERNET, &frame(bytes), Checksums::Ignore).err();
        assert_eq!(reason(&[0x0f, 0xc1, 1, 1, 0, 0, 0, 0]), Some(Discard::NotIp));
        assert_eq!(reason(&[0x4f, 0xc2, 1, 1, 0, 0, 0, 0]), Some(Discard::NotIp));
        assert_eq!(reason(&[0x0f, 0xc6, 1, 1, 0, 0, 0, 0]), Some(Discard::TruncatedLink));
        assert_eq!(reason(&[0x0f]), Some(Discard::TruncatedLink));
        // Service headers in service headers end with the layers.
        assert_eq!(reason(&[0x0f, 0xc2, 2, 4, 0, 0, 1, 255].repeat(200)), Some(Discard::TooDeep));
    }
}
