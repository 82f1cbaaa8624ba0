//! What the kernel tells of a link over its `netdev` netlink family: what XDP and AF_XDP can do there, who holds its queues, which
//! interrupts serve them, and what the queues lost.
//!
//! The family is of Linux 6.3 and grew until 6.9; an older kernel leaves all of this unknown. The numbers are those of
//! [include/uapi/linux/netdev.h](https://github.com/torvalds/linux/blob/v6.18/include/uapi/linux/netdev.h).

use std::collections::BTreeMap;

use super::attribute::Body;
use super::netlink::{About, Netlink};
use super::{Known, Unknown};

const FAMILY: &str = "netdev";
const DEV_GET: u8 = 1;
const QUEUE_GET: u8 = 10;
const NAPI_GET: u8 = 11;
const QSTATS_GET: u8 = 12;
/// `NETDEV_QUEUE_TYPE_RX`.
const RX: u64 = 0;

/// What XDP can do on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpFeatures {
    /// Whether its driver runs XDP programs that hand frames to sockets: native mode.
    pub native: bool,
    /// Whether its driver writes frames straight into an AF_XDP socket's memory.
    pub zero_copy: bool,
    /// Whether native mode takes frames that span several buffers.
    pub multi_buffer: bool,
    /// How many buffers a frame may span in zero-copy mode.
    pub zero_copy_buffers: Known<u32>,
    /// Whether a program can ask for the time at which the NIC received a frame.
    pub timestamp: bool,
    /// Whether a program can ask for the VLAN tag that the NIC took off.
    pub vlan_tag: bool,
}

/// A queue that receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its number.
    pub id: u32,
    /// The interrupt that says that frames have arrived.
    pub interrupt: Known<u32>,
    /// Whether a program has an AF_XDP socket on it.
    pub held: bool,
}

/// What the queues of a link count, all of them together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct QueueCounters {
    pub(super) no_buffer: Option<u64>,
    pub(super) dropped: Option<u64>,
    pub(super) overrun: Option<u64>,
}

pub(super) fn xdp_features(netlink: &mut Netlink, index: u32) -> Known<XdpFeatures> {
    let mut found = None;
    let body = Body::default().number32(1, index);
    netlink.ask_family(FAMILY, DEV_GET, About::One, &body, |list| {
        let bit = |attribute, bit: u32| list.number(attribute).is_some_and(|bits| bits >> bit & 1 == 1);
        found = list.number(3).map(|_| XdpFeatures {
            native: bit(3, 0) && bit(3, 1),
            zero_copy: bit(3, 3),
            multi_buffer: bit(3, 5),
            zero_copy_buffers: list.number32(4).ok_or(Unknown::Untold),
            timestamp: bit(5, 0),
            vlan_tag: bit(5, 2),
        });
    })?;
    found.ok_or(Unknown::Untold)
}

/// The queues that receive, in order of their numbers.
pub(super) fn rx_queues(netlink: &mut Netlink, index: u32) -> Known<Vec<Queue>> {
    let interrupts = interrupts(netlink, index).unwrap_or_default();
    let mut queues = Vec::new();
    netlink.ask_family(FAMILY, QUEUE_GET, About::All, &Body::default().number32(2, index), |list| {
        if let (Some(id), Some(RX)) = (list.number32(1), list.number(3)) {
            let interrupt = list.number32(4).and_then(|napi| interrupts.get(&napi).copied());
            queues.push(Queue {
                id,
                interrupt: interrupt.ok_or(Unknown::Untold),
                held: list.find(7).is_some(),
            });
        }
    })?;
    queues.sort_by_key(|queue| queue.id);
    Ok(queues)
}

/// Interrupts by the number of the NAPI instance they wake.
fn interrupts(netlink: &mut Netlink, index: u32) -> Known<BTreeMap<u32, u32>> {
    let mut found = BTreeMap::new();
    netlink.ask_family(FAMILY, NAPI_GET, About::All, &Body::default().number32(1, index), |list| {
        if let (Some(napi), Some(interrupt)) = (list.number32(2), list.number32(3)) {
            found.insert(napi, interrupt);
        }
    })?;
    Ok(found)
}

pub(super) fn queue_counters(netlink: &mut Netlink, index: u32) -> Known<QueueCounters> {
    let mut found = None;
    netlink.ask_family(FAMILY, QSTATS_GET, About::All, &Body::default().number32(1, index), |list| {
        found = Some(QueueCounters {
            no_buffer: list.number(12),
            dropped: list.number(13),
            overrun: list.number(14),
        });
    })?;
    found.ok_or(Unknown::Untold)
}
