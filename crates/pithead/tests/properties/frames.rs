//! Any frames at all: no panic, and every one of them accounted for.

use std::sync::LazyLock;

use pithead_wire::{LinkType, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::captures::{self, Sample};
use crate::support::{golden, line};

/// Frames of all golden captures.
static REAL: LazyLock<Vec<Sample>> =
    LazyLock::new(|| golden().iter().step_by(3).flat_map(|capture| captures::frames(capture)).collect());

const LINKS: [LinkType; 12] = [
    LinkType::ETHERNET,
    LinkType::NULL,
    LinkType::PPP,
    LinkType::PPP_HDLC,
    LinkType::RAW,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType(12),
    LinkType(105),
];

fn noise() -> impl Strategy<Value = Sample> {
    let link = prop::sample::select(LINKS.to_vec());
    (vec(any::<u8>(), 0..200), any::<u32>(), any::<i64>(), link).prop_map(|(bytes, wire_len, nanos, link)| {
        Sample { bytes, wire_len, at: Timestamp::from_nanos(nanos), link }
    })
}

/// A real frame with some bytes changed, some cut off, and another time or link.
fn damaged() -> impl Strategy<Value = Sample> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let link = prop_oneof![9 => Just(LinkType::ETHERNET), 1 => prop::sample::select(LINKS.to_vec())];
    let keep = prop_oneof![2 => Just(usize::MAX), 1 => 0usize..120];
    (any::<prop::sample::Index>(), changes, keep, -100i64..100, link).prop_map(
        |(which, changes, keep, shift, link)| {
            let mut sample = which.get(&REAL).clone();
            for (place, byte) in changes {
                if !sample.bytes.is_empty() {
                    let place = place.index(sample.bytes.len());
                    sample.bytes[place] = byte;
                }
            }
            sample.bytes.truncate(keep);
            let at = Timestamp::from_nanos(sample.at.nanos() + shift * 1_000_000_000);
            Sample { at, link, ..sample }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn noise_adds_up(samples in vec(noise(), 0..80), workers in 1usize..4) {
        let told = line::divided(&samples, workers, 7);
        prop_assert_eq!(told.adds_up(), Ok(()));
        prop_assert_eq!(told.stats.frames.read, samples.len() as u64);
    }

    #[test]
    fn damaged_frames_add_up(samples in vec(damaged(), 0..300), workers in 1usize..4) {
        let told = line::divided(&samples, workers, 64);
        prop_assert_eq!(told.adds_up(), Ok(()));
        prop_assert_eq!(told.stats.frames.read, samples.len() as u64);
    }

    /// Also for frames that no network would carry, workers and batches change nothing.
    #[test]
    fn damaged_frames_give_the_same_events(samples in vec(damaged(), 0..300), workers in 2usize..5) {
        let lines = |told: line::Told| -> Vec<String> {
            let mut lines: Vec<String> = told.records.iter().map(pithead_output::json).collect();
            lines.sort();
            lines
        };
        prop_assert_eq!(lines(line::run(&samples)), lines(line::divided(&samples, workers, 3)));
    }
}

#[test]
fn captures_cut_short_add_up() {
    for keep in [0, 1, 13, 14, 33, 34, 53, 54, 60, 68, 96] {
        let samples: Vec<Sample> = REAL
            .iter()
            .map(|sample| Sample {
                bytes: sample.bytes.iter().copied().take(keep).collect(),
                ..sample.clone()
            })
            .collect();
        assert_eq!(line::divided(&samples, 2, 64).adds_up(), Ok(()), "{keep} bytes kept");
    }
}
