//! The same bytes in other TCP segments.

use proptest::prelude::*;

use crate::dice::Dice;
use crate::support::line;
use crate::support::steps::{self, Segment, Step};
use crate::{same_alerts, same_ends, sessions};

/// A segment in pieces of at most so many bytes.
pub(crate) fn split(segment: &Segment, most: usize, dice: &mut Dice) -> Vec<Segment> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    while from < segment.payload.len() {
        let to = segment.payload.len().min(from + 1 + dice.below(most));
        pieces.push(segment.part(from, to));
        from = to;
    }
    pieces
}

/// Runs every capture in another way, and holds what is found against what was.
fn each(how: &str, mut way: impl FnMut(&[Step]) -> Vec<Step>) {
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        let found = line::run(&steps::frames(&way(&original)));
        same_alerts(&capture, &expected, &found, how);
        same_ends(&capture, &expected, &found, how);
    }
}

#[test]
fn taken_apart_and_put_together_nothing_is_lost() {
    for (capture, original) in sessions() {
        let expected = line::run(&crate::support::captures::frames(&capture));
        let found = line::run(&steps::frames(&original));
        same_alerts(&capture, &expected, &found, "as it was");
        same_ends(&capture, &expected, &found, "as it was");
    }
}

#[test]
fn byte_by_byte() {
    each("byte by byte", |steps| steps::replaced(steps, |segment| split(segment, 1, &mut Dice(0))));
}

#[test]
fn in_small_segments() {
    let mut dice = Dice(1);
    for most in [2, 7, 64] {
        each("in small segments", |steps| steps::replaced(steps, |segment| split(segment, most, &mut dice)));
    }
}

/// Neighbouring plain segments of one direction, backwards by up to eight.
fn reversed(steps: &[Step], opened: impl Fn(&Segment) -> bool) -> Vec<Step> {
    let mut made = steps.to_vec();
    let runs = made.chunk_by_mut(|a, b| match (a, b) {
        (Step::Segment(a), Step::Segment(b)) => a.is_plain() && b.is_plain() && b.follows(a),
        _ => false,
    });
    for run in runs {
        if matches!(&run[0], Step::Segment(first) if opened(first)) {
            run.chunks_mut(8).for_each(<[Step]>::reverse);
        }
    }
    made
}

/// Whether the SYN of this direction was captured: without it, nobody knows that the first segment seen is not the first.
fn openings(steps: &[Step]) -> impl Fn(&Segment) -> bool {
    let opening = |step: &Step| match step {
        Step::Segment(segment) if segment.flags & 2 != 0 => Some((segment.source, segment.destination)),
        _ => None,
    };
    let seen: Vec<_> = steps.iter().filter_map(opening).collect();
    move |segment| seen.contains(&(segment.source, segment.destination))
}

#[test]
fn out_of_order() {
    let mut dice = Dice(2);
    for most in [1, 24, 200] {
        each("out of order", |steps| {
            let pieces = steps::replaced(steps, |segment| split(segment, most, &mut dice));
            reversed(&pieces, openings(steps))
        });
    }
}

#[test]
fn sent_twice() {
    let mut dice = Dice(3);
    each("each segment twice", |steps| {
        steps::replaced(steps, |segment| {
            split(segment, 64, &mut dice).into_iter().flat_map(|piece| [piece.clone(), piece]).collect()
        })
    });
    each("the whole again", |steps| {
        steps::replaced(steps, |segment| {
            let mut pieces = split(segment, 64, &mut dice);
            pieces.push(segment.clone());
            pieces
        })
    });
}

#[test]
fn overlapping() {
    let mut dice = Dice(4);
    each("each piece with bytes of those before", |steps| {
        steps::replaced(steps, |segment| {
            let mut from = 0;
            let mut pieces = Vec::new();
            while from < segment.payload.len() {
                let to = segment.payload.len().min(from + 1 + dice.below(48));
                pieces.push(segment.part(from.saturating_sub(dice.below(64)), to));
                from = to;
            }
            pieces
        })
    });
}

#[test]
fn between_keep_alive_probes() {
    let mut dice = Dice(5);
    // With nothing in it, with the last byte, and with some byte, as systems differ.
    for garbage in [None, Some(false), Some(true)] {
        each("between probes", |steps| {
            steps::replaced(steps, |segment| {
                let mut pieces = Vec::new();
                for piece in split(segment, 64, &mut dice) {
                    let (next, last) = (piece.payload.len() as u32, piece.payload[piece.payload.len() - 1]);
                    let payload = match garbage {
                        None => Vec::new(),
                        Some(false) => vec![last],
                        Some(true) => vec![0],
                    };
                    let sequence = piece.sequence.wrapping_add(next).wrapping_sub(1);
                    let probe = Segment { sequence, payload, ..piece.clone() };
                    pieces.push(piece);
                    pieces.push(probe);
                }
                pieces
            })
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::long(48), ..ProptestConfig::default() })]

    /// All of it at once.
    #[test]
    fn in_any_way(seed: u64, which: prop::sample::Index) {
        let mut dice = Dice(seed);
        let all: Vec<_> = crate::support::golden();
        let capture = which.get(&all);
        let original = steps::of(capture);
        let made = steps::replaced(&original, |segment| {
            let most = 1 + dice.below(64);
            let pieces = split(segment, most, &mut dice);
            pieces.into_iter().flat_map(|piece| {
                let times = if dice.once_in(4) { 2 } else { 1 };
                vec![piece; times]
            }).collect()
        });
        let made = if seed % 2 == 0 { reversed(&made, openings(&original)) } else { made };
        let (expected, found) = (line::run(&steps::frames(&original)), line::run(&steps::frames(&made)));
        same_alerts(capture, &expected, &found, "in any way");
        same_ends(capture, &expected, &found, "in any way");
    }
}
