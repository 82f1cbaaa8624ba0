//! Many patterns at once: which of these byte strings occur in this text, and where does each end?
//!
//! It relies on Hyperscan (the system's libhs, feature `hyperscan`) where that runs, and on Aho-Corasick everywhere. Both report
//! the same hits, which `contract` holds them to. What Hyperscan has compiled is kept in files for the next start ([`Cache`]). Patterns are literals, exact or caseless (ASCII letters only): what a dialect
//! needs beyond a word, it reads itself.
//!
//! This room knows no network: no names, ports or protocols, only bytes. It leaves out streams (a message split over packets is
//! put together before it is scanned, so that a reload of the patterns orphans no state) and regular expressions.
//!
//! ```
//! use pithead_matcher::{Hit, Outcome, Pattern, compile};
//!
//! let database = compile(&[Pattern::exact("submit"), Pattern::caseless("LOGIN")])?;
//! let mut matcher = database.matcher();
//! let mut hits = Vec::new();
//! assert_eq!(matcher.scan(b"login, submit", &mut hits), Outcome::Complete);
//! assert_eq!(hits, [Hit { pattern: 1, end: 5 }, Hit { pattern: 0, end: 13 }]);
//! # Ok::<(), pithead_matcher::Error>(())
//! ```

#![forbid(unsafe_code)]

mod aho;
#[cfg_attr(not(feature = "hyperscan"), allow(dead_code, reason = "only Hyperscan's databases are kept"))]
mod cache;
#[cfg(test)]
mod contract;
mod database;
mod error;
#[cfg(feature = "hyperscan")]
mod hyperscan;
#[cfg_attr(not(feature = "hyperscan"), allow(dead_code, reason = "as the cache, which asks it"))]
mod trust;

pub use cache::Cache;
pub use database::{Database, Engine, EngineKind, Origin, compile, compile_cached, compile_with};
pub use error::Error;

/// The most hits one scan reports.
///
/// An honest message holds a handful. Text made of nothing but our words would otherwise cost a callback and 16 bytes for each of
/// them, and whoever writes the text would choose how many; after this many the scan stops and says so.
pub const MAX_HITS: usize = 256;

/// The most bytes of one text that are looked at; a longer text is cut here, and the scan says [`Outcome::Stopped`].
///
/// A packet is 64 KiB at most and a message far less. Hyperscan counts in 32 bits, and this stays well inside them.
pub const MAX_HAYSTACK_BYTES: usize = 1 << 30;

/// The longest pattern. A DNS name has 253 bytes and no word of a protocol comes near; a longer one is a mistake in a list.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// The most patterns in one database. Hyperscan 5.4 compiles 3 500 names in 0.05 s and 20 000 in 2 s, but 200 000 in over three
/// minutes: past this it is the wrong tool, and a program that seems to hang at its start is worse than one that says why.
pub const MAX_PATTERNS: usize = 20_000;

/// Finds the patterns of one [`Database`]. Each worker has its own, with its own scratch memory.
pub trait Matcher: Send {
    /// Replaces what `hits` held by the places in `haystack` where a pattern ends, sorted by end, then by pattern, each once.
    ///
    /// At most [`MAX_HITS`]; where there would be more the answer is [`Outcome::Stopped`] and the hits given are true, but not all.
    /// Allocates only to let `hits` grow, so a vector that is used again costs nothing.
    fn scan(&mut self, haystack: &[u8], hits: &mut Vec<Hit>) -> Outcome;
}

/// A place where a pattern was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hit {
    /// Which pattern: its index in the slice given to [`compile`].
    pub pattern: u32,
    /// Where it ends in the text: the offset of the byte after its last.
    pub end: usize,
}

/// Whether a scan saw everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Every hit was reported.
    Complete,
    /// There may be more hits than were reported: [`MAX_HITS`] was reached, the text was longer than [`MAX_HAYSTACK_BYTES`], or
    /// the engine gave up. Which hits are missing depends on the engine.
    Stopped,
}

/// A byte string to look for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// The bytes, one at least and at most [`MAX_PATTERN_BYTES`]; none has a special meaning.
    pub bytes: Vec<u8>,
    /// Whether ASCII letters match in either case. Other bytes always match themselves alone.
    pub caseless: bool,
}

impl Pattern {
    /// A pattern that matches these bytes only.
    pub fn exact(bytes: impl AsRef<[u8]>) -> Self {
        Self { bytes: bytes.as_ref().to_vec(), caseless: false }
    }

    /// A pattern whose ASCII letters match in either case.
    pub fn caseless(bytes: impl AsRef<[u8]>) -> Self {
        Self { bytes: bytes.as_ref().to_vec(), caseless: true }
    }
}

/// Cuts a text to the length that is looked at.
fn within_limit(haystack: &[u8]) -> (&[u8], Outcome) {
    match haystack.split_at_checked(MAX_HAYSTACK_BYTES) {
        Some((head, rest)) if !rest.is_empty() => (head, Outcome::Stopped),
        _ => (haystack, Outcome::Complete),
    }
}

/// Puts hits into the order that [`Matcher::scan`] promises. Engines report them in an order of their own.
fn sort_hits(hits: &mut Vec<Hit>) {
    hits.sort_unstable_by_key(|hit| (hit.end, hit.pattern));
    hits.dedup();
}
