//! Random histories against a plain model, which keeps every update.

use proptest::{collection::vec, prelude::*};
use tickcast_protocol::{
    decimal::Decimal,
    message::{Candle, CandleState, Interval, Quality, Row, TimeNs, TopicId},
    value::{Quote, Trade, Value},
};

use super::{
    CANDLES_ANSWER_MAX, CLOCK_BACK_MAX, CandlesQuestion, Intervals, LongHistory,
    LongHistorySettings,
};
use super::{pyramid::Pyramid, row_sum::RowSum};
use crate::feed_id::FeedId;

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
    let mut all = Vec::new();
    let mut before_ns = None;
    loop {
        let question = CandlesQuestion {
            interval,
            limit,
            from_ns: None,
            before_ns,
        };
        let (page, more) = ask(history, topic, &question, now);
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
    let found = match excerpt.intervals(0..excerpt.len()) {
        Intervals::Candles(candles) => candles.into_iter().map(Found::Candle).collect(),
        Intervals::Rows(rows) => rows.into_iter().map(Found::Row).collect(),
    };
    (found, excerpt.has_more())
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
enum Event {
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

fn event() -> impl Strategy<Value = Event> {
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
fn pause() -> impl Strategy<Value = TimeNs> {
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

#[test]
fn an_update_at_a_border_belongs_to_the_interval_that_begins_there() {
    let mut history = known();
    for time in [
        START + 59 * SECOND,
        START + 60 * SECOND - 1,
        START + 60 * SECOND,
    ] {
        history.push(0, None, &trade("1", "1"), Quality::Live, time);
    }
    let minutes = pages(&mut history, 0, Interval::Minute, 10, START + 60 * SECOND);
    let found: Vec<_> = minutes
        .iter()
        .map(|m| (m.start() - START, m.count(), m.state()))
        .collect();
    let expected = [
        (0, 2, CandleState::Complete),
        (60 * SECOND, 1, CandleState::Open),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_clock_closes_an_interval_without_a_further_update() {
    let mut history = known();
    history.push(0, None, &trade("1", "1"), Quality::Live, START + 1);
    for (after, expected) in [
        (SECOND - 1, CandleState::Open),
        (SECOND, CandleState::Complete),
    ] {
        let found = pages(&mut history, 0, Interval::Second, 10, START + after);
        assert_eq!((found.len(), found[0].state()), (1, expected));
    }
    let minute = pages(&mut history, 0, Interval::Minute, 10, START + SECOND);
    assert_eq!(minute[0].state(), CandleState::Open);
}

#[test]
fn intervals_in_which_the_server_started_or_the_feed_was_down_are_incomplete() {
    let mut history = kept(1 << 20);
    let push = |history: &mut LongHistory, second: i64| {
        let value = trade("1", "1");
        history.push(
            0,
            Some(0),
            &value,
            Quality::Live,
            START + second * SECOND + 1,
        );
    };
    for second in [10, 11, 70] {
        push(&mut history, second);
    }
    history.feed_down(0, START + 130 * SECOND + 5);
    for second in [190, 191, 240] {
        push(&mut history, second);
    }
    let end = START + 1_000 * SECOND;
    let states = |history: &mut LongHistory, interval| -> Vec<(i64, bool)> {
        let found = pages(history, 0, interval, 100, end);
        let row = |found: &Found| {
            let second = (found.start() - START) / SECOND;
            (second, found.state() == CandleState::Complete)
        };
        found.iter().map(row).collect()
    };
    let seconds = [
        (10, false),
        (11, true),
        (70, true),
        (190, false),
        (191, true),
        (240, true),
    ];
    assert_eq!(states(&mut history, Interval::Second), seconds);
    let minutes = [(0, false), (60, true), (180, false), (240, true)];
    assert_eq!(states(&mut history, Interval::Minute), minutes);
}

#[test]
fn a_small_step_back_of_the_clock_marks_a_second_and_a_large_one_forgets_the_future() {
    let mut history = known();
    let push = |history: &mut LongHistory, second: i64| {
        history.push(
            0,
            None,
            &trade("1", "1"),
            Quality::Live,
            START + second * SECOND,
        );
    };
    for second in [100, 200, 190, 201] {
        push(&mut history, second);
    }
    let now = START + 300 * SECOND;
    let counts = |history: &mut LongHistory, now| -> Vec<(i64, u64, CandleState)> {
        let found = pages(history, 0, Interval::Second, 100, now);
        let row = |f: &Found| ((f.start() - START) / SECOND, f.count(), f.state());
        found.iter().map(row).collect()
    };
    let (complete, incomplete) = (CandleState::Complete, CandleState::Incomplete);
    let expected = [(100, 1, complete), (200, 2, incomplete), (201, 1, complete)];
    assert_eq!(counts(&mut history, now), expected);
    push(&mut history, 120);
    push(&mut history, 121);
    let expected = [(100, 1, complete), (120, 1, incomplete), (121, 1, complete)];
    assert_eq!(counts(&mut history, START + 122 * SECOND), expected);
    // Two seconds and a minute.
    assert_eq!(history.forgotten(), 3);
    assert_eq!(history.bytes(), history.recounted_bytes());
}

#[test]
fn a_volume_that_no_decimal_holds_is_missing_and_one_with_zeros_at_its_end_is_not() {
    let mut history = known();
    let time = START;
    for size in ["9000000000.000000000", "9000000000.000000000"] {
        history.push(0, None, &trade("1", size), Quality::Live, time);
    }
    for size in ["9223372036854775807", "0.1"] {
        history.push(1, None, &trade("1", size), Quality::Live, time);
    }
    let now = START + SECOND;
    let zeros = pages(&mut history, 0, Interval::Day, 1, now);
    assert_eq!(
        candle(&zeros[0]).volume,
        Some("18000000000".parse().unwrap())
    );
    let seconds = pages(&mut history, 0, Interval::Second, 1, now);
    assert_eq!(seconds[0].state(), CandleState::Complete);
    let none = pages(&mut history, 1, Interval::Second, 1, now);
    assert_eq!(candle(&none[0]).volume, None);
    assert_eq!(none[0].state(), CandleState::Incomplete);
}

#[test]
fn updates_of_topics_for_which_there_is_no_room_and_of_another_kind_are_counted() {
    let mut history = kept(4_000);
    let reading = Value::Reading(1.0);
    for topic in 0..100 {
        history.push(topic, None, &reading, Quality::Live, START);
    }
    let without = history.left_out();
    assert!((1..100).contains(&without), "{without}");
    history.push(0, None, &trade("1", "1"), Quality::Live, START);
    assert_eq!(history.left_out(), without + 1);
    let found = pages(&mut history, 0, Interval::Second, 1, START + SECOND);
    assert_eq!(
        (found[0].count(), found[0].state()),
        (1, CandleState::Incomplete)
    );
}

#[test]
fn a_history_without_memory_keeps_nothing() {
    let mut history = kept(0);
    history.push(0, Some(0), &trade("1", "1"), Quality::Live, START);
    history.feed_down(0, START);
    assert_eq!(pages(&mut history, 0, Interval::Second, 1, START), []);
    assert_eq!((history.bytes(), history.left_out()), (0, 0));
}

#[test]
fn where_memory_is_short_seconds_are_forgotten_before_minutes() {
    let mut history = kept(64 << 10);
    for second in 0..200_000 {
        let price = format!("{}.{:02}", 39_000 + second % 700, second % 97);
        history.push(
            0,
            None,
            &trade(&price, "0.5"),
            Quality::Live,
            START + second * SECOND,
        );
    }
    let now = START + 200_000 * SECOND;
    let mut spans = Vec::new();
    for interval in [
        Interval::Second,
        Interval::Minute,
        Interval::Minutes15,
        Interval::Hours4,
    ] {
        let found = pages(&mut history, 0, interval, 1_000, now);
        spans.push((now - found[0].start()) / SECOND);
    }
    // 55 hours, in 64 KiB.
    assert!((2_000..20_000).contains(&spans[0]), "{spans:?}");
    assert!((60_000..200_000).contains(&spans[1]), "{spans:?}");
    assert!(spans[2] >= 198_000 && spans[3] >= 198_000, "{spans:?}");
}

#[test]
fn a_topic_costs_what_its_pyramid_and_its_entries_need() {
    let mut history = kept(1 << 20);
    history.push(99, None, &Value::Reading(1.0), Quality::Live, START);
    let one = history.bytes();
    let pyramid = size_of::<Pyramid<RowSum>>();
    assert!(one > pyramid + 100 * size_of::<usize>(), "{one}");
    // Its entry is there already.
    history.push(50, None, &Value::Reading(1.0), Quality::Live, START);
    let another = history.bytes() - one;
    assert!(another > pyramid && another < one, "{another}");
}

#[test]
fn an_excerpt_knows_its_cost_and_reads_a_block_at_a_time() {
    let mut history = known();
    for second in 0..1_000 {
        let reading = Value::Reading(second as f64 / 8.0);
        history.push(0, None, &reading, Quality::Live, START + second * SECOND);
    }
    let question = CandlesQuestion {
        interval: Interval::Second,
        limit: 1_000,
        from_ns: None,
        before_ns: None,
    };
    let now = START + 1_000 * SECOND;
    let mut excerpt = history.excerpt(Some(0), &question, 0, now);
    let blocks = excerpt.bytes();
    assert!(blocks > 3_000, "{blocks}");
    let mut read = 0;
    loop {
        let (records, is_done) = excerpt.advance(1);
        read += records;
        if is_done {
            break;
        }
        assert!(records > 0, "only the last block ends the answer");
    }
    // The open second is no record yet.
    assert_eq!((read, excerpt.len()), (999, 1_000));
    assert!(!excerpt.is_empty());
    // What is left is the time before the server was started.
    assert_eq!(excerpt.bytes(), 16);
    let unknown = history.excerpt(None, &question, 0, now);
    assert!(unknown.is_empty());
}
