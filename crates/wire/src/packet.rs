//! What a decoded frame is: the innermost IP packet, as views into the frame.

use std::net::IpAddr;

/// What a frame turned out to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole packet.
    Packet(Packet<'a>),
    /// A piece of an IP datagram, to be put together before it can be decoded further.
    Fragment(Fragment<'a>),
}

/// The innermost IP packet of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// What it carries.
    pub transport: Transport<'a>,
    /// The tags met on the way in.
    pub tags: Tags,
}

/// VLAN and virtual-network tags, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags {
    /// VLAN ids; only the first `vlans` count.
    pub vlan: [u16; 2],
    /// How many VLAN ids there are. Tags beyond the second are skipped.
    pub vlans: u8,
    /// The innermost VXLAN or GENEVE network identifier, or GTP-U tunnel endpoint identifier.
    pub vni: Option<u32>,
    /// How many headers were peeled off before the innermost IP header (tags, labels and tunnels each count).
    pub depth: u8,
}

/// The innermost transport header and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// RFC 9293.
    Tcp(Tcp<'a>),
    /// RFC 768.
    Udp(Udp<'a>),
    /// Any other protocol, by its IANA number.
    Other(u8),
}

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Sequence number of the first payload byte (of SYN, where there is one).
    pub sequence: u32,
    /// The next byte that the sender expects; meaningful with ACK.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: Flags,
    /// The payload bytes that the frame holds.
    pub payload: &'a [u8],
    /// How many payload bytes there were on the wire; more than `payload` holds when the frame was sliced.
    pub payload_len: usize,
}

/// TCP control bits, RFC 9293 section 3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The payload bytes that the frame holds.
    pub payload: &'a [u8],
    /// How many payload bytes there were on the wire.
    pub payload_len: usize,
}

/// A piece of an IP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// The protocol that the whole datagram carries (for IPv6: the fragment header's next header).
    pub protocol: u8,
    /// The datagram's identification; 16 bits of it in IPv4.
    pub id: u32,
    /// Where the bytes belong in the datagram's payload.
    pub offset: u32,
    /// Whether further fragments follow.
    pub more: bool,
    /// The bytes.
    pub payload: &'a [u8],
    /// The tags met on the way in.
    pub tags: Tags,
}

impl<'a> Transport<'a> {
    /// The IANA protocol number.
    pub const fn protocol(&self) -> u8 {
        match self {
            Self::Tcp(_) => 6,
            Self::Udp(_) => 17,
            Self::Other(number) => *number,
        }
    }
}
