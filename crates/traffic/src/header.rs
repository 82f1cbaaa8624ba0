//! Ethernet, IP, TCP and UDP headers with their checksums.

use crate::dice::mix;
use crate::recipe::MIN;

/// TCP flags (RFC 9293, 3.1).
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// The two ends of a flow. Addresses are of private networks and of those set aside for benchmarks (RFC 2544 and RFC 5180).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    v6: bool,
    client: u32,
    server: u32,
    ports: [u16; 2],
}

impl Ends {
    /// The ends of flow number `id`, when `clients` hosts take turns and the server listens on `port`.
    pub(crate) const fn new(id: u32, clients: u32, port: u16, v6: bool) -> Self {
        let own = 1024 + (id / clients % 64_000) as u16;
        Self { v6, client: 1 + id % clients, server: (mix(id as u64) >> 52) as u32, ports: [own, port] }
    }

    /// Bytes in front of a TCP payload.
    pub(crate) const fn tcp_bytes(&self) -> usize {
        self.ip_bytes() + 14 + 20
    }

    /// Bytes in front of a UDP payload.
    pub(crate) const fn udp_bytes(&self) -> usize {
        self.ip_bytes() + 14 + 8
    }

    const fn ip_bytes(&self) -> usize {
        if self.v6 { 40 } else { 20 }
    }

    /// Appends a frame with a segment.
    pub(crate) fn tcp(&self, out: &mut Vec<u8>, segment: &Segment<'_>) {
        let Segment { from_client, sequence, acknowledgment, flags, payload } = *segment;
        let options: &[u8] = if flags & SYN > 0 { &[2, 4, 5, 0xb4] } else { &[] };
        let start = out.len();
        let len = 20 + options.len() + payload.iter().map(|part| part.len()).sum::<usize>();
        let at = self.ip(out, from_client, TCP, len);
        self.ports(out, from_client);
        out.extend_from_slice(&sequence.to_be_bytes());
        out.extend_from_slice(&acknowledgment.to_be_bytes());
        let words = ((20 + options.len()) / 4) as u8;
        out.extend_from_slice(&[words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        out.extend_from_slice(options);
        finish(out, start, at, payload, TCP, 16);
    }

    /// Appends a frame with a datagram.
    pub(crate) fn udp(&self, out: &mut Vec<u8>, from_client: bool, payload: &[&[u8]]) {
        let start = out.len();
        let len = 8 + payload.iter().map(|part| part.len()).sum::<usize>();
        let at = self.ip(out, from_client, UDP, len);
        self.ports(out, from_client);
        out.extend_from_slice(&(len as u16).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        finish(out, start, at, payload, UDP, 6);
    }

    /// Appends what comes before the transport, and says where that begins.
    fn ip(&self, out: &mut Vec<u8>, from_client: bool, protocol: u8, len: usize) -> usize {
        let (own, other) = if from_client { (1, 2) } else { (2, 1) };
        out.extend_from_slice(&[2, 0, 0, 0, 0, other, 2, 0, 0, 0, 0, own]);
        if self.v6 {
            let [high, low] = (len as u16).to_be_bytes();
            out.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, high, low, protocol, 64]);
            let client = [0xfd00_0000, 0, 0, self.client];
            let server = [0x2001_0002, 0, 0, self.server];
            for word in in_order(client, server, from_client).into_iter().flatten() {
                out.extend_from_slice(&word.to_be_bytes());
            }
        } else {
            let [high, low] = (20 + len as u16).to_be_bytes();
            let start = out.len() + 2;
            out.extend_from_slice(&[8, 0, 0x45, 0, high, low, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
            for address in in_order(0x0a00_0000 + self.client, 0xc612_0000 + self.server, from_client) {
                out.extend_from_slice(&address.to_be_bytes());
            }
            let sum = !fold(sum(&out[start..]));
            out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        }
        out.len()
    }

    fn ports(&self, out: &mut Vec<u8>, from_client: bool) {
        for port in in_order(self.ports[0], self.ports[1], from_client) {
            out.extend_from_slice(&port.to_be_bytes());
        }
    }
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) from_client: bool,
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) flags: u8,
    pub(crate) payload: &'a [&'a [u8]],
}

const fn in_order<T: Copy>(client: T, server: T, from_client: bool) -> [T; 2] {
    if from_client { [client, server] } else { [server, client] }
}

/// Appends the payload, fills in the checksum at `field` of the transport that begins at `at`, and pads the frame that begins at `start`.
fn finish(out: &mut Vec<u8>, start: usize, at: usize, payload: &[&[u8]], protocol: u8, field: usize) {
    for part in payload {
        out.extend_from_slice(part);
    }
    // Both addresses lie right before the transport.
    let addresses = if out[start + 12] == 8 { 8 } else { 32 };
    let len = out.len() - at;
    let sum = sum(&out[at - addresses..]) + u64::from(protocol) + len as u64;
    let checksum = match !fold(sum) {
        0 if protocol == UDP => 0xffff, // 0 would say that there is none
        checksum => checksum,
    };
    out[at + field..at + field + 2].copy_from_slice(&checksum.to_be_bytes());
    if out.len() - start < MIN {
        out.resize(start + MIN, 0);
    }
}

/// The sum of the bytes as 16-bit words (RFC 1071), not folded yet.
fn sum(bytes: &[u8]) -> u64 {
    let (fours, rest) = bytes.as_chunks::<4>();
    let sum: u64 = fours.iter().map(|four| u64::from(u32::from_be_bytes(*four))).sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum + u64::from(u32::from_be_bytes(last))
}

const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
