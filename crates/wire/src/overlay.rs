//! Tunnels that ride on UDP: VXLAN, VXLAN-GPE, GENEVE, GTP-U and Teredo.
//!
//! A port is a hint, not a proof: any program may own one of these. So each header is held against what its protocol
//! fixes, and IP must stand where it says; what fails counts as the plain UDP packet that it may well be.

use crate::Discard;
use crate::ethernet::{ethernet, tunnelled};
use crate::ip::{ip, ipv6};
use crate::nsh::numbered;
use crate::trail::{Outcome, Trail};

/// How many extension headers of one GTP-U header are skipped; four are defined. Beyond, it is no tunnel of ours.
const MAX_GTP_EXTENSIONS: usize = 8;

/// A kind of tunnel on UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// RFC 7348.
    Vxlan,
    /// draft-ietf-nvo3-vxlan-gpe.
    VxlanGpe,
    /// RFC 8926.
    Geneve,
    /// 3GPP TS 29.281.
    GtpU,
    /// RFC 4380.
    Teredo,
}

impl Overlay {
    /// The kind of tunnel that packets between these ports may be.
    #[inline]
    pub(crate) const fn on_ports(source: u16, destination: u16) -> Option<Self> {
        // The destination decides; but answers are seen that come from the known port and go to the asker's.
        match Self::on_port(destination) {
            None => Self::on_port(source),
            overlay => overlay,
        }
    }

    #[inline]
    const fn on_port(port: u16) -> Option<Self> {
        Some(match port {
            // The second is what Linux used before there was a number, and flannel still does.
            4789 | 8472 => Self::Vxlan,
            4790 => Self::VxlanGpe,
            6081 => Self::Geneve,
            2152 => Self::GtpU,
            3544 => Self::Teredo,
            _ => return None,
        })
    }

    /// Decodes what is inside, given the UDP payload and its length on the wire.
    #[inline(never)]
    pub(crate) fn open(self, payload: &[u8], payload_len: usize, trail: Trail) -> Outcome<'_> {
        match self {
            Self::Vxlan => vxlan(payload, trail),
            Self::VxlanGpe => vxlan_gpe(payload, trail),
            Self::Geneve => geneve(payload, trail),
            Self::GtpU => gtp_u(payload, payload_len, trail),
            Self::Teredo => teredo(payload, payload_len, trail),
        }
    }
}

/// Flags, group policy, network identifier. Only the flag that makes the identifier valid is fixed.
fn vxlan(payload: &[u8], trail: Trail) -> Outcome<'_> {
    let (header, inner) = split_header(payload)?;
    if header[0] & 0x08 == 0 {
        return Err(Discard::NotIp);
    }
    ethernet(inner, trail.deeper()?.with_vni(network(header)))
}

/// As VXLAN, with version 0 and a next protocol. The flag that announces the latter is left out by some senders.
fn vxlan_gpe(payload: &[u8], trail: Trail) -> Outcome<'_> {
    let (header, inner) = split_header(payload)?;
    // Two bits of version, identifier valid.
    if header[0] & 0x38 != 0x08 {
        return Err(Discard::NotIp);
    }
    let trail = trail.deeper()?.with_vni(network(header));
    match header[3] {
        // A plain VXLAN sender.
        0 => ethernet(inner, trail),
        protocol => numbered(protocol, inner, trail),
    }
}

/// Version 0 and option length, flags, EtherType, network identifier.
fn geneve(payload: &[u8], trail: Trail) -> Outcome<'_> {
    let (header, rest) = split_header(payload)?;
    let reserved = header[1] & 0x3f;
    if header[0] >> 6 != 0 || reserved != 0 {
        return Err(Discard::NotIp);
    }
    let options_len = usize::from(header[0]) * 4;
    let inner = rest.get(options_len..).ok_or(Discard::TruncatedLink)?;
    let kind = u16::from_be_bytes([header[2], header[3]]);
    tunnelled(kind, inner, trail.deeper()?.with_vni(network(header)))
}

/// Flags, message type, length of all behind the first eight bytes, tunnel endpoint identifier.
fn gtp_u(payload: &[u8], payload_len: usize, trail: Trail) -> Outcome<'_> {
    let (header, rest) = split_header(payload)?;
    let [flags, kind, length_high, length_low, teid @ ..] = *header;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    // Version 1, GTP rather than GTP'; a user's packet, as other types are between the nodes themselves.
    if flags & 0xf0 != 0x30 || kind != 0xff || length > payload_len - 8 {
        return Err(Discard::NotIp);
    }
    let rest = rest.get(..length).unwrap_or(rest);
    ip(behind_extensions(flags, rest)?, trail.deeper()?.with_vni(u32::from_be_bytes(teid)))
}

/// What follows the optional part of a GTP-U header.
fn behind_extensions(flags: u8, bytes: &[u8]) -> Result<&[u8], Discard> {
    // Extension, sequence number, N-PDU number: any of them brings the fields of all.
    if flags & 0x07 == 0 {
        return Ok(bytes);
    }
    let (fields, mut rest) = bytes.split_first_chunk::<4>().ok_or(Discard::TruncatedLink)?;
    let mut next = if flags & 0x04 != 0 { fields[3] } else { 0 };
    for _ in 0..MAX_GTP_EXTENSIONS {
        if next == 0 {
            return Ok(rest);
        }
        // The first byte is the length in words; the last one says what follows.
        let length = rest.first().map_or(0, |words| usize::from(*words) * 4);
        let (extension, behind) = rest.split_at_checked(length).ok_or(Discard::TruncatedLink)?;
        next = *extension.last().ok_or(Discard::NotIp)?;
        rest = behind;
    }
    if next == 0 { Ok(rest) } else { Err(Discard::NotIp) }
}

/// IPv6, behind an authentication indication, an origin indication, both or neither.
fn teredo(payload: &[u8], payload_len: usize, trail: Trail) -> Outcome<'_> {
    let packet = behind_origin(behind_authentication(payload)?);
    let packet_len = payload_len - (payload.len() - packet.len());
    match *packet {
        // The length is fixed by RFC 4380 section 5.2.3; extensions put trailers behind it.
        [first, _, _, _, high, low, ..]
            if first >> 4 == 6 && 40 + usize::from(u16::from_be_bytes([high, low])) <= packet_len =>
        {
            ipv6(packet, trail.deeper()?)
        }
        _ => Err(Discard::NotIp),
    }
}

fn behind_authentication(bytes: &[u8]) -> Result<&[u8], Discard> {
    match *bytes {
        // Lengths of client identifier and authentication value; these, a nonce of eight bytes, a confirmation byte.
        [0, 1, id_len, value_len, ref rest @ ..] => {
            rest.get(usize::from(id_len) + usize::from(value_len) + 9..).ok_or(Discard::TruncatedLink)
        }
        _ => Ok(bytes),
    }
}

const fn behind_origin(bytes: &[u8]) -> &[u8] {
    match bytes {
        // Port and address of the origin, obscured.
        [0, 0, _, _, _, _, _, _, rest @ ..] => rest,
        _ => bytes,
    }
}

fn split_header(payload: &[u8]) -> Result<(&[u8; 8], &[u8]), Discard> {
    payload.split_first_chunk::<8>().ok_or(Discard::TruncatedLink)
}

/// The 24-bit network identifier of VXLAN and GENEVE.
const fn network(header: &[u8; 8]) -> u32 {
    u32::from_be_bytes([0, header[4], header[5], header[6]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checksums, LinkType, Transport, craft, decode};

    /// Depth, identifier and protocol of a UDP payload to some port.
    fn seen(port: u16, parts: &[&[u8]]) -> Result<(u8, Option<u32>, u8), Discard> {
        let bytes = craft::ipv4(17, &craft::udp(50_000, port, &parts.concat()));
        decode(LinkType::RAW, &bytes, Checksums::Ignore)
            .and_then(craft::packet)
            .map(|packet| (packet.tags.depth, packet.tags.vni, packet.transport.protocol()))
    }

    const PLAIN: Result<(u8, Option<u32>, u8), Discard> = Ok((0, None, 17));

    fn frame() -> Vec<u8> {
        craft::ethernet(0x0800, &craft::tcp_in_ipv4(b"a"))
    }

    #[test]
    fn reads_vxlan() {
        let header = [0x08, 0, 0, 0, 0x01, 0x02, 0x03, 0];
        for port in [4789, 8472] {
            assert_eq!(seen(port, &[&header, &frame()]), Ok((1, Some(0x0001_0203), 6)));
        }
        // Group policy in the reserved fields.
        assert_eq!(seen(4789, &[&[0x88, 0, 0, 9, 0, 0, 1, 0], &frame()]), Ok((1, Some(1), 6)));
        assert_eq!(seen(4789, &[&[0; 8], &frame()]), PLAIN);
        assert_eq!(seen(4789, &[&header, &craft::ethernet(0x0806, &[0; 28])]), PLAIN);
        assert_eq!(seen(4789, &[&header, &frame()[..13]]), PLAIN);
        assert_eq!(seen(4789, &[&header[..7]]), PLAIN);
        assert_eq!(seen(4788, &[&header, &frame()]), PLAIN);
    }

    #[test]
    fn an_unopened_tunnel_keeps_the_outer_payload() {
        let bytes = craft::ipv4(17, &craft::udp(50_000, 4789, b"\x08 something else"));
        let packet =
            decode(LinkType::RAW, &bytes, Checksums::Ignore).and_then(craft::packet).expect("decodes");
        let Transport::Udp(udp) = packet.transport else { panic!("not UDP") };
        assert_eq!((udp.destination_port, udp.payload), (4789, &b"\x08 something else"[..]));
    }

    #[test]
    fn reads_vxlan_gpe() {
        let ip = craft::tcp_in_ipv4(b"a");
        assert_eq!(seen(4790, &[&[0x0c, 0, 0, 1, 0, 0, 7, 0], &ip]), Ok((1, Some(7), 6)));
        assert_eq!(seen(4790, &[&[0x0c, 0, 0, 3, 0, 0, 7, 0], &frame()]), Ok((1, Some(7), 6)));
        // A service header in between: two words, IPv4 next.
        let service = [0x0f, 0xc2, 2, 1, 0, 0, 1, 255];
        assert_eq!(seen(4790, &[&[0x0c, 0, 0, 4, 0, 0, 7, 0], &service, &ip]), Ok((2, Some(7), 6)));
        // Without the flag, and as plain VXLAN.
        assert_eq!(seen(4790, &[&[0x08, 0, 0, 1, 0, 0, 7, 0], &ip]), Ok((1, Some(7), 6)));
        assert_eq!(seen(4790, &[&[0x08, 0, 0, 0, 0, 0, 7, 0], &frame()]), Ok((1, Some(7), 6)));
        // Version 1; no such protocol.
        assert_eq!(seen(4790, &[&[0x1c, 0, 0, 1, 0, 0, 7, 0], &ip]), PLAIN);
        assert_eq!(seen(4790, &[&[0x0c, 0, 0, 9, 0, 0, 7, 0], &ip]), PLAIN);
    }

    #[test]
    fn reads_geneve() {
        let ip = craft::tcp_in_ipv4(b"a");
        assert_eq!(seen(6081, &[&[0, 0, 0x65, 0x58, 0, 0, 9, 0], &frame()]), Ok((1, Some(9), 6)));
        assert_eq!(seen(6081, &[&[0, 0, 0x08, 0x00, 0, 0, 9, 0], &ip]), Ok((1, Some(9), 6)));
        // Two words of options, critical ones.
        assert_eq!(seen(6081, &[&[2, 0x40, 0x65, 0x58, 0, 0, 9, 0], &[0; 8], &frame()]), Ok((1, Some(9), 6)));
        assert_eq!(seen(6081, &[&[0x40, 0, 0x65, 0x58, 0, 0, 9, 0], &frame()]), PLAIN);
        assert_eq!(seen(6081, &[&[0, 1, 0x65, 0x58, 0, 0, 9, 0], &frame()]), PLAIN);
        assert_eq!(seen(6081, &[&[0x3f, 0, 0x65, 0x58, 0, 0, 9, 0], &frame()]), PLAIN);
    }

    /// A GTP-U header with its length filled in.
    fn gtp(flags: u8, kind: u8, rest: &[&[u8]]) -> Vec<u8> {
        let rest = rest.concat();
        [&[flags, kind][..], &(rest.len() as u16).to_be_bytes(), &[0, 0, 0, 5], &rest].concat()
    }

    #[test]
    fn reads_gtp() {
        let (v4, v6) = (craft::tcp_in_ipv4(b"a"), craft::tcp_in_ipv6(b"a"));
        assert_eq!(seen(2152, &[&gtp(0x30, 0xff, &[&v4])]), Ok((1, Some(5), 6)));
        assert_eq!(seen(2152, &[&gtp(0x32, 0xff, &[&[0, 1, 0, 0], &v6])]), Ok((1, Some(5), 6)));
        // A PDU session container, then a PDCP number.
        let extensions = [0, 1, 0, 0x85, 1, 0, 9, 0xc0, 1, 0, 3, 0];
        assert_eq!(seen(2152, &[&gtp(0x34, 0xff, &[&extensions, &v4])]), Ok((1, Some(5), 6)));
        // Echo request, GTP', an extension of no length, no IP inside.
        assert_eq!(seen(2152, &[&gtp(0x32, 0x01, &[&[0, 1, 0, 0]])]), PLAIN);
        assert_eq!(seen(2152, &[&gtp(0x20, 0xff, &[&v4])]), PLAIN);
        assert_eq!(seen(2152, &[&gtp(0x34, 0xff, &[&[0, 1, 0, 0x85, 0, 0, 0, 0], &v4])]), PLAIN);
        assert_eq!(seen(2152, &[&gtp(0x30, 0xff, &[&frame()])]), PLAIN);
    }

    #[test]
    fn bounds_gtp_extensions() {
        let ip = craft::tcp_in_ipv4(b"a");
        let chain = |count: usize| {
            let mut bytes = vec![0, 1, 0, 0x85];
            bytes.extend([1, 0, 0, 0x85].repeat(count - 1));
            bytes.extend([1, 0, 0, 0]);
            gtp(0x34, 0xff, &[&bytes, &ip])
        };
        assert_eq!(seen(2152, &[&chain(8)]), Ok((1, Some(5), 6)));
        assert_eq!(seen(2152, &[&chain(9)]), PLAIN);
    }

    #[test]
    fn holds_gtp_against_its_length() {
        let mut long = gtp(0x30, 0xff, &[&craft::tcp_in_ipv4(b"a")]);
        long[3] += 1;
        assert_eq!(seen(2152, &[&long]), PLAIN);
    }

    #[test]
    fn reads_teredo() {
        let ip = craft::tcp_in_ipv6(b"a");
        let origin = [0, 0, 0xaf, 0xfe, 1, 2, 3, 4];
        // Identifier of one byte, value of two, nonce, confirmation.
        let authentication = [0, 1, 1, 2, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0];
        assert_eq!(seen(3544, &[&ip]), Ok((1, None, 6)));
        assert_eq!(seen(3544, &[&origin, &ip]), Ok((1, None, 6)));
        assert_eq!(seen(3544, &[&authentication, &ip]), Ok((1, None, 6)));
        assert_eq!(seen(3544, &[&authentication, &origin, &ip]), Ok((1, None, 6)));
        // A bubble keeps a mapping open and has no payload.
        assert_eq!(seen(3544, &[&craft::ipv6(59, &[])]), Ok((1, None, 59)));
        assert_eq!(seen(3544, &[&craft::tcp_in_ipv4(b"a")]), PLAIN);
        // One byte short of what its header says.
        assert_eq!(seen(3544, &[&ip[..ip.len() - 1]]), PLAIN);
        assert_eq!(seen(3544, &[&origin, &ip[..ip.len() - 1]]), PLAIN);
        assert_eq!(seen(3544, &[&[0, 1, 255, 255]]), PLAIN);
        assert_eq!(seen(3544, &[]), PLAIN);
    }

    #[test]
    fn the_destination_decides_between_two_known_ports() {
        assert_eq!(Overlay::on_ports(2152, 40_000), Some(Overlay::GtpU));
        assert_eq!(Overlay::on_ports(4789, 6081), Some(Overlay::Geneve));
        assert_eq!(Overlay::on_ports(53, 40_000), None);
    }

    #[test]
    fn gives_back_the_fragment_of_a_tunnelled_packet() {
        let mut inner = craft::ipv4(6, &[7; 16]);
        inner[6] = 0x20;
        let bytes = [&[0x08, 0, 0, 0, 0, 0, 3, 0][..], &craft::ethernet(0x0800, &inner)].concat();
        let bytes = craft::ipv4(17, &craft::udp(1, 4789, &bytes));
        let decoded = decode(LinkType::RAW, &bytes, Checksums::Ignore);
        let Ok(crate::Decoded::Fragment(fragment)) = decoded else { panic!("not a fragment") };
        assert_eq!((fragment.tags.vni, fragment.tags.depth, fragment.payload.len()), (Some(3), 1, 16));
    }
}
