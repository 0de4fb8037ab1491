//! Requests of clients: what is answered, what is refused, and the limits of one connection.

use std::time::Duration;

use tickcast_core::{
    Refusal,
    permissions::{Access, Permissions},
    settings::CoreSettings,
    work::Work,
};
use tickcast_protocol::{
    codec::Encoding,
    error::{CloseCode, ErrorCode},
    message::{
        Change, ClientMessage, Epoch, FilterRequest, HistoryRequest, List, Mode, Position,
        Publication, Publish, PublishOnce, Resume, ServerMessage, Start, Subscribe,
        SubscribeResult, SubscriptionInfo, TimeRequest, Unsubscribe,
    },
    topic::Filter,
    value::Value,
};

use crate::bench::{Bench, Client, EPOCH, TOPICS_MAX};

const EVERY: (Mode, Option<f64>) = (Mode::Every, None);
const LATEST: (Mode, Option<f64>) = (Mode::Latest, None);
const PUBLISHER: Access = Access { may_publish: true };

fn bench() -> Bench {
    Bench::new(CoreSettings {
        subscriptions_max: 3,
        requests_per_s: 10,
        request_burst: 50,
        ..CoreSettings::default()
    })
}

fn publish(id: Option<u32>, topics: &[&str]) -> ClientMessage {
    let update = |topic: &&str| Publication {
        topic: (*topic).to_owned(),
        value: Value::Reading(1.0),
        source_time_ns: Some(5),
    };
    ClientMessage::Publish(Publish {
        id,
        updates: topics.iter().map(update).collect(),
    })
}

fn subscribe(filters: &[&str], max_rate_hz: Option<f64>) -> ClientMessage {
    ClientMessage::Subscribe(Subscribe {
        id: 4,
        filters: filters.iter().map(|&filter| filter.into()).collect(),
        mode: Mode::Latest,
        max_rate_hz,
    })
}

/// The codes with which filters of one request are refused; `None` for an accepted one.
fn results(bench: &mut Bench, client: &Client, request: ClientMessage) -> Vec<Option<ErrorCode>> {
    bench.ask(client, request);
    let messages = client.messages();
    let [ServerMessage::Subscribed(subscribed)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!(subscribed.id, 4);
    let results = subscribed.results.iter();
    results
        .map(|result| match result {
            SubscribeResult::Accepted(_) => None,
            SubscribeResult::Refused(refused) => Some(refused.code),
        })
        .collect()
}

fn listed(bench: &mut Bench, client: &Client) -> Vec<SubscriptionInfo> {
    bench.ask(client, ClientMessage::List(List { id: 5 }));
    let messages = client.messages();
    let Some(ServerMessage::Subscriptions(answer)) = messages.last() else {
        panic!("{messages:?}");
    };
    assert_eq!(answer.id, 5);
    answer.subscriptions.clone()
}

#[test]
fn a_connection_has_as_many_subscriptions_as_allowed_and_no_more() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let request = subscribe(&["a", "b", "c", "d", "a"], None);
    let codes = results(&mut bench, &client, request);
    let too_many = Some(ErrorCode::TooManySubscriptions);
    assert_eq!(codes, [None, None, None, too_many, None]);
    let counts = (bench.stats.subscriptions.get(), bench.stats.channels.get());
    assert_eq!(counts, (3, 3));
    bench.shard.disconnect(client.key);
    let counts = (bench.stats.subscriptions.get(), bench.stats.channels.get());
    assert_eq!((counts, bench.stats.connections.get()), ((0, 0), 0));
}

#[test]
fn a_filter_that_is_not_valid_not_allowed_or_has_an_impossible_rate_is_refused() {
    let mut bench = Bench::new(CoreSettings {
        permissions: Permissions {
            subscribe: vec![Filter::new("open/#").unwrap()],
            ..Permissions::default()
        },
        ..CoreSettings::default()
    });
    let client = bench.reader(Encoding::Json);
    let request = subscribe(&["open/#/a", "#", "open/a"], None);
    let codes = results(&mut bench, &client, request);
    let expected = [
        Some(ErrorCode::BadFilter),
        Some(ErrorCode::SubscribeForbidden),
        None,
    ];
    assert_eq!(codes, expected);
    for rate in [0.0, -1.0] {
        let codes = results(&mut bench, &client, subscribe(&["open/b"], Some(rate)));
        assert_eq!(codes, [Some(ErrorCode::BadRate)], "{rate}");
    }
}

fn at(epoch: Epoch, position: Position) -> Option<Resume> {
    Some(Resume {
        epoch,
        position,
        count: None,
        snapshot: None,
    })
}

#[test]
fn a_resume_of_another_epoch_or_from_the_future_starts_anew_with_a_snapshot() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.publish(&[("a", 1.0), ("b", 1.0)]);
    let other = Epoch(EPOCH.0 + 1);
    for (filter, resume, start, snapshot) in [
        ("+", None, Start::Fresh, Some(0)),
        ("#", at(other, 1), Start::EpochChanged, Some(0)),
        ("a", at(EPOCH, 3), Start::PositionAhead, Some(0)),
    ] {
        let accepted = bench.subscribe(&client, filter, EVERY, resume);
        assert_eq!((accepted.start, accepted.snapshot), (start, snapshot));
        assert_eq!((accepted.position, accepted.epoch), (2, EPOCH));
        bench.settle();
        assert!(
            client
                .updates()
                .iter()
                .all(|(_, _, is_snapshot)| *is_snapshot)
        );
    }
    let other = bench.reader(Encoding::Json);
    let accepted = bench.subscribe(&other, "#", EVERY, at(EPOCH, 2));
    assert_eq!((accepted.start, accepted.snapshot), (Start::Resumed, None));
    bench.settle();
    assert_eq!(other.updates(), []);
    let accepted = bench.subscribe(&other, "none", EVERY, None);
    assert_eq!((accepted.start, accepted.snapshot), (Start::Fresh, None));
}

#[test]
fn a_node_ends_the_connection_of_a_client_that_another_one_has_taken_further() {
    let mut bench = Bench::new(CoreSettings {
        is_node: true,
        ..CoreSettings::default()
    });
    let client = bench.reader(Encoding::Json);
    bench.publish(&[("a", 1.0)]);
    let accepted = bench.subscribe(&client, "a", EVERY, at(EPOCH, 1));
    assert_eq!(accepted.start, Start::Resumed);
    let other = Epoch(EPOCH.0 + 1);
    let accepted = bench.subscribe(&client, "+", EVERY, at(other, 9));
    assert_eq!(accepted.start, Start::EpochChanged);
    bench.settle();
    client.frames();
    let filter = |filter: &str, resume| FilterRequest {
        filter: filter.to_owned(),
        resume,
    };
    let request = Subscribe {
        id: 1,
        filters: vec![filter("b", None), filter("#", at(EPOCH, 2))],
        mode: Mode::Every,
        max_rate_hz: None,
    };
    bench.ask(&client, ClientMessage::Subscribe(request));
    client.is_closed_with(CloseCode::NodeBehind);
}

#[test]
fn a_resume_within_a_snapshot_sends_the_rest_of_it() {
    let mut bench = bench();
    bench.publish(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    for (snapshot, rest) in [(0, 3), (1, 2), (2, 1), (3, 0), (4, 0)] {
        let client = bench.reader(Encoding::Json);
        let resume = Resume {
            epoch: EPOCH,
            position: 3,
            count: Some(3),
            snapshot: Some(snapshot),
        };
        let accepted = bench.subscribe(&client, "#", EVERY, Some(resume));
        assert_eq!(accepted.snapshot, (snapshot < 3).then_some(snapshot));
        bench.settle();
        assert_eq!(client.updates().len(), rest, "after {snapshot}");
    }
}

#[test]
fn an_ended_subscription_gets_nothing_and_others_go_on() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let other = bench.reader(Encoding::Json);
    let ended = bench.subscribe(&client, "a", EVERY, None).channel;
    let kept = bench.subscribe(&client, "b", EVERY, None).channel;
    bench.subscribe(&other, "a", EVERY, None);
    bench.subscribe(&other, "c", EVERY, None);
    bench.settle();
    bench.ask(
        &client,
        ClientMessage::Unsubscribe(Unsubscribe {
            id: 9,
            channels: vec![77, ended, ended],
        }),
    );
    let messages = client.messages();
    let [ServerMessage::Unsubscribed(answer)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((answer.id, &answer.channels[..]), (Some(9), &[ended][..]));
    bench.publish(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    bench.settle();
    assert_eq!(client.updates(), [("b".to_owned(), 2, false)]);
    assert_eq!(other.updates().len(), 2);
    let listed = listed(&mut bench, &client);
    let [info] = &listed[..] else {
        panic!("{listed:?}");
    };
    assert_eq!((info.channel, info.filter.as_str()), (kept, "b"));
    assert_eq!((info.mode, info.max_rate_hz), (Mode::Every, None));
    assert_eq!((info.position, info.topics), (3, 1));
    let counts = (bench.stats.subscriptions.get(), bench.stats.channels.get());
    assert_eq!(counts, (3, 3));
}

#[test]
fn an_ended_channel_with_a_due_batch_leaves_no_timer() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let paced = bench.subscribe(&client, "#", (Mode::Latest, Some(1.0)), None);
    bench.settle();
    bench.publish(&[("a", 1.0)]);
    bench.publish(&[("a", 2.0)]);
    assert_eq!(bench.shard.next_due(), Some(Duration::from_secs(1)));
    bench.ask(
        &client,
        ClientMessage::Unsubscribe(Unsubscribe {
            id: 1,
            channels: vec![paced.channel],
        }),
    );
    assert_eq!(bench.shard.next_due(), None);
    // Another channel takes its place and is not touched by its timer.
    client.messages();
    bench.subscribe(&client, "b", EVERY, None);
    bench.settle();
    bench.pass(Duration::from_secs(2));
    bench.settle();
    assert_eq!(client.messages(), []);
}

fn change(channel: u32, (mode, max_rate_hz): (Mode, Option<f64>)) -> ClientMessage {
    ClientMessage::Change(Change {
        id: 8,
        channel,
        mode,
        max_rate_hz,
    })
}

#[test]
fn a_changed_subscription_continues_at_its_position() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let first = bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    bench.publish(&[("a", 1.0), ("b", 1.0)]);
    assert_eq!(client.updates().len(), 2);
    bench.ask(&client, change(first.channel, (Mode::Latest, Some(4.0))));
    let messages = client.messages();
    let [ServerMessage::Changed(changed)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((changed.id, changed.previous), (8, first.channel));
    assert_ne!(changed.channel, first.channel);
    assert_eq!(
        (changed.mode, changed.max_rate_hz),
        (Mode::Latest, Some(4.0))
    );
    assert_eq!((changed.position, changed.count), (2, 2));
    assert_eq!(bench.stats.channels.get(), 1, "the first channel has ended");
    bench.settle();
    bench.publish(&[("a", 2.0)]);
    bench.publish(&[("a", 3.0)]);
    bench.pass(Duration::from_secs(1));
    bench.settle();
    let positions: Vec<_> = client.updates().iter().map(|update| update.1).collect();
    assert_eq!(positions, [3, 4]);
    // The pace that it has already changes nothing.
    bench.ask(&client, change(changed.channel, (Mode::Latest, Some(4.0))));
    let messages = client.messages();
    let [ServerMessage::Changed(again)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((again.channel, again.position), (changed.channel, 4));
}

#[test]
fn a_change_to_the_pace_of_another_subscription_ends_the_first_one() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let every = bench.subscribe(&client, "#", EVERY, None).channel;
    let latest = bench.subscribe(&client, "#", LATEST, None).channel;
    bench.settle();
    bench.ask(&client, change(every, LATEST));
    let messages = client.messages();
    let [ServerMessage::Changed(changed)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((changed.previous, changed.channel), (every, latest));
    assert_eq!(listed(&mut bench, &client).len(), 1);
    bench.publish(&[("a", 1.0)]);
    bench.settle();
    assert_eq!(client.updates().len(), 1);
}

#[test]
fn a_change_of_a_foreign_or_unknown_channel_or_to_an_impossible_rate_is_refused() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let other = bench.reader(Encoding::Json);
    let own = bench.subscribe(&client, "a", EVERY, None).channel;
    let foreign = bench.subscribe(&other, "b", EVERY, None).channel;
    for (request, code) in [
        (change(foreign, LATEST), ErrorCode::UnknownChannel),
        (change(99, LATEST), ErrorCode::UnknownChannel),
        (change(own, (Mode::Latest, Some(0.0))), ErrorCode::BadRate),
    ] {
        bench.ask(&client, request);
        let error = client.error();
        assert_eq!((error.id, error.code), (Some(8), code));
    }
    let refusals: Vec<_> = bench.stats.refusals().filter(|(_, n)| *n > 0).collect();
    assert_eq!(refusals, [(203, 2), (204, 1)]);
}

#[test]
fn a_change_while_behind_keeps_the_snapshot_that_was_not_sent_yet() {
    let mut bench = bench();
    bench.publish(&[("a", 1.0), ("b", 1.0)]);
    let client = bench.reader(Encoding::Json);
    let first = bench.subscribe(&client, "#", EVERY, None).channel;
    bench.ask(&client, change(first, LATEST));
    bench.publish(&[("c", 1.0)]);
    bench.settle();
    let expected = [("a", 1, true), ("b", 2, true), ("c", 3, false)];
    let expected = expected.map(|(topic, at, snapshot)| (topic.to_owned(), at, snapshot));
    assert_eq!(client.updates(), expected);
}

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
        (2, 1, &[], Ok(0)),
        (3, 2, &["a", "b"], Ok(2)),
        (4, 2, &["a", "b"], Ok(2)),
        (5, 3, &["+"], Err(ErrorCode::BadTopic)),
        (6, 3, &["a"], Ok(3)),
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
fn the_time_is_answered_with_that_of_the_server() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.pass(Duration::from_secs(3));
    bench.ask(
        &client,
        ClientMessage::Time(TimeRequest {
            id: 2,
            client_time_ns: 17,
        }),
    );
    let messages = client.messages();
    let [ServerMessage::Time(answer)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((answer.id, answer.client_time_ns), (2, 17));
    let times = (answer.receive_time_ns, answer.send_time_ns);
    assert_eq!(times, (bench.now().wall_ns, bench.now().wall_ns));
}

#[test]
fn requests_above_the_rate_are_refused_and_a_client_that_goes_on_is_closed() {
    let requests = [
        ClientMessage::List(List { id: 5 }),
        ClientMessage::Time(TimeRequest {
            id: 5,
            client_time_ns: 0,
        }),
        ClientMessage::Unsubscribe(Unsubscribe {
            id: 5,
            channels: vec![],
        }),
        ClientMessage::Subscribe(Subscribe {
            id: 5,
            filters: vec![],
            mode: Mode::Every,
            max_rate_hz: None,
        }),
        ClientMessage::Change(Change {
            id: 5,
            channel: 0,
            mode: Mode::Every,
            max_rate_hz: None,
        }),
        ClientMessage::History(HistoryRequest {
            id: 5,
            topic: "a".into(),
            limit: None,
            before: None,
        }),
    ];
    for request in requests {
        let mut bench = Bench::new(CoreSettings {
            requests_per_s: 10,
            request_burst: 2,
            ..CoreSettings::default()
        });
        let client = bench.reader(Encoding::Json);
        for _ in 0..2 {
            bench.ask(&client, request.clone());
        }
        client.frames();
        bench.ask(&client, request.clone());
        let error = client.error();
        assert_eq!(
            (error.id, error.code),
            (Some(5), ErrorCode::TooManyRequests)
        );
        assert_eq!((error.temporary, error.retry_after_ms), (true, Some(100)));
        bench.pass(Duration::from_millis(100));
        bench.ask(&client, request.clone());
        assert_eq!(client.frames().len(), 1, "a token has come back");
        for _ in 0..21 {
            bench.ask(&client, request.clone());
        }
        client.is_closed_with(CloseCode::RateLimit);
        assert_eq!(bench.closes("4500"), 1);
        bench.ask(&client, request);
        assert_eq!(client.frames(), [], "closed once");
    }
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
fn a_message_that_is_not_valid_counts_as_a_request() {
    let mut bench = Bench::new(CoreSettings {
        requests_per_s: 10,
        request_burst: 1,
        ..CoreSettings::default()
    });
    let client = bench.reader(Encoding::Json);
    let refusal = || Refusal::new(ErrorCode::Malformed, "not JSON");
    let now = bench.now();
    bench.shard.refuse_message(client.key, None, refusal(), now);
    let error = client.error();
    assert_eq!(
        (error.code, error.reason.as_str()),
        (ErrorCode::Malformed, "not JSON")
    );
    assert_eq!((error.temporary, error.retry_after_ms), (false, None));
    for _ in 0..10 {
        bench.shard.refuse_message(client.key, None, refusal(), now);
        client.is_refused(ErrorCode::TooManyRequests);
    }
    bench.shard.refuse_message(client.key, None, refusal(), now);
    client.is_closed_with(CloseCode::RateLimit);
    bench.shard.refuse_message(client.key, None, refusal(), now);
    assert_eq!(client.frames(), []);
    bench.shard.disconnect(client.key);
    bench.shard.refuse_message(client.key, None, refusal(), now);
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

#[test]
fn a_filter_that_is_asked_for_twice_is_one_subscription() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let first = bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    bench.publish(&[("a", 1.0)]);
    client.messages();
    let again = bench.subscribe(&client, "#", EVERY, None);
    assert_eq!(
        (again.channel, again.start),
        (first.channel, Start::Existing)
    );
    assert_eq!((again.position, again.count), (1, 1));
    bench.settle();
    bench.publish(&[("a", 1.0)]);
    assert_eq!(client.updates().len(), 1);
}
