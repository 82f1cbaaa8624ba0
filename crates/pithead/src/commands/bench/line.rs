//! A line on which frames arrive by the clock, and the queue at its end.
//!
//! Nobody sends: when the worker asks, the clock says how many frames have arrived since, and those for which the queue had no room are lost. So the line
//! takes no time from the worker, but for looking at the clock once a batch, as a NIC's driver does too, and for what makes a frame's addresses new.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use pithead_capture::{BATCH_FRAMES, Batch, Error, PacketSource, Slot};
use pithead_wire::Timestamp;

use super::load::Load;

/// Part of a trial that is not counted: the tables' memory is touched for the first time.
const WARM_UP: f64 = 0.2;

/// What came of a trial on one line, readable while the worker still has the line.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) taken: AtomicU64,
    pub(super) lost: AtomicU64,
}

/// How a line works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Frames a second; none for as fast as they are taken.
    pub(super) rate: Option<f64>,
    /// How long frames arrive, the warm-up not counted.
    pub(super) lasting: Duration,
    /// How many frames may wait.
    pub(super) queue: usize,
}

/// A source whose frames arrive by the clock.
#[derive(Debug)]
pub(super) struct Line<'t> {
    load: Load,
    pace: Pace,
    tally: &'t Tally,
    /// When the first frame was asked for.
    started: Option<Instant>,
    /// Frames that left the queue, taken or lost.
    gone: u64,
    batch: Vec<Slot>,
    lent: u64,
}

impl<'t> Line<'t> {
    pub(super) fn new(load: Load, pace: Pace, tally: &'t Tally) -> Self {
        Self { load, pace, tally, started: None, gone: 0, batch: Vec::with_capacity(BATCH_FRAMES), lent: 0 }
    }

    /// How many frames can be taken now; `None` at the end.
    fn waiting(&mut self, passed: Duration) -> Option<u64> {
        let (warm_up, end) = (self.pace.lasting.mul_f64(WARM_UP), self.pace.lasting.mul_f64(1.0 + WARM_UP));
        let Some(rate) = self.pace.rate else {
            return (passed < end).then_some(BATCH_FRAMES as u64);
        };
        let arrived = (passed.min(end).as_secs_f64() * rate) as u64;
        let waiting = arrived - self.gone;
        if waiting == 0 && passed >= end {
            return None;
        }
        // Which frames are lost, the first or the last, makes no difference to how many.
        let lost = waiting.saturating_sub(self.pace.queue as u64);
        self.gone += lost;
        if passed > warm_up {
            self.tally.lost.fetch_add(lost, Relaxed);
        }
        Some(waiting - lost)
    }

    /// Makes the next frames ready, which arrive now.
    fn fill(&mut self, frames: u64, now: Timestamp) {
        self.batch.clear();
        let len = self.load.len() as u64;
        for _ in 0..frames.min(BATCH_FRAMES as u64) {
            let (round, index) = (self.gone / len, (self.gone % len) as usize);
            self.gone += 1;
            if let Some(slot) = self.load.ready(index, round) {
                self.batch.push(Slot { at: now, ..slot });
            }
        }
    }
}

impl PacketSource for Line<'_> {
    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
        let passed = self.started.get_or_insert_with(Instant::now).elapsed();
        let Some(waiting) = self.waiting(passed) else { return Ok(None) };
        // From some day in 2026 on: the pipeline asks only for time that passes.
        let now = Timestamp::new(1_767_225_600 + passed.as_secs() as i64, passed.subsec_nanos());
        self.fill(waiting, now);
        if passed > self.pace.lasting.mul_f64(WARM_UP) {
            self.tally.taken.fetch_add(self.batch.len() as u64, Relaxed);
        }
        let number = self.lent + 1;
        self.lent += self.batch.len() as u64;
        Ok(Batch::new(self.load.region(), &self.batch, 0, number, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pithead_traffic::{Recipe, Sizes};

    fn line(tally: &Tally, rate: Option<f64>, queue: usize) -> Line<'_> {
        let recipe = Recipe { sizes: Sizes::Fixed(1518), flows: 10, ..Recipe::default() };
        Line::new(Load::made(&recipe), Pace { rate, lasting: Duration::from_secs(10), queue }, tally)
    }

    #[test]
    fn what_the_queue_does_not_hold_is_lost_and_every_frame_is_accounted_for() {
        let tally = Tally::default();
        let mut line = line(&tally, Some(1000.0), 100);
        // The first two seconds are not counted.
        assert_eq!(line.waiting(Duration::from_secs(2)), Some(100));
        assert_eq!((line.gone, tally.lost.load(Relaxed)), (1900, 0));
        line.fill(100, Timestamp::default());
        assert_eq!((line.batch.len(), line.gone), (64, 1964));
        // 36 of before still wait when 50 more arrive.
        assert_eq!(line.waiting(Duration::from_millis(2050)), Some(86));
        assert_eq!(line.waiting(Duration::from_secs(4)), Some(100));
        assert_eq!(tally.lost.load(Relaxed), 4000 - 1964 - 100);
        // Nothing arrives after the end, and what waits then is still taken.
        assert_eq!(line.waiting(Duration::from_secs(20)), Some(100));
        line.fill(64, Timestamp::default());
        line.fill(36, Timestamp::default());
        assert_eq!((line.gone, line.waiting(Duration::from_secs(20))), (12_000, None));
    }

    #[test]
    fn without_a_rate_there_is_always_a_batch_until_the_end() {
        let tally = Tally::default();
        let mut line = line(&tally, None, 1);
        assert_eq!(line.waiting(Duration::from_secs(11)), Some(64));
        assert_eq!(line.waiting(Duration::from_secs(12)), None);
    }
}
