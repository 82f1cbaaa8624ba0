//! Which flows may have run out of time: a timer wheel of slots a sixtieth of a second long.
//!
//! A flow hangs in one slot. It is not moved when a packet arrives; when its slot comes due its true deadline is looked at, and it is
//! hung up again if that lies ahead. So a packet pays nothing, a flow is touched about once a minute, and no visit is to more of them
//! than come due in a slice of time. A slot is a list of blocks, so that what is due is known before it is touched, and can be asked for.

use pithead_wire::Timestamp;

use crate::clock::slice;
use crate::slab::Slab;

/// A power of two. 65,536 slices are 1,099 seconds; longer deadlines go round again.
const SLOTS: usize = 1 << 16;
/// Flows of a block: one cache line.
const FLOWS: usize = 14;
/// No block.
const NONE: u32 = u32::MAX;

#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
struct Block {
    places: [u32; FLOWS],
    len: u32,
    next: u32,
}

const _: () = assert!(size_of::<Block>() == 64);

/// Places of flows, by the slice of time in which they may be due.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The first block of each slot: the only one that is not full.
    heads: Vec<u32>,
    /// One bit for each slot that holds anything.
    taken: Vec<u64>,
    blocks: Slab<Block>,
    /// The first block that is not used, and so on by `next`.
    free: u32,
    /// The slice up to which slots have been emptied, inclusive.
    done: i64,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            heads: vec![NONE; SLOTS],
            taken: vec![0; SLOTS / 64],
            blocks: Slab::new(),
            free: NONE,
            done: 0,
        }
    }

    /// Bytes that its blocks take.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<Block>()
    }

    /// Hangs up a flow that may be due at `deadline`.
    pub(crate) fn insert(&mut self, place: u32, deadline: Timestamp) {
        // Never into a slot already passed, or it would wait a whole turn.
        let slot = slot(slice(deadline).saturating_add(1).max(self.done.saturating_add(1)));
        let head = self.heads[slot];
        let room = head != NONE && (self.blocks[head].len as usize) < FLOWS;
        let head = if room { head } else { self.begin(slot, head) };
        let block = &mut self.blocks[head];
        block.places[block.len as usize] = place;
        block.len += 1;
    }

    /// Puts an empty block in front of a slot's others.
    fn begin(&mut self, slot: usize, next: u32) -> u32 {
        let empty = Block { places: [0; FLOWS], len: 0, next };
        let block = if self.free == NONE {
            self.blocks.push(empty)
        } else {
            let block = self.free;
            self.free = std::mem::replace(&mut self.blocks[block], empty).next;
            block
        };
        self.heads[slot] = block;
        self.taken[slot / 64] |= 1 << (slot % 64);
        block
    }

    /// Takes the flows of every slot that has come due by `now`, each where it begins a list that is handed over whole before any flow is hung
    /// up again, or one could be met twice.
    pub(crate) fn advance(&mut self, now: Timestamp, due: &mut Vec<u32>) {
        let now = slice(now);
        let from = self.done.saturating_add(1).max(now.saturating_sub(SLOTS as i64 - 1));
        self.done = now;
        let mut at = from;
        while at <= now {
            let slot = slot(at);
            // What is left of this word's 64 slots, the next of them first.
            let word = self.taken[slot / 64] >> (slot % 64);
            if word == 0 {
                at += 64 - (slot % 64) as i64;
                continue;
            }
            at += i64::from(word.trailing_zeros());
            if at <= now {
                self.empty(self::slot(at), due);
            }
            at += 1;
        }
    }

    fn empty(&mut self, slot: usize, due: &mut Vec<u32>) {
        self.taken[slot / 64] &= !(1 << (slot % 64));
        let mut at = std::mem::replace(&mut self.heads[slot], NONE);
        while at != NONE {
            let block = &mut self.blocks[at];
            due.extend(block.places.iter().take(block.len as usize));
            let next = std::mem::replace(&mut block.next, self.free);
            self.free = at;
            if next != NONE {
                self.blocks.prefetch(next);
            }
            at = next;
        }
    }

    /// Turns the wheel back (or forth) to `now` without emptying a slot.
    pub(crate) fn set(&mut self, now: Timestamp) {
        self.done = slice(now);
    }
}

const fn slot(slice: i64) -> usize {
    slice.rem_euclid(SLOTS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Each is due once: not before its deadline, and no later than a slice behind it, but for those that wait for another turn.
        #[test]
        fn everything_comes_due_once(
            waits in prop::collection::vec(0_i64..900_000, 1..2000), steps in prop::collection::vec(1_i64..5000, 1..2000),
        ) {
            let millis = |at: i64| Timestamp::from_nanos(at * 1_000_000);
            let mut wheel = Wheel::new();
            let (mut now, mut met) = (1_000_000_i64, vec![false; waits.len()]);
            wheel.set(millis(now));
            for (place, wait) in waits.iter().enumerate() {
                wheel.insert(place as u32, millis(now + wait));
            }
            let begin = now;
            let mut due = Vec::new();
            for step in steps {
                now += step;
                due.clear();
                wheel.advance(millis(now), &mut due);
                for &place in &due {
                    prop_assert!(!std::mem::replace(&mut met[place as usize], true));
                    prop_assert!(begin + waits[place as usize] <= now);
                }
                for (place, met) in met.iter().enumerate() {
                    prop_assert!(*met || begin + waits[place] > now - 40);
                }
            }
        }
    }

    #[test]
    fn blocks_are_used_again() {
        let mut wheel = Wheel::new();
        let mut due = Vec::new();
        for second in 0..500 {
            (0..1000).for_each(|place| wheel.insert(place, Timestamp::new(second, 0)));
            due.clear();
            wheel.advance(Timestamp::new(second + 1, 0), &mut due);
            assert_eq!(due.len(), 1000);
        }
        assert!(wheel.blocks.len() <= 1000_usize.div_ceil(FLOWS));
    }
}
