//! Hyperscan, through the `hyperscan` crate, over the system's libhs: Intel's 5.4, or Vectorscan under the same name.
//!
//! It relies on the crate's safe interface only, so this room needs no unsafe code of its own. Block mode: each text stands alone.
//! One function of that interface is not as safe as it says: `deserialize` believes the bytes it is given. Here it is given
//! [`Trusted`] ones only.
//!
//! Literals are written as regular expressions in which every byte is an escape. `hs_compile_lit` would take the bytes as they
//! are, but the crate offers it for UTF-8 strings alone, and Hyperscan recognises an expression that is a plain literal anyway.
//!
//! The library is linked, not loaded: where libhs is missing, the build says so (pkg-config), or the system's loader does at the
//! start. What is left to check here is whether the CPU can run it.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use hyperscan::{
    BlockDatabase, Builder, Matching, PatternFlags, Patterns, Platform, Scratch, Serialized as _,
};

use crate::cache::{Cache, Key, Trusted};
use crate::database::Origin;
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
    /// Takes the patterns from the cache, or compiles them and leaves them there.
    pub(crate) fn cached(set: &str, patterns: &[Pattern], cache: &Cache) -> Result<(Self, Origin), Error> {
        let target = Target::here()?;
        let key = Key::new(set, &target.label, &target.info, patterns);
        if let Some(restored) = cache.load(&key).ok().and_then(|bytes| Self::restore(&bytes, &target)) {
            return Ok((restored, Origin::Cached));
        }
        let compiled = Self::compile(patterns)?;
        let kept = match compiled.database.serialize() {
            Ok(bytes) => cache.store(&key, &bytes),
            Err(error) => Err(error.to_string()),
        };
        Ok((compiled, kept.map_or_else(Origin::NotKept, |()| Origin::Kept)))
    }

    /// A database as it was before; `None` where the library does not take it.
    fn restore(bytes: &Trusted, target: &Target) -> Option<Self> {
        let bytes = bytes.bytes();
        // The crate takes our word for the mode, and the library checks the CPU only at the first scan.
        if bytes.info().ok()? != target.database {
            return None;
        }
        let database: BlockDatabase = bytes.deserialize().ok()?;
        database.alloc_scratch().ok()?;
        Some(Self { database })
    }

    pub(crate) fn compile(patterns: &[Pattern]) -> Result<Self, Error> {
        let expressions: Patterns = patterns.iter().map(expression).collect();
        let database: BlockDatabase = expressions.build().map_err(|error| refused(&error))?;
        // Scratch is allocated for each matcher later, where nobody expects an error; if it cannot be had at all, now is the time.
        database.alloc_scratch().map_err(|error| refused(&error))?;
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

fn refused(error: &hyperscan::Error) -> Error {
    Error::Refused { kind: EngineKind::Hyperscan, cause: error.to_string() }
}

/// What a compiled database depends on beside its patterns.
struct Target {
    /// The library's version with the date of its build, and `database`.
    info: String,
    /// What the library says of a database that it compiles now: version, CPU features, mode.
    database: String,
    /// Version and CPU, in short.
    label: String,
}

impl Target {
    /// Compiles the smallest database there is, since the library tells what it compiles for in no other way that this crate
    /// passes on. It takes a hundredth of the time of the real one.
    fn here() -> Result<Self, Error> {
        let sample = Literals::compile(&[Pattern::exact("a")])?;
        let database = sample.database.info().map_err(|error| refused(&error))?;
        let library = hyperscan::version_str().to_string_lossy();
        let Engine { version, cpu, .. } = sample.engine();
        Ok(Self {
            info: format!("{library}; {database}"),
            label: format!("{}-{}", version.unwrap_or_default(), cpu.unwrap_or_default()),
            database,
        })
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
    use crate::{Database, compile_cached, compile_with, contract};

    fn cache() -> (tempfile::TempDir, Cache) {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::new(scratch.path().join("cache"));
        (scratch, cache)
    }

    fn cached(patterns: &[Pattern], cache: &Cache) -> Database {
        compile_cached("test", patterns, cache).unwrap()
    }

    fn words() -> [Pattern; 2] {
        [Pattern::exact("submit"), Pattern::caseless("login")]
    }

    #[test]
    fn keeps_the_contract() {
        contract::check(&|patterns| compile_with(EngineKind::Hyperscan, patterns).unwrap());
    }

    #[test]
    fn keeps_the_contract_out_of_the_cache() {
        let (_scratch, cache) = cache();
        contract::check(&|patterns| {
            let _ = cached(patterns, &cache);
            let database = cached(patterns, &cache);
            assert_eq!(*database.origin(), Origin::Cached);
            database
        });
    }

    #[test]
    fn other_patterns_take_the_place_of_those_kept() {
        let (_scratch, cache) = cache();
        assert_eq!(*cached(&words(), &cache).origin(), Origin::Kept);
        assert_eq!(*cached(&words(), &cache).origin(), Origin::Cached);
        assert_eq!(*cached(&words()[..1], &cache).origin(), Origin::Kept);
        assert_eq!(*cached(&words(), &cache).origin(), Origin::Kept);
        assert_eq!(std::fs::read_dir(cache.folder()).unwrap().count(), 1);
    }

    #[test]
    fn patterns_are_compiled_where_nothing_can_be_kept() {
        let (scratch, _) = cache();
        let file = scratch.path().join("file");
        std::fs::write(&file, "").unwrap();
        let database = cached(&words(), &Cache::new(&file));
        assert!(
            matches!(database.origin(), Origin::NotKept(cause) if cause.contains("file")),
            "{database:?}"
        );
        let mut hits = Vec::new();
        let _ = database.matcher().scan(b"Login", &mut hits);
        assert_eq!(hits, [Hit { pattern: 1, end: 5 }]);
    }

    #[test]
    fn what_the_library_does_not_take_is_compiled_again() {
        let (_scratch, cache) = cache();
        let target = Target::here().unwrap();
        let key = Key::new("test", &target.label, &target.info, &words());
        let whole = Literals::compile(&words()).unwrap().database.serialize().unwrap();
        let streaming: hyperscan::StreamingDatabase =
            words().iter().map(expression).collect::<Patterns>().build().unwrap();
        let mut aged = whole.to_vec();
        aged[5] ^= 1; // in the version, which stands behind the magic number
        for odd in [b"nonsense".as_slice(), &whole[..whole.len() - 1], &aged, &streaming.serialize().unwrap()]
        {
            cache.store(&key, odd).unwrap();
            assert_eq!(*cached(&words(), &cache).origin(), Origin::Kept);
            assert_eq!(*cached(&words(), &cache).origin(), Origin::Cached);
        }
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
