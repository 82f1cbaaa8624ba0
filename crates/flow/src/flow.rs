//! One flow: both directions of a five-tuple.

use std::net::SocketAddr;

use pithead_wire::{Flags, Tags, Timestamp};

use crate::key::Key;
use crate::line::{self, Line, Rest};

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
    New = 0,
    /// TCP: under way, or met in its midst.
    Established = 1,
    /// TCP: reset, or closed by both sides.
    Closed = 2,
    /// UDP: there is no more to say.
    Datagrams = 3,
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

/// What events say of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The same in every replay, and above 0 and below 2^53, so that readers which keep numbers as doubles keep it exactly.
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

/// A flow of the table, lent.
#[derive(Debug)]
pub struct Flow<'t> {
    pub(crate) line: &'t mut Line,
    pub(crate) rest: &'t mut Rest,
    pub(crate) key: Key,
}

impl Flow<'_> {
    /// The same flow, lent on.
    pub const fn lend(&mut self) -> Flow<'_> {
        Flow { line: &mut *self.line, rest: &mut *self.rest, key: self.key }
    }

    /// The flow's id: see [`Summary::id`].
    pub fn id(&self) -> u64 {
        self.key.flow_id(self.rest.first)
    }

    /// Where it began: the initiator as far as packets tell.
    pub fn source(&self) -> SocketAddr {
        self.key.ends()[usize::from(self.line.is_swapped())]
    }

    /// The other end.
    pub fn destination(&self) -> SocketAddr {
        self.key.ends()[usize::from(!self.line.is_swapped())]
    }

    /// IANA protocol number.
    pub const fn protocol(&self) -> u8 {
        if self.key.udp { 17 } else { 6 }
    }

    /// Control bits seen, forward and backward.
    pub const fn flags(&self) -> [Flags; 2] {
        self.line.flags
    }

    /// Interface of its first packet.
    pub const fn interface(&self) -> u16 {
        self.rest.interface
    }

    /// Time of its first packet.
    pub const fn first(&self) -> Timestamp {
        self.rest.first
    }

    /// Latest time of its packets.
    pub const fn last(&self) -> Timestamp {
        self.line.last
    }

    /// Packets, forward and backward.
    pub fn packets(&self) -> [u64; 2] {
        self.line.packets()
    }

    /// Bytes on the wire, frames whole, forward and backward.
    pub fn bytes(&self) -> [u64; 2] {
        self.line.bytes()
    }

    /// Initial sequence numbers, forward and backward, where the SYN was seen.
    pub fn isn(&self) -> [Option<u32>; 2] {
        self.rest.isn()
    }

    /// What events say of it now.
    pub fn summary(&self) -> Summary {
        Summary {
            id: self.id(),
            source: self.source(),
            destination: self.destination(),
            protocol: self.protocol(),
            state: self.line.state(),
            flags: self.flags(),
            tags: self.rest.tags(),
            interface: self.interface(),
            first: self.first(),
            last: self.last(),
            packets: self.packets(),
            bytes: self.bytes(),
        }
    }

    /// Whether it is a TCP connection that was asked for and never answered but by a reset.
    pub const fn is_unanswered(&self) -> bool {
        let [asked, answered] = self.line.flags;
        !self.key.udp
            && asked.contains(Flags::SYN)
            && !asked.contains(Flags::ACK)
            && !answered.contains(Flags::SYN)
    }
}

/// Room for the detector's notes. Nothing in this crate reads them. All begin as zero or `false`; all but the record are in the line that
/// the packet has touched anyway.
impl Flow<'_> {
    /// Which of the detector's records belongs to this flow.
    pub const fn record(&self) -> Option<u32> {
        self.rest.record.checked_sub(1)
    }

    /// Notes a record, whose number is below [`u32::MAX`], or that there is none.
    pub const fn set_record(&mut self, record: Option<u32>) {
        self.rest.record = match record {
            Some(record) => record + 1,
            None => 0,
        };
        self.line.set(line::RECORDED, record.is_some());
    }

    /// Whether it has a record: one look at the line.
    pub const fn has_record(&self) -> bool {
        self.line.has(line::RECORDED)
    }

    /// What it speaks, in the detector's numbering.
    pub const fn app(&self) -> u8 {
        self.line.app & !line::WATCHED
    }

    /// Notes what it speaks: a number below 128.
    pub const fn set_app(&mut self, app: u8) {
        self.line.app = self.line.app & line::WATCHED | app;
    }

    /// Whether it is watched: see [`Watch`](crate::Watch).
    pub const fn is_watched(&self) -> bool {
        self.line.app & line::WATCHED != 0
    }

    /// Notes whether it is.
    pub(crate) const fn set_watched(&mut self, watched: bool) {
        self.line.app = self.app() | if watched { line::WATCHED } else { 0 };
    }

    /// Whether the detector has seen all it wants of the flow.
    pub const fn is_done(&self) -> bool {
        self.line.has(line::DONE)
    }

    /// Notes that it has.
    pub const fn set_done(&mut self, done: bool) {
        self.line.set(line::DONE, done);
    }

    /// Whether the flow has been alerted.
    pub const fn is_alerted(&self) -> bool {
        self.line.has(line::ALERTED)
    }

    /// Notes that it has.
    pub const fn set_alerted(&mut self, alerted: bool) {
        self.line.set(line::ALERTED, alerted);
    }

    /// The sequence numbers that are expected next, forward and backward; `None` where nobody follows them.
    pub fn next(&self) -> Option<[u32; 2]> {
        self.line.has(line::FOLLOWED).then_some(self.line.next)
    }

    /// Notes them, or that nobody follows them.
    pub const fn set_next(&mut self, next: Option<[u32; 2]>) {
        self.line.set(line::FOLLOWED, next.is_some());
        if let Some(next) = next {
            self.line.next = next;
        }
    }

    /// How much more may be looked at, forward and backward, in the detector's measure.
    pub const fn credit(&self) -> [u8; 2] {
        self.line.credit
    }

    /// Notes it.
    pub const fn set_credit(&mut self, credit: [u8; 2]) {
        self.line.credit = credit;
    }
}

/// A flow that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub(crate) line: Line,
    pub(crate) rest: Rest,
    pub(crate) key: Key,
    /// Why.
    pub end: End,
    /// When: for one that ran out of time, at its deadline.
    pub at: Timestamp,
    /// Sequence of its last frame.
    pub last_frame: u64,
    /// Number of its last frame in that frame's file.
    pub last_number: u64,
}

impl Ended {
    /// The flow as it was at its end.
    pub const fn flow(&mut self) -> Flow<'_> {
        Flow { line: &mut self.line, rest: &mut self.rest, key: self.key }
    }
}
