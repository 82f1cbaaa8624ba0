//! The last bytes of a stream, in two readings.
//!
//! The first reading holds what was seen first. A second is kept only while something contradicted it: there, the latest
//! content that differs from the first wins. A repetition of the first content does not bring the second reading back to
//! it, for tools that hide a message send the decoy before and after the real segment.
//!
//! Bytes that nobody saw are holes: zeros in both readings until a late segment fills them, and never part of what is shown.

use super::pieces::ahead_of;
use std::ops::Range;

/// Holes kept in a window; beyond this many, the window lets go of its oldest. A capture with that much loss within
/// some KiB has no message left to repair.
const MOST_HOLES: usize = 16;

/// Bytes that a list of holes may take, as grown by doubling.
pub(super) const MOST_HOLES_MEMORY: usize = 2 * (MOST_HOLES + 2) * size_of::<Range<usize>>();

/// Bytes of a stream up to a position.
#[derive(Clone, Debug)]
pub(super) struct Window {
    end: u32,
    first: Vec<u8>,
    /// As long as `first`, or empty while nothing contradicts it.
    rival: Vec<u8>,
    holes: Vec<Range<usize>>,
    /// Nothing before the front was ever seen, so what belongs there may be joined.
    open: bool,
}

/// What a segment meant to the window it was laid over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlaid {
    /// Nothing new: it says what is there, or lies outside.
    Known,
    /// It brought bytes that were missing.
    Filled,
    /// It contradicts what is there, in a way not heard before.
    Conflict,
}

/// What a segment meant to the front of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// It does not concern the front.
    Untouched,
    /// It was joined.
    Joined,
    /// It was never seen, but lies too far before the front to be joined.
    Apart,
}

impl Window {
    /// An empty window before `sequence`. If `open`, the stream may have begun earlier.
    pub(super) const fn at(sequence: u32, open: bool) -> Self {
        Self { end: sequence, first: Vec::new(), rival: Vec::new(), holes: Vec::new(), open }
    }

    /// The position after the last byte.
    pub(super) const fn end(&self) -> u32 {
        self.end
    }

    /// The position of the first byte.
    pub(super) fn front(&self) -> u32 {
        self.end.wrapping_sub(self.first.len() as u32)
    }

    /// Whether bytes before the front may be joined.
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the window holds no bytes.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Whether the two readings differ.
    pub(super) fn differs(&self) -> bool {
        !self.rival.is_empty()
    }

    /// Adds bytes at the end and lets go of the oldest beyond `history`.
    pub(super) fn append(&mut self, bytes: &[u8], history: usize) {
        self.end = self.end.wrapping_add(bytes.len() as u32);
        let kept = bytes.get(bytes.len().saturating_sub(history)..).unwrap_or_default();
        self.evict((self.first.len() + bytes.len()).saturating_sub(history));
        reserve(&mut self.first, kept.len(), history);
        self.first.extend_from_slice(kept);
        if self.differs() {
            reserve(&mut self.rival, kept.len(), history);
            self.rival.extend_from_slice(kept);
        }
    }

    /// Moves the end on over bytes that nobody saw.
    pub(super) fn skip(&mut self, count: u32, history: usize) {
        if count as usize >= history {
            *self = Self::at(self.end.wrapping_add(count), true);
            return;
        }
        self.end = self.end.wrapping_add(count);
        self.evict((self.first.len() + count as usize).saturating_sub(history));
        let from = self.first.len();
        let to = from + count as usize;
        reserve(&mut self.first, count as usize, history);
        self.first.resize(to, 0);
        if self.differs() {
            self.rival.resize(to, 0);
        }
        self.holes.push(from..to);
        self.limit_holes();
    }

    /// Lays a segment over the bytes it claims: fills holes, and remembers what differs in the second reading.
    pub(super) fn overlay(&mut self, sequence: u32, bytes: &[u8]) -> Overlaid {
        let Some((at, part)) = self.clip(sequence, bytes) else { return Overlaid::Known };
        let filled = self.fill(at.clone(), part);
        let differs = |reading: &[u8]| reading.get(at.clone()).is_some_and(|there| there != part);
        let news = differs(&self.first) && (self.rival.is_empty() || differs(&self.rival));
        if !news {
            self.limit_holes();
            return if filled { Overlaid::Filled } else { Overlaid::Known };
        }
        if self.rival.is_empty() {
            self.rival.clone_from(&self.first);
        }
        let first = self.first.get(at.clone()).unwrap_or_default();
        let there = self.rival.get_mut(at).unwrap_or_default();
        for ((there, said), _) in
            there.iter_mut().zip(part).zip(first).filter(|((_, said), first)| said != first)
        {
            *there = *said;
        }
        self.limit_holes();
        Overlaid::Conflict
    }

    /// Joins a segment that begins before the front, leaving a hole where it does not reach it.
    ///
    /// The window may be longer than `history` afterwards; [`Self::trim`] it once it has been shown.
    pub(super) fn extend_front(&mut self, sequence: u32, bytes: &[u8], history: usize) -> Front {
        let before = ahead_of(self.front(), sequence);
        if !self.open || before <= 0 || bytes.is_empty() {
            return Front::Untouched;
        }
        let before = before as usize;
        let prefix = bytes.get(..before).unwrap_or(bytes);
        let hole = prefix.len()..before;
        if !hole.is_empty() && (before + self.first.len() > history || self.holes.len() >= MOST_HOLES) {
            return Front::Apart;
        }
        prepend(&mut self.first, prefix, before);
        if self.differs() {
            prepend(&mut self.rival, prefix, before);
        }
        for known in &mut self.holes {
            *known = known.start + before..known.end + before;
        }
        if !hole.is_empty() {
            self.holes.insert(0, hole);
        }
        Front::Joined
    }

    /// Lets go of the oldest bytes beyond `history`.
    pub(super) fn trim(&mut self, history: usize) {
        self.evict(self.first.len().saturating_sub(history));
        self.first.shrink_to(history);
        self.rival.shrink_to(history);
    }

    /// Writes the last byte of the second reading. True if that changed what the window can show.
    pub(super) fn amend_last(&mut self, byte: u8) -> bool {
        let Some(last) = self.first.len().checked_sub(1) else { return false };
        if self.in_hole(last) {
            return false;
        }
        self.overlay(self.end.wrapping_sub(1), &[byte]) == Overlaid::Conflict
    }

    /// The second reading (the first, while nothing contradicts it) around a position, as far as no byte is missing.
    pub(super) fn reading(&self, around: u32) -> &[u8] {
        let reading = if self.differs() { &self.rival } else { &self.first };
        reading.get(self.run(around)).unwrap_or_default()
    }

    /// The first reading around a segment, with nothing but that segment laid over it.
    pub(super) fn patched(&self, sequence: u32, bytes: &[u8]) -> Vec<u8> {
        let run = self.run(sequence);
        let mut reading = self.first.get(run.clone()).unwrap_or_default().to_vec();
        if let Some((at, part)) = self.clip(sequence, bytes) {
            let shifted = at.start.saturating_sub(run.start)..at.end.saturating_sub(run.start);
            if let Some(there) = reading.get_mut(shifted).filter(|there| there.len() == part.len()) {
                there.copy_from_slice(part);
            }
        }
        reading
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        self.first.capacity() + self.rival.capacity() + self.holes.capacity() * size_of::<Range<usize>>()
    }

    /// The part of a segment that lies inside the window, and where.
    fn clip<'a>(&self, sequence: u32, bytes: &'a [u8]) -> Option<(Range<usize>, &'a [u8])> {
        let shift = i64::from(ahead_of(sequence, self.front()));
        let from = shift.max(0);
        let to = (shift + bytes.len() as i64).min(self.first.len() as i64);
        if from >= to {
            return None;
        }
        let part = bytes.get((from - shift) as usize..(to - shift) as usize)?;
        Some((from as usize..to as usize, part))
    }

    /// Fills the holes within `at`. True if there were any.
    fn fill(&mut self, at: Range<usize>, part: &[u8]) -> bool {
        let mut left = Vec::new();
        let mut filled = false;
        for hole in std::mem::take(&mut self.holes) {
            let both = hole.start.max(at.start)..hole.end.min(at.end);
            if both.is_empty() {
                left.push(hole);
                continue;
            }
            filled = true;
            let source = part.get(both.start - at.start..both.end - at.start).unwrap_or_default();
            for reading in [&mut self.first, &mut self.rival] {
                if let Some(there) = reading.get_mut(both.clone()) {
                    there.copy_from_slice(source);
                }
            }
            left.extend(
                [hole.start..both.start, both.end..hole.end].into_iter().filter(|rest| !rest.is_empty()),
            );
        }
        self.holes = left;
        filled
    }

    /// The stretch around a position that has no holes; empty if the position is in one.
    fn run(&self, around: u32) -> Range<usize> {
        let wanted = ahead_of(around, self.front()).max(0) as usize;
        let at = wanted.min(self.first.len().saturating_sub(1));
        if self.in_hole(at) {
            return 0..0;
        }
        let from = self.holes.iter().map(|hole| hole.end).filter(|&end| end <= at).max();
        let to = self.holes.iter().map(|hole| hole.start).filter(|&start| start > at).min();
        from.unwrap_or(0)..to.unwrap_or(self.first.len())
    }

    fn in_hole(&self, at: usize) -> bool {
        self.holes.iter().any(|hole| hole.contains(&at))
    }

    fn limit_holes(&mut self) {
        while let Some(oldest) = self.holes.first().filter(|_| self.holes.len() > MOST_HOLES) {
            self.evict(oldest.end);
        }
    }

    /// Lets go of the oldest bytes.
    fn evict(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        self.open = false;
        let count = count.min(self.first.len());
        self.first.drain(..count);
        for hole in &mut self.holes {
            *hole = hole.start.saturating_sub(count)..hole.end.saturating_sub(count);
        }
        self.holes.retain(|hole| !hole.is_empty());
        if self.differs() {
            self.rival.drain(..count);
            if self.rival == self.first {
                self.rival = Vec::new();
            }
        }
    }
}

/// Room for `more` bytes: doubles, as a `Vec` does, but not past what may ever be kept.
fn reserve(reading: &mut Vec<u8>, more: usize, history: usize) {
    let needed = reading.len() + more;
    if needed > reading.capacity() {
        let wanted = needed.max((reading.capacity() * 2).min(history));
        reading.reserve_exact(wanted - reading.len());
    }
}

/// Puts `prefix` in front, followed by zeros up to `before`.
fn prepend(reading: &mut Vec<u8>, prefix: &[u8], before: usize) {
    let zeros = std::iter::repeat_n(0, before - prefix.len());
    reading.splice(..0, prefix.iter().copied().chain(zeros));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(bytes: &[u8]) -> Window {
        let mut window = Window::at(100, true);
        window.append(bytes, 16);
        window
    }

    #[test]
    fn only_the_last_bytes_are_kept() {
        let mut window = window(b"0123456789");
        window.append(b"abcdefghij", 16);
        assert_eq!(window.reading(window.end()), b"456789abcdefghij");
        assert_eq!((window.front(), window.end()), (104, 120));
        assert!(!window.is_open() && window.memory() <= 16);
    }

    #[test]
    fn a_repeated_decoy_does_not_hide_the_other_content() {
        let mut window = window(b"decoy!");
        assert_eq!(window.overlay(100, b"login!"), Overlaid::Conflict);
        assert_eq!(window.overlay(100, b"decoy!"), Overlaid::Known);
        assert_eq!(window.overlay(100, b"login!"), Overlaid::Known);
        assert_eq!(window.reading(100), b"login!");
        assert_eq!(window.patched(103, b"YY!"), b"decYY!");
    }

    #[test]
    fn holes_part_the_readings_until_filled() {
        let mut window = window(b"abc");
        window.skip(3, 16);
        window.append(b"ghi", 16);
        assert_eq!((window.reading(100), window.reading(108)), (&b"abc"[..], &b"ghi"[..]));
        assert_eq!(window.overlay(103, b"de"), Overlaid::Filled);
        assert_eq!(window.reading(103), b"abcde");
        assert_eq!(window.overlay(102, b"cdefg"), Overlaid::Filled);
        assert_eq!(window.reading(103), b"abcdefghi");
    }

    #[test]
    fn the_front_grows_while_nothing_was_let_go() {
        let mut window = window(b"ghi");
        assert_eq!(window.extend_front(94, b"abc", 16), Front::Joined);
        assert_eq!(window.reading(94), b"abc");
        assert_eq!(window.extend_front(10, b"far", 16), Front::Apart);
        assert_eq!(window.overlay(97, b"def"), Overlaid::Filled);
        assert_eq!(window.reading(94), b"abcdefghi");
        window.trim(4);
        assert_eq!(window.reading(94), b"fghi");
        assert_eq!(window.extend_front(94, b"abcde", 16), Front::Untouched);
    }

    #[test]
    fn readings_agree_again_once_the_difference_is_gone() {
        let mut window = window(b"abcd");
        assert_eq!(window.overlay(100, b"X"), Overlaid::Conflict);
        window.append(b"0123456789012", 16);
        assert!(!window.differs());
    }
}
