//! Hyperscan, through the `hyperscan` crate, over the system's libhs: Intel's 5.4, or Vectorscan under the same name.
//!
//! It relies on the crate's safe interface only, so this room needs no unsafe code of its own. Block mode: each text stands alone.
//!
//! Literals are written as regular expressions in which every byte is an escape. `hs_compile_lit` would take the bytes as they
//! are, but the crate offers it for UTF-8 strings alone, and Hyperscan recognises an expression that is a plain literal anyway.
//!
//! The library is linked, not loaded: where libhs is missing, the build says so (pkg-config), or the system's loader does at the
//! start. What is left to check here is whether the CPU can run it.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use hyperscan::{BlockDatabase, Builder, Matching, PatternFlags, Patterns, Platform, Scratch};

use crate::{Engine, EngineKind, Error, Hit, MAX_HITS, Matcher, Outcome, Pattern, sort_hits, within_limit};

/// Whether this CPU runs Hyperscan.
pub(crate) fn usable() -> Result<(), Error> {
    Platform::is_valid().map_err(|_| Error::Unusable {
        kind: EngineKind::Hyperscan,
        cause: "this CPU lacks the SSSE3 instructions it is made of".to_owned(),
        remedy: "use Aho-Corasick, which gives the same hits",
    })
}

/// The compiled patterns.
pub(crate) struct Literals {
    database: BlockDatabase,
}

impl Literals {
    pub(crate) fn compile(patterns: &[Pattern]) -> Result<Self, Error> {
        let refused = |error: hyperscan::Error| Error::Refused {
            kind: EngineKind::Hyperscan,
            cause: error.to_string(),
        };
        let expressions: Patterns = patterns.iter().map(expression).collect();
        let database: BlockDatabase = expressions.build().map_err(refused)?;
        // Scratch is allocated for each matcher later, where nobody expects an error; if it cannot be had at all, now is the time.
        database.alloc_scratch().map_err(refused)?;
        Ok(Self { database })
    }

    pub(crate) fn engine(&self) -> Engine {
        let version = hyperscan::version_str().to_string_lossy();
        Engine {
            kind: EngineKind::Hyperscan,
            version: version.split_whitespace().next().map(str::to_owned),
            cpu: self.database.info().ok().and_then(|text| cpu_named_in(&text)),
        }
    }
}

impl fmt::Debug for Literals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Literals({})", self.engine())
    }
}

/// One worker's matcher: the shared database and scratch memory of its own, which Hyperscan forbids to share.
pub(crate) struct Scanner {
    literals: Arc<Literals>,
    scratch: Scratch,
}

impl Scanner {
    pub(crate) fn new(literals: Arc<Literals>) -> Self {
        let scratch = literals
            .database
            .alloc_scratch()
            .expect("scratch memory, of which `compile` had as much a moment ago");
        Self { literals, scratch }
    }
}

impl Matcher for Scanner {
    fn scan(&mut self, haystack: &[u8], hits: &mut Vec<Hit>) -> Outcome {
        hits.clear();
        let (haystack, outcome) = within_limit(haystack);
        let scanned = self.literals.database.scan(
            haystack,
            &self.scratch,
            |pattern: u32, _from: u64, end: u64, _flags: u32| {
                if hits.len() == MAX_HITS {
                    return Matching::Terminate;
                }
                hits.push(Hit { pattern, end: end as usize });
                Matching::Continue
            },
        );
        sort_hits(hits);
        // Two kinds of error arrive here: that we ended the scan, and faults (scratch in use or of another database) that this
        // file rules out. Both mean that there may be more.
        scanned.map_or(Outcome::Stopped, |()| outcome)
    }
}

/// The pattern as a regular expression of escaped bytes.
fn expression(pattern: &Pattern) -> hyperscan::Pattern {
    let mut expression = String::with_capacity(pattern.bytes.len() * 4);
    for byte in &pattern.bytes {
        // Writing to a String does not fail.
        let _ = write!(expression, "\\x{byte:02x}");
    }
    let flags = if pattern.caseless { PatternFlags::CASELESS } else { PatternFlags::empty() };
    hyperscan::Pattern { expression, flags, id: None, ext: hyperscan::ExprExt::default(), som: None }
}

/// Reads the CPU features out of what Hyperscan says of a database: `Version: 5.4.0 Features: AVX2 Mode: BLOCK`. They may be
/// none, on a CPU with SSSE3 and nothing later.
fn cpu_named_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("Features:")?;
    let features = rest.split("Mode:").next()?.trim();
    Some(if features.is_empty() { "SSSE3" } else { features }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{compile_with, contract};

    #[test]
    fn keeps_the_contract() {
        contract::check(EngineKind::Hyperscan);
    }

    #[test]
    fn names_its_version_and_cpu() {
        let engine = compile_with(EngineKind::Hyperscan, &[Pattern::exact("a")]).unwrap().engine();
        assert!(engine.version.as_deref().is_some_and(|version| version.starts_with("5.")), "{engine}");
        assert!(engine.cpu.is_some(), "{engine}");
    }

    #[test]
    fn reads_the_cpu_of_a_database() {
        assert_eq!(cpu_named_in("Version: 5.4.0 Features: AVX512 Mode: BLOCK").as_deref(), Some("AVX512"));
        assert_eq!(cpu_named_in("Version: 5.4.0 Features:  Mode: BLOCK").as_deref(), Some("SSSE3"));
        assert_eq!(cpu_named_in("nonsense"), None);
    }
}
