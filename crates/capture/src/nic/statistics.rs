//! What a NIC lost before anybody could see it, by its own counters.
//!
//! These are read beside the counters of the sockets: a frame that never reached XDP is in none of those. They count from when the
//! link was made, so a capture takes them at its start and subtracts.
//!
//! A driver that does not count something leaves 0 in the kernel's table, which cannot be told from a true 0; what it keeps in
//! counters of its own names (`ethtool -S`) is not read, since netlink does not carry them.

use super::link::{self, Link};
use super::netdev::{self, QueueCounters};
use super::netlink::Netlink;
use super::{Known, Unknown};

/// The counters of a link. Those that are not known are `None`, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that arrived.
    pub received: Option<u64>,
    /// Bytes that arrived.
    pub received_bytes: Option<u64>,
    /// Frames the NIC had no room for in its own memory (`rx_missed_errors`): the bus or the processors are too slow.
    pub missed: Option<u64>,
    /// Frames lost in the NIC's queue (`rx_fifo_errors`).
    pub fifo: Option<u64>,
    /// Frames that found no descriptor in a ring (`rx_over_errors`).
    pub over: Option<u64>,
    /// Frames the kernel or driver dropped (`rx_dropped`).
    pub dropped: Option<u64>,
    /// Frames that were damaged on the wire (`rx_crc_errors`).
    pub crc: Option<u64>,
    /// Frames too long or too short to be taken (`rx_length_errors`).
    pub length: Option<u64>,
    /// Times a queue got no memory for a frame (`rx-alloc-fail` of its queues).
    pub no_buffer: Option<u64>,
    /// Frames that entered the NIC and never left it (`rx-hw-drops` of its queues).
    pub hardware_dropped: Option<u64>,
    /// Those of them for which there was no descriptor (`rx-hw-drop-overruns`).
    pub hardware_overrun: Option<u64>,
}

impl Statistics {
    pub(super) fn new(link: &Link, queues: Known<QueueCounters>) -> Self {
        // By their places in `rtnl_link_stats64`.
        let counter = |place: usize| link.counters.get(place).copied();
        let queues = queues.unwrap_or_default();
        Self {
            received: counter(0),
            received_bytes: counter(2),
            dropped: counter(6),
            length: counter(10),
            over: counter(11),
            crc: counter(12),
            fifo: counter(14),
            missed: counter(15),
            no_buffer: queues.no_buffer,
            hardware_dropped: queues.dropped,
            hardware_overrun: queues.overrun,
        }
    }

    /// What came since `earlier`. A counter that ran back, as at a reset of the NIC, is not known.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let sub = |now: Option<u64>, then: Option<u64>| now?.checked_sub(then?);
        Self {
            received: sub(self.received, earlier.received),
            received_bytes: sub(self.received_bytes, earlier.received_bytes),
            missed: sub(self.missed, earlier.missed),
            fifo: sub(self.fifo, earlier.fifo),
            over: sub(self.over, earlier.over),
            dropped: sub(self.dropped, earlier.dropped),
            crc: sub(self.crc, earlier.crc),
            length: sub(self.length, earlier.length),
            no_buffer: sub(self.no_buffer, earlier.no_buffer),
            hardware_dropped: sub(self.hardware_dropped, earlier.hardware_dropped),
            hardware_overrun: sub(self.hardware_overrun, earlier.hardware_overrun),
        }
    }
}

/// Looks at a link again and again, with the same two sockets. It goes by the link's number, so that it follows one that is renamed.
pub struct Gauge {
    index: u32,
    route: Netlink,
    generic: Netlink,
}

impl Gauge {
    /// For the link of this name.
    ///
    /// # Errors
    /// Where there is no such link, or no sockets are to be had.
    pub fn new(name: &str) -> Known<Self> {
        let mut route = Netlink::route()?;
        let index = link::ask(&mut route, name)?.ok_or(Unknown::Gone)?.index;
        Ok(Self { index, route, generic: Netlink::generic()? })
    }

    /// The link as it is now.
    ///
    /// # Errors
    /// Where it has gone.
    pub fn link(&mut self) -> Known<Link> {
        link::ask_number(&mut self.route, self.index)?.ok_or(Unknown::Gone)
    }

    /// The counters now.
    ///
    /// # Errors
    /// Where the link has gone.
    pub fn read(&mut self) -> Known<Statistics> {
        let link = self.link()?;
        let queues = netdev::queue_counters(&mut self.generic, link.index);
        Ok(Statistics::new(&link, queues))
    }
}

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gauge({})", self.index)
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn frames_are_counted_and_what_nobody_counts_is_not_known() {
        let mut gauge = Gauge::new("lo").expect("sockets");
        let before = gauge.read().expect("counters");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        socket.send_to(b"one frame", socket.local_addr().expect("bound")).expect("sent");
        let since = gauge.read().expect("counters").since(&before);
        assert!(since.received >= Some(1) && since.received_bytes >= Some(9), "{since:?}");
        assert_eq!(since.no_buffer, None, "loopback has no queues of its own");
    }

    #[test]
    fn a_counter_that_ran_back_is_not_known() {
        let (before, now) = (
            Statistics { missed: Some(9), fifo: Some(1), ..Statistics::default() },
            Statistics { missed: Some(2), fifo: Some(4), ..Statistics::default() },
        );
        assert_eq!(now.since(&before), Statistics { fifo: Some(3), ..Statistics::default() });
    }
}
