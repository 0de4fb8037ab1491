//! Values as texts and back.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use tickcast_protocol::decimal::Decimal;

/// Puts a value in its place, if it is one.
pub(super) fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

/// Anything that can be parsed, with the parser's own words if it cannot.
pub(super) fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// All of them.
pub(super) fn all_parsed<T: FromStr<Err: Display>>(texts: &[String]) -> Result<Vec<T>, String> {
    let one = |text: &String| {
        text.parse()
            .map_err(|error: T::Err| format!("{text:?}: {error}"))
    };
    texts.iter().map(one).collect()
}

/// A number in a range.
pub(super) fn number<T>(text: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!(
            "it is not a number from {} to {}",
            range.start(),
            range.end()
        )
    })
}

/// `true` or `false`.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| "it is neither true nor false".into())
}

/// One of several names.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        format!("it is not one of {}", names.join(", "))
    })
}

/// The name of one of several choices.
pub(super) fn choice_name<T: PartialEq>(value: &T, choices: &[(&str, T)]) -> Option<toml::Value> {
    let found = choices.iter().find(|(_, choice)| choice == value);
    found.map(|(name, _)| (*name).into())
}

/// Names and nanoseconds.
const DURATION_UNITS: [(&str, i128); 4] = [
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// `250ms`, `10s`, `1.5m`, `2h` or `0`, in a range.
pub(super) fn duration(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = if text == "0" {
        "s"
    } else {
        &text[number.len()..]
    };
    let parse = || {
        let (_, unit_ns) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
        // Exact: half a second of a float would not be the half second that was printed.
        let number: Decimal = number.trim_end().parse().ok()?;
        let ns = i128::from(number.mantissa()) * unit_ns / 10i128.pow(number.scale().into());
        Some(Duration::from_nanos(ns.try_into().ok()?))
    };
    let duration = parse().ok_or("it is not a time such as 250ms, 10s, 5m or 1h")?;
    if !range.contains(&duration) {
        let (from, to) = (duration_text(*range.start()), duration_text(*range.end()));
        return Err(format!("it is not between {from} and {to}"));
    }
    Ok(duration)
}

/// As [`duration`] reads it.
pub(super) fn duration_text(duration: Duration) -> String {
    let ms = duration.as_millis();
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else if Duration::from_millis(ms as u64) == duration {
        format!("{ms}ms")
    } else {
        format!("{}s", duration.as_secs_f64())
    }
}

const BYTE_UNITS: [(&str, usize); 6] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

/// `64MiB`, `100kB` or a plain number of bytes, in a range.
pub(super) fn bytes(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let (digits, unit) = BYTE_UNITS
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end(), *unit)))
        .unwrap_or((text, 1));
    let number: Option<usize> = digits.parse().ok();
    let bytes = number
        .and_then(|number| number.checked_mul(unit))
        .ok_or("it is not a size such as 65536, 64KiB or 10MB")?;
    if !range.contains(&bytes) {
        let (from, to) = (bytes_text(*range.start()), bytes_text(*range.end()));
        return Err(format!("it is not between {from} and {to}"));
    }
    Ok(bytes)
}

/// As [`bytes`] reads it.
pub(super) fn bytes_text(bytes: usize) -> String {
    let binary = BYTE_UNITS[..3]
        .iter()
        .find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit));
    match binary {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// A whole number for TOML.
pub(super) fn whole(number: impl TryInto<i64>) -> Option<toml::Value> {
    Some(number.try_into().unwrap_or(i64::MAX).into())
}

/// A text for TOML.
pub(super) fn text(value: impl Display) -> Option<toml::Value> {
    Some(value.to_string().into())
}

/// A list of texts for TOML.
pub(super) fn texts(values: impl IntoIterator<Item: Display>) -> Option<toml::Value> {
    let values = values.into_iter().map(|value| value.to_string().into());
    Some(toml::Value::Array(values.collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANY_DURATION: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(1 << 40);

    #[test]
    fn durations_have_units() {
        let check = |text: &str, ms: u64| {
            let expected = Ok(Duration::from_millis(ms));
            assert_eq!(duration(text, ANY_DURATION), expected, "{text}");
        };
        check("250ms", 250);
        check("10s", 10_000);
        check("1.5m", 90_000);
        check("2h", 7_200_000);
        check("0", 0);
        check("10 s", 10_000);
        for text in ["", "10", "s", "-1s", "1d", "nans", "1e400s", "infs"] {
            assert!(duration(text, ANY_DURATION).is_err(), "{text}");
        }
        let minute = Duration::from_secs(1)..=Duration::from_secs(60);
        assert_eq!(
            duration("2m", minute),
            Err("it is not between 1s and 60s".into())
        );
    }

    #[test]
    fn sizes_have_units_or_are_bytes() {
        let check = |text: &str, expected: usize| {
            assert_eq!(bytes(text, 0..=usize::MAX), Ok(expected), "{text}");
        };
        check("64MiB", 64 << 20);
        check("1 KiB", 1024);
        check("10kB", 10_000);
        check("7", 7);
        for text in ["", "MiB", "-1", "1.5MiB", "1TiB", "99999999999999GiB"] {
            assert!(bytes(text, 0..=usize::MAX).is_err(), "{text}");
        }
        assert_eq!(
            bytes("2KiB", 0..=1024),
            Err("it is not between 0 and 1KiB".into())
        );
    }

    proptest! {
        #[test]
        fn durations_and_sizes_read_as_they_are_printed(ms in 0u64..1 << 40, size: usize) {
            let time = Duration::from_millis(ms);
            prop_assert_eq!(duration(&duration_text(time), ANY_DURATION), Ok(time));
            prop_assert_eq!(bytes(&bytes_text(size), 0..=usize::MAX), Ok(size));
        }
    }
}
