//! The account of live links, inside `stats`. What is not known is absent.

use serde::Serialize;

use crate::capture::{CaptureStats, NicAccount, QueueAccount, Terms};

/// The account of all links.
#[derive(Debug, Serialize)]
pub(super) struct Capture<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(flatten)]
    terms: Terms,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_their_way: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unexplained: Option<u64>,
    events_dropped: u64,
    halves_joined: u64,
    queues: Vec<Queue<'a>>,
    nics: Vec<Nic<'a>>,
}

impl<'a> Capture<'a> {
    pub(super) fn new(stats: &'a CaptureStats) -> Self {
        Self {
            mode: stats.mode(),
            terms: stats.sums(),
            on_their_way: stats.on_their_way(),
            unexplained: stats.unexplained(),
            events_dropped: stats.events_dropped,
            halves_joined: stats.halves_joined,
            queues: stats.queues.iter().map(Queue::new).collect(),
            nics: stats.nics.iter().map(Nic::new).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Queue<'a> {
    interface: &'a str,
    queue: u32,
    mode: &'static str,
    #[serde(flatten)]
    terms: Terms,
}

impl<'a> Queue<'a> {
    fn new(account: &'a QueueAccount) -> Self {
        Self { interface: &account.interface, queue: account.queue, mode: account.mode, terms: account.terms }
    }
}

#[derive(Debug, Serialize)]
struct Nic<'a> {
    interface: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_missed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_no_buffer: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_fifo: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_over: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_nic_dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_crc: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_length: Option<u64>,
}

impl<'a> Nic<'a> {
    fn new(account: &'a NicAccount) -> Self {
        Self {
            interface: &account.interface,
            rx_packets: account.received,
            rx_missed: account.missed,
            rx_no_buffer: account.no_buffer,
            rx_fifo: account.fifo,
            rx_over: account.over,
            rx_nic_dropped: account.dropped,
            rx_crc: account.crc,
            rx_length: account.length,
        }
    }
}
