//! Pieces of a byte string that arrived before what belongs in front of them.
//!
//! Streams hold out-of-order segments here, and datagrams their fragments. Where two pieces claim the same bytes, those
//! that came first stay; a later piece that says something else is kept whole beside them, as a rival. How much may be held
//! is for the owner to decide: nothing is refused here.

use std::ops::Range;

/// Bytes and where they belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Position of the first byte.
    pub(crate) start: u32,
    /// The bytes.
    pub(crate) bytes: Box<[u8]>,
    /// So many bytes after these were sent, but the capture did not keep them.
    pub(crate) missing: u32,
}

impl Piece {
    /// The position after the last byte.
    pub(crate) const fn end(&self) -> u32 {
        self.start.wrapping_add(self.bytes.len() as u32)
    }
}

/// What an inserted piece turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// It brought bytes that were not there.
    pub(crate) fresh: bool,
    /// It claimed bytes that were there.
    pub(crate) overlap: bool,
    /// It claimed them with another content, one not heard before.
    pub(crate) conflict: bool,
}

/// Pieces in order of position, none overlapping another, and their rivals in order of arrival.
///
/// Positions may wrap: they are compared by their distance from an origin that no piece precedes.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    pieces: Vec<Piece>,
    rivals: Vec<Piece>,
    bytes: usize,
}

impl Pieces {
    /// Nothing held.
    pub(crate) const fn new() -> Self {
        Self { pieces: Vec::new(), rivals: Vec::new(), bytes: 0 }
    }

    /// Adds what is new in `bytes`, and all of them as a rival if they contradict what is there.
    pub(crate) fn insert(&mut self, origin: u32, start: u32, bytes: &[u8], missing: u32) -> Placed {
        let begin = start.wrapping_sub(origin) as usize;
        let (fresh, differs) = self.survey(origin, begin, bytes);
        let whole = fresh.first() == Some(&(0..bytes.len()));
        let conflict =
            differs && !self.rivals.iter().any(|rival| rival.start == start && *rival.bytes == *bytes);
        let placed = Placed { fresh: !fresh.is_empty(), overlap: !whole, conflict };
        for part in fresh {
            let missing = if part.end == bytes.len() { missing } else { 0 };
            let piece = cut(start, bytes, part, missing);
            self.bytes += piece.bytes.len();
            let after = |other: &Piece| other.start.wrapping_sub(origin) <= piece.start.wrapping_sub(origin);
            let at = self.pieces.partition_point(after);
            self.pieces.insert(at, piece);
        }
        if conflict {
            self.bytes += bytes.len();
            self.rivals.push(cut(start, bytes, 0..bytes.len(), 0));
        }
        placed
    }

    /// Which parts of `bytes` no piece covers, and whether the others differ from what covers them.
    fn survey(&self, origin: u32, begin: usize, bytes: &[u8]) -> (Vec<Range<usize>>, bool) {
        let end = begin + bytes.len();
        let (mut fresh, mut differs, mut at) = (Vec::new(), false, begin);
        for piece in &self.pieces {
            let from = piece.start.wrapping_sub(origin) as usize;
            let to = from + piece.bytes.len();
            if to <= at {
                continue;
            }
            if from >= end {
                break;
            }
            if from > at {
                fresh.push(at - begin..from - begin);
            }
            let both = from.max(at)..to.min(end);
            differs |= piece.bytes.get(both.start - from..both.end - from)
                != bytes.get(both.start - begin..both.end - begin);
            at = both.end;
        }
        if at < end || bytes.is_empty() {
            fresh.push(at - begin..bytes.len());
        }
        (fresh, differs)
    }

    /// The position of the first piece.
    pub(crate) fn head(&self) -> Option<u32> {
        self.pieces.first().map(|piece| piece.start)
    }

    /// Takes the first piece if it does not begin after `next`.
    pub(crate) fn take_ready(&mut self, next: u32) -> Option<Piece> {
        let head = self.head()?;
        if ahead_of(head, next) > 0 {
            return None;
        }
        let piece = self.pieces.remove(0);
        self.bytes -= piece.bytes.len();
        if self.pieces.is_empty() {
            self.pieces = Vec::new();
        }
        Some(piece)
    }

    /// Takes the earliest rival that ends no later than `next`.
    pub(crate) fn take_rival(&mut self, next: u32) -> Option<Piece> {
        let at = self.rivals.iter().position(|rival| ahead_of(rival.end(), next) <= 0)?;
        let rival = self.rivals.remove(at);
        self.bytes -= rival.bytes.len();
        if self.rivals.is_empty() {
            self.rivals = Vec::new();
        }
        Some(rival)
    }

    /// The pieces, in order of position.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The pieces that contradicted others, in order of arrival.
    pub(crate) fn rivals(&self) -> &[Piece] {
        &self.rivals
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.rivals.is_empty()
    }

    /// How many pieces and rivals are held.
    pub(crate) fn count(&self) -> usize {
        self.pieces.len() + self.rivals.len()
    }

    /// How many payload bytes are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        self.bytes + (self.pieces.capacity() + self.rivals.capacity()) * size_of::<Piece>()
    }
}

/// How far `position` lies ahead of `next`; negative when behind.
pub(super) const fn ahead_of(position: u32, next: u32) -> i32 {
    position.wrapping_sub(next) as i32
}

/// A copy of one part of a segment.
fn cut(start: u32, bytes: &[u8], part: Range<usize>, missing: u32) -> Piece {
    let start = start.wrapping_add(part.start as u32);
    Piece { start, bytes: bytes.get(part).unwrap_or_default().into(), missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(pieces: &Pieces) -> Vec<(u32, &[u8])> {
        pieces.pieces().iter().map(|piece| (piece.start, &*piece.bytes)).collect()
    }

    #[test]
    fn a_later_piece_fills_only_what_is_open() {
        let mut pieces = Pieces::new();
        pieces.insert(0, 4, b"ef", 0);
        pieces.insert(0, 8, b"i", 0);
        let placed = pieces.insert(0, 2, b"cdefghij", 0);
        assert_eq!(placed, Placed { fresh: true, overlap: true, conflict: false });
        assert_eq!(laid(&pieces), [(2, &b"cd"[..]), (4, b"ef"), (6, b"gh"), (8, b"i"), (9, b"j")]);
        assert_eq!(pieces.bytes(), 8);
    }

    #[test]
    fn a_contradiction_is_kept_once_beside_the_first_content() {
        let mut pieces = Pieces::new();
        pieces.insert(0, 0, b"first", 0);
        assert!(pieces.insert(0, 0, b"other", 0).conflict);
        assert!(!pieces.insert(0, 0, b"other", 0).conflict);
        assert_eq!(laid(&pieces), [(0, &b"first"[..])]);
        assert_eq!(pieces.rivals().len(), 1);
    }

    #[test]
    fn positions_wrap() {
        let mut pieces = Pieces::new();
        let origin = u32::MAX - 1;
        pieces.insert(origin, 2, b"later", 0);
        pieces.insert(origin, origin, b"soon", 0);
        assert_eq!(pieces.head(), Some(origin));
        assert_eq!(pieces.take_ready(origin).map(|piece| piece.end()), Some(2));
        assert_eq!(pieces.take_ready(2).map(|piece| piece.start), Some(2));
        assert!(pieces.is_empty() && pieces.memory() == 0);
    }

    #[test]
    fn a_sliced_tail_stays_with_the_last_new_part() {
        let mut pieces = Pieces::new();
        pieces.insert(0, 2, b"cd", 0);
        pieces.insert(0, 0, b"abcdef", 10);
        assert_eq!(pieces.pieces().iter().map(|piece| piece.missing).collect::<Vec<_>>(), [0, 0, 10]);
    }
}
