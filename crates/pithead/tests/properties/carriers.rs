//! The same packets in fragments, and in every tunnel.

use std::net::IpAddr;

use crate::dice::Dice;
use crate::support::craft::{self, CARRIERS};
use crate::support::steps;
use crate::support::{line, short};
use crate::{same_alerts, same_ends, sessions};

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
