//! Frames to packets, by frame size.

use divan::{Bencher, counter::ItemsCount};
use pithead_bench::{Chunk, TRACES, recipe};
use pithead_traffic::Generator;
use pithead_wire::{Checksums, decode};

const FRAMES: usize = 20_000;

fn decoded(bencher: Bencher<'_, '_>, trace: &str, checksums: Checksums) {
    let mut chunk = Chunk::new();
    chunk.fill(&mut Generator::new(&recipe(trace, 10).expect("a trace")), FRAMES);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let frames = chunk.batches().flat_map(|batch| batch.frames());
        frames.filter(|frame| divan::black_box(decode(frame.link, frame.bytes, checksums)).is_ok()).count()
    });
}

#[divan::bench(args = TRACES.map(|trace| trace.0))]
fn ignoring_checksums(bencher: Bencher<'_, '_>, trace: &str) {
    decoded(bencher, trace, Checksums::Ignore);
}

#[divan::bench(args = TRACES.map(|trace| trace.0))]
fn verifying_checksums(bencher: Bencher<'_, '_>, trace: &str) {
    decoded(bencher, trace, Checksums::Verify);
}
