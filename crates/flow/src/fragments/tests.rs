//! Datagrams in pieces, honest and not.

use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn piece(id: u32, offset: u32, more: bool, payload: &[u8]) -> Fragment<'_> {
    let source = Ipv4Addr::new(10, 0, 0, 1).into();
    let destination = Ipv4Addr::new(192, 0, 2, 1).into();
    Fragment { source, destination, protocol: 17, id, offset, more, payload, tags: Tags::default() }
}

fn second(second: i64) -> Timestamp {
    Timestamp::new(second, 0)
}

fn table() -> Fragments {
    Fragments::new(FragmentLimits::default())
}

/// What pieces `(offset, more, payload)` of one datagram were lent out as: payload and rival, one after the other.
fn readings(pieces: &[(u32, bool, &[u8])]) -> Vec<String> {
    let mut table = table();
    let mut readings = Vec::new();
    for &(offset, more, payload) in pieces {
        if let Some(whole) = table.push(&piece(1, offset, more, payload), second(0)) {
            let both = [Some(whole.payload), whole.rival];
            readings
                .extend(both.into_iter().flatten().map(|text| String::from_utf8_lossy(text).into_owned()));
        }
    }
    readings
}

#[test]
fn fragments_in_any_order_make_the_datagram() {
    assert_eq!(readings(&[(0, true, b"mining.s"), (8, false, b"ubmit")]), ["mining.submit"]);
    assert_eq!(readings(&[(8, false, b"ubmit"), (0, true, b"mining.s")]), ["mining.submit"]);
    assert_eq!(readings(&[(8, false, b"ubmit"), (8, false, b"ubmit")]), [""; 0]);
}

#[test]
fn a_frame_in_fragments_of_eight_bytes() {
    let text: Vec<u8> = (0..1480_u32).map(|at| at as u8).collect();
    let mut table = table();
    let last = text.len() / 8 - 1;
    for (turn, bytes) in text.chunks(8).enumerate() {
        let fragment = piece(1, 8 * turn as u32, turn != last, bytes);
        let whole = table.push(&fragment, second(0)).map(|whole| whole.payload.to_vec());
        assert_eq!(whole, (turn == last).then(|| text.clone()));
    }
    assert_eq!(table.counters().completed, 1);
}

#[test]
fn ipv6_takes_protocol_and_tags_from_the_first_fragment() {
    let tags = Tags { vlan: [7, 0], vlans: 1, ..Tags::default() };
    let v6 = |last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).into();
    let (source, destination) = (v6(1), v6(2));
    let first = Fragment { source, destination, tags, ..piece(9, 0, true, b"12345678") };
    let other = Fragment { source, destination, protocol: 60, ..piece(9, 8, false, b"9") };
    let mut table = table();
    assert_eq!(table.push(&other, second(0)), None);
    let whole = table.push(&first, second(0)).unwrap();
    assert_eq!((whole.protocol, whole.tags, whole.payload), (17, tags, &b"123456789"[..]));
}

#[test]
fn ipv4_protocols_are_datagrams_of_their_own() {
    let mut table = table();
    table.push(&piece(1, 0, true, b"12345678"), second(0));
    let tcp = Fragment { protocol: 6, ..piece(1, 8, false, b"9") };
    assert_eq!(table.push(&tcp, second(0)), None);
    assert_eq!(table.len(), 2);
}

#[test]
fn contradictions_are_lent_out_in_every_order() {
    const D1: (u32, bool, &[u8]) = (0, true, b"--------");
    const R1: (u32, bool, &[u8]) = (0, true, b"mining.s");
    const D2: (u32, bool, &[u8]) = (8, false, b"-----");
    const R2: (u32, bool, &[u8]) = (8, false, b"ubmit");
    const SHORT: (u32, bool, &[u8]) = (8, false, b"-");
    const LONG: (u32, bool, &[u8]) = (16, false, b"-");
    let orders: [&[_]; 9] = [
        &[D1, R1, D2, R2],
        &[R1, D1, R2, D2],
        &[R1, D1, D2, R2],
        &[D1, R1, R2, D2],
        &[R1, D2, R2],
        &[R2, D2, D1, R1],
        &[R1, SHORT, R2],
        &[R1, LONG, R2],
        &[LONG, R2, R1],
    ];
    for order in orders {
        let readings = readings(order);
        assert!(readings.iter().any(|text| text == "mining.submit"), "{order:?} {readings:?}");
    }
}

#[test]
fn duplicates_of_a_complete_datagram_say_nothing() {
    let both = [(0, true, &b"mining.s"[..]), (8, false, b"ubmit")];
    assert_eq!(readings(&[both, both].concat()), ["mining.submit"]);
}

#[test]
fn a_complete_datagram_is_not_repeated_without_end() {
    let mut table = table();
    table.push(&piece(1, 0, true, b"mining.s"), second(0));
    assert!(table.push(&piece(1, 8, false, b"ubmit"), second(0)).is_some_and(|whole| !whole.again));
    let again = |turn: u32, table: &mut Fragments| {
        table.push(&piece(1, 8, false, &turn.to_be_bytes()), second(0)).map(|whole| whole.again)
    };
    let repeats = (0..1000).filter_map(|turn| again(turn, &mut table)).collect::<Vec<_>>();
    assert_eq!(repeats, [true; 16]);
}

#[test]
fn time_runs_out_and_may_run_back() {
    let mut table = table();
    table.push(&piece(1, 0, true, b"12345678"), second(100));
    table.push(&piece(2, 0, true, b"12345678"), second(50));
    assert!(table.push(&piece(1, 8, false, b"9"), second(20)).is_some());
    assert!(table.push(&piece(2, 8, false, b"9"), second(81)).is_none());
    assert_eq!((table.counters().expired, table.counters().completed), (1, 1));
    table.push(&piece(3, 8, false, b"9"), second(200));
    assert_eq!((table.counters().expired, table.len()), (2, 1));
}

#[test]
fn an_identification_may_be_used_again() {
    let mut table = table();
    for turn in 0..3 {
        table.push(&piece(1, 0, true, b"mining.s"), second(2 * turn));
        let text = [b'0' + turn as u8];
        let whole = table.push(&piece(1, 8, false, &text), second(2 * turn)).unwrap();
        assert_eq!((whole.payload.last(), whole.rival, whole.again), (Some(&text[0]), None, false));
    }
    assert_eq!((table.counters().conflicts, table.len(), table.done.len()), (0, 1, 1));
}

#[test]
fn the_oldest_goes_when_the_table_is_full() {
    let mut table = Fragments::new(FragmentLimits { datagrams: 2, ..FragmentLimits::default() });
    for id in 1..=3 {
        table.push(&piece(id, 0, true, b"12345678"), second(0));
    }
    assert!(table.push(&piece(2, 8, false, b"9"), second(0)).is_some());
    assert!(table.push(&piece(1, 8, false, b"9"), second(0)).is_none());
    assert_eq!(table.counters().evicted, 1, "a complete one made room for the second newcomer");
}

#[test]
fn what_cannot_be_is_counted() {
    let mut table = table();
    table.push(&piece(1, 0, true, b""), second(0));
    table.push(&piece(1, 0, true, b"1234567"), second(0));
    table.push(&piece(1, 65_528, false, b"12345678"), second(0));
    table.push(&piece(1, u32::MAX, false, b"1"), second(0));
    assert_eq!((table.counters().invalid, table.len()), (4, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_fragmentation_gives_the_datagram(
        text in prop::collection::vec(any::<u8>(), 1..2000),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
        order in any::<u64>(),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| (cut % text.len()) & !7).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        places.dedup();
        let mut parts: Vec<_> = places.windows(2).map(|pair| (pair[0], pair[1])).collect();
        parts.sort_by_key(|(from, _)| (*from as u64 + 1).wrapping_mul(order | 1));
        let mut table = table();
        let mut whole = None;
        for (from, to) in parts {
            prop_assert_eq!(&whole, &None);
            let fragment = piece(1, from as u32, to != text.len(), &text[from..to]);
            whole = table.push(&fragment, second(0)).map(|whole| whole.payload.to_vec());
        }
        prop_assert_eq!(whole, Some(text));
    }

    #[test]
    fn random_fragments_stay_within_limits(
        steps in prop::collection::vec((0..8_u32, 0..600_u32, any::<bool>(), 0..200_usize, 0..60_i64), 1..300),
    ) {
        let limits = FragmentLimits { memory_bytes: 8000, datagrams: 5, pieces: 20, ..FragmentLimits::default() };
        let bytes: Vec<u8> = (0..200).collect();
        let mut table = Fragments::new(limits);
        for (turn, (id, offset, more, len, at)) in steps.into_iter().enumerate() {
            let payload = &bytes[turn % 3..][..len.min(190)];
            let fragment = piece(id, 8 * (offset % 50), more, payload);
            if let Some(whole) = table.push(&fragment, second(at)) {
                prop_assert!(whole.payload.len() <= LONGEST);
            }
            let held: usize = table.datagrams.values().map(Datagram::memory).sum();
            prop_assert_eq!(table.memory(), held);
            prop_assert!(held <= limits.memory_bytes && table.len() <= limits.datagrams);
            prop_assert!(table.numbers.len() == table.len() && table.done.len() <= table.len());
        }
    }
}
