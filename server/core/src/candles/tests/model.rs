//! Random histories against a plain model, which keeps every update.

use proptest::{collection::vec, prelude::*};
use tickcast_protocol::{
    decimal::Decimal,
    message::{Candle, CandleState, Interval, Quality, Row, TimeNs, TopicId},
    value::{Quote, Trade, Value},
};

use super::{Found, SECOND, START, ask, candle, kept, known, pages, trade};
use crate::{
    candles::{CANDLES_ANSWER_MAX, CLOCK_BACK_MAX, CandlesQuestion, LongHistory},
    feed_id::FeedId,
};

/// A sample of the model.
#[derive(Debug, Clone)]
struct Sample {
    topic: TopicId,
    time: TimeNs,
    value: Value,
    is_late: bool,
}

/// Keeps every update, and computes intervals from them.
#[derive(Debug, Default)]
struct Model {
    clock: Option<TimeNs>,
    samples: Vec<Sample>,
    /// For each feed when updates are missing.
    outages: Vec<Vec<(TimeNs, TimeNs)>>,
    is_up: Vec<bool>,
    started: TimeNs,
    /// The times to which the clock was set back by more than it may.
    set_back: Vec<TimeNs>,
    feeds_of: [u64; 3],
    kinds: [Option<bool>; 3],
}

impl Model {
    fn advance(&mut self, now: TimeNs) -> (TimeNs, bool) {
        let clock = *self.clock.get_or_insert_with(|| {
            self.started = now;
            now
        });
        if now < clock && clock - now <= CLOCK_BACK_MAX.as_nanos() as TimeNs {
            return (clock, true);
        }
        if now < clock {
            self.set_back.retain(|&time| time < now);
            self.set_back.push(now);
            self.started = self.started.min(now);
            // What was in the future did not happen.
            self.samples.retain(|sample| sample.time <= now);
            for outages in &mut self.outages {
                for (from, to) in outages {
                    *from = (*from).min(now);
                    *to = if *to == TimeNs::MAX {
                        *to
                    } else {
                        (*to).min(now)
                    };
                }
            }
        }
        self.clock = Some(now);
        (now, false)
    }

    fn feed(&mut self, feed: FeedId) -> usize {
        let feed = usize::from(feed);
        while self.is_up.len() <= feed {
            self.is_up.push(false);
            self.outages.push(vec![(TimeNs::MIN, TimeNs::MAX)]);
        }
        feed
    }

    fn push(
        &mut self,
        topic: TopicId,
        feed: Option<FeedId>,
        value: &Value,
        quality: Quality,
        now: TimeNs,
    ) {
        let (time, is_late) = self.advance(now);
        if let Some(feed) = feed {
            let feed = self.feed(feed);
            if !std::mem::replace(&mut self.is_up[feed], true) {
                let (from, to) = self.outages[feed].last_mut().unwrap();
                *to = time.max(from.saturating_add(1));
            }
        }
        if quality == Quality::Retained || !value.as_f64().is_some_and(f64::is_finite) {
            return;
        }
        let is_trade = matches!(value, Value::Trade(_));
        if *self.kinds[topic as usize].get_or_insert(is_trade) != is_trade {
            // The second is marked if there is one.
            let second = time.div_euclid(SECOND);
            let same = |s: &&mut Sample| s.topic == topic && s.time.div_euclid(SECOND) == second;
            if let Some(sample) = self.samples.iter_mut().rev().find(same) {
                sample.is_late = true;
            }
            self.feeds_of[topic as usize] |= feed.map_or(0, |feed| 1 << feed);
            return;
        }
        self.feeds_of[topic as usize] |= feed.map_or(0, |feed| 1 << feed);
        let value = value.clone();
        self.samples.push(Sample {
            topic,
            time,
            value,
            is_late,
        });
    }

    fn down(&mut self, feed: FeedId, now: TimeNs) {
        let (time, _) = self.advance(now);
        let feed = self.feed(feed);
        if std::mem::replace(&mut self.is_up[feed], false) {
            self.outages[feed].push((time, TimeNs::MAX));
        }
    }

    fn lost(&mut self, feed: FeedId, since: TimeNs, now: TimeNs) {
        let (time, _) = self.advance(now);
        let feed = self.feed(feed);
        self.outages[feed].insert(0, (since.min(time), time + 1));
    }

    /// Intervals that a set clock leaves undefined, except that they are incomplete.
    fn is_undefined(&self, start: TimeNs, interval: Interval) -> bool {
        let end = start + interval.nanos();
        self.set_back
            .iter()
            .any(|&time| (start..end).contains(&time))
    }

    fn intervals(&mut self, topic: TopicId, interval: Interval, now: TimeNs) -> Vec<Found> {
        let (now, _) = self.advance(now);
        let nanos = interval.nanos();
        let of_topic = self.samples.iter().filter(|sample| sample.topic == topic);
        let of_topic: Vec<_> = of_topic.collect();
        let groups = of_topic
            .chunk_by(|one, other| one.time.div_euclid(nanos) == other.time.div_euclid(nanos));
        groups
            .map(|group| self.interval(topic, group, nanos, now))
            .collect()
    }

    fn interval(&self, topic: TopicId, group: &[&Sample], nanos: i64, now: TimeNs) -> Found {
        let start_ns = group[0].time.div_euclid(nanos) * nanos;
        let end = start_ns + nanos;
        let feeds = self.feeds_of[topic as usize];
        let mut outages = self.outages.iter().enumerate();
        let is_missing = start_ns < self.started
            || outages.any(|(feed, outages)| {
                feeds & 1 << feed != 0
                    && outages
                        .iter()
                        .any(|&(from, to)| from < end && to > start_ns)
            });
        let is_late = group.iter().any(|sample| sample.is_late);
        let count = group.len() as u64;
        let state = |is_exact: bool| match is_missing || is_late || !is_exact {
            true => CandleState::Incomplete,
            false if end > now => CandleState::Open,
            false => CandleState::Complete,
        };
        if let Value::Trade(first) = &group[0].value {
            let trades = || {
                group.iter().map(|sample| match &sample.value {
                    Value::Trade(trade) => trade,
                    other => panic!("{other:?}"),
                })
            };
            let volume = exact_sum(trades().map(|trade| trade.size));
            return Found::Candle(Candle {
                start_ns,
                state: state(volume.is_some()),
                open: first.price,
                high: trades().map(|trade| trade.price).max().unwrap(),
                low: trades().map(|trade| trade.price).min().unwrap(),
                close: trades().next_back().unwrap().price,
                volume,
                count,
            });
        }
        let numbers: Vec<f64> = group
            .iter()
            .filter_map(|sample| sample.value.as_f64())
            .collect();
        let sum: f64 = numbers.iter().sum();
        Found::Row(Row {
            start_ns,
            state: state(sum.is_finite()),
            first: numbers[0],
            max: numbers.iter().copied().fold(f64::MIN, f64::max),
            min: numbers.iter().copied().fold(f64::MAX, f64::min),
            last: *numbers.last().unwrap(),
            sum,
            count,
        })
    }
}

/// The exact sum by digits: 18 after the point, without a limit before it that a test reaches.
fn exact_sum(decimals: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    let mut scale = 0;
    let wide: i128 = decimals
        .map(|decimal| {
            scale = scale.max(decimal.scale());
            i128::from(decimal.mantissa()) * 10i128.pow(u32::from(18 - decimal.scale()))
        })
        .sum();
    let mut mantissa = wide / 10i128.pow(u32::from(18 - scale));
    while i64::try_from(mantissa).is_err() {
        if scale == 0 || mantissa % 10 != 0 {
            return None;
        }
        mantissa /= 10;
        scale -= 1;
    }
    Decimal::new(i64::try_from(mantissa).ok()?, scale).ok()
}

/// What happens in a random history.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Update(TopicId, Option<FeedId>, Value, Quality),
    Down(FeedId),
    Lost(FeedId),
    Set(TimeNs),
}

fn decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        6 => (-3_000i64..9_000_000, 0..4u8).prop_map(|(m, s)| Decimal::new(m, s).unwrap()),
        1 => (1..1_000i64).prop_map(|m| Decimal::new(m, 12).unwrap()),
        1 => (any::<i64>(), 0..=18u8).prop_map(|(m, s)| Decimal::new(m, s).unwrap()),
    ]
}

fn a_trade() -> impl Strategy<Value = Value> {
    (decimal(), decimal()).prop_map(|(price, size)| {
        Value::Trade(Trade {
            price,
            size,
            side: None,
        })
    })
}

fn no_trade() -> impl Strategy<Value = Value> {
    let reading = prop_oneof![
        4 => (-5_000i32..5_000, 0..4i32).prop_map(|(n, d)| f64::from(n) / 10f64.powi(d)),
        1 => any::<f64>(),
        1 => Just(1e-12),
    ];
    let side = || proptest::option::weighted(0.8, decimal());
    prop_oneof![
        4 => reading.prop_map(Value::Reading),
        1 => (side(), side()).prop_map(|(bid, ask)| Value::Quote(Quote {
            bid,
            ask,
            bid_size: None,
            ask_size: None,
        })),
        1 => Just(Value::Text("on".to_owned())),
    ]
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let quality = prop_oneof![
        8 => Just(Quality::Live),
        1 => Just(Quality::Stale),
        1 => Just(Quality::Retained),
    ];
    let feed = || proptest::option::of(0..2u16);
    // Topic 0 has trades, topic 1 has readings, and topic 2 has both.
    let topic_and_value = prop_oneof![
        4 => a_trade().prop_map(|value| (0, value)),
        4 => no_trade().prop_map(|value| (1, value)),
        1 => a_trade().prop_map(|value| (2, value)),
        1 => no_trade().prop_map(|value| (2, value)),
    ];
    let update = (topic_and_value, feed(), quality)
        .prop_map(|((topic, value), feed, quality)| Event::Update(topic, feed, value, quality));
    prop_oneof![
        40 => update,
        1 => (0..2u16).prop_map(Event::Down),
        1 => (0..2u16).prop_map(Event::Lost),
        1 => (-90 * SECOND..5 * SECOND).prop_map(Event::Set),
    ]
}

/// How long after the event before it an event comes: within a second, or days later.
pub(super) fn pause() -> impl Strategy<Value = TimeNs> {
    prop_oneof![
        6 => 0..SECOND,
        3 => (0..10i64).prop_map(|half| half * SECOND / 2),
        2 => 0..120 * SECOND,
        1 => 0..100_000 * SECOND,
    ]
}

fn happen(history: &mut LongHistory, event: &Event, now: &mut TimeNs) {
    match event {
        Event::Update(topic, feed, value, quality) => {
            history.push(*topic, *feed, value, *quality, *now);
        }
        Event::Down(feed) => history.feed_down(*feed, *now),
        Event::Lost(feed) => history.feed_lost(*feed, *now - SECOND, *now),
        Event::Set(by) => *now += by,
    }
}

proptest! {
    #[test]
    fn candles_and_rows_are_those_of_all_updates(
        events in vec((pause(), event()), 1..250),
        limit in 1..40usize,
        until in pause(),
    ) {
        let mut history = kept(64 << 20);
        let mut model = Model::default();
        let mut now = START;
        for (pause, event) in &events {
            now += pause;
            happen(&mut history, event, &mut now);
            match event {
                Event::Update(topic, feed, value, quality) => {
                    model.push(*topic, *feed, value, *quality, now);
                }
                Event::Down(feed) => model.down(*feed, now),
                Event::Lost(feed) => model.lost(*feed, now - SECOND, now),
                Event::Set(_) => {}
            }
        }
        now += until;
        prop_assert_eq!(history.bytes(), history.recounted_bytes());
        for topic in 0..3 {
            for interval in Interval::ALL {
                let mut expected = model.intervals(topic, interval, now);
                let mut found = pages(&mut history, topic, interval, limit, now);
                expected.retain(|found| !model.is_undefined(found.start(), interval));
                for found in &found {
                    let is_undefined = model.is_undefined(found.start(), interval);
                    prop_assert!(!is_undefined || found.state() == CandleState::Incomplete);
                }
                found.retain(|found| !model.is_undefined(found.start(), interval));
                prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", found, expected);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!(found.is_like(expected), "{interval:?}\n{found:?}\n{expected:?}");
                }
            }
        }
    }

    #[test]
    fn shorter_intervals_add_up_to_the_longer_ones(
        updates in vec((pause(), decimal(), 0..1_000_000i64), 1..300),
        until in pause(),
    ) {
        let mut history = known();
        let mut now = START;
        for (pause, price, size) in updates {
            now += pause;
            let size = Decimal::new(size, 6).unwrap();
            let value = Value::Trade(Trade { price, size, side: None });
            history.push(0, None, &value, Quality::Live, now);
        }
        now += until;
        for (shorter, longer) in Interval::ALL.iter().zip(&Interval::ALL[1..]) {
            let parts = pages(&mut history, 0, *shorter, CANDLES_ANSWER_MAX, now);
            let wholes = pages(&mut history, 0, *longer, CANDLES_ANSWER_MAX, now);
            let start = |part: &Found| part.start().div_euclid(longer.nanos());
            let groups: Vec<_> = parts.chunk_by(|a, b| start(a) == start(b)).collect();
            prop_assert_eq!(groups.len(), wholes.len());
            for (parts, whole) in groups.into_iter().zip(&wholes) {
                let parts: Vec<_> = parts.iter().map(candle).collect();
                let whole = candle(whole);
                prop_assert_eq!(whole.open, parts[0].open);
                prop_assert_eq!(whole.close, parts[parts.len() - 1].close);
                prop_assert_eq!(whole.high, parts.iter().map(|part| part.high).max().unwrap());
                prop_assert_eq!(whole.low, parts.iter().map(|part| part.low).min().unwrap());
                prop_assert_eq!(whole.count, parts.iter().map(|part| part.count).sum::<u64>());
                let volumes = parts.iter().map(|part| part.volume.unwrap());
                prop_assert_eq!(whole.volume, exact_sum(volumes));
                if whole.state == CandleState::Complete {
                    prop_assert!(parts.iter().all(|part| part.state == CandleState::Complete));
                }
            }
        }
    }

    #[test]
    fn the_bound_on_memory_holds_and_what_is_left_is_right(
        events in vec((pause(), event()), 1..400),
        max_bytes in prop_oneof![0..2_000usize, 2_000..12_000usize],
        repeats in 1..4usize,
    ) {
        let mut all = kept(64 << 20);
        let mut some = kept(max_bytes);
        let mut now = START;
        for (pause, event) in events.iter().cycle().take(events.len() * repeats) {
            now += pause;
            let mut same = now;
            happen(&mut all, event, &mut same);
            happen(&mut some, event, &mut now);
            prop_assert!(some.bytes() <= max_bytes, "{} of {max_bytes}", some.bytes());
        }
        prop_assert_eq!(some.bytes(), some.recounted_bytes());
        // The third topic has two kinds: its first number may be another one where memory is short.
        for topic in 0..2 {
            for interval in Interval::ALL {
                let expected = pages(&mut all, topic, interval, 100, now);
                let found = pages(&mut some, topic, interval, 100, now);
                prop_assert!(found.len() <= expected.len());
                let expected = &expected[expected.len() - found.len()..];
                for (nth, (found, expected)) in found.iter().zip(expected).enumerate() {
                    prop_assert_eq!(found.start(), expected.start());
                    // A part of the oldest one may be forgotten.
                    let is_whole = found.is_like(expected);
                    let is_part = nth == 0
                        && found.state() == CandleState::Incomplete
                        && found.count() <= expected.count();
                    prop_assert!(is_whole || is_part, "{interval:?}\n{found:?}\n{expected:?}");
                }
            }
        }
    }

    #[test]
    fn a_time_range_has_the_intervals_that_begin_in_it(
        updates in vec(pause(), 1..200),
        from in 0..40i64,
        length in 0..40i64,
        limit in 1..50usize,
        interval in proptest::sample::select(Interval::ALL.as_slice()),
    ) {
        let mut history = known();
        let mut now = START;
        for pause in updates {
            now += pause;
            history.push(0, None, &trade("1", "1"), Quality::Live, now);
        }
        let from = START + from * (now - START) / 40;
        let before = from + length * (now - START) / 40;
        let all = pages(&mut history, 0, interval, 1_000, now);
        let in_range = |found: &&Found| (from..before).contains(&found.start());
        let expected: Vec<_> = all.iter().filter(in_range).cloned().collect();
        let question = CandlesQuestion {
            interval,
            limit,
            from_ns: Some(from),
            before_ns: Some(before),
        };
        let (found, more) = ask(&mut history, 0, &question, now);
        let too_many = expected.len().saturating_sub(limit);
        prop_assert_eq!(found, &expected[too_many..]);
        prop_assert_eq!(more, too_many > 0);
    }
}
