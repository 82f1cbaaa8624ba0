//! How much memory and attention one direction of a connection may take.

use super::{pieces::Piece, window::MOST_HOLES_MEMORY};

/// How much a [`Half`](super::Half) may hold and show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Out-of-order segments held. 64: what a 64 KiB window of small segments needs.
    pub held_segments: usize,
    /// Out-of-order bytes held. 64 KiB: the window of a receiver that does not scale it.
    pub held_bytes: usize,
    /// Delivered bytes kept for comparison, in each reading. 4 KiB: a login message fits several times.
    pub history: usize,
    /// How often a differing reading is shown again as the stream goes on. 1024: a login cut into single bytes, each after a decoy. Showing
    /// costs the reading of `history` bytes, some microseconds, once a segment.
    pub presentations: u32,
    /// How many conflicts and late completions are shown; further ones are counted. 1024, for the same reason.
    pub conflicts: u32,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { held_segments: 64, held_bytes: 64 << 10, history: 4096, presentations: 1024, conflicts: 1024 }
    }
}

impl StreamLimits {
    /// The most bytes of memory that one half ever keeps between calls.
    pub const fn most_memory(&self) -> usize {
        // Two places of two readings each, as grown by doubling; lists of pieces and rivals grow by doubling, too.
        let windows = 4 * self.history + 2 * MOST_HOLES_MEMORY;
        windows + self.held_bytes + 4 * (self.held_segments + 4) * size_of::<Piece>()
    }
}
