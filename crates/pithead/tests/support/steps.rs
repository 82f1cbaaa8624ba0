//! A capture taken apart into what its hosts did, so that the same can be sent in another way.

use std::net::SocketAddr;
use std::path::Path;

use pithead_wire::{Checksums, Decoded, Flags, LinkType, Timestamp, Transport, decode};

use super::captures::{self, Sample};
use super::craft::{self, Ip};

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub sequence: u32,
    pub acknowledgment: u32,
    pub flags: u8,
    pub payload: Vec<u8>,
    pub at: Timestamp,
}

/// What a frame of the capture was.
#[derive(Clone, Debug)]
pub enum Step {
    Segment(Segment),
    /// Anything else, as it was.
    Frame(Sample),
}

impl Segment {
    /// Whether it only carries data: no opening, no end.
    pub fn is_plain(&self) -> bool {
        let special = Flags::SYN.union(Flags::FIN).union(Flags::RST);
        self.flags & special.0 == 0 && !self.payload.is_empty()
    }

    /// Whether it goes the same way as another.
    pub fn follows(&self, other: &Self) -> bool {
        (self.source, self.destination) == (other.source, other.destination)
    }

    /// The part of it from one byte to another.
    pub fn part(&self, from: usize, to: usize) -> Self {
        let sequence = self.sequence.wrapping_add(from as u32);
        Self { sequence, payload: self.payload[from..to].to_vec(), ..self.clone() }
    }

    /// The packet.
    pub fn ip(&self) -> Ip {
        let ports = craft::ports(self.source, self.destination);
        let payload = craft::tcp(ports, self.sequence, self.acknowledgment, self.flags, &self.payload);
        Ip { source: self.source.ip(), destination: self.destination.ip(), protocol: craft::TCP, payload }
    }
}

/// The steps of a capture.
pub fn of(capture: &Path) -> Vec<Step> {
    captures::frames(capture).into_iter().map(|sample| step(&sample).unwrap_or(Step::Frame(sample))).collect()
}

fn step(sample: &Sample) -> Option<Step> {
    let Ok(Decoded::Packet(packet)) = decode(sample.link, &sample.bytes, Checksums::Ignore) else {
        return None;
    };
    let Transport::Tcp(tcp) = packet.transport else { return None };
    // A sliced segment cannot be made whole.
    (tcp.payload.len() == tcp.payload_len).then(|| {
        Step::Segment(Segment {
            source: SocketAddr::new(packet.source, tcp.source_port),
            destination: SocketAddr::new(packet.destination, tcp.destination_port),
            sequence: tcp.sequence,
            acknowledgment: tcp.acknowledgment,
            flags: tcp.flags.0,
            payload: tcp.payload.to_vec(),
            at: sample.at,
        })
    })
}

/// The steps as frames.
pub fn frames(steps: &[Step]) -> Vec<Sample> {
    sent(steps, |packet| vec![craft::framed(&packet.whole())])
}

/// The steps as frames, each packet sent in its own way. What is not TCP is sent so too, if it is an IP packet in Ethernet.
pub fn sent(steps: &[Step], mut way: impl FnMut(&Ip) -> Vec<Vec<u8>>) -> Vec<Sample> {
    let mut samples = Vec::new();
    for step in steps {
        let (packet, at) = match step {
            Step::Segment(segment) => (Some(segment.ip()), segment.at),
            Step::Frame(sample) => (datagram(sample), sample.at),
        };
        match (packet, step) {
            (Some(packet), _) => {
                samples.extend(way(&packet).into_iter().map(|bytes| Sample::ethernet(bytes, at)));
            }
            (None, Step::Frame(sample)) => samples.push(sample.clone()),
            (None, Step::Segment(_)) => unreachable!("a segment has a packet"),
        }
    }
    samples
}

/// The UDP datagram in a frame.
fn datagram(sample: &Sample) -> Option<Ip> {
    if sample.link != LinkType::ETHERNET {
        return None;
    }
    let Ok(Decoded::Packet(packet)) = decode(sample.link, &sample.bytes, Checksums::Ignore) else {
        return None;
    };
    let Transport::Udp(udp) = packet.transport else { return None };
    let payload = craft::udp(udp.source_port, udp.destination_port, udp.payload);
    Some(Ip { source: packet.source, destination: packet.destination, protocol: craft::UDP, payload })
}

/// Each plain segment replaced by what `into` makes of it.
pub fn replaced(steps: &[Step], mut into: impl FnMut(&Segment) -> Vec<Segment>) -> Vec<Step> {
    let mut made = Vec::new();
    for step in steps {
        match step {
            Step::Segment(segment) if segment.is_plain() => {
                made.extend(into(segment).into_iter().map(Step::Segment));
            }
            other => made.push(other.clone()),
        }
    }
    made
}
