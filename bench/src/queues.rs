//! Traffic dealt out to queues, as a NIC does that hashes both directions of a flow to the same one.

use pithead_capture::MemorySource;
use pithead_flow::owner;
use pithead_traffic::Generator;
use pithead_wire::{Checksums, Decoded, LinkType, decode};

use crate::at;

/// Queues in memory, of which each holds its own flows.
#[derive(Debug)]
pub struct Queues {
    /// One a worker.
    pub queues: Vec<MemorySource>,
}

impl Queues {
    /// Deals out the next frames of a generator.
    pub fn new(generator: &mut Generator, frames: usize, queues: usize) -> Self {
        let mut queues: Vec<_> = (0..queues.max(1)).map(|_| MemorySource::new()).collect();
        let mut frame = Vec::with_capacity(2048);
        for _ in 0..frames {
            frame.clear();
            let made = generator.append(&mut frame);
            let mine = match decode(LinkType::ETHERNET, &frame, Checksums::Ignore) {
                Ok(Decoded::Packet(packet)) => owner(packet.source, packet.destination, queues.len()),
                Ok(Decoded::Fragment(_)) | Err(_) => 0,
            };
            if let Some(queue) = queues.get_mut(mine) {
                queue.push(&frame, at(made.at_ns));
            }
        }
        Self { queues }
    }
}
