//! Times in a time zone.

use tickcast_protocol::message::TimeNs;

use crate::data::time::{DAY, MINUTE, MS, SECOND, US};

/// The time zone of the times that are shown.
#[derive(Debug, Clone)]
pub(crate) struct Zone(jiff::tz::TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of this machine.
    pub(crate) fn local() -> Self {
        Self(jiff::tz::TimeZone::system())
    }

    fn zoned(&self, time_ns: TimeNs) -> jiff::Zoned {
        jiff::Timestamp::from_nanosecond(i128::from(time_ns))
            .unwrap_or_default()
            .to_zoned(self.0.clone())
    }

    /// The offset of the zone's local time from UTC, in nanoseconds.
    pub(crate) fn offset_ns(&self, time_ns: TimeNs) -> i64 {
        i64::from(self.zoned(time_ns).offset().seconds()) * SECOND
    }

    /// The zone's name at that time, `UTC` or `CET`.
    pub(crate) fn name(&self, time_ns: TimeNs) -> String {
        self.zoned(time_ns).strftime("%Z").to_string()
    }

    /// Time of day to the millisecond.
    pub(crate) fn time(&self, time_ns: TimeNs) -> String {
        self.zoned(time_ns).strftime("%H:%M:%S.%3f").to_string()
    }

    /// Time of day to the microsecond, in groups: `09:40:12.386 214`.
    pub(crate) fn time_us(&self, time_ns: TimeNs) -> String {
        let us = time_ns.rem_euclid(MS) / US;
        format!("{} {us:03}", self.time(time_ns))
    }

    /// Date and time to the second.
    pub(crate) fn date_time(&self, time_ns: TimeNs) -> String {
        self.zoned(time_ns)
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string()
    }

    /// The time of a clock that advances by seconds or by minutes.
    pub(crate) fn clock(&self, time_ns: TimeNs, step_ns: i64) -> String {
        let pattern = if step_ns < MINUTE {
            "%H:%M:%S"
        } else {
            "%H:%M"
        };
        self.zoned(time_ns).strftime(pattern).to_string()
    }

    /// The start of the day that contains a time.
    pub(crate) fn midnight(&self, time_ns: TimeNs) -> Option<TimeNs> {
        let start = self.zoned(time_ns).start_of_day().ok()?;
        i64::try_from(start.timestamp().as_nanosecond()).ok()
    }

    /// The time in a text: `09:30`, `09:30:15`, or with a date in front, `2026-11-26 09:30`.
    /// Without a date it is on the day of `now_ns`.
    pub(crate) fn parse(&self, text: &str, now_ns: TimeNs) -> Option<TimeNs> {
        let text = text.trim();
        let (date, time) = match text.split_once([' ', 'T']) {
            Some((date, time)) => (date.parse().ok()?, time.trim()),
            None => (self.zoned(now_ns).date(), text),
        };
        let date: jiff::civil::Date = date;
        let time: jiff::civil::Time = time.parse().ok()?;
        let zoned = date.to_datetime(time).to_zoned(self.0.clone()).ok()?;
        i64::try_from(zoned.timestamp().as_nanosecond()).ok()
    }

    /// The label of a time on an axis with ticks `step_ns` apart.
    pub(crate) fn tick(&self, time_ns: TimeNs, step_ns: i64) -> String {
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
