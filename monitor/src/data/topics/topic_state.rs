//! The state of one topic.

use std::sync::Arc;

use tickcast_protocol::{
    decimal::Decimal,
    message::{Mode, Position, Quality, Seq, Status, TimeNs},
    topic::Topic,
    value::Value,
};

use super::{
    latest::{self, Latest},
    past::{EarlierPart, Joint, PastHistory},
    rate::UpdateRate,
    settings::TopicSettings,
    watched::Watched,
};
use crate::data::history::SampleSeries;

/// A value without a number.
static NO_NUMBER: Value = Value::Absent(String::new());

/// The direction of the last change of the value.
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

/// Updates of a topic that were not received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MissingUpdates {
    /// Lost while every update was subscribed, as far as that can be known.
    pub lost: u64,
    /// The number of gaps that they are in.
    pub gaps: u64,
    /// Left out by the server, as mode `latest` asks for.
    pub conflated: u64,
}

/// One topic.
#[derive(Debug, Clone)]
pub struct MonitoredTopic {
    /// Its name.
    pub name: Topic,
    /// The unit of its readings, if known.
    pub unit: Option<Arc<str>>,
    /// Its name for people, if its source or the user gives one.
    pub friendly_name: Option<Arc<str>>,
    /// The unit and the name that its source gives.
    told: [Option<Arc<str>>; 2],
    /// What the user has set.
    pub(crate) settings: Option<Box<TopicSettings>>,
    /// The newest value.
    pub latest: Option<Latest>,
    /// The number that the newest value is drawn as.
    pub number: Option<f64>,
    /// The first number seen, which the change is measured from.
    pub first_number: Option<f64>,
    /// The least and the greatest number seen.
    pub(super) range: Option<(f64, f64)>,
    /// Decimals that the source sends.
    pub decimals: u8,
    /// The size of the largest reading, which bounds the decimals: 0.3 - 0.1 - 0.2 is noise.
    pub(super) largest: f64,
    /// When the newest update was put on the tape, by the server's clock.
    pub ingest_ns: TimeNs,
    /// When the newest update happened, by the source's clock.
    pub source_ns: Option<TimeNs>,
    /// How far the newest value can be trusted.
    pub quality: Quality,
    /// Its status, as the server says.
    pub status: Status,
    /// Since when the status holds, by the server's clock.
    pub status_since_ns: TimeNs,
    /// Since when and until when its source was away, until the next sample.
    pub(super) away: Option<(TimeNs, TimeNs)>,
    /// Position of the newest update.
    pub position: Position,
    /// Seq of the newest update.
    pub seq: Seq,
    /// Updates received.
    pub received: u64,
    /// Updates not received.
    pub missing: MissingUpdates,
    /// When the number last changed, by the server's clock, and its direction.
    pub moved: (TimeNs, Direction),
    /// The rate of its updates.
    pub rate: UpdateRate,
    /// Its history, if it has numbers.
    pub series: Option<SampleSeries>,
    /// What is kept while it is charted, inspected or a sparkline.
    pub(crate) watched: Option<Box<Watched>>,
    /// Position and seq of the newest sample.
    pub(super) series_at: (Position, Seq),
    /// How its samples are received.
    pub(super) lossless: Lossless,
    /// All of its updates after this position are received; `None` while not all are.
    pub(super) every_after: Option<Position>,
    /// Where the part without gaps begins.
    pub(super) joint: Option<Joint>,
    /// Such a part from before, until the newer one reaches back to it.
    pub(super) earlier: Option<EarlierPart>,
    pub(super) past: PastHistory,
    /// The connection that the newest sample came by.
    pub(super) connection: u32,
}

/// How the samples of a topic are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Lossless {
    /// Only newest values: updates in between are left out on purpose.
    #[default]
    No,
    /// Every update is subscribed, and none has come yet.
    Asked,
    /// Every update is received: a jump of the seq is a loss.
    Yes,
}

impl MonitoredTopic {
    pub(super) fn new(name: Topic) -> Self {
        Self {
            name,
            unit: None,
            friendly_name: None,
            told: [None, None],
            settings: None,
            latest: None,
            number: None,
            first_number: None,
            range: None,
            decimals: 0,
            largest: 0.0,
            ingest_ns: 0,
            source_ns: None,
            quality: Quality::Live,
            status: Status::Live,
            status_since_ns: 0,
            away: None,
            position: 0,
            seq: 0,
            received: 0,
            missing: MissingUpdates::default(),
            moved: (0, Direction::None),
            rate: UpdateRate::default(),
            series: None,
            watched: None,
            series_at: (0, 0),
            lossless: Lossless::No,
            every_after: None,
            joint: None,
            earlier: None,
            past: PastHistory::Unasked,
            connection: 0,
        }
    }

    /// Applies the unit and the name that its source gives.
    pub(super) fn tell(&mut self, unit: Option<&str>, name: Option<&str>) {
        self.told = [unit, name].map(|text| text.map(Arc::from));
        self.name_it();
    }

    /// Applies what the user has set.
    pub(super) fn set(&mut self, settings: Option<&TopicSettings>) {
        let decimals = settings.and_then(|settings| settings.decimals);
        self.decimals = decimals.unwrap_or(match (&self.settings, self.number) {
            // The next values show how many the source sends.
            (Some(_), Some(number)) => latest::reading_decimals(number),
            _ => self.decimals,
        });
        self.settings = settings.cloned().map(Box::new);
        self.name_it();
    }

    fn name_it(&mut self) {
        let settings = self.settings.as_deref();
        let set = |text: Option<&String>| text.map(|text| Arc::from(text.as_str()));
        let [unit, name] = &self.told;
        let set_unit = set(settings.and_then(|settings| settings.unit.as_ref()));
        let set_name = set(settings.and_then(|settings| settings.name.as_ref()));
        self.unit = set_unit.or_else(|| unit.clone());
        self.friendly_name = set_name.or_else(|| name.clone());
    }

    /// Whether its value is outside of the limits that the user has set.
    pub(crate) fn is_outside(&self) -> bool {
        match (&self.settings, self.number) {
            (Some(settings), Some(number)) => settings.is_outside(number),
            _ => false,
        }
    }

    /// The decimals that the user has set.
    pub(crate) fn set_decimals(&self) -> Option<u8> {
        self.settings.as_ref()?.decimals
    }

    /// The age of the newest update, if it is known.
    pub(crate) fn age_ns(&self, now_ns: TimeNs) -> Option<i64> {
        let known = self.latest.is_some() && self.quality != Quality::Retained;
        known.then(|| now_ns.saturating_sub(self.ingest_ns).max(0))
    }

    /// The effective status: the worse of the server's status of the topic and the source's quality
    /// of the update.
    pub(crate) fn effective_status(&self) -> Status {
        match (self.status, self.quality) {
            (Status::Live, Quality::Stale) => Status::Stale,
            (status, _) => status,
        }
    }

    /// Whether every update of the topic is received.
    pub(crate) fn is_lossless(&self) -> bool {
        self.lossless == Lossless::Yes
    }

    /// Whether updates of a subscription of this mode are part of the history. The two modes must
    /// not be mixed: newest values would overtake the other updates and make them look lost.
    pub(super) fn wants(&self, mode: Mode) -> bool {
        match self.lossless {
            Lossless::No => mode == Mode::Latest,
            Lossless::Asked | Lossless::Yes => mode == Mode::Every,
        }
    }

    /// Forgets its values: it is a computed topic that was removed.
    pub(super) fn forget_values(&mut self) {
        let watched = self.watched.take();
        let name = self.name.clone();
        let settings = self.settings.take();
        *self = Self::new(name);
        self.watched = watched;
        self.set(settings.as_deref());
    }

    /// Applies the newest value.
    pub(super) fn show(&mut self, latest: Latest, ingest_ns: TimeNs) {
        let value = match &latest {
            Latest::Value(value) => value,
            // What is cut has no number.
            Latest::CutText { .. } | Latest::Bytes(_) => &NO_NUMBER,
        };
        let sent = match value {
            Value::Reading(reading) => {
                if reading.is_finite() {
                    self.largest = self.largest.max(reading.abs());
                }
                let decimals = self.decimals.max(latest::reading_decimals(*reading));
                decimals.min(latest::decimals_max(self.largest))
            }
            Value::Trade(trade) => trade.price.scale(),
            Value::Quote(quote) => {
                let scales = [quote.bid, quote.ask].map(|side| side.map(Decimal::scale));
                scales.into_iter().max().flatten().unwrap_or(self.decimals)
            }
            Value::Text(_) | Value::Bytes(_) | Value::Absent(_) => self.decimals,
        };
        self.decimals = self.set_decimals().unwrap_or(sent);
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
        self.first_number = self.first_number.or(number);
        if let Some(number) = number {
            let (least, greatest) = self.range.unwrap_or((number, number));
            self.range = Some((least.min(number), greatest.max(number)));
        }
        self.latest = Some(latest);
    }
}
