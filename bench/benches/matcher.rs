//! Scanning by length, pattern set and engine.
//!
//! `anchors` are the rare words of the dialects, which payloads are scanned for; `names` are as many domain names as are asked for.

use std::fmt;

use divan::{Bencher, counter::BytesCount};
use pithead_detect::DIALECTS;
use pithead_matcher::{EngineKind, Pattern, compile_with};

#[derive(Clone, Copy, Debug)]
enum Set {
    Anchors,
    Names(u32),
}

#[derive(Clone, Copy, Debug)]
struct Case {
    engine: EngineKind,
    set: Set,
    bytes: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, set, bytes } = self;
        match set {
            Set::Anchors => write!(f, "{engine:?}, anchors, {bytes} B"),
            Set::Names(names) => write!(f, "{engine:?}, {names} names, {bytes} B"),
        }
    }
}

fn cases() -> Vec<Case> {
    let sizes = |engine, set| [64, 256, 1460, 16_384].map(|bytes| Case { engine, set, bytes });
    let sets = |engine| {
        [Set::Anchors, Set::Names(300), Set::Names(3_000)].into_iter().flat_map(move |set| sizes(engine, set))
    };
    [EngineKind::best(), EngineKind::AhoCorasick].into_iter().flat_map(sets).collect()
}

fn patterns(set: Set) -> Vec<Pattern> {
    match set {
        Set::Anchors => {
            let mut anchors: Vec<_> = DIALECTS.iter().flat_map(|dialect| dialect.about().anchors).collect();
            anchors.sort_unstable();
            anchors.dedup();
            anchors.into_iter().map(Pattern::exact).collect()
        }
        Set::Names(names) => (0..names).map(|number| Pattern::caseless(name(number))).collect(),
    }
}

/// Names that differ early and late.
fn name(number: u32) -> String {
    format!("{:x}.pool{number}.example", number.wrapping_mul(0x9e37_79b9))
}

/// A page, a few of whose words look like a dialect's.
fn text(bytes: usize) -> Vec<u8> {
    let page = br#"<p>the shift of a long day ended before noon. {"id": 7, "result": [true], "next": "/jobs?page=2"} </p> "#;
    page.iter().copied().cycle().take(bytes).collect()
}

#[divan::bench(args = cases())]
fn text_without_hits(bencher: Bencher<'_, '_>, case: &Case) {
    let database = compile_with(case.engine, &patterns(case.set)).expect("an engine that runs here");
    let (mut matcher, mut hits, text) = (database.matcher(), Vec::new(), text(case.bytes));
    bencher
        .counter(BytesCount::new(case.bytes))
        .bench_local(|| matcher.scan(divan::black_box(&text), &mut hits));
}
