//! Numbers on the command line, and what to say of those that are none.

use std::str::FromStr;

use tickcast_protocol::message::RATE_MIN_HZ;

/// A rate per second that the server grants.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate >= RATE_MIN_HZ)
        .ok_or_else(|| format!("expected a number such as 2.5, at least {RATE_MIN_HZ}"))
}

/// A number of things.
pub(crate) fn parse_count<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse()
        .map_err(|_| "expected a whole number, 0 or more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_is_told_what_it_must_be() {
        assert_eq!(parse_rate("2.5"), Ok(2.5));
        assert_eq!(parse_rate("0.01"), Ok(0.01));
        for wrong in ["abc", "", "0", "-1", "NaN", "inf", "0.009"] {
            let error = parse_rate(wrong).unwrap_err();
            assert_eq!(
                error, "expected a number such as 2.5, at least 0.01",
                "{wrong}"
            );
        }
        assert_eq!(parse_count::<u64>("3"), Ok(3));
        for wrong in ["abc", "", "-1", "1.5"] {
            assert!(parse_count::<u64>(wrong).is_err(), "{wrong}");
        }
    }
}
