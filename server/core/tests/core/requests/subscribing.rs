//! Subscriptions: how many, of which filters, and how they end.

use std::time::Duration;

use tickcast_core::{permissions::Permissions, settings::CoreSettings};
use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{ClientMessage, Mode, ServerMessage, Start, Unsubscribe},
    topic::Filter,
};

use super::{EVERY, bench, listed, results, subscribe};
use crate::bench::Bench;

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
