//! A line for each update, as it comes, in columns that grow as they have to.

use std::collections::HashMap;

use jiff::{Timestamp, tz::TimeZone};
use tickcast_protocol::{
    message::{Quality, Status, TimeNs, TopicStatus, Update},
    topic::Topic,
};

use super::{
    columns::{clip, left, right, shorten, width},
    terminal::{Style, Terminal},
    value::{ValueText, value_text},
};
use crate::words::shown;

/// Columns of a time.
const TIME_COLUMNS: usize = 12;

/// Columns between two of them.
const GAP_COLUMNS: usize = 2;

/// Least columns of topics: the usual ones fit, so that the values do not move at the start.
const TOPIC_MIN_COLUMNS: usize = 24;

/// Part of topic and value, in percent, that topics get at most.
const TOPIC_MAX_PERCENT: usize = 55;

/// Numbers are lined up at the right of this many columns.
const NUMBER_COLUMNS: usize = 12;

/// Topics whose last number is known, to show the direction of the next one: about a megabyte.
const NUMBERS_MAX: usize = 10_000;

/// Writes lines for people.
pub(super) struct Live {
    terminal: Terminal,
    zone: TimeZone,
    /// Columns of the longest topic so far.
    topic_columns: usize,
    numbers: HashMap<Topic, f64>,
}

impl Live {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            zone: TimeZone::system(),
            topic_columns: TOPIC_MIN_COLUMNS,
            numbers: HashMap::new(),
        }
    }

    /// A line for an update. `is_old`: it was there before.
    pub(super) fn update(
        &mut self,
        update: &Update<Topic>,
        unit: Option<&str>,
        is_old: bool,
    ) -> String {
        let start = self.start(update.ingest_time_ns, &update.topic);
        let ValueText {
            main,
            is_number,
            rest,
        } = value_text(&update.value, unit);
        let mark = match update.quality {
            Quality::Live => "",
            Quality::Retained => " (retained)",
            Quality::Stale => " (stale)",
            Quality::Historical => " (historical)",
        };
        let mut room = self.room();
        let main = match is_number {
            true => right(&main, NUMBER_COLUMNS),
            false => main,
        };
        let main = clip(&main, room);
        room -= width(&main);
        let rest = match rest.is_empty() {
            true => rest,
            false => clip(&format!(" {rest}"), room),
        };
        room -= width(&rest);
        let mark = clip(mark, room);
        let style = match self.direction(update) {
            _ if is_old => Style::Dim,
            Some(change) if change > 0.0 => Style::Green,
            Some(change) if change < 0.0 => Style::Red,
            _ => Style::Bold,
        };
        let main = self.terminal.paint(style, &main);
        let rest_style = if is_old { Style::Dim } else { Style::Plain };
        let rest = self.terminal.paint(rest_style, &rest);
        let mark = self.terminal.paint(Style::Dim, &mark);
        format!("{start}{main}{rest}{mark}\n")
    }

    /// A line for a status.
    pub(super) fn status(&mut self, status: &TopicStatus<Topic>) -> String {
        let start = self.start(status.since_ns, &status.topic);
        let (style, word) = match status.status {
            Status::Live => (Style::Green, "is live again"),
            Status::Stale => (Style::Yellow, "is stale"),
            Status::Dead => (Style::Red, "is dead"),
        };
        format!("{start}{}\n", self.terminal.paint(style, word))
    }

    /// A line about all topics.
    pub(super) fn note(&self, text: &str, now: TimeNs) -> String {
        let time = self
            .terminal
            .paint(Style::Dim, &left(&self.time(now), TIME_COLUMNS));
        let text = format!("── {}", shown(text));
        format!("{time}  {}\n", self.terminal.paint(Style::Yellow, &text))
    }

    /// Time and topic, up to the value.
    fn start(&mut self, time_ns: TimeNs, topic: &Topic) -> String {
        let name = shown(topic.as_str());
        self.topic_columns = self.topic_columns.max(width(&name)).min(self.topic_max());
        let name = left(&shorten(&name, self.topic_columns), self.topic_columns);
        let time = self
            .terminal
            .paint(Style::Dim, &left(&self.time(time_ns), TIME_COLUMNS));
        format!("{time}  {name}  ")
    }

    fn topic_max(&self) -> usize {
        let both = self
            .terminal
            .width()
            .saturating_sub(TIME_COLUMNS + 2 * GAP_COLUMNS);
        both * TOPIC_MAX_PERCENT / 100
    }

    /// Columns for a value.
    fn room(&self) -> usize {
        let before = TIME_COLUMNS + self.topic_columns + 2 * GAP_COLUMNS;
        self.terminal.width().saturating_sub(before)
    }

    /// The local time; of another day, the day to the minute.
    fn time(&self, time_ns: TimeNs) -> String {
        let Ok(time) = Timestamp::from_nanosecond(i128::from(time_ns)) else {
            return "?".to_owned();
        };
        let (time, now) = (
            time.to_zoned(self.zone.clone()),
            Timestamp::now().to_zoned(self.zone.clone()),
        );
        let form = match (time.date() == now.date(), time.year() == now.year()) {
            (true, _) => "%H:%M:%S%.3f",
            (false, true) => "%b %d %H:%M",
            (false, false) => "%Y-%m-%d",
        };
        time.strftime(form).to_string()
    }

    /// The difference to the topic's last number.
    fn direction(&mut self, update: &Update<Topic>) -> Option<f64> {
        let number = update.value.as_f64()?;
        if let Some(before) = self.numbers.get_mut(&update.topic) {
            return Some(number - std::mem::replace(before, number));
        }
        if self.numbers.len() < NUMBERS_MAX {
            self.numbers.insert(update.topic.clone(), number);
        }
        None
    }
}
