//! Bytes that are claimed twice, with different content: which of both the receiver took is its own affair, so both are read.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use proptest::prelude::*;

use crate::dice::Dice;
use crate::segments::split;
use crate::sessions;
use crate::support::line::{self, Told};
use crate::support::steps::{self, Segment, Step};
use crate::support::{golden, short};

/// What stands in the decoy, by its place.
type Filler = fn(usize) -> u8;

const FILLERS: [(&str, Filler); 4] = [
    ("letters", |_| b'x'),
    ("zeros", |_| 0),
    ("a request", |at| b"GET / HTTP/1.1\r\n\r\n"[at % 18]),
    ("a greeting of SOCKS", |at| [5, 1, 0][at % 3]),
];

/// A segment in the place of another, with other bytes throughout.
fn decoy(segment: &Segment, filler: Filler) -> Segment {
    let differ = |(at, real): (usize, &u8)| if filler(at) == *real { b'~' } else { filler(at) };
    let payload = segment.payload.iter().enumerate().map(differ).collect();
    Segment { payload, ..segment.clone() }
}

/// Finds every miner of every capture although the first segments have decoys, and says in the flow that bytes were contested.
fn still_found(how: &str, first: usize, way: impl Fn(&Segment, Filler) -> Vec<Segment>) {
    for (name, filler) in FILLERS {
        for (capture, original) in sessions() {
            let expected = line::run(&steps::frames(&original));
            let mut left = first;
            let made = steps::replaced(&original, |segment| {
                left = left.saturating_sub(1);
                if left > 0 { way(segment, filler) } else { vec![segment.clone()] }
            });
            let found = line::run(&steps::frames(&made));
            let what = format!("{} {how}, {name}", short(&capture));
            assert_eq!(found.adds_up(), Ok(()), "{what}");
            // The dialect may be another, where the message that told it from its kin is the contested one.
            let flows =
                |told: &Told| told.miners().into_iter().map(|(flow, _)| flow).collect::<BTreeSet<u64>>();
            let (expected, found_too) = (flows(&expected), flows(&found));
            assert!(expected.is_subset(&found_too), "{what}: {expected:?}, found {:?}", found.miners());
            let contested = contested(&made);
            for flow in found.flows().filter(|flow| flow.verdict.is_some() && flow.end.is_some()) {
                let ends = (flow.flow.source, flow.flow.destination);
                assert!(!contested.contains(&ends) || flow.oddities.conflicts > 0, "{what}: {flow:?}");
            }
        }
    }
}

/// The flows in which bytes are claimed twice, both ways round. A single byte is left out: it could be a keep-alive probe.
fn contested(steps: &[Step]) -> BTreeSet<(SocketAddr, SocketAddr)> {
    let segments: Vec<&Segment> = steps
        .iter()
        .filter_map(|step| if let Step::Segment(segment) = step { Some(segment) } else { None })
        .collect();
    let twice = segments.windows(2).filter_map(|pair| {
        let same = pair[0].follows(pair[1]) && pair[0].sequence == pair[1].sequence;
        (same && pair[0].payload.len() > 1 && pair[0].payload != pair[1].payload).then_some(pair[0])
    });
    twice
        .flat_map(|segment| [(segment.source, segment.destination), (segment.destination, segment.source)])
        .collect()
}

#[test]
fn the_decoy_first() {
    for first in [2, 13, 1000] {
        still_found("decoy first", first, |segment, filler| vec![decoy(segment, filler), segment.clone()]);
    }
}

#[test]
fn the_decoy_last() {
    for first in [2, 13, 1000] {
        still_found("decoy last", first, |segment, filler| vec![segment.clone(), decoy(segment, filler)]);
    }
}

#[test]
fn a_decoy_before_and_after() {
    still_found("decoys around", 1000, |segment, filler| {
        let decoy = decoy(segment, filler);
        vec![decoy.clone(), segment.clone(), decoy]
    });
}

#[test]
fn a_decoy_for_each_piece() {
    for most in [1, 8, 64] {
        still_found("decoy before each piece", 12, |segment, filler| {
            let pieces = split(segment, most, &mut Dice(7));
            pieces.into_iter().flat_map(|piece| [decoy(&piece, filler), piece]).collect()
        });
    }
    for most in [1, 8, 64] {
        still_found("decoy after each piece", 12, |segment, filler| {
            let pieces = split(segment, most, &mut Dice(8));
            pieces.into_iter().flat_map(|piece| [piece.clone(), decoy(&piece, filler)]).collect()
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::long(48), ..ProptestConfig::default() })]

    /// Decoys here and there: before or behind pieces of segments throughout, or now before and now behind whole ones. Within a turn they
    /// stay where they are, for of a message with decoys in both places no reading is the true one.
    #[test]
    fn decoys_in_any_place(seed: u64, which: prop::sample::Index, filler in 0..FILLERS.len(), whole: bool) {
        let mut dice = Dice(seed);
        let all: Vec<_> = golden();
        let capture = which.get(&all);
        let original = steps::of(capture);
        let (mut way, mut speaker) = (dice.below(3), None);
        let made = steps::replaced(&original, |segment| {
            if speaker.replace(segment.source) != Some(segment.source) && whole {
                way = dice.below(3);
            }
            let pieces = if whole { vec![segment.clone()] } else { split(segment, 64, &mut dice) };
            pieces.into_iter().flat_map(|piece| {
                let decoy = decoy(&piece, FILLERS[filler].1);
                match way {
                    _ if dice.once_in(2) => vec![piece],
                    0 => vec![decoy, piece],
                    1 => vec![piece, decoy],
                    _ => vec![decoy.clone(), piece, decoy],
                }
            }).collect()
        });
        let (expected, found) = (line::run(&steps::frames(&original)), line::run(&steps::frames(&made)));
        prop_assert_eq!(found.adds_up(), Ok(()));
        let missing: Vec<_> = expected.miners().into_iter().filter(|(flow, _)| !found.miners().iter().any(|(other, _)| other == flow)).collect();
        prop_assert!(missing.is_empty(), "{} {}: {:?}, found {:?}", short(capture), FILLERS[filler].0, missing, found.miners());
    }
}
