//! Subscriptions that get another pace.

use std::time::Duration;

use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{Change, ClientMessage, Mode, ServerMessage},
};

use super::{EVERY, LATEST, bench, listed};

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
