//! Bytes that are claimed twice, with different content: which of both the receiver took is its own affair, so both are read.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::dice::Dice;
use crate::segments::split;
use crate::sessions;
use crate::support::line::{self, Told};
use crate::support::short;
use crate::support::steps::{self, Segment, Step};

/// What stands in the decoy, by its place.
type Filler = fn(usize) -> u8;

const FILLERS: [(&str, Filler); 3] =
    [("letters", |_| b'x'), ("zeros", |_| 0), ("a request", |at| b"GET / HTTP/1.1\r\n\r\n"[at % 18])];

/// Dialects that are known by their first bytes and by sizes. Of the first bytes only one reading is kept, the one that came first: there
/// is no message that could be read again.
const WITHOUT_WORDS: [&str; 3] = ["p2pool", "stratum-v2", "stratum-v2-plain"];

/// A segment in the place of another, with other bytes throughout.
fn decoy(segment: &Segment, filler: Filler) -> Segment {
    let differ = |(at, real): (usize, &u8)| if filler(at) == *real { b'~' } else { filler(at) };
    let payload = segment.payload.iter().enumerate().map(differ).collect();
    Segment { payload, ..segment.clone() }
}

/// Those, and dialects in HTTP or in a WebSocket: with a decoy before each byte both ways, no reading of one side knows what the other agreed to.
const CONTESTED_HEADS: [&str; 5] = ["p2pool", "stratum-v2", "stratum-v2-plain", "coinhive", "nimiq"];

/// The flows that were alerted, but for those of some dialects. The dialect of what remains may be another, where the message that told
/// it from its kin is the contested one.
fn alerted(told: &Told, but: &[&str]) -> BTreeSet<u64> {
    told.miners().into_iter().filter(|(_, dialect)| !but.contains(dialect)).map(|(flow, _)| flow).collect()
}

/// Finds every miner of every capture although the first segments have decoys, and says in the flow that bytes were contested.
fn still_found(how: &str, first: usize, but: &[&str], way: impl Fn(&Segment, Filler) -> Vec<Segment>) {
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
            let (miners, found_miners) = (alerted(&expected, but), alerted(&found, &[]));
            assert!(
                miners.is_subset(&found_miners),
                "{what}: {:?}, found {:?}",
                expected.miners(),
                found.miners()
            );
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
        still_found("decoy first", first, &WITHOUT_WORDS, |segment, filler| {
            vec![decoy(segment, filler), segment.clone()]
        });
    }
}

#[test]
fn the_decoy_last() {
    for first in [2, 13, 1000] {
        still_found("decoy last", first, &[], |segment, filler| {
            vec![segment.clone(), decoy(segment, filler)]
        });
    }
}

#[test]
fn a_decoy_before_and_after() {
    still_found("decoys around", 1000, &WITHOUT_WORDS, |segment, filler| {
        let decoy = decoy(segment, filler);
        vec![decoy.clone(), segment.clone(), decoy]
    });
}

#[test]
fn a_decoy_for_each_piece() {
    for (most, but) in [(1, &CONTESTED_HEADS[..]), (8, &WITHOUT_WORDS), (64, &WITHOUT_WORDS)] {
        still_found("decoy before each piece", 30, but, |segment, filler| {
            let pieces = split(segment, most, &mut Dice(7));
            pieces.into_iter().flat_map(|piece| [decoy(&piece, filler), piece]).collect()
        });
    }
    for most in [1, 8, 64] {
        still_found("decoy after each piece", 30, &[], |segment, filler| {
            let pieces = split(segment, most, &mut Dice(8));
            pieces.into_iter().flat_map(|piece| [piece.clone(), decoy(&piece, filler)]).collect()
        });
    }
}
