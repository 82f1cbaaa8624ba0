//! What is counted about one direction of a connection.

/// What was unusual about a stream. All counters stop at their highest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Stretches of missing bytes.
    pub gaps: u32,
    /// How many bytes were missing.
    pub lost_bytes: u32,
    /// Segments that came before or after their turn.
    pub out_of_order: u32,
    /// Segments that repeated bytes, wholly or in part.
    pub retransmissions: u32,
    /// Segments that gave bytes another content than an earlier segment had.
    pub conflicts: u32,
    /// Conflicts and late completions that were not shown because the limit was reached.
    pub uninspected: u32,
    /// Times the position moved because a segment came from far away, or back.
    pub resyncs: u32,
    /// Times a gap was given up because too much was held behind it.
    pub held_overflow: u32,
}

impl Oddities {
    /// All zero.
    pub(super) const fn new() -> Self {
        Self {
            gaps: 0,
            lost_bytes: 0,
            out_of_order: 0,
            retransmissions: 0,
            conflicts: 0,
            uninspected: 0,
            resyncs: 0,
            held_overflow: 0,
        }
    }
}

/// Adds to a counter that stops at its highest value.
pub(super) fn bump(counter: &mut u32, by: u32) {
    *counter = counter.saturating_add(by);
}
