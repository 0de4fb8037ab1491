//! A server that keeps the past.

use std::collections::BTreeMap;

use tickcast_monitor::testing::IncomingItem;
use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions},
    codec::Encoding,
    decimal::Decimal,
    message::{Candle, CandleState, Candles, Interval, Row, TopicInfo},
    topic::Topic,
};

use super::*;
use crate::support::START_NS;

/// A server that knows the past of topics: all their values with their times.
pub(crate) struct PastServer {
    /// Keeps the handle working; it is never connected.
    _client: Client,
    pub(crate) past: BTreeMap<&'static str, Vec<(i64, f64)>>,
    /// When updates of the market were missing.
    pub(crate) outage: (i64, i64),
    /// When it began: of an interval that began before, it lacks updates.
    pub(crate) began_ns: i64,
    pub(crate) answers: usize,
}

/// The pages of an answer: at most this many intervals.
const PAGE: usize = 200;

impl PastServer {
    pub(crate) fn new() -> (Self, ClientHandle) {
        let options = ConnectOptions::new("ws://127.0.0.1:9/ws", Encoding::Bincode);
        let (client, handle) = Client::new(ClientOptions::new(options));
        let server = Self {
            _client: client,
            past: BTreeMap::new(),
            outage: (0, 0),
            began_ns: i64::MIN,
            answers: 0,
        };
        (server, handle)
    }

    /// The values of a topic, one every `step_ns`, up to the start of the test.
    pub(crate) fn fill(&mut self, topic: &'static str, from_ns: i64, step_ns: i64) {
        let mut values = Vec::new();
        let mut at_ns = from_ns;
        let mut number = 0.0f64;
        while at_ns < START_NS {
            let swing = (number / 90.0).sin() * 40.0 + (number / 7.0).cos() * 6.0;
            values.push((at_ns, (swing * 100.0).round() / 100.0));
            number += 1.0;
            at_ns += step_ns;
        }
        self.past.insert(topic, values);
    }

    /// The answer about the intervals of a topic that begin before a time.
    pub(crate) fn answer(
        &self,
        topic: &str,
        interval: Interval,
        now_ns: i64,
        before_ns: i64,
    ) -> Candles {
        let nanos = interval.nanos();
        let mut candles: Vec<Candle> = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        let decimal = |value: f64| -> Decimal { format!("{value:.2}").parse().unwrap() };
        for &(time_ns, value) in self.past.get(topic).into_iter().flatten() {
            let start_ns = time_ns.div_euclid(nanos) * nanos;
            if start_ns >= before_ns {
                break;
            }
            let end_ns = start_ns + nanos;
            let is_hit = self.outage.0 < end_ns && start_ns < self.outage.1;
            if is_hit && (self.outage.0..self.outage.1).contains(&time_ns) {
                continue;
            }
            let state = match is_hit || start_ns < self.began_ns {
                true => CandleState::Incomplete,
                false if end_ns > now_ns => CandleState::Open,
                false => CandleState::Complete,
            };
            if topic == BTC {
                let price = decimal(39_480.0 + value);
                match candles
                    .last_mut()
                    .filter(|candle| candle.start_ns == start_ns)
                {
                    Some(candle) => {
                        candle.high = candle.high.max(price);
                        candle.low = candle.low.min(price);
                        candle.close = price;
                        candle.count += 1;
                        candle.volume = Some(decimal(candle.count as f64 / 4.0));
                    }
                    None => candles.push(Candle {
                        start_ns,
                        state,
                        open: price,
                        high: price,
                        low: price,
                        close: price,
                        volume: Some(decimal(0.25)),
                        count: 1,
                    }),
                }
            } else {
                match rows.last_mut().filter(|row| row.start_ns == start_ns) {
                    Some(row) => {
                        row.max = row.max.max(value);
                        row.min = row.min.min(value);
                        row.last = value;
                        row.sum += value;
                        row.count += 1;
                    }
                    None => rows.push(Row {
                        start_ns,
                        state,
                        first: value,
                        max: value,
                        min: value,
                        last: value,
                        sum: value,
                        count: 1,
                    }),
                }
            }
        }
        let surplus = candles.len().max(rows.len()).saturating_sub(PAGE);
        candles.drain(..surplus.min(candles.len()));
        rows.drain(..surplus.min(rows.len()));
        Candles {
            id: 0,
            topics: vec![TopicInfo::new(9, Topic::new(topic).unwrap())],
            interval,
            position: 0,
            candles,
            rows,
            more: surplus > 0,
        }
    }

    /// Answers what was asked for with the newest page, as if there were nothing before it.
    pub(crate) fn serve_newest(&mut self, harness: &mut Harness<'_, Bench>) {
        let script = &harness.state().script;
        let (now_ns, position) = (script.now_ns, script.position());
        for (id, topic, interval) in harness.state().monitor.candles_asked() {
            let mut page = self.answer(topic.as_str(), interval, now_ns, i64::MAX);
            page.id = id;
            page.position = position;
            page.more = false;
            self.answers += 1;
            let script = &harness.state().script;
            assert!(script.queue.try_put(IncomingItem::Candles(page)));
        }
        harness.run_steps(2);
    }

    /// Answers what was asked for. It sends the newest page that is not known yet.
    pub(crate) fn serve(&mut self, harness: &mut Harness<'_, Bench>) {
        let (now_ns, position) = {
            let script = &harness.state().script;
            (script.now_ns, script.position())
        };
        for (id, topic, interval) in harness.state().monitor.candles_asked() {
            let known = harness
                .state()
                .monitor
                .long_bars(topic.as_str(), interval.nanos());
            // What begins before all that is known, or else the newest.
            let before_ns = known.first().map_or(i64::MAX, |bar| bar.start_ns);
            let mut page = self.answer(topic.as_str(), interval, now_ns, before_ns);
            page.id = id;
            page.position = position;
            self.answers += 1;
            let script = &harness.state().script;
            assert!(script.queue.try_put(IncomingItem::Candles(page)));
        }
        harness.run_steps(2);
    }
}
