//! Candles and rows of a history that begins with what a log has: what is missing in them.

use tickcast_core::candles::{CandlesQuestion, Intervals, LongHistory};
use tickcast_protocol::{
    message::{CandleState, Interval, Quality},
    value::Value,
};

use crate::restored::settings;

const MINUTE: i64 = 60_000_000_000;
const FEED: u8 = 1;

#[test]
fn candles_of_before_stay_and_those_of_the_time_between_are_incomplete() {
    let mut history = LongHistory::new(settings().long_history);
    let value = Value::Reading(1.0);
    for minute in [0, 1, 2] {
        history.remember(0, &value, Quality::Live, minute * MINUTE);
    }
    history.restarted(5 * MINUTE + 1);
    for minute in [6, 7] {
        let feed = Some(FEED.into());
        history.push(0, feed, &value, Quality::Live, minute * MINUTE);
    }
    let expected = [
        (0, CandleState::Complete),
        (1, CandleState::Complete),
        (2, CandleState::Incomplete),
        (6, CandleState::Complete),
        (7, CandleState::Complete),
    ];
    assert_eq!(minutes(&mut history, 0, 9), expected);
}

/// The states of the minutes of a topic that have rows, at a minute.
fn minutes(history: &mut LongHistory, topic: u32, now: i64) -> Vec<(i64, CandleState)> {
    let question = CandlesQuestion {
        interval: Interval::Minute,
        limit: 100,
        from_ns: None,
        before_ns: None,
    };
    let mut excerpt = history.excerpt(Some(topic), &question, 5, now * MINUTE);
    while !excerpt.advance(100).1 {}
    let Intervals::Rows(rows) = excerpt.intervals(0..excerpt.len()) else {
        panic!("{excerpt:?}");
    };
    rows.iter()
        .map(|row| (row.start_ns / MINUTE, row.state))
        .collect()
}

#[test]
fn candles_of_before_are_incomplete_where_their_feed_was_down() {
    let (value, quality) = (Value::Reading(1.0), Quality::Live);
    let mut before = LongHistory::new(settings().long_history);
    for feed in [0, 1] {
        before.push(feed.into(), Some(feed), &value, quality, 0);
    }
    assert_eq!(before.take_feed_outages(), None, "both have just begun");
    before.feed_down(0, 2 * MINUTE + 5);
    before.push(0, Some(0), &value, quality, 4 * MINUTE);
    before.feed_down(1, 6 * MINUTE);
    let told = before.take_feed_outages().expect("they were down");
    let down = (2 * MINUTE + 5, 4 * MINUTE);
    assert_eq!(told, [(0, vec![down]), (1, vec![(6 * MINUTE, i64::MAX)])]);
    assert_eq!(before.take_feed_outages(), None, "nothing has changed");
    let mut after = LongHistory::new(settings().long_history);
    for minute in [1, 2, 4, 6] {
        for topic in 0..3 {
            after.remember(topic, &value, quality, minute * MINUTE);
        }
    }
    for (feed, spans) in &told {
        after.feed_was_down(*feed, spans);
    }
    after.restarted(10 * MINUTE);
    let of = |flawed: &[i64], minutes: &[i64]| -> Vec<_> {
        let states = minutes.iter().map(|minute| match flawed.contains(minute) {
            true => (*minute, CandleState::Incomplete),
            false => (*minute, CandleState::Complete),
        });
        states.collect()
    };
    let all = [1, 2, 4, 6];
    // Before a topic is heard again it may be that of any feed. At 6 the server ended.
    for topic in 0..3 {
        assert_eq!(minutes(&mut after, topic, 11), of(&[2, 6], &all), "{topic}");
    }
    for (topic, feed) in [(0, Some(0)), (1, Some(1)), (2, None)] {
        after.push(topic, feed, &value, quality, 20 * MINUTE);
    }
    let all = [1, 2, 4, 6, 20];
    assert_eq!(minutes(&mut after, 0, 30), of(&[2, 6], &all));
    assert_eq!(minutes(&mut after, 1, 30), of(&[6], &all));
    assert_eq!(
        minutes(&mut after, 2, 30),
        of(&[6], &all),
        "a client has published it"
    );
    let told = after.take_feed_outages().expect("they were heard again");
    // That of the second feed lasted until it was heard.
    assert_eq!(told[0].1, [down, (6 * MINUTE, 20 * MINUTE)]);
    assert_eq!(told[1].1, [(6 * MINUTE, 20 * MINUTE)]);
}
