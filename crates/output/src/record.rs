//! What a sink is given: one thing to say, complete and owned.

use std::net::IpAddr;
use std::sync::Arc;

use pithead_detect::behaviour::{Assessment, BLOCKED, BOTH_SIDES, ONE_SIDE, Reason, Trait};
use pithead_detect::{App, Mining, Oddities, Stage, Where};
use pithead_flow::{Direction, End, HostStats, Shape, Summary};
use pithead_wire::Timestamp;

use crate::pool::{Listing, Pool};
use crate::signature::Signature;
use crate::stats::StatsRecord;

/// One thing to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When it happened.
    pub at: Timestamp,
    /// The frame that caused it.
    pub origin: Origin,
    /// What it is.
    pub body: RecordBody,
}

/// Where the frame that caused a record came from; what is not known, or makes no sense for the record, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The capture file.
    pub file: Option<Arc<str>>,
    /// The interface.
    pub interface: Option<Arc<str>>,
    /// The frame's number in its file, from 1.
    pub number: Option<u64>,
}

/// What there is to say.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordBody {
    /// Somebody mines, or wants to.
    Alert(Box<AlertRecord>),
    /// A flow has ended, or mines on.
    Flow(Box<FlowRecord>),
    /// A name on the pool list was met.
    Name(Box<NameRecord>),
    /// What a host sent and received.
    Host(Box<HostRecord>),
    /// What the whole program did.
    Stats(Box<StatsRecord>),
}

/// Somebody mines, or wants to. Said once a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRecord {
    /// The flow, as it stood then.
    pub flow: Summary,
    /// What it speaks.
    pub app: App,
    /// What was found.
    pub verdict: Verdict,
    /// Whom it mines for, as far as it is known.
    pub pool: Option<Pool>,
    /// Under which words it is filed: most often [`Signature::of`] the verdict.
    pub signature: Signature,
}

/// A flow that has ended, or that mines on.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowRecord {
    /// The flow, as it stood then.
    pub flow: Summary,
    /// What it speaks.
    pub app: App,
    /// Why it ended; `None` while it goes on.
    pub end: Option<End>,
    /// What was found, if the flow was alerted.
    pub verdict: Option<Verdict>,
    /// Whom it mines for, as far as it is known.
    pub pool: Option<Pool>,
    /// What it looks like, if it was watched and another thing was found or nothing.
    pub watched: Option<Box<Behaviour>>,
    /// What was odd about its bytes.
    pub oddities: Oddities,
}

/// What was found about a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A miner and its pool speak.
    Session(Box<Mining>),
    /// A miner was kept from its pool.
    Blocked(Box<Blocked>),
    /// Whatever it says, it behaves like a miner.
    Behaviour(Box<Behaviour>),
}

/// A long, quiet flow that looks like mining.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    /// What it looks like.
    pub shape: Shape,
    /// What that speaks for.
    pub assessment: Assessment,
    /// Number in its file of the frame at which it was sure enough.
    pub frame: u64,
}

/// A connection to a pool's address, soon after its name was looked up, that was not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Whether it was reset; otherwise nobody answered.
    pub reset: bool,
    /// The name on the pool list that had been looked up.
    pub name: String,
    /// Number in its file of the frame with the answer to that look-up.
    pub frame: u64,
}

/// How sure a verdict is, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Nothing was read that says it, but it behaves so.
    Behaviour,
    /// A pool's name was looked up, and its address connected to; nothing was said.
    NameAndAddress,
    /// One side was heard, and said what only mining says.
    OneSide,
    /// Both sides were heard, and fit each other.
    BothSides,
}

impl Certainty {
    /// The words in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Behaviour => "behaviour",
            Self::NameAndAddress => "name and address",
            Self::OneSide => "one side",
            Self::BothSides => "both sides",
        }
    }
}

impl Verdict {
    /// Which way the miner's packets go.
    pub const fn client(&self) -> Direction {
        match self {
            Self::Session(mining) => mining.client,
            // Who asks for a connection that nobody grants is the one that wants to mine.
            Self::Blocked(_) => Direction::Forward,
            Self::Behaviour(behaviour) => behaviour.shape.client,
        }
    }

    /// How far the miner came.
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Session(mining) => mining.stage,
            Self::Blocked(_) => Stage::Blocked,
            // What it is known by is the shares.
            Self::Behaviour(_) => Stage::Working,
        }
    }

    /// Name of the dialect; `None` where nothing was said.
    pub const fn dialect(&self) -> Option<&'static str> {
        match self {
            Self::Session(mining) => Some(mining.dialect),
            Self::Blocked(_) | Self::Behaviour(_) => None,
        }
    }

    /// How sure it is.
    pub const fn certainty(&self) -> Certainty {
        match self {
            Self::Session(mining) if mining.confirmed => Certainty::BothSides,
            Self::Session(_) => Certainty::OneSide,
            Self::Blocked(_) => Certainty::NameAndAddress,
            Self::Behaviour(_) => Certainty::Behaviour,
        }
    }

    /// How sure it is, from 0 to 1, and why: all on the scale of [`pithead_detect::behaviour`].
    pub fn assessment(&self) -> Assessment {
        let because =
            |Trait { name, weight }, text: String| Assessment::of(vec![Reason { name, weight, text }]);
        match self {
            Self::Session(mining) if mining.confirmed => {
                because(BOTH_SIDES, format!("both sides speak {}", mining.dialect))
            }
            Self::Session(mining) => {
                because(ONE_SIDE, format!("one side was heard, and speaks {}", mining.dialect))
            }
            Self::Blocked(blocked) => {
                because(BLOCKED, format!("{} was looked up, and its address refused", blocked.name))
            }
            Self::Behaviour(behaviour) => behaviour.assessment.clone(),
        }
    }
}

/// A name on the pool list, met in DNS, TLS, HTTP or SOCKS.
#[derive(Clone, Debug, PartialEq)]
pub struct NameRecord {
    /// The flow, as it stood then.
    pub flow: Summary,
    /// What it speaks.
    pub app: App,
    /// Where the name stood.
    pub place: Where,
    /// The name as it was met, in lower case.
    pub name: String,
    /// The port that it was spoken of with, where that is not the flow's.
    pub port: Option<u16>,
    /// What the pool list says of it.
    pub listing: Listing,
}

/// What a host sent and received.
#[derive(Clone, Debug, PartialEq)]
pub struct HostRecord {
    /// The host; `None` for all those together that found no room in the table.
    pub address: Option<IpAddr>,
    /// The sums over its flows.
    pub stats: HostStats,
}
