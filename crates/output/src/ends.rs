//! The two ends of a flow by what they are, whoever spoke first in the capture.

use std::net::SocketAddr;

use pithead_flow::{Direction, Summary};
use pithead_wire::Flags;

/// A flow turned so that the client comes first: for a flow that mines, the miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub client: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// Packets to the server, and to the client.
    pub packets: [u64; 2],
    /// Bytes on the wire to the server, and to the client.
    pub bytes: [u64; 2],
    /// TCP control bits sent to the server, and to the client.
    pub flags: [Flags; 2],
}

impl Ends {
    /// The flow's ends, where the client's packets go this way.
    pub fn new(flow: &Summary, client: Direction) -> Self {
        let forward = Self {
            client: flow.source,
            server: flow.destination,
            packets: flow.packets,
            bytes: flow.bytes,
            flags: flow.flags,
        };
        match client {
            Direction::Forward => forward,
            Direction::Backward => forward.turned(),
        }
    }

    fn turned(self) -> Self {
        let back = |[there, back]: [u64; 2]| [back, there];
        Self {
            client: self.server,
            server: self.client,
            packets: back(self.packets),
            bytes: back(self.bytes),
            flags: [self.flags[1], self.flags[0]],
        }
    }
}
