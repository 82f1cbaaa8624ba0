//! Where the flow of a hash is: one cache line a look-up, and growth without a pause.
//!
//! ```text
//! bucket  tag 1 x 12 | next 4 | place 4 x 12        64 bytes
//! ```
//!
//! A tag is seven bits of the hash, so that hardly any flow is looked at but the right one. Buckets are divided one at a time as flows come
//! (W. Litwin's linear hashing, 1980): there is no moment at which all of them are moved, and never two copies. A bucket that
//! overflows goes on in another one. Flows that end leave the buckets as they are, for those that come after.

use crate::slab::Slab;

/// Entries of a bucket: as many as share a cache line with their tags.
const ENTRIES: usize = 12;
/// Flows a bucket, on average, above which one is divided. A bucket not yet divided in this round holds up to twice as many as one that has been.
const LOAD: usize = 6;
/// Buckets to begin with: 64 KiB.
const FIRST: u64 = 1024;
/// No bucket.
const NONE: u32 = u32::MAX;
/// Set in every tag that is one.
const TAKEN: u8 = 0x80;

#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tags: [u8; ENTRIES],
    /// Where the bucket goes on.
    next: u32,
    places: [u32; ENTRIES],
}

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    const EMPTY: Self = Self { tags: [0; ENTRIES], next: NONE, places: [0; ENTRIES] };

    /// One bit for each entry whose tag this may be: it is for the lowest, and nearly always for the others.
    #[inline]
    fn matches(&self, tag: u8) -> u128 {
        const LOW: u128 = u128::from_le_bytes([0x01; 16]);
        const HIGH: u128 = u128::from_le_bytes([
            0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0, 0, 0,
        ]);
        let mut row = [0; 16];
        row[..ENTRIES].copy_from_slice(&self.tags);
        // A byte of zero is the one that a subtraction of one borrows from.
        let differs = u128::from_le_bytes(row) ^ (LOW * u128::from(tag));
        differs.wrapping_sub(LOW) & !differs & HIGH
    }

    #[inline]
    fn find(&self, tag: u8, mut is_it: impl FnMut(u32) -> bool) -> Option<(usize, u32)> {
        let mut matches = self.matches(tag);
        while matches != 0 {
            let entry = matches.trailing_zeros() as usize / 8;
            let place = self.places[entry];
            if self.tags[entry] == tag && is_it(place) {
                return Some((entry, place));
            }
            matches &= matches - 1;
        }
        None
    }

    fn put(&mut self, tag: u8, place: u32) -> bool {
        let Some(entry) = self.tags.iter().position(|&tag| tag == 0) else { return false };
        (self.tags[entry], self.places[entry]) = (tag, place);
        true
    }

    /// Takes any one entry out.
    fn pop(&mut self) -> Option<(u8, u32)> {
        let entry = self.tags.iter().rposition(|&tag| tag != 0)?;
        Some((std::mem::take(&mut self.tags[entry]), self.places[entry]))
    }

    fn is_empty(&self) -> bool {
        self.tags == [0; ENTRIES]
    }
}

/// Places of flows by the hash of their keys.
#[derive(Debug)]
pub(crate) struct Index {
    /// Those that hashes name.
    buckets: Slab<Bucket>,
    /// Those in which others go on.
    more: Slab<Bucket>,
    /// The first of `more` that is not used, and so on by `next`.
    free: u32,
    /// Buckets at the beginning of this round of dividing them: a power of two.
    round: u64,
    len: usize,
    /// Entries of the bucket that is being divided.
    divided: Vec<u32>,
}

impl Index {
    pub(crate) fn new() -> Self {
        let mut buckets = Slab::new();
        for _ in 0..FIRST {
            buckets.push(Bucket::EMPTY);
        }
        Self { buckets, more: Slab::new(), free: NONE, round: FIRST, len: 0, divided: Vec::new() }
    }

    /// How many places it holds.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes that its buckets take.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        (self.buckets.len() + self.more.len()) * size_of::<Bucket>()
    }

    /// Asks for the bucket of a hash.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        self.buckets.prefetch(self.bucket(hash));
    }

    /// The place that the hash's tag names first: most likely the one looked for.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> Option<u32> {
        self.buckets[self.bucket(hash)].find(tag(hash), |_| true).map(|(_, place)| place)
    }

    /// The place of a hash that is the one looked for.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut bucket = &self.buckets[self.bucket(hash)];
        loop {
            if let Some((_, place)) = bucket.find(tag, &mut is_it) {
                return Some(place);
            }
            if bucket.next == NONE {
                return None;
            }
            bucket = &self.more[bucket.next];
        }
    }

    /// Adds a place that is not there yet. `hash_of`: the hash of any place, for the bucket that is divided to make room.
    pub(crate) fn insert(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        self.len += 1;
        if self.len > self.buckets.len() * LOAD {
            self.divide(hash_of);
        }
        self.put(self.bucket(hash), tag(hash), place);
    }

    /// Takes a place out.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let tag = tag(hash);
        let first = self.bucket(hash);
        let mut at = None;
        let entry = loop {
            let bucket = self.at(first, at);
            if let Some((entry, _)) = bucket.find(tag, |other| other == place) {
                break entry;
            }
            if bucket.next == NONE {
                return;
            }
            at = Some(bucket.next);
        };
        self.len -= 1;
        self.at_mut(first, at).tags[entry] = 0;
        self.close(first, at, entry);
    }

    /// Fills a hole with an entry from the bucket's end, so that it is no longer than it has to be.
    fn close(&mut self, first: u32, hole: Option<u32>, entry: usize) {
        let (mut before, mut last) = (None, None);
        while self.at(first, last).next != NONE {
            (before, last) = (last, Some(self.at(first, last).next));
        }
        let Some(end) = last else { return };
        if last != hole
            && let Some((tag, place)) = self.more[end].pop()
        {
            let bucket = self.at_mut(first, hole);
            (bucket.tags[entry], bucket.places[entry]) = (tag, place);
        }
        if self.more[end].is_empty() {
            self.at_mut(first, before).next = NONE;
            self.more[end].next = std::mem::replace(&mut self.free, end);
        }
    }

    /// Divides the next bucket of this round in two, by one bit more of the hash.
    fn divide(&mut self, hash_of: impl Fn(u32) -> u64) {
        let from = (self.buckets.len() as u64 - self.round) as u32;
        let mut divided = std::mem::take(&mut self.divided);
        let mut next = Some(std::mem::replace(&mut self.buckets[from], Bucket::EMPTY));
        while let Some(bucket) = next {
            divided.extend(
                (0..ENTRIES).filter(|&entry| bucket.tags[entry] != 0).map(|entry| bucket.places[entry]),
            );
            next = (bucket.next != NONE).then(|| {
                let free = std::mem::replace(&mut self.free, bucket.next);
                let more = &mut self.more[bucket.next];
                std::mem::replace(more, Bucket { next: free, ..Bucket::EMPTY })
            });
        }
        let to = self.buckets.push(Bucket::EMPTY);
        for place in divided.drain(..) {
            let hash = hash_of(place);
            let bucket = if hash & self.round == 0 { from } else { to };
            self.put(bucket, tag(hash), place);
        }
        self.divided = divided;
        if self.buckets.len() as u64 == self.round * 2 {
            self.round *= 2;
        }
    }

    fn put(&mut self, first: u32, tag: u8, place: u32) {
        let mut at = None;
        while !self.at_mut(first, at).put(tag, place) {
            let next = self.at(first, at).next;
            if next != NONE {
                at = Some(next);
                continue;
            }
            let next = self.another();
            self.at_mut(first, at).next = next;
            at = Some(next);
        }
    }

    /// An empty bucket in which another can go on.
    fn another(&mut self) -> u32 {
        if self.free == NONE {
            return self.more.push(Bucket::EMPTY);
        }
        let bucket = self.free;
        self.free = std::mem::replace(&mut self.more[bucket].next, NONE);
        bucket
    }

    fn at(&self, first: u32, more: Option<u32>) -> &Bucket {
        more.map_or_else(|| &self.buckets[first], |more| &self.more[more])
    }

    fn at_mut(&mut self, first: u32, more: Option<u32>) -> &mut Bucket {
        match more {
            None => &mut self.buckets[first],
            Some(more) => &mut self.more[more],
        }
    }

    /// The bucket that a hash names: by one bit more, where this round has divided it already.
    #[inline]
    fn bucket(&self, hash: u64) -> u32 {
        let fine = hash & (self.round * 2 - 1);
        (if fine < self.buckets.len() as u64 { fine } else { hash & (self.round - 1) }) as u32
    }
}

/// The highest seven bits, which name no bucket.
const fn tag(hash: u64) -> u8 {
    (hash >> 57) as u8 | TAKEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Spreads small numbers as a hash would; `poor` makes many of them share a bucket.
    fn hash(place: u32, poor: bool) -> u64 {
        let spread = u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let spread = (spread ^ (spread >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if poor { (spread & !0xffff) | (u64::from(place) % 3) } else { spread }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The same as a map, through growth, overflow and removal.
        #[test]
        fn holds_what_was_put_in(steps in prop::collection::vec((0_u32..20_000, any::<bool>()), 1..20_000), poor in any::<bool>()) {
            let (mut index, mut model) = (Index::new(), HashMap::new());
            for (place, add) in steps {
                let place = if poor { place % 300 } else { place };
                let hash_of = |place| hash(place, poor);
                if add && model.insert(place, ()).is_none() {
                    index.insert(hash_of(place), place, hash_of);
                } else if !add && model.remove(&place).is_some() {
                    index.remove(hash_of(place), place);
                }
                prop_assert_eq!(index.len(), model.len());
            }
            for place in 0..20_000 {
                let found = index.find(hash(place, poor), |other| other == place);
                prop_assert_eq!(found, model.contains_key(&place).then_some(place));
            }
        }
    }

    #[test]
    fn buckets_are_given_back() {
        let mut index = Index::new();
        for round in 0..50 {
            for place in 0..200 {
                index.insert(hash(place, true), place, |place| hash(place, true));
            }
            for place in (0..200).rev() {
                index.remove(hash(place, true), (place + round) % 200);
                index.remove(hash((place + round) % 200, true), (place + round) % 200);
            }
            assert_eq!(index.len(), 0);
        }
        assert!(index.more.len() < 30, "{} buckets in which others go on", index.more.len());
    }

    #[test]
    fn takes_less_than_sixteen_bytes_a_flow() {
        let mut index = Index::new();
        for place in 0..1_000_000 {
            index.insert(hash(place, false), place, |place| hash(place, false));
            if place > 100_000 && place.is_multiple_of(50_000) {
                let each = index.bytes() as f64 / f64::from(place);
                assert!(each < 16.0, "{each} bytes a flow at {place}");
            }
        }
    }
}
