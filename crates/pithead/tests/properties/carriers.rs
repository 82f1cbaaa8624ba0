//! The same packets in fragments, and in every tunnel.

use std::collections::BTreeSet;
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::dice::Dice;
use crate::support::craft::{self, CARRIERS};
use crate::support::steps;
use crate::support::{golden, line, short};
use crate::{Faults, same_alerts, same_ends, sessions};

/// How many layers each of [`CARRIERS`] adds.
const LAYERS: [usize; 17] = [1, 1, 2, 2, 1, 2, 2, 2, 2, 1, 1, 2, 2, 2, 2, 2, 5];

#[test]
fn in_any_tunnel() {
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        for (name, wrap) in CARRIERS {
            let frames = steps::sent(&original, |packet| vec![wrap(&packet.whole())]);
            let found = line::run(&frames);
            same_alerts(&capture, &expected, &found, name);
            same_ends(&capture, &expected, &found, name);
            assert_eq!(
                found.stats.frames.discarded(),
                expected.stats.frames.discarded(),
                "{} {name}",
                short(&capture)
            );
        }
    }
}

/// Fragments of each packet, in this order, by sizes that the dice throw.
fn fragmented(how: &str, most: usize, wrap: fn(&[u8]) -> Vec<u8>, order: impl Fn(&mut Vec<Vec<u8>>)) {
    let mut completed = 0;
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        let (mut dice, mut id) = (Dice(most as u64), 0u16);
        let frames = steps::sent(&original, |packet| {
            id = id.wrapping_add(1);
            let sizes: Vec<usize> = (0..31).map(|_| 8 + dice.below(most)).collect();
            // No more pieces than a datagram may have.
            let sizes = if packet.payload.len() > 255 * 8 { vec![packet.payload.len() / 20] } else { sizes };
            let mut pieces = packet.fragments(id, &sizes);
            order(&mut pieces);
            pieces.iter().map(|piece| wrap(piece)).collect()
        });
        let found = line::run(&frames);
        same_alerts(&capture, &expected, &found, how);
        same_ends(&capture, &expected, &found, how);
        assert_eq!(found.stats.fragments.conflicts, 0, "{} {how}", short(&capture));
        completed += found.stats.fragments.completed;
    }
    assert!(completed > 500, "{completed} datagrams were put together");
}

#[test]
fn in_fragments() {
    fragmented("in fragments of 8 bytes", 1, craft::framed, |_| {});
    fragmented("in fragments of many sizes", 400, craft::framed, |_| {});
}

#[test]
fn in_fragments_backwards() {
    fragmented("in fragments of 8 bytes, backwards", 1, craft::framed, |pieces| pieces.reverse());
    fragmented("in fragments of many sizes, backwards", 400, craft::framed, |pieces| pieces.reverse());
}

#[test]
fn in_fragments_sent_twice() {
    fragmented("in fragments sent twice", 64, craft::framed, |pieces| {
        *pieces = pieces.iter().flat_map(|piece| [piece.clone(), piece.clone()]).collect();
    });
}

/// A whole packet that says it is a fragment (RFC 6946), as some systems send it in IPv6.
#[test]
fn in_atomic_fragments() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        let mut id = 0;
        let frames = steps::sent(&original, |packet| {
            id += 1;
            vec![craft::framed(&packet.fragment(id, 0, packet.payload.len()))]
        });
        faults.compare(&capture, &expected, &line::run(&frames), "in atomic fragments");
    }
}

/// Fragments that claim bytes of those before them, the same ones.
#[test]
fn in_fragments_that_overlap() {
    let mut faults = Faults::default();
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        let (mut dice, mut id) = (Dice(12), 0_u16);
        let frames = steps::sent(&original, |packet| {
            id = id.wrapping_add(1);
            let (length, mut pieces, mut at) = (packet.payload.len(), Vec::new(), 0);
            while at < length {
                let to = length.min((at + 8 + dice.below(200)) / 8 * 8 + 8);
                let to = if to + 8 > length { length } else { to };
                pieces.push(packet.fragment(id, at.saturating_sub(8 * dice.below(6)), to));
                at = to;
            }
            if dice.once_in(2) {
                pieces.reverse();
            }
            pieces.iter().map(|piece| craft::framed(piece)).collect()
        });
        let found = line::run(&frames);
        faults.compare(&capture, &expected, &found, "in fragments that overlap");
    }
}

/// Each fragment beside another of other content: which of both a receiver takes is its own affair.
#[test]
fn in_fragments_with_decoys() {
    let mut faults = Faults::default();
    for first in [true, false] {
        for (capture, original) in sessions() {
            let expected = line::run(&steps::frames(&original));
            let (mut id, how) =
                (0_u16, if first { "decoys before fragments" } else { "decoys behind fragments" });
            let frames = steps::sent(&original, |packet| {
                id = id.wrapping_add(1);
                // The head of a packet whose fragments differ would be another flow's; so it stays.
                let mut decoy = packet.clone();
                decoy
                    .payload
                    .iter_mut()
                    .skip(40)
                    .for_each(|byte| *byte = if *byte == b'x' { b'y' } else { b'x' });
                let sizes = [if packet.payload.len() > 4000 { 400 } else { 24 }];
                let pairs = packet.fragments(id, &sizes).into_iter().zip(decoy.fragments(id, &sizes));
                pairs
                    .flat_map(|(real, decoy)| if first { [decoy, real] } else { [real, decoy] })
                    .map(|piece| craft::framed(&piece))
                    .collect()
            });
            let found = line::run(&frames);
            let flows = |told: &line::Told| {
                told.miners().into_iter().map(|(flow, _)| flow).collect::<BTreeSet<u64>>()
            };
            if !flows(&expected).is_subset(&flows(&found)) {
                faults.note(&capture, how, &format!("{:?}, found {:?}", expected.miners(), found.miners()));
            }
            if let Err(sums) = found.adds_up() {
                faults.note(&capture, how, &sums);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::long(24), ..ProptestConfig::default() })]

    /// Tunnels in tunnels, as many as are followed.
    #[test]
    fn in_nested_tunnels(chain in vec(0..CARRIERS.len(), 2..6), which: prop::sample::Index) {
        let captures = golden();
        let capture = which.get(&captures);
        let original = steps::of(capture);
        let expected = line::run(&steps::frames(&original));
        let (mut layers, mut names) = (0, Vec::new());
        let frames = steps::sent(&original, |packet| {
            let mut frame = craft::framed(&packet.whole());
            (layers, names) = (0, Vec::new());
            for index in &chain {
                let (name, wrap) = CARRIERS[*index];
                // Only an IP packet can be wrapped, and a frame with tags holds none that lies plain.
                let plain = matches!(frame.get(12..14), Some([8, 0] | [0x86, 0xdd]));
                if plain && layers + LAYERS[*index] <= 7 && frame.len() < 60_000 {
                    frame = wrap(&frame[14..]);
                    layers += LAYERS[*index];
                    names.push(name);
                }
            }
            vec![frame]
        });
        let found = line::run(&frames);
        same_alerts(capture, &expected, &found, &format!("in {names:?}"));
        same_ends(capture, &expected, &found, &format!("in {names:?}"));
    }
}

#[test]
fn in_fragments_in_a_tunnel() {
    for (name, wrap) in
        CARRIERS.iter().filter(|(name, _)| ["QinQ", "VXLAN", "IP in IPv6", "GTP-U"].contains(name))
    {
        fragmented(name, 200, *wrap, |pieces| pieces.reverse());
    }
}

/// A tunnel's own packets in fragments: what is inside is whole again only when they are.
#[test]
fn in_a_tunnel_in_fragments() {
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        let (source, destination) = (IpAddr::from([198, 18, 0, 1]), IpAddr::from([198, 18, 0, 2]));
        let mut id = 0u16;
        let frames = steps::sent(&original, |packet| {
            id = id.wrapping_add(1);
            let inner = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &craft::framed(&packet.whole())].concat();
            let payload = craft::udp(51_515, 4789, &inner);
            let outer = craft::Ip { source, destination, protocol: craft::UDP, payload };
            outer.fragments(id, &[400, 64, 1000]).iter().rev().map(|piece| craft::framed(piece)).collect()
        });
        let found = line::run(&frames);
        same_alerts(&capture, &expected, &found, "in a tunnel in fragments");
        same_ends(&capture, &expected, &found, "in a tunnel in fragments");
    }
}
