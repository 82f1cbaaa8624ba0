//! What became of the frames of live links before anything was decoded: the account that has to add up to the last frame.
//!
//! ```text
//! seen by the XDP program = to sockets + no socket + filtered
//! to sockets              = received + rx dropped + rx ring full + invalid
//! received                = read by the workers, whose own account (`Frames`) goes on from there
//! ```
//!
//! A term that cannot be known is `None`, and then so is every sum that it is part of.

use std::sync::Arc;

use serde::Serialize;

/// What became of the frames of one queue of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueAccount {
    /// The interface.
    pub interface: Arc<str>,
    /// The queue, from 0.
    pub queue: u32,
    /// How frames come: zero-copy, native or skb.
    pub mode: &'static str,
    /// What became of its frames.
    pub terms: Terms,
}

/// The terms of the account, of one queue or of all. What is not known is absent in events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// Frames that the XDP program met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    /// Frames that it sent to the queue's socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_sockets: Option<u64>,
    /// Frames that found no socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_socket: Option<u64>,
    /// Frames that were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filtered: Option<u64>,
    /// Frames that came out of the socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// Frames that found no free memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rx_dropped: Option<u64>,
    /// Frames that found the ring full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rx_ring_full: Option<u64>,
    /// Frames that made no sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid: Option<u64>,
    /// How often the kernel found no memory given back for a frame: a cause of losses, never to be added to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_ring_empty: Option<u64>,
}

/// What a NIC counted by itself since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NicAccount {
    /// The interface.
    pub interface: Arc<str>,
    /// Frames that arrived.
    pub received: Option<u64>,
    /// Frames for which the NIC had no memory of its own.
    pub missed: Option<u64>,
    /// Times that a queue got no memory for a frame.
    pub no_buffer: Option<u64>,
    /// Frames lost in its queue.
    pub fifo: Option<u64>,
    /// Frames that found no descriptor.
    pub over: Option<u64>,
    /// Frames dropped by kernel or driver. Where the XDP program drops what it does not take, these may be among them.
    pub dropped: Option<u64>,
    /// Frames damaged on the wire.
    pub crc: Option<u64>,
    /// Frames too long or too short.
    pub length: Option<u64>,
}

/// The account of all links that are tapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureStats {
    /// Each queue, in the order of interfaces and numbers.
    pub queues: Vec<QueueAccount>,
    /// Each NIC.
    pub nics: Vec<NicAccount>,
    /// Frames that the workers have told of: what the received ones became.
    pub read: u64,
    /// Events that workers had to drop because they were not taken from them in time: the newest.
    pub events_dropped: u64,
    /// Flows of which two workers saw a direction each, told of as one.
    pub halves_joined: u64,
    /// Whether no more frames will come, so that none can be on their way.
    pub closed: bool,
}

impl CaptureStats {
    /// The sum of a term over all queues; `None` if it is not known of one of them.
    pub fn sum(&self, term: impl Fn(&Terms) -> Option<u64>) -> Option<u64> {
        self.queues.iter().map(|queue| term(&queue.terms)).sum()
    }

    /// The sums of all terms.
    pub fn sums(&self) -> Terms {
        Terms {
            seen: self.sum(|terms| terms.seen),
            to_sockets: self.sum(|terms| terms.to_sockets),
            no_socket: self.sum(|terms| terms.no_socket),
            filtered: self.sum(|terms| terms.filtered),
            received: self.sum(|terms| terms.received),
            rx_dropped: self.sum(|terms| terms.rx_dropped),
            rx_ring_full: self.sum(|terms| terms.rx_ring_full),
            invalid: self.sum(|terms| terms.invalid),
            fill_ring_empty: self.sum(|terms| terms.fill_ring_empty),
        }
    }

    /// Frames between two counters, while more come: sent to a socket and not yet told of by a worker. `None` at the end, when
    /// there cannot be any, and where it is not known.
    pub fn on_their_way(&self) -> Option<u64> {
        let missing = self.untold()?;
        (!self.closed).then_some(u64::try_from(missing).unwrap_or(0))
    }

    /// How many frames are missing from, or too many in, the account. Anything but 0 is a fault, of this program or the kernel.
    pub fn unexplained(&self) -> Option<u64> {
        let parts = self.sum(|terms| Some(terms.to_sockets? + terms.no_socket? + terms.filtered?))?;
        let at_the_program = self.sum(|terms| terms.seen)?.abs_diff(parts);
        let untold = self.untold()?;
        // While frames come, those that are missing may be on their way; those that are too many may not.
        let behind = if self.closed || untold < 0 { untold.unsigned_abs() } else { 0 };
        Some(at_the_program + u64::try_from(behind).unwrap_or(u64::MAX))
    }

    /// Frames sent to sockets less those that were lost or told of.
    fn untold(&self) -> Option<i128> {
        let lost = self.sum(|terms| Some(terms.rx_dropped? + terms.rx_ring_full? + terms.invalid?))?;
        let sent = self.sum(|terms| terms.to_sockets)?;
        Some(i128::from(sent) - i128::from(lost) - i128::from(self.read))
    }

    /// The least good of the modes in use.
    pub fn mode(&self) -> Option<&'static str> {
        let rank = |mode: &&str| ["zero-copy", "native", "skb"].iter().position(|known| known == mode);
        self.queues.iter().map(|queue| queue.mode).max_by_key(rank)
    }

    /// Frames that came to an interface and to no worker, as far as is known: lost in the kernel, for want of a socket, or in the NIC.
    pub fn lost(&self) -> Option<u64> {
        let queues = self
            .sum(|terms| Some(terms.no_socket? + terms.rx_dropped? + terms.rx_ring_full? + terms.invalid?))?;
        let nics: u64 = self.nics.iter().filter_map(|nic| nic.missed).sum();
        Some(queues + nics)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(terms: [u64; 6]) -> QueueAccount {
        let [no_socket, filtered, received, rx_dropped, rx_ring_full, invalid] = terms;
        let to_sockets = received + rx_dropped + rx_ring_full + invalid;
        QueueAccount {
            mode: "native",
            terms: Terms {
                seen: Some(to_sockets + no_socket + filtered),
                to_sockets: Some(to_sockets),
                no_socket: Some(no_socket),
                filtered: Some(filtered),
                received: Some(received),
                rx_dropped: Some(rx_dropped),
                rx_ring_full: Some(rx_ring_full),
                invalid: Some(invalid),
                // A cause, which no sum may hold.
                fill_ring_empty: Some(rx_dropped + 7),
            },
            ..QueueAccount::default()
        }
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        let mut stats =
            CaptureStats { queues: vec![queue([1; 6]); 2], read: 2, closed: true, ..CaptureStats::default() };
        assert_eq!((stats.unexplained(), stats.lost()), (Some(0), Some(8)));
        stats.queues[1].terms.rx_dropped = None;
        assert_eq!((stats.unexplained(), stats.on_their_way(), stats.lost()), (None, None, None));
        assert_eq!(stats.sum(|terms| terms.seen), Some(12));
    }

    #[test]
    fn the_least_good_mode_is_told() {
        let with = |mode| QueueAccount { mode, ..QueueAccount::default() };
        let stats = CaptureStats {
            queues: vec![with("native"), with("skb"), with("zero-copy")],
            ..CaptureStats::default()
        };
        assert_eq!(stats.mode(), Some("skb"));
    }

    proptest! {
        #[test]
        fn every_frame_is_in_one_place(queues in prop::collection::vec(prop::array::uniform6(0u64..1 << 40), 1..5), late in 1u64..1000) {
            let queues: Vec<_> = queues.into_iter().map(queue).collect();
            let read = queues.iter().filter_map(|queue| queue.terms.received).sum::<u64>();
            let open = CaptureStats { queues, read, ..CaptureStats::default() };
            let closed = CaptureStats { closed: true, ..open.clone() };
            prop_assert_eq!((open.unexplained(), open.on_their_way()), (Some(0), Some(0)));
            prop_assert_eq!((closed.unexplained(), closed.on_their_way()), (Some(0), None));
            // Those that no worker has told of yet are on their way, until no more come.
            let behind = |closed| { let mut stats = CaptureStats { closed, ..open.clone() }; stats.queues[0].terms.seen = stats.queues[0].terms.seen.map(|n| n + late); stats.queues[0].terms.to_sockets = stats.queues[0].terms.to_sockets.map(|n| n + late); stats };
            prop_assert_eq!((behind(false).unexplained(), behind(false).on_their_way()), (Some(0), Some(late)));
            prop_assert_eq!(behind(true).unexplained(), Some(late));
            // More than came is always a fault.
            prop_assert_eq!(CaptureStats { read: read + late, ..open }.unexplained(), Some(late));
        }
    }
}
