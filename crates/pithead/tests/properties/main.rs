//! What holds for any frames, and for any way in which the same bytes may be sent.
//!
//! [`frames`] knows nothing of mining: whatever is thrown at the line, it neither panics nor loses count. The others take golden captures
//! apart and send what they hold in other segments, fragments and tunnels: the same miners must be found.

mod carriers;
mod conflicts;
mod dice;
mod frames;
mod json;
mod said;
mod segments;
#[path = "../support/mod.rs"]
mod support;
mod tcp;
mod tls;
mod web;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use support::line::Told;
use support::short;
use support::steps::{self, Step};

/// So many cases, or a hundred times as many in the long run (`PITHEAD_LONG=1`).
fn long(cases: u32) -> u32 {
    if std::env::var_os("PITHEAD_LONG").is_some() { cases * 100 } else { cases }
}

/// The golden captures, taken apart.
fn sessions() -> impl Iterator<Item = (PathBuf, Vec<Step>)> {
    support::golden().into_iter().map(|capture| {
        let steps = steps::of(&capture);
        (capture, steps)
    })
}

/// Fails unless the same miners were found, at the same stage, with the same facts and pools.
#[track_caller]
fn same_alerts(capture: &Path, expected: &Told, found: &Told, how: &str) {
    same(capture, &expected.alerts(), &found.alerts(), how);
    assert_eq!(found.adds_up(), Ok(()), "{} {how}", short(capture));
}

/// What went otherwise than in the plain way, in all captures: told together, so that one fault does not hide the next.
#[derive(Debug, Default)]
struct Faults(Vec<String>);

impl Faults {
    /// Notes it where not the same miners were found, or they were not followed to the same end.
    fn compare(&mut self, capture: &Path, expected: &Told, found: &Told, how: &str) {
        let verdicts = [(expected.alerts(), found.alerts()), (expected.ends(), found.ends())];
        if let Some((expected, found)) = verdicts.iter().find(|(expected, found)| expected != found) {
            let (missing, surplus): (Vec<_>, Vec<_>) =
                (expected.difference(found).collect(), found.difference(expected).collect());
            self.note(capture, how, &format!("missing {missing:#?}\nnew {surplus:#?}"));
        }
        if let Err(sums) = found.adds_up() {
            self.note(capture, how, &sums);
        }
    }

    /// Notes it where not the same flows were alerted: where the bytes can be read in two ways, what is told of them may be either's.
    fn compare_miners(&mut self, capture: &Path, expected: &Told, found: &Told, how: &str) {
        let flows = |told: &Told| told.miners().into_iter().map(|(flow, _)| flow).collect::<BTreeSet<u64>>();
        if flows(expected) != flows(found) {
            self.note(capture, how, &format!("expected {:?}\nfound {:?}", expected.miners(), found.miners()));
        }
        if let Err(sums) = found.adds_up() {
            self.note(capture, how, &sums);
        }
    }

    fn note(&mut self, capture: &Path, how: &str, what: &str) {
        self.0.push(format!("{} {how}: {what}", short(capture)));
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "{} faults:\n{}", self.0.len(), self.0.join("\n"));
        }
    }
}

/// Fails unless they were followed to the same end: also the shares.
#[track_caller]
fn same_ends(capture: &Path, expected: &Told, found: &Told, how: &str) {
    same(capture, &expected.ends(), &found.ends(), how);
}

#[track_caller]
fn same(capture: &Path, expected: &BTreeSet<String>, found: &BTreeSet<String>, how: &str) {
    let missing: Vec<_> = expected.difference(found).collect();
    let surplus: Vec<_> = found.difference(expected).collect();
    assert!(expected == found, "{} {how}:\nmissing {missing:#?}\nnew {surplus:#?}", short(capture));
}
