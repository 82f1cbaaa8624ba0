//! What every source promises, as one test that each of them runs.
//!
//! Not part of the stable interface: it is public for the tests of other packages and panics where a promise is broken.

use crate::{Batch, Error, Frame, MemorySource, PacketSource};

/// Batch sizes that meet every boundary: one by one, ragged, the usual, and all at once.
const SIZES: [usize; 5] = [1, 3, 7, 64, 4096];

/// Checks that the source which `make` returns for a batch size lends just the frames of `expected`, in batches no larger than that size,
/// none of which spans files, counted without gaps, and that its end is final.
pub fn check<S: PacketSource>(expected: &MemorySource, mut make: impl FnMut(usize) -> S) {
    for size in SIZES {
        let mut wanted = expected.clone().with_batch_frames(size);
        wanted.rewind();
        let wanted = drain(&mut wanted, size);
        let mut source = make(size);
        assert_same(&drain(&mut source, size), &wanted, size);
        for _ in 0..3 {
            assert!(matches!(source.next_batch(), Ok(None)), "batches of {size}: frames after the end");
        }
    }
}

/// A frame with bytes of its own, and the file it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The frame, without its bytes.
    pub frame: Frame<'static>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its file.
    pub file: usize,
}

/// Everything that a source lends until its end, and the errors between, with the number of frames that came before each.
pub fn collect(source: &mut dyn PacketSource) -> (Vec<Kept>, Vec<(usize, Error)>) {
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    loop {
        match source.next_batch() {
            Ok(Some(batch)) => keep(&batch, &mut frames),
            Ok(None) => return (frames, errors),
            Err(error) => errors.push((frames.len(), error)),
        }
    }
}

fn drain(source: &mut dyn PacketSource, size: usize) -> Vec<Kept> {
    let mut frames = Vec::new();
    while let Some(batch) = source.next_batch().expect("the source fails") {
        assert!(batch.len() <= size, "a batch of {} where {size} was the limit", batch.len());
        assert_eq!(batch.frames().len(), batch.len());
        keep(&batch, &mut frames);
    }
    frames
}

fn keep(batch: &Batch<'_>, frames: &mut Vec<Kept>) {
    for frame in batch.frames() {
        assert!(frame.wire_len as usize >= frame.bytes.len(), "a frame longer than on the wire: {frame:?}");
        let bare = Frame { bytes: &[], ..frame };
        frames.push(Kept { frame: bare, bytes: frame.bytes.to_vec(), file: batch.file() });
    }
}

fn assert_same(frames: &[Kept], wanted: &[Kept], size: usize) {
    for (index, (frame, wanted)) in frames.iter().zip(wanted).enumerate() {
        assert_eq!(frame.frame.sequence, index as u64 + 1, "batches of {size}: sequence has a gap");
        assert_eq!(frame, wanted, "batches of {size}: frame {index} differs");
    }
    assert_eq!(frames.len(), wanted.len(), "batches of {size}: frames are missing or too many");
}
