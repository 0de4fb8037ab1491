//! Decimals that are rounded where a rule asks for it.

use tickcast_protocol::decimal::{Decimal, DecimalError};

/// Parses a decimal and rounds it to this many digits after the point, half away from zero.
pub(super) fn parse_rounded(text: &str, digits: Option<u8>) -> Result<Decimal, DecimalError> {
    let exact = text.parse::<Decimal>();
    let Some(digits) = digits else {
        return exact;
    };
    match exact {
        Ok(decimal) => round(decimal, digits),
        Err(DecimalError::TooPrecise) => {
            // What does not fit has more digits than are asked for, or is too large after all.
            let cut = match text.contains(['e', 'E']) {
                true => format!(
                    "{:.*}",
                    usize::from(digits),
                    text.parse::<f64>().unwrap_or(f64::NAN)
                ),
                false => cut(text, usize::from(digits) + 1).to_owned(),
            };
            round(cut.parse().map_err(|_| DecimalError::TooPrecise)?, digits)
        }
        Err(error) => Err(error),
    }
}

/// The text with at most this many digits after the point.
fn cut(text: &str, digits: usize) -> &str {
    match text.find('.') {
        Some(point) => text.get(..point + 1 + digits).unwrap_or(text),
        None => text,
    }
}

fn round(decimal: Decimal, digits: u8) -> Result<Decimal, DecimalError> {
    let Some(extra) = decimal
        .scale()
        .checked_sub(digits)
        .filter(|&extra| extra > 0)
    else {
        return Ok(decimal);
    };
    // 10^18 is the largest power that a scale can ask for.
    let unit = 10i64.pow(extra.into());
    let (whole, rest) = (decimal.mantissa() / unit, decimal.mantissa() % unit);
    let up = i64::from(rest.unsigned_abs() >= unit.unsigned_abs() / 2) * rest.signum();
    Decimal::new(whole + up, digits)
}

#[cfg(test)]
mod tests {
    use super::parse_rounded;

    #[track_caller]
    fn check(text: &str, digits: u8, expected: &str) {
        let rounded = parse_rounded(text, Some(digits)).map(|decimal| decimal.to_string());
        assert_eq!(rounded.as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn decimals_are_rounded_half_away_from_zero() {
        check("1.25", 1, "1.3");
        check("-1.25", 1, "-1.3");
        check("1.24", 1, "1.2");
        check("1.2", 8, "1.2");
        check("0.1234567890123456789", 8, "0.12345679");
        check("-0.000000004999999999999999999", 8, "0.00000000");
        check("1e-25", 8, "0.00000000");
        check("99.995", 2, "100.00");
    }

    #[test]
    fn what_is_too_large_stays_too_large() {
        assert!(parse_rounded("99999999999999999999.5", Some(2)).is_err());
        assert!(parse_rounded("1e30", Some(2)).is_err());
        assert!(parse_rounded("abc", Some(2)).is_err());
    }
}
