//! Decoding and the flow table, no detection: frames of flows in no order, from a thousand flows to ten million.
//!
//! Ten million take some gigabytes and half a minute before the first figure; `cargo bench -- flows --skip 10000000` leaves them out.

use divan::{Bencher, counter::ItemsCount};
use pithead_bench::{Chunk, Tools, on_batch};
use pithead_traffic::{Generator, Recipe, Sizes};

/// Frames of a sample.
const FRAMES: usize = 51_200;
/// Samples, each of other frames: with the same ones a small part of the table would be measured.
const SAMPLES: u32 = 20;

#[divan::bench(args = [1_000, 10_000, 100_000, 1_000_000, 10_000_000], sample_count = SAMPLES, sample_size = 1)]
fn observe(bencher: Bencher<'_, '_>, flows: u32) {
    let recipe = Recipe {
        sizes: Sizes::Fixed(64),
        flows,
        new_flows_per_second: flows / 10,
        frames_per_second: 10_000_000,
        miners: 0.0,
        ..Recipe::default()
    };
    let mut generator = Generator::new(&recipe);
    let mut tools = Tools::new().expect("an engine").without_detection();
    tools.settings.max_flows = flows as usize * 4;
    let mut pipeline = tools.pipeline(0, 1);
    let mut chunk = Chunk::new();
    while !generator.all_begun() {
        chunk.fill(&mut generator, FRAMES);
        chunk.batches().for_each(|batch| on_batch(&mut pipeline, &batch));
    }
    chunk.fill(&mut generator, FRAMES * SAMPLES as usize);
    let batches: Vec<_> = chunk.batches().collect();
    let mut samples = batches.chunks(FRAMES / 64).cycle();
    bencher
        .counter(ItemsCount::new(FRAMES))
        .with_inputs(|| samples.next().unwrap_or_default())
        .bench_local_values(|batches| batches.iter().for_each(|batch| on_batch(&mut pipeline, batch)));
}
