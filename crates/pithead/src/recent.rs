//! A map that forgets: at most so many entries, of which the oldest make room for new ones, and are counted.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The latest entries, by key.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    entries: HashMap<K, V>,
    /// Keys in the order in which they came; some may be gone already.
    order: VecDeque<K>,
    capacity: usize,
    forgotten: u64,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), capacity: capacity.max(1), forgotten: 0 }
    }

    /// How many entries had to make room.
    pub(crate) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key)
    }

    /// Adds an entry, or replaces the one of this key, which keeps its age. True when the key is new.
    pub(crate) fn put(&mut self, key: K, value: V) -> bool {
        if self.entries.insert(key.clone(), value).is_some() {
            return false;
        }
        // Keys that were taken out by hand are cleared away before they outnumber the others.
        if self.order.len() >= 2 * self.capacity {
            self.order.retain(|key| self.entries.contains_key(key));
        }
        self.order.push_back(key);
        while self.entries.len() > self.capacity {
            let Some(oldest) = self.order.pop_front() else { break };
            self.forgotten += u64::from(self.entries.remove(&oldest).is_some());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let mut recent = Recent::new(3);
        for n in 0..10 {
            assert!(recent.put(n, n));
        }
        assert!(!recent.put(9, 90));
        assert_eq!((recent.get(&6), recent.get(&7), recent.get(&9)), (None, Some(&7), Some(&90)));
        assert_eq!(recent.forgotten(), 7);
    }

    #[test]
    fn what_comes_and_goes_leaves_nothing() {
        let mut recent = Recent::new(4);
        for n in 0..1000 {
            recent.put(n, ());
            recent.remove(&n);
        }
        assert!(recent.order.len() <= 8, "{}", recent.order.len());
        assert_eq!(recent.forgotten(), 0);
    }
}
