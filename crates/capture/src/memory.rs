//! Frames held in memory, for tests and benchmarks.

use pithead_wire::{LinkType, Timestamp};

use crate::{Batch, Error, Frame, Interface, PacketSource, Slot, file::BATCH_FRAMES, interface};

/// A source that lends frames it was given before. It may be divided into files, as a list of captures is.
#[derive(Clone, Debug)]
pub struct MemorySource {
    region: Vec<u8>,
    slots: Vec<Slot>,
    /// The first slot of each file.
    files: Vec<usize>,
    interfaces: Vec<Interface>,
    batch_frames: usize,
    next: usize,
    file: usize,
}

impl Default for MemorySource {
    fn default() -> Self {
        Self::new()
    }
}

impl MemorySource {
    /// A source with one file and no frames in it.
    pub const fn new() -> Self {
        Self {
            region: Vec::new(),
            slots: Vec::new(),
            files: Vec::new(),
            interfaces: Vec::new(),
            batch_frames: BATCH_FRAMES,
            next: 0,
            file: 0,
        }
    }

    /// The same, lending at most so many frames at a time (at least one).
    #[must_use]
    pub fn with_batch_frames(mut self, frames: usize) -> Self {
        self.batch_frames = frames.max(1);
        self
    }

    /// Adds a whole Ethernet frame to the file begun last, on interface 0.
    pub fn push(&mut self, bytes: &[u8], at: Timestamp) {
        let wire_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let link = LinkType::ETHERNET;
        self.push_frame(Frame {
            bytes,
            wire_len,
            at,
            link,
            interface: 0,
            number: 0,
            sequence: 0,
            taker: None,
        });
    }

    /// Adds a frame to the file begun last. Its number and sequence are counted anew.
    pub fn push_frame(&mut self, frame: Frame<'_>) {
        if self.files.is_empty() {
            self.files.push(0);
        }
        let len = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let Frame { wire_len, at, link, interface, .. } = frame;
        self.slots.push(Slot { offset: self.region.len(), len, wire_len, at, link, interface });
        self.region.extend_from_slice(frame.bytes);
    }

    /// Begins the next file: frames added after this are numbered from 1 again.
    pub fn begin_file(&mut self) {
        if self.files.is_empty() {
            self.files.push(0);
        }
        self.files.push(self.slots.len());
    }

    /// Names the next interface.
    pub fn add_interface(&mut self, interface: Interface) {
        interface::add(&mut self.interfaces, interface);
    }

    /// Goes back to the first frame, so that the same frames are lent again.
    pub const fn rewind(&mut self) {
        self.next = 0;
        self.file = 0;
    }

    /// How many frames it holds.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The first and the end of the slots of the file that holds the next frame.
    fn bounds(&mut self) -> (usize, usize) {
        while self.files.get(self.file + 1).is_some_and(|&first| first <= self.next) {
            self.file += 1;
        }
        let first = self.files.get(self.file).copied().unwrap_or(0);
        (first, self.files.get(self.file + 1).copied().unwrap_or(self.slots.len()))
    }
}

impl PacketSource for MemorySource {
    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
        if self.next >= self.slots.len() {
            return Ok(None);
        }
        let (first, end) = self.bounds();
        let start = self.next;
        self.next = end.min(start.saturating_add(self.batch_frames));
        let number = (start - first) as u64 + 1;
        let slots = &self.slots[start..self.next];
        Ok(Batch::new(&self.region, slots, self.file, number, start as u64 + 1))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn position(&self) -> (u64, Option<u64>) {
        (self.next as u64, Some(self.slots.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    fn two_files() -> MemorySource {
        let mut source = MemorySource::new();
        for index in 0..100u8 {
            if index == 37 {
                source.begin_file();
                source.begin_file();
            }
            source.push(&vec![index; index as usize], Timestamp::from_nanos(index.into()));
        }
        source
    }

    #[test]
    fn keeps_the_contract() {
        let expected = two_files();
        contract::check(&expected, |frames| expected.clone().with_batch_frames(frames));
    }

    #[test]
    fn a_batch_never_spans_files_and_numbers_begin_anew() {
        let mut source = two_files();
        let first = source.next_batch().unwrap().unwrap();
        assert_eq!((first.len(), first.file(), first.frame(0).number), (37, 0, 1));
        let second = source.next_batch().unwrap().unwrap();
        assert_eq!((second.len(), second.file()), (63, 2));
        assert_eq!((second.frame(0).number, second.frame(0).sequence), (1, 38));
        source.rewind();
        assert_eq!(source.next_batch().unwrap().unwrap().frame(0).sequence, 1);
    }
}
