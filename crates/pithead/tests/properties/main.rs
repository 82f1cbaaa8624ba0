//! What holds for any frames, and for any way in which the same bytes may be sent.
//!
//! [`frames`] knows nothing of mining: whatever is thrown at the line, it neither panics nor loses count. The others take golden captures
//! apart and send what they hold in other segments, fragments and tunnels: the same miners must be found.

mod carriers;
mod conflicts;
mod dice;
mod frames;
mod segments;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use support::line::Told;
use support::short;
use support::steps::{self, Step};

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
