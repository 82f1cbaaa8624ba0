//! One datagram, some fragments of which have come.

use super::{FragmentCounters, FragmentLimits, Key};
use crate::stream::Pieces;
use pithead_wire::{Fragment, Tags, Timestamp};

/// How often a datagram that was complete is lent out again because of fragments that contradict it. Each time costs its
/// whole length, so a few bytes must not buy it without end.
const MOST_REPEATS: u8 = 16;

/// A datagram some fragments of which have come.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) key: Key,
    pub(super) protocol: u8,
    pub(super) tags: Tags,
    begun: Timestamp,
    pieces: Pieces,
    /// Where the datagram ends according to the first fragment that told, and to the last that told otherwise.
    end: Option<u32>,
    other_end: Option<u32>,
    /// When it was first complete, and how often it was lent out since.
    pub(super) done: Option<Timestamp>,
    repeats: u8,
    /// The end of the last reading lent out.
    lent_end: u32,
}

/// What a fragment brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Nothing,
    Bytes,
    Contradiction,
}

impl Datagram {
    pub(super) fn new(key: Key, fragment: &Fragment<'_>, at: Timestamp) -> Self {
        Self {
            key,
            protocol: fragment.protocol,
            tags: fragment.tags,
            begun: at,
            pieces: Pieces::new(),
            end: None,
            other_end: None,
            done: None,
            repeats: 0,
            lent_end: 0,
        }
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + size_of::<(Key, u64)>() + self.pieces.memory()
    }

    pub(super) fn is_full(&self, limits: &FragmentLimits) -> bool {
        self.pieces.count() >= limits.pieces
    }

    pub(super) fn is_over(&self, at: Timestamp, limits: &FragmentLimits) -> bool {
        match self.done {
            Some(done) => at.since(done) > limits.linger,
            None => at.since(self.begun) > limits.timeout,
        }
    }

    /// Adds a fragment's bytes.
    pub(super) fn take_in(
        &mut self,
        fragment: &Fragment<'_>,
        bytes: &[u8],
        counters: &mut FragmentCounters,
    ) -> News {
        if fragment.offset == 0 {
            (self.protocol, self.tags) = (fragment.protocol, fragment.tags);
        }
        let placed = self.pieces.insert(0, fragment.offset, bytes, 0);
        let other_end = !fragment.more && self.note_end(fragment.offset + bytes.len() as u32);
        counters.overlaps += u64::from(placed.overlap);
        counters.conflicts += u64::from(placed.conflict || other_end);
        match placed.conflict || other_end {
            true => News::Contradiction,
            false if placed.fresh => News::Bytes,
            false => News::Nothing,
        }
    }

    /// Notes where the datagram ends. True if that contradicts an earlier fragment, in a way not heard before.
    fn note_end(&mut self, end: u32) -> bool {
        let first = *self.end.get_or_insert(end);
        if first == end || self.other_end == Some(end) {
            return false;
        }
        self.other_end = Some(end);
        true
    }

    /// The first and the last told end, of those that have been reached.
    fn ends(&self) -> Option<(u32, u32)> {
        let covered = self.covered();
        let mut reached = [self.end, self.other_end].into_iter().flatten().filter(|&end| end <= covered);
        let first = reached.next()?;
        Some((first, reached.next().unwrap_or(first)))
    }

    /// Whether the datagram is complete, and has something to say that it has not said.
    pub(super) fn wants_out(&self, news: News) -> bool {
        let Some((_, last)) = self.ends() else { return false };
        match (news, self.done) {
            (News::Nothing, _) => false,
            (_, None) => true,
            (_, Some(_)) if self.repeats >= MOST_REPEATS => false,
            (News::Bytes, Some(_)) => last != self.lent_end,
            (News::Contradiction, Some(_)) => true,
        }
    }

    /// Writes out both readings, if they are complete. `newest` is what the last fragment brought.
    pub(super) fn lay_out(
        &mut self,
        offset: u32,
        newest: &[u8],
        payload: &mut Vec<u8>,
        rival: &mut Vec<u8>,
    ) -> bool {
        let Some((first, last)) = self.ends() else { return false };
        let again = self.done.is_some();
        self.repeats += u8::from(again);
        self.lent_end = last;
        payload.clear();
        self.pieces.pieces().iter().for_each(|piece| payload.extend_from_slice(&piece.bytes));
        rival.clone_from(payload);
        for piece in self.pieces.rivals() {
            lay(rival, piece.start, &piece.bytes);
        }
        if again {
            // The first reading is known. Decoys that come now before, now after the real fragment leave neither reading
            // right throughout; this one has nothing but the newest fragment changed.
            lay(payload, offset, newest);
        }
        payload.truncate(if again { last } else { first } as usize);
        rival.truncate(last as usize);
        true
    }

    /// How many bytes there are from the beginning without a gap.
    fn covered(&self) -> u32 {
        let mut covered = 0;
        for piece in self.pieces.pieces() {
            if piece.start != covered {
                break;
            }
            covered = piece.end();
        }
        covered
    }
}

/// Overwrites part of a reading, as far as it reaches.
fn lay(reading: &mut [u8], offset: u32, bytes: &[u8]) {
    let there = reading.get_mut(offset as usize..).unwrap_or_default();
    for (old, new) in there.iter_mut().zip(bytes) {
        *old = *new;
    }
}
