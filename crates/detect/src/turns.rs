//! The shape of a conversation that has no words: who sent how many bytes before the other side spoke.
//!
//! Segments say nothing, since a sender may cut them anywhere; turns do, since each side waits for the other's answer.

use pithead_flow::Direction;

/// How many turns are kept; dialects without words give themselves away in the first six.
const TURNS: usize = 8;
/// How many first bytes of each direction are kept: a Stratum V2 miner has named itself and its user by then, if it does so in clear.
pub(crate) const HEAD_BYTES: usize = 192;

/// The first bytes of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    bytes: [u8; HEAD_BYTES],
    len: usize,
}

impl Head {
    const EMPTY: Self = Self { bytes: [0; HEAD_BYTES], len: 0 };

    /// The first of these.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut head = Self::EMPTY;
        head.push(bytes);
        head
    }

    /// Adds the next bytes, as far as there is room. True if there was.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> bool {
        let free = self.bytes.get_mut(self.len..).unwrap_or_default();
        let kept = bytes.len().min(free.len());
        free[..kept].copy_from_slice(&bytes[..kept]);
        self.len += kept;
        kept > 0
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// What bytes brought to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// They begin a turn, so that the turn before is complete.
    pub begins: bool,
    /// Something can be judged that could not be before: a turn is complete, or more is known of the first bytes.
    pub news: bool,
}

/// The beginning of a conversation.
#[derive(Clone, Debug)]
pub struct Turns {
    turns: [(Direction, u32); TURNS],
    count: usize,
    heads: [Head; 2],
    from_start: bool,
    ended: bool,
}

impl Turns {
    /// A conversation of which nothing was heard yet. `from_start`: whether its connection was seen to open.
    pub const fn new(from_start: bool) -> Self {
        Self {
            turns: [(Direction::Forward, 0); TURNS],
            count: 0,
            heads: [Head::EMPTY; 2],
            from_start,
            ended: false,
        }
    }

    /// Whether the connection was seen to open, so that the first turn is whole.
    pub const fn from_start(&self) -> bool {
        self.from_start
    }

    /// Bytes lost: what follows cannot be measured.
    pub const fn spoil(&mut self) {
        self.from_start = false;
    }

    /// No more bytes will come: the last turn is complete.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// Whether no more bytes will come.
    pub const fn is_over(&self) -> bool {
        self.ended
    }

    /// Counts bytes.
    pub fn push(&mut self, direction: Direction, bytes: &[u8]) -> Growth {
        let more = self.heads[direction.index()].push(bytes);
        let begins = self.measure(direction, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        Growth { begins, news: begins || more }
    }

    fn measure(&mut self, direction: Direction, len: u32) -> bool {
        if let Some((last, sum)) = self.count.checked_sub(1).and_then(|last| self.turns.get_mut(last))
            && *last == direction
        {
            *sum = sum.saturating_add(len);
            return false;
        }
        let Some(turn) = self.turns.get_mut(self.count) else { return false };
        *turn = (direction, len);
        self.count += 1;
        true
    }

    /// The turns so far, the last one possibly unfinished.
    pub fn all(&self) -> &[(Direction, u32)] {
        &self.turns[..self.count]
    }

    /// The turns that are complete: the other side has spoken after them, or nobody will any more. Only their sizes can be relied on.
    pub fn complete(&self) -> &[(Direction, u32)] {
        let count = if self.ended { self.count } else { self.count.saturating_sub(1) };
        self.turns.get(..count).unwrap_or_default()
    }

    /// Whether no more turns are kept.
    pub const fn is_full(&self) -> bool {
        self.count == TURNS
    }

    /// The first bytes of a direction.
    pub fn head(&self, direction: Direction) -> &[u8] {
        self.heads[direction.index()].bytes()
    }

    pub(crate) const fn head_of(&self, direction: Direction) -> &Head {
        &self.heads[direction.index()]
    }

    /// The same turns with other first bytes.
    pub(crate) fn read_as(&self, ours: &Head, theirs: &Head) -> Self {
        Self { heads: [*ours, *theirs], ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Backward, Forward};

    #[test]
    fn segments_of_one_side_are_one_turn() {
        let mut turns = Turns::new(true);
        assert!(turns.push(Forward, &[1; 40]).begins);
        assert_eq!(turns.push(Forward, &[2; 24]), Growth { begins: false, news: true });
        assert!(turns.push(Backward, &[3; 200]).begins);
        assert_eq!(turns.push(Backward, &[3; 34]), Growth { begins: false, news: false });
        assert_eq!(turns.all(), [(Forward, 64), (Backward, 234)]);
        assert_eq!(turns.head(Forward).len(), 64);
        assert_eq!(turns.head(Backward).len(), HEAD_BYTES);
        assert_eq!(turns.complete(), [(Forward, 64)]);
        turns.end();
        assert_eq!(turns.complete(), turns.all());
    }

    #[test]
    fn a_long_conversation_is_cut() {
        let mut turns = Turns::new(true);
        for n in 0..100 {
            turns.push(if n % 2 == 0 { Forward } else { Backward }, b"x");
        }
        assert!(turns.is_full());
        assert_eq!(turns.all().len(), TURNS);
    }
}
