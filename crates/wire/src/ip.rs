//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, and the datagram that either of them leaves behind.
//!
//! What the headers say about lengths wins over what the link brought: padding and trailers are cut off, and a frame that
//! the capture cut short keeps its true length beside its bytes. Options are skipped, extension headers are in `extension`.

use crate::ethernet::ethertype;
use crate::trail::{Outcome, Trail, inner_or_outer};
use crate::{Checksums, Decoded, Discard, Fragment, Packet, Transport, checksum, gre, mpls};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Protocol numbers, as in <https://www.iana.org/assignments/protocol-numbers>.
pub(crate) mod protocol {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const AUTHENTICATION: u8 = 51;
    pub(crate) const DESTINATION_OPTIONS: u8 = 60;
    pub(crate) const MOBILITY: u8 = 135;
    pub(crate) const MPLS: u8 = 137;
    pub(crate) const HOST_IDENTITY: u8 = 139;
    pub(crate) const SHIM6: u8 = 140;
}

/// The largest payload that a fragmented datagram can have.
const MAX_DATAGRAM: usize = 65_535;

/// An IP packet whose header has been read, and as many of its extension headers as have been skipped.
///
/// `payload` is never longer than `payload_len`.
#[derive(Clone, Copy)]
pub(crate) struct Datagram<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// The bytes that are there.
    pub(crate) payload: &'a [u8],
    /// How many there were on the wire.
    pub(crate) payload_len: usize,
    /// Whether the header said where the payload ends. Segmentation offload and jumbograms leave it out.
    pub(crate) sized: bool,
    /// Whether transport checksums cover the addresses above, and not others from further in.
    pub(crate) addressed: bool,
    /// Whether it was put together from fragments.
    pub(crate) whole: bool,
    /// How many extension headers have been skipped.
    pub(crate) extensions: u8,
    pub(crate) trail: Trail,
}

/// Decodes raw IP, whose version is in its first four bits.
pub(crate) fn ip(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4(bytes, trail),
        Some(6) => ipv6(bytes, trail),
        _ => Err(Discard::BadIpHeader),
    }
}

/// Decodes from an IPv4 header on.
pub(crate) fn ipv4(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    straight_ipv4(bytes, trail)
}

/// The same, put in line for the one caller that most packets come from.
#[inline(always)]
pub(crate) fn straight_ipv4(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let (header, header_len) = split_ipv4(bytes)?;
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let (payload, payload_len) = body(bytes, header_len, total_len)?;
    if trail.checksums == Checksums::Verify
        && !checksum::holds(bytes.get(..header_len).unwrap_or_default(), 0)
    {
        return Err(Discard::BadChecksum);
    }
    let datagram = || Datagram {
        source: IpAddr::V4(Ipv4Addr::new(header[12], header[13], header[14], header[15])),
        destination: IpAddr::V4(Ipv4Addr::new(header[16], header[17], header[18], header[19])),
        payload,
        payload_len,
        sized: total_len != 0,
        addressed: true,
        whole: false,
        extensions: 0,
        trail,
    };
    // Reserved bit, don't fragment, more fragments, and 13 bits of offset.
    let fragmentation = u16::from_be_bytes([header[6], header[7]]);
    if fragmentation & 0x3fff == 0 {
        return carried(header[9], datagram);
    }
    let id = u32::from(u16::from_be_bytes([header[4], header[5]]));
    datagram().fragment(header[9], id, fragmentation & 0x1fff, fragmentation & 0x2000 != 0)
}

/// A whole IPv4 datagram that says how long it is, right behind an Ethernet header: what most frames hold.
pub(crate) struct Plain<'a> {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) protocol: u8,
    pub(crate) payload: &'a [u8],
    pub(crate) payload_len: usize,
}

impl<'a> Plain<'a> {
    #[inline(always)]
    pub(crate) fn of(frame: &'a [u8]) -> Option<Self> {
        let (ethernet, bytes) = frame.split_first_chunk::<14>()?;
        if [ethernet[12], ethernet[13]] != ethertype::IPV4.to_be_bytes() {
            return None;
        }
        let (header, header_len) = split_ipv4(bytes).ok()?;
        let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let fragmentation = u16::from_be_bytes([header[6], header[7]]);
        if total_len == 0 || fragmentation & 0x3fff != 0 {
            return None;
        }
        let (payload, payload_len) = body(bytes, header_len, total_len).ok()?;
        Some(Self {
            source: Ipv4Addr::new(header[12], header[13], header[14], header[15]),
            destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]),
            protocol: header[9],
            payload,
            payload_len,
        })
    }
}

/// The fixed part of an IPv4 header, and how long it is with its options.
#[inline]
fn split_ipv4(bytes: &[u8]) -> Result<(&[u8; 20], usize), Discard> {
    let header = bytes.first_chunk::<20>().ok_or(Discard::BadIpHeader)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header[0] >> 4 != 4 || header_len < 20 {
        return Err(Discard::BadIpHeader);
    }
    Ok((header, header_len))
}

/// What follows an IPv4 header, and how long it was on the wire.
#[inline]
fn body(bytes: &[u8], header_len: usize, total_len: usize) -> Result<(&[u8], usize), Discard> {
    // Segmentation offload captures packets before their length is filled in.
    let total_len = if total_len == 0 { bytes.len() } else { total_len };
    let payload = bytes.get(header_len..total_len.min(bytes.len())).ok_or(Discard::BadIpHeader)?;
    Ok((payload, total_len - header_len))
}

/// Decodes from an IPv6 header on.
pub(crate) fn ipv6(bytes: &[u8], trail: Trail) -> Outcome<'_> {
    let Some((header, source, destination, rest)) = split_ipv6(bytes) else {
        return Err(Discard::BadIpHeader);
    };
    if header[0] >> 4 != 6 {
        return Err(Discard::BadIpHeader);
    }
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    // Zero stands for a jumbogram (RFC 2675) or segmentation offload. The jumbo option's own length is not looked at: such
    // packets are too long to be padded, so the end of the frame is the better witness.
    let sized = length != 0;
    let payload_len = if sized { length } else { rest.len() };
    let datagram = || Datagram {
        source: IpAddr::V6(Ipv6Addr::from(*source)),
        destination: IpAddr::V6(Ipv6Addr::from(*destination)),
        payload: rest.get(..payload_len).unwrap_or(rest),
        payload_len,
        sized,
        addressed: true,
        whole: false,
        extensions: 0,
        trail,
    };
    carried(header[6], datagram)
}

/// Decodes the payload of a datagram, which is made where it is needed.
///
/// One copy for all arms would have to stand in memory, for the steps out of line to take it from there; reading it back at once
/// stalls every packet, for a third of the time that decoding takes.
#[inline(always)]
fn carried<'a>(number: u8, datagram: impl Fn() -> Datagram<'a>) -> Outcome<'a> {
    match number {
        protocol::TCP => datagram().tcp(),
        protocol::UDP => datagram().udp(),
        number => datagram().carrying_other(number),
    }
}

/// The parts of an IPv6 header: all before the addresses, the addresses, and what follows.
type Ipv6Parts<'a> = (&'a [u8; 8], &'a [u8; 16], &'a [u8; 16], &'a [u8]);

#[inline]
fn split_ipv6(bytes: &[u8]) -> Option<Ipv6Parts<'_>> {
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    Some((header, source, destination, rest))
}

impl<'a> Datagram<'a> {
    /// The datagram that fragments made up.
    pub(crate) const fn reassembled(
        source: IpAddr,
        destination: IpAddr,
        payload: &'a [u8],
        trail: Trail,
    ) -> Self {
        let payload_len = payload.len();
        let (sized, addressed, whole) = (true, true, true);
        Self { source, destination, payload, payload_len, sized, addressed, whole, extensions: 0, trail }
    }

    /// Decodes the payload, given its protocol number.
    pub(crate) fn carrying(self, number: u8) -> Outcome<'a> {
        carried(number, || self)
    }

    #[inline(never)]
    fn carrying_other(self, number: u8) -> Outcome<'a> {
        if self.is_extension(number) {
            return self.extension(number);
        }
        let inner = match number {
            protocol::IPV4 => self.trail.deeper().and_then(|trail| ipv4(self.payload, trail)),
            protocol::IPV6 => self.trail.deeper().and_then(|trail| ipv6(self.payload, trail)),
            protocol::MPLS => mpls::mpls(self.payload, self.trail),
            protocol::GRE => gre::gre(self.payload, self.trail),
            _ => Err(Discard::NotIp),
        };
        inner_or_outer(inner, self.packet(Transport::Other(number)))
    }

    /// The packet, given what it carries.
    #[inline]
    pub(crate) const fn packet(self, transport: Transport<'a>) -> Packet<'a> {
        Packet { source: self.source, destination: self.destination, transport, tags: self.trail.tags }
    }

    /// The fragment, given what its header says; `offset` counts units of eight bytes.
    #[inline(never)]
    pub(crate) fn fragment(self, protocol: u8, id: u32, offset: u16, more: bool) -> Outcome<'a> {
        let offset = u32::from(offset) * 8;
        if offset as usize + self.payload_len > MAX_DATAGRAM {
            return Err(Discard::BadFragment);
        }
        let Self { source, destination, payload, trail, .. } = self;
        Ok(Decoded::Fragment(Fragment {
            source,
            destination,
            protocol,
            id,
            offset,
            more,
            payload,
            tags: trail.tags,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkType, Tags, craft, decode, decode_datagram};

    fn raw(bytes: &[u8]) -> Outcome<'_> {
        decode(LinkType::RAW, bytes, Checksums::Ignore)
    }

    /// Source, destination, payload and its length on the wire, of a TCP packet.
    fn tcp_of(bytes: &[u8]) -> Result<(String, String, &[u8], usize), Discard> {
        let packet = craft::packet(raw(bytes)?)?;
        let Transport::Tcp(tcp) = packet.transport else { panic!("not TCP") };
        Ok((packet.source.to_string(), packet.destination.to_string(), tcp.payload, tcp.payload_len))
    }

    #[test]
    fn reads_addresses_and_cuts_padding() {
        let mut v4 = craft::tcp_in_ipv4(b"hello");
        v4.extend([0; 6]);
        assert_eq!(tcp_of(&v4), Ok(("10.0.0.1".into(), "192.0.2.7".into(), &b"hello"[..], 5)));
        let mut v6 = craft::tcp_in_ipv6(b"hello");
        v6.extend([0; 6]);
        assert_eq!(tcp_of(&v6), Ok(("2001:db8::1".into(), "2001:db8::2".into(), &b"hello"[..], 5)));
    }

    #[test]
    fn keeps_the_length_of_what_was_sliced() {
        for whole in [craft::tcp_in_ipv4(b"hello"), craft::tcp_in_ipv6(b"hello")] {
            let (_, _, payload, length) = tcp_of(&whole[..whole.len() - 3]).expect("decodes");
            assert_eq!((payload, length), (&b"he"[..], 5));
        }
    }

    #[test]
    fn length_zero_is_to_the_end() {
        let mut v4 = craft::tcp_in_ipv4(b"hello");
        v4[2..4].fill(0);
        assert_eq!(tcp_of(&v4).map(|t| (t.2, t.3)), Ok((&b"hello"[..], 5)));
        let mut v6 = craft::tcp_in_ipv6(b"hello");
        v6[4..6].fill(0);
        assert_eq!(tcp_of(&v6).map(|t| (t.2, t.3)), Ok((&b"hello"[..], 5)));
    }

    #[test]
    fn skips_options() {
        // Header of six words, the sixth a router alert.
        let tcp = craft::tcp(1, 2, b"hello");
        let mut bytes = craft::ipv4(6, &[&[0x94, 4, 0, 0][..], &tcp].concat());
        bytes[0] = 0x46;
        assert_eq!(tcp_of(&bytes).map(|t| t.2), Ok(&b"hello"[..]));
        bytes[0] = 0x4f;
        bytes[3] = 59;
        assert_eq!(raw(&bytes), Err(Discard::BadIpHeader), "header longer than the packet");
    }

    #[test]
    fn refuses_bad_headers() {
        let good = craft::tcp_in_ipv4(b"hello");
        let with = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            bytes
        };
        for bad in [with(0, 0x44), with(0, 0x55), with(3, 19), good[..19].to_vec(), with(0, 0x4f)] {
            assert_eq!(raw(&bad), Err(Discard::BadIpHeader));
        }
        assert_eq!(raw(&craft::tcp_in_ipv6(b"")[..39]), Err(Discard::BadIpHeader));
    }

    #[test]
    fn gives_fragments_back() {
        let mut bytes = craft::ipv4(17, b"0123456789abcdef");
        // Identification 0x1234; more fragments, offset 3 * 8.
        bytes[4..8].copy_from_slice(&[0x12, 0x34, 0x20, 0x03]);
        bytes.push(0);
        let Ok(Decoded::Fragment(fragment)) = raw(&bytes) else { panic!("not a fragment") };
        assert_eq!((fragment.protocol, fragment.id, fragment.offset, fragment.more), (17, 0x1234, 24, true));
        assert_eq!(fragment.payload, b"0123456789abcdef");
        // The last piece has an offset only, the first one the bit only.
        bytes[6..8].copy_from_slice(&[0x00, 0x01]);
        assert!(matches!(raw(&bytes), Ok(Decoded::Fragment(Fragment { offset: 8, more: false, .. }))));
        bytes[6..8].copy_from_slice(&[0x20, 0x00]);
        assert!(matches!(raw(&bytes), Ok(Decoded::Fragment(Fragment { offset: 0, more: true, .. }))));
        // 65528 + 16 is more than a datagram holds.
        bytes[6..8].copy_from_slice(&[0x1f, 0xff]);
        assert_eq!(raw(&bytes), Err(Discard::BadFragment));
    }

    #[test]
    fn goes_on_from_a_reassembled_datagram() {
        let (a, b) = (IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4)), IpAddr::V4(Ipv4Addr::new(5, 6, 7, 8)));
        let tags = Tags { vlan: [9, 0], vlans: 1, vni: None, depth: 1 };
        let tcp = craft::tcp(1, 2, b"hello");
        let packet =
            decode_datagram(a, b, 6, tags, &tcp, Checksums::Ignore).and_then(craft::packet).expect("TCP");
        assert_eq!((packet.source, packet.destination, packet.tags), (a, b, tags));
        let inner = craft::tcp_in_ipv6(b"hello");
        let packet =
            decode_datagram(a, b, 41, tags, &inner, Checksums::Ignore).and_then(craft::packet).expect("6in4");
        assert_eq!(packet.tags, Tags { depth: 2, ..tags });
        let deep = Tags { depth: 8, ..tags };
        assert_eq!(decode_datagram(a, b, 41, deep, &inner, Checksums::Ignore), Err(Discard::TooDeep));
    }

    #[test]
    fn reads_ip_in_ip() {
        let depth =
            |bytes: &[u8]| raw(bytes).and_then(craft::packet).map(|p| (p.tags.depth, p.transport.protocol()));
        let (v4, v6) = (craft::tcp_in_ipv4(b"a"), craft::tcp_in_ipv6(b"a"));
        assert_eq!(depth(&craft::ipv4(4, &v4)), Ok((1, 6)));
        assert_eq!(depth(&craft::ipv4(41, &v6)), Ok((1, 6)));
        assert_eq!(depth(&craft::ipv6(41, &v6)), Ok((1, 6)));
        assert_eq!(depth(&craft::ipv6(4, &craft::ipv4(41, &v6))), Ok((2, 6)));
        assert_eq!(depth(&craft::ipv4(137, &[&[0, 1, 1, 64][..], &v4].concat())), Ok((1, 6)));
        // No IP inside: the outer packet counts.
        assert_eq!(depth(&craft::ipv4(4, b"nothing of the kind, really")), Ok((0, 4)));
        assert_eq!(depth(&craft::ipv4(4, &[])), Ok((0, 4)));
        let nested = (0..9).fold(v4, |inner, _| craft::ipv4(4, &inner));
        assert_eq!(depth(&nested), Err(Discard::TooDeep));
    }

    #[test]
    fn verifies_the_header_when_asked() {
        let mut bytes = craft::tcp_in_ipv4(b"hello");
        assert!(decode(LinkType::RAW, &bytes, Checksums::Verify).is_ok());
        bytes[8] ^= 1;
        assert_eq!(decode(LinkType::RAW, &bytes, Checksums::Verify), Err(Discard::BadChecksum));
        assert!(raw(&bytes).is_ok());
    }
}
