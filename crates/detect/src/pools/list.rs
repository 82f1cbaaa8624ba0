//! The list: names and what is known of each, and how lists are put together.
//!
//! A list of 100 000 names is loaded while workers run, and let go when the next one takes its place. So it is a handful of long
//! vectors and not a hundred thousand short ones: names stand end to end in one text, ports in one row, and what many entries
//! say alike (coins, sources) is kept once.

use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{Entry, Error, Kind, PortRange, reading};

/// The most names one list holds. Every known mining name makes 4 000; so many as this take some 20 MB, and are somebody's list
/// of something else.
pub const MAX_ENTRIES: usize = 200_000;

const BUILTIN: &str = include_str!("../../lists/pools.csv");

/// Names and what each is. Every name occurs once.
#[derive(Clone, Default)]
pub struct List {
    rows: Vec<Row>,
    /// The names of all rows, end to end.
    names: String,
    coins: Vec<Arc<str>>,
    ports: Vec<PortRange>,
    places: HashTable<u32>,
    words: Words,
    hasher: RandomState,
}

/// Where an entry's parts are.
#[derive(Clone, Debug)]
struct Row {
    name: Span,
    coins: Span,
    ports: Span,
    source: Arc<str>,
    kind: Kind,
}

/// Some neighbours in one of the list's vectors. 32 bits are enough for [`MAX_ENTRIES`] of the longest entries a file may hold.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// The last `length` of so many.
    fn last(length: usize, of: usize) -> Self {
        Self { start: (of - length) as u32, length: length as u32 }
    }

    fn range(self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }
}

impl List {
    /// The list that comes with the program.
    pub fn builtin() -> Self {
        Self::parse("pools.csv", BUILTIN).expect("the list built in, which the tests have read")
    }

    /// Reads a list: CSV with the columns domain, kind, coins, ports and source, named in the first line. Lines that begin with
    /// `#` are comments. `file` is what errors call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        reading::read(file, text)
    }

    /// Takes over the entries of a newer list; where both have a name, the newer entry stands. So a file of one's own can add
    /// names, and silence one by calling it a lookalike.
    pub fn merge(&mut self, newer: &Self) {
        for entry in newer.entries() {
            self.put(entry);
        }
    }

    /// All entries, in the order they were read.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + Clone {
        self.rows.iter().map(|row| self.entry(row))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The entry of exactly this name, in lower case.
    pub(super) fn exactly(&self, domain: &str) -> Option<Entry<'_>> {
        self.at(self.find(domain)?)
    }

    /// The entry in this place, counted from 0.
    pub(super) fn at(&self, place: u32) -> Option<Entry<'_>> {
        self.rows.get(place as usize).map(|row| self.entry(row))
    }

    /// Adds an entry, or puts it in the place of the one of the same name.
    pub(super) fn put(&mut self, entry: Entry<'_>) {
        self.coins.extend_from_slice(entry.coins);
        self.ports.extend_from_slice(entry.ports);
        let coins = Span::last(entry.coins.len(), self.coins.len());
        let ports = Span::last(entry.ports.len(), self.ports.len());
        let source = self.words.shared(entry.source);
        if let Some(row) = self.find(entry.domain).and_then(|place| self.rows.get_mut(place as usize)) {
            *row = Row { name: row.name, coins, ports, source, kind: entry.kind };
            return;
        }
        self.names.push_str(entry.domain);
        let name = Span::last(entry.domain.len(), self.names.len());
        let place = self.rows.len() as u32;
        self.rows.push(Row { name, coins, ports, source, kind: entry.kind });
        let (rows, names, hasher) = (&self.rows, &self.names, &self.hasher);
        let hash = |place: &u32| hasher.hash_one(&names[rows[*place as usize].name.range()]);
        self.places.insert_unique(hash(&place), place, hash);
    }

    fn find(&self, domain: &str) -> Option<u32> {
        let same = |place: &u32| self.rows.get(*place as usize).is_some_and(|row| self.name(row) == domain);
        self.places.find(self.hasher.hash_one(domain), same).copied()
    }

    fn name(&self, row: &Row) -> &str {
        &self.names[row.name.range()]
    }

    fn entry<'a>(&'a self, row: &'a Row) -> Entry<'a> {
        Entry {
            domain: self.name(row),
            kind: row.kind,
            coins: &self.coins[row.coins.range()],
            ports: &self.ports[row.ports.range()],
            source: &row.source,
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries()).finish()
    }
}

/// Words that many entries have in common, each kept once.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    words: HashTable<Arc<str>>,
    hasher: RandomState,
}

impl Words {
    /// The word as it is kept.
    pub(super) fn shared(&mut self, word: &str) -> Arc<str> {
        let hash = self.hasher.hash_one(word);
        let entry = self.words.entry(hash, |known| **known == *word, |known| self.hasher.hash_one(&**known));
        Arc::clone(entry.or_insert_with(|| Arc::from(word)).get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &str) -> List {
        List::parse("mine.csv", &format!("domain,kind,coins,ports,source\n{rows}\n")).unwrap()
    }

    #[test]
    fn a_newer_list_overrides() {
        let mut list = list("a.b,pool,BTC,80,old\nc.d,pool,,,old");
        list.merge(&super::tests::list("e.f,pool,XMR,3333 443s,new\na.b,lookalike,,,new"));
        let names: Vec<_> = list.entries().map(|entry| (entry.domain, entry.kind)).collect();
        assert_eq!(names, [("a.b", Kind::Lookalike), ("c.d", Kind::Pool), ("e.f", Kind::Pool)]);
        let [silenced, added] = ["a.b", "e.f"].map(|name| list.exactly(name).unwrap());
        assert!(silenced.coins.is_empty() && silenced.ports.is_empty() && silenced.source == "new");
        assert!(added.lists_port(443) && added.coin() == Some("XMR") && added.source == "new");
    }

    #[test]
    fn the_built_in_list_is_clean() {
        let list = List::builtin();
        assert!(list.len() > 3500);
        assert!(list.entries().map(|entry| entry.domain).is_sorted_by(|one, next| one < next));
        assert!(list.entries().all(|entry| !entry.source.is_empty()));
        let quiet = list.entries().filter(|entry| !entry.kind.is_mining());
        assert!(quiet.clone().count() > 40);
        assert!(quiet.clone().all(|entry| entry.ports.is_empty() && entry.coins.is_empty()));
        assert!(!BUILTIN.bytes().any(|byte| byte.is_ascii_control() && byte != b'\n'));
    }

    #[test]
    fn what_entries_have_in_common_is_kept_once() {
        let list = list("a.b,pool,XMR,,me\nc.d,pool,XMR ZEPH,,me");
        let [one, other] = ["a.b", "c.d"].map(|name| list.exactly(name).unwrap());
        assert!(Arc::ptr_eq(&one.coins[0], &other.coins[0]));
        assert!(std::ptr::eq(one.source, other.source));
    }
}
