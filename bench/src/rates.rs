//! Frames a second in memory, by frame size, flows and workers.
//!
//! Counted in seconds of the thread's own processor time, which another program on the same core does not lengthen; with several workers
//! the slowest one counts. What a NIC and its driver cost comes on top.

use std::time::Duration;

use anyhow::Result;
use pithead_traffic::{Generator, Recipe, Sizes};
use rustix::time::{ClockId, clock_gettime};

use crate::scale::median;
use crate::{Queues, Tools, run};

/// Measurements of which the median is told.
const TIMES: usize = 3;
/// The most bytes of frames held at a time.
const BYTES: usize = 64 << 20;

/// The processor time that this thread has had.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Frames a second of so many workers, each on its own queue, once all flows have begun.
///
/// # Errors
/// What a source says; memory says nothing.
pub fn rate(tools: &Tools, recipe: &Recipe, workers: usize) -> Result<f64> {
    let mut generator = Generator::new(recipe);
    let frames = (BYTES / usual_len(recipe.sizes)).min(200_000);
    // Of the flows' first frames nothing is told.
    let begin = recipe.flows as usize * 6;
    let mut warm = Queues::new(&mut generator, begin, workers);
    let mut pipelines: Vec<_> = (0..workers).map(|_| tools.pipeline(0, 1)).collect();
    for (queue, pipeline) in warm.queues.iter_mut().zip(&mut pipelines) {
        run(queue, pipeline)?;
    }
    drop(warm);
    let mut rates = Vec::new();
    for _ in 0..TIMES {
        let mut queues = Queues::new(&mut generator, frames, workers);
        let slowest = std::thread::scope(|scope| {
            let pairs = queues.queues.iter_mut().zip(&mut pipelines);
            let threads: Vec<_> = pairs
                .map(|(queue, pipeline)| {
                    scope.spawn(move || {
                        let before = thread_time();
                        run(queue, pipeline).map(|_| thread_time().saturating_sub(before))
                    })
                })
                .collect();
            let mut times = threads.into_iter().map(|thread| thread.join().expect("a worker does not panic"));
            times.try_fold(Duration::ZERO, |slowest, time| anyhow::Ok(slowest.max(time?)))
        })?;
        rates.push(frames as f64 / slowest.as_secs_f64());
    }
    Ok(median(&mut rates))
}

const fn usual_len(sizes: Sizes) -> usize {
    match sizes {
        Sizes::Fixed(len) | Sizes::Mean(len) => len as usize,
        Sizes::Imix => 354,
    }
}
