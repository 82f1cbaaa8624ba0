//! Times as pcapng writes them: 64-bit counts of a unit that each interface chooses.

use pithead_wire::Timestamp;

const NANOS: u128 = 1_000_000_000;

/// The unit and the zero of an interface's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolution {
    /// A count times this and divided by that is nanoseconds.
    times: u64,
    divided_by: u128,
    /// Seconds to add.
    offset: i64,
}

impl Default for Resolution {
    /// Microseconds since the epoch: what an interface has that says nothing.
    fn default() -> Self {
        Self::new(6, 0)
    }
}

impl Resolution {
    /// As the options `if_tsresol` and `if_tsoffset` say: the unit is a negative power of ten, or of two where the high bit is set.
    pub(super) fn new(tsresol: u8, offset: i64) -> Self {
        let power = u32::from(tsresol & 0x7f);
        let (times, divided_by) = if tsresol & 0x80 != 0 {
            (NANOS as u64, 1 << power)
        } else if power <= 9 {
            (10u64.pow(9 - power), 1)
        } else {
            // Units so small that no count of them makes a nanosecond saturate.
            (1, 10u128.checked_pow(power - 9).unwrap_or(u128::MAX))
        };
        Self { times, divided_by, offset }
    }

    /// The time that a count means, rounded down to a nanosecond; at the ends of the range, the nearest there is.
    #[inline]
    pub(super) fn time(self, high: u32, low: u32) -> Timestamp {
        let units = u64::from(high) << 32 | u64::from(low);
        // Nearly every file: no division, no offset, no overflow.
        if self.divided_by == 1
            && self.offset == 0
            && let Some(nanos) = units.checked_mul(self.times)
        {
            return Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
        }
        // 64 bits times 30 bits, plus 63 bits times 30 bits: far from 127.
        let nanos = (u128::from(units) * u128::from(self.times) / self.divided_by) as i128
            + i128::from(self.offset) * NANOS as i128;
        Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(tsresol: u8, offset: i64, units: u64) -> i64 {
        Resolution::new(tsresol, offset).time((units >> 32) as u32, units as u32).nanos()
    }

    #[test]
    fn known_times() {
        assert_eq!(nanos(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(nanos(9, 0, 1_500_000), 1_500_000);
        assert_eq!(nanos(0, 0, 7), 7_000_000_000);
        assert_eq!(nanos(12, 0, 1_999), 1);
        assert_eq!(nanos(0x80 | 10, 0, 1536), 1_500_000_000);
        assert_eq!(nanos(0x80, 0, 3), 3_000_000_000);
        assert_eq!(nanos(6, -2, 1_500_000), -500_000_000);
        assert_eq!(nanos(6, 1_700_000_000, 1), 1_700_000_000_000_001_000);
        assert_eq!(nanos(0x80 | 32, 0, (1_700_000_000 << 32) | (1 << 31)), 1_700_000_000_500_000_000);
    }

    #[test]
    fn the_ends_saturate() {
        assert_eq!(nanos(0, 0, u64::MAX), i64::MAX);
        assert_eq!(nanos(6, 0, u64::MAX), i64::MAX);
        assert_eq!(nanos(9, 0, u64::MAX), i64::MAX);
        assert_eq!(nanos(6, i64::MIN, 0), i64::MIN);
        assert_eq!(nanos(0, i64::MAX, u64::MAX), i64::MAX);
        assert_eq!(nanos(127, 0, u64::MAX), 0);
        assert_eq!(nanos(0xff, 0, u64::MAX), 0);
    }

    proptest! {
        #[test]
        fn any_time_is_monotonic_in_its_count(tsresol: u8, offset: i64, units: u64) {
            let next = units.saturating_add(1);
            prop_assert!(nanos(tsresol, offset, units) <= nanos(tsresol, offset, next));
        }
    }
}
