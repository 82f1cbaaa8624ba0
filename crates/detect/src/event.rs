//! What the detector has to say.

use std::net::IpAddr;

use pithead_flow::{End, Shape, Summary};
use pithead_wire::Timestamp;

use crate::app::App;
use crate::behaviour::Hello;
use crate::carriers::Name;
use crate::session::Mining;

/// The frame that caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// Its place in the whole input: events are ordered by it.
    pub sequence: u64,
    /// Its number in its file.
    pub number: u64,
}

/// Something that happened in a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The frame that caused it; for a flow that ran out of time, its last frame.
    pub cause: Cause,
    /// When it happened.
    pub at: Timestamp,
    /// The flow, as it stood then.
    pub flow: Summary,
    /// What the flow speaks.
    pub app: App,
    /// What happened.
    pub body: Body,
}

/// What happened in a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A miner is certain, for the first time in this flow.
    Alert(Box<Mining>),
    /// The flow has ended, or ten minutes have passed since the last word of a flow that mines.
    Flow {
        /// Why it ended; `None` while it goes on.
        end: Option<End>,
        /// What is known of its mining, if it was alerted.
        mining: Option<Box<Mining>>,
        /// What was odd about its bytes.
        oddities: Oddities,
    },
    /// A host name was asked for or spoken to that is on the pool list, or that a flow which mines was meant for.
    Named(Box<Sighting>),
    /// A name was resolved to an address.
    Resolved(Box<Resolution>),
    /// A client of TLS left out whom it speaks to, or what.
    Greeted(Hello),
    /// What a long, quiet flow looks like by now.
    Watched(Box<Shape>),
    /// A TCP connection was asked for and not answered, or answered by a reset only.
    Unanswered {
        /// Whether it was reset.
        reset: bool,
        /// Why the flow ended.
        end: End,
    },
}

/// What was odd about the bytes of a flow, both directions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Holes skipped.
    pub gaps: u64,
    /// Bytes missing in them, as far as is known.
    pub lost_bytes: u64,
    /// Segments that claimed bytes already seen, with other content: somebody wants two readers to read differently.
    pub conflicts: u64,
    /// Segments that came before their turn.
    pub out_of_order: u64,
    /// Bytes sent again.
    pub retransmissions: u64,
}

impl Oddities {
    /// Adds another flow's.
    pub const fn add(&mut self, other: Self) {
        self.gaps += other.gaps;
        self.lost_bytes += other.lost_bytes;
        self.conflicts += other.conflicts;
        self.out_of_order += other.out_of_order;
        self.retransmissions += other.retransmissions;
    }
}

/// Where a name was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    /// Asked for in DNS.
    DnsQuery,
    /// Answered in DNS: as the question or an alias in the answer.
    DnsAnswer,
    /// Server name in a TLS ClientHello.
    TlsSni,
    /// Name in a TLS 1.2 certificate.
    TlsCertificate,
    /// HTTP Host header or absolute URI.
    HttpHost,
    /// Target of an HTTP CONNECT.
    HttpConnect,
    /// Target of a SOCKS request.
    Socks,
}

/// A name of the pool list, seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The name as it was seen.
    pub name: Name,
    /// Where.
    pub place: Where,
    /// The port that the name was spoken of with, where that is not the flow's.
    pub port: Option<u16>,
}

/// An answer of DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Who asked.
    pub client: IpAddr,
    /// What for.
    pub name: Name,
    /// The addresses that it was told, as many as a message is read for.
    pub addresses: Vec<IpAddr>,
    /// The name that is on the pool list: the one asked for, or an alias of it.
    pub listed: Option<Name>,
}
