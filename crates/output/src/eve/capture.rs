//! The account of live links, inside `stats`. What is not known is absent.

use serde::Serialize;

use crate::capture::{CaptureStats, NicAccount, QueueAccount};

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
            terms: Terms {
                seen: stats.sum(|queue| queue.seen),
                to_sockets: stats.sum(|queue| queue.to_sockets),
                no_socket: stats.sum(|queue| queue.no_socket),
                filtered: stats.sum(|queue| queue.filtered),
                received: stats.sum(|queue| queue.received),
                rx_dropped: stats.sum(|queue| queue.rx_dropped),
                rx_ring_full: stats.sum(|queue| queue.rx_ring_full),
                invalid: stats.sum(|queue| queue.invalid),
                fill_ring_empty: stats.sum(|queue| queue.fill_ring_empty),
            },
            on_their_way: stats.on_their_way(),
            unexplained: stats.unexplained(),
            events_dropped: stats.events_dropped,
            halves_joined: stats.halves_joined,
            queues: stats.queues.iter().map(Queue::new).collect(),
            nics: stats.nics.iter().map(Nic::new).collect(),
        }
    }
}

/// The terms of the account, of one queue or of all.
#[derive(Debug, Serialize)]
struct Terms {
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_sockets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_socket: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filtered: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_ring_full: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fill_ring_empty: Option<u64>,
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
        let QueueAccount { seen, to_sockets, no_socket, filtered, received, .. } = *account;
        let QueueAccount { rx_dropped, rx_ring_full, invalid, fill_ring_empty, .. } = *account;
        Self {
            interface: &account.interface,
            queue: account.queue,
            mode: account.mode,
            terms: Terms {
                seen,
                to_sockets,
                no_socket,
                filtered,
                received,
                rx_dropped,
                rx_ring_full,
                invalid,
                fill_ring_empty,
            },
        }
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
