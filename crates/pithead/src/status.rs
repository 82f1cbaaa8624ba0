//! How a tap goes, as it is told over the control socket and drawn on a screen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a tap goes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Status {
    /// The sums so far, as a stats event has them.
    pub(crate) stats: Value,
    /// Flows that are alive.
    pub(crate) flows: u64,
    /// Flows that the tables have room for.
    pub(crate) flows_max: u64,
    /// Names on the pool list in use.
    pub(crate) pools: u64,
    pub(crate) workers: Vec<WorkerStatus>,
    pub(crate) sinks: Vec<SinkStatus>,
    /// Alerts by dialect; those of blocked miners by no name.
    pub(crate) alerts: BTreeMap<String, u64>,
    pub(crate) miners: Miners,
}

/// A worker.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct WorkerStatus {
    /// The share of its core that it used of late, from 0 to 1.
    pub(crate) busy: Option<f64>,
}

/// A place that events go to.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct SinkStatus {
    pub(crate) name: String,
    /// Events passed on.
    pub(crate) written: u64,
    /// Events given up.
    pub(crate) lost: u64,
}

/// Miners, those seen last first.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Miners {
    /// All that are known, of which only some may be listed.
    pub(crate) total: u64,
    pub(crate) listed: Vec<MinerStatus>,
}

/// A host that mines in one way for one pool.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct MinerStatus {
    pub(crate) host: String,
    pub(crate) pool: String,
    pub(crate) dialect: String,
    pub(crate) agent: String,
    pub(crate) user: String,
    pub(crate) stage: String,
    pub(crate) certainty: String,
    pub(crate) shares: SharesStatus,
    pub(crate) first_seen: String,
    pub(crate) last_seen: String,
}

/// Shares of a miner.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct SharesStatus {
    pub(crate) sent: u64,
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
}
