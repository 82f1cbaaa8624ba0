//! Frames made right before they are used, some thousands at a time: how a bench gets more traffic than memory holds.

use pithead_capture::{BATCH_FRAMES, Batch, Slot};
use pithead_traffic::Generator;
use pithead_wire::LinkType;

use crate::at;

/// A stretch of traffic.
#[derive(Debug, Default)]
pub struct Chunk {
    region: Vec<u8>,
    slots: Vec<Slot>,
    /// How many frames came before.
    before: u64,
}

impl Chunk {
    /// A chunk without frames.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces its frames by the next ones of a generator.
    pub fn fill(&mut self, generator: &mut Generator, frames: usize) {
        self.before += self.slots.len() as u64;
        self.region.clear();
        self.slots.clear();
        for _ in 0..frames {
            let offset = self.region.len();
            let made = generator.append(&mut self.region);
            let len = u32::try_from(made.len).unwrap_or(u32::MAX);
            let (at, link) = (at(made.at_ns), LinkType::ETHERNET);
            self.slots.push(Slot { offset, len, wire_len: len, at, link, interface: 0 });
        }
    }

    /// Its frames in batches, as a source lends them. They are numbered through all chunks.
    pub fn batches(&self) -> impl Iterator<Item = Batch<'_>> {
        self.slots.chunks(BATCH_FRAMES).enumerate().filter_map(|(index, slots)| {
            let number = self.before + (index * BATCH_FRAMES) as u64 + 1;
            Batch::new(&self.region, slots, 0, number, number)
        })
    }
}
