//! Ethernet II and IEEE 802.3, and the EtherTypes that everything but IP reuses.
//!
//! Leaves out hardware addresses: nothing further in asks for them.

use crate::Discard;
use crate::ip::{ipv4, ipv6};
use crate::mpls::mpls;
use crate::nsh::nsh;
use crate::ppp::pppoe;
use crate::trail::{Outcome, Trail};

/// The largest value that is a length of an 802.3 frame and not an EtherType.
const MAX_LENGTH: u16 = 1500;

/// EtherTypes, as in <https://www.iana.org/assignments/ieee-802-numbers>.
pub(crate) mod ethertype {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const IPV6: u16 = 0x86dd;
    pub(crate) const CUSTOMER_TAG: u16 = 0x8100;
    pub(crate) const SERVICE_TAG: u16 = 0x88a8;
    /// Service tags from before 802.1ad.
    pub(crate) const OLD_SERVICE_TAG: u16 = 0x9100;
    pub(crate) const OLD_SERVICE_TAG_2: u16 = 0x9200;
    pub(crate) const MPLS: u16 = 0x8847;
    /// Once multicast, now MPLS with an upstream-assigned label.
    pub(crate) const MPLS_UPSTREAM: u16 = 0x8848;
    pub(crate) const PPPOE_SESSION: u16 = 0x8864;
    pub(crate) const NSH: u16 = 0x894f;
    /// Transparent Ethernet bridging: an Ethernet frame, in a tunnel only.
    pub(crate) const BRIDGED: u16 = 0x6558;
}

/// Decodes from the destination address on.
pub(crate) fn ethernet(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<14>() else {
        return Err(Discard::TruncatedLink);
    };
    let kind = u16::from_be_bytes([header[12], header[13]]);
    typed_or_sized(kind, rest, trail)
}

/// Whether an Ethernet header stands here whose EtherType leads on: a look ahead where nothing says what follows.
pub(crate) fn looks_like_ethernet(bytes: &[u8]) -> bool {
    use ethertype::{CUSTOMER_TAG, IPV4, IPV6, MPLS, MPLS_UPSTREAM, PPPOE_SESSION, SERVICE_TAG};
    bytes.first_chunk::<14>().is_some_and(|header| {
        let kind = u16::from_be_bytes([header[12], header[13]]);
        matches!(kind, IPV4 | IPV6 | CUSTOMER_TAG | SERVICE_TAG | MPLS | MPLS_UPSTREAM | PPPOE_SESSION)
    })
}

/// Decodes what follows an EtherType that is known to be one.
pub(crate) fn network(kind: u16, bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match kind {
        ethertype::IPV4 => ipv4(bytes, trail),
        ethertype::IPV6 => ipv6(bytes, trail),
        ethertype::CUSTOMER_TAG
        | ethertype::SERVICE_TAG
        | ethertype::OLD_SERVICE_TAG
        | ethertype::OLD_SERVICE_TAG_2 => tagged(bytes, trail),
        ethertype::MPLS | ethertype::MPLS_UPSTREAM => mpls(bytes, trail),
        ethertype::PPPOE_SESSION => pppoe(bytes, trail),
        ethertype::NSH => nsh(bytes, trail),
        _ => Err(Discard::NotIp),
    }
}

/// Decodes what a tunnel with an EtherType of its own carries: all of the above, and bridged Ethernet.
///
/// The caller has counted the tunnel as a layer. Outside tunnels, bridged Ethernet would nest without being counted.
pub(crate) fn tunnelled(kind: u16, bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match kind {
        ethertype::BRIDGED => ethernet(bytes, trail),
        kind => network(kind, bytes, trail),
    }
}

/// Decodes from an IEEE 802.2 header on.
pub(crate) fn llc(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match *bytes {
        // SNAP with an EtherType: RFC 1042, and the organisation code that 802.1H gives to bridged frames.
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, high, low, ref rest @ ..] => {
            network(u16::from_be_bytes([high, low]), rest, trail)
        }
        [0xaa, 0xaa, 0x03, ref rest @ ..] if rest.len() < 5 => Err(Discard::TruncatedLink),
        // The LLC address of IP itself.
        [0x06, 0x06, 0x03, ref rest @ ..] => ipv4(rest, trail),
        [_, _, _, ..] => Err(Discard::NotIp),
        _ => Err(Discard::TruncatedLink),
    }
}

fn typed_or_sized(kind: u16, bytes: &[u8], trail: Trail) -> Outcome<'_> {
    if kind <= MAX_LENGTH { llc(bytes, trail) } else { network(kind, bytes, trail) }
}

/// IEEE 802.1Q and 802.1ad: priority and VLAN id, then what the untagged frame would have had.
fn tagged(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let Some((tag, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(Discard::TruncatedLink);
    };
    let mut trail = trail.deeper()?;
    // Id 0 is a priority without a VLAN: such a frame belongs with its untagged answers.
    let id = u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff;
    if id != 0 {
        trail = trail.with_vlan(id);
    }
    typed_or_sized(u16::from_be_bytes([tag[2], tag[3]]), rest, trail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checksums, LinkType, Tags, craft, decode};

    fn tags_of(frame: &[u8]) -> Result<Tags, Discard> {
        decode(LinkType::ETHERNET, frame, Checksums::Ignore).and_then(craft::packet).map(|packet| packet.tags)
    }

    const PLAIN: Tags = Tags { vlan: [0; 2], vlans: 0, vni: None, depth: 0 };

    #[test]
    fn reads_both_versions_of_ip() {
        assert_eq!(tags_of(&craft::ethernet(0x0800, &craft::tcp_in_ipv4(b"a"))), Ok(PLAIN));
        assert_eq!(tags_of(&craft::ethernet(0x86dd, &craft::tcp_in_ipv6(b"a"))), Ok(PLAIN));
    }

    #[test]
    fn leaves_the_rest_alone() {
        // ARP, LLDP, PPPoE discovery, an EtherType between the lengths and the types.
        for kind in [0x0806, 0x88cc, 0x8863, 1501, 0x6558] {
            assert_eq!(tags_of(&craft::ethernet(kind, &[0; 46])), Err(Discard::NotIp));
        }
        for length in 0..14 {
            assert_eq!(tags_of(&[0; 14][..length]), Err(Discard::TruncatedLink));
        }
    }

    #[test]
    fn reads_llc_and_snap() {
        let ip = craft::tcp_in_ipv4(b"a");
        let snap = |code: u8| [&[0xaa, 0xaa, 3, 0, 0, code, 8, 0][..], &ip].concat();
        let sized = |body: &[u8]| craft::ethernet(body.len() as u16, body);
        assert_eq!(tags_of(&sized(&snap(0))), Ok(PLAIN));
        assert_eq!(tags_of(&sized(&snap(0xf8))), Ok(PLAIN));
        assert_eq!(tags_of(&sized(&[&[6, 6, 3][..], &ip].concat())), Ok(PLAIN));
        // Cisco's organisation code, spanning tree.
        assert_eq!(tags_of(&sized(&snap(0x0c))), Err(Discard::NotIp));
        assert_eq!(tags_of(&sized(&[0x42, 0x42, 3, 0, 0])), Err(Discard::NotIp));
        assert_eq!(tags_of(&sized(&snap(0)[..7])), Err(Discard::TruncatedLink));
        assert_eq!(tags_of(&sized(&[0xaa, 0xaa])), Err(Discard::TruncatedLink));
    }

    #[test]
    fn reads_every_kind_of_tag() {
        for kind in [0x8100, 0x88a8, 0x9100, 0x9200] {
            // Priority 5, id 42; then IPv4.
            let body = [&[0xa0, 42, 8, 0][..], &craft::tcp_in_ipv4(b"a")].concat();
            let expected = Tags { vlan: [42, 0], vlans: 1, depth: 1, ..PLAIN };
            assert_eq!(tags_of(&craft::ethernet(kind, &body)), Ok(expected));
            assert_eq!(tags_of(&craft::ethernet(kind, &body[..3])), Err(Discard::TruncatedLink));
        }
    }

    #[test]
    fn keeps_two_ids_and_counts_the_rest() {
        let body =
            [&[0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x86, 0xdd][..], &craft::tcp_in_ipv6(b"a")].concat();
        let expected = Tags { vlan: [1, 2], vlans: 2, depth: 3, ..PLAIN };
        assert_eq!(tags_of(&craft::ethernet(0x88a8, &body)), Ok(expected));
    }

    #[test]
    fn a_priority_tag_is_no_vlan() {
        let body = [&[0xe0, 0, 8, 0][..], &craft::tcp_in_ipv4(b"a")].concat();
        assert_eq!(tags_of(&craft::ethernet(0x8100, &body)), Ok(Tags { depth: 1, ..PLAIN }));
    }

    #[test]
    fn reads_a_length_behind_a_tag() {
        let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &craft::tcp_in_ipv4(b"a")].concat();
        let body = [&[0, 9][..], &(snap.len() as u16).to_be_bytes(), &snap].concat();
        let expected = Tags { vlan: [9, 0], vlans: 1, depth: 1, ..PLAIN };
        assert_eq!(tags_of(&craft::ethernet(0x8100, &body)), Ok(expected));
    }

    #[test]
    fn nine_tags_are_too_deep() {
        let ip = craft::tcp_in_ipv4(b"a");
        let nested = |tags: usize| {
            let mut body = [0, 1, 0x81, 0].repeat(tags - 1);
            body.extend([0, 1, 8, 0]);
            craft::ethernet(0x8100, &[body, ip.clone()].concat())
        };
        assert_eq!(tags_of(&nested(8)).map(|tags| tags.depth), Ok(8));
        assert_eq!(tags_of(&nested(9)), Err(Discard::TooDeep));
    }
}
