//! The same conversation with what TCP allows, and with what it does not: openings, ends and numbers of every kind.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use pithead_wire::Flags;

use crate::dice::Dice;
use crate::support::captures::Sample;
use crate::support::line::{self, Told};
use crate::support::steps::{self, Segment, Step};
use crate::support::{craft, short};
use crate::{Faults, sessions};

type Way = (SocketAddr, SocketAddr);

fn way(segment: &Segment) -> Way {
    (segment.source, segment.destination)
}

fn back(segment: &Segment) -> Way {
    (segment.destination, segment.source)
}

fn has(segment: &Segment, flags: Flags) -> bool {
    segment.flags & flags.0 != 0
}

/// Dialects that are known by sizes: only where a connection was seen to open, and nothing of it was lost.
const WITHOUT_WORDS: [&str; 4] = ["stratum-v2", "stratum-v2-plain", "p2pool", "primecoin"];

fn is_wordless(dialect: Option<&str>) -> bool {
    dialect.is_some_and(|dialect| WITHOUT_WORDS.contains(&dialect))
}

/// Between whom a miner and its pool speak, who both were heard: alone, either could be somebody who quotes.
fn both_sides(told: &Told) -> BTreeSet<[SocketAddr; 2]> {
    let pair = |flow: &pithead_output::FlowRecord| {
        let verdict = flow.verdict.as_ref()?;
        let both = verdict.certainty() == pithead_output::Certainty::BothSides;
        (both && verdict.dialect() != Some("parse-error"))
            .then(|| ends(flow.flow.source, flow.flow.destination))
    };
    told.flows().filter_map(pair).collect()
}

fn ends(one: SocketAddr, other: SocketAddr) -> [SocketAddr; 2] {
    let mut ends = [one, other];
    ends.sort();
    ends
}

/// Between whom miners were found; the dialect is left out, since the message that tells it from its kin may be one that was not seen.
fn pairs(told: &Told, counts: impl Fn(Option<&str>) -> bool) -> BTreeSet<[SocketAddr; 2]> {
    let pair = |record: &pithead_output::Record| match &record.body {
        pithead_output::RecordBody::Alert(alert) if counts(alert.verdict.dialect()) => {
            Some(ends(alert.flow.source, alert.flow.destination))
        }
        _ => None,
    };
    told.records.iter().filter_map(pair).collect()
}

/// Notes miners that were not found.
fn lacking(
    faults: &mut Faults,
    capture: &Path,
    (expected, found): (&Told, &Told),
    how: &str,
    counts: impl Fn(&[SocketAddr; 2]) -> bool,
) {
    let (wanted, there) =
        (pairs(expected, |dialect| dialect.is_some() && !is_wordless(dialect)), pairs(found, |_| true));
    let missing: Vec<_> = wanted.difference(&there).filter(|ends| counts(ends)).collect();
    if !missing.is_empty() {
        faults.note(capture, how, &format!("{missing:?} of {:?}", expected.miners()));
    }
    if let Err(sums) = found.adds_up() {
        faults.note(capture, how, &sums);
    }
}

/// What the client says first comes with its SYN (RFC 7413), and the server takes it.
fn fast_open(steps: &[Step]) -> Vec<Step> {
    let mut first: HashMap<Way, Segment> = HashMap::new();
    for step in steps {
        if let Step::Segment(segment) = step
            && segment.is_plain()
        {
            first.entry(way(segment)).or_insert_with(|| segment.clone());
        }
    }
    let mut made = Vec::new();
    for step in steps {
        match step {
            Step::Segment(syn) if has(syn, Flags::SYN) && !has(syn, Flags::ACK) => {
                let data = first.get(&way(syn)).filter(|data| data.sequence == syn.sequence.wrapping_add(1));
                let payload = data.map_or(Vec::new(), |data| data.payload.clone());
                made.push(Step::Segment(Segment { payload, ..syn.clone() }));
            }
            Step::Segment(segment) if first.get(&way(segment)).is_some_and(|first| first == segment) => {
                let opened = made.iter().any(|made| matches!(made, Step::Segment(syn) if has(syn, Flags::SYN) && !syn.payload.is_empty() && way(syn) == way(segment)));
                if !opened {
                    made.push(step.clone());
                }
            }
            _ => made.push(step.clone()),
        }
    }
    made
}

#[test]
fn data_with_the_syn() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let (expected, made) = (line::run(&steps::frames(&original)), fast_open(&original));
        faults.compare(&capture, &expected, &line::run(&steps::frames(&made)), "data with the SYN");
    }
}

/// Sequence numbers that run over, after so many bytes of each direction.
fn wrapping(steps: &[Step], after: u32) -> Vec<Step> {
    let mut starts: HashMap<Way, u32> = HashMap::new();
    for step in steps {
        if let Step::Segment(segment) = step {
            starts.entry(way(segment)).or_insert(segment.sequence);
            if has(segment, Flags::ACK) {
                starts.entry(back(segment)).or_insert(segment.acknowledgment);
            }
        }
    }
    let moved = |number: u32, way: Way| {
        number.wrapping_sub(starts.get(&way).copied().unwrap_or(0)).wrapping_sub(after)
    };
    let step = |step: &Step| match step {
        Step::Segment(segment) => Step::Segment(Segment {
            sequence: moved(segment.sequence, way(segment)),
            acknowledgment: moved(segment.acknowledgment, back(segment)),
            ..segment.clone()
        }),
        Step::Frame(_) => step.clone(),
    };
    steps.iter().map(step).collect()
}

#[test]
fn numbers_run_over() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        for after in [1, 2, 50, 300, 1000, 1 << 31] {
            let found = line::run(&steps::frames(&wrapping(&original, after)));
            faults.compare(&capture, &expected, &found, &format!("numbers run over after {after}"));
        }
    }
}

/// Segments that no receiver takes, behind each opening and before each piece of data.
fn between(steps: &[Step], ahead: u32, flags: Flags, payload: &[u8]) -> Vec<Step> {
    let mut made = Vec::new();
    for step in steps {
        if let Step::Segment(segment) = step
            && segment.is_plain()
        {
            for (from, to, sequence) in [
                (segment.source, segment.destination, segment.sequence),
                (segment.destination, segment.source, segment.acknowledgment),
            ] {
                let stray = Segment {
                    source: from,
                    destination: to,
                    sequence: sequence.wrapping_add(ahead),
                    flags: flags.0,
                    payload: payload.to_vec(),
                    ..segment.clone()
                };
                made.push(Step::Segment(stray));
            }
        }
        made.push(step.clone());
    }
    made
}

#[test]
fn ends_that_are_none() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        for (how, flags) in [("RST", Flags::RST), ("FIN", Flags::FIN.union(Flags::ACK))] {
            for ahead in [1 << 30, 0_u32.wrapping_sub(1 << 30)] {
                for payload in [&b""[..], b"so long, and thanks for none!"] {
                    // Of a flow met in its midst the first segment says where it is.
                    if !payload.is_empty() && short(&capture).ends_with("mid-stream") {
                        continue;
                    }
                    let made = between(&original, ahead, flags, payload);
                    let how = format!("{how} with a bad number ({ahead:#x}, {} bytes)", payload.len());
                    faults.compare(&capture, &expected, &line::run(&steps::frames(&made)), &how);
                }
            }
        }
    }
}

/// A frame with its checksums, or with wrong ones, and so many hops to go.
fn summed(segment: &Segment, right: bool, hops: u8) -> Sample {
    let frame = craft::framed(&craft::summed(&segment.ip(), right, hops));
    Sample::ethernet(frame, segment.at)
}

/// Decoys that never arrive: the network or the receiver drops them, and we see them all the same.
fn among_decoys(steps: &[Step], right: bool, hops: u8, first: bool) -> Vec<Sample> {
    let mut samples = Vec::new();
    for step in steps {
        let segment = match step {
            Step::Segment(segment) => segment,
            Step::Frame(sample) => {
                samples.push(sample.clone());
                continue;
            }
        };
        let real = summed(segment, true, 64);
        if !segment.is_plain() {
            samples.push(real);
            continue;
        }
        let payload = segment.payload.iter().map(|byte| if *byte == b'x' { b'y' } else { b'x' }).collect();
        let decoy = summed(&Segment { payload, ..segment.clone() }, right, hops);
        samples.extend(if first { [decoy, real] } else { [real, decoy] });
    }
    samples
}

#[test]
fn decoys_that_never_arrive() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        for first in [true, false] {
            let order = if first { "before" } else { "behind" };
            let bad = among_decoys(&original, false, 64, first);
            let how = format!("decoys with bad checksums {order}");
            faults.compare(&capture, &expected, &line::verified(&bad), &format!("{how}, verified"));
            let flows =
                |told: &Told| told.miners().into_iter().map(|(flow, _)| flow).collect::<BTreeSet<u64>>();
            for (how, frames) in [
                (how, bad),
                (format!("decoys with few hops {order}"), among_decoys(&original, true, 1, first)),
            ] {
                let found = line::run(&frames);
                if !flows(&expected).is_subset(&flows(&found)) {
                    faults.note(
                        &capture,
                        &how,
                        &format!("{:?}, found {:?}", expected.miners(), found.miners()),
                    );
                }
            }
        }
    }
}

/// The capture as it looks to a tap that sees only one way of each connection.
fn one_way(steps: &[Step], initiators: bool) -> Vec<Step> {
    let mut opened: HashMap<[SocketAddr; 2], SocketAddr> = HashMap::new();
    steps
        .iter()
        .filter(|step| match step {
            Step::Segment(segment) => {
                let ends = ends(segment.source, segment.destination);
                let initiator = if has(segment, Flags::SYN) && has(segment, Flags::ACK) {
                    segment.destination
                } else {
                    segment.source
                };
                let initiator = *opened.entry(ends).or_insert(initiator);
                (initiator == segment.source) == initiators
            }
            Step::Frame(_) => true,
        })
        .cloned()
        .collect()
}

/// Sessions of which one side alone is no proof, the client's (`true`) or the server's, and why.
const NEEDS_BOTH: [(bool, &str, &str); 13] = [
    (true, "duino-coin/pc", "asks for a job in words that could be anybody's"),
    (true, "parse-error/", "it is the server's answer that tells"),
    (false, "coinhive/banned", "nothing but a word of refusal"),
    (false, "cryptonote/banned", "nothing but a word of refusal"),
    (false, "cryptonote/refused", "nothing but a word of refusal"),
    (false, "eth-proxy/refused", "nothing but a word of refusal"),
    (false, "stratum-v1/attempt", "it says nothing"),
    (false, "connect/", "the tunnel is the client's to ask for"),
    (false, "socks/", "the tunnel is the client's to ask for"),
    (false, "demo", "one of its miners is behind SOCKS"),
    (false, "duino-coin/", "numbers and words that could be anybody's"),
    (false, "eth-getwork/", "three hashes in an answer, to a request that was not seen"),
    (false, "xatum/", "its jobs hold nothing that is mining's alone"),
];

#[test]
fn one_direction_only() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        for initiators in [true, false] {
            if NEEDS_BOTH
                .iter()
                .any(|(side, name, _)| *side == initiators && short(&capture).starts_with(name))
            {
                continue;
            }
            let how = if initiators { "the client alone" } else { "the server alone" };
            let found = line::run(&steps::frames(&one_way(&original, initiators)));
            lacking(&mut faults, &capture, (&expected, &found), how, |_| true);
        }
    }
}

/// The capture without its openings, and without the first pieces of data.
fn from_the_midst(steps: &[Step], said: usize) -> Vec<Step> {
    let mut seen: HashMap<[SocketAddr; 2], usize> = HashMap::new();
    steps
        .iter()
        .filter(|step| match step {
            Step::Segment(segment) => {
                let ends = ends(segment.source, segment.destination);
                let count = seen.entry(ends).or_default();
                *count += usize::from(segment.is_plain());
                !has(segment, Flags::SYN) && *count > said
            }
            Step::Frame(_) => true,
        })
        .cloned()
        .collect()
}

/// What begins with HTTP is frames behind it, which cannot be joined later; and what a server answers to TLS means nothing without that.
const LOST_WITH_ITS_BEGINNING: [&str; 4] = ["coinhive/", "nimiq/", "demo", "parse-error/"];

/// Whether a session is nothing but a login that was refused.
fn is_refusal(capture: &Path) -> bool {
    ["refused", "banned"].iter().any(|word| short(capture).ends_with(word))
}

#[test]
fn met_in_the_midst() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        for said in [0, 2] {
            let found = line::run(&steps::frames(&from_the_midst(&original, said)));
            if said > 0 && LOST_WITH_ITS_BEGINNING.iter().any(|name| short(&capture).starts_with(name)) {
                continue;
            }
            let spoke = both_sides(&expected);
            let counts =
                |ends: &[SocketAddr; 2]| said == 0 || (spoke.contains(ends) && !is_refusal(&capture));
            lacking(
                &mut faults,
                &capture,
                (&expected, &found),
                &format!("without the first {said} pieces"),
                counts,
            );
        }
    }
}

/// Bytes of something else behind each opening, 100 MB of it, in frames of which a short capture length kept the beginning; and a pause.
fn late(steps: &[Step], noise: usize, pause: Duration) -> Vec<Sample> {
    const PIECE: usize = 60_000;
    let mut moved: HashMap<Way, u32> = HashMap::new();
    let mut samples = Vec::new();
    let mut opening: BTreeSet<[SocketAddr; 2]> = BTreeSet::new();
    for step in steps {
        let Step::Segment(segment) = step else {
            samples.extend(steps::frames(std::slice::from_ref(step)));
            continue;
        };
        let ends = ends(segment.source, segment.destination);
        if has(segment, Flags::SYN) {
            opening.insert(ends);
            moved.remove(&way(segment));
        }
        if segment.is_plain() && opening.remove(&ends) {
            let mut sent = 0;
            while sent < noise {
                let piece = PIECE.min(noise - sent);
                let payload = [&[0x9d; 63][..], b"\n"].concat();
                let sequence = segment.sequence.wrapping_add(sent as u32);
                samples.push(sliced(&Segment { sequence, payload, ..segment.clone() }, piece));
                sent += piece;
            }
            *moved.entry(way(segment)).or_default() = noise as u32;
        }
        let at = segment.at.after(if opening.contains(&ends) { Duration::ZERO } else { pause });
        let number = |number: u32, way: Way| number.wrapping_add(moved.get(&way).copied().unwrap_or(0));
        let segment = Segment {
            sequence: number(segment.sequence, way(segment)),
            acknowledgment: number(segment.acknowledgment, back(segment)),
            at,
            ..segment.clone()
        };
        samples.push(Sample::ethernet(craft::framed(&segment.ip().whole()), segment.at));
    }
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// A segment of so many bytes, of which the capture kept the first.
fn sliced(segment: &Segment, bytes: usize) -> Sample {
    let mut frame = Sample::ethernet(craft::framed(&segment.ip().whole()), segment.at);
    let length = if segment.source.is_ipv4() { 16..18 } else { 18..20 };
    let more = bytes - segment.payload.len();
    let said = u16::from_be_bytes([frame.bytes[length.start], frame.bytes[length.start + 1]]);
    frame.bytes[length].copy_from_slice(&(said + more as u16).to_be_bytes());
    frame.wire_len += more as u32;
    frame
}

#[test]
fn behind_a_hundred_megabytes_and_an_hour() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        let found = line::run(&late(&original, 100_000_000, Duration::ZERO));
        // HTTP begins a connection; behind text it would be text.
        let http = ["connect/", "eth-getwork/"].iter().any(|name| short(&capture).starts_with(name));
        let spoke = both_sides(&expected);
        lacking(&mut faults, &capture, (&expected, &found), "behind 100 MB", |ends| {
            spoke.contains(ends) && !http && !is_refusal(&capture)
        });
        let found = line::run(&late(&original, 0, Duration::from_secs(3600)));
        lacking(&mut faults, &capture, (&expected, &found), "after an hour", |_| true);
    }
}

/// Which of two segments that claim the same bytes a receiver believes: whether the later one replaces the earlier.
type Policy = fn(earlier: (usize, usize), later: (usize, usize)) -> bool;

/// The last is whether every such session is found. Where a receiver believes now the one and now the other, a message may be in neither reading;
/// then it is seen that bytes are contested, and what they say may be missed.
const POLICIES: [(&str, Policy, bool); 5] = [
    ("the first", |_, _| false, true),
    ("the last", |_, _| true, true),
    ("BSD", |earlier, later| later.0 < earlier.0, false),
    ("Linux", |earlier, later| later.0 < earlier.0 || (later.0 == earlier.0 && later.1 > earlier.1), false),
    ("Windows", |earlier, later| later.0 < earlier.0 && later.1 > earlier.1, false),
];

/// A segment in pieces that overlap, come in any order but for its first byte, which comes last, and contradict each other; to a receiver with this
/// policy they are the segment.
fn overlapping(segment: &Segment, policy: Policy, dice: &mut Dice) -> Vec<Segment> {
    let length = segment.payload.len();
    if !(8..=1400).contains(&length) {
        return vec![segment.clone()];
    }
    let step = length / 20 + 4;
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    let mut from = 1;
    while from < length {
        let to = length.min(from + 2 + dice.below(step));
        let (wider, longer) = (from - dice.below(from.min(step)), length.min(to + dice.below(step)));
        pieces.push((wider.max(1), longer));
        from = to;
    }
    for at in (1..pieces.len()).rev() {
        pieces.swap(at, dice.below(at + 1));
    }
    let mut owner: Vec<Option<usize>> = vec![None; length];
    for (index, piece) in pieces.iter().enumerate() {
        for place in &mut owner[piece.0..piece.1] {
            if place.is_none_or(|earlier| policy(pieces[earlier], *piece)) {
                *place = Some(index);
            }
        }
    }
    let piece = |(index, (from, to)): (usize, &(usize, usize))| {
        let mut piece = segment.part(*from, *to);
        for (at, byte) in (*from..*to).zip(&mut piece.payload) {
            if owner[at] != Some(index) {
                *byte = if *byte == b'#' { b'~' } else { b'#' };
            }
        }
        piece
    };
    let mut made: Vec<Segment> = pieces.iter().enumerate().map(piece).collect();
    made.push(segment.part(0, 1));
    made
}

#[test]
fn overlaps_as_systems_read_them() {
    let mut faults = Faults::default();
    for (name, policy, is_read) in POLICIES {
        for (capture, original) in sessions() {
            let expected = line::run(&steps::frames(&original));
            let mut dice = Dice(11);
            let made = steps::replaced(&original, |segment| overlapping(segment, policy, &mut dice));
            let found = line::run(&steps::frames(&made));
            if is_read {
                lacking(
                    &mut faults,
                    &capture,
                    (&expected, &found),
                    &format!("overlaps, {name} wins"),
                    |_| true,
                );
            }
            let mined = pairs(&expected, |dialect| dialect.is_some());
            for flow in found.flows().filter(|flow| flow.end.is_some()) {
                let ends = ends(flow.flow.source, flow.flow.destination);
                if flow.oddities.conflicts == 0 && mined.contains(&ends) {
                    faults.note(&capture, name, "its events tell of no conflict");
                }
            }
        }
    }
}
