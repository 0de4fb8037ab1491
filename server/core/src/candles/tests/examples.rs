//! Single cases: borders of intervals, clocks, outages, limits.

use tickcast_protocol::{
    message::{CandleState, Interval, Quality},
    value::Value,
};

use super::{Found, SECOND, START, candle, kept, known, pages, trade};
use crate::candles::{CandlesQuestion, LongHistory, pyramid::Pyramid, row_sum::RowSum};

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
    assert_eq!(excerpt.bytes(), 0, "it keeps no block that is read");
    let unknown = history.excerpt(None, &question, 0, now);
    assert!(unknown.is_empty());
}
