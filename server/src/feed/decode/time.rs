//! Times as sources write them.

use std::borrow::Cow;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    fmt::{rfc2822, strtime},
    tz::TimeZone,
};
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
    /// A date such as `20240131`, with or without a time.
    Date,
    /// As in e-mails: `Mon, 01 Jan 2024 00:00:00 GMT`.
    Rfc2822,
    /// A time of day, such as `12:30:05`.
    Clock,
}

/// The reason why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text does not have the form or the unit.
    #[error("it is not a time in {0}")]
    Syntax(&'static str),
    /// The time is local, and its zone is not known.
    #[error("it names no zone, and the rule has neither zone nor utc_offset")]
    NoZone,
    /// An `i64` of nanoseconds covers the years 1677 to 2262.
    #[error("it is not between the years 1677 and 2262")]
    Range,
}

const NS_PER_S: i64 = 1_000_000_000;

impl TimeUnit {
    /// All units, with their names in the settings.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("auto", Self::Automatic),
        ("iso8601", Self::Iso8601),
        ("s", Self::Seconds),
        ("ms", Self::Milliseconds),
        ("us", Self::Microseconds),
        ("ns", Self::Nanoseconds),
        ("yyyymmdd", Self::Date),
        ("rfc2822", Self::Rfc2822),
        ("clock", Self::Clock),
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
            Self::Date => "yyyymmdd",
            Self::Rfc2822 => "rfc2822",
            Self::Clock => "clock",
        }
    }

    /// Parses a time to nanoseconds since the Unix epoch.
    pub fn parse(self, text: &str) -> Result<TimeNs, TimeError> {
        let text = &*to_nanoseconds(text.trim_ascii());
        match self {
            Self::Iso8601 | Self::Date | Self::Rfc2822 | Self::Clock => {
                let utc = TimeRule {
                    unit: self,
                    pattern: None,
                    zone: Some(TimeZone::UTC),
                };
                utc.parse(text, 0)
            }
            Self::Automatic => match text.parse::<Decimal>() {
                Ok(number) => Self::of_size(number).to_ns(number),
                Err(_) => Self::Iso8601.parse(text),
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
            Self::Automatic
            | Self::Iso8601
            | Self::Date
            | Self::Rfc2822
            | Self::Clock
            | Self::Seconds => NS_PER_S,
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

/// How the times of a source are written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeRule {
    /// The form of the text.
    pub unit: TimeUnit,
    /// A pattern of strftime(3), such as `%d.%m.%Y %H:%M`, which replaces the unit.
    pub pattern: Option<Box<str>>,
    /// The zone of times that name none. Without it, such a time is not used.
    pub zone: Option<TimeZone>,
}

impl TimeRule {
    /// Parses a time to nanoseconds since the Unix epoch. A clock time is the one nearest to
    /// `now_ns`.
    pub fn parse(&self, text: &str, now_ns: TimeNs) -> Result<TimeNs, TimeError> {
        let text = &*to_nanoseconds(text.trim_ascii());
        if let Some(pattern) = &self.pattern {
            return self.by_pattern(pattern, text);
        }
        match self.unit {
            TimeUnit::Automatic => self.automatic(text, now_ns),
            TimeUnit::Iso8601 => match absolute(text) {
                Some(time) => to_ns(time),
                None => self.local(text.parse().map_err(|_| TimeError::Syntax("ISO 8601"))?),
            },
            TimeUnit::Date => self.local(compact(text).ok_or(TimeError::Syntax("YYYYMMDD"))?),
            TimeUnit::Rfc2822 => match rfc2822::parse(text) {
                Ok(zoned) => to_ns(zoned.timestamp()),
                Err(_) => Err(TimeError::Syntax("RFC 2822")),
            },
            TimeUnit::Clock => self.clock(text, now_ns),
            unit => unit.parse(text),
        }
    }

    /// A number by its size; a text by its form.
    fn automatic(&self, text: &str, now_ns: TimeNs) -> Result<TimeNs, TimeError> {
        if text.parse::<Decimal>().is_ok() {
            let time_ns = TimeUnit::Automatic.parse(text);
            let is_plausible = time_ns.as_ref().is_ok_and(|ns| plausible(*ns, now_ns));
            // 20240131 seconds would be in 1970, and 20240131120000 ms after 2262: they are dates.
            return match compact(text) {
                Some(date) if !is_plausible => self.local(date),
                _ => time_ns,
            };
        }
        if let Some(time) = absolute(text) {
            return to_ns(time);
        }
        if let Ok(zoned) = rfc2822::parse(text) {
            return to_ns(zoned.timestamp());
        }
        let slashes = || text.replacen('/', "-", 2).parse().ok();
        let local = text.parse().ok().or_else(|| compact(text)).or_else(slashes);
        self.local(local.ok_or(TimeError::Syntax("ISO 8601"))?)
    }

    fn by_pattern(&self, pattern: &str, text: &str) -> Result<TimeNs, TimeError> {
        let syntax = |_| TimeError::Syntax("the pattern");
        let parsed = strtime::parse(pattern, text).map_err(syntax)?;
        if let Ok(time) = parsed.to_timestamp() {
            return to_ns(time);
        }
        let date = parsed.to_date().map_err(syntax)?;
        let time = parsed.to_time().unwrap_or(Time::midnight());
        self.local(DateTime::from_parts(date, time))
    }

    /// A time of day: of the day that brings it nearest to now.
    fn clock(&self, text: &str, now_ns: TimeNs) -> Result<TimeNs, TimeError> {
        let time: Time = text
            .parse()
            .map_err(|_| TimeError::Syntax("hours and minutes"))?;
        let zone = self.zone.as_ref().ok_or(TimeError::NoZone)?;
        let now = Timestamp::from_nanosecond(now_ns.into()).map_err(|_| TimeError::Range)?;
        let today = now.to_zoned(zone.clone()).date();
        let days = [today.yesterday(), Ok(today), today.tomorrow()];
        let times = days.into_iter().flatten().filter_map(|day| {
            let time = DateTime::from_parts(day, time);
            self.local(time).ok()
        });
        let nearest = times.min_by_key(|time_ns| time_ns.abs_diff(now_ns));
        nearest.ok_or(TimeError::Range)
    }

    fn local(&self, time: DateTime) -> Result<TimeNs, TimeError> {
        let zone = self.zone.as_ref().ok_or(TimeError::NoZone)?;
        let timestamp = zone.to_ambiguous_timestamp(time);
        // The hour that a change of the clocks doubles or leaves out: as the clocks before it.
        to_ns(timestamp.compatible().map_err(|_| TimeError::Range)?)
    }
}

/// Whether a pattern of strftime(3) reads the times that it writes, which tell a date.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    // 2024-01-31T17:30:12Z, in which no two numbers are the same.
    let sample = Timestamp::constant(1_706_722_212, 0).to_zoned(TimeZone::UTC);
    let rule = TimeRule {
        zone: Some(TimeZone::UTC),
        ..TimeRule::default()
    };
    strtime::format(pattern, &sample).is_ok_and(|text| rule.by_pattern(pattern, &text).is_ok())
}

/// Whether a time can be that of an update: not before the first devices, not far ahead of now.
pub fn plausible(time_ns: TimeNs, now_ns: TimeNs) -> bool {
    /// 1990-01-01: a clock that was never set starts in 1970, 1980 or 1989.
    const EARLIEST_NS: TimeNs = 631_152_000 * NS_PER_S;
    /// A day: clocks that run ahead, and local times taken for UTC, stay below it.
    const AHEAD_MAX_NS: TimeNs = 86_400 * NS_PER_S;

    // A server whose own clock was never set cannot judge.
    let is_ahead = now_ns > EARLIEST_NS && time_ns > now_ns.saturating_add(AHEAD_MAX_NS);
    time_ns >= EARLIEST_NS && !is_ahead
}

/// The text without the digits of a second beyond the nine of nanoseconds.
fn to_nanoseconds(text: &str) -> Cow<'_, str> {
    const DIGITS: usize = 9;
    let cut = || {
        let (clock, rest) = text
            .split_once('.')
            .filter(|(clock, _)| clock.contains(':'))?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let zone = rest.get(digits..).filter(|_| digits > DIGITS)?;
        Some(format!("{clock}.{}{zone}", &rest[..DIGITS]))
    };
    cut().map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A time that names its offset from UTC.
fn absolute(text: &str) -> Option<Timestamp> {
    const DATE_LEN: usize = "2020-01-01".len();
    let names_offset = text
        .get(DATE_LEN..)
        .is_some_and(|time| time.contains(['Z', 'z', '+', '-']));
    let is_utc = || {
        ["UTC", "GMT", "utc", "gmt"]
            .iter()
            .find_map(|zone| text.strip_suffix(zone))
    };
    if names_offset && let Ok(time) = text.parse() {
        return Some(time);
    }
    if let Some(local) = is_utc() {
        return format!("{}Z", local.trim_ascii_end()).parse().ok();
    }
    // With a space before the offset.
    let (local, offset) = text.rsplit_once(' ').filter(|_| names_offset)?;
    offset
        .starts_with(['+', '-', 'Z'])
        .then(|| format!("{local}{offset}").parse().ok())?
}

/// `20240131`, `20240131 12:30:00` or `20240131123000`.
fn compact(text: &str) -> Option<DateTime> {
    let date = text
        .get(..8)
        .filter(|date| date.bytes().all(|b| b.is_ascii_digit()))?;
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<i16>().ok();
    let (month, day) = (number(4, 6)? as i8, number(6, 8)? as i8);
    let date = Date::new(number(0, 4)?, month, day).ok()?;
    let rest = text[8..].trim_start_matches([' ', 'T', '-']);
    let time = match rest.len() {
        0 => Time::midnight(),
        6 if rest.bytes().all(|b| b.is_ascii_digit()) => {
            let part = |from: usize| rest.get(from..from + 2)?.parse::<i8>().ok();
            Time::new(part(0)?, part(2)?, part(4)?, 0).ok()?
        }
        _ => rest.parse().ok()?,
    };
    Some(DateTime::from_parts(date, time))
}

fn to_ns(time: Timestamp) -> Result<TimeNs, TimeError> {
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
        check(TimeUnit::Iso8601, "2021-01-08 01:00:00.278 +01:00", T);
        check(TimeUnit::Iso8601, "2021-01-07 19:00:00.278 -0500", T);
        check(TimeUnit::Iso8601, "2021-01-08 00:00:00.278 UTC", T);
        check(TimeUnit::Iso8601, "2021-01-08T00:00:00.278 Z", T);
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
