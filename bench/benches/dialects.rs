//! The whole pipeline on flows that mine, one dialect at a time: how many frames of a miner it takes in a second.

use divan::{Bencher, counter::ItemsCount};
use pithead_bench::{Tools, in_memory, run};
use pithead_traffic::{Generator, Recipe, SCRIPTS, Script};

const FRAMES: usize = 5_000;

#[divan::bench(args = SCRIPTS.iter().map(|script| script.dialect), sample_count = 20, sample_size = 1)]
fn miners(bencher: Bencher<'_, '_>, dialect: &str) {
    let tools = Tools::new().expect("an engine");
    let dialects = Script::of(dialect).into_iter().collect();
    let recipe = Recipe { miners: 1.0, dialects, flows: 100, ..Recipe::default() };
    let mut frames = in_memory(&mut Generator::new(&recipe), FRAMES);
    bencher.counter(ItemsCount::new(FRAMES)).with_inputs(|| tools.pipeline(0, 1)).bench_local_values(
        |mut pipeline| {
            frames.rewind();
            run(&mut frames, &mut pipeline).expect("frames in memory");
            pipeline
        },
    );
}
