//! Whose turn it is: frame after frame, without end.

use std::collections::VecDeque;

use crate::content::Content;
use crate::dice::{Dice, of_2_32};
use crate::flow::{Cast, Flow, Next};
use crate::recipe::{Recipe, Sizes};

/// A round trip, in parts of a second.
const ROUND_TRIPS_PER_SECOND: u64 = 1000;

/// A frame that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// How many bytes it has.
    pub len: usize,
    /// When it is sent, in nanoseconds since 1970.
    pub at_ns: u64,
}

/// Makes the frames of a [`Recipe`], one after the other.
#[derive(Debug)]
pub struct Generator {
    cast: Cast,
    dice: Dice,
    flows: Vec<Flow>,
    /// How many flows there were.
    ids: u32,
    /// How many of the first flows have begun, or, at the end, how many were reset.
    cursor: usize,
    /// Flows whose next frame has its time, in frames.
    due: VecDeque<(u64, u32)>,
    round_trip: u64,
    /// When a flow is to end for another to begin: counts to `frames_per_second`.
    until_new: u64,
    new_flows_per_second: u64,
    frames_per_second: u64,
    oldest: usize,
    sizes: Sizes,
    /// By how many bytes the frames fell short of the wanted mean.
    owed: i64,
    made: u64,
    start_ns: u64,
}

impl Generator {
    /// A generator that has made nothing yet. A recipe without flows or without frames a second is taken to want one.
    pub fn new(recipe: &Recipe) -> Self {
        let mut dice = Dice::new(recipe.seed);
        let flows = recipe.flows.max(1);
        let content = Content::new(&mut dice);
        let (miners, ipv6) = (of_2_32(recipe.miners), of_2_32(recipe.ipv6));
        let frames_per_second = u64::from(recipe.frames_per_second.max(1));
        Self {
            cast: Cast::new(content, &recipe.dialects, flows, miners, ipv6),
            dice,
            flows: (0..flows).map(Flow::new).collect(),
            ids: flows,
            cursor: 0,
            due: VecDeque::with_capacity(1024),
            round_trip: (frames_per_second / ROUND_TRIPS_PER_SECOND).max(1),
            until_new: 0,
            new_flows_per_second: u64::from(recipe.new_flows_per_second),
            frames_per_second,
            oldest: 0,
            sizes: recipe.sizes,
            owed: 0,
            made: 0,
            start_ns: u64::from(recipe.start_s) * 1_000_000_000,
        }
    }

    /// Appends the next frame to `out`.
    pub fn append(&mut self, out: &mut Vec<u8>) -> Made {
        let start = out.len();
        let slot = self.turn();
        let len = self.sizes.draw(&mut self.dice, self.owed);
        let next = self.flows[slot].append(&self.cast, len, &mut self.dice, out);
        match next {
            Next::Soon => self.due.push_back((self.made + self.round_trip, slot as u32)),
            Next::Sometime => {}
            Next::Over => {
                self.flows[slot] = Flow::new(self.ids);
                self.ids = self.ids.wrapping_add(1);
                self.due.push_back((self.made + 1, slot as u32));
            }
        }
        self.finish(out.len() - start)
    }

    /// Appends a reset of a flow that is still alive; nothing when there is none left, after which the generator has done its work.
    pub fn append_end(&mut self, out: &mut Vec<u8>) -> Option<Made> {
        let start = out.len();
        // The flows that never began are those after the cursor.
        while self.cursor > 0 {
            self.cursor -= 1;
            if self.flows[self.cursor].reset(&self.cast, out) {
                return Some(self.finish(out.len() - start));
            }
        }
        None
    }

    /// Whether every one of the first flows has begun.
    pub const fn all_begun(&self) -> bool {
        self.cursor == self.flows.len()
    }

    /// Whose frame is next.
    fn turn(&mut self) -> usize {
        if let Some(&(when, slot)) = self.due.front()
            && when <= self.made
        {
            self.due.pop_front();
            return slot as usize;
        }
        if !self.all_begun() {
            self.cursor += 1;
            return self.cursor - 1;
        }
        self.until_new += self.new_flows_per_second;
        if self.until_new >= self.frames_per_second {
            self.until_new -= self.frames_per_second;
            let slot = self.oldest;
            self.oldest = (slot + 1) % self.flows.len();
            self.flows[slot].close();
            return slot;
        }
        self.dice.below(self.flows.len() as u32) as usize
    }

    fn finish(&mut self, len: usize) -> Made {
        if let Some(mean) = self.sizes.mean() {
            self.owed += i64::from(mean) - len as i64;
        }
        // Apart, so that centuries of frames do not overflow.
        let (seconds, rest) = (self.made / self.frames_per_second, self.made % self.frames_per_second);
        self.made += 1;
        let at_ns = self.start_ns + seconds * 1_000_000_000 + rest * 1_000_000_000 / self.frames_per_second;
        Made { len, at_ns }
    }
}
