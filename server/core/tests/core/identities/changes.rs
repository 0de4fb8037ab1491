//! Rights that change while a client is connected.

use std::sync::Arc;

use tickcast_core::{identity::Review, settings::CoreSettings};
use tickcast_protocol::{
    error::ErrorCode,
    message::{Change, ClientMessage, Mode, Resume, ServerMessage, Subscribe, SubscribeResult},
};

use super::{SLOW_HZ, bench, generous};
use crate::bench::{Bench, EPOCH};

#[test]
fn an_identity_has_its_own_limits_and_they_change_with_it() {
    let mut bench = bench(generous());
    let mut identity = bench.identity("al", "all");
    identity.limits.subscriptions = Some(1);
    let client = bench.connect_known(identity.clone());
    client.pipe.take_bytes();
    bench.subscribe(&client, "a/1", (Mode::Every, None), None);
    let request = || Subscribe {
        id: 1,
        filters: vec!["a/2".into()],
        mode: Mode::Every,
        max_rate_hz: None,
    };
    let code = |bench: &mut Bench| {
        bench.ask(&client, ClientMessage::Subscribe(request()));
        let messages = client.messages();
        let [ServerMessage::Subscribed(subscribed)] = &messages[..] else {
            panic!("{messages:?}");
        };
        match &subscribed.results[..] {
            [SubscribeResult::Refused(refused)] => Some(refused.code),
            _ => None,
        }
    };
    assert_eq!(code(&mut bench), Some(ErrorCode::TooManySubscriptions));
    identity.limits.subscriptions = Some(2);
    let review = Review::Change(Arc::new(identity));
    let now = bench.now();
    bench.shard.review(client.key, review, now);
    client.pipe.take_bytes();
    assert_eq!(code(&mut bench), None);
}

#[test]
fn a_change_of_pace_that_is_under_way_ends_with_its_subscription() {
    // A slice finds two topics, so the new channel takes many.
    let mut bench = bench(generous()).with_max_steps(2);
    let names: Vec<_> = (0..200).map(|n| format!("a/{n}")).collect();
    let updates: Vec<_> = names.iter().map(|name| (&**name, 1.0)).collect();
    bench.publish(&updates);
    let identity = bench.identity("al", "all");
    let client = bench.connect_known(identity);
    client.pipe.take_bytes();
    let accepted = bench.subscribe(&client, "#", (Mode::Latest, None), None);
    bench.settle();
    client.pipe.take_bytes();
    let request = Change {
        id: 8,
        channel: accepted.channel,
        mode: Mode::Latest,
        max_rate_hz: Some(SLOW_HZ / 2.0),
    };
    let now = bench.now();
    bench
        .shard
        .handle(client.key, ClientMessage::Change(request), now);
    assert!(bench.shard.is_busy(client.key));
    let review = Review::Change(Arc::new(bench.identity("al", "slow")));
    bench.shard.review(client.key, review, now);
    assert!(!bench.shard.is_busy(client.key));
    let messages = client.messages();
    let [
        ServerMessage::Authenticated(_),
        ServerMessage::Error(error),
        ServerMessage::Unsubscribed(ended),
    ] = &messages[..]
    else {
        panic!("{messages:?}");
    };
    assert_eq!(error.code, ErrorCode::SubscribeForbidden);
    assert_eq!(error.id, Some(8));
    assert_eq!(ended.position, Some(200));
    bench.publish(&updates);
    bench.settle();
    assert_eq!(client.messages(), []);
}

#[test]
fn a_subscription_that_reads_the_log_ends_at_its_position_when_it_is_no_longer_allowed() {
    let settings = CoreSettings {
        tape_bytes: 2_000,
        ..generous()
    };
    let mut bench = bench(settings).with_log();
    for _ in 0..50 {
        bench.publish(&[("a/1", 1.0), ("c", 1.0)]);
    }
    let identity = bench.identity("al", "all");
    let client = bench.connect_known(identity);
    client.pipe.take_bytes();
    let resume = |position, count| Resume {
        epoch: EPOCH,
        position,
        count: Some(count),
        snapshot: None,
    };
    let every = (Mode::Every, None);
    bench.subscribe(&client, "c", every, Some(resume(4, 2)));
    bench.subscribe(&client, "a/1", every, Some(resume(4, 2)));
    bench.settle();
    assert_eq!(bench.reads(), [5]);
    let (review, now) = (
        Review::Change(Arc::new(bench.identity("al", "a"))),
        bench.now(),
    );
    bench.shard.review(client.key, review, now);
    let messages = client.messages();
    let [
        ServerMessage::Authenticated(_),
        ServerMessage::Unsubscribed(ended),
    ] = &messages[..]
    else {
        panic!("{messages:?}");
    };
    assert_eq!(ended.position, Some(4));
    bench.answer_read(5, 5);
    bench.read_log(5);
    let updates = client.updates();
    assert_eq!(updates.len(), 48);
    assert!(updates.iter().all(|(topic, _, _)| topic == "a/1"));
}
