//! A worker: a source, a pipeline, and somebody to report to.

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
    loop {
        match source.next_batch() {
            Ok(Some(batch)) => {
                for frame in batch.frames() {
                    // Sequences count from 1, so a multiple of the epoch's length is the last of its epoch.
                    let ends = until > 0 && until.is_multiple_of(EPOCH);
                    if ends && reports.send(pipeline.report(until, false)).is_err() {
                        return;
                    }
                    if file != Some(batch.file()) {
                        file = Some(batch.file());
                        pipeline.on_file(frame.sequence, batch.file());
                    }
                    until = frame.sequence;
                    pipeline.on_frame(frame);
                }
            }
            Ok(None) => break,
            Err(error) => pipeline.on_error(error.to_string()),
        }
        pipeline.on_interfaces(source.interfaces());
        let (done, total) = source.position();
        progress(done, total);
    }
    pipeline.finish();
    // Nobody listening is fine: the program is on its way out.
    let _ = reports.send(pipeline.report(until, true));
}
