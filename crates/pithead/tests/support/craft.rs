//! Headers made by hand: packets, their fragments, and the tunnels that they may be in.
//!
//! Written apart from `wire`, which they test. Checksums stay zero, since nobody asks for them.

use std::net::{IpAddr, SocketAddr};

/// Protocol numbers.
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// An IP packet, or a fragment of one, before it has bytes.
#[derive(Clone, Debug)]
pub struct Ip {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub protocol: u8,
    pub payload: Vec<u8>,
}

impl Ip {
    /// The whole packet.
    pub fn whole(&self) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ipv4(source.octets(), destination.octets(), self.protocol, (0, 0), &self.payload)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                ipv6(source.octets(), destination.octets(), self.protocol, &self.payload)
            }
            mixed => unreachable!("a packet has addresses of one kind: {mixed:?}"),
        }
    }

    /// The packet in fragments, each of so many bytes as `sizes` say (rounded down to eights), over and over.
    pub fn fragments(&self, id: u16, sizes: &[usize]) -> Vec<Vec<u8>> {
        let (mut fragments, mut at) = (Vec::new(), 0);
        for size in sizes.iter().cycle() {
            let size = (size / 8 * 8).max(8);
            let end = self.payload.len().min(at + size);
            fragments.push(self.fragment(id, at, end));
            at = end;
            if at == self.payload.len() {
                break;
            }
        }
        fragments
    }

    /// The fragment with these bytes of the payload; of all of them in IPv6 an atomic one.
    pub fn fragment(&self, id: u16, from: usize, to: usize) -> Vec<u8> {
        let more = u16::from(to < self.payload.len());
        let (eights, piece) = ((from / 8) as u16, &self.payload[from..to]);
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ipv4(source.octets(), destination.octets(), self.protocol, (id, more << 13 | eights), piece)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let place = (eights << 3 | more).to_be_bytes();
                let header = [&[self.protocol, 0][..], &place, &[0, 0], &id.to_be_bytes(), piece].concat();
                ipv6(source.octets(), destination.octets(), 44, &header)
            }
            mixed => unreachable!("a packet has addresses of one kind: {mixed:?}"),
        }
    }
}

/// An IPv4 packet; `part` is its identification, and its flags and offset.
fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, part: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len() as u16).to_be_bytes();
    let (id, place) = (part.0.to_be_bytes(), part.1.to_be_bytes());
    let hops = [64, protocol, 0, 0];
    [&[0x45, 0][..], &length, &id, &place, &hops, &source, &destination, payload].concat()
}

fn ipv6(source: [u8; 16], destination: [u8; 16], next: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0][..], &length, &[next, 64], &source, &destination, payload].concat()
}

/// A TCP segment without options.
pub fn tcp(ports: (u16, u16), sequence: u32, acknowledgment: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (ports.0.to_be_bytes(), ports.1.to_be_bytes());
    let rest = [0x50, flags, 0x20, 0, 0, 0, 0, 0];
    [&source[..], &destination, &sequence.to_be_bytes(), &acknowledgment.to_be_bytes(), &rest, payload]
        .concat()
}

pub fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let header = [source, destination, length, 0].map(u16::to_be_bytes).concat();
    [&header[..], payload].concat()
}

/// A frame for an IP packet.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    ethernet(kind(packet), packet)
}

pub fn ethernet(kind: u16, body: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &kind.to_be_bytes(), body].concat()
}

/// The EtherType of an IP packet.
fn kind(packet: &[u8]) -> u16 {
    if packet.first().is_some_and(|first| first >> 4 == 6) { 0x86dd } else { 0x0800 }
}

/// What packets travel in: a name, and a frame made of an IP packet.
pub type Carrier = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Every kind of tunnel and tag.
pub const CARRIERS: [Carrier; 17] = [
    ("VLAN", |packet| ethernet(0x8100, &tag(7, packet))),
    ("QinQ", |packet| ethernet(0x88a8, &[&[0, 9, 0x81, 0][..], &tag(7, packet)].concat())),
    ("MPLS", |packet| ethernet(0x8847, &[&[0, 1, 0, 64, 0, 2, 1, 64][..], packet].concat())),
    ("Ethernet over MPLS", |packet| {
        ethernet(0x8847, &[&[0, 1, 1, 64, 0, 0, 0, 0][..], &framed(packet)].concat())
    }),
    ("PPPoE", |packet| {
        let protocol: [u8; 2] = if kind(packet) == 0x86dd { [0, 0x57] } else { [0, 0x21] };
        let length = (packet.len() as u16 + 2).to_be_bytes();
        ethernet(0x8864, &[&[0x11, 0, 0, 1][..], &length, &protocol, packet].concat())
    }),
    ("GRE", |packet| outer4(47, &[&[0, 0][..], &kind(packet).to_be_bytes(), packet].concat())),
    ("GRE with a key", |packet| {
        outer6(47, &[&[0x20, 0][..], &kind(packet).to_be_bytes(), &[0, 0, 0, 5], packet].concat())
    }),
    ("GRE with Ethernet", |packet| outer4(47, &[&[0, 0, 0x65, 0x58][..], &framed(packet)].concat())),
    ("ERSPAN II", |packet| {
        outer4(
            47,
            &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0][..], &framed(packet)].concat(),
        )
    }),
    ("IP in IPv4", |packet| outer4(if kind(packet) == 0x86dd { 41 } else { 4 }, packet)),
    ("IP in IPv6", |packet| outer6(if kind(packet) == 0x86dd { 41 } else { 4 }, packet)),
    ("VXLAN", |packet| overlay(4789, &[8, 0, 0, 0, 0, 0, 42, 0], &framed(packet))),
    ("GENEVE", |packet| overlay(6081, &[0, 0, 0x65, 0x58, 0, 0, 42, 0], &framed(packet))),
    ("GENEVE with options", |packet| {
        let kind = kind(packet).to_be_bytes();
        overlay(6081, &[&[2, 0][..], &kind, &[0, 0, 42, 0, 1, 2, 3, 1, 9, 9, 9, 9]].concat(), packet)
    }),
    ("GTP-U", |packet| {
        overlay(
            2152,
            &[&[0x30, 0xff][..], &(packet.len() as u16).to_be_bytes(), &[0, 0, 0, 9]].concat(),
            packet,
        )
    }),
    ("GTP-U with a sequence number", |packet| {
        let length = (packet.len() as u16 + 4).to_be_bytes();
        overlay(2152, &[&[0x32, 0xff][..], &length, &[0, 0, 0, 9, 0, 1, 0, 0]].concat(), packet)
    }),
    ("VXLAN in GRE in VLAN", |packet| {
        let inner = overlay(4789, &[8, 0, 0, 0, 0, 0, 42, 0], &framed(packet));
        let gre = outer4(47, &[&[0, 0, 0x65, 0x58][..], &inner].concat());
        ethernet(0x8100, &tag(3, &gre[14..]))
    }),
];

fn tag(id: u8, packet: &[u8]) -> Vec<u8> {
    [&[0, id][..], &kind(packet).to_be_bytes(), packet].concat()
}

fn outer4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    framed(&ipv4([198, 18, 0, 1], [198, 18, 0, 2], protocol, (0, 0), payload))
}

fn outer6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let end = |last| [0x20, 1, 0x0d, 0xb8, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    framed(&ipv6(end(1), end(2), protocol, payload))
}

fn overlay(port: u16, header: &[u8], inner: &[u8]) -> Vec<u8> {
    outer4(UDP, &udp(51_515, port, &[header, inner].concat()))
}

/// An end of a flow.
pub const fn ports(source: SocketAddr, destination: SocketAddr) -> (u16, u16) {
    (source.port(), destination.port())
}

/// An IP packet with TCP, its checksums right or wrong, and so many hops to go.
pub fn summed(packet: &Ip, right: bool, hops: u8) -> Vec<u8> {
    let mut payload = packet.payload.clone();
    let (source, destination) = match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            (source.octets().to_vec(), destination.octets().to_vec())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            (source.octets().to_vec(), destination.octets().to_vec())
        }
        mixed => unreachable!("a packet has addresses of one kind: {mixed:?}"),
    };
    let length = (payload.len() as u32).to_be_bytes();
    let pseudo = [&source[..], &destination, &length, &[0, 0, 0, packet.protocol]].concat();
    let sum = checksum(&[&pseudo[..], &payload].concat()) ^ if right { 0 } else { 0x5555 };
    payload[16..18].copy_from_slice(&sum.to_be_bytes());
    let mut whole = Ip { payload, ..packet.clone() }.whole();
    if whole[0] >> 4 == 4 {
        whole[8] = hops;
        let sum = checksum(&whole[..20]);
        whole[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        whole[7] = hops;
    }
    whole
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
