//! `alert` and `mining`: what was found, in Suricata's words and in ours.

use std::net::IpAddr;

use pithead_detect as detect;
use pithead_detect::behaviour::Assessment;
use pithead_flow::Direction;
use serde::Serialize;
use serde_json::Number;

use super::number::rounded;
use super::watched::{Reason, confident};
use crate::pool::{Listing, NameSource, Pool};
use crate::record::{Behaviour, Blocked, Certainty, NameRecord, Verdict};
use crate::signature::Signature;

/// `alert`, as Suricata has it.
#[derive(Debug, Serialize)]
pub(super) struct Alert<'a> {
    action: &'static str,
    gid: u32,
    signature_id: u32,
    rev: u32,
    signature: &'a str,
    category: &'static str,
    severity: u8,
    metadata: Metadata,
}

/// Suricata's metadata: every value a list of texts.
#[derive(Debug, Serialize)]
struct Metadata {
    confidence: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<[&'static str; 1]>,
    mitre_tactic_id: [&'static str; 1],
    mitre_tactic_name: [&'static str; 1],
    mitre_technique_id: [&'static str; 1],
    mitre_technique_name: [&'static str; 1],
    stage: [&'static str; 1],
}

impl<'a> Alert<'a> {
    pub(super) fn new(signature: &'a Signature, verdict: &Verdict) -> Self {
        Self {
            // We only listen.
            action: "allowed",
            gid: signature.gid,
            signature_id: signature.id,
            rev: signature.rev,
            signature: &signature.text,
            category: signature.category,
            severity: signature.severity,
            metadata: Metadata::new(verdict),
        }
    }
}

impl Metadata {
    fn new(verdict: &Verdict) -> Self {
        let confidence = match verdict.certainty() {
            Certainty::BothSides => "High",
            Certainty::OneSide | Certainty::NameAndAddress | Certainty::Behaviour => "Medium",
        };
        Self {
            confidence: [confidence],
            dialect: verdict.dialect().map(|name| [name]),
            mitre_tactic_id: ["TA0040"],
            mitre_tactic_name: ["Impact"],
            mitre_technique_id: ["T1496"],
            mitre_technique_name: ["Resource_Hijacking"],
            stage: [verdict.stage().name()],
        }
    }
}

/// `mining`: everything of our own. There is no field for a password.
#[derive(Debug, Default, Serialize)]
pub(super) struct Mining<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Roles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certainty: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Number>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rig: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<PoolView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difficulty: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shares: Option<Shares>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence<'a>>,
}

/// What each end is.
#[derive(Debug, Serialize)]
struct Roles {
    src: &'static str,
    dest: &'static str,
}

/// The miner's side is `src`, whatever packet came first.
const ROLES: Roles = Roles { src: "client", dest: "server" };

#[derive(Debug, Serialize)]
struct Shares {
    sent: u64,
    accepted: u64,
    rejected: u64,
}

#[derive(Debug, Serialize)]
struct Evidence<'a> {
    text: &'a str,
    direction: &'static str,
    /// Frames of a live link have no number by which anybody could find them.
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<u64>,
}

/// The number of a frame in its file, which counts from 1; 0 is one that has none.
fn numbered(frame: u64) -> Option<u64> {
    Some(frame).filter(|frame| *frame > 0)
}

impl<'a> Mining<'a> {
    /// What a verdict tells.
    pub(super) fn new(verdict: &'a Verdict, pool: Option<&'a Pool>) -> Self {
        let told = match verdict {
            Verdict::Session(mining) => Self::session(mining),
            Verdict::Blocked(blocked) => Self::blocked(blocked),
            Verdict::Behaviour(behaviour) => Self::behaviour(behaviour),
        };
        let Assessment { confidence, reasons } = verdict.assessment();
        Self {
            dialect: verdict.dialect(),
            stage: Some(verdict.stage().name()),
            roles: Some(ROLES),
            confirmed: Some(verdict.certainty() == Certainty::BothSides),
            certainty: Some(verdict.certainty().name()),
            confidence: confident(confidence),
            reasons: Reason::all(reasons),
            coin: told.coin.or_else(|| pool.and_then(Pool::coin)),
            pool: pool.map(PoolView::new),
            ..told
        }
    }

    /// What a name alone tells.
    pub(super) fn named(name: &'a NameRecord) -> Self {
        let pool = PoolView {
            name: Some(&name.name),
            port: name.port,
            source: NameSource::from(name.place).name(),
            ..PoolView::listed(Some(&name.listing))
        };
        Self { pool: Some(pool), ..Self::default() }
    }

    fn session(mining: &'a detect::Mining) -> Self {
        let facts = &mining.facts;
        let shares = mining.shares;
        Self {
            user: present(&facts.user),
            wallet: present(&facts.wallet),
            worker: present(&facts.worker),
            agent: present(&facts.agent),
            rig: present(&facts.rig),
            algorithm: present(&facts.algorithm),
            coin: present(&facts.coin),
            difficulty: facts.difficulty.and_then(rounded),
            target: present(&facts.target),
            shares: Some(Shares { sent: shares.sent, accepted: shares.accepted, rejected: shares.rejected }),
            evidence: Some(Evidence {
                text: &mining.evidence.text,
                direction: towards(mining.evidence.direction, mining.client),
                frame: numbered(mining.evidence.frame),
            }),
            ..Self::default()
        }
    }

    fn blocked(blocked: &'a Blocked) -> Self {
        Self {
            blocked_by: Some(if blocked.reset { "reset" } else { "silence" }),
            // The name came with the answer of DNS.
            evidence: Some(Evidence {
                text: &blocked.name,
                direction: "to_client",
                frame: numbered(blocked.frame),
            }),
            ..Self::default()
        }
    }

    /// The heaviest reason stands for all; the shape itself is told in `watched`.
    fn behaviour(behaviour: &'a Behaviour) -> Self {
        let heaviest = behaviour.assessment.reasons.iter().find(|reason| reason.weight > 0.0);
        Self {
            evidence: Some(Evidence {
                text: heaviest.map_or("", |reason| &reason.text),
                direction: "to_server",
                frame: numbered(behaviour.frame),
            }),
            ..Self::default()
        }
    }
}

/// A text that says something.
fn present(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn towards(direction: Direction, client: Direction) -> &'static str {
    if direction == client { "to_server" } else { "to_client" }
}

/// `mining.pool`.
#[derive(Debug, Serialize)]
struct PoolView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    coins: &'a [String],
    listed: bool,
    source: &'static str,
}

impl<'a> PoolView<'a> {
    fn new(pool: &'a Pool) -> Self {
        Self {
            name: present(&pool.name),
            address: pool.address,
            port: pool.port,
            source: pool.source.name(),
            ..Self::listed(pool.listing.as_ref())
        }
    }

    /// What the pool list says.
    fn listed(listing: Option<&'a Listing>) -> Self {
        Self {
            name: None,
            domain: listing.map(|listing| listing.domain.as_str()),
            address: None,
            port: None,
            kind: listing.map(|listing| listing.kind.name()),
            coins: listing.map_or(&[], |listing| listing.coins.as_slice()),
            listed: listing.is_some(),
            source: NameSource::Address.name(),
        }
    }
}
