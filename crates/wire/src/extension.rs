//! IPv6 extension headers, and the authentication header that IPv4 shares.
//!
//! Skipped rather than read, but for the fragment header and what bears on checksums. ESP is not among them: what it
//! carries is encrypted, or not told apart from what is, so it counts as a protocol of its own.

use crate::Discard;
use crate::ip::{Datagram, protocol};
use crate::trail::Outcome;

/// How many extension headers are skipped in one packet.
///
/// RFC 8200 knows seven, one of which may come twice; more are made on purpose. Counted as [`Discard::TooDeep`].
const MAX_EXTENSIONS: u8 = 8;

impl<'a> Datagram<'a> {
    /// Whether such a header stands between this datagram's header and its transport.
    pub(crate) const fn is_extension(self, number: u8) -> bool {
        match number {
            protocol::AUTHENTICATION => true,
            protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::DESTINATION_OPTIONS
            | protocol::MOBILITY
            | protocol::HOST_IDENTITY
            | protocol::SHIM6 => self.source.is_ipv6(),
            _ => false,
        }
    }

    /// Decodes what follows the extension header that the payload begins with.
    pub(crate) fn extension(self, number: u8) -> Outcome<'a> {
        let Some(header) = self.payload.first_chunk::<8>() else {
            return Err(Discard::BadIpHeader);
        };
        if self.extensions == MAX_EXTENSIONS {
            return Err(Discard::TooDeep);
        }
        let next = header[0];
        let length = match number {
            protocol::FRAGMENT => return self.fragmented(header),
            // The one header that counts in units of four bytes, less two.
            protocol::AUTHENTICATION => (usize::from(header[1]) + 2) * 4,
            _ => (usize::from(header[1]) + 1) * 8,
        };
        let mut rest = self.without(length)?;
        rest.addressed &= !moves_addresses(number, header);
        rest.carrying(next)
    }

    /// Decodes from a fragment header on.
    fn fragmented(self, header: &[u8; 8]) -> Outcome<'a> {
        if self.whole {
            return Err(Discard::BadFragment);
        }
        let rest = self.without(8)?;
        // 13 bits of offset, two reserved, more fragments.
        let fragmentation = u16::from_be_bytes([header[2], header[3]]);
        let (offset, more) = (fragmentation >> 3, fragmentation & 1 != 0);
        if offset == 0 && !more {
            // An atomic fragment (RFC 6946) is whole.
            return rest.carrying(header[0]);
        }
        let id = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        rest.fragment(header[0], id, offset, more)
    }

    /// The datagram behind an extension header of so many bytes.
    fn without(self, length: usize) -> Result<Self, Discard> {
        let payload = self.payload.get(length..).ok_or(Discard::BadIpHeader)?;
        // As many are left of the greater length: the payload is never longer.
        let payload_len = self.payload_len.saturating_sub(length);
        Ok(Self { payload, payload_len, extensions: self.extensions + 1, ..self })
    }
}

/// Whether the transport's checksum covers other addresses than the IPv6 header's: the final destination of a source
/// route, the home address of a mobile host. Such checksums are not verified, so as to read a packet too much and not too few.
const fn moves_addresses(number: u8, header: &[u8; 8]) -> bool {
    match number {
        protocol::ROUTING => header[3] != 0,
        protocol::DESTINATION_OPTIONS => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checksums, Decoded, LinkType, Tags, Transport, craft, decode, decode_datagram};

    fn raw(bytes: &[u8]) -> Outcome<'_> {
        decode(LinkType::RAW, bytes, Checksums::Ignore)
    }

    fn protocol_of(bytes: &[u8]) -> Result<u8, Discard> {
        raw(bytes).and_then(craft::packet).map(|packet| packet.transport.protocol())
    }

    /// An eight-byte extension header, options padded.
    const fn short(next: u8) -> [u8; 8] {
        [next, 0, 1, 4, 0, 0, 0, 0]
    }

    #[test]
    fn skips_every_kind() {
        let tcp = craft::tcp(1, 2, b"hello");
        for number in [0, 43, 60, 135, 139, 140] {
            assert_eq!(protocol_of(&craft::ipv6(number, &[&short(6)[..], &tcp].concat())), Ok(6));
            // Two units long.
            let long = [&[6, 1][..], &[0; 14], &tcp].concat();
            assert_eq!(protocol_of(&craft::ipv6(number, &long)), Ok(6));
            assert_eq!(protocol_of(&craft::ipv6(number, &long[..12])), Err(Discard::BadIpHeader));
            assert_eq!(protocol_of(&craft::ipv6(number, &long[..7])), Err(Discard::BadIpHeader));
            // In IPv4 these are protocols like any other.
            assert_eq!(protocol_of(&craft::ipv4(number, &long)), Ok(number));
        }
    }

    #[test]
    fn skips_authentication_in_both_versions() {
        // Next header, four words more than two, reserved, index, sequence, 12 bytes of value.
        let header = [&[6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], &[0xcc; 12]].concat();
        let body = [header, craft::tcp(1, 2, b"hello")].concat();
        assert_eq!(protocol_of(&craft::ipv4(51, &body)), Ok(6));
        assert_eq!(protocol_of(&craft::ipv6(51, &body)), Ok(6));
        assert_eq!(protocol_of(&craft::ipv6(51, &body[..20])), Err(Discard::BadIpHeader));
    }

    #[test]
    fn knows_the_length_behind_headers() {
        let bytes = craft::ipv6(0, &[&short(6)[..], &craft::tcp(1, 2, b"hello")].concat());
        for cut in 0..5 {
            let packet = raw(&bytes[..bytes.len() - cut]).and_then(craft::packet).expect("decodes");
            let Transport::Tcp(tcp) = packet.transport else { panic!("not TCP") };
            assert_eq!((tcp.payload, tcp.payload_len), (&b"hello"[..5 - cut], 5));
        }
    }

    #[test]
    fn stops_at_what_it_cannot_read() {
        assert_eq!(protocol_of(&craft::ipv6(50, &[0; 40])), Ok(50));
        assert_eq!(protocol_of(&craft::ipv6(0, &[&short(50)[..], &[0; 40]].concat())), Ok(50));
        assert_eq!(protocol_of(&craft::ipv6(59, &[])), Ok(59));
        assert_eq!(protocol_of(&craft::ipv6(58, &[128, 0, 0, 0])), Ok(58));
    }

    #[test]
    fn stops_counting_at_eight() {
        let chain = |headers: usize| {
            let mut body = short(60).repeat(headers - 1);
            body.extend(short(6));
            craft::ipv6(60, &[body, craft::tcp(1, 2, b"hello")].concat())
        };
        assert_eq!(protocol_of(&chain(8)), Ok(6));
        assert_eq!(protocol_of(&chain(9)), Err(Discard::TooDeep));
    }

    /// A fragment header: offset in bytes, whether more follow, identification 0xdeadbeef.
    fn fragment_header(next: u8, offset: u16, more: bool) -> [u8; 8] {
        let [high, low] = (offset | u16::from(more)).to_be_bytes();
        [next, 0, high, low, 0xde, 0xad, 0xbe, 0xef]
    }

    #[test]
    fn gives_fragments_back() {
        let body = [&short(44)[..], &fragment_header(60, 16, true), b"01234567"].concat();
        let bytes = craft::ipv6(0, &body);
        let Ok(Decoded::Fragment(fragment)) = raw(&bytes) else { panic!("not a fragment") };
        assert_eq!((fragment.protocol, fragment.id, fragment.offset), (60, 0xdead_beef, 16));
        assert_eq!((fragment.more, fragment.payload), (true, &b"01234567"[..]));
        let last = craft::ipv6(44, &[&fragment_header(6, 65528, false)[..], b"01234567"].concat());
        assert_eq!(raw(&last), Err(Discard::BadFragment));
    }

    #[test]
    fn atomic_fragments_are_whole() {
        let body = [&fragment_header(6, 0, false)[..], &craft::tcp(1, 2, b"hello")].concat();
        assert_eq!(protocol_of(&craft::ipv6(44, &body)), Ok(6));
    }

    #[test]
    fn a_reassembled_datagram_is_not_fragmented_again() {
        let (a, b) = ("2001:db8::1".parse().expect("an address"), "2001:db8::2".parse().expect("an address"));
        let again = |body: &[u8]| {
            decode_datagram(a, b, 60, Tags::default(), body, Checksums::Ignore)
                .map(|decoded| matches!(decoded, Decoded::Fragment(_)))
        };
        let inner = [&fragment_header(6, 8, true)[..], b"01234567"].concat();
        assert_eq!(again(&[&short(44)[..], &inner].concat()), Err(Discard::BadFragment));
        // In a tunnel inside, it may well be.
        assert_eq!(again(&[&short(41)[..], &craft::ipv6(44, &inner)].concat()), Ok(true));
    }

    #[test]
    fn does_not_verify_against_moved_addresses() {
        let mut body = [&[6, 2, 0, 1][..], &[0; 20], &craft::tcp(1, 2, b"hello")].concat();
        let verify =
            |body: &[u8]| decode(LinkType::RAW, &craft::ipv6(43, body), Checksums::Verify).map(|_| ());
        assert_eq!(verify(&body), Ok(()));
        // No segments left: the destination is the final one, and the checksum, never filled in, is wrong.
        body[3] = 0;
        assert_eq!(verify(&body), Err(Discard::BadChecksum));
    }
}
