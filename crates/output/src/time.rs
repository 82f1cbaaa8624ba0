//! Times as events write them.

use pithead_wire::Timestamp;

/// The time as Suricata writes it: RFC 3339 in UTC, with microseconds and a zone without colon,
/// `2026-11-22T18:10:00.123456+0000`. What is finer than a microsecond is cut off.
pub fn rfc3339(at: Timestamp) -> String {
    // Rounding towards the past before the epoch too, so that earlier times never look later.
    let micros = at.nanos().div_euclid(1_000);
    let time = jiff::Timestamp::from_microsecond(micros)
        .expect("64-bit nanoseconds reach no further than the year 2262");
    time.strftime("%Y-%m-%dT%H:%M:%S%.6f%z").to_string()
}

/// The time as syslog messages have it (RFC 5424): the same with `Z`.
pub(crate) fn rfc5424(at: Timestamp) -> String {
    rfc3339(at).replace("+0000", "Z")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn microseconds_are_always_written() {
        assert_eq!(rfc3339(Timestamp::new(1_795_371_000, 123_456_789)), "2026-11-22T18:10:00.123456+0000");
        assert_eq!(rfc3339(Timestamp::new(0, 0)), "1970-01-01T00:00:00.000000+0000");
    }

    #[test]
    fn before_the_epoch_is_a_time_too() {
        assert_eq!(rfc3339(Timestamp::from_nanos(-1)), "1969-12-31T23:59:59.999999+0000");
        assert_eq!(rfc3339(Timestamp::from_nanos(-1_000_001_000)), "1969-12-31T23:59:58.999999+0000");
    }

    proptest! {
        #[test]
        fn every_time_has_a_text_of_one_length(nanos in any::<i64>()) {
            prop_assert_eq!(rfc3339(Timestamp::from_nanos(nanos)).len(), 31);
        }

        #[test]
        fn later_times_never_sort_before(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (a.min(b), a.max(b));
            prop_assert!(rfc3339(Timestamp::from_nanos(a)) <= rfc3339(Timestamp::from_nanos(b)));
        }
    }
}
