//! A worker: a source, a pipeline, and somebody to report to.

use std::sync::Arc;

use crossbeam::channel::Sender;
use pithead_capture::PacketSource;

use crate::pipeline::Pipeline;
use crate::report::Report;

/// Frames of an epoch: after so many every worker reports. Fixed, so that what is merged together never depends on batches, on the number
/// of workers or on time.
pub(crate) const EPOCH: u64 = 65_536;

/// How far a worker has come, for the progress bar; called once a batch.
pub(crate) type Progress<'p> = dyn FnMut(u64, Option<u64>) + 'p;

/// Runs a source dry. Ends early when nobody listens any more.
pub(crate) fn run(
    source: &mut dyn PacketSource,
    mut pipeline: Pipeline,
    reports: &Sender<Report>,
    progress: &mut Progress<'_>,
) {
    let mut until: u64 = 0;
    let mut file = None;
    let mut ready = Vec::new();
    loop {
        match source.next_batch() {
            Ok(Some(batch)) => {
                let mut frames = batch.frames();
                while frames.len() > 0 {
                    // Sequences count from 1, so a multiple of the epoch's length is the last of its epoch.
                    if until > 0 && until.is_multiple_of(EPOCH) {
                        ready.push(pipeline.report(until, false));
                    }
                    if file != Some(batch.file()) {
                        file = Some(batch.file());
                        pipeline.on_file(until + 1, batch.file());
                    }
                    let some = (EPOCH - until % EPOCH).min(frames.len() as u64);
                    pipeline.on_frames(frames.by_ref().take(some as usize));
                    until += some;
                }
            }
            Ok(None) => break,
            Err(error) => pipeline.on_error(error.to_string()),
        }
        // The source can be asked only once it has its batch back.
        for mut report in ready.drain(..) {
            (report.opened, report.interfaces) = (source.files(), names(source));
            if reports.send(report).is_err() {
                return;
            }
        }
        let (done, total) = source.position();
        progress(done, total);
    }
    pipeline.finish();
    let mut report = pipeline.report(until, true);
    (report.opened, report.interfaces) = (source.files(), names(source));
    // Nobody listening is fine: the program is on its way out.
    let _ = reports.send(report);
}

fn names(source: &dyn PacketSource) -> Vec<Option<Arc<str>>> {
    source.interfaces().iter().map(|interface| interface.name.clone()).collect()
}
