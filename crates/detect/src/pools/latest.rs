//! The list in use while somebody may load another: workers keep the one they have until they ask, between batches.
//!
//! A list never changes. A reload makes a new one, however long that takes, and puts it here; each worker's [`Reader`] then hands
//! it over once. Asking is one load of a number that hardly ever changes; the lock is taken only when it has.
//!
//! Letting go of 100 000 names takes time that a worker does not have. So a list that was replaced is held here until no worker has
//! it any more, and goes at the next [`Latest::replace`] or [`Latest::sweep`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Pools;

/// The list in use, which can be replaced while workers run.
#[derive(Debug)]
pub struct Latest {
    /// How often the list was replaced. Written under the lock only.
    replaced: AtomicU64,
    lists: Mutex<Lists>,
}

#[derive(Debug)]
struct Lists {
    now: Arc<Pools>,
    /// Replaced, and perhaps still with a worker.
    before: Vec<Arc<Pools>>,
}

impl Latest {
    /// Begins with this list.
    pub fn new(pools: Arc<Pools>) -> Self {
        Self { replaced: AtomicU64::new(0), lists: Mutex::new(Lists { now: pools, before: Vec::new() }) }
    }

    /// The list in use.
    pub fn now(&self) -> Arc<Pools> {
        Arc::clone(&self.lists().now)
    }

    /// Takes another list into use. Workers go on with the old one until they ask.
    pub fn replace(&self, pools: Arc<Pools>) {
        {
            let mut lists = self.lists();
            let old = std::mem::replace(&mut lists.now, pools);
            lists.before.push(old);
            self.replaced.fetch_add(1, Ordering::Release);
        }
        self.sweep();
    }

    /// Lets go of replaced lists that nobody has any more, and says how many are left. For the control thread, once in a while.
    pub fn sweep(&self) -> usize {
        let mut lists = self.lists();
        let gone: Vec<_> = lists.before.extract_if(.., |list| Arc::strong_count(list) == 1).collect();
        let left = lists.before.len();
        // The lock first: a worker that asks must not wait for the memory to be given back.
        drop(lists);
        drop(gone);
        left
    }

    /// A worker's way to ask for later lists than the one in use now, which it is given too.
    pub fn reader(self: &Arc<Self>) -> (Arc<Pools>, Reader) {
        let lists = self.lists();
        let seen = self.replaced.load(Ordering::Relaxed);
        (Arc::clone(&lists.now), Reader { latest: Arc::clone(self), seen })
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        // Nothing in here panics half-way; and a worker's panic is told elsewhere.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker's view of the list in use.
#[derive(Debug)]
pub struct Reader {
    latest: Arc<Latest>,
    seen: u64,
}

impl Reader {
    /// The list in use, if it is another than the last time. Cheap enough for every batch.
    #[inline]
    pub fn newer(&mut self) -> Option<Arc<Pools>> {
        if self.latest.replaced.load(Ordering::Acquire) == self.seen {
            return None;
        }
        let lists = self.latest.lists();
        self.seen = self.latest.replaced.load(Ordering::Relaxed);
        Some(Arc::clone(&lists.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pools::List;

    fn pools(name: &str) -> Arc<Pools> {
        let text = format!("domain,kind,coins,ports,source\n{name},pool,,,\n");
        Arc::new(Pools::new(List::parse("test", &text).unwrap()))
    }

    #[test]
    fn each_reader_is_handed_a_new_list_once() {
        let latest = Arc::new(Latest::new(pools("a.example")));
        let (first, mut one) = latest.reader();
        let (_, mut other) = latest.reader();
        assert!(first.find("a.example").is_some());
        assert!(one.newer().is_none());
        latest.replace(pools("b.example"));
        latest.replace(pools("c.example"));
        for reader in [&mut one, &mut other] {
            assert!(reader.newer().is_some_and(|pools| pools.find("c.example").is_some()));
            assert!(reader.newer().is_none());
        }
        let (now, mut late) = latest.reader();
        assert!(now.find("c.example").is_some() && late.newer().is_none());
        assert!(Arc::ptr_eq(&now, &latest.now()));
    }

    #[test]
    fn a_list_goes_when_its_last_worker_has_another() {
        let latest = Arc::new(Latest::new(pools("a.example")));
        let (mut held, mut reader) = latest.reader();
        let old = Arc::downgrade(&held);
        latest.replace(pools("b.example"));
        assert_eq!(latest.sweep(), 1);
        assert!(old.upgrade().is_some());
        held = reader.newer().unwrap();
        assert!(old.upgrade().is_some(), "it is not the worker who lets it go");
        assert_eq!(latest.sweep(), 0);
        assert!(old.upgrade().is_none());
        assert!(held.find("b.example").is_some());
    }

    #[test]
    fn readers_meet_lists_in_the_order_they_came() {
        const LISTS: usize = 200;
        let numbered: Vec<_> = (0..LISTS).map(|number| pools(&format!("n{number}.example"))).collect();
        let latest = Arc::new(Latest::new(Arc::clone(&numbered[0])));
        let place = |list: &Arc<Pools>| numbered.iter().position(|one| Arc::ptr_eq(one, list)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let (mut now, mut reader) = latest.reader();
                scope.spawn(move || {
                    while place(&now) + 1 < LISTS {
                        let Some(newer) = reader.newer() else { continue };
                        assert!(place(&newer) > place(&now));
                        now = newer;
                    }
                });
            }
            numbered[1..].iter().for_each(|list| latest.replace(Arc::clone(list)));
        });
    }
}
