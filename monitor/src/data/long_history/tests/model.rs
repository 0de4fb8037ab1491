//! A server of one topic.

use tickcast_protocol::{
    message::{Candle, CandleState, Interval, Quality, Row, Update},
    value::{Trade, Value},
};

use super::{super::bar::LongSample, *};

/// A server of one topic, which knows all updates.
pub(super) struct Model {
    pub(super) now_ns: i64,
    pub(super) position: u64,
    seq: u64,
    pub(super) is_of_trades: bool,
    pub(super) updates: Vec<Update<()>>,
    /// When updates were missing, each from one time up to another.
    pub(super) outages: Vec<(i64, i64)>,
}

impl Model {
    pub(super) fn new(is_of_trades: bool) -> Self {
        Self {
            now_ns: START_NS,
            position: 0,
            seq: 0,
            is_of_trades,
            updates: Vec::new(),
            outages: vec![(i64::MIN, START_NS)],
        }
    }

    pub(super) fn publish(&mut self, number: i64, others: u64) -> Update<()> {
        self.position += 1 + others;
        self.seq += 1;
        let value = if self.is_of_trades {
            let price = format!("{}.{:02}", 100 + number % 7, number % 100);
            let size = format!(
                "0.{:0digits$}",
                number % 9 + 1,
                digits = number as usize % 5 + 1
            );
            Value::Trade(Trade {
                price: price.parse().unwrap(),
                size: size.parse().unwrap(),
                side: None,
            })
        } else {
            // Sums of quarters are exact in any order.
            Value::Reading(number as f64 / 4.0)
        };
        let update = Update {
            topic: (),
            position: self.position,
            seq: self.seq,
            source_time_ns: None,
            ingest_time_ns: self.now_ns,
            quality: if number % 11 == 0 {
                Quality::Historical
            } else {
                Quality::Live
            },
            value,
        };
        self.updates.push(update.clone());
        update
    }

    /// All intervals with the updates so far, made in the plainest way.
    pub(super) fn bars(&self, interval: Interval) -> Vec<LongBar> {
        let nanos = interval.nanos();
        let mut bars: Vec<LongBar> = Vec::new();
        for update in &self.updates {
            let Some(sample) = LongSample::of(update) else {
                continue;
            };
            let start_ns = update.ingest_time_ns.div_euclid(nanos) * nanos;
            match bars.last_mut() {
                Some(bar) if bar.start_ns == start_ns => assert!(bar.add(sample)),
                _ => bars.push(LongBar::of(start_ns, sample)),
            }
        }
        for bar in &mut bars {
            let end_ns = bar.start_ns + nanos;
            let is_hit = |&(from, to): &(i64, i64)| from < end_ns && bar.start_ns < to;
            bar.state = match self.outages.iter().any(is_hit) {
                true => CandleState::Incomplete,
                false if end_ns > self.now_ns => CandleState::Open,
                false => CandleState::Complete,
            };
        }
        bars
    }

    /// The answer to a question, in the form in which it is sent.
    pub(super) fn answer(&self, question: Question, limit: usize) -> Page {
        let mut bars = self.bars(question.interval);
        bars.retain(|bar| {
            question
                .from_ns
                .is_none_or(|from_ns| bar.start_ns >= from_ns)
                && question
                    .before_ns
                    .is_none_or(|before_ns| bar.start_ns < before_ns)
        });
        let surplus = bars.len().saturating_sub(limit);
        bars.drain(..surplus);
        Page {
            position: self.position,
            bars: bars.into_iter().map(sent).collect(),
            more: surplus > 0,
        }
    }
}

/// A bar after the way over the wire.
pub(super) fn sent(bar: LongBar) -> LongBar {
    match bar.sum {
        BarSum::Trades {
            prices: [open, high, low, close],
            volume,
        } => Candle {
            start_ns: bar.start_ns,
            state: bar.state,
            open,
            high,
            low,
            close,
            volume: volume.and_then(|volume| volume.to_decimal()),
            count: bar.count,
        }
        .into(),
        BarSum::Readings {
            readings: [first, max, min, last],
            sum,
        } => Row {
            start_ns: bar.start_ns,
            state: bar.state,
            first,
            max,
            min,
            last,
            sum,
            count: bar.count,
        }
        .into(),
    }
}
