//! Patterns made ready: the choice of an engine, and one compiled set that all workers share.
//!
//! It relies on the two engine files for the work and leaves their scratch memory to them. A database is immutable; a reload
//! compiles a new one and lets the old one go with its last matcher.

use std::fmt;
use std::sync::Arc;

use crate::{Cache, Error, MAX_PATTERN_BYTES, MAX_PATTERNS, Matcher, Pattern, aho};

/// Compiles patterns for the best engine that runs here: Hyperscan where it is built in and the CPU can run it, else Aho-Corasick.
///
/// Which one it became is told by [`Database::engine`]; the hits are the same.
pub fn compile(patterns: &[Pattern]) -> Result<Database, Error> {
    compile_with(EngineKind::best(), patterns)
}

/// Compiles patterns for this engine and no other; where it cannot run, the error names the cause and the remedy.
pub fn compile_with(kind: EngineKind, patterns: &[Pattern]) -> Result<Database, Error> {
    make(kind, patterns, None)
}

/// Like [`compile`], but takes the compiled patterns from the cache where it has them, and leaves them there where it has not.
///
/// `set` names the patterns among others in the same cache. A cache that cannot be used makes this slower and nothing else:
/// [`Database::origin`] tells. Aho-Corasick is compiled each time.
pub fn compile_cached(set: &str, patterns: &[Pattern], cache: &Cache) -> Result<Database, Error> {
    make(EngineKind::best(), patterns, Some((set, cache)))
}

fn make(kind: EngineKind, patterns: &[Pattern], cache: Option<(&str, &Cache)>) -> Result<Database, Error> {
    check(patterns)?;
    kind.usable()?;
    let (compiled, origin) = match (kind, cache) {
        #[cfg(feature = "hyperscan")]
        (EngineKind::Hyperscan, Some((set, cache))) => {
            let (literals, origin) = crate::hyperscan::Literals::cached(set, patterns, cache)?;
            (Compiled::Hyperscan(Arc::new(literals)), origin)
        }
        #[cfg(feature = "hyperscan")]
        (EngineKind::Hyperscan, None) => {
            let literals = crate::hyperscan::Literals::compile(patterns)?;
            (Compiled::Hyperscan(Arc::new(literals)), Origin::Compiled)
        }
        _ => (Compiled::Aho(Arc::new(aho::Literals::compile(patterns)?)), Origin::Compiled),
    };
    Ok(Database { compiled, origin })
}

/// A compiled set of patterns. A clone is another handle to the same memory.
#[derive(Debug, Clone)]
pub struct Database {
    compiled: Compiled,
    origin: Origin,
}

impl Database {
    /// A matcher with scratch memory of its own, for one worker.
    ///
    /// # Panics
    ///
    /// When memory for the scratch runs out, as any allocation does.
    pub fn matcher(&self) -> Box<dyn Matcher> {
        match &self.compiled {
            #[cfg(feature = "hyperscan")]
            Compiled::Hyperscan(literals) => Box::new(crate::hyperscan::Scanner::new(Arc::clone(literals))),
            Compiled::Aho(literals) => Box::new(aho::Scanner::new(Arc::clone(literals))),
        }
    }

    /// Where it came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What runs this database: to be said once at the start, since speed depends on it.
    pub fn engine(&self) -> Engine {
        match &self.compiled {
            #[cfg(feature = "hyperscan")]
            Compiled::Hyperscan(literals) => literals.engine(),
            Compiled::Aho(_) => Engine { kind: EngineKind::AhoCorasick, version: None, cpu: None },
        }
    }
}

/// Where a database came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was compiled, and no cache had to do with it.
    Compiled,
    /// It was read from the cache.
    Cached,
    /// It was compiled, since the cache had none that fits, and is there now.
    Kept,
    /// It was compiled, and could not be left in the cache, for this reason.
    NotKept(String),
}

#[derive(Debug, Clone)]
enum Compiled {
    #[cfg(feature = "hyperscan")]
    Hyperscan(Arc<crate::hyperscan::Literals>),
    Aho(Arc<aho::Literals>),
}

/// The engines there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// Hyperscan, or Vectorscan in its place, from the system's libhs.
    Hyperscan,
    /// Aho-Corasick in Rust: on every machine, five to ten times slower.
    AhoCorasick,
}

impl EngineKind {
    /// The fastest engine that runs here.
    pub fn best() -> Self {
        if Self::Hyperscan.usable().is_ok() { Self::Hyperscan } else { Self::AhoCorasick }
    }

    /// Whether this engine is in this build and this CPU runs it.
    pub fn usable(self) -> Result<(), Error> {
        match self {
            Self::AhoCorasick => Ok(()),
            #[cfg(feature = "hyperscan")]
            Self::Hyperscan => crate::hyperscan::usable(),
            #[cfg(not(feature = "hyperscan"))]
            Self::Hyperscan => Err(Error::Unusable {
                kind: self,
                cause: "this program was built without it".to_owned(),
                remedy: "install libhyperscan-dev and build with the feature 'hyperscan'",
            }),
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hyperscan => "Hyperscan",
            Self::AhoCorasick => "Aho-Corasick",
        })
    }
}

/// What runs a database, for a line at the start: `Hyperscan 5.4.0 (AVX512)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Which engine.
    pub kind: EngineKind,
    /// The version of the system's library; `None` where the engine is part of this program.
    pub version: Option<String>,
    /// The instruction set that the patterns were compiled for; `None` where the engine does not choose by CPU.
    pub cpu: Option<String>,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(version) = &self.version {
            write!(f, " {version}")?;
        }
        if let Some(cpu) = &self.cpu {
            write!(f, " ({cpu})")?;
        }
        Ok(())
    }
}

fn check(patterns: &[Pattern]) -> Result<(), Error> {
    if patterns.is_empty() {
        return Err(Error::NoPatterns);
    }
    if patterns.len() > MAX_PATTERNS {
        return Err(Error::TooManyPatterns { count: patterns.len() });
    }
    let odd = patterns.iter().position(|one| one.bytes.is_empty() || one.bytes.len() > MAX_PATTERN_BYTES);
    odd.map_or(Ok(()), |at| Err(Error::PatternLength { pattern: at, bytes: patterns[at].bytes.len() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_make_no_sense_are_refused() {
        assert_eq!(compile(&[]).unwrap_err(), Error::NoPatterns);
        let empty = compile(&[Pattern::exact("a"), Pattern::exact("")]).unwrap_err();
        assert_eq!(empty.to_string(), "pattern 1 has 0 bytes: from 1 to 1024 are possible");
        let long = compile(&[Pattern::exact([b'a'; MAX_PATTERN_BYTES + 1])]).unwrap_err();
        assert_eq!(long, Error::PatternLength { pattern: 0, bytes: 1025 });
        let many = vec![Pattern::exact("a"); MAX_PATTERNS + 1];
        assert_eq!(compile(&many).unwrap_err(), Error::TooManyPatterns { count: MAX_PATTERNS + 1 });
    }

    #[test]
    fn the_engine_describes_itself() {
        let patterns = [Pattern::exact("a")];
        let aho = compile_with(EngineKind::AhoCorasick, &patterns).unwrap();
        assert_eq!(aho.engine().to_string(), "Aho-Corasick");
        let best = compile(&patterns).unwrap();
        assert_eq!(best.engine().kind, EngineKind::best());
    }

    #[test]
    #[cfg(not(feature = "hyperscan"))]
    fn a_missing_engine_names_cause_and_remedy() {
        let error = compile_with(EngineKind::Hyperscan, &[Pattern::exact("a")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Hyperscan cannot be used: this program was built without it \
             (install libhyperscan-dev and build with the feature 'hyperscan')"
        );
    }

    #[test]
    fn a_database_is_shared_between_threads() {
        let database = compile(&[Pattern::caseless("needle")]).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let database = database.clone();
                scope.spawn(move || {
                    let mut hits = Vec::new();
                    let _ = database.matcher().scan(b"a Needle", &mut hits);
                    assert_eq!(hits.len(), 1);
                });
            }
        });
    }
}
