//! The numbers of a table: how they are written, which the first rows show or the settings tell,
//! and what they are multiplied by.

use std::borrow::Cow;

use tickcast_protocol::{
    decimal::{Decimal, DecimalError},
    value::Value,
};

use crate::feed::decode::{DecodeError, Numerals, bad};

/// What the settings say about numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct NumberOptions {
    pub(super) decimal: Option<Numerals>,
    pub(super) price_scale: Option<Decimal>,
    pub(super) size_scale: Option<Decimal>,
    pub(super) value_scale: Option<Decimal>,
}

/// The numbers of one file.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) numerals: Numerals,
    price_scale: Option<Decimal>,
    size_scale: Option<Decimal>,
    value_scale: Option<Decimal>,
}

impl Numbers {
    /// Finds how numbers are written in the first rows. An error says which setting tells it.
    pub(super) fn find<'a>(
        options: &NumberOptions,
        cells: impl Iterator<Item = &'a str>,
    ) -> Result<Self, String> {
        Ok(Self {
            numerals: match options.decimal {
                Some(numerals) => numerals,
                None => shown(cells)?,
            },
            price_scale: options.price_scale,
            size_scale: options.size_scale,
            value_scale: options.value_scale,
        })
    }

    /// A reading; `None` if it is no number.
    pub(super) fn reading(&self, text: &str) -> Option<Value> {
        let plain = self.plain(text)?;
        let number = match self.value_scale {
            None => plain.parse::<f64>().ok(),
            Some(scale) => {
                let exact = plain.parse().ok().and_then(|number| times(number, scale));
                let inexact = || Some(plain.parse::<f64>().ok()? * scale.to_f64());
                exact.map(Decimal::to_f64).or_else(inexact)
            }
        };
        let number = number.filter(|number| number.is_finite())?;
        Some(Value::Reading(number))
    }

    pub(super) fn price(&self, field: &'static str, text: &str) -> Result<Decimal, DecodeError> {
        self.decimal(field, text, self.price_scale)
    }

    pub(super) fn size(&self, field: &'static str, text: &str) -> Result<Decimal, DecodeError> {
        self.decimal(field, text, self.size_scale)
    }

    fn decimal(
        &self,
        field: &'static str,
        text: &str,
        scale: Option<Decimal>,
    ) -> Result<Decimal, DecodeError> {
        let wrong = |error: DecimalError| bad(field, text, &error.to_string());
        let plain = self
            .plain(text)
            .ok_or_else(|| wrong(DecimalError::Syntax))?;
        let number: Decimal = plain.parse().map_err(wrong)?;
        match scale {
            None => Ok(number),
            Some(scale) => times(number, scale).ok_or_else(|| wrong(DecimalError::TooPrecise)),
        }
    }

    /// The number as it is usually written; `None` if its groups of digits are no thousands.
    fn plain<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        self.numerals.number(text)
    }
}

/// What tables write where there is no value.
pub(super) fn is_absent(text: &str) -> bool {
    const WORDS: [&str; 17] = [
        "na",
        "n/a",
        "#n/a",
        "<na>",
        "nan",
        "-nan",
        "null",
        "none",
        "nil",
        "-",
        "inf",
        "+inf",
        "-inf",
        "infinity",
        "-infinity",
        "unavailable",
        "unknown",
    ];
    text.is_empty() || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text can be a number, however it is written.
pub(super) fn looks_like_number(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || "+-.,".contains(c));
    starts
        && [Numerals::Usual, Numerals::Point, Numerals::Comma]
            .iter()
            .any(|numerals| numerals.plain(text).parse::<f64>().is_ok())
}

/// The exact product.
fn times(number: Decimal, scale: Decimal) -> Option<Decimal> {
    let mut mantissa = i128::from(number.mantissa()) * i128::from(scale.mantissa());
    let mut digits = number.scale() + scale.scale();
    let fits = |mantissa, digits| {
        let mantissa = i64::try_from(mantissa).ok()?;
        Decimal::new(mantissa, digits).ok()
    };
    loop {
        if let Some(product) = fits(mantissa, digits) {
            return Some(product);
        }
        if digits == 0 || mantissa % 10 != 0 {
            return None;
        }
        (mantissa, digits) = (mantissa / 10, digits - 1);
    }
}

/// How the numbers of the first rows are written.
fn shown<'a>(cells: impl Iterator<Item = &'a str>) -> Result<Numerals, String> {
    let (mut shown, mut unclear) = (Numerals::Usual, None);
    // A number such as 1.5, which has no groups.
    let mut with_point = None;
    for text in cells {
        let text = text.trim();
        if is_absent(text) || !looks_like_number(text) {
            continue;
        }
        if text.parse::<f64>().is_ok() {
            if Numerals::Comma.number(text).is_none() {
                with_point = with_point.or(Some(text));
            }
            continue;
        }
        let is_number = |numerals: Numerals| {
            let plain = numerals.number(text);
            plain.is_some_and(|plain| plain.parse::<f64>().is_ok())
        };
        let (by_point, by_comma) = (is_number(Numerals::Point), is_number(Numerals::Comma));
        // 0,123 is no group of thousands.
        let has_zero = text.trim_start_matches(['+', '-']).starts_with("0,");
        let numerals = match (by_point && !has_zero, by_comma) {
            (true, false) => Numerals::Point,
            (false, true) => Numerals::Comma,
            // 1 234 is the same both ways.
            (true, true) if !text.contains(',') => Numerals::Point,
            (true, true) => {
                unclear = unclear.or(Some(text));
                continue;
            }
            (false, false) => continue,
        };
        if shown != Numerals::Usual && shown != numerals {
            return Err(mixed(text));
        }
        shown = numerals;
    }
    match (shown, with_point, unclear) {
        (Numerals::Comma, Some(text), _) => Err(mixed(text)),
        // 1,234 beside 1.5
        (Numerals::Usual, Some(_), Some(_)) => Ok(Numerals::Point),
        (Numerals::Usual, None, Some(text)) => Err(format!(
            "number {text:?}: the comma is before decimals or between thousands: set decimal=comma \
             or decimal=point in --replay-format"
        )),
        _ => Ok(shown),
    }
}

fn mixed(text: &str) -> String {
    format!(
        "number {text:?}: other numbers are written in another way: set decimal=point or \
         decimal=comma in --replay-format"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cells: &[&str], expected: &[f64]) {
        let cells = || cells.iter().copied();
        let numbers = Numbers::find(&NumberOptions::default(), cells()).unwrap();
        let read: Vec<_> = cells().map(|cell| numbers.reading(cell)).collect();
        let expected = expected.iter().map(|&number| Some(Value::Reading(number)));
        assert_eq!(read, expected.collect::<Vec<_>>());
    }

    #[test]
    fn the_first_rows_show_how_numbers_are_written() {
        check(&["21.5", "-3", "1e3"], &[21.5, -3.0, 1000.0]);
        check(&["21,5", "1.234", "-0,25"], &[21.5, 1234.0, -0.25]);
        check(&["1,234.50", "12,345", "7"], &[1234.5, 12345.0, 7.0]);
        check(&["1.234,50", "1.234.567"], &[1234.5, 1_234_567.0]);
        check(&["1'234.5", "1 234"], &[1234.5, 1234.0]);
        check(&["1\u{a0}234,5"], &[1234.5]);
        check(&["0,125"], &[0.125]);
        check(&["1,234", "21,5"], &[1.234, 21.5]);
        check(&["1,234", "1,234.5"], &[1234.0, 1234.5]);
        check(&["1,234", "1.5"], &[1234.0, 1.5]);
        check(&["12,34,567.5"], &[1_234_567.5]);
    }

    #[test]
    fn a_comma_that_may_mean_both_is_an_error_that_names_the_setting() {
        for cells in [&["1,234", "5"][..], &["21,5", "1,234.5"], &["21,5", "1.5"]] {
            let error = Numbers::find(&NumberOptions::default(), cells.iter().copied());
            let error = error.unwrap_err();
            assert!(error.contains("set decimal="), "{error}");
        }
    }

    #[test]
    fn digits_in_groups_that_are_no_thousands_are_no_number() {
        let options = NumberOptions {
            decimal: Some(Numerals::Point),
            ..NumberOptions::default()
        };
        let numbers = Numbers::find(&options, [].into_iter()).unwrap();
        for text in [
            "1,5", "1,2345", "1,23.4", ",123", "1.5,000", "1,,234", "inf",
        ] {
            assert_eq!(numbers.reading(text), None, "{text}");
        }
    }

    #[test]
    fn a_scale_multiplies_exactly() {
        let options = |scale: &str| NumberOptions {
            price_scale: Some(scale.parse().unwrap()),
            value_scale: Some(scale.parse().unwrap()),
            ..NumberOptions::default()
        };
        let numbers = |scale| Numbers::find(&options(scale), [].into_iter()).unwrap();
        let price = |scale, text| numbers(scale).price("price", text).map(|p| p.to_string());
        assert_eq!(price("1e-8", "3943248000000").unwrap(), "39432.48000000");
        assert_eq!(price("0.25", "5").unwrap(), "1.25");
        assert_eq!(price("100", "1.5").unwrap(), "150.0");
        assert_eq!(
            price("1e-9", "39432480000000.0000000000").unwrap(),
            "39432.48000000000000"
        );
        assert!(price("1e-18", "1.5").is_err());
        assert_eq!(numbers("0.1").reading("3"), Some(Value::Reading(0.3)));
        let size = numbers("1e-8").size("size", "5").unwrap();
        assert_eq!(size.to_string(), "5");
    }
}
