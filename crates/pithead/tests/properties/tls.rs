//! TLS hellos in other records, and what only looks like TLS.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::Faults;
use crate::dice::Dice;
use crate::said::{Saying, rewritten};
use crate::sessions;
use crate::support::line::{self, Told};
use crate::support::pcap;
use crate::support::steps::{self, Step};

/// The names that are told, and of whom.
fn names(told: &Told) -> BTreeSet<String> {
    let name = |record: &pithead_output::Record| match &record.body {
        pithead_output::RecordBody::Name(name) => {
            Some(format!("{} {:?} {} {}", name.name, name.place, name.flow.source, name.flow.destination))
        }
        _ => None,
    };
    told.records.iter().filter_map(name).collect()
}

/// The client's hello of a connection, without its record's header, and what comes behind it.
fn hello(saying: &Saying<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let [22, 3, _, high, low, rest @ ..] = saying.bytes else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (hello, behind) = rest.split_at_checked(length)?;
    (hello.first() == Some(&1)).then(|| (hello.to_vec(), behind.to_vec()))
}

/// A handshake message in records of at most so many bytes.
fn records(message: &[u8], most: usize, dice: &mut Dice) -> Vec<u8> {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < message.len() {
        let to = message.len().min(at + 1 + dice.below(most));
        records.extend([22, 3, 1]);
        records.extend(((to - at) as u16).to_be_bytes());
        records.extend(&message[at..to]);
        at = to;
    }
    records
}

/// A hello with a padding in front of its other extensions (RFC 7685).
fn padded(hello: &[u8], padding: usize) -> Option<Vec<u8>> {
    let mut at = 4 + 2 + 32;
    at += 1 + usize::from(*hello.get(at)?);
    at += 2 + usize::from(u16::from_be_bytes(hello.get(at..at + 2)?.try_into().ok()?));
    at += 1 + usize::from(*hello.get(at)?);
    let extensions = hello.get(at + 2..)?;
    let extension = [&[0, 21][..], &(padding as u16).to_be_bytes(), &vec![0; padding]].concat();
    let length = ((extensions.len() + extension.len()) as u16).to_be_bytes();
    let body = [&hello[4..at], &length, &extension, extensions].concat();
    Some([&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat())
}

fn rehello(steps: &[Step], count: &mut usize, way: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Step> {
    rewritten(steps, |saying| {
        let Some((hello, behind)) = hello(saying) else { return saying.bytes.to_vec() };
        *count += 1;
        [way(&hello), behind].concat()
    })
}

#[test]
fn a_hello_in_any_records() {
    let (mut faults, mut count) = (Faults::default(), 0);
    for (capture, original) in sessions() {
        let expected = names(&line::run(&steps::frames(&original)));
        for (most, padding) in [(1, 0), (7, 0), (100, 3000), (4000, 15_000)] {
            let before = count;
            let made = rehello(&original, &mut count, |hello| {
                let hello =
                    if padding > 0 { padded(hello, padding).expect("a hello") } else { hello.to_vec() };
                records(&hello, most, &mut Dice(9))
            });
            if count > before {
                let found = names(&line::run(&steps::frames(&made)));
                if found != expected {
                    faults.note(
                        &capture,
                        "hello",
                        &format!("{most} {padding}: {expected:?}, found {found:?}"),
                    );
                }
            }
        }
    }
    assert!(count > 20, "{count} hellos");
}

/// Beginnings that look like something else for a while.
const DISGUISES: [&[u8]; 5] = [
    b"\x16\x03\x01\x00\x05hello\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
    b"\x17\x03\x03\x00\x10aaaaaaaaaaaaaaaa\n",
    b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::long(64), ..ProptestConfig::default() })]

    /// What stands in front of a miner's first message, and where that is cut, decides nothing: both sides are heard.
    #[test]
    fn the_cut_does_not_decide(which in 0..DISGUISES.len(), cut in 1_usize..200) {
        let original = steps::of(&pcap("stratum-v1/cgminer.pcap"));
        let expected = line::run(&steps::frames(&original));
        let mut first = true;
        let made = rewritten(&original, |saying| {
            let front = if std::mem::replace(&mut first, false) { DISGUISES[which] } else { &[] };
            [front, saying.bytes].concat()
        });
        let mut first = true;
        let made = steps::replaced(&made, |segment| {
            if !std::mem::replace(&mut first, false) || cut >= segment.payload.len() {
                return vec![segment.clone()];
            }
            vec![segment.part(0, cut), segment.part(cut, segment.payload.len())]
        });
        let found = line::run(&steps::frames(&made));
        let flows = |told: &Told| told.miners().into_iter().map(|(flow, _)| flow).collect::<Vec<u64>>();
        prop_assert_eq!(flows(&expected), flows(&found), "{:?}, cut at {}", DISGUISES[which], cut);
    }
}
