//! The test plays the kernel.

use std::collections::{HashSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::xdp::{
    double::{Feeder, rings},
    umem::SIDE_BYTES,
};

const NOW: Timestamp = Timestamp::from_nanos(7);
const STAMP: Stamp = Stamp { at: NOW, interface: 3, tells: false };

fn taken(exchange: &mut Exchange, limit: usize) -> Vec<Vec<u8>> {
    let count = exchange.take(limit, STAMP);
    let batch = exchange.lend(1, 1).unwrap();
    assert_eq!(batch.len(), count);
    batch
        .frames()
        .inspect(|frame| assert_eq!((frame.at, frame.interface), (NOW, 3)))
        .map(|frame| frame.bytes.to_vec())
        .collect()
}

fn drained(feeder: &mut Feeder) -> HashSet<u64> {
    let mut seen = HashSet::new();
    while let Some(chunk) = feeder.take_chunk() {
        assert!(seen.insert(chunk), "chunk {chunk} is in the fill ring twice");
    }
    seen
}

#[test]
fn a_frame_is_lent_until_the_next_call() {
    let (mut exchange, mut feeder) = rings(4, 2048, u32::MAX).unwrap();
    for frame in [&b"one"[..], b"two", b"three", b"four"] {
        assert!(feeder.offer(frame));
    }
    assert!(!feeder.offer(b"five"), "no chunk is free");
    feeder.publish();
    assert_eq!(taken(&mut exchange, 3), [&b"one"[..], b"two", b"three"]);
    assert_eq!(feeder.free(9), 0);
    assert_eq!(taken(&mut exchange, 3), [b"four"]);
    assert_eq!(feeder.free(9), 3);
    assert_eq!(taken(&mut exchange, 3), [b""; 0]);
    assert_eq!(drained(&mut feeder).len(), 4);
}

#[test]
fn pieces_are_put_together_as_far_as_there_is_room() {
    let (mut exchange, mut feeder) = rings(1024, 2048, 0).unwrap();
    // Two of them fill most of the side area; the third has to wait for the next batch.
    let frames: Vec<Vec<u8>> = (0..3u8).map(|byte| vec![byte; 400_000 + byte as usize]).collect();
    for frame in &frames {
        assert!(feeder.offer(frame));
    }
    assert!(feeder.offer(b"small"));
    feeder.publish();
    assert_eq!(taken(&mut exchange, 64), frames[..2]);
    assert_eq!(taken(&mut exchange, 64), [&frames[2][..], b"small"]);
    assert_eq!(exchange.invalid(), 0);
}

#[test]
fn a_frame_whose_end_is_missing_waits_for_it() {
    let (mut exchange, mut feeder) = rings(8, 2048, 0).unwrap();
    let (first, last) = (feeder.take_chunk().unwrap(), feeder.take_chunk().unwrap());
    let piece = |chunk, options| Descriptor { address: chunk + 256, len: 10, options };
    feeder.offer_raw(piece(first, libc::XDP_PKT_CONTD));
    feeder.publish();
    assert_eq!(taken(&mut exchange, 64).len(), 0);
    feeder.offer_raw(piece(last, 0));
    feeder.publish();
    assert_eq!(taken(&mut exchange, 64), [[0; 20]]);
}

#[test]
fn what_makes_no_sense_is_counted_and_its_chunk_comes_back() {
    let (mut exchange, mut feeder) = rings(8, 2048, 0).unwrap();
    let chunk = feeder.take_chunk().unwrap();
    feeder.offer_raw(Descriptor { address: chunk + 2000, len: 100, options: 0 }); // into the next chunk
    feeder.offer_raw(Descriptor { address: 8 * 2048, len: 1, options: 0 }); // behind the last
    feeder.offer_raw(Descriptor { address: u64::MAX, len: u32::MAX, options: 0 });
    feeder.publish();
    assert_eq!(taken(&mut exchange, 64).len(), 0);
    assert_eq!(exchange.invalid(), 3);
    exchange.give_back();
    assert_eq!(drained(&mut feeder).len(), 8);
}

#[test]
fn a_frame_longer_than_the_side_area_is_invalid_and_the_next_is_not() {
    let (mut exchange, mut feeder) = rings(1024, 2048, 0).unwrap();
    assert!(feeder.offer(&vec![1; SIDE_BYTES + 1]) && feeder.offer(b"next"));
    feeder.publish();
    assert_eq!(taken(&mut exchange, 64), [b"next"]);
    assert_eq!(exchange.invalid(), 1);
    exchange.give_back();
    assert_eq!(drained(&mut feeder).len(), 1024);
}

#[derive(Clone, Debug)]
enum Step {
    Offer(Vec<usize>),
    Take(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![4 => 4usize..1792, 1 => 1793usize..9000];
    let offer = prop::collection::vec(len, 0..20).prop_map(Step::Offer);
    prop::collection::vec(prop_oneof![offer, (1usize..9).prop_map(Step::Take)], 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The test plays the kernel: no frame is lost, doubled or changed, and every chunk has one owner at every time.
    #[test]
    fn no_frame_is_lost_or_owned_twice(
        steps in steps(),
        first in prop_oneof![Just(0u32), (u32::MAX - 40)..=u32::MAX],
    ) {
        let (mut exchange, mut feeder) = rings(32, 2048, first).unwrap();
        let (mut on_the_way, mut number) = (VecDeque::new(), 0u32);
        for step in steps {
            match step {
                Step::Offer(lens) => for len in lens {
                    let mut frame = vec![number as u8; len];
                    frame[..4].copy_from_slice(&number.to_be_bytes());
                    let fits = feeder.offer(&frame);
                    feeder.publish();
                    if fits {
                        on_the_way.push_back(frame);
                        number += 1;
                    }
                },
                Step::Take(limit) => {
                    let lent = taken(&mut exchange, limit);
                    prop_assert!(lent.len() == limit.min(on_the_way.len()));
                    for frame in lent {
                        prop_assert_eq!(Some(frame), on_the_way.pop_front());
                    }
                }
            }
        }
        while exchange.take(64, STAMP) > 0 {}
        prop_assert_eq!(exchange.invalid(), 0);
        prop_assert_eq!(drained(&mut feeder).len(), 32);
    }
}

#[test]
fn what_the_driver_told_is_read_once_and_the_tag_put_back() {
    let (mut exchange, mut feeder) = rings(2, 2048, 0).unwrap();
    let soon = Timestamp::from_nanos(NOW.nanos() + 500_000_000);
    let frame: Vec<u8> = (0..60).collect();
    let tagged = |frame: &[u8]| [&frame[..12], &[0x81, 0, 0, 42], &frame[12..]].concat();
    let mut lent = |feeder: &mut Feeder| {
        feeder.publish();
        assert_eq!(exchange.take(64, Stamp { tells: true, ..STAMP }), 1);
        let batch = exchange.lend(1, 1).unwrap();
        (batch.frame(0).at, batch.frame(0).bytes.to_vec())
    };
    assert!(feeder.offer_told(&frame, told(soon.nanos() as u64, [0x81, 0, 0, 42])));
    assert_eq!(lent(&mut feeder), (soon, tagged(&frame)));
    assert!(feeder.offer_told(&frame, told(u64::MAX >> 1, [0; 4])));
    assert_eq!(lent(&mut feeder), (NOW, frame.clone()), "a clock that is years off is not believed");
    assert!(feeder.offer(&frame));
    assert_eq!(lent(&mut feeder), (NOW, frame.clone()), "what was told of another frame is wiped out");
    assert!(feeder.offer(&frame));
    assert_eq!(lent(&mut feeder), (NOW, frame));
}

#[test]
fn what_the_driver_told_of_a_frame_in_pieces() {
    let (mut exchange, mut feeder) = rings(2, 2048, 0).unwrap();
    let long: Vec<u8> = (0..1800).map(|byte| byte as u8).collect();
    assert!(feeder.offer_told(&long, told(0, [0x81, 0, 0, 42])));
    feeder.publish();
    assert_eq!(exchange.take(64, Stamp { tells: true, ..STAMP }), 1);
    let tagged = [&long[..12], &[0x81, 0, 0, 42], &long[12..]].concat();
    assert_eq!(exchange.lend(1, 1).unwrap().frame(0).bytes, tagged);
}

fn told(nanos: u64, tag: [u8; 4]) -> [u8; TOLD_BYTES] {
    let tci = u16::from_be_bytes([tag[2], tag[3]]).to_ne_bytes();
    let parts = [&nanos.to_ne_bytes()[..], &tag[..2], &tci, &0x7069_7468u32.to_ne_bytes()];
    parts.concat().try_into().unwrap()
}
