//! Which dialects a text could belong to: one scan for the few rare literals that their messages hold.

use pithead_matcher::{
    Cache, Database, Error, Hit, Matcher, Origin, Outcome, Pattern, compile, compile_cached,
};

use crate::dialect::DIALECTS;

/// Stands for every dialect: a text that spells letters as escapes hides its anchors.
const ESCAPE: &str = "\\u00";

/// The anchors of all dialects, compiled. Shared by all workers.
#[derive(Clone, Debug)]
pub struct Anchors {
    database: Database,
    /// For each pattern, the dialects that it speaks for, as bits.
    dialects: Vec<u64>,
}

impl Anchors {
    /// Compiles the anchors of every dialect.
    ///
    /// # Errors
    /// When the matching engine cannot be used on this machine.
    pub fn new() -> Result<Self, Error> {
        Self::made_by(compile)
    }

    /// Takes the compiled anchors from the cache; where it has none that fit, compiles them and leaves them there.
    ///
    /// # Errors
    /// As [`Anchors::new`]; a cache that cannot be used is none, see [`Anchors::origin`].
    pub fn cached(cache: &Cache) -> Result<Self, Error> {
        Self::made_by(|patterns| compile_cached("anchors", patterns, cache))
    }

    fn made_by(compile: impl FnOnce(&[Pattern]) -> Result<Database, Error>) -> Result<Self, Error> {
        let mut texts: Vec<(&str, u64)> = vec![(ESCAPE, u64::MAX)];
        for (index, dialect) in DIALECTS.iter().enumerate() {
            for anchor in dialect.about().anchors {
                match texts.iter_mut().find(|(text, _)| text == anchor) {
                    Some((_, bits)) => *bits |= 1 << index,
                    None => texts.push((anchor, 1 << index)),
                }
            }
        }
        let patterns: Vec<Pattern> = texts.iter().map(|(text, _)| Pattern::exact(text)).collect();
        Ok(Self {
            database: compile(&patterns)?,
            dialects: texts.into_iter().map(|(_, bits)| bits).collect(),
        })
    }

    /// What does the matching, for people.
    pub fn engine(&self) -> pithead_matcher::Engine {
        self.database.engine()
    }

    /// Whether they came from the cache.
    pub fn origin(&self) -> &Origin {
        self.database.origin()
    }

    /// A scanner for one worker.
    pub fn scanner(&self) -> Scanner {
        Scanner { matcher: self.database.matcher(), dialects: self.dialects.clone(), hits: Vec::new() }
    }
}

/// Scans texts for anchors.
pub struct Scanner {
    matcher: Box<dyn Matcher>,
    dialects: Vec<u64>,
    hits: Vec<Hit>,
}

impl Scanner {
    /// The dialects that a text could belong to, as bits.
    pub fn candidates(&mut self, text: &[u8]) -> u64 {
        let outcome = self.matcher.scan(text, &mut self.hits);
        if outcome == Outcome::Stopped {
            return u64::MAX;
        }
        self.hits
            .iter()
            .filter_map(|hit| self.dialects.get(hit.pattern as usize))
            .fold(0, |all, bits| all | bits)
    }
}

impl Scanner {
    /// Whether a payload may hold a message, or the beginning of one: a word of a dialect, or a brace in text that does not end with it.
    pub(crate) fn is_worth_reading(&mut self, payload: &[u8]) -> bool {
        let ends = matches!(payload.last(), Some(b'\n' | b'}' | b']'));
        (!ends && payload.contains(&b'{')) || self.candidates(payload) != 0
    }
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("patterns", &self.dialects.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_bring_texts_to_their_dialects() {
        let mut scanner = Anchors::new().expect("an engine").scanner();
        let index = |name| DIALECTS.iter().position(|dialect| dialect.name() == name).expect("a dialect");
        let stratum = scanner.candidates(br#"{"id":1,"method":"mining.subscribe","params":[]}"#);
        assert_ne!(stratum & 1 << index("stratum-v1"), 0);
        assert_eq!(stratum & 1 << index("cryptonote"), 0);
        assert_eq!(scanner.candidates(b"GET / HTTP/1.1"), 0);
        assert_eq!(scanner.candidates(br#"{"m\u0065thod":1}"#), u64::MAX);
    }
}
