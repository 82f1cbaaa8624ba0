//! The look-up: which listed name, if any, a name seen on the wire belongs to.
//!
//! A name's last two labels say whether any listed name ends so; if one does, its suffixes are tried in a hash table, longest
//! first. `docs/decisions/0003-pool-names.md` has the figures that chose this over a Hyperscan scan of the name. Hyperscan does
//! the same work in the tests, as a second opinion.
//!
//! Names come from the network. Whatever they hold, a look-up tries no more suffixes than the list's names have labels, and
//! allocates nothing.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{Entry, List};

/// The longest name looked at: what DNS can carry, written with dots. Nothing longer can be asked for.
pub(super) const MAX_NAME_BYTES: usize = 253;

/// A list made ready to be asked. Shared by all workers.
#[derive(Debug)]
pub struct Pools {
    list: List,
    /// The most labels that a listed name has: longer suffixes need not be tried.
    labels: usize,
    /// For the last two labels of every listed name, one entry that ends so. Most names that hosts ask for end in none of these, and
    /// are done with.
    tails: HashTable<u32>,
    hasher: RandomState,
}

impl Pools {
    /// Takes a list into use.
    pub fn new(list: List) -> Self {
        let hasher = RandomState::default();
        let (mut labels, mut tails) = (0, HashTable::new());
        let tail_at = |place: u32| list.at(place).map(|entry| tail(entry.domain));
        for (place, entry) in (0..).zip(list.entries()) {
            labels = labels.max(self::labels(entry.domain));
            let own = tail(entry.domain);
            let known = tails.entry(
                hasher.hash_one(own),
                |other| tail_at(*other) == Some(own),
                |other| hasher.hash_one(tail_at(*other).unwrap_or_default()),
            );
            known.or_insert(place);
        }
        Self { labels, tails, hasher, list }
    }

    /// The mining name that this name is or lies below, in any case of letters, with or without a dot at the end.
    ///
    /// `None` for every other name, for those of wallets and exchanges, and for lookalikes, even below a listed pool.
    pub fn find(&self, name: impl AsRef<[u8]>) -> Option<Entry<'_>> {
        self.nearest(name).filter(|entry| entry.kind.is_mining())
    }

    /// The longest listed name that this name is or lies below, of whatever kind: for saying why a name is or is not found.
    pub fn nearest(&self, name: impl AsRef<[u8]>) -> Option<Entry<'_>> {
        let mut lower = [0; MAX_NAME_BYTES];
        let name = lower_case(name.as_ref(), &mut lower)?;
        let end = tail(name);
        let same = |place: &u32| self.list.at(*place).is_some_and(|entry| tail(entry.domain) == end);
        self.tails.find(self.hasher.hash_one(end), same)?;
        suffixes(name, self.labels).find_map(|suffix| self.list.exactly(suffix))
    }

    /// The list in use.
    pub fn list(&self) -> &List {
        &self.list
    }
}

impl Default for Pools {
    /// The list that comes with the program.
    fn default() -> Self {
        Self::new(List::builtin())
    }
}

/// Copies a name in lower case into the buffer, without a dot at the end. `None` where it is empty, too long or no text.
fn lower_case<'a>(name: &[u8], buffer: &'a mut [u8; MAX_NAME_BYTES]) -> Option<&'a str> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let lower = buffer.get_mut(..name.len()).filter(|lower| !lower.is_empty())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

/// The suffixes of a name that begin at a label, longest first, of at most so many labels and at least two.
fn suffixes(name: &str, most: usize) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(last_labels(name, most)), |suffix| {
        suffix.split_once('.').map(|(_, rest)| rest)
    })
    .take_while(|suffix| suffix.contains('.'))
}

fn tail(name: &str) -> &str {
    last_labels(name, 2)
}

/// The last so many labels of a name, or all where it has no more.
fn last_labels(name: &str, count: usize) -> &str {
    let dots = name.bytes().enumerate().rev().filter(|(_, byte)| *byte == b'.');
    let start = count.checked_sub(1).and_then(|before| dots.map(|(dot, _)| dot + 1).nth(before));
    start.and_then(|start| name.get(start..)).unwrap_or(name)
}

fn labels(name: &str) -> usize {
    name.bytes().filter(|byte| *byte == b'.').count() + 1
}

#[cfg(test)]
mod tests {
    use pithead_matcher::{Hit, Matcher, Pattern, compile};
    use proptest::prelude::*;

    use super::*;
    use crate::pools::Kind;

    /// The same question answered by a matcher. Each name is a pattern `.name/`, and the text is `.text/`, so that only whole
    /// names and dot-suffixes can match; no name holds a slash.
    struct Scan {
        matcher: Box<dyn Matcher>,
        lengths: Vec<usize>,
        hits: Vec<Hit>,
    }

    impl Scan {
        fn new(list: &List) -> Self {
            let framed = |entry: Entry<'_>| Pattern::caseless(format!(".{}/", entry.domain));
            let patterns: Vec<Pattern> = list.entries().map(framed).collect();
            let lengths = patterns.iter().map(|pattern| pattern.bytes.len()).collect();
            Self { matcher: compile(&patterns).unwrap().matcher(), lengths, hits: Vec::new() }
        }

        fn nearest(&mut self, name: &str) -> Option<usize> {
            let name = name.strip_suffix('.').unwrap_or(name);
            let _ = self.matcher.scan(format!(".{name}/").as_bytes(), &mut self.hits);
            self.hits.iter().map(|hit| hit.pattern as usize).max_by_key(|&place| self.lengths[place])
        }
    }

    fn list(rows: &str) -> List {
        List::parse("test", &format!("domain,kind,coins,ports,source\n{rows}")).unwrap()
    }

    #[test]
    fn a_name_matches_whole_or_at_a_dot() {
        let pools = Pools::new(list("pool.example,pool,,,\neu.pool.example,market,,,"));
        let found = |name: &str| pools.find(name).map(|entry| entry.domain);
        assert_eq!(found("pool.example"), Some("pool.example"));
        assert_eq!(found("POOL.Example."), Some("pool.example"));
        assert_eq!(found("a.b.c.pool.example"), Some("pool.example"));
        assert_eq!(found("eu.pool.example"), Some("eu.pool.example"));
        assert_eq!(found("1.eu.pool.example"), Some("eu.pool.example"));
        for other in
            ["whirlpool.example", "pool.example.com", "example", "pool.example..", ".", "", "pool,example"]
        {
            assert_eq!(found(other), None, "{other}");
        }
        assert!(pools.find([0xff, b'.', b'a']).is_none());
        assert!(pools.find(format!("{}.pool.example", "a".repeat(250))).is_none());
        assert!(Pools::new(List::default()).find("pool.example").is_none());
    }

    #[test]
    fn the_longest_name_decides_and_lookalikes_are_silent() {
        let pools = Pools::new(list("a.example,pool,,,\nb.a.example,lookalike,,,\nc.b.a.example,pool,,,"));
        assert!(pools.find("x.a.example").is_some());
        assert!(pools.find("b.a.example").is_none());
        assert!(pools.find("x.b.a.example").is_none());
        assert_eq!(pools.nearest("x.b.a.example").unwrap().kind, Kind::Lookalike);
        assert!(pools.find("x.c.b.a.example").is_some());
    }

    #[test]
    fn every_entry_finds_itself_and_what_is_below_it() {
        let pools = Pools::default();
        let mut scan = Scan::new(pools.list());
        for (place, entry) in pools.list().entries().enumerate() {
            let own = entry.domain;
            for name in [own.to_owned(), format!("x.{own}"), format!("{}.", own.to_uppercase())] {
                assert_eq!(pools.nearest(&name), Some(entry), "{name}");
                assert_eq!(pools.find(&name).is_some(), entry.kind.is_mining(), "{name}");
                assert_eq!(scan.nearest(&name), Some(place), "{name}");
            }
            assert_ne!(pools.nearest(format!("notthename{own}")), Some(entry));
            assert!(pools.nearest(format!("{own}.invalid")).is_none());
        }
    }

    #[test]
    fn known_neighbours_stay_silent() {
        let pools = Pools::default();
        for name in [
            "adminer.com",
            "www.binance.com",
            "api.binance.com",
            "bitcoin.org",
            "www.bitcoin.com",
            "xmrig.com",
            "api.xmrig.com",
            "someone.github.io",
            "my.duckdns.org",
            "pool.duckdns.org",
            "investoon.com",
            "a.us.to",
            "whirlpool.com",
            "minecraft.net",
            "btcchina.com",
            "pool.example.org",
            "crocks.io",
            "notnanopool.org",
        ] {
            assert!(pools.find(name).is_none(), "{name}");
        }
        for (name, pool) in [
            ("donate.v2.xmrig.com", "xmrig.com"),
            ("xmr-eu1.nanopool.org", "nanopool.org"),
            ("pool.eth.pp.ua", "eth.pp.ua"),
            ("stratum.btcchina.com", "btcchina.com"),
            ("randomxmonero.auto.nicehash.com", "nicehash.com"),
            ("us2.litecoinpool.org", "litecoinpool.org"),
            ("poolbinance.com", "poolbinance.com"),
            ("ws027.authedmine.com", "authedmine.com"),
        ] {
            assert_eq!(pools.find(name).map(|entry| entry.pool_name()), Some(pool), "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_a_matcher(
            listed in prop::collection::btree_set("[ab]{1,2}(\\.[ab]{1,2}){1,3}", 1..12),
            asked in prop::collection::vec("[abAB.-]{0,12}", 1..40),
        ) {
            let rows: String = listed.iter().map(|name| format!("{name},pool,,,\n")).collect();
            let pools = Pools::new(list(&rows));
            let mut scan = Scan::new(pools.list());
            for name in &asked {
                let expected = scan.nearest(name).and_then(|place| pools.list().entries().nth(place));
                prop_assert_eq!(pools.nearest(name), expected, "{}", name);
            }
        }

        #[test]
        fn any_bytes_are_looked_up(name in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Pools::new(list("a.b,pool,,,")).nearest(&name);
        }
    }
}
