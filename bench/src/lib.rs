//! What the benches and gates share: traffic in memory, and a pipeline to send it through.
//!
//! Nothing here is part of the program; only `pithead-traffic` is, which makes the frames. What is measured is the same [`Pipeline`] that
//! reads files and links.
#![deny(unsafe_code)]

mod chunk;
#[allow(unsafe_code)]
pub mod counting;
#[cfg(target_os = "linux")]
pub mod live;
pub mod plot;
mod queues;
pub mod rates;
pub mod scale;

use std::sync::Arc;

use anyhow::{Context, Result};
use pithead::{Config, Pipeline, Settings};
use pithead_capture::{Batch, MemorySource, PacketSource};
use pithead_detect::Anchors;
use pithead_detect::pools::Pools;
use pithead_traffic::{Generator, Recipe, Sizes};
use pithead_wire::Timestamp;

pub use chunk::Chunk;
pub use queues::Queues;

/// Traces that figures are told of, by name: what they stand for, and how they are made.
pub const TRACES: [(&str, &str, Sizes, u32); 3] = [
    ("small", "127 bytes in the mean, 78,000 flows", Sizes::Mean(127), 78_000),
    ("imix", "7 of 64 bytes, 4 of 570, 1 of 1518; 20,000 flows", Sizes::Imix, 20_000),
    ("large", "774 bytes in the mean, 17,000 flows", Sizes::Mean(774), 17_000),
];

/// The recipe of a trace of [`TRACES`], with its flows divided by `part` for a shorter one.
pub fn recipe(name: &str, part: u32) -> Result<Recipe> {
    let (_, _, sizes, flows) = TRACES.into_iter().find(|trace| trace.0 == name).with_context(|| {
        let names: Vec<_> = TRACES.iter().map(|trace| trace.0).collect();
        format!("{name}: no such trace; there are {}", names.join(", "))
    })?;
    let flows = (flows / part.max(1)).max(1);
    Ok(Recipe { sizes, flows, new_flows_per_second: flows / 10, ..Recipe::default() })
}

/// So many frames in memory.
pub fn in_memory(generator: &mut Generator, frames: usize) -> MemorySource {
    let mut source = MemorySource::new();
    let mut frame = Vec::with_capacity(2048);
    for _ in 0..frames {
        frame.clear();
        let made = generator.append(&mut frame);
        source.push(&frame, at(made.at_ns));
    }
    source
}

/// A time as frames carry it.
pub const fn at(ns: u64) -> Timestamp {
    Timestamp::from_nanos(ns as i64)
}

/// What pipelines are made of. Compiling the patterns takes long enough to do it once.
#[derive(Clone, Debug)]
pub struct Tools {
    /// How they work.
    pub settings: Settings,
    /// The patterns.
    pub anchors: Anchors,
    /// The list of pools.
    pub pools: Arc<Pools>,
}

impl Tools {
    /// Everything as the program has it when nothing is configured.
    ///
    /// # Errors
    /// When the matching engine cannot be used on this machine.
    pub fn new() -> Result<Self> {
        let config = Config::default();
        let pools = Arc::new(config.pools()?);
        let anchors = Anchors::new().context("cannot compile the patterns")?;
        Ok(Self { settings: config.settings, anchors, pools })
    }

    /// The same without detection: decode, flow table, host table.
    #[must_use]
    pub fn without_detection(mut self) -> Self {
        self.settings.limits.inspect = false;
        self
    }

    /// Pipeline number `me` of `workers`.
    pub fn pipeline(&self, me: usize, workers: usize) -> Pipeline {
        Pipeline::new(Arc::new(self.settings.clone()), &self.anchors, self.pools.clone(), me, workers)
    }
}

/// Sends all of a source's frames through a pipeline; its events stay in its report. How many frames there were.
///
/// # Errors
/// What the source says.
pub fn run(source: &mut dyn PacketSource, pipeline: &mut Pipeline) -> Result<u64> {
    let mut frames = 0;
    while let Some(batch) = source.next_batch()? {
        frames += batch.len() as u64;
        on_batch(pipeline, &batch);
    }
    Ok(frames)
}

/// Sends a batch through a pipeline, as a worker does.
#[inline]
pub fn on_batch(pipeline: &mut Pipeline, batch: &Batch<'_>) {
    pipeline.on_frames(batch.frames());
}
