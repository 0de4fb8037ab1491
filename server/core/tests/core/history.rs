//! Requests for history, from the client through the sequencer and back.

use tickcast_core::{
    permissions::{Access, Permissions},
    sequencer::HistorySettings,
    settings::CoreSettings,
    shard::Event,
    wire::Wire,
    work::{NewUpdate, Submission, Work},
};
use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{ClientMessage, History, HistoryRequest, Position, ServerMessage},
    topic::{Filter, Topic},
    value::Value,
};

use crate::bench::{Bench, Client};

fn bench() -> Bench {
    Bench::new(CoreSettings {
        request_burst: 10_000,
        ..CoreSettings::default()
    })
}

fn request(topic: &str, limit: Option<u32>, before: Option<Position>) -> ClientMessage {
    ClientMessage::History(HistoryRequest {
        id: 7,
        topic: topic.to_owned(),
        limit,
        before,
    })
}

fn answer(client: &Client) -> History<Topic> {
    let messages = client.messages();
    let [ServerMessage::History(history)] = &messages[..] else {
        panic!("{messages:?}");
    };
    history.clone()
}

fn positions(history: &History<Topic>) -> Vec<Position> {
    let updates = history.updates.iter();
    updates.map(|update| update.position).collect()
}

#[test]
fn history_comes_in_pages_and_names_its_topic() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    for n in 0..10 {
        bench.publish(&[("a", f64::from(n)), ("b", 0.0)]);
    }
    for (limit, before, expected, more) in [
        (Some(3), None, &[15, 17, 19][..], true),
        (Some(3), Some(15), &[9, 11, 13], true),
        (Some(5), Some(9), &[1, 3, 5, 7], false),
        (None, Some(4), &[1, 3], false),
        (None, Some(1), &[], false),
    ] {
        bench.ask(&client, request("a", limit, before));
        let history = answer(&client);
        assert_eq!((history.id, positions(&history)), (7, expected.to_vec()));
        assert_eq!(history.more, more, "{limit:?} {before:?}");
    }
    bench.ask(&client, request("none", None, None));
    let history = answer(&client);
    assert_eq!((history.updates.len(), history.more), (0, false));
}

#[test]
fn an_answer_comes_after_the_updates_before_it_however_many_turns_they_take() {
    let mut bench = bench().with_max_steps(10);
    let client = bench.reader(Encoding::Json);
    let now = bench.now();
    bench.publish(&[("a", 1.0)]);
    let work = bench
        .shard
        .handle(client.key, request("a", None, None), now);
    let Some(Work::History(question)) = work else {
        panic!("{work:?}");
    };
    let update = NewUpdate::live(Topic::new("a").unwrap(), Value::Reading(2.0));
    let submission = Submission {
        updates: vec![update; 100].into(),
        ..Submission::default()
    };
    bench.sequencer.push(submission, now);
    let answer = bench.sequencer.answer(question, now);
    let strip = bench.sequencer.take_strip().unwrap();
    bench.shard.turn(&[strip], now);
    assert!(bench.shard.is_applying());
    bench.shard.answer_history(vec![answer]);
    let mut turns = 0;
    while bench.shard.is_applying() {
        assert_eq!(client.frames(), []);
        bench.shard.turn(&[], now);
        turns += 1;
    }
    assert!(turns > 5, "{turns}");
    while bench.shard.work(now) {}
    let history = self::answer(&client);
    assert_eq!(history.updates.len(), 101);
}

#[test]
fn history_in_bincode_introduces_its_topic() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Bincode);
    bench.publish(&[("a", 1.0), ("b", 2.0), ("b", 3.0)]);
    bench.ask(&client, request("b", None, None));
    let messages = client.messages_by_id();
    let [ServerMessage::History(history)] = &messages[..] else {
        panic!("{messages:?}");
    };
    let updates: Vec<_> = history
        .updates
        .iter()
        .map(|u| (u.topic, u.position))
        .collect();
    assert_eq!(updates, [(1, 2), (1, 3)]);
    let topics: Vec<_> = history
        .topics
        .iter()
        .map(|t| (t.id, t.topic.as_str()))
        .collect();
    assert_eq!(topics, [(1, "b")]);
}

#[test]
fn an_answer_stays_within_its_limits() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.publish(&vec![("short", 0.0); 5_000]);
    bench.ask(&client, request("short", None, None));
    // The default history keeps 2,000 updates of a topic.
    let history = answer(&client);
    assert_eq!((history.updates.len(), history.more), (2_000, false));
    let mut long = Bench::new(CoreSettings {
        history: HistorySettings {
            updates: 5_000,
            bytes: 1 << 30,
        },
        ..CoreSettings::default()
    });
    let client = long.reader(Encoding::Json);
    long.publish(&vec![("short", 0.0); 5_000]);
    for limit in [None, Some(u32::MAX)] {
        long.ask(&client, request("short", limit, None));
        let history = answer(&client);
        assert_eq!((history.updates.len(), history.more), (4_096, true));
    }
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let permissions = || Permissions {
        subscribe: vec![Filter::new("open/#").unwrap()],
        ..Permissions::default()
    };
    let mut bench = Bench::new(CoreSettings {
        permissions: permissions(),
        ..CoreSettings::default()
    });
    let client = bench.reader(Encoding::Json);
    bench.publish(&[("secret", 1.0), ("open/a", 1.0)]);
    bench.ask(&client, request("secret", None, None));
    client.is_refused(ErrorCode::SubscribeForbidden);
    bench.ask(&client, request("open/#", None, None));
    client.is_refused(ErrorCode::BadTopic);
    bench.ask(&client, request("open/a", None, None));
    assert_eq!(answer(&client).updates.len(), 1);
    let mut none = Bench::new(CoreSettings {
        history: HistorySettings::default(),
        ..CoreSettings::default()
    });
    let client = none.reader(Encoding::Json);
    none.ask(&client, request("a", None, None));
    client.is_refused(ErrorCode::NoHistory);
}

#[test]
fn a_connection_is_busy_until_its_question_is_answered() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let other = bench.reader(Encoding::Json);
    bench.publish(&[("a", 1.0)]);
    let now = bench.now();
    let work = bench
        .shard
        .handle(client.key, request("a", None, None), now);
    let Some(Work::History(question)) = work else {
        panic!("{work:?}");
    };
    assert_eq!(Work::History(question.clone()).request(), Some(7));
    while bench.shard.work(now) {}
    assert!(bench.shard.is_busy(client.key));
    assert_eq!(client.frames(), []);
    bench.ask(&other, request("a", None, None));
    assert_eq!(
        answer(&other).updates.len(),
        1,
        "another connection has its own"
    );
    let found = bench.sequencer.answer(question, now);
    bench.shard.answer_history(vec![found]);
    while bench.shard.work(now) {}
    assert_eq!(answer(&client).updates.len(), 1);
    assert!(!bench.shard.is_busy(client.key));
    assert!(
        bench
            .shard
            .take_events()
            .contains(&Event::Ready(client.key))
    );
    bench.ask(&client, request("a", None, None));
    assert_eq!(answer(&client).updates.len(), 1);
}

#[test]
fn the_answer_for_a_connection_that_has_ended_goes_nowhere() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.publish(&[("a", 1.0)]);
    let now = bench.now();
    let Some(Work::History(question)) =
        bench
            .shard
            .handle(client.key, request("a", None, None), now)
    else {
        panic!("no question");
    };
    let answer = bench.sequencer.answer(question, now);
    bench.shard.disconnect(client.key);
    let successor = bench.connect(Wire::from(Encoding::Json), Access::READER);
    successor.messages();
    bench.shard.answer_history(vec![answer]);
    while bench.shard.work(now) {}
    assert_eq!(successor.messages(), []);
}
