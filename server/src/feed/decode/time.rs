//! Times as sources write them.

use tickcast_protocol::{decimal::Decimal, message::TimeNs};

/// The form in which a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
    /// A text that is not a number is ISO 8601. The size of a number shows its unit: in the four
    /// units, the years 1973 to 5138 fill ranges that do not overlap.
    #[default]
    Automatic,
    /// ISO 8601 (RFC 3339 and its local form). A time without an offset is UTC.
    Iso8601,
    /// Seconds since the Unix epoch, with or without a fraction.
    Seconds,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
    /// Microseconds since the Unix epoch.
    Microseconds,
    /// Nanoseconds since the Unix epoch.
    Nanoseconds,
}

/// The reason why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text does not have the form or the unit.
    #[error("it is not a time in {0}")]
    Syntax(&'static str),
    /// An `i64` of nanoseconds covers the years 1677 to 2262.
    #[error("it is not between the years 1677 and 2262")]
    Range,
}

const NS_PER_S: i64 = 1_000_000_000;

impl TimeUnit {
    /// All units, with their names in the settings.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("auto", Self::Automatic),
        ("iso8601", Self::Iso8601),
        ("s", Self::Seconds),
        ("ms", Self::Milliseconds),
        ("us", Self::Microseconds),
        ("ns", Self::Nanoseconds),
    ];

    /// Its name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Automatic => "auto",
            Self::Iso8601 => "iso8601",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
        }
    }

    /// Parses a time to nanoseconds since the Unix epoch.
    pub fn parse(self, text: &str) -> Result<TimeNs, TimeError> {
        let text = text.trim_ascii();
        match self {
            Self::Iso8601 => parse_iso8601(text, 0),
            Self::Automatic => match text.parse::<Decimal>() {
                Ok(number) => Self::of_size(number).to_ns(number),
                Err(_) => parse_iso8601(text, 0),
            },
            _ => match text.parse::<Decimal>() {
                Ok(number) => self.to_ns(number),
                Err(_) => Err(TimeError::Syntax(self.name())),
            },
        }
    }

    fn of_size(number: Decimal) -> Self {
        let size = number.to_f64().abs();
        if size < 1e11 {
            Self::Seconds
        } else if size < 1e14 {
            Self::Milliseconds
        } else if size < 1e17 {
            Self::Microseconds
        } else {
            Self::Nanoseconds
        }
    }

    fn ns(self) -> i64 {
        match self {
            Self::Automatic | Self::Iso8601 | Self::Seconds => NS_PER_S,
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        }
    }

    fn to_ns(self, number: Decimal) -> Result<TimeNs, TimeError> {
        // i64::MAX x 10^9 fits an i128. Fractions of a nanosecond are cut off.
        let ns = i128::from(number.mantissa()) * i128::from(self.ns())
            / 10i128.pow(u32::from(number.scale()));
        TimeNs::try_from(ns).map_err(|_| TimeError::Range)
    }
}

/// Parses a time in ISO 8601. If the text has no offset from UTC, `offset_s` seconds apply.
pub(crate) fn parse_iso8601(text: &str, offset_s: i32) -> Result<TimeNs, TimeError> {
    const DATE_LEN: usize = "2020-01-01".len();
    let names_offset = text
        .get(DATE_LEN..)
        .is_some_and(|time| time.contains(['Z', 'z', '+', '-']));
    if names_offset {
        let time: jiff::Timestamp = text.parse().map_err(|_| TimeError::Syntax("ISO 8601"))?;
        TimeNs::try_from(time.as_nanosecond()).map_err(|_| TimeError::Range)
    } else {
        let time: jiff::civil::DateTime =
            text.parse().map_err(|_| TimeError::Syntax("ISO 8601"))?;
        civil_to_ns(time, offset_s)
    }
}

/// Converts a local time at `offset_s` seconds ahead of UTC.
pub(crate) fn civil_to_ns(time: jiff::civil::DateTime, offset_s: i32) -> Result<TimeNs, TimeError> {
    let offset = jiff::tz::Offset::from_seconds(offset_s).map_err(|_| TimeError::Range)?;
    let time = offset.to_timestamp(time).map_err(|_| TimeError::Range)?;
    TimeNs::try_from(time.as_nanosecond()).map_err(|_| TimeError::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unit: TimeUnit, text: &str, expected: TimeNs) {
        assert_eq!(unit.parse(text), Ok(expected), "{text:?} in {unit:?}");
    }

    #[test]
    fn times_in_every_unit_are_read_to_the_nanosecond() {
        const T: TimeNs = 1_610_064_000_278_000_000;
        check(TimeUnit::Iso8601, "2021-01-08T00:00:00.278Z", T);
        check(TimeUnit::Iso8601, "2021-01-08 00:00:00.278+00:00", T);
        check(TimeUnit::Iso8601, "2021-01-07T19:00:00.278-05:00", T);
        check(TimeUnit::Iso8601, "2021-01-08 00:00:00.278", T);
        check(TimeUnit::Iso8601, "2021-01-08", T - 278_000_000);
        check(TimeUnit::Seconds, "1610064000.278", T);
        check(TimeUnit::Seconds, "1610064000.278000001", T + 1);
        check(TimeUnit::Milliseconds, "1610064000278", T);
        check(TimeUnit::Microseconds, "1610064000278000", T);
        check(TimeUnit::Nanoseconds, "1610064000278000000", T);
        for text in [
            "2021-01-08T00:00:00.278Z",
            "1610064000.278",
            "1610064000278",
            "1610064000278000",
            "1610064000278000000",
            " 1610064000278 ",
        ] {
            check(TimeUnit::Automatic, text, T);
        }
    }

    #[test]
    fn texts_that_are_not_times_are_refused() {
        for text in ["", "yesterday", "12:30", "2021-13-01T00:00:00Z", "1.2.3"] {
            assert_eq!(
                TimeUnit::Automatic.parse(text),
                Err(TimeError::Syntax("ISO 8601")),
                "{text:?}"
            );
        }
        assert_eq!(
            TimeUnit::Seconds.parse("2021-01-08"),
            Err(TimeError::Syntax("s"))
        );
        assert_eq!(TimeUnit::Seconds.parse("1e11"), Err(TimeError::Range));
        assert_eq!(
            TimeUnit::Iso8601.parse("2500-01-01T00:00:00Z"),
            Err(TimeError::Range)
        );
    }
}
