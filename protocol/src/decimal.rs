//! Exact decimals, as exchanges send them.

use std::{cmp::Ordering, fmt, str::FromStr};

use bincode::{Decode, Encode, de::Decoder, error::DecodeError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Most digits after the point. 10^18 is the largest power of ten that fits an `i64`.
pub const SCALE_MAX: u8 = 18;

/// An exact decimal: `mantissa / 10^scale`.
///
/// It prints with as many digits after the point as the parsed text had (`"1.10"` stays `"1.10"`),
/// and compares by value (`1.1 == 1.10`).
#[derive(Clone, Copy, Encode)]
pub struct Decimal {
    mantissa: i64,
    scale: u8,
}

/// Why a text is not a [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `-?digits[.digits][e[+-]digits]`.
    #[error("it is not a decimal number")]
    Syntax,
    /// Without trailing zeros, all digits together do not fit an `i64`, or more than [`SCALE_MAX`]
    /// are after the point.
    #[error("it has more digits than an exact decimal holds (about 18)")]
    TooPrecise,
}

impl Decimal {
    /// Reads the form that messages have: `-?digits[.digits]`. Sources write more forms, which
    /// [`FromStr`] reads: a `+`, an exponent, and a point without digits on one side.
    pub fn from_message(text: &str) -> Result<Self, DecimalError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !fraction.is_none_or(are_digits) {
            return Err(DecimalError::Syntax);
        }
        text.parse()
    }

    /// `mantissa / 10^scale`; the scale must be at most [`SCALE_MAX`].
    pub fn new(mantissa: i64, scale: u8) -> Result<Self, DecimalError> {
        if scale > SCALE_MAX {
            return Err(DecimalError::TooPrecise);
        }
        Ok(Self { mantissa, scale })
    }

    /// All digits as an integer.
    pub fn mantissa(self) -> i64 {
        self.mantissa
    }

    /// Number of digits after the point.
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// The nearest `f64`. For charts and statistics, never for sums of money.
    pub fn to_f64(self) -> f64 {
        // Both operands are exact up to 2^53 and 10^22, so only the division rounds.
        self.mantissa as f64 / 10f64.powi(i32::from(self.scale))
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(DecimalError::Syntax);
                }
                let exponent = exponent
                    .parse::<i32>()
                    .map_err(|_| DecimalError::TooPrecise)?;
                (number, exponent)
            }
            None => (text, 0),
        };
        let (negative, digits) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(DecimalError::Syntax);
        }
        let digits = || whole.bytes().chain(fraction.bytes());
        if !digits().all(|digit| digit.is_ascii_digit()) {
            return Err(DecimalError::Syntax);
        }
        let len = whole.len() + fraction.len();
        let zeros = digits().rev().take_while(|&digit| digit == b'0').count();
        // Accumulated as a negative number, because i64 has one more of those than positive ones.
        let mut mantissa = digits()
            .take(len - zeros)
            .try_fold(0i64, |mantissa, digit| {
                let shifted = mantissa.checked_mul(10)?;
                shifted.checked_sub(i64::from(digit - b'0'))
            })
            .ok_or(DecimalError::TooPrecise)?;
        let written = i64::try_from(fraction.len()).map_err(|_| DecimalError::TooPrecise)?;
        let written = written - i64::from(exponent);
        let mut scale = written - zeros as i64;
        if mantissa == 0 {
            scale = written.clamp(0, i64::from(SCALE_MAX));
        }
        // Trailing zeros after the point are kept as far as they fit.
        let kept = written.min(i64::from(SCALE_MAX)).max(0);
        while scale < kept {
            match mantissa.checked_mul(10) {
                Some(longer) => mantissa = longer,
                None if scale >= 0 => break,
                None => return Err(DecimalError::TooPrecise),
            }
            scale += 1;
        }
        if !negative {
            mantissa = mantissa.checked_neg().ok_or(DecimalError::TooPrecise)?;
        }
        let scale = u8::try_from(scale).map_err(|_| DecimalError::TooPrecise)?;
        Self::new(mantissa, scale)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!(
            "{:0>width$}",
            self.mantissa.unsigned_abs(),
            width = usize::from(self.scale) + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(self.scale));
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // i64::MAX x 10^18 (below 2^123) fits an i128.
        let widen = |decimal: &Self| {
            i128::from(decimal.mantissa)
                * 10i128.pow(u32::from(SCALE_MAX.saturating_sub(decimal.scale)))
        };
        widen(self).cmp(&widen(other))
    }
}

impl<C> Decode<C> for Decimal {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let mantissa = i64::decode(decoder)?;
        let scale = u8::decode(decoder)?;
        Self::new(mantissa, scale)
            .map_err(|error| DecodeError::OtherString(format!("decimal of scale {scale}: {error}")))
    }
}

bincode::impl_borrow_decode!(Decimal);

/// In JSON a decimal is a string, because JavaScript would round a number.
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::from_message(&text)
            .map_err(|error| D::Error::custom(format!("decimal {text:?}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(text.parse::<Decimal>().unwrap().to_string(), expected);
    }

    #[test]
    fn decimals_print_as_they_were_written() {
        for text in [
            "0", "0.00", "39432.48", "-1.10", "0.000263", "1.121200", "-0.5",
        ] {
            check(text, text);
        }
        check("9223372036854775807", "9223372036854775807");
        check("-9223372036854775808", "-9223372036854775808");
        check(".5", "0.5");
        check("+3.", "3");
        check("1.5e3", "1500");
        check("1e-7", "0.0000001");
        check("0e99", "0");
        check("10000000000000000000e-5", "100000000000000.0000");
    }

    #[test]
    fn trailing_zeros_that_do_not_fit_are_dropped() {
        check("0.08200000000000000000000000", "0.082000000000000000");
        check("10.0000000000000000000000", "10.00000000000000000");
        check("100000000000.00000000", "100000000000.0000000");
        check("-1.50000000000000000000000", "-1.500000000000000000");
        check("0.0000000000000000000000", "0.000000000000000000");
    }

    #[test]
    fn a_text_that_is_not_an_exact_decimal_is_refused() {
        for text in [
            "", "-", ".", "1.2.3", "0x10", "1e", "1e+", "nan", "1,5", " 1", "1e1.5",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::Syntax), "{text}");
        }
        for text in [
            "9223372036854775808",
            "0.1234567890123456789",
            "1e19",
            "1e-19",
            "1e9999999999",
        ] {
            assert_eq!(
                text.parse::<Decimal>(),
                Err(DecimalError::TooPrecise),
                "{text}"
            );
        }
    }

    #[test]
    fn a_message_has_decimals_in_one_form() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.00", "0.00"),
            ("007", "7"),
            ("-00.50", "-0.50"),
            ("9223372036854775807", "9223372036854775807"),
        ] {
            assert_eq!(Decimal::from_message(text).unwrap().to_string(), expected);
        }
        for text in [
            "", "-", ".5", "5.", "+1", "1e3", "1E3", "--1", "-.5", "1.2.3", " 1", "1 ", "NaN",
        ] {
            let read = Decimal::from_message(text);
            assert_eq!(read, Err(DecimalError::Syntax), "{text:?}");
        }
        for text in ["9223372036854775808", "0.1234567890123456789"] {
            let read = Decimal::from_message(text);
            assert_eq!(read, Err(DecimalError::TooPrecise), "{text}");
        }
    }

    #[test]
    fn decimals_compare_by_value() {
        let parse = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(parse("1.1"), parse("1.10"));
        assert!(parse("-2") < parse("1.9999"));
        assert!(parse("9223372036854775807") > parse("0.000000000000000001"));
    }
}
