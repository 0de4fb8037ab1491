//! Reads the timing of real events from a file of time stamps.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use tickcast_protocol::recording::RecordedLine;

use super::slots::Timing;

/// Why a file cannot be used as a recording.
#[derive(Debug, thiserror::Error)]
pub enum TimingFileError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line without a time.
    #[error(
        "line {line}: {text:?} is neither a number of seconds nor a date and time such as \
         2021-01-08 00:00:00.278+00:00"
    )]
    Time {
        /// Line number, from 1.
        line: usize,
        /// The field in place of a time.
        text: String,
    },
}

/// Reads a file with one event per line. The time is the first field, before a comma or semicolon:
/// seconds, or a date and time such as `2021-01-08 00:00:00.278+00:00`. A heading is skipped. The
/// monitor's recordings (a JSON object on each line) work too.
pub fn read(path: &Path) -> Result<Timing, TimingFileError> {
    parse(&fs::read_to_string(path)?)
}

fn parse(text: &str) -> Result<Timing, TimingFileError> {
    let mut offsets = Vec::new();
    let mut first = None;
    let mut is_recorded = false;
    for (number, line) in text.lines().enumerate() {
        let field = line.split([',', ';']).next().unwrap_or_default().trim();
        let time = if field.starts_with('{') {
            is_recorded = true;
            RecordedLine::parse(line.as_bytes())
                .ok()
                .map(|line| i128::from(line.time))
        } else {
            time_ns(field)
        };
        match time {
            Some(at) => {
                let start = *first.get_or_insert(at);
                let passed = u64::try_from((at - start).max(0)).unwrap_or(u64::MAX);
                offsets.push(Duration::from_nanos(passed));
            }
            None if number == 0 || field.is_empty() => {}
            None => {
                return Err(TimingFileError::Time {
                    line: number + 1,
                    text: field.to_owned(),
                });
            }
        }
    }
    if is_recorded {
        // Updates of two subscriptions are recorded in the order of arrival, which is not exactly
        // the order of their times.
        offsets.sort();
    }
    Ok(Timing::Recorded(Arc::from(offsets)))
}

/// Nanoseconds since a moment that is the same for the whole file.
fn time_ns(field: &str) -> Option<i128> {
    if let Ok(seconds) = field.parse::<f64>() {
        return seconds.is_finite().then(|| (seconds * 1e9).round() as i128);
    }
    if let Ok(time) = field.parse::<jiff::Timestamp>() {
        return Some(time.as_nanosecond());
    }
    // A time without an offset is read as UTC, because only differences count.
    let time = field.parse::<jiff::civil::DateTime>().ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(time.timestamp().as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected_ms: &[u128]) {
        let Timing::Recorded(offsets) = parse(text).unwrap() else {
            panic!("not a recording");
        };
        let ms: Vec<u128> = offsets.iter().map(Duration::as_millis).collect();
        assert_eq!(ms, expected_ms);
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        check("10.5\n10.75\n12\n", &[0, 250, 1500]);
        check(
            "timestamp,price\n2021-01-08 00:00:00.250+00:00,1\n2021-01-08 00:00:01+00:00,2\n",
            &[0, 750],
        );
        check(
            "time;v\n2014-02-14 14:30:00;1\n2014-02-14 14:31:00;2\n",
            &[0, 60_000],
        );
    }

    #[test]
    fn a_recording_made_by_the_monitor_is_understood() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/data/recorded.jsonl");
        check(
            &fs::read_to_string(sample).unwrap(),
            &[0, 72, 222, 472, 722, 1_222, 1_722],
        );
        check(
            "{\"topic\":\"a\",\"time\":2000000000,\"value\":{\"reading\":1.0}}\n\
             {\"topic\":\"a\",\"time\":2500000000,\"value\":{\"reading\":1.0}}\n",
            &[0, 500],
        );
        assert!(parse("{\"topic\":\"a\"}\n{\"topic\":\n").is_err());
    }

    #[test]
    fn a_line_without_a_time_is_refused_with_its_number() {
        let error = parse("time\n1\nsoon\n").unwrap_err().to_string();
        assert!(error.starts_with("line 3"), "{error}");
    }
}
