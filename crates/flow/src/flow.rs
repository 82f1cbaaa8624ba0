//! One flow: both directions of a five-tuple.

use std::net::SocketAddr;

use pithead_wire::{Flags, Tags, Timestamp};

use crate::key::Key;

/// Which way a packet goes, relative to the packet that began its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The way of the flow's initiator.
    Forward,
    /// The way back.
    Backward,
}

impl Direction {
    /// 0 forward, 1 backward: an index into pairs.
    pub const fn index(self) -> usize {
        match self {
            Self::Forward => 0,
            Self::Backward => 1,
        }
    }

    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::Forward => Self::Backward,
            Self::Backward => Self::Forward,
        }
    }
}

/// How far a flow has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// TCP: SYN seen, no answer.
    New,
    /// TCP: under way, or met in its midst.
    Established,
    /// TCP: reset, or closed by both sides.
    Closed,
    /// UDP: there is no more to say.
    Datagrams,
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was heard for longer than its timeout.
    Timeout,
    /// Its sides closed or reset it.
    Closed,
    /// A new connection took over its five-tuple.
    Replaced,
    /// The input ended.
    Shutdown,
}

/// What is kept of a flow.
#[derive(Clone, Debug)]
pub struct Flow {
    pub(crate) key: Key,
    pub(crate) next_in_slot: u32,
    /// It has ended, and its place waits for the timer wheel.
    pub(crate) dead: bool,
    /// Where it began: the initiator as far as packets tell.
    pub source: SocketAddr,
    /// The other end.
    pub destination: SocketAddr,
    /// IANA protocol number, 6 or 17.
    pub protocol: u8,
    /// How far it has come.
    pub state: State,
    /// Control bits seen, forward and backward.
    pub flags: [Flags; 2],
    /// Tags of its first packet.
    pub tags: Tags,
    /// Interface of its first packet.
    pub interface: u16,
    /// Time of its first packet.
    pub first: Timestamp,
    /// Latest time of its packets.
    pub last: Timestamp,
    /// Sequence of the frame that began it.
    pub first_frame: u64,
    /// Sequence of the latest frame.
    pub last_frame: u64,
    /// Number in its file of the latest frame.
    pub last_number: u64,
    /// Packets, forward and backward.
    pub packets: [u64; 2],
    /// Bytes on the wire, frames whole, forward and backward.
    pub bytes: [u64; 2],
    /// Initial sequence numbers, forward and backward, where the SYN was seen.
    pub isn: [Option<u32>; 2],
    /// Room for the detector: which of its records belongs to this flow, and what it noted. Nothing here reads it.
    pub mark: Mark,
}

/// The detector's notes in a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    /// One more than the index of the detector's record; 0 when there is none.
    pub record: u32,
    /// What the flow speaks, in the detector's numbering.
    pub app: u8,
    /// Set once the detector has seen all it wants of the flow.
    pub done: bool,
    /// Set once the flow has been alerted.
    pub alerted: bool,
}

/// What events say of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// See [`Key::flow_id`].
    pub id: u64,
    /// Where it began.
    pub source: SocketAddr,
    /// The other end.
    pub destination: SocketAddr,
    /// IANA protocol number.
    pub protocol: u8,
    /// How far it has come.
    pub state: State,
    /// Control bits seen, forward and backward.
    pub flags: [Flags; 2],
    /// Tags of its first packet.
    pub tags: Tags,
    /// Interface of its first packet.
    pub interface: u16,
    /// Time of its first packet.
    pub first: Timestamp,
    /// Latest time of its packets.
    pub last: Timestamp,
    /// Packets, forward and backward.
    pub packets: [u64; 2],
    /// Bytes on the wire, forward and backward.
    pub bytes: [u64; 2],
}

impl Flow {
    /// The flow's id.
    pub fn id(&self) -> u64 {
        self.key.flow_id(self.first)
    }

    /// What events say of it now.
    pub fn summary(&self) -> Summary {
        Summary {
            id: self.id(),
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            state: self.state,
            flags: self.flags,
            tags: self.tags,
            interface: self.interface,
            first: self.first,
            last: self.last,
            packets: self.packets,
            bytes: self.bytes,
        }
    }

    /// Whether it is a TCP connection that was asked for and never answered but by a reset.
    pub fn is_unanswered(&self) -> bool {
        let (asked, answered) = (self.flags[0], self.flags[1]);
        self.protocol == 6
            && asked.contains(Flags::SYN)
            && !asked.contains(Flags::ACK)
            && !answered.contains(Flags::SYN)
    }

    /// The direction of a packet from `source`.
    pub fn direction(&self, source: SocketAddr) -> Direction {
        if source == self.source { Direction::Forward } else { Direction::Backward }
    }
}
