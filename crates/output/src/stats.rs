//! What the whole program did, as the closing record tells it.

use std::time::Duration;

use pithead_detect::DetectCounters;
use pithead_flow::{FragmentCounters, TableCounters, WatchCounters};
use pithead_wire::Discard;

use crate::capture::CaptureStats;

/// What became of the frames that were read. Each is in one place only, so the sums must meet: see [`Frames::unexplained`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// Frames read.
    pub read: u64,
    /// Bytes of them, as long as they were on the wire.
    pub bytes: u64,
    /// Frames decoded to a packet, or to a piece of one.
    pub decoded: u64,
    /// Frames that could not be decoded, by reason: indexed by [`Discard`].
    pub discarded: [u64; Discard::ALL.len()],
    /// Decoded frames that were counted in a flow.
    pub in_flows: u64,
    /// Decoded frames with a piece of a datagram that was not whole yet.
    pub fragments: u64,
    /// Decoded frames with another protocol than TCP and UDP.
    pub other_protocols: u64,
    /// Decoded frames of flows that found no room in the table.
    pub refused: u64,
}

impl Frames {
    /// Frames that could not be decoded.
    pub fn discarded(&self) -> u64 {
        self.discarded.iter().sum()
    }

    /// Decoded frames without a TCP or UDP header of their own.
    pub const fn not_tcp_udp(&self) -> u64 {
        self.fragments + self.other_protocols
    }

    /// How many frames are missing from, or too many in, the two sums: read = decoded + discarded, and decoded = in flows
    /// + not TCP or UDP + refused. Anything but 0 is a mistake in this program.
    pub fn unexplained(&self) -> u64 {
        let told = self.in_flows + self.not_tcp_udp() + self.refused;
        self.read.abs_diff(self.decoded + self.discarded()) + self.decoded.abs_diff(told)
    }
}

/// How many hosts were told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostCounters {
    /// Hosts with a row of their own.
    pub known: u64,
    /// Additions that went to the row of the others because the table was full.
    pub refused: u64,
}

/// What the whole program did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsRecord {
    /// Version of the program.
    pub version: String,
    /// How long it took.
    pub elapsed: Duration,
    /// Capture files read; `None` on live links.
    pub files: Option<u64>,
    /// The account of live links; `None` in a replay.
    pub capture: Option<CaptureStats>,
    /// What became of the frames.
    pub frames: Frames,
    /// What happened in the flow tables.
    pub flows: TableCounters,
    /// How many flows have ended.
    pub flows_ended: u64,
    /// What happened to fragments.
    pub fragments: FragmentCounters,
    /// What the detectors did.
    pub detect: DetectCounters,
    /// What happened to flows worth watching.
    pub watch: WatchCounters,
    /// Hosts, where they were counted.
    pub hosts: Option<HostCounters>,
    /// Alerts raised.
    pub alerts: u64,
    /// Names, and words about flows, that were forgotten to make room for later ones.
    pub forgotten: u64,
    /// How often the clock of the frames went back.
    pub jumps_back: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_that_are_told_once_each_are_explained(
            discarded in prop::array::uniform8(0u64..1 << 40), rest in prop::array::uniform4(0u64..1 << 40)
        ) {
            let [in_flows, fragments, other_protocols, refused] = rest;
            let decoded = rest.iter().sum();
            let read = decoded + discarded.iter().sum::<u64>();
            let frames =
                Frames { read, bytes: 0, decoded, discarded, in_flows, fragments, other_protocols, refused };
            prop_assert_eq!(frames.unexplained(), 0);
            prop_assert_eq!(Frames { read: read + 1, ..frames }.unexplained(), 1);
            prop_assert_eq!(Frames { refused: refused + 1, ..frames }.unexplained(), 1);
        }
    }
}
