use std::time::Duration;

use smallvec::smallvec;
use tickcast_protocol::{
    codec,
    message::{CandleState, Interval, Status},
    value::Value,
};

use super::*;
use crate::{
    candles::{CandlesQuestion, Intervals, LongHistorySettings},
    tape::StatusChange,
    work::Ack,
};

fn update(topic: &str) -> NewUpdate {
    NewUpdate::live(Topic::new(topic).unwrap(), Value::Reading(1.0))
}

fn submission(topics: &[&str], ack: Option<Ack>) -> Submission {
    Submission {
        updates: topics.iter().map(|topic| update(topic)).collect(),
        ack,
        feed: None,
        once: None,
    }
}

fn at(wall_ns: i64) -> Now {
    Now {
        uptime: Duration::ZERO,
        wall_ns,
    }
}

const ACK: Ack = Ack {
    shard: 0,
    connection: 7,
    id: Some(1),
};

#[test]
fn positions_count_all_updates_and_seqs_those_of_a_topic() {
    let mut sequencer = Sequencer::new(10);
    sequencer.push(submission(&["a"], None), at(100));
    sequencer.push(submission(&["b", "a"], Some(ACK)), at(200));
    let strip = sequencer.take_strip().unwrap();
    let seen: Vec<_> = strip
        .updates()
        .map(|raw| codec::decode_update_bincode(raw.bincode).unwrap())
        .map(|update| {
            (
                update.topic,
                update.position,
                update.seq,
                update.ingest_time_ns,
            )
        })
        .collect();
    assert_eq!(seen, [(0, 1, 1, 100), (1, 2, 1, 200), (0, 3, 2, 200)]);
    assert_eq!(strip.topics().len(), 2);
    let ack = AckResult {
        ack: ACK,
        result: Ok(3),
    };
    assert_eq!(strip.acks(), [ack]);
    assert!(sequencer.take_strip().is_none());
}

#[test]
fn a_publish_that_comes_again_is_answered_as_the_first_time_also_after_a_snapshot() {
    let mut sequencer = Sequencer::new(1);
    let once = |topics: &[&str], number| Submission {
        once: Some(Once {
            publisher: 7,
            number,
        }),
        ..submission(topics, Some(ACK))
    };
    let results = |sequencer: &mut Sequencer| {
        let strip = sequencer.take_strip().unwrap();
        let results = strip.acks().iter().map(|ack| ack.result);
        results.collect::<Vec<_>>()
    };
    sequencer.push(once(&["a"], 2), at(0));
    sequencer.push(once(&[], 1), at(0));
    sequencer.push(once(&["a", "a"], 2), at(0));
    sequencer.push(submission(&["a"], None), at(0));
    sequencer.push(once(&["a", "a"], 2), at(0));
    // What is refused does not count: it may be sent again.
    sequencer.push(once(&["b"], 4), at(0));
    let too_old = Err(Unpublished::NumberTooOld);
    let too_many = Err(Unpublished::TooManyTopics);
    assert_eq!(
        results(&mut sequencer),
        [too_old, Ok(0), Ok(2), Ok(2), too_many]
    );
    assert_eq!((sequencer.position(), sequencer.repeats()), (3, 1));
    assert_eq!((sequencer.too_old(), sequencer.publishers().len()), (1, 1));

    let mut other = Sequencer::new(1);
    other.resume(&sequencer.snapshot(), at(0));
    assert_eq!(sequencer.snapshot().position(), sequencer.position());
    for sequencer in [&mut sequencer, &mut other] {
        sequencer.push(once(&["a", "a"], 2), at(0));
        sequencer.push(once(&["a"], 4), at(0));
        sequencer.push(once(&["a"], 3), at(0));
        assert_eq!(results(sequencer), [Ok(2), Ok(4), Ok(5)]);
    }
    assert_eq!(sequencer.snapshot(), other.snapshot());
}

#[test]
fn a_strip_that_only_answers_is_no_news_for_a_later_server() {
    let mut sequencer = Sequencer::new(1);
    let once = Submission {
        once: Some(Once {
            publisher: 7,
            number: 1,
        }),
        ..submission(&[], Some(ACK))
    };
    for (what, submission, expected) in [
        ("an update", submission(&["a"], Some(ACK)), true),
        ("a refusal", submission(&["b"], Some(ACK)), false),
        ("a publish that may come again", once.clone(), true),
        ("a publish that comes again", once, false),
    ] {
        sequencer.push(submission, at(0));
        let strip = sequencer.take_strip().unwrap();
        assert_eq!(
            (strip.is_news(), strip.acks().len()),
            (expected, 1),
            "{what}"
        );
    }
    let (mut told, mut changed) = (StripBuilder::new(1), StripBuilder::new(1));
    told.introduce(TopicInfo::new(0, Topic::new("a").unwrap()));
    changed.change_statuses([StatusChange {
        topic: 0,
        status: Status::Stale,
        since_ns: 5,
    }]);
    assert!(told.build().is_news() && changed.build().is_news());
}

#[test]
fn too_many_topics_are_refused_and_counted() {
    let mut sequencer = Sequencer::new(1);
    sequencer.push(submission(&["a"], None), at(0));
    sequencer.push(submission(&["b"], None), at(0));
    sequencer.push(submission(&["a", "c"], Some(ACK)), at(0));
    assert_eq!(sequencer.refused(), 3);
    assert_eq!(sequencer.position(), 1);
    let strip = sequencer.take_strip().unwrap();
    let refused = AckResult {
        ack: ACK,
        result: Err(Unpublished::TooManyTopics),
    };
    assert_eq!(strip.acks(), [refused]);
    sequencer.push(
        Submission {
            updates: smallvec![update("a")],
            ..Submission::default()
        },
        at(0),
    );
    assert_eq!(sequencer.position(), 2);
}

#[test]
fn a_client_that_introduces_topics_too_fast_is_refused_with_or_without_an_id() {
    let limits = NewTopicLimits { per_s: 1, burst: 2 };
    let mut sequencer = Sequencer::new(10).with_new_topics(limits);
    // A topic that occurs twice is one.
    sequencer.push(submission(&["a", "b", "a"], Some(ACK)), at(0));
    sequencer.push(submission(&["c", "a"], Some(ACK)), at(0));
    sequencer.push(submission(&["a", "b"], Some(ACK)), at(0));
    let silent = Ack { id: None, ..ACK };
    sequencer.push(submission(&["d"], Some(silent)), at(0));
    sequencer.push(submission(&["b"], Some(silent)), at(0));
    let other = Ack {
        connection: 8,
        ..ACK
    };
    sequencer.push(submission(&["e"], Some(other)), at(0));
    // A feed has no such limit.
    sequencer.push(submission(&["f", "g", "h"], None), at(0));
    let refused = Err(Unpublished::TooManyNewTopics {
        retry_after_ms: 1000,
    });
    let strip = sequencer.take_strip().unwrap();
    let results = [
        (ACK, Ok(3)),
        (ACK, refused),
        (ACK, Ok(5)),
        (silent, refused),
        (other, Ok(7)),
    ];
    assert_eq!(
        strip.acks(),
        results.map(|(ack, result)| AckResult { ack, result })
    );
    assert_eq!(sequencer.refused_new_topics(), 3);
    assert_eq!(sequencer.refused(), 0);
    assert_eq!(sequencer.position(), 10);
    assert_eq!(sequencer.topics(), 6);
}

#[test]
fn a_publish_without_an_id_is_refused_as_a_whole_and_answered() {
    let mut sequencer = Sequencer::new(1);
    let silent = Ack { id: None, ..ACK };
    sequencer.push(submission(&["a", "b"], Some(silent)), at(0));
    assert_eq!((sequencer.position(), sequencer.refused()), (0, 2));
    let refused = AckResult {
        ack: silent,
        result: Err(Unpublished::TooManyTopics),
    };
    assert_eq!(sequencer.take_strip().unwrap().acks(), [refused]);
}

/// An update of a topic by feed 0 with a unit.
fn with_unit(topic: &str, unit: &str) -> Submission {
    let update = NewUpdate {
        unit: Some(unit.into()),
        ..update(topic)
    };
    Submission {
        updates: smallvec![update],
        feed: Some(0),
        ..Submission::default()
    }
}

/// Names and units of the topics that the next strip announces.
fn announced(sequencer: &mut Sequencer) -> Vec<(String, Option<String>)> {
    let strip = sequencer.take_strip().unwrap();
    let topics = strip.topics().iter();
    topics
        .map(|info| (info.topic.to_string(), info.unit.clone()))
        .collect()
}

#[test]
fn a_topic_is_announced_again_when_its_unit_has_changed() {
    let mut sequencer = Sequencer::new(10);
    let told = |unit: &str| vec![("a".to_owned(), Some(unit.to_owned()))];
    sequencer.push(with_unit("a", "V"), at(0));
    assert_eq!(announced(&mut sequencer), told("V"));
    sequencer.push(with_unit("a", "V"), at(0));
    sequencer.push(submission(&["a"], None), at(0));
    assert_eq!(announced(&mut sequencer), [], "the unit is the same");
    sequencer.push(with_unit("a", "mV"), at(0));
    assert_eq!(announced(&mut sequencer), told("mV"));
    assert_eq!(sequencer.facts().left_out(), 0);
    sequencer.push(with_unit("a", &"x".repeat(1_000)), at(0));
    assert_eq!(announced(&mut sequencer), []);
    assert_eq!(sequencer.facts().left_out(), 1, "too long");
}

#[test]
fn topics_whose_source_is_gone_are_dead_if_they_are_of_that_feed() {
    let mut sequencer = Sequencer::new(10);
    sequencer.push(with_unit("a", "V"), at(0));
    sequencer.push(submission(&["b"], None), at(0));
    sequencer.take_strip();
    let topics = ["a", "b", "unknown"].map(|name| Topic::new(name).unwrap());
    sequencer.topics_dead(0, &topics, at(5));
    let strip = sequencer.take_strip().unwrap();
    let dead: Vec<_> = strip.statuses().iter().map(|change| change.topic).collect();
    assert_eq!(dead, [0]);
}

const SECOND: TimeNs = 1_000_000_000;

fn with_candles() -> Sequencer {
    let settings = LongHistorySettings { bytes: 1 << 20 };
    Sequencer::new(10).with_long_history(LongHistory::new(settings))
}

/// The seconds from one up to another in which topic `a` has updates, and which of them are
/// incomplete.
fn seconds(sequencer: &mut Sequencer, from: i64, to: i64) -> (Vec<i64>, Vec<i64>) {
    let question = HistoryQuestion {
        from: ACK,
        topic: Topic::new("a").unwrap(),
        asked: Asked::Candles(CandlesQuestion {
            interval: Interval::Second,
            limit: 100,
            from_ns: Some(from * SECOND),
            before_ns: Some(to * SECOND),
        }),
    };
    let answer = sequencer.answer(question, at(to * SECOND + SECOND));
    assert!(answer.bytes() > 1);
    let Past::Candles(mut excerpt) = answer.past else {
        panic!("{answer:?}");
    };
    while !excerpt.advance(100).1 {}
    let Intervals::Rows(rows) = excerpt.intervals(0..excerpt.len()) else {
        panic!("{excerpt:?}");
    };
    let incomplete = rows
        .iter()
        .filter(|row| row.state == CandleState::Incomplete);
    (
        rows.iter().map(|row| row.start_ns / SECOND).collect(),
        incomplete.map(|row| row.start_ns / SECOND).collect(),
    )
}

#[test]
fn candles_of_a_feed_that_has_lost_updates_are_incomplete() {
    let mut sequencer = with_candles();
    for second in 100..110 {
        sequencer.push(with_unit("a", "V"), at(second * SECOND));
        if second == 107 {
            sequencer.feed_lost(0, 105 * SECOND, at(second * SECOND));
        }
    }
    assert!(sequencer.long_history().bytes() > 0);
    let (all, incomplete) = seconds(&mut sequencer, 101, 109);
    assert_eq!(all.len(), 8);
    assert_eq!(incomplete, [105, 106, 107]);
}

/// A sequencer that goes on with what another one is at second 110, and with its updates but those
/// of some seconds.
fn gone_on(one: &mut Sequencer, missing: &[i64]) -> Sequencer {
    let mut other = with_candles();
    let mut last = None;
    for second in 100..110 {
        one.push(with_unit("a", "V"), at(second * SECOND + 1));
        if second == 103 {
            one.feed_down(0, at(second * SECOND + 2));
        }
        if second == 106 {
            one.feed_lost(0, 105 * SECOND, at(second * SECOND + 2));
        }
        while let Some(strip) = one.take_strip() {
            for update in strip.updates().filter(|_| !missing.contains(&second)) {
                let read = codec::decode_update_bincode(update.bincode).unwrap();
                let before = last.replace(second).filter(|last| last + 1 < second);
                if let Some(before) = before {
                    other.remember_missing(before * SECOND + 1, read.ingest_time_ns);
                }
                other.remember(&read, update.bincode);
            }
        }
    }
    one.feed_down(0, at(109 * SECOND + 2));
    while one.take_strip().is_some() {}
    other.resume(&one.snapshot(), at(109 * SECOND + 2));
    for second in 112..115 {
        for sequencer in [&mut *one, &mut other] {
            sequencer.push(with_unit("a", "V"), at(second * SECOND + 1));
        }
    }
    other
}

#[test]
fn a_sequencer_that_goes_on_knows_when_feeds_were_down() {
    let mut one = with_candles();
    let mut other = gone_on(&mut one, &[]);
    let (all, incomplete) = seconds(&mut one, 101, 120);
    assert_eq!(incomplete, [103, 104, 105, 106, 109, 112]);
    assert_eq!(seconds(&mut other, 101, 120), (all, incomplete));
}

#[test]
fn what_it_does_not_remember_is_missing() {
    let mut one = with_candles();
    let mut other = gone_on(&mut one, &[108, 109]);
    let (_, incomplete) = seconds(&mut other, 101, 120);
    assert_eq!(incomplete, [103, 104, 105, 106, 107, 112]);
    let mut other = gone_on(&mut with_candles(), &[101]);
    let (_, incomplete) = seconds(&mut other, 101, 120);
    assert_eq!(incomplete, [102, 103, 104, 105, 106, 109, 112]);
}
