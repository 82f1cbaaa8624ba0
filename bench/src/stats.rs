//! The pipeline without detection: decode, flow table, host table. What detection costs is told against this.

use pithead_capture::Batch;
use pithead_flow::{Clock, Direction, Flow, FlowTable, HostStats, HostTable, Moved, Sighting, Timeouts};
use pithead_wire::{Checksums, Decoded, decode};

use crate::Chunk;

/// Flows and hosts, and nothing of what they say.
#[derive(Debug)]
pub struct Stats {
    clock: Clock,
    flows: FlowTable,
    hosts: HostTable,
}

impl Stats {
    /// Room for so many flows.
    pub fn new(max_flows: usize) -> Self {
        Self {
            clock: Clock::default(),
            flows: FlowTable::new(max_flows, Timeouts::default()),
            hosts: HostTable::new(100_000),
        }
    }

    /// Counts the frames of a chunk.
    pub fn observe(&mut self, chunk: &Chunk) {
        chunk.batches().for_each(|batch| self.on_batch(&batch));
    }

    /// Counts the frames of a batch.
    pub fn on_batch(&mut self, batch: &Batch<'_>) {
        for frame in batch.frames() {
            let moved = self.clock.observe(frame.at);
            if moved != Moved::Within {
                self.flows.tick(moved, &self.clock);
            }
            let Ok(Decoded::Packet(packet)) = decode(frame.link, frame.bytes, Checksums::Ignore) else {
                continue;
            };
            let seen = Sighting {
                at: frame.at,
                sequence: frame.sequence,
                number: frame.number,
                interface: frame.interface,
                wire_len: frame.wire_len,
            };
            let Some(lookup) = self.flows.lookup(&packet) else { continue };
            self.flows.observe(&lookup, &packet, seen, &self.clock);
            self.take_ended();
        }
    }

    /// Ends all flows; how many packets and flows there were, and how many hosts.
    pub fn finish(&mut self) -> (u64, u64, usize) {
        self.flows.finish(self.clock.now());
        self.take_ended();
        (self.flows.counters().packets, self.flows.counters().flows, self.hosts.len())
    }

    fn take_ended(&mut self) {
        if !self.flows.has_ended() {
            return;
        }
        for mut ended in self.flows.ended() {
            for direction in [Direction::Forward, Direction::Backward] {
                add(&mut self.hosts, &ended.flow(), direction.index());
            }
        }
    }
}

/// Adds a flow to the sums of one of its hosts.
fn add(hosts: &mut HostTable, flow: &Flow<'_>, out: usize) {
    let ends = [flow.source(), flow.destination()];
    let mut delta = HostStats {
        packets_out: flow.packets()[out],
        packets_in: flow.packets()[1 - out],
        bytes_out: flow.bytes()[out],
        bytes_in: flow.bytes()[1 - out],
        flows_out: u64::from(out == 0),
        flows_in: u64::from(out == 1),
        ..HostStats::default()
    };
    delta.seen(flow.first());
    delta.seen(flow.last());
    delta.peers.insert_address(ends[1 - out].ip());
    delta.ports.insert(u64::from(flow.destination().port()));
    hosts.add(ends[out].ip(), &delta);
}
