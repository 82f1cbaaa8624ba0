//! What holds for any bytes at all: no panic, and nothing handed out that is not in the frame.

use pithead_wire::{
    Checksums, Decoded, Discard, LinkType, MAX_LAYERS, Tags, Transport, decode, decode_datagram, decode_into,
    plain_pair,
};
use proptest::prelude::*;
use std::net::IpAddr;

const LINKS: [u16; 12] = [0, 1, 9, 12, 14, 50, 101, 108, 113, 228, 229, 276];

/// Checks every promise that is about one decoded frame.
fn sound(bytes: &[u8], decoded: &Decoded<'_>) {
    let (payload, payload_len, tags) = match decoded {
        Decoded::Fragment(fragment) => {
            assert!(fragment.more || fragment.offset > 0, "a whole datagram is no fragment");
            assert!(fragment.offset as usize + fragment.payload.len() <= 65_535);
            (fragment.payload, fragment.payload.len(), fragment.tags)
        }
        Decoded::Packet(packet) => {
            assert_eq!(packet.source.is_ipv4(), packet.destination.is_ipv4());
            match &packet.transport {
                Transport::Tcp(tcp) => (tcp.payload, tcp.payload_len, packet.tags),
                Transport::Udp(udp) => (udp.payload, udp.payload_len, packet.tags),
                Transport::Other(_) => (&[][..], 0, packet.tags),
            }
        }
    };
    assert!(payload.len() <= payload_len, "more bytes than there were");
    assert!(payload.is_empty() || bytes.as_ptr_range().start <= payload.as_ptr_range().start);
    assert!(payload.is_empty() || payload.as_ptr_range().end <= bytes.as_ptr_range().end);
    assert!(tags.depth <= MAX_LAYERS && tags.vlans <= 2 && tags.vlans <= tags.depth);
}

fn try_all(bytes: &[u8]) {
    for checksums in [Checksums::Ignore, Checksums::Verify] {
        for link in LINKS {
            let mut placed = Err(Discard::TooDeep);
            decode_into(&mut placed, LinkType(link), bytes, checksums);
            assert_eq!(placed, decode(LinkType(link), bytes, checksums));
            if let Ok(decoded) = placed {
                sound(bytes, &decoded);
                if let Some(pair) = plain_pair(LinkType(link), bytes) {
                    let Decoded::Packet(packet) = decoded else { panic!("{decoded:?} is no plain packet") };
                    assert_eq!((packet.source, packet.destination), pair);
                }
            }
        }
    }
}

fn octets(address: [u8; 4]) -> IpAddr {
    IpAddr::from(address)
}

/// A header, by the bytes around what it carries. Lengths are filled in where leaving them out would end the way in.
fn wrap(layer: u8, inner: &[u8]) -> Vec<u8> {
    let udp = |port: u16, header: &[u8]| {
        let length = (8 + header.len() + inner.len()) as u16;
        let head = [50_000, port, length, 0].map(u16::to_be_bytes).concat();
        ipv4(17, &[&head, header, inner].concat())
    };
    match layer % 10 {
        0 => ipv4(4, inner),
        1 => ipv4(47, &[&[0, 0, 8, 0][..], inner].concat()),
        2 => {
            ipv4(47, &[&[0x30, 0, 0x65, 0x58, 0, 0, 0, 1, 0, 0, 0, 2][..], &[2; 12], &[8, 0], inner].concat())
        }
        3 => udp(4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &[2; 12], &[8, 0]].concat()),
        4 => udp(6081, &[1, 0, 8, 0, 0, 0, 7, 0, 1, 2, 3, 0]),
        5 => {
            let [high, low] = (4 + inner.len() as u16).to_be_bytes();
            udp(2152, &[0x32, 0xff, high, low, 0, 0, 0, 9, 0, 0, 0, 0])
        }
        6 => ipv4(41, &ipv6(4, inner)),
        7 => ipv4(
            47,
            &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0][..], &[2; 12], &[8, 0], inner]
                .concat(),
        ),
        8 => udp(3544, &ipv6(60, &[&[4, 0, 1, 4, 0, 0, 0, 0][..], inner].concat())[..48]),
        _ => ipv4(47, &[&[0, 0, 0x88, 0x47, 0, 1, 1, 64][..], inner].concat()),
    }
}

fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + body.len() as u16).to_be_bytes();
    let header = [0x45, 0, high, low, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&header[..], body].concat()
}

fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (body.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0, high, low, next, 64][..], &[0x20; 32], body].concat()
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    let header = [0x9c, 0x40, 0x0d, 0x05, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0, 0, 0, 0, 0, 0];
    ipv4(6, &[&header[..], payload].concat())
}

proptest! {
    #[test]
    fn any_bytes_decode_or_do_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        try_all(&bytes);
    }

    #[test]
    fn nested_tunnels_are_read_through(layers in prop::collection::vec(0..10_u8, 0..4), payload in "[a-z]{0,40}") {
        let frame = layers.iter().fold(tcp(payload.as_bytes()), |inner, layer| wrap(*layer, &inner));
        let decoded = decode(LinkType::RAW, &frame, Checksums::Ignore);
        let Ok(Decoded::Packet(packet)) = decoded else { panic!("{layers:?}: {decoded:?}") };
        let Transport::Tcp(tcp) = packet.transport else { panic!("{layers:?}: not TCP") };
        prop_assert_eq!(tcp.payload, payload.as_bytes());
        prop_assert!(usize::from(packet.tags.depth) >= layers.len());
    }

    #[test]
    fn damaged_frames_decode_or_do_not(
        layers in prop::collection::vec(0..10_u8, 0..10),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut frame = layers.iter().fold(tcp(b"{\"id\":1}"), |inner, layer| wrap(*layer, &inner));
        for (at, to) in damage {
            let at = at.index(frame.len());
            frame[at] = to;
        }
        try_all(&frame);
        try_all(&[&[2; 12][..], &[8, 0], &frame].concat());
        try_all(&frame[..cut.index(frame.len())]);
    }

    #[test]
    fn a_sliced_frame_says_how_long_it_was(payload in "[a-z]{1,40}", cut in any::<prop::sample::Index>()) {
        let frame = wrap(3, &tcp(payload.as_bytes()));
        let cut = cut.index(payload.len()) + 1;
        let decoded = decode(LinkType::RAW, &frame[..frame.len() - cut], Checksums::Verify);
        // The headers' checksums were never filled in, and IPv4's are always all there.
        prop_assert_eq!(decoded, Err(pithead_wire::Discard::BadChecksum));
        let decoded = decode(LinkType::RAW, &frame[..frame.len() - cut], Checksums::Ignore);
        let Ok(Decoded::Packet(packet)) = decoded else { panic!("{decoded:?}") };
        let Transport::Tcp(tcp) = packet.transport else { panic!("not TCP") };
        prop_assert_eq!((tcp.payload.len(), tcp.payload_len), (payload.len() - cut, payload.len()));
    }

    #[test]
    fn any_datagram_decodes_or_does_not(
        v6 in any::<bool>(),
        protocol in prop::sample::select(vec![0_u8, 4, 6, 17, 41, 43, 44, 47, 51, 60, 137]),
        depth in 0..=MAX_LAYERS,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let address = if v6 { IpAddr::from([0x2001_u16, 0xdb8, 0, 0, 0, 0, 0, 1]) } else { octets([10, 0, 0, 1]) };
        let tags = Tags { depth, ..Tags::default() };
        for checksums in [Checksums::Ignore, Checksums::Verify] {
            if let Ok(decoded) = decode_datagram(address, address, protocol, tags, &bytes, checksums) {
                sound(&bytes, &decoded);
            }
        }
    }
}
