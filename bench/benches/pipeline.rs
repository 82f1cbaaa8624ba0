//! The whole pipeline in memory: one worker, two workers on two queues, and, to hold them against, no detection.
//!
//! Each sample is a pipeline of its own that has seen the first half of the trace; the second half is measured.

use std::thread;

use divan::{Bencher, counter::ItemsCount};
use pithead::Pipeline;
use pithead_bench::{Queues, TRACES, Tools, recipe, run};
use pithead_capture::MemorySource;
use pithead_traffic::Generator;

/// Frames of each half.
const FRAMES: usize = 300_000;

fn with_workers(bencher: Bencher<'_, '_>, tools: &Tools, trace: &str, workers: usize) {
    let mut generator = Generator::new(&recipe(trace, 4).expect("a trace"));
    let mut warm = Queues::new(&mut generator, FRAMES, workers);
    let mut queues = Queues::new(&mut generator, FRAMES, workers);
    let pipelines = || {
        let mut pipelines: Vec<_> = (0..workers).map(|_| tools.pipeline(0, 1)).collect();
        each(&mut warm, &mut pipelines);
        pipelines
    };
    bencher.counter(ItemsCount::new(FRAMES)).with_inputs(pipelines).bench_local_values(|mut pipelines| {
        each(&mut queues, &mut pipelines);
        pipelines
    });
}

/// A thread a queue.
fn each(queues: &mut Queues, pipelines: &mut [Pipeline]) {
    let one = |queue: &mut MemorySource, pipeline: &mut Pipeline| {
        queue.rewind();
        run(queue, pipeline).expect("frames in memory");
    };
    thread::scope(|scope| {
        let mut pairs = queues.queues.iter_mut().zip(pipelines);
        let last = pairs.next();
        for (queue, pipeline) in pairs {
            scope.spawn(move || one(queue, pipeline));
        }
        if let Some((queue, pipeline)) = last {
            one(queue, pipeline);
        }
    });
}

#[divan::bench(args = TRACES.map(|trace| trace.0), sample_count = 10, sample_size = 1)]
fn one_worker(bencher: Bencher<'_, '_>, trace: &str) {
    with_workers(bencher, &tools(), trace, 1);
}

#[divan::bench(args = TRACES.map(|trace| trace.0), sample_count = 10, sample_size = 1)]
fn two_workers_on_two_queues(bencher: Bencher<'_, '_>, trace: &str) {
    with_workers(bencher, &tools(), trace, 2);
}

#[divan::bench(args = TRACES.map(|trace| trace.0), sample_count = 10, sample_size = 1)]
fn no_detection(bencher: Bencher<'_, '_>, trace: &str) {
    with_workers(bencher, &tools().without_detection(), trace, 1);
}

fn tools() -> Tools {
    Tools::new().expect("an engine")
}
