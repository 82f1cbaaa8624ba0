//! The promise that all sources share, and the choice of one for a list of files.

use std::path::PathBuf;

use crate::{Batch, Error, Fanout, FileSource, Frame, Interface, Stop, content};

/// A place frames come from.
pub trait PacketSource: Send {
    /// Lends the frames that have arrived. An empty batch means none yet; `None`, that no more will come.
    ///
    /// The frames go back to the source at the next call, so nothing can keep one past it. All frames of a batch are
    /// from one file. After an error the next call goes on with what follows: the next file, or `None`; `None` stays `None`.
    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error>;

    /// The interfaces that frames lent so far may name, in the order of [`Frame::interface`](crate::Frame::interface).
    fn interfaces(&self) -> &[Interface] {
        &[]
    }

    /// How many capture files it has opened so far, frames in them or not.
    fn files(&self) -> u64 {
        0
    }

    /// How far it has come and how far it has to go, in bytes of the files as they lie on disk; no end where none is known.
    fn position(&self) -> (u64, Option<u64>) {
        (0, None)
    }
}

impl<S: PacketSource + ?Sized> PacketSource for Box<S> {
    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
        (**self).next_batch()
    }

    fn interfaces(&self) -> &[Interface] {
        (**self).interfaces()
    }

    fn files(&self) -> u64 {
        (**self).files()
    }

    fn position(&self) -> (u64, Option<u64>) {
        (**self).position()
    }
}

/// Who is to take a frame, of several receivers that are lent it, counted from 0; `None`: each must look for itself.
pub type Deal = dyn FnMut(&Frame<'_>) -> Option<u16> + Send;

/// Opens the files at `paths` as one stream in the order given, for each of `receivers`; `-` is standard input.
///
/// Every receiver is lent every frame, with the same numbers, and meets the same errors at the same places. Where there are several, one thread
/// finds the frames for all, and asks `deal` whose each is; it is told in [`Frame::taker`]. Each receiver should be drained by a thread of
/// its own: one that rests makes the others wait.
///
/// Where `stop` asks for it, all of them end before the files do, behind the same frame, also while there is nothing to read.
///
/// Fails when a path names no file. A file that turns out to be unreadable or damaged is an error of the source, at its place.
pub fn open(
    paths: &[PathBuf],
    receivers: usize,
    batch_frames: usize,
    stop: &Stop,
    deal: Box<Deal>,
) -> Result<Vec<Box<dyn PacketSource>>, Error> {
    let source = FileSource::open(paths)?;
    // Reading from a pipe may wait for ever, and a thread that waits hears of no stop, so even one receiver leaves that to another thread.
    if receivers <= 1 && paths.iter().all(|path| content::is_regular(path)) {
        return Ok(vec![Box::new(source.with_batch_frames(batch_frames).with_stop(stop.clone()))]);
    }
    let branches = Fanout::start(source.with_chunks(), receivers, batch_frames, stop, deal)?;
    Ok(branches.into_iter().map(|branch| Box::new(branch) as Box<dyn PacketSource>).collect())
}
