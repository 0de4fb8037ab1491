//! Candles and rows as clients get them: of random histories, and of examples.

mod examples;
mod model;
mod older;

use tickcast_protocol::{
    message::{Candle, CandleState, Interval, Quality, Row, TimeNs, TopicId},
    value::{Trade, Value},
};

use super::{CandlesQuestion, Excerpt, Intervals, LongHistory, LongHistorySettings};

const SECOND: TimeNs = 1_000_000_000;

/// 2021-01-08T00:00:00Z.
const START: TimeNs = 1_610_064_000 * SECOND;

/// An interval of either kind, for comparisons.
#[derive(Debug, Clone, PartialEq)]
enum Found {
    Candle(Candle),
    Row(Row),
}

impl Found {
    fn start(&self) -> TimeNs {
        match self {
            Self::Candle(candle) => candle.start_ns,
            Self::Row(row) => row.start_ns,
        }
    }

    fn state(&self) -> CandleState {
        match self {
            Self::Candle(candle) => candle.state,
            Self::Row(row) => row.state,
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Candle(candle) => candle.count,
            Self::Row(row) => row.count,
        }
    }

    /// Whether both are the same, apart from how a sum of floats is rounded.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Row(one), Self::Row(other)) => {
                let error = (one.sum - other.sum).abs();
                let size = one.min.abs().max(one.max.abs()) * one.count as f64;
                error <= size * 1e-9
                    && Row {
                        sum: 0.0,
                        ..one.clone()
                    } == Row {
                        sum: 0.0,
                        ..other.clone()
                    }
            }
            (Self::Candle(_), Self::Candle(_)) => self == other,
            _ => false,
        }
    }
}

/// All intervals of a topic, asked for in pages.
fn pages(
    history: &mut LongHistory,
    topic: TopicId,
    interval: Interval,
    limit: usize,
    now: TimeNs,
) -> Vec<Found> {
    pages_of(interval, limit, |question| {
        ask(history, topic, question, now)
    })
}

/// All intervals that there are answers for, asked for in pages.
fn pages_of(
    interval: Interval,
    limit: usize,
    mut ask: impl FnMut(&CandlesQuestion) -> (Vec<Found>, bool),
) -> Vec<Found> {
    let mut all = Vec::new();
    let mut before_ns = None;
    loop {
        let question = CandlesQuestion {
            interval,
            limit,
            from_ns: None,
            before_ns,
        };
        let (page, more) = ask(&question);
        assert!(page.len() <= limit);
        assert!(page.is_sorted_by(|one, other| one.start() < other.start()));
        if more {
            before_ns = Some(
                page.first()
                    .expect("a page with older ones is not empty")
                    .start(),
            );
        }
        all.splice(0..0, page);
        if !more {
            return all;
        }
    }
}

/// The answer to a question, read in slices.
fn ask(
    history: &mut LongHistory,
    topic: TopicId,
    question: &CandlesQuestion,
    now: TimeNs,
) -> (Vec<Found>, bool) {
    let mut excerpt = history.excerpt(Some(topic), question, 0, now);
    while !excerpt.advance(100).1 {}
    assert_eq!(excerpt.advance(100), (0, true), "nothing is read twice");
    (found(&excerpt), excerpt.has_more())
}

fn found(excerpt: &Excerpt) -> Vec<Found> {
    match excerpt.intervals(0..excerpt.len()) {
        Intervals::Candles(candles) => candles.into_iter().map(Found::Candle).collect(),
        Intervals::Rows(rows) => rows.into_iter().map(Found::Row).collect(),
    }
}

fn trade(price: &str, size: &str) -> Value {
    Value::Trade(Trade {
        price: price.parse().unwrap(),
        size: size.parse().unwrap(),
        side: None,
    })
}

fn candle(found: &Found) -> &Candle {
    match found {
        Found::Candle(candle) => candle,
        Found::Row(row) => panic!("{row:?}"),
    }
}

fn kept(bytes: usize) -> LongHistory {
    LongHistory::new(LongHistorySettings { bytes })
}

/// A history in which every feed has been heard before [`START`], so that nothing is missing.
fn known() -> LongHistory {
    let mut history = kept(64 << 20);
    let early = START - 86_400 * SECOND;
    let absent = Value::Absent(String::new());
    for feed in [0, 1] {
        history.push(0, Some(feed), &absent, Quality::Live, early);
    }
    history
}
