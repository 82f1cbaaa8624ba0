//! One trial: workers as a replay has them, each at the end of a line of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Result;
use crossbeam::channel::bounded;

use super::line::{Line, Pace, Tally};
use super::load::Load;
use crate::pipeline::Pipeline;
use crate::run::Tools;
use crate::worker;

/// What trials have in common.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) tools: Tools,
    pub(super) workers: usize,
    pub(super) queue: usize,
    pub(super) lasting: Duration,
}

impl Bench {
    /// Frames a second when every queue is always full.
    pub(super) fn flat_out(&self, load: &Load) -> Result<f64> {
        let (taken, _) = self.trial(load, None)?;
        Ok(taken as f64 / self.lasting.as_secs_f64())
    }

    /// The share of frames that was lost when so many a second arrived, on all queues together.
    pub(super) fn at(&self, load: &Load, rate: f64) -> Result<f64> {
        let (taken, lost) = self.trial(load, Some(rate / self.workers as f64))?;
        // A trial in which nothing arrived has shown nothing.
        Ok(if taken + lost == 0 { 1.0 } else { lost as f64 / (taken + lost) as f64 })
    }

    /// Frames taken and lost.
    fn trial(&self, load: &Load, rate: Option<f64>) -> Result<(u64, u64)> {
        let pace = Pace { rate, lasting: self.lasting, queue: self.queue };
        let tallies: Vec<Tally> = (0..self.workers).map(|_| Tally::default()).collect();
        let settings = Arc::new(self.tools.config.settings.clone());
        let mut errors = Vec::new();
        std::thread::scope(|scope| {
            let (sender, reports) = bounded(2 * self.workers);
            for tally in &tallies {
                let (sender, mut line) = (sender.clone(), Line::new(load.clone(), pace, tally));
                // Each queue has its own flows, so each worker is the only one of its queue.
                let pipeline =
                    Pipeline::new(settings.clone(), &self.tools.anchors, self.tools.pools.clone(), 0, 1);
                scope.spawn(move || worker::run(&mut line, pipeline, &sender, &mut |_, _| {}));
            }
            drop(sender);
            for mut report in reports {
                errors.append(&mut report.errors);
            }
        });
        match errors.into_iter().next() {
            Some(error) => Err(anyhow::anyhow!(error)),
            None => Ok(tallies.iter().fold((0, 0), |(taken, lost), tally| {
                (taken + tally.taken.load(Relaxed), lost + tally.lost.load(Relaxed))
            })),
        }
    }
}
