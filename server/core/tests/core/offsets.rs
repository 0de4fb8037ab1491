//! Offsets: what a client of Socket.IO brings back says where it is with all its subscriptions.

use tickcast_core::{
    permissions::Access,
    settings::CoreSettings,
    shard::Kept,
    wire::{self, NO_ACK, Offset, Wire},
};
use tickcast_protocol::{
    message::{ClientMessage, EndedEpoch, Epoch, FilterRequest, Mode, Position, Resume, Subscribe},
    value::Value,
};

use crate::{
    bench::{Bench, Client, EPOCH},
    restored,
};

fn subscribe(bench: &mut Bench, client: &Client, parts: Vec<Offset>) {
    for part in parts {
        let request = Subscribe {
            id: NO_ACK,
            filters: vec![part.request],
            mode: part.mode,
            max_rate_hz: part.max_rate_hz,
        };
        bench.ask(client, ClientMessage::Subscribe(request));
    }
}

fn fresh(filter: &str) -> Offset {
    Offset {
        request: FilterRequest {
            filter: filter.to_owned(),
            resume: None,
        },
        mode: Mode::Every,
        max_rate_hz: None,
    }
}

/// The part of an offset for a subscription to "a" that has got what comes up to a position.
fn at(position: Position, mode: Mode, epoch: Epoch) -> Offset {
    let mut part = fresh("a");
    part.mode = mode;
    part.request.resume = Some(Resume {
        epoch,
        position,
        count: None,
        snapshot: None,
    });
    part
}

/// The texts of the packets that have arrived, and the last offset among them.
fn received(client: &Client) -> (Vec<String>, Vec<Offset>) {
    let frames = client.frames().into_iter();
    let texts: Vec<_> = frames
        .map(|frame| String::from_utf8(frame.payload).unwrap())
        .collect();
    let mut offsets = texts
        .iter()
        .filter_map(|text| wire::offset_of(text.as_bytes()));
    let last = offsets.next_back().expect("an event has an offset");
    let last = std::str::from_utf8(last).unwrap();
    let parsed = wire::parse_offset(last).expect("the server has made it");
    (texts, parsed)
}

fn positions(parts: &[Offset]) -> Vec<(String, u64, Option<u64>)> {
    let part = |part: &Offset| {
        let resume = part.request.resume.unwrap();
        (part.request.filter.clone(), resume.position, resume.count)
    };
    parts.iter().map(part).collect()
}

#[test]
fn an_offset_has_all_subscriptions_and_brings_all_of_them_back() {
    let mut bench = Bench::new(CoreSettings::default());
    let client = bench.connect(Wire::SocketIo, Access::READER);
    client.pipe.take_bytes();
    subscribe(&mut bench, &client, vec![fresh("a"), fresh("b/#")]);
    bench.publish(&[("a", 1.0), ("b/c", 1.0), ("a", 2.0)]);
    bench.settle();
    let (_, parts) = received(&client);
    let names: Vec<_> = positions(&parts)
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(names, ["a", "b/#"]);
    assert_eq!(bench.shard.kept(&parts), Kept::Whole);
    bench.shard.disconnect(client.key);

    bench.publish(&[("b/c", 2.0), ("a", 3.0)]);
    bench.settle();
    let again = bench.connect(Wire::SocketIo, Access::READER);
    again.pipe.take_bytes();
    subscribe(&mut bench, &again, parts);
    bench.settle();
    let (texts, parts) = received(&again);
    let all = texts.join("\n");
    assert_eq!(all.matches("\"start\":\"resumed\"").count(), 2);
    assert_eq!(all.matches("\"seq\":").count(), 2, "{all}");
    assert!(all.contains("\"position\":4,\"seq\":2") && all.contains("\"position\":5,\"seq\":3"));
    let counts: Vec<_> = positions(&parts)
        .into_iter()
        .map(|(_, _, count)| count)
        .collect();
    assert_eq!(counts, [Some(3), Some(2)]);
    assert_eq!(bench.shard.channels_of(again.key, "a").len(), 1);
    assert!(bench.shard.channels_of(again.key, "c").is_empty());
}

#[test]
fn an_offset_of_another_epoch_or_from_the_future_stands_for_nothing() {
    let mut bench = Bench::new(CoreSettings::default());
    let client = bench.connect(Wire::SocketIo, Access::READER);
    client.pipe.take_bytes();
    subscribe(&mut bench, &client, vec![fresh("a")]);
    bench.publish(&[("a", 1.0)]);
    bench.settle();
    let (_, parts) = received(&client);
    let changed = |change: &dyn Fn(&mut Resume)| {
        let mut parts = parts.clone();
        change(parts[0].request.resume.as_mut().unwrap());
        parts
    };
    assert_eq!(bench.shard.kept(&parts), Kept::Whole);
    assert_eq!(bench.shard.kept(&[]), Kept::Whole);
    let other = changed(&|resume| resume.epoch = Epoch(resume.epoch.0 + 1));
    assert_eq!(bench.shard.kept(&other), Kept::Nothing);
    let ahead = changed(&|resume| resume.position += 1);
    assert_eq!(bench.shard.kept(&ahead), Kept::Nothing);
}

#[test]
fn what_the_tape_has_dropped_of_all_subscriptions_is_asked_of_a_log() {
    let mut bench = Bench::new(CoreSettings {
        tape_bytes: 4_000,
        ..CoreSettings::default()
    });
    let publish = |bench: &mut Bench, strips: usize| {
        for _ in 0..strips {
            bench.publish(&[("a", 1.0); 10]);
        }
    };
    publish(&mut bench, 100);
    let every = |position| at(position, Mode::Every, EPOCH);
    let Kept::BeyondTape { from: 8, until } = bench.shard.kept(&[every(7)]) else {
        panic!("{:?}", bench.shard.kept(&[every(7)]));
    };
    assert!(until > 500 && until < 1_000, "{until}");
    assert_eq!(bench.shard.kept(&[every(until)]), Kept::Whole);
    assert_eq!(bench.shard.kept(&[every(1_000)]), Kept::Whole);
    assert_eq!(bench.shard.kept(&[every(1_001)]), Kept::Nothing);
    let last = Kept::BeyondTape { from: until, until };
    assert_eq!(bench.shard.kept(&[every(until - 1)]), last);

    // The subscription that is furthest behind counts, in any order.
    let beyond = Kept::BeyondTape { from: 8, until };
    let mut parts = vec![every(100), every(7), every(until), every(50)];
    assert_eq!(bench.shard.kept(&parts), beyond);
    parts.rotate_left(1);
    assert_eq!(bench.shard.kept(&parts), beyond);
    // Newest values need no tape.
    let newest = at(7, Mode::Latest, EPOCH);
    assert_eq!(bench.shard.kept(std::slice::from_ref(&newest)), Kept::Whole);
    let of_both = [newest, every(100)];
    let later = Kept::BeyondTape { from: 101, until };
    assert_eq!(bench.shard.kept(&of_both), later);
    let other = at(7, Mode::Every, Epoch(EPOCH.0 + 1));
    assert_eq!(bench.shard.kept(&[every(7), other]), Kept::Nothing);
}

#[test]
fn of_an_epoch_that_has_lost_its_end_an_offset_stands_for_what_is_left() {
    let mut before = Bench::new(restored::settings());
    before.queue_values(vec![("a", Value::Reading(1.0)); 3]);
    let mut log = restored::Kept::default();
    let strips = restored::strips(&mut before).into_iter();
    strips.for_each(|strip| log.take(strip));
    let ended = EndedEpoch {
        epoch: EPOCH,
        last: 3,
    };
    let after = log.restore_in(Epoch(EPOCH.0 + 1), vec![ended], restored::settings());
    let kept = |position| after.shard.kept(&[at(position, Mode::Every, EPOCH)]);
    assert_eq!((kept(3), kept(4)), (Kept::Whole, Kept::Partly));
}
