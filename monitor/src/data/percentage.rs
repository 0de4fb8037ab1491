//! Percentages that mean something.

/// What is written instead of a percentage that says nothing, where a dash would be too short.
pub(crate) const NO_PERCENTAGE: &str = "no % near 0";

/// A percentage says nothing where values have a range of more than this many times what it is
/// measured from: that was next to zero by chance, and the change would be up to 1,000 % and more,
/// which balance sheets call "not meaningful".
const RANGE_MAX_BASES: f64 = 10.0;

/// The change from `base` to `value` in percent of `base`; `None` where that says nothing about
/// values with this range.
pub(crate) fn change(base: f64, value: f64, range: (f64, f64), is_price: bool) -> Option<f64> {
    let range = (range.0.min(value), range.1.max(value));
    let percent = (value - base) / base.abs() * 100.0;
    (percent.is_finite() && !is_too_small(base, range, is_price)).then_some(percent)
}

/// Whether a percentage of `base` says nothing about values with this range. A price that stays
/// above zero has a percentage whatever it does: zero is where it ends, and no place like others.
pub(crate) fn is_too_small(base: f64, (least, greatest): (f64, f64), is_price: bool) -> bool {
    let (least, greatest) = (least.min(base), greatest.max(base));
    let always = is_price && least > 0.0;
    !always && base.abs() * RANGE_MAX_BASES < greatest - least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_next_to_zero_beside_the_range_is_too_small() {
        let readings = |base, least, greatest| is_too_small(base, (least, greatest), false);
        assert!(readings(0.004, -20.0, 20.0));
        assert!(readings(0.0, 0.0, 5.0));
        assert!(readings(-0.3, -0.5, 21.0));
        assert!(!readings(20.0, 18.0, 23.0));
        assert!(!readings(-10.0, -12.0, 8.0));
        // All of it is small.
        assert!(!readings(0.004, 0.003, 0.005));
        assert!(!readings(0.0, 0.0, 0.0));
        // A tenth of the range is the limit, and the base itself is within it.
        assert!(!readings(1.0, 1.0, 11.0) && readings(1.0, 1.0, 11.5));
        assert!(readings(1.0, 12.0, 12.0));
    }

    #[test]
    fn a_change_is_measured_from_a_base_that_is_not_next_to_zero() {
        let change = |base, value, range| change(base, value, range, false);
        assert_eq!(change(20.0, 25.0, (18.0, 30.0)), Some(25.0));
        assert_eq!(change(-20.0, -25.0, (-25.0, -20.0)), Some(-25.0));
        assert_eq!(change(0.5, 0.25, (-20.0, 20.0)), None);
        // The value is one of the range.
        assert_eq!(change(0.5, 20.0, (0.5, 0.5)), None);
        assert_eq!(change(0.0, 0.0, (0.0, 0.0)), None);
    }

    #[test]
    fn a_price_above_zero_has_a_percentage_whatever_it_does() {
        assert!(!is_too_small(0.01, (0.008, 3.0), true));
        assert!(is_too_small(0.01, (-0.2, 3.0), true));
    }
}
