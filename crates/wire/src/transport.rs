//! TCP (RFC 9293) and UDP (RFC 768) headers.
//!
//! Lengths are held against what the IP header says, not against what the capture kept: a header whose fixed part is
//! there counts even where the frame was cut in its options. TCP options are skipped.

use crate::ip::{Datagram, protocol};
use crate::overlay::Overlay;
use crate::trail::{Outcome, inner_or_outer};
use crate::{Checksums, Decoded, Discard, Flags, Tcp, Transport, Udp, checksum};

impl<'a> Tcp<'a> {
    /// The segment in what a datagram holds, of so many bytes on the wire.
    #[inline(always)]
    pub(crate) fn of(bytes: &'a [u8], wire_len: usize) -> Option<Self> {
        let header = bytes.first_chunk::<20>()?;
        let header_len = usize::from(header[12] >> 4) * 4;
        if header_len < 20 || header_len > wire_len {
            return None;
        }
        Some(Self {
            source_port: u16::from_be_bytes([header[0], header[1]]),
            destination_port: u16::from_be_bytes([header[2], header[3]]),
            sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            acknowledgment: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            flags: Flags(header[13]),
            payload: bytes.get(header_len..).unwrap_or_default(),
            payload_len: wire_len - header_len,
        })
    }
}

impl<'a> Udp<'a> {
    /// The same for a datagram that says how long it is, and is no tunnel's by its ports.
    #[inline(always)]
    pub(crate) fn of(bytes: &'a [u8], wire_len: usize) -> Option<Self> {
        let header = bytes.first_chunk::<8>()?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let source_port = u16::from_be_bytes([header[0], header[1]]);
        let destination_port = u16::from_be_bytes([header[2], header[3]]);
        if !(8..=wire_len).contains(&length) || Overlay::on_ports(source_port, destination_port).is_some() {
            return None;
        }
        let payload = bytes.get(8..length.min(bytes.len())).unwrap_or_default();
        Some(Self { source_port, destination_port, payload, payload_len: length - 8 })
    }
}

impl<'a> Datagram<'a> {
    /// Decodes a TCP segment.
    #[inline(always)]
    pub(crate) fn tcp(self) -> Outcome<'a> {
        let Some(tcp) = Tcp::of(self.payload, self.payload_len) else {
            return Err(Discard::BadTransport);
        };
        if self.is_corrupt(protocol::TCP, self.payload_len) {
            return Err(Discard::BadChecksum);
        }
        Ok(Decoded::Packet(self.packet(Transport::Tcp(tcp))))
    }

    /// Decodes a UDP datagram, or what is inside where it is a tunnel.
    #[inline(always)]
    pub(crate) fn udp(self) -> Outcome<'a> {
        let Some(header) = self.payload.first_chunk::<8>() else {
            return Err(Discard::BadTransport);
        };
        let length = self.udp_len(usize::from(u16::from_be_bytes([header[4], header[5]])))?;
        let source_port = u16::from_be_bytes([header[0], header[1]]);
        let destination_port = u16::from_be_bytes([header[2], header[3]]);
        let overlay = Overlay::on_ports(source_port, destination_port);
        // None was sent, as IPv4 allows always, and IPv6 to tunnels (RFC 6935).
        let unsummed = header[6..8] == [0, 0] && (self.source.is_ipv4() || overlay.is_some());
        if !unsummed && self.is_corrupt(protocol::UDP, length) {
            return Err(Discard::BadChecksum);
        }
        let payload = self.payload.get(8..length.min(self.payload.len())).unwrap_or_default();
        let payload_len = length - 8;
        let outer = self.packet(Transport::Udp(Udp { source_port, destination_port, payload, payload_len }));
        match overlay {
            None => Ok(Decoded::Packet(outer)),
            Some(overlay) => inner_or_outer(overlay.open(payload, payload_len, self.trail), outer),
        }
    }

    /// The length of header and payload, given what the header says.
    #[inline]
    const fn udp_len(self, said: usize) -> Result<usize, Discard> {
        if said >= 8 && (said <= self.payload_len || !self.sized) {
            return Ok(said);
        }
        // A jumbogram's length does not fit (RFC 2675 section 4).
        if said == 0 && !self.sized { Ok(self.payload_len) } else { Err(Discard::BadTransport) }
    }

    /// Whether checksums are to be verified, this one can be, and it is wrong.
    #[inline(always)]
    fn is_corrupt(self, protocol: u8, length: usize) -> bool {
        if self.trail.checksums == Checksums::Ignore || !self.sized || !self.addressed {
            return false;
        }
        let covered = checksum::pseudo_header(self.source, self.destination, protocol, length);
        self.payload.get(..length).is_some_and(|bytes| !checksum::holds(bytes, covered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkType, craft, decode};
    use std::net::IpAddr;

    fn transport_of(bytes: &[u8]) -> Result<Transport<'_>, Discard> {
        decode(LinkType::RAW, bytes, Checksums::Ignore).and_then(craft::packet).map(|packet| packet.transport)
    }

    #[test]
    fn reads_every_field_of_tcp() {
        let header = [
            0x0d, 0x05, 0x01, 0xbb, // ports 3333 and 443
            0x01, 0x02, 0x03, 0x04, // sequence
            0x05, 0x06, 0x07, 0x08, // acknowledgment
            0x60, 0xd8, 0x10, 0x00, // six words; CWR, ECE, ACK, PSH; window
            0x00, 0x00, 0x00, 0x00, // checksum, urgent pointer
            0x01, 0x01, 0x01, 0x00, // options
        ];
        let bytes = craft::ipv4(6, &[&header[..], b"hello"].concat());
        let Ok(Transport::Tcp(tcp)) = transport_of(&bytes) else { panic!("not TCP") };
        assert_eq!((tcp.source_port, tcp.destination_port), (3333, 443));
        assert_eq!((tcp.sequence, tcp.acknowledgment), (0x0102_0304, 0x0506_0708));
        assert_eq!(tcp.flags, Flags(0xd8));
        assert!(tcp.flags.contains(Flags::ACK.union(Flags::PSH)) && !tcp.flags.contains(Flags::SYN));
        assert_eq!((tcp.payload, tcp.payload_len), (&b"hello"[..], 5));
    }

    #[test]
    fn refuses_tcp_that_contradicts_itself() {
        let mut segment = craft::tcp(1, 2, b"");
        assert_eq!(transport_of(&craft::ipv4(6, &segment[..19])), Err(Discard::BadTransport));
        segment[12] = 0x40;
        assert_eq!(transport_of(&craft::ipv4(6, &segment)), Err(Discard::BadTransport));
        segment[12] = 0x60;
        assert_eq!(transport_of(&craft::ipv4(6, &segment)), Err(Discard::BadTransport));
    }

    #[test]
    fn keeps_tcp_that_was_sliced_in_its_options() {
        let mut segment = craft::tcp(1, 2, &[0; 12 + 100]);
        segment[12] = 0x80;
        let bytes = craft::ipv4(6, &segment);
        let Ok(Transport::Tcp(tcp)) = transport_of(&bytes[..20 + 24]) else { panic!("not TCP") };
        assert_eq!((tcp.payload, tcp.payload_len), (&[][..], 100));
        assert_eq!(transport_of(&bytes[..20 + 19]), Err(Discard::BadTransport));
    }

    #[test]
    fn reads_udp_by_its_own_length() {
        let mut datagram = craft::udp(53, 5353, b"hello");
        datagram.extend(b"trailer");
        let bytes = craft::ipv6(17, &datagram);
        let expected = Udp { source_port: 53, destination_port: 5353, payload: b"hello", payload_len: 5 };
        assert_eq!(transport_of(&bytes), Ok(Transport::Udp(expected.clone())));
        let sliced = Udp { payload: b"hel", ..expected };
        assert_eq!(transport_of(&bytes[..40 + 8 + 3]), Ok(Transport::Udp(sliced)));
    }

    #[test]
    fn refuses_udp_that_contradicts_itself() {
        for length in [0, 7, 14] {
            let mut datagram = craft::udp(53, 5353, b"hello");
            datagram[5] = length;
            assert_eq!(transport_of(&craft::ipv4(17, &datagram)), Err(Discard::BadTransport));
            assert_eq!(transport_of(&craft::ipv6(17, &datagram)), Err(Discard::BadTransport));
        }
        assert_eq!(transport_of(&craft::ipv4(17, &[0; 7])), Err(Discard::BadTransport));
    }

    #[test]
    fn udp_length_zero_is_to_the_end_of_a_jumbogram() {
        let mut datagram = craft::udp(53, 5353, &[7; 66_000]);
        datagram[4..6].fill(0);
        // Hop-by-hop: UDP follows, one unit, jumbo payload option of four bytes: 66016.
        let mut bytes = craft::ipv6(0, &[&[17, 0, 0xc2, 4, 0, 1, 1, 0xe0][..], &datagram].concat());
        bytes[4..6].fill(0);
        let Ok(Transport::Udp(udp)) = transport_of(&bytes) else { panic!("not UDP") };
        assert_eq!((udp.payload.len(), udp.payload_len), (66_000, 66_000));
    }

    fn verify(bytes: &[u8]) -> Result<(), Discard> {
        decode(LinkType::RAW, bytes, Checksums::Verify).map(|_| ())
    }

    #[test]
    fn verifies_what_is_whole() {
        for mut bytes in [craft::tcp_in_ipv4(b"hello"), craft::tcp_in_ipv6(b"hello")] {
            assert_eq!(verify(&bytes), Ok(()));
            *bytes.last_mut().expect("a payload") ^= 1;
            assert_eq!(verify(&bytes), Err(Discard::BadChecksum));
            bytes.pop();
            assert_eq!(verify(&bytes), Ok(()), "a sliced packet cannot be verified");
            if bytes[0] >> 4 == 6 {
                bytes[4..6].fill(0);
                assert_eq!(verify(&bytes), Ok(()), "nor one that offload was still to sum");
            }
        }
    }

    #[test]
    fn udp_without_a_checksum_is_good_in_ipv4_and_in_tunnels() {
        let good = craft::udp(53, 5353, b"hello");
        assert_eq!(good[6..8], [0, 0]);
        assert_eq!(verify(&craft::ipv4(17, &good)), Ok(()));
        assert_eq!(verify(&craft::ipv6(17, &good)), Err(Discard::BadChecksum));
        assert_eq!(verify(&craft::ipv6(17, &craft::udp(53, 4789, b"hello"))), Ok(()));
        let source = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]);
        let destination = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2]);
        let summed = craft::summed(source, destination, 17, good, 6);
        assert_eq!(verify(&craft::ipv6(17, &summed)), Ok(()));
        let mut corrupt = summed;
        corrupt[6] ^= 0x10;
        assert_eq!(verify(&craft::ipv4(17, &corrupt)), Err(Discard::BadChecksum));
    }
}
