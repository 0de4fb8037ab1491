//! Updates of clients.

use tickcast_core::{permissions::Permissions, settings::CoreSettings, work::Work};
use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{ClientMessage, List, Publication, Publish, PublishOnce, ServerMessage},
    topic::Filter,
    value::Value,
};

use super::{PUBLISHER, bench, publish};
use crate::bench::{Bench, TOPICS_MAX};

#[test]
fn publishes_are_acknowledged_with_their_last_position() {
    let mut bench = bench();
    let client = bench.connect(Encoding::Json, PUBLISHER);
    client.messages();
    bench.publish(&[("a", 1.0)]);
    bench.ask(&client, publish(Some(6), &["a", "b", "c"]));
    bench.settle();
    let messages = client.messages();
    let [ServerMessage::Published(published)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((published.id, published.position), (6, 4));
    bench.ask(&client, publish(None, &["a"]));
    bench.settle();
    assert_eq!((client.messages(), bench.sequencer.position()), (vec![], 5));
}

#[test]
fn a_publish_that_comes_again_is_answered_and_does_not_count_as_a_request() {
    let mut bench = Bench::new(CoreSettings {
        request_burst: 1,
        ..CoreSettings::default()
    });
    let client = bench.connect(Encoding::Json, PUBLISHER);
    client.messages();
    let once = |id, number, topics: &[&str]| {
        let ClientMessage::Publish(Publish { updates, .. }) = publish(None, topics) else {
            panic!("it is a publish");
        };
        ClientMessage::PublishOnce(PublishOnce {
            id,
            publisher: 7,
            number,
            updates,
        })
    };
    for (id, number, topics, expected) in [
        (1, 2, &["a"][..], Err(ErrorCode::NumberTooOld)),
        (7, 0, &["a"], Err(ErrorCode::Malformed)),
        (2, 1, &[], Ok(0)),
        (3, 2, &["a", "b"], Ok(2)),
        (4, 2, &["a", "b"], Ok(2)),
        (5, 3, &["+"], Err(ErrorCode::BadTopic)),
        (6, 3, &["a"], Ok(3)),
        (8, 0, &[], Err(ErrorCode::Malformed)),
    ] {
        bench.ask(&client, once(id, number, topics));
        bench.settle();
        let messages = client.messages();
        let told = match &messages[..] {
            [ServerMessage::Published(published)] => (published.id, Ok(published.position)),
            [ServerMessage::Error(error)] => {
                assert!(!error.temporary);
                (error.id.unwrap(), Err(error.code))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(told, (id, expected));
    }
    assert_eq!(bench.sequencer.position(), 3);
}

#[test]
fn an_acknowledgement_of_another_shard_or_of_an_ended_connection_goes_nowhere() {
    let mut bench = bench();
    let client = bench.connect(Encoding::Json, PUBLISHER);
    let now = bench.now();
    let work = bench
        .shard
        .handle(client.key, publish(Some(1), &["a"]), now);
    let Some(Work::Updates(mut submission)) = work else {
        panic!("{work:?}");
    };
    let mut ack = submission.ack.unwrap();
    assert_eq!(ack.shard, bench.shard.index());
    bench.shard.disconnect(client.key);
    let successor = bench.connect(Encoding::Json, PUBLISHER);
    assert_ne!(successor.key, client.key);
    assert_eq!(
        successor.key.to_u64() as u32,
        client.key.to_u64() as u32,
        "the same slot"
    );
    successor.messages();
    bench.sequencer.push(submission.clone(), now);
    ack.shard += 1;
    ack.connection = successor.key.to_u64();
    submission.ack = Some(ack);
    bench.sequencer.push(submission, now);
    bench.settle();
    assert_eq!(successor.messages(), []);
}

#[test]
fn what_may_not_be_published_is_refused_as_a_whole() {
    let mut bench = Bench::new(CoreSettings {
        permissions: Permissions {
            publish: vec![Filter::new("lab/+").unwrap()],
            ..Permissions::default()
        },
        ..CoreSettings::default()
    });
    let reader = bench.reader(Encoding::Json);
    let publisher = bench.connect(Encoding::Json, PUBLISHER);
    publisher.messages();
    for (client, topics, code) in [
        (&reader, &["lab/a"][..], ErrorCode::PublishForbidden),
        (
            &publisher,
            &["lab/a", "market/a"],
            ErrorCode::PublishForbidden,
        ),
        (&publisher, &["lab/a", "lab/+"], ErrorCode::BadTopic),
    ] {
        bench.ask(client, publish(Some(2), topics));
        let error = client.error();
        assert_eq!((error.id, error.code), (Some(2), code));
    }
    bench.settle();
    assert_eq!(bench.sequencer.position(), 0);
    let topics: Vec<_> = (0..=TOPICS_MAX).map(|n| format!("lab/{n}")).collect();
    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
    bench.ask(&publisher, publish(Some(3), &topics));
    bench.settle();
    let error = publisher.error();
    assert_eq!((error.id, error.code), (Some(3), ErrorCode::TooManyTopics));
    assert_eq!(bench.sequencer.refused(), TOPICS_MAX as u64 + 1);
}

#[test]
fn a_published_update_has_the_value_and_the_time_of_its_source() {
    let mut bench = bench();
    let client = bench.connect(Encoding::Json, PUBLISHER);
    let message = ClientMessage::Publish(Publish {
        id: None,
        updates: vec![Publication {
            topic: "a".to_owned(),
            value: Value::Reading(21.5),
            source_time_ns: Some(1_700_000_000_000_000_001),
        }],
    });
    let now = bench.now();
    let Some(Work::Updates(submission)) = bench.shard.handle(client.key, message, now) else {
        panic!("it is work for the sequencer");
    };
    let [update] = &submission.updates[..] else {
        panic!("{:?}", submission.updates);
    };
    assert_eq!(
        (update.topic.as_str(), &update.value),
        ("a", &Value::Reading(21.5))
    );
    assert_eq!(update.source_time_ns, Some(1_700_000_000_000_000_001));
}

#[test]
fn a_publish_takes_one_step_and_four_for_each_update() {
    let mut bench = bench();
    let client = bench.connect(Encoding::Json, PUBLISHER);
    for topics in [&["a"][..], &["a", "b", "c"]] {
        let (before, now) = (bench.stats.steps.get(), bench.now());
        bench.shard.handle(client.key, publish(None, topics), now);
        let expected = 1 + 4 * topics.len() as u64;
        assert_eq!(bench.stats.steps.get() - before, expected);
    }
}

#[test]
fn publishes_do_not_count_as_requests() {
    let mut bench = Bench::new(CoreSettings {
        request_burst: 1,
        ..CoreSettings::default()
    });
    let client = bench.connect(Encoding::Json, PUBLISHER);
    client.messages();
    for _ in 0..100 {
        bench.ask(&client, publish(None, &["a"]));
    }
    bench.ask(&client, ClientMessage::List(List { id: 1 }));
    assert!(matches!(
        client.messages()[..],
        [ServerMessage::Subscriptions(_)]
    ));
}

#[test]
fn a_publish_that_comes_too_late_for_the_tape_is_refused() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let now = bench.now();
    bench
        .shard
        .refuse_work(client.key, Some(3), ErrorCode::Draining, now);
    let error = client.error();
    assert_eq!((error.id, error.code), (Some(3), ErrorCode::Draining));
    assert!(error.temporary);
}
