//! One replay: sources, workers and the aggregator put together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use crossbeam::channel::{Receiver, bounded};
use pithead_capture::{Frame, PacketSource, Stop};
use pithead_detect::Anchors;
use pithead_detect::pools::Pools;
use pithead_output::{Record, StatsRecord};

use crate::aggregator::Aggregator;
use crate::config::Config;
use crate::pipeline::{self, Pipeline};
use crate::report::Report;
use crate::worker;

/// Reports that may wait for the aggregator; a worker that is further ahead waits.
const WAITING: usize = 2;
/// Files smaller than this are read by one worker: starting another costs more than it saves.
const SMALL: u64 = 16 << 20;

/// What a replay needs that can be shared by several.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) config: Arc<Config>,
    pub(crate) anchors: Anchors,
    pub(crate) pools: Arc<Pools>,
}

impl Tools {
    pub(crate) fn new(config: Config) -> Result<Self> {
        let pools = Arc::new(config.pools()?);
        let anchors = config.anchors()?;
        Ok(Self { config: Arc::new(config), anchors, pools })
    }
}

/// What came of a replay.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stats: StatsRecord,
    /// Errors of the source, in the order in which they were met.
    pub(crate) errors: Vec<String>,
}

/// Replays files as one stream and hands every record to `sink`, in order. At a stop it ends as if the files ended there.
pub(crate) fn replay(
    tools: &Tools,
    files: &[PathBuf],
    workers: usize,
    batch: usize,
    stop: &Stop,
    progress: &mut (dyn FnMut(u64, Option<u64>) + Send),
    sink: &mut dyn FnMut(Record),
) -> Result<Outcome> {
    let started = Instant::now();
    let checksums = tools.config.settings.checksums;
    let deal = Box::new(move |frame: &Frame<'_>| pipeline::taker(frame, checksums, workers));
    let sources = pithead_capture::open(files, workers, batch, stop, deal)?;
    let names = files.iter().map(|file| Arc::from(file.to_string_lossy())).collect();
    let mut aggregator = Aggregator::new(&tools.config, tools.pools.clone(), names, workers);
    let settings = Arc::new(tools.config.settings.clone());
    let mut errors = Vec::new();
    std::thread::scope(|scope| {
        let mut receivers = Vec::new();
        let mut progress = Some(progress);
        for (me, mut source) in sources.into_iter().enumerate() {
            let (sender, receiver) = bounded(WAITING);
            receivers.push(receiver);
            let pipeline = Pipeline::new(settings.clone(), &tools.anchors, tools.pools.clone(), me, workers);
            // All workers are lent the same frames, so one of them tells how far they are.
            let mut progress = progress.take();
            scope.spawn(move || {
                worker::run(
                    source.as_mut() as &mut dyn PacketSource,
                    pipeline,
                    &sender,
                    &mut |done, total| {
                        if let Some(progress) = &mut progress {
                            progress(done, total);
                        }
                    },
                );
            });
        }
        errors = drain(&receivers, &mut aggregator, sink);
    });
    aggregator.finish(started.elapsed(), sink);
    Ok(Outcome { stats: aggregator.stats(started.elapsed()), errors })
}

/// Merges epoch by epoch until the workers have made their last reports.
fn drain(
    receivers: &[Receiver<Report>],
    aggregator: &mut Aggregator,
    sink: &mut dyn FnMut(Record),
) -> Vec<String> {
    let mut errors = Vec::new();
    loop {
        // A worker that is gone without a last report has panicked; leaving the scope says so.
        let Ok(mut reports) = receivers.iter().map(Receiver::recv).collect::<Result<Vec<Report>, _>>() else {
            return errors;
        };
        let last = reports.iter().any(|report| report.last);
        // Every worker meets the same errors.
        if let Some(first) = reports.first_mut() {
            errors.append(&mut first.errors);
        }
        aggregator.merge(reports, sink);
        if last {
            return errors;
        }
    }
}

/// How many workers are worth their while.
pub(crate) fn workers(wanted: Option<u16>, files: &[PathBuf]) -> usize {
    if let Some(wanted) = wanted {
        return usize::from(wanted);
    }
    let size: u64 = files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum();
    if size < SMALL {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8))
}
