//! Stretches of time: ages, durations, latencies.

use crate::data::time::{DAY, HOUR, MINUTE, MS, SECOND, US};

/// An age in one unit: `0.1 s`, `38 s`, `2 min`, `3 h`, `4 d`.
pub(crate) fn age(ns: i64) -> String {
    match ns {
        ns if ns < 9_950 * MS => format!("{:.1} s", ns.max(0) as f64 / SECOND as f64),
        ns if ns < MINUTE => format!("{} s", ns / SECOND),
        ns if ns < HOUR => format!("{} min", ns / MINUTE),
        ns if ns < 2 * DAY => format!("{} h", ns / HOUR),
        ns => format!("{} d", ns / DAY),
    }
}

/// A stretch of time in two units: `850 ms`, `12.3 s`, `14 min 5 s`, `2 h 14 min`, `3 d 4 h`.
pub(crate) fn duration(ns: i64) -> String {
    let ns = ns.max(0);
    match ns {
        ns if ns < SECOND => format!("{} ms", ns / MS),
        ns if ns < MINUTE => format!("{:.1} s", (ns / (100 * MS)) as f64 / 10.0),
        ns if ns < HOUR => format!("{} min {} s", ns / MINUTE, ns % MINUTE / SECOND),
        ns if ns < DAY => format!("{} h {} min", ns / HOUR, ns % HOUR / MINUTE),
        ns => format!("{} d {} h", ns / DAY, ns % DAY / HOUR),
    }
}

/// The stretch of time in a text that a person typed: `30 s`, `1.5 min`, `2 h`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..end].parse().ok()?;
    let unit = match text[end..].trim() {
        "ms" => MS,
        "s" | "sec" => SECOND,
        "m" | "min" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    let ns = number * unit as f64;
    (ns >= 0.0 && ns < i64::MAX as f64).then_some(ns as i64)
}

/// A latency with three digits: `84 µs`, `0.21 ms`, `12.4 ms`, `1.3 s`.
pub(crate) fn latency(ns: i64) -> String {
    match ns.max(0) {
        ns if ns < 100 * US => format!("{} µs", ns / US),
        ns if ns < 10 * MS => format!("{:.2} ms", ns as f64 / MS as f64),
        ns if ns < 100 * MS => format!("{:.1} ms", ns as f64 / MS as f64),
        ns if ns < SECOND => format!("{} ms", ns / MS),
        ns => format!("{:.1} s", ns as f64 / SECOND as f64),
    }
}
