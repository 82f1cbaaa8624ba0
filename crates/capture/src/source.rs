//! The promise that all sources share, and the choice of one for a list of files.

use std::{fs::File, io::Read, path::Path, path::PathBuf};

use crate::{Batch, Error, Fanout, FileSource, Interface, Stop, content, stream::Packing};

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

/// Opens the files at `paths` as one stream in the order given, once for each of `receivers`; `-` is standard input.
///
/// Every receiver is lent every frame, with the same numbers, and meets the same errors at the same places. Each should be
/// drained by a thread of its own: where the files can be read only once, a receiver that rests makes the others wait.
///
/// Where `stop` asks for it, all of them end before the files do, behind the same frame, also while there is nothing to read.
///
/// Fails when a path names no file. A file that turns out to be unreadable or damaged is an error of the source, at its place.
pub fn open(
    paths: &[PathBuf],
    receivers: usize,
    batch_frames: usize,
    stop: &Stop,
) -> Result<Vec<Box<dyn PacketSource>>, Error> {
    // Reading from a pipe may wait for ever, and a thread that waits hears of no stop, so even one receiver leaves that to another thread.
    let alone = receivers <= 1 && paths.iter().all(|path| content::is_regular(path));
    if alone || paths.iter().all(|path| can_be_read_again(path)) {
        return (0..receivers).map(|_| boxed(paths, batch_frames, stop)).collect();
    }
    let source = FileSource::open(paths)?.with_chunks();
    let branches = Fanout::start(source, receivers, batch_frames, stop)?;
    Ok(branches.into_iter().map(|branch| Box::new(branch) as Box<dyn PacketSource>).collect())
}

fn boxed(paths: &[PathBuf], batch_frames: usize, stop: &Stop) -> Result<Box<dyn PacketSource>, Error> {
    Ok(Box::new(FileSource::open(paths)?.with_batch_frames(batch_frames).with_stop(stop.clone())))
}

/// Whether each worker may read this file for itself: a plain capture, whose pages the kernel keeps once for all.
///
/// A packed file could be unpacked by each as well, but unpacking costs more than all that is done with the frames.
fn can_be_read_again(path: &Path) -> bool {
    // Looked at before it is opened: opening a FIFO waits for its writer, and reading from one takes bytes away.
    if !content::is_regular(path) {
        return false;
    }
    let mut magic = [0; 4];
    match File::open(path).and_then(|mut file| file.read_exact(&mut magic)) {
        Ok(()) => Packing::of(&magic) == Packing::None,
        // Too short to be anything, or not readable: every source says so, at no cost.
        Err(_) => true,
    }
}
