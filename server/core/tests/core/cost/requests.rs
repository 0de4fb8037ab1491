//! One message of a client.

use tickcast_core::{shard::TURN_MAX_STEPS, work::Submission};
use tickcast_protocol::{
    codec::Encoding,
    message::{
        Authenticate, BearerToken, CandlesRequest, Change, ClientMessage, FilterRequest,
        HistoryRequest, Interval, List, Mode, Publication, Publish, PublishOnce, Resume,
        TimeRequest, Unsubscribe,
    },
    value::Value,
};

use super::{
    EPOCH, EXCESS_STEPS, World, alike, choose, filters, plain, subscribe, subscribe_as, update,
};

/// One request of each kind, the first for `None`. A new kind has to be added here and below.
fn next_kind(kind: Option<&ClientMessage>) -> Option<ClientMessage> {
    let (id, channel) = (1, 0);
    Some(match kind {
        None => subscribe(["a"]),
        Some(ClientMessage::Subscribe(_)) => ClientMessage::Unsubscribe(Unsubscribe {
            id,
            channels: vec![],
        }),
        Some(ClientMessage::Unsubscribe(_)) => ClientMessage::Publish(Publish {
            id: Some(id),
            updates: vec![],
        }),
        Some(ClientMessage::Publish(_)) => ClientMessage::Time(TimeRequest {
            id,
            client_time_ns: 1,
        }),
        Some(ClientMessage::Time(_)) => ClientMessage::List(List { id }),
        Some(ClientMessage::List(_)) => ClientMessage::Change(Change {
            id,
            channel,
            mode: Mode::Latest,
            max_rate_hz: None,
        }),
        Some(ClientMessage::Change(_)) => ClientMessage::History(HistoryRequest {
            id,
            topic: "a".into(),
            limit: None,
            before: None,
        }),
        Some(ClientMessage::History(_)) => candles_request(Interval::Second),
        Some(ClientMessage::Candles(_)) => ClientMessage::Authenticate(Authenticate {
            id,
            token: BearerToken::new("unknown"),
        }),
        Some(ClientMessage::Authenticate(_)) => ClientMessage::PublishOnce(PublishOnce {
            id,
            publisher: 7,
            number: 1,
            updates: vec![],
        }),
        Some(ClientMessage::PublishOnce(_)) => return None,
    })
}

#[test]
fn no_request_holds_the_shard_for_longer_than_its_calls_may() {
    let mut kind = next_kind(None);
    while let Some(message) = kind {
        match &message {
            ClientMessage::Subscribe(_) => {
                subscribe_to_nothing();
                subscribe_to_much();
                subscribe_above_the_limit();
                resume_many();
            }
            ClientMessage::Unsubscribe(_) => unsubscribe(),
            ClientMessage::Publish(_) => publish(false),
            ClientMessage::PublishOnce(_) => publish(true),
            ClientMessage::Time(_) | ClientMessage::Authenticate(_) => {
                let mut world = World::new(Encoding::Json, plain());
                world.send(message.clone()).check("time, authenticate");
            }
            ClientMessage::List(_) => list(),
            ClientMessage::Change(_) => change(),
            ClientMessage::History(_) => history(),
            ClientMessage::Candles(_) => candles(),
        }
        kind = next_kind(Some(&message));
    }
}

fn subscribe_to_nothing() {
    let mut world = World::new(Encoding::Json, plain());
    // A text that no topic has there, and one that topics have elsewhere.
    for text in ["none", "line"] {
        let cost = world.send(subscribe(filters(
            (0..1_000).map(|n| format!("+/+/+/{text}{n}")),
        )));
        cost.check(&format!("subscribe: 1,000 filters +/+/+/{text}N"));
        assert!(cost.total_steps < 1_000 * 200, "{cost:?}");
        world.reconnect();
    }
    // A depth that no topic has.
    let cost = world.send(subscribe(filters((5..100).map(|n| "+/".repeat(n) + "+"))));
    cost.check("subscribe: filters +/+/.../+");
    assert!(cost.total_steps < 1_000 * 200, "{cost:?}");
    // Levels that are frequent, but never together: each filter visits every node of one of them.
    let mut world = World::new(Encoding::Json, alike());
    let never = (0..40).map(|n| format!("{}/{n}", choose(n, 7, "+", "a")));
    world
        .send(subscribe(filters(never)))
        .check("subscribe: 40 filters of alike names");
}

fn subscribe_to_much() {
    let mut world = World::new(Encoding::Json, plain());
    for filter in ["#", "+/+/+/+", "plant1/#", "+/line7/+/+"] {
        let cost = world.send(subscribe([filter]));
        cost.check(&format!("subscribe: {filter}"));
    }
    let cost = world.reconnect();
    cost.check("disconnect: 4 subscriptions to up to 100,000 topics");
    let mut world = World::new(Encoding::Json, alike());
    let all = (0..32).map(|n| choose(n, 5, "+", "a") + "/#");
    world
        .send(subscribe(filters(all)))
        .check("subscribe: 32 filters of many alike names");
    world.reconnect().check("disconnect: the same");
}

fn subscribe_above_the_limit() {
    let mut world = World::new(Encoding::Json, plain());
    let names = filters((0..1_024).map(|n| format!("x/{n}")));
    world
        .send(subscribe(names.clone()))
        .check("subscribe: 1,024 exact filters");
    world
        .send(subscribe(names))
        .check("subscribe: the same again");
    let many = filters((0..20_000).map(|_| "+".into()));
    world
        .send(subscribe(many))
        .check("subscribe: 20,000 filters above the limit");
    world
        .reconnect()
        .check("disconnect: 1,024 exact subscriptions");
}

fn resume_many() {
    for mode in [Mode::Every, Mode::Latest] {
        let mut world = World::new(Encoding::Json, plain());
        let head = world.shard.position();
        let resume = |nth: u64| FilterRequest {
            filter: format!("+/line{}/+/x{nth}", nth % 100),
            resume: Some(Resume {
                epoch: EPOCH,
                position: if nth.is_multiple_of(2) {
                    nth * 97
                } else {
                    head - nth * 97
                },
                count: None,
                snapshot: None,
            }),
        };
        world
            .send(subscribe_as(mode, None, (0..1_000).map(resume)))
            .check(&format!("subscribe: 1,000 filters to resume, {mode:?}"));
    }
}

fn unsubscribe() {
    let mut world = World::new(Encoding::Json, plain());
    world.send(subscribe(filters((0..1_024).map(|n| format!("x/{n}")))));
    let message = |channels: std::ops::Range<u32>| {
        ClientMessage::Unsubscribe(Unsubscribe {
            id: 1,
            channels: channels.collect(),
        })
    };
    world
        .send(message(10_000..26_000))
        .check("unsubscribe: 16,000 unknown channels");
    world
        .send(message(0..1_024))
        .check("unsubscribe: 1,024 channels");
    for rate in 1..=20 {
        world.send(subscribe_as(Mode::Latest, Some(f64::from(rate)), ["#"]));
    }
    world
        .send(message(0..1_100))
        .check("unsubscribe: 20 channels of 100,000 topics");
}

pub(super) fn publish(is_once: bool) {
    let mut world = World::new(Encoding::Json, plain());
    let mut publisher = 0;
    let mut message = |topics: Vec<String>| {
        let updates = topics.into_iter().map(|topic| Publication {
            topic,
            value: Value::Text(String::new()),
            source_time_ns: None,
        });
        let updates = updates.collect();
        publisher += 1;
        match is_once {
            true => ClientMessage::PublishOnce(PublishOnce {
                id: 1,
                publisher,
                number: 1,
                updates,
            }),
            false => ClientMessage::Publish(Publish {
                id: Some(1),
                updates,
            }),
        }
    };
    world
        .send(message(vec!["a".into(); 13_000]))
        .check("publish: 13,000 updates of one topic");
    world.send(subscribe_as(Mode::Every, None, ["#", "+", "a", "a/#"]));
    let cost = world.send(message(vec!["a".into(); 13_000]));
    cost.check("publish: the same, to 4 subscriptions");
    // Most of the work is to make the JSON. A turn stops at its limit, even within a message.
    assert!(cost.total_steps > 2 * TURN_MAX_STEPS, "{cost:?}");
    let of_turn = cost.longest[1].0;
    assert!(of_turn <= TURN_MAX_STEPS + EXCESS_STEPS, "{of_turn}");
    // As many different topics as fit into a message, to subscriptions to newest values.
    let names = || (0..7_000).map(|n| format!("{n:x}"));
    let mut known = World::new(Encoding::Json, names());
    let mut new = World::new(Encoding::Json, ["a".into()]);
    for (world, case) in [(&mut known, "known"), (&mut new, "new")] {
        world.send(subscribe_as(Mode::Latest, None, ["#", "+"]));
        world.send(subscribe_as(Mode::Latest, Some(1.0), ["#", "+"]));
        world.send(message(names().collect())).check(&format!(
            "publish: 7,000 {case} topics, to 4 of newest values"
        ));
    }
    let mut world = World::new(Encoding::Json, plain());
    world.send(message(vec!["a".into()]));
    // Filters with many levels that a new topic matches, but not with all.
    let almost = (0..1_024).map(|n| choose(n, 10, "+", "a") + "/z");
    world.send(subscribe(filters(almost)));
    let new = (0..2_000).map(|n| format!("{}/{n}", choose(0, 10, "a", "a")));
    world
        .send(message(new.collect()))
        .check("publish: 2,000 new topics, 1,024 filters");
}

fn list() {
    let mut world = World::new(Encoding::Json, plain());
    for part in 0..8 {
        let long = (0..128).map(|n| format!("{}/{part}/{n}", "x".repeat(240)));
        world.send(subscribe(filters(long)));
    }
    world
        .send(ClientMessage::List(List { id: 1 }))
        .check("list: 1,024 long filters");
}

fn change() {
    let mut world = World::new(Encoding::Json, plain());
    world.send(subscribe_as(Mode::Every, None, ["#"]));
    let change = Change {
        id: 1,
        channel: 0,
        mode: Mode::Latest,
        max_rate_hz: Some(1.0),
    };
    world
        .send(ClientMessage::Change(change))
        .check("change: 100,000 topics");
}

fn history() {
    for encoding in [Encoding::Json, Encoding::Bincode] {
        let names = plain().chain((0..4_096).map(|_| "a".into()));
        let mut world = World::new(encoding, names);
        let request = HistoryRequest {
            id: 1,
            topic: "a".into(),
            limit: None,
            before: None,
        };
        world
            .send(ClientMessage::History(request))
            .check(&format!("history: the longest answer, {encoding:?}"));
    }
}

fn candles_request(interval: Interval) -> ClientMessage {
    ClientMessage::Candles(CandlesRequest {
        id: 1,
        topic: "a".into(),
        interval,
        limit: None,
        from_ns: None,
        before_ns: None,
    })
}

fn candles() {
    for encoding in [Encoding::Json, Encoding::Bincode] {
        let mut world = World::new(encoding, plain());
        // More than the longest answer is made of: 15 s have the most records.
        for _ in 0..20_000 {
            world.now.wall_ns += 1_000_000_000;
            world.submit(Submission {
                updates: [update("a")].into_iter().collect(),
                ..Submission::default()
            });
        }
        world.strips.extend(world.sequencer.take_strip());
        world.settle();
        for interval in Interval::ALL {
            let cost = world.send(candles_request(interval));
            cost.check(&format!("candles: {}, {encoding:?}", interval.as_str()));
            let longest = Interval::Seconds15;
            assert!(cost.total_steps > 15_000 || interval != longest, "{cost:?}");
        }
    }
}
