//! What the monitor knows of one topic.

use std::sync::Arc;

use tickcast_protocol::{
    message::{Position, Quality, Seq, Status},
    topic::Topic,
    value::Value,
};

use super::{
    Via,
    history::{Joint, Past},
    rate::Rate,
    series::{Series, SeriesKind, TimeNs},
};

/// Longest text of an update that is kept, in bytes: a list row shows less, and a topic may send
/// 64 KiB each time.
const TEXT_KEPT_BYTES: usize = 256;

/// Most digits that a reading is shown with. Sources that compute send 17, most of which are noise
/// to whoever looks; with seven a value fits its column.
const READING_DIGITS_MAX: usize = 7;

/// So many of its digits behind the point are shown in any case.
const READING_DECIMALS_MIN: usize = 2;

/// The newest value of a topic, bounded in size.
#[derive(Debug, Clone, PartialEq)]
pub enum Latest {
    /// A reading, trade or quote, or a text of bounded length.
    Value(Value),
    /// So many bytes that nobody can read.
    Bytes(usize),
}

/// Which way the value went with the last update that changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// It has not changed yet.
    #[default]
    None,
    /// Up.
    Up,
    /// Down.
    Down,
}

/// What was not received of a topic, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Lost for good where every update was asked for, as far as it can be known.
    pub lost: u64,
    /// In how many gaps.
    pub gaps: u64,
    /// Left out by the server, as asked for by mode `latest`.
    pub conflated: u64,
}

/// One topic.
#[derive(Debug, Clone)]
pub struct TopicState {
    /// Its name.
    pub name: Topic,
    /// The unit of its readings, if known.
    pub unit: Option<Arc<str>>,
    /// The newest value.
    pub latest: Option<Latest>,
    /// The number that the newest value is drawn as.
    pub number: Option<f64>,
    /// The first number seen: what the change is measured from.
    pub opened_at: Option<f64>,
    /// Digits behind the point that the source sends.
    pub decimals: u8,
    /// When the newest update was put on the tape, by the server's clock.
    pub ingest_ns: TimeNs,
    /// When the newest update happened, by the source's clock.
    pub source_ns: Option<TimeNs>,
    /// How far the newest value can be trusted.
    pub quality: Quality,
    /// Whether its source is heard of, as the server says.
    pub status: Status,
    /// Since when it has this status, by the server's clock.
    pub status_since_ns: TimeNs,
    /// Position of the newest update.
    pub position: Position,
    /// Seq of the newest update.
    pub seq: Seq,
    /// Updates that came here.
    pub received: u64,
    /// What did not come here.
    pub missing: Missing,
    /// When the number last changed, by the server's clock, and which way.
    pub moved: (TimeNs, Direction),
    /// How often updates come.
    pub rate: Rate,
    /// Its history, if it has numbers.
    pub series: Option<Series>,
    /// Position and seq of the newest sample.
    pub(super) series_at: (Position, Seq),
    /// Whether every update is asked for, and samples have come that way.
    pub(super) lossless: Lossless,
    /// Where what history told begins, or what came one by one.
    pub(super) joint: Option<Joint>,
    pub(super) past: Past,
    /// Which connection the newest sample came by.
    pub(super) connection: u32,
}

/// How a topic's samples come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Lossless {
    /// Newest values only: what lies between was left out on purpose.
    #[default]
    No,
    /// Every update is asked for, none has come yet.
    Asked,
    /// Every update comes: a jump of the seq is a loss.
    Yes,
}

impl TopicState {
    pub(super) fn new(name: Topic) -> Self {
        Self {
            name,
            unit: None,
            latest: None,
            number: None,
            opened_at: None,
            decimals: 0,
            ingest_ns: 0,
            source_ns: None,
            quality: Quality::Live,
            status: Status::Live,
            status_since_ns: 0,
            position: 0,
            seq: 0,
            received: 0,
            missing: Missing::default(),
            moved: (0, Direction::None),
            rate: Rate::default(),
            series: None,
            series_at: (0, 0),
            lossless: Lossless::No,
            joint: None,
            past: Past::Unasked,
            connection: 0,
        }
    }

    /// How long ago the newest update was, if it is known.
    pub fn age_ns(&self, now_ns: TimeNs) -> Option<i64> {
        let known = self.latest.is_some() && self.quality != Quality::Retained;
        known.then(|| now_ns.saturating_sub(self.ingest_ns).max(0))
    }

    /// How far its value may be taken for what is: the worse of what the server says of the topic
    /// and what the source said with the update.
    pub fn trust(&self) -> Status {
        match (self.status, self.quality) {
            (Status::Live, Quality::Stale) => Status::Stale,
            (status, _) => status,
        }
    }

    /// Change since the first number seen, in percent; `None` where that says nothing.
    pub fn change_percent(&self) -> Option<f64> {
        let (opened_at, number) = (self.opened_at?, self.number?);
        let change = (number - opened_at) / opened_at.abs() * 100.0;
        change.is_finite().then_some(change)
    }

    /// Whether every update of the topic comes here.
    pub fn is_lossless(&self) -> bool {
        self.lossless == Lossless::Yes
    }

    /// Whether updates that come this way belong into the history: those that come both ways must
    /// not be mixed, or newest values would overtake the others and make them look lost.
    pub(super) fn wants(&self, via: Via) -> bool {
        match self.lossless {
            Lossless::No => via == Via::Latest,
            Lossless::Asked | Lossless::Yes => via == Via::Every,
        }
    }

    /// Takes in the newest value.
    pub(super) fn show(&mut self, value: Value, ingest_ns: TimeNs) {
        self.decimals = match &value {
            Value::Reading(reading) => self.decimals.max(reading_decimals(*reading)),
            Value::Trade(trade) => trade.price.scale(),
            Value::Quote(quote) => quote.bid.scale().max(quote.ask.scale()),
            Value::Text(_) | Value::Bytes(_) => self.decimals,
        };
        let number = value.as_f64().filter(|number| number.is_finite());
        if let (Some(before), Some(after)) = (self.number, number)
            && before != after
        {
            let direction = if after > before {
                Direction::Up
            } else {
                Direction::Down
            };
            self.moved = (ingest_ns, direction);
        }
        self.number = number;
        self.opened_at = self.opened_at.or(number);
        self.latest = Some(match value {
            Value::Text(mut text) => {
                text.truncate(text.floor_char_boundary(TEXT_KEPT_BYTES));
                Latest::Value(Value::Text(text))
            }
            Value::Bytes(bytes) => Latest::Bytes(bytes.len()),
            value => Latest::Value(value),
        });
    }
}

/// What of a value goes into a series.
pub(super) fn sample(value: &Value) -> Option<(SeriesKind, [f64; 2])> {
    match value {
        Value::Reading(reading) => Some((SeriesKind::Reading, [*reading, 0.0])),
        Value::Trade(trade) => Some((
            SeriesKind::Trade,
            [trade.price.to_f64(), trade.size.to_f64()],
        )),
        Value::Quote(quote) => Some((SeriesKind::Quote, [quote.bid.to_f64(), quote.ask.to_f64()])),
        Value::Text(_) | Value::Bytes(_) => None,
    }
}

/// Digits behind the point in the shortest text that reads back as `reading`, as far as they are
/// worth showing.
fn reading_decimals(reading: f64) -> u8 {
    if !reading.is_finite() {
        return 0;
    }
    let text = format!("{reading}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.trim_start_matches(['-', '0']).len();
    let room = READING_DIGITS_MAX.saturating_sub(whole);
    fraction.len().min(room.max(READING_DECIMALS_MIN)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reading: f64, decimals: u8) {
        assert_eq!(reading_decimals(reading), decimals, "{reading}");
    }

    #[test]
    fn a_reading_has_as_many_decimals_as_the_source_sends() {
        check(21.0, 0);
        check(21.4, 1);
        check(-87.31, 2);
        check(0.1 + 0.2, 7);
        check(1_234_567.891, 2);
        check(73.967_322_070_999_99, 5);
        check(f64::NAN, 0);
        check(1e300, 0);
    }
}
