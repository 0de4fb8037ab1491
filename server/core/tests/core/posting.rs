//! Publishes without a connection: checked and limited as those of a connection, and answered by an
//! event.

use std::time::Duration;

use tickcast_core::{
    permissions::{Access, Permissions},
    settings::CoreSettings,
    shard::{Event, Posting, Publisher},
    totals::{TotalLimits, Totals},
    work::{Once, Unpublished},
};
use tickcast_protocol::{error::ErrorCode, message::Publication, topic::Filter, value::Value};

use crate::bench::{Bench, TOPICS_MAX};

const MS: fn(u64) -> Duration = Duration::from_millis;

const EVERYBODY: Posting<'_> = Posting {
    access: Access { may_publish: true },
    standing: None,
    address: None,
};

fn bench(settings: CoreSettings) -> (Bench, Publisher) {
    let bench = Bench::new(settings);
    let publisher = bench.shard.publisher(9, bench.now());
    (bench, publisher)
}

fn updates(topics: &[&str]) -> Vec<Publication> {
    let update = |topic: &&str| Publication {
        topic: (*topic).to_owned(),
        value: Value::Reading(1.0),
        source_time_ns: Some(5),
    };
    topics.iter().map(update).collect()
}

impl Bench {
    /// Time to wait before a client may publish, and why.
    fn posting_wait(
        &self,
        publisher: &Publisher,
        posting: &Posting<'_>,
    ) -> Option<(Duration, String)> {
        let checked = self.shard.check_posting(publisher, posting, self.now());
        checked.err().map(|(refusal, wait)| {
            assert_eq!(refusal.code, ErrorCode::TooManyRequests);
            (wait.unwrap(), refusal.reason)
        })
    }

    fn charge_posted(
        &self,
        publisher: &mut Publisher,
        posting: &Posting<'_>,
        topics: usize,
        bytes: usize,
    ) {
        let updates = updates(&vec!["a"; topics]);
        let posted = self
            .shard
            .post(publisher, posting, updates, None, bytes, self.now());
        assert_eq!(posted.unwrap().updates.len(), topics);
    }
}

#[test]
fn the_answer_to_a_publish_without_a_connection_is_an_event_with_its_key() {
    let (mut bench, mut publisher) = bench(CoreSettings::default());
    let now = bench.now();
    let posted = bench
        .shard
        .post(
            &mut publisher,
            &EVERYBODY,
            updates(&["a", "b"]),
            None,
            10,
            now,
        )
        .unwrap();
    assert!(
        posted
            .updates
            .iter()
            .all(|update| update.source_time_ns == Some(5))
    );
    let ack = posted.ack.unwrap();
    assert_eq!((ack.shard, ack.connection), (3, publisher.key().to_u64()));
    bench.sequencer.push(posted, now);
    bench.turn();
    let [Event::Posted(answer)] = bench.shard.take_events()[..] else {
        panic!("it is answered once");
    };
    assert_eq!((answer.ack, answer.result), (ack, Ok(2)));
    // More topics than the server may hold.
    let names: Vec<_> = (0..TOPICS_MAX).map(|index| index.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let posted = bench
        .shard
        .post(&mut publisher, &EVERYBODY, updates(&names), None, 10, now);
    bench.sequencer.push(posted.unwrap(), now);
    bench.turn();
    let [Event::Posted(answer)] = bench.shard.take_events()[..] else {
        panic!("it is answered once");
    };
    assert_eq!(answer.result, Err(Unpublished::TooManyTopics));
    let (refusal, wait) = bench.shard.unpublished(Unpublished::TooManyTopics);
    assert_eq!((refusal.code, wait), (ErrorCode::TooManyTopics, None));
    bench.shard.note_posted(2);
    let stats = &bench.stats;
    assert_eq!((stats.posts.get(), stats.posted_updates.get()), (1, 2));
}

#[test]
fn a_client_that_may_not_publish_is_refused_before_and_a_topic_with_its_index() {
    let permissions = Permissions {
        publish: vec![Filter::new("a/#").unwrap()],
        ..Permissions::default()
    };
    let (bench, mut publisher) = bench(CoreSettings {
        permissions,
        ..CoreSettings::default()
    });
    let now = bench.now();
    let reader = Posting {
        access: Access::READER,
        ..EVERYBODY
    };
    let (refusal, wait) = bench
        .shard
        .check_posting(&publisher, &reader, now)
        .unwrap_err();
    assert_eq!((refusal.code, wait), (ErrorCode::PublishForbidden, None));
    assert_eq!(bench.posting_wait(&publisher, &EVERYBODY), None);
    for (topics, index, code) in [
        (&["a/b", "b"][..], 1, ErrorCode::PublishForbidden),
        (&["b", "a/+"], 0, ErrorCode::PublishForbidden),
        (&["a/b", "a/c", "a/+"], 2, ErrorCode::BadTopic),
    ] {
        let posted = bench
            .shard
            .post(&mut publisher, &EVERYBODY, updates(topics), None, 10, now);
        let (at, refusal) = posted.unwrap_err();
        assert_eq!((at, refusal.code), (index, code), "{topics:?}");
    }
}

/// It takes a place among the publishers that the server knows.
#[test]
fn a_publish_that_comes_once_counts_as_an_update_without_one() {
    let (bench, mut publisher) = bench(CoreSettings {
        publish_updates_per_s: 2,
        ..CoreSettings::default()
    });
    let mut number = 0;
    while bench.posting_wait(&publisher, &EVERYBODY).is_none() {
        number += 1;
        let once = Some(Once {
            publisher: 1,
            number,
        });
        let posted = bench
            .shard
            .post(&mut publisher, &EVERYBODY, vec![], once, 0, bench.now());
        assert_eq!(posted.unwrap().once, once);
        assert!(number < 10, "there is a limit");
    }
    // The one above the limit is accepted, and paid for with a wait.
    assert_eq!(number, 3);
}

#[test]
fn a_client_waits_for_the_limit_that_lasts_longest() {
    let of_address = TotalLimits {
        publish_updates_per_s: Some(100),
        ..TotalLimits::default()
    };
    let (mut bench, mut publisher) = bench(CoreSettings {
        publish_updates_per_s: 1_000,
        publish_bytes_per_s: 500,
        of_address,
        ..CoreSettings::default()
    });
    let used = Totals::default();
    let of_address = Posting {
        address: Some(&used),
        ..EVERYBODY
    };
    bench.charge_posted(&mut publisher, &of_address, 100, 500);
    assert_eq!(bench.posting_wait(&publisher, &of_address), None);
    bench.charge_posted(&mut publisher, &of_address, 10, 10);
    let (wait, reason) = bench.posting_wait(&publisher, &of_address).unwrap();
    assert_eq!(wait, MS(100));
    assert!(
        reason.contains("publish_updates_per_address_per_s"),
        "{reason}"
    );
    bench.charge_posted(&mut publisher, &of_address, 1, 190);
    let (wait, reason) = bench.posting_wait(&publisher, &of_address).unwrap();
    assert_eq!(wait, MS(400));
    assert!(reason.starts_with("this connection has"), "{reason}");
    // Another client of the address waits for what all of it has published.
    let other = bench.shard.publisher(10, bench.now());
    assert_eq!(bench.posting_wait(&other, &of_address).unwrap().0, MS(110));
    assert_eq!(bench.posting_wait(&other, &EVERYBODY), None);
    bench.pass(MS(400));
    assert_eq!(bench.posting_wait(&publisher, &of_address), None);
}

#[test]
fn each_update_of_a_publish_counts_as_the_same_number_of_steps() {
    let (bench, mut publisher) = bench(CoreSettings::default());
    let mut steps_of = |updates: usize| {
        let before = bench.stats.steps.get();
        bench.charge_posted(&mut publisher, &EVERYBODY, updates, 10);
        bench.stats.steps.get() - before
    };
    let of_one = steps_of(1);
    assert!(of_one > 0);
    assert_eq!(steps_of(9), 9 * of_one);
}
