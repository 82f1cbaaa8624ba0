//! Aho-Corasick: the same hits as Hyperscan on any machine, and its oracle in the tests.
//!
//! Case is a property of a whole automaton, so there are up to two, one for each kind of pattern, and a text is read by both.
//! The alternative, one caseless automaton whose exact patterns are compared again, would let a hostile text cause comparisons
//! without limit that yield no hit.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use crate::{EngineKind, Error, Hit, MAX_HITS, Matcher, Outcome, Pattern, sort_hits, within_limit};

/// The compiled patterns.
#[derive(Debug)]
pub(crate) struct Literals {
    automata: Vec<Automaton>,
}

impl Literals {
    pub(crate) fn compile(patterns: &[Pattern]) -> Result<Self, Error> {
        let mut automata = Vec::with_capacity(2);
        for caseless in [false, true] {
            automata.extend(Automaton::compile(patterns, caseless)?);
        }
        Ok(Self { automata })
    }
}

/// The patterns of one kind, with the numbers that the caller knows them by.
#[derive(Debug)]
struct Automaton {
    search: AhoCorasick,
    numbers: Vec<u32>,
}

impl Automaton {
    /// `None` where no pattern is of this kind.
    fn compile(patterns: &[Pattern], caseless: bool) -> Result<Option<Self>, Error> {
        let chosen = || (0_u32..).zip(patterns).filter(|(_, pattern)| pattern.caseless == caseless);
        let numbers: Vec<u32> = chosen().map(|(number, _)| number).collect();
        if numbers.is_empty() {
            return Ok(None);
        }
        let search = AhoCorasickBuilder::new()
            .ascii_case_insensitive(caseless)
            .match_kind(MatchKind::Standard)
            .build(chosen().map(|(_, pattern)| &pattern.bytes))
            .map_err(|error| Error::Refused { kind: EngineKind::AhoCorasick, cause: error.to_string() })?;
        Ok(Some(Self { search, numbers }))
    }

    fn hits(&self, haystack: &[u8]) -> impl Iterator<Item = Hit> {
        self.search.find_overlapping_iter(haystack).filter_map(|found| {
            let pattern = *self.numbers.get(found.pattern().as_usize())?;
            Some(Hit { pattern, end: found.end() })
        })
    }
}

/// One worker's matcher. It keeps no scratch: where an automaton stands is a number.
pub(crate) struct Scanner {
    literals: Arc<Literals>,
}

impl Scanner {
    pub(crate) fn new(literals: Arc<Literals>) -> Self {
        Self { literals }
    }
}

impl Matcher for Scanner {
    fn scan(&mut self, haystack: &[u8], hits: &mut Vec<Hit>) -> Outcome {
        hits.clear();
        let (haystack, mut outcome) = within_limit(haystack);
        for hit in self.literals.automata.iter().flat_map(|automaton| automaton.hits(haystack)) {
            if hits.len() == MAX_HITS {
                outcome = Outcome::Stopped;
                break;
            }
            hits.push(hit);
        }
        sort_hits(hits);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use crate::{EngineKind, compile_with, contract};

    #[test]
    fn keeps_the_contract() {
        contract::check(&|patterns| compile_with(EngineKind::AhoCorasick, patterns).unwrap());
    }
}
