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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_on_and_back() {
        let (early, late) = (Timestamp::new(1, 5), Timestamp::new(3, 0));
        assert_eq!(early.nanos(), 1_000_000_005);
        assert_eq!(late.since(early), Duration::from_nanos(1_999_999_995));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.after(Duration::from_nanos(1_999_999_995)), late);
    }

    #[test]
    fn saturates_at_the_ends() {
        let (first, last) = (Timestamp::from_nanos(i64::MIN), Timestamp::from_nanos(i64::MAX));
        assert_eq!(Timestamp::new(i64::MAX, 1), last);
        assert_eq!(Timestamp::new(i64::MIN, 0), first);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(last.since(first), Duration::from_nanos(i64::MAX as u64));
    }
}
