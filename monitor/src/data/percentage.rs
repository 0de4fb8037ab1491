//! Percentages that mean something.

/// A percentage says nothing where values have a range of more than this many times what it is
/// measured from: that was next to zero by chance, and the change would be up to 1,000 % and more,
/// which balance sheets call "not meaningful".
const RANGE_MAX_BASES: f64 = 10.0;

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
    fn a_price_above_zero_has_a_percentage_whatever_it_does() {
        assert!(!is_too_small(0.01, (0.008, 3.0), true));
        assert!(is_too_small(0.01, (-0.2, 3.0), true));
    }
}
