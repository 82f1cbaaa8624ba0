//! Numbers as people want to read them.

use serde_json::Number;

/// Above this, whole numbers have gaps in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whole numbers without a fraction, others to six significant digits; `None` for what is no number.
pub(super) fn rounded(value: f64) -> Option<Number> {
    if !value.is_finite() {
        return None;
    }
    if value.fract() == 0.0 && value.abs() <= EXACT {
        return Some(Number::from(value as i64));
    }
    let digits = format!("{value:.5e}").parse().unwrap_or(value);
    Number::from_f64(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn difficulties_as_pools_set_them() {
        let text = |value| rounded(value).map(|number| number.to_string());
        assert_eq!(text(8192.0).as_deref(), Some("8192"));
        assert_eq!(text(0.0).as_deref(), Some("0"));
        assert_eq!(text(0.000_122_070_312_5).as_deref(), Some("0.00012207"));
        assert_eq!(text(1.999_969_482_421_875).as_deref(), Some("1.99997"));
        assert_eq!(text(f64::NAN), None);
        assert_eq!(text(f64::INFINITY), None);
    }

    proptest! {
        #[test]
        fn every_number_stays_near(value in any::<f64>()) {
            let Some(number) = rounded(value) else { return Ok(()) };
            let near = number.as_f64().unwrap_or(f64::NAN);
            prop_assert!((near - value).abs() <= value.abs() * 1e-5 || near == value, "{} became {}", value, near);
        }
    }
}
