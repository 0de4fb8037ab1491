//! Numbers and times as people read them. Equal things are equally wide, so that nothing jumps
//! while they change.

use tickcast_protocol::{decimal::Decimal, value::Value};

use crate::store::{Latest, TimeNs, TopicState};

const US: i64 = 1_000;
const MS: i64 = 1_000_000;
/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds of a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Nanoseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Nanoseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Texts of more characters are cut in lists.
const TEXT_SHOWN_CHARS: usize = 24;

/// Largest number that is written out; beyond it powers of ten are easier to read.
const WRITTEN_OUT_MAX: f64 = 1e13;

/// Puts a space between each three digits before the point.
fn group(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::with_capacity(digits.len() + 6);
    out.push_str(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out.push_str(fraction);
    out
}

/// A number with so many decimals, `39 484.64`.
pub fn number(value: f64, decimals: u8) -> String {
    if !value.is_finite() {
        return format!("{value}");
    }
    if value.abs() >= WRITTEN_OUT_MAX {
        return format!("{value:.4e}");
    }
    let text = format!("{value:.*}", usize::from(decimals));
    // A zero has no sign.
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => group(rest),
        _ => group(&text),
    }
}

/// A number with its sign, `+0.12`.
pub fn signed(value: f64, decimals: u8) -> String {
    let text = number(value, decimals);
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if text.starts_with('-') || is_zero {
        text
    } else {
        format!("+{text}")
    }
}

/// An exact decimal with all the digits it has.
pub fn decimal(value: Decimal) -> String {
    group(&value.to_string())
}

/// An integer, `1 482 119`.
pub fn count(value: u64) -> String {
    group(&value.to_string())
}

/// The newest value of a topic as the source sent it, without its unit. Both sides of a quote if
/// there is room for them, else the bid.
pub fn latest(topic: &TopicState, both_sides: bool) -> String {
    match &topic.latest {
        None => "–".to_owned(),
        Some(Latest::Value(Value::Reading(reading))) => number(*reading, topic.decimals),
        Some(Latest::Value(Value::Trade(trade))) => decimal(trade.price),
        Some(Latest::Value(Value::Quote(quote))) if both_sides => {
            format!("{} / {}", decimal(quote.bid), decimal(quote.ask))
        }
        Some(Latest::Value(Value::Quote(quote))) => decimal(quote.bid),
        Some(Latest::Value(Value::Text(text))) => cut(text, TEXT_SHOWN_CHARS),
        Some(Latest::Value(Value::Bytes(bytes))) => bytes_of(bytes.len()),
        Some(Latest::Bytes(len)) => bytes_of(*len),
    }
}

fn bytes_of(len: usize) -> String {
    format!("{} bytes", count(len as u64))
}

/// One line of at most so many characters.
pub fn cut(text: &str, chars: usize) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Updates per second: `12k`, `4.0k`, `412`, `1.0`, `0.003`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        r if r >= 9_950.0 => format!("{}k", count((r / 1e3).round() as u64)),
        r if r >= 999.5 => format!("{:.1}k", r / 1e3),
        r if r >= 9.95 => count(r.round() as u64),
        r if r >= 0.095 => format!("{r:.1}"),
        r if r >= 0.0095 => format!("{r:.2}"),
        r if r >= 0.0005 => format!("{r:.3}"),
        _ => "0".to_owned(),
    }
}

/// How long ago, in the one unit that matters: `0.1 s`, `38 s`, `2 min`, `3 h`, `4 d`.
pub fn age(ns: i64) -> String {
    match ns {
        ns if ns < 9_950 * MS => format!("{:.1} s", ns.max(0) as f64 / SECOND as f64),
        ns if ns < MINUTE => format!("{} s", ns / SECOND),
        ns if ns < HOUR => format!("{} min", ns / MINUTE),
        ns if ns < 2 * DAY => format!("{} h", ns / HOUR),
        ns => format!("{} d", ns / DAY),
    }
}

/// A stretch of time in two units: `850 ms`, `12.3 s`, `14 min 5 s`, `2 h 14 min`, `3 d 4 h`.
pub fn duration(ns: i64) -> String {
    let ns = ns.max(0);
    match ns {
        ns if ns < SECOND => format!("{} ms", ns / MS),
        ns if ns < MINUTE => format!("{:.1} s", (ns / (100 * MS)) as f64 / 10.0),
        ns if ns < HOUR => format!("{} min {} s", ns / MINUTE, ns % MINUTE / SECOND),
        ns if ns < DAY => format!("{} h {} min", ns / HOUR, ns % HOUR / MINUTE),
        ns => format!("{} d {} h", ns / DAY, ns % DAY / HOUR),
    }
}

/// A latency in three digits: `84 µs`, `0.21 ms`, `12.4 ms`, `1.3 s`.
pub fn latency(ns: i64) -> String {
    match ns.max(0) {
        ns if ns < 100 * US => format!("{} µs", ns / US),
        ns if ns < 10 * MS => format!("{:.2} ms", ns as f64 / MS as f64),
        ns if ns < 100 * MS => format!("{:.1} ms", ns as f64 / MS as f64),
        ns if ns < SECOND => format!("{} ms", ns / MS),
        ns => format!("{:.1} s", ns as f64 / SECOND as f64),
    }
}

/// An amount of memory in whole MiB.
pub fn mebibytes(bytes: usize) -> String {
    count((bytes as u64).div_ceil(1024 * 1024))
}

/// The zone in which times are written.
#[derive(Debug, Clone)]
pub struct Zone(jiff::tz::TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of this machine.
    pub fn local() -> Self {
        Self(jiff::tz::TimeZone::system())
    }

    fn zoned(&self, time_ns: TimeNs) -> jiff::Zoned {
        jiff::Timestamp::from_nanosecond(i128::from(time_ns))
            .unwrap_or_default()
            .to_zoned(self.0.clone())
    }

    /// Nanoseconds to add to a time to get the time that a clock on the wall of the zone shows.
    pub fn offset_ns(&self, time_ns: TimeNs) -> i64 {
        i64::from(self.zoned(time_ns).offset().seconds()) * SECOND
    }

    /// The zone's name at that time, `UTC` or `CET`.
    pub fn name(&self, time_ns: TimeNs) -> String {
        self.zoned(time_ns).strftime("%Z").to_string()
    }

    /// Time of day to the millisecond.
    pub fn time(&self, time_ns: TimeNs) -> String {
        self.zoned(time_ns).strftime("%H:%M:%S.%3f").to_string()
    }

    /// Time of day to the microsecond, in groups: `09:40:12.386 214`.
    pub fn time_us(&self, time_ns: TimeNs) -> String {
        let us = time_ns.rem_euclid(MS) / US;
        format!("{} {us:03}", self.time(time_ns))
    }

    /// Date and time to the second.
    pub fn date_time(&self, time_ns: TimeNs) -> String {
        self.zoned(time_ns)
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string()
    }

    /// The time of a clock that moves by seconds or by minutes.
    pub fn clock(&self, time_ns: TimeNs, step_ns: i64) -> String {
        let pattern = if step_ns < MINUTE {
            "%H:%M:%S"
        } else {
            "%H:%M"
        };
        self.zoned(time_ns).strftime(pattern).to_string()
    }

    /// A time on an axis whose ticks are `step_ns` apart.
    pub fn tick(&self, time_ns: TimeNs, step_ns: i64) -> String {
        let zoned = self.zoned(time_ns);
        let midnight = (time_ns + self.offset_ns(time_ns)).rem_euclid(DAY) == 0;
        let pattern = match step_ns {
            step if step < SECOND => "%H:%M:%S.%3f",
            step if step < MINUTE => "%H:%M:%S",
            step if step < DAY && !midnight => "%H:%M",
            _ => "%a %d",
        };
        zoned.strftime(pattern).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(actual: String, expected: &str) {
        assert_eq!(actual, expected);
    }

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        check(number(39_484.64, 2), "39 484.64");
        check(number(-1_234_567.0, 0), "-1 234 567");
        check(number(999.0, 1), "999.0");
        check(number(-0.001, 2), "0.00");
        check(number(f64::NAN, 2), "NaN");
        check(number(1e300, 2), "1.0000e300");
        check(decimal("1218.440".parse().unwrap()), "1 218.440");
        check(count(1_482_119), "1 482 119");
        check(signed(0.119, 2), "+0.12");
        check(signed(-0.001, 2), "0.00");
    }

    #[test]
    fn rates_ages_and_durations_have_the_digits_that_matter() {
        check(rate(12_345.0), "12k");
        check(rate(4_040.0), "4.0k");
        check(rate(412.3), "412");
        check(rate(1.0), "1.0");
        check(rate(0.02), "0.02");
        check(rate(1.0 / 300.0), "0.003");
        check(age(100 * MS), "0.1 s");
        check(age(38 * SECOND), "38 s");
        check(age(125 * SECOND), "2 min");
        check(age(3 * HOUR), "3 h");
        check(duration(2 * HOUR + 14 * MINUTE), "2 h 14 min");
        check(duration(59_990 * MS), "59.9 s");
        check(latency(210_000), "0.21 ms");
        check(latency(84_000), "84 µs");
        check(latency(1_300 * MS), "1.3 s");
        check(mebibytes(118 * 1024 * 1024), "118");
    }

    #[test]
    fn times_are_written_in_the_zone() {
        let time_ns = 1_610_098_812_386_214_000;
        let zone = Zone::default();
        check(zone.time(time_ns), "09:40:12.386");
        check(zone.time_us(time_ns), "09:40:12.386 214");
        check(zone.tick(time_ns - time_ns % MINUTE, MINUTE), "09:40");
        check(zone.tick(time_ns - time_ns % DAY, HOUR), "Fri 08");
        check(zone.name(time_ns), "UTC");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        check(cut("äöü\nsecond line", 2), "äö…");
        check(cut("äöü\nsecond line", 3), "äöü");
    }
}
