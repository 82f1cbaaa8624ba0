//! Points in time as captures know them.

use std::time::Duration;

/// A point in time: nanoseconds since the Unix epoch, as the capture says.
///
/// Times in real captures run back; nothing here assumes that they do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time so many nanoseconds after the epoch (before it, if negative).
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The time so many seconds and nanoseconds after the epoch, saturating at the ends of the range (about 2262).
    pub const fn new(seconds: i64, nanos: u32) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos as i64))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// How much later this is than `earlier`; zero when it is not later.
    pub const fn since(self, earlier: Self) -> Duration {
        let gap = self.0.saturating_sub(earlier.0);
        Duration::from_nanos(if gap > 0 { gap as u64 } else { 0 })
    }

    /// This time moved on by `by`, saturating.
    pub const fn after(self, by: Duration) -> Self {
        let nanos = by.as_nanos();
        Self(self.0.saturating_add(if nanos > i64::MAX as u128 { i64::MAX } else { nanos as i64 }))
    }
}
