//! What publishers and other clients make a shard and the sequencer do at once.

use std::time::Duration;

use tickcast_core::{
    Now,
    candles::LongHistory,
    sequencer::{History, Sequencer},
    shard::TURN_MAX_STEPS,
    work::{FeedId, Submission, Work},
};
use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, Mode, Publication, Publish},
    value::Value,
};

use super::{
    Cost, EXCESS_STEPS, HISTORY, LONG_HISTORY, TOPICS, World, cpu_time::timed, deep, long, plain,
    subscribe, subscribe_as, update,
};

/// Names may be long, or have many levels, which is work for each shard that learns them.
#[test]
fn no_new_names_hold_the_shard_for_longer_than_a_turn_may() {
    type Names = fn(usize) -> Box<dyn Iterator<Item = String>>;
    let kinds: [(&str, Names, usize); 2] = [
        ("long", |topics| Box::new(long(topics)), TOPICS),
        // A node for each level of each of them.
        ("deep", |topics| Box::new(deep(topics)), TOPICS / 10),
    ];
    for (case, names, topics) in kinds {
        for (encoding, mode, rate) in [
            (Encoding::Bincode, Mode::Every, None),
            (Encoding::Json, Mode::Every, None),
            (Encoding::Json, Mode::Latest, Some(0.01)),
        ] {
            let mut world = World::new(encoding, plain());
            world.send(subscribe_as(mode, rate, ["#"]));
            world.update_all(plain().take(1));
            let cost = world.update_all(names(topics));
            cost.check(&format!("{topics} {case} names, {encoding:?}, {mode:?}"));
            // The JSON of some updates is made at once.
            let of_turn = cost.longest[1].0;
            assert!(of_turn <= TURN_MAX_STEPS + 2 * EXCESS_STEPS, "{of_turn}");
            // A step for a level or a part of a name is the least.
            let in_name = names(1).map(|name| name.len() / 24).sum::<usize>();
            let levels = names(1).map(|name| name.split('/').count()).sum::<usize>();
            assert!(cost.total_steps > topics * in_name.max(levels), "{cost:?}");
            let cost = world.pass(Duration::from_secs(100));
            cost.check(&format!("{topics} {case} names, {mode:?}: the batch"));
            let of_turn = cost.longest[1].0;
            assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
        }
    }
}

/// All topics of a feed change their status when it is down, and a client's will may do the same.
#[test]
fn no_change_of_statuses_holds_the_shard_for_longer_than_a_turn_may() {
    const FEED: FeedId = 0;
    for encoding in [Encoding::Bincode, Encoding::Json] {
        let mut world = World::new(encoding, plain());
        for rate in 1..=4 {
            world.send(subscribe_as(Mode::Latest, Some(f64::from(rate)), ["#"]));
        }
        world.update_from(Some(FEED), plain());
        let sent = world.stats.bytes.get();
        let cost = world.feed_down(FEED);
        cost.check(&format!(
            "100,000 statuses to 4 subscriptions, {encoding:?}"
        ));
        let sent = world.stats.bytes.get() - sent;
        assert!(sent > 4 * 10 * TOPICS as u64, "{sent} bytes");
        let of_turn = cost.longest[1].0;
        assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
        // A client that comes later is told all of them.
        world.reconnect();
        let cost = world.send(subscribe(["#"]));
        cost.check(&format!("subscribe: 100,000 stale topics, {encoding:?}"));
    }
}

/// Clients may publish one update at a time, and each of these is answered.
#[test]
fn no_answers_to_publishes_hold_the_shard_for_longer_than_a_turn_may() {
    const PUBLISHES: u32 = 20_000;
    let mut world = World::new(Encoding::Json, plain());
    let answered = world.stats.bytes.get();
    for id in 0..PUBLISHES {
        let publish = ClientMessage::Publish(Publish {
            id: Some(id),
            updates: vec![Publication {
                topic: "a".into(),
                value: Value::Text(String::new()),
                source_time_ns: None,
            }],
        });
        let work = world.shard.handle(world.key, publish, world.now);
        let Some(Work::Updates(submission)) = work else {
            panic!("{work:?}");
        };
        world.submit(submission);
    }
    let mut cost = Cost::default();
    world.strips.extend(world.sequencer.take_strip());
    world.finish(&mut cost);
    cost.check("20,000 answers to publishes of one update");
    let answered = world.stats.bytes.get() - answered;
    assert!(answered > 20 * u64::from(PUBLISHES), "{answered} bytes");
    let of_turn = cost.longest[1].0;
    assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
}

/// A batch of newest values may have all topics, and introduce them.
#[test]
fn no_batch_of_newest_values_holds_the_shard_for_longer_than_a_turn_may() {
    /// One batch in 100 s, so that all updates are in it.
    const PACE: (Mode, Option<f64>) = (Mode::Latest, Some(0.01));
    const INTERVAL: Duration = Duration::from_secs(100);
    for encoding in [Encoding::Bincode, Encoding::Json] {
        for (case, names) in [("known", TOPICS), ("new", 1)] {
            let mut world = World::new(encoding, plain().take(names));
            world.send(subscribe_as(PACE.0, PACE.1, ["#", "+/#"]));
            world.update_all(plain().take(1));
            let before = world.stats.deliveries.get();
            let waiting = world.update_all(plain());
            waiting.check(&format!("100,000 {case} topics, {encoding:?}: updates"));
            assert_eq!(world.stats.deliveries.get(), before, "they wait");
            let cost = world.pass(INTERVAL);
            cost.check(&format!("100,000 {case} topics, {encoding:?}: the batch"));
            let sent = world.stats.deliveries.get() - before;
            assert_eq!(sent, 2 * TOPICS as u64);
            // A step to sort a topic is the least, and one to copy its value.
            assert!(cost.total_steps >= 2 * 2 * TOPICS, "{cost:?}");
            let of_turn = cost.longest[1].0;
            assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
            // The turn that sends a batch gives its memory back, which is most of what it does.
            for (bytes, steps) in cost.sent {
                assert!(steps as u64 >= bytes / 512, "{steps} steps, {bytes} bytes");
            }
        }
    }
}

/// Lists and tables of all topics grow a little with each new topic. The growth of a plain one
/// would hold up everything: it moves all of its entries, always at the same topic, so the shortest
/// of several runs shows it whatever else the machine does.
#[test]
fn a_new_topic_does_not_hold_the_sequencer() {
    const RUNS: usize = 3;
    const NEW_TOPIC_MAX: Duration = Duration::from_millis(5);
    let mut shortest = vec![Duration::MAX; TOPICS + TOPICS / 5];
    for _ in 0..RUNS {
        let mut sequencer = Sequencer::new(1_000_000)
            .with_history(History::new(HISTORY))
            .with_long_history(LongHistory::new(LONG_HISTORY));
        let now = Now {
            uptime: Duration::ZERO,
            wall_ns: 0,
        };
        for (number, shortest) in shortest.iter_mut().enumerate() {
            let submission = Submission {
                updates: [update(&format!("line{}/x{number}", number % 100))].into(),
                ..Submission::default()
            };
            let (_, time) = timed(|| sequencer.push(submission, now));
            *shortest = time.min(*shortest);
            if sequencer.is_full() {
                sequencer.take_strip();
            }
        }
    }
    let longest = shortest.iter().max().expect("there are topics");
    let number = shortest.iter().position(|time| time == longest);
    println!("the longest new topic: {longest:?}, after {number:?} others");
    assert!(*longest < NEW_TOPIC_MAX, "{longest:?}, after {number:?}");
}
