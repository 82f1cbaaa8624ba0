//! Frames from capture files, one after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{
    Batch, Error, Interface, PacketSource, Place, Slot, Stop, content,
    format::{Fault, Limits},
    reading::Reading,
};

/// Frames lent at a time: enough to spread the cost of a call, few enough that they stay in the nearest cache.
pub const BATCH_FRAMES: usize = 64;

/// A batch takes no further frame once it holds so many bytes: a chunk that is shared out is about this large.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Frames in such a chunk: where frames are tiny, their slots are larger than they.
const CHUNK_FRAMES: usize = 8192;

/// Frames from one or several capture files, taken as one stream in the order given.
///
/// Formats are told by their first bytes, never by name. Plain files are mapped and not copied; what must be read from front to
/// back (`-` for standard input, pipes, gzip, zstd) goes through one buffer of fixed size. At most one file is open at a time.
pub struct FileSource {
    paths: Vec<PathBuf>,
    /// Bytes of each file on disk; `None` for what is no regular file.
    sizes: Vec<Option<u64>>,
    /// The file being read is `paths[file]`; when none is, it is the next.
    file: usize,
    reading: Option<Reading>,
    slots: Vec<Slot>,
    interfaces: Vec<Interface>,
    limits: Limits,
    /// Frames lent so far, over all files.
    lent: u64,
    /// Bytes on disk of the files that are done.
    done: u64,
    /// Captures opened so far, frames in them or not.
    opened: u64,
    stop: Stop,
    /// Up to which frame it may lend before it has to ask again.
    until: u64,
}

impl FileSource {
    /// A source over the files at `paths`. Each is opened when its turn comes, but it is an error now if one is not there.
    pub fn open(paths: &[PathBuf]) -> Result<Self, Error> {
        Ok(Self {
            sizes: paths.iter().map(|path| size(path)).collect::<Result<_, _>>()?,
            paths: paths.to_vec(),
            file: 0,
            reading: None,
            slots: Vec::new(),
            interfaces: Vec::new(),
            limits: Limits { frames: BATCH_FRAMES, bytes: CHUNK_BYTES },
            lent: 0,
            done: 0,
            opened: 0,
            stop: Stop::new(),
            until: 0,
        })
    }

    /// The same, lending at most so many frames at a time (at least one).
    #[must_use]
    pub fn with_batch_frames(mut self, frames: usize) -> Self {
        self.limits.frames = frames.max(1);
        self
    }

    /// The same, ending where the stop says: behind the same frame as all others that share it.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// The same, lending about as much at a time as is worth handing to another thread.
    pub(crate) fn with_chunks(self) -> Self {
        self.with_batch_frames(CHUNK_FRAMES)
    }

    /// The path of a file, by the index that batches carry.
    pub fn path(&self, file: usize) -> Option<&Path> {
        self.paths.get(file).map(PathBuf::as_path)
    }

    /// Finds the frames of the next batch. False when there will be no more.
    fn fill(&mut self) -> Result<bool, Error> {
        while let Some(path) = self.paths.get(self.file) {
            let reading = match &mut self.reading {
                Some(reading) => reading,
                None => match Reading::open(path) {
                    Ok(reading) => {
                        self.opened += 1;
                        self.reading.insert(reading)
                    }
                    Err(error) => {
                        self.close();
                        return Err(error);
                    }
                },
            };
            match reading.fill(&mut self.slots, &mut self.interfaces, self.file, self.limits) {
                Ok(()) if !self.slots.is_empty() => return Ok(true),
                Ok(()) => self.close(),
                Err(fault) => return Err(self.give_up(fault)),
            }
        }
        Ok(false)
    }

    /// Leaves a file for the next, with the reason.
    fn give_up(&mut self, fault: Fault) -> Error {
        let path = self.paths.get(self.file).map(PathBuf::as_path).unwrap_or(Path::new(""));
        let error = match &self.reading {
            Some(reading) => reading.error(path, fault),
            None => {
                Error::Damaged { path: path.into(), at: Place::default(), reason: "it is not open".into() }
            }
        };
        self.close();
        error
    }

    fn close(&mut self) {
        let consumed = self.reading.take().map_or(0, |reading| reading.consumed());
        self.done += self.sizes.get(self.file).copied().flatten().unwrap_or(consumed);
        self.slots.clear();
        self.file += 1;
    }
}

impl PacketSource for FileSource {
    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
        if self.lent >= self.until {
            self.until = self.stop.announce(self.lent);
        }
        if self.lent >= self.until || !self.fill()? {
            return Ok(None);
        }
        let Some(reading) = &self.reading else { return Ok(None) };
        let frames = self.slots.len() as u64;
        let (number, sequence) = (reading.frames() - frames + 1, self.lent + 1);
        self.lent += frames;
        let batch = Batch::new(reading.region(), &self.slots, self.file, number, sequence);
        let batch = batch.expect("walkers write down only what lies in the region");
        Ok(Some(batch.in_map(reading.map())))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn files(&self) -> u64 {
        self.opened
    }

    fn position(&self) -> (u64, Option<u64>) {
        let consumed = self.reading.as_ref().map_or(0, Reading::consumed);
        (self.done + consumed, self.sizes.iter().copied().sum())
    }
}

/// How large a file is; `None` if it is no regular file.
fn size(path: &Path) -> Result<Option<u64>, Error> {
    if content::is_standard_input(path) {
        return Ok(None);
    }
    let meta = path.metadata().map_err(|error| Error::Open { path: path.into(), cause: Arc::new(error) })?;
    Ok(meta.is_file().then_some(meta.len()))
}
