//! What every engine promises, as tests that each of them passes.
//!
//! The oracle is [`naive`], which compares every pattern at every place. Alphabets are small, so that patterns overlap, repeat
//! and contain each other far more often than words do.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{Database, Hit, MAX_HITS, Outcome, Pattern, sort_hits};

/// How the databases to be checked are made.
pub(crate) type Make<'a> = &'a dyn Fn(&[Pattern]) -> Database;

/// Passes when the databases keep every promise of [`crate::Matcher`].
pub(crate) fn check(make: Make<'_>) {
    finds_each_pattern_at_each_place(make);
    keeps_case_apart(make);
    takes_bytes_as_they_are(make);
    forgets_the_scan_before(make);
    stops_at_the_limit(make);
    takes_long_patterns_and_many(make);
    agrees_with_the_naive_search(make);
}

/// Every hit, found the slow way.
fn naive(patterns: &[Pattern], haystack: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (number, pattern) in (0_u32..).zip(patterns) {
        for (start, window) in haystack.windows(pattern.bytes.len()).enumerate() {
            let same = if pattern.caseless {
                window.eq_ignore_ascii_case(&pattern.bytes)
            } else {
                window == pattern.bytes
            };
            if same {
                hits.push(Hit { pattern: number, end: start + window.len() });
            }
        }
    }
    sort_hits(&mut hits);
    hits
}

/// Scans once and checks the outcome too.
fn scan(make: Make<'_>, patterns: &[Pattern], haystack: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    let outcome = make(patterns).matcher().scan(haystack, &mut hits);
    assert_eq!(outcome, Outcome::Complete);
    hits
}

fn ends(hits: &[Hit]) -> Vec<(u32, usize)> {
    hits.iter().map(|hit| (hit.pattern, hit.end)).collect()
}

fn finds_each_pattern_at_each_place(make: Make<'_>) {
    let patterns = ["a", "aa", "ba", "a"].map(Pattern::exact);
    let found = scan(make, &patterns, b"baaa");
    let expected = [(0, 2), (2, 2), (3, 2), (0, 3), (1, 3), (3, 3), (0, 4), (1, 4), (3, 4)];
    assert_eq!(ends(&found), expected);
    assert_eq!(scan(make, &patterns, b""), []);
    assert_eq!(scan(make, &patterns, b"xyz"), []);
}

fn keeps_case_apart(make: Make<'_>) {
    let patterns = [Pattern::exact("Job"), Pattern::caseless("jOB"), Pattern::caseless([0xC4, b'k'])];
    assert_eq!(ends(&scan(make, &patterns, b"job Job JOB")), [(1, 3), (0, 7), (1, 7), (1, 11)]);
    // Only ASCII letters have a case: 0xE4 is 0xC4 in Latin-1, and `[` is `{` with the bit that makes letters small.
    assert_eq!(ends(&scan(make, &patterns, &[0xE4, b'K', 0xC4, b'K'])), [(2, 4)]);
    assert_eq!(scan(make, &[Pattern::caseless("[")], b"{"), []);
}

fn takes_bytes_as_they_are(make: Make<'_>) {
    let every_byte: Vec<Pattern> = (0..=255_u8).map(|byte| Pattern::exact([byte])).collect();
    let mut matcher = make(&every_byte).matcher();
    let mut hits = Vec::new();
    for byte in 0..=255_u8 {
        assert_eq!(matcher.scan(&[byte], &mut hits), Outcome::Complete);
        assert_eq!(ends(&hits), [(u32::from(byte), 1)]);
    }
    let meta = [".*", "^a$", "\\x41", "a\0b"].map(Pattern::exact);
    assert_eq!(ends(&scan(make, &meta, b"A .* ^a$ a\0b \\x41")), [(0, 4), (1, 8), (3, 12), (2, 17)]);
}

fn forgets_the_scan_before(make: Make<'_>) {
    let database = make(&[Pattern::exact("split")]);
    let mut matcher = database.matcher();
    let mut hits = vec![Hit { pattern: 9, end: 9 }];
    assert_eq!(matcher.scan(b"spl", &mut hits), Outcome::Complete);
    assert_eq!(hits, []);
    assert_eq!(matcher.scan(b"it", &mut hits), Outcome::Complete);
    assert_eq!(hits, []);
    // A matcher outlives the handle it came from.
    drop(database);
    assert_eq!(matcher.scan(b"split", &mut hits), Outcome::Complete);
    assert_eq!(hits, [Hit { pattern: 0, end: 5 }]);
}

fn stops_at_the_limit(make: Make<'_>) {
    let patterns = [Pattern::exact("a"), Pattern::caseless("A")];
    let mut matcher = make(&patterns).matcher();
    let mut hits = Vec::new();
    let fits = vec![b'a'; MAX_HITS / 2];
    assert_eq!(matcher.scan(&fits, &mut hits), Outcome::Complete);
    assert_eq!(hits.len(), MAX_HITS);
    let text = vec![b'a'; 1 << 20];
    assert_eq!(matcher.scan(&text, &mut hits), Outcome::Stopped);
    assert_eq!(hits.len(), MAX_HITS);
    let truth = naive(&patterns, &text);
    assert!(hits.iter().all(|hit| {
        truth.binary_search_by_key(&(hit.end, hit.pattern), |one| (one.end, one.pattern)).is_ok()
    }));
    // The matcher is as good as new after a stop.
    assert_eq!(matcher.scan(b"bab", &mut hits), Outcome::Complete);
    assert_eq!(hits.len(), 2);
}

fn takes_long_patterns_and_many(make: Make<'_>) {
    let mut patterns: Vec<Pattern> =
        (0..3000).map(|n| Pattern::caseless(format!("name{n}.example"))).collect();
    patterns.push(Pattern::exact([b'z'; crate::MAX_PATTERN_BYTES]));
    let mut text = b"x.NAME2999.example,".to_vec();
    text.extend([b'z'; crate::MAX_PATTERN_BYTES]);
    assert_eq!(ends(&scan(make, &patterns, &text)), [(2999, 18), (3000, text.len())]);
}

fn agrees_with_the_naive_search(make: Make<'_>) {
    let bytes = |length| prop::collection::vec(prop::sample::select(b"abAB\x00\xe4".to_vec()), length);
    let pattern = (bytes(1..6), any::<bool>()).prop_map(|(bytes, caseless)| Pattern { bytes, caseless });
    let case = (prop::collection::vec(pattern, 1..8), bytes(0..60));
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let agrees = |(patterns, haystack): (Vec<Pattern>, Vec<u8>)| {
        let truth = naive(&patterns, &haystack);
        let mut hits = Vec::new();
        let outcome = make(&patterns).matcher().scan(&haystack, &mut hits);
        if truth.len() > MAX_HITS {
            prop_assert_eq!(outcome, Outcome::Stopped);
        } else {
            prop_assert_eq!(outcome, Outcome::Complete);
            prop_assert_eq!(hits, truth);
        }
        Ok(())
    };
    runner.run(&case, agrees).unwrap();
}
