//! The turns of a conversation on their way to the dialects without words, in every reading of what its sides began with.
//!
//! Such dialects are known by sizes and by first bytes. The sizes are the same whichever of two contents was true, but a decoy in front
//! would hide the bytes: so each reading that the stream shows is kept for a while, and each is judged with each of the other side's. That
//! costs nothing until a stream is contested.

use pithead_flow::Direction;

use crate::dialect::DIALECTS;
use crate::judge::{Judge, Names};
use crate::nodes;
use crate::session::Session;
use crate::turns::{Head, Turns};

/// How many other readings are kept of each direction. Eight: a mixture of decoys before and behind the true bytes shows two or three.
const READINGS: usize = 8;

/// The turns of one conversation, until it is known what they are.
#[derive(Debug)]
pub(crate) struct Course {
    turns: Turns,
    readings: Option<Box<Readings>>,
    /// A dialect knows them, or they are too many to be known.
    judged: bool,
}

impl Course {
    /// A conversation of which nothing was heard yet. `from_start`: whether it was seen to open.
    pub(crate) const fn new(from_start: bool) -> Self {
        Self { turns: Turns::new(from_start), readings: None, judged: !from_start }
    }

    /// Whether it was seen to open, and whole so far.
    pub(crate) const fn opens(&self) -> bool {
        self.turns.from_start()
    }

    /// Whether more bytes can tell nothing more.
    pub(crate) const fn is_judged(&self) -> bool {
        self.judged
    }

    /// Whether what it has shown so far could be the beginning of something known.
    pub(crate) fn is_promising(&self) -> bool {
        !self.judged && DIALECTS.iter().any(|dialect| dialect.expects_more(&self.turns))
    }

    /// Bytes were lost: what follows cannot be measured.
    pub(crate) const fn spoil(&mut self) {
        self.turns.spoil();
        self.judged = true;
    }

    /// Measures the next bytes, and lets those dialects judge that have no words.
    pub(crate) fn count(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        judge: &mut Judge<'_>,
        session: &mut Option<Box<Session>>,
        names: &mut Names,
    ) {
        if self.judged {
            return;
        }
        if let Some(readings) = &mut self.readings {
            readings.extend(direction, self.turns.head(direction).len(), bytes);
        }
        let growth = self.turns.push(direction, bytes);
        if growth.begins && self.turns.all().len() == 2 {
            let first = self.turns.all()[0];
            if let Some(app) = nodes::opening(self.turns.head(first.0), u64::from(first.1)) {
                judge.app(app);
            }
        }
        self.judged = (growth.news && self.judge(direction, judge, session, names)) || self.turns.is_full();
    }

    /// Notes another reading of all that a direction has said; `dropped` counts those that had to go for it.
    pub(crate) fn contest(
        &mut self,
        direction: Direction,
        window: &[u8],
        dropped: &mut u64,
        judge: &mut Judge<'_>,
        session: &mut Option<Box<Session>>,
        names: &mut Names,
    ) {
        if self.judged {
            return;
        }
        if self.readings.get_or_insert_default().note(direction, window, dropped) {
            self.judged = self.judge(direction, judge, session, names);
        }
    }

    /// No more bytes will come, so the last turn is complete.
    pub(crate) fn end(
        &mut self,
        judge: &mut Judge<'_>,
        session: &mut Option<Box<Session>>,
        names: &mut Names,
    ) {
        let Some((last, _)) = self.turns.all().last().copied() else { return };
        if !self.judged {
            self.turns.end();
            self.judged = self.judge(last, judge, session, names);
        }
    }

    /// True when a dialect knows one of the readings.
    fn judge(
        &self,
        direction: Direction,
        judge: &mut Judge<'_>,
        session: &mut Option<Box<Session>>,
        names: &mut Names,
    ) -> bool {
        let Self { turns, readings, .. } = self;
        judge.turns(turns, direction, session, names)
            || readings.as_ref().is_some_and(|readings| {
                readings.of(turns).any(|turns| judge.turns(&turns, direction, session, names))
            })
    }
}

/// The readings of both directions.
#[derive(Debug, Default)]
struct Readings {
    /// Forward and backward, oldest first.
    others: [Vec<Head>; 2],
}

impl Readings {
    /// Keeps a reading of a direction from its first byte on. True when it is news; the oldest goes where there are too many, and `dropped`
    /// counts it.
    fn note(&mut self, direction: Direction, window: &[u8], dropped: &mut u64) -> bool {
        let head = Head::of(window);
        let others = &mut self.others[direction.index()];
        if others.contains(&head) {
            return false;
        }
        // It goes on where an earlier showing of the same reading ended.
        if let Some(shorter) = others.iter_mut().find(|other| head.bytes().starts_with(other.bytes())) {
            *shorter = head;
            return true;
        }
        if others.len() >= READINGS {
            others.remove(0);
            *dropped += 1;
        }
        others.push(head);
        true
    }

    /// The next bytes of a direction, of which `before` came earlier: no segment has contradicted them yet, so they belong to each reading.
    fn extend(&mut self, direction: Direction, before: usize, bytes: &[u8]) {
        for other in &mut self.others[direction.index()] {
            if other.bytes().len() == before {
                other.push(bytes);
            }
        }
    }

    /// The conversation in all readings but the one that came first on both sides.
    fn of<'t>(&'t self, turns: &'t Turns) -> impl Iterator<Item = Turns> + 't {
        let [ours, theirs] = [Direction::Forward, Direction::Backward]
            .map(|way| std::iter::once(turns.head_of(way)).chain(&self.others[way.index()]).enumerate());
        ours.flat_map(move |(a, ours)| theirs.clone().map(move |(b, theirs)| (a + b, ours, theirs)))
            .filter(|(others, ..)| *others > 0)
            .map(|(_, ours, theirs)| turns.read_as(ours, theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Backward, Forward};

    fn heads(readings: &Readings, turns: &Turns) -> Vec<(Vec<u8>, Vec<u8>)> {
        readings
            .of(turns)
            .map(|turns| (turns.head(Forward).to_vec(), turns.head(Backward).to_vec()))
            .collect()
    }

    fn pair(ours: &[u8], theirs: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (ours.to_vec(), theirs.to_vec())
    }

    #[test]
    fn each_reading_meets_each_of_the_other_side() {
        let (mut turns, mut readings, mut dropped) = (Turns::new(true), Readings::default(), 0);
        turns.push(Forward, b"aa");
        assert_eq!(heads(&readings, &turns), []);
        assert!(readings.note(Forward, b"AA", &mut dropped));
        assert!(!readings.note(Forward, b"AA", &mut dropped));
        turns.push(Backward, b"b");
        readings.extend(Backward, 0, b"b");
        readings.note(Backward, b"B", &mut dropped);
        turns.push(Forward, b"c");
        readings.extend(Forward, 2, b"c");
        assert_eq!(heads(&readings, &turns), [pair(b"aac", b"B"), pair(b"AAc", b"b"), pair(b"AAc", b"B")]);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn a_reading_that_goes_on_is_one() {
        let (mut turns, mut readings, mut dropped) = (Turns::new(true), Readings::default(), 0);
        turns.push(Forward, b"xxxx");
        assert!(readings.note(Forward, b"ab", &mut dropped));
        assert!(readings.note(Forward, b"abcd", &mut dropped));
        assert_eq!(heads(&readings, &turns), [pair(b"abcd", b"")]);
    }

    #[test]
    fn the_oldest_reading_goes() {
        let (mut turns, mut readings, mut dropped) = (Turns::new(true), Readings::default(), 0);
        turns.push(Forward, b"x");
        for byte in 0..20 {
            readings.note(Forward, &[byte], &mut dropped);
        }
        assert_eq!((heads(&readings, &turns).len(), dropped), (READINGS, 12));
    }
}
