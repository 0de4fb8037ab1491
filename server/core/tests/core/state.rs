//! What a shard tells about itself: counters, the newest values, when it must run, and which
//! clients are slow.

use std::time::Duration;

use tickcast_core::{
    permissions::{Access, Permissions},
    settings::CoreSettings,
    shard::{Event, Socket, Steps},
    stats::ShardStats,
    wire::{self, Wire},
    work::{NewUpdate, Submission},
};
use tickcast_protocol::{
    codec::Encoding,
    error::CloseCode,
    message::{Mode, ServerMessage},
    topic::{Filter, Topic},
    value::Value,
};

use crate::{
    bench::{Bench, EPOCH},
    pipe::{AMPLE_BYTES, Pipe},
};

const EVERY: (Mode, Option<f64>) = (Mode::Every, None);

fn bench() -> Bench {
    Bench::new(CoreSettings::default())
}

#[test]
fn a_new_client_is_told_the_epoch_the_position_and_the_limits() {
    let settings = CoreSettings {
        tape_bytes: 1 << 20,
        subscriptions_max: 3,
        requests_per_s: 4,
        request_burst: 5,
        heartbeat: Duration::from_millis(1_500),
        write_timeout: Duration::from_millis(2_500),
        ..CoreSettings::default()
    };
    let mut bench = Bench::new(settings);
    bench.publish(&[("a", 1.0), ("b", 1.0)]);
    let client = bench.connect(Encoding::Json, Access::READER);
    let messages = client.messages();
    let [ServerMessage::Welcome(welcome)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((welcome.epoch, welcome.position), (EPOCH, 2));
    assert_eq!(welcome.server_time_ns, bench.now().wall_ns);
    assert_eq!(welcome.heartbeat_ms, 1_500);
    let limits = welcome.limits;
    assert_eq!((limits.subscriptions, limits.tape_bytes), (3, 1 << 20));
    assert_eq!((limits.requests_per_s, limits.request_burst), (4, 5));
    assert_eq!((limits.write_timeout_ms, limits.topic_bytes), (2_500, 256));
    assert_eq!(limits.message_bytes, 64 * 1024);
}

#[test]
fn closed_connections_are_counted_by_their_code() {
    let stats = ShardStats::default();
    let names: Vec<_> = stats.closes().map(|(name, _)| name).collect();
    let known: Vec<_> = CloseCode::ALL
        .iter()
        .map(|code| code.number().to_string())
        .collect();
    assert_eq!(names[..known.len()], known);
    assert_eq!(names[known.len()..], ["none", "other"]);
    stats.closed(Some(1000));
    stats.closed(None);
    stats.closed(None);
    for code in [2999, 3000, 4999] {
        stats.closed(Some(code));
    }
    let counted: Vec<_> = stats.closes().filter(|(_, count)| *count > 0).collect();
    let expected = [("1000", 1), ("none", 2), ("other", 3)];
    assert_eq!(
        counted,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
}

#[test]
fn an_ended_connection_is_counted_once() {
    let mut bench = bench();
    let now = bench.now();
    let lost = bench.reader(Encoding::Json);
    bench.shard.lost(lost.key);
    assert_eq!(bench.closes("none"), 1);
    bench.shard.disconnect(lost.key);
    bench.shard.lost(lost.key);
    assert_eq!(bench.closes("none"), 1, "it had ended");
    let client = bench.reader(Encoding::Json);
    bench
        .shard
        .close(client.key, wire::close_answer(Some(1000)), Some(1000), now);
    bench
        .shard
        .close(client.key, wire::close_answer(Some(1001)), Some(1001), now);
    bench.shard.lost(client.key);
    let counts = (
        bench.closes("1000"),
        bench.closes("1001"),
        bench.closes("none"),
    );
    assert_eq!(counts, (1, 0, 1));
    let frames = client.frames();
    assert_eq!((frames.len(), frames[0].opcode), (1, 8));
    assert_eq!(frames[0].payload, 1000_u16.to_be_bytes());
    let silent = bench.reader(Encoding::Json);
    bench
        .shard
        .close(silent.key, wire::close_answer(None), None, now);
    let frames = silent.frames();
    assert_eq!((frames[0].opcode, frames[0].payload.len()), (8, 0));
}

#[test]
fn a_close_ends_the_subscriptions_of_its_connection() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    let now = bench.now();
    bench
        .shard
        .close_with(client.key, CloseCode::Normal, CloseCode::Normal.text(), now);
    client.is_closed_with(CloseCode::Normal);
    bench.publish(&[("a", 1.0)]);
    assert_eq!(client.frames(), []);
    assert_eq!(bench.stats.subscriptions.get(), 0);
}

#[test]
fn an_event_stream_ends_at_once_and_without_a_close_frame() {
    let mut bench = bench();
    let client = bench.connect(Wire::Events, Access::READER);
    client.pipe.take_bytes();
    let now = bench.now();
    let code = CloseCode::ServiceRestart;
    bench.shard.close_with(client.key, code, code.text(), now);
    assert_eq!(client.pipe.take_bytes(), b"");
    assert_eq!(bench.broken(), [client.key]);
    assert_eq!(bench.closes("1012"), 1);
}

#[test]
fn connections_and_bytes_are_counted() {
    let permissions = Permissions {
        publish: Vec::new(),
        ..Permissions::default()
    };
    let mut bench = Bench::new(CoreSettings {
        permissions: permissions.clone(),
        ..CoreSettings::default()
    });
    assert_eq!(bench.shard.index(), 3);
    assert_eq!(bench.shard.permissions(), &permissions);
    let clients = [(); 3].map(|()| bench.connect(Encoding::Json, Access::READER));
    let received: usize = clients.iter().map(|c| c.pipe.take_bytes().len()).sum();
    assert_eq!(bench.stats.bytes.get(), received as u64);
    assert_eq!(bench.shard.connections(), 3);
    bench.shard.disconnect(clients[1].key);
    bench.shard.disconnect(clients[1].key);
    assert_eq!(bench.shard.connections(), 2);
    let counts = (bench.stats.connections.get(), bench.stats.connected.get());
    assert_eq!(counts, (2, 3));
    bench.publish(&[("a", 1.0), ("b", 2.0)]);
    let counts = (bench.stats.position.get(), bench.stats.topics.get());
    assert_eq!((counts, bench.shard.position()), ((2, 2), 2));
    assert!(bench.stats.tape_bytes.get() > 256);
}

#[test]
fn the_newest_values_of_a_filter_are_a_list_in_json() {
    let mut bench = bench();
    assert!(bench.shard.topics().is_empty());
    bench.publish(&[("a/1", 1.0), ("b", 2.0), ("a/2", 3.0), ("a/1", 4.0)]);
    assert!(!bench.shard.topics().is_empty());
    let mut latest = |filter: &str| {
        let topics = bench.shard.topics();
        let steps = &mut Steps::unlimited();
        let mut search = topics.search(&Filter::new(filter).unwrap(), steps);
        let mut found = Vec::new();
        assert!(topics.advance(&mut search, steps, |id| found.push(id)));
        let mut json = Vec::new();
        bench.shard.append_latest(&found, &mut json);
        let json = format!("[{}]", String::from_utf8(json).unwrap());
        let starts = json.matches("{\"topic\":\"").count();
        assert_eq!(starts, found.len(), "{json}");
        let commas = json.matches("},{\"topic\":\"").count();
        assert_eq!(commas, found.len().saturating_sub(1), "{json}");
        let mut positions: Vec<u64> = json
            .split("\"position\":")
            .skip(1)
            .map(|rest| rest.split(',').next().unwrap().parse().unwrap())
            .collect();
        positions.sort_unstable();
        positions
    };
    assert_eq!(latest("#"), [2, 3, 4]);
    assert_eq!(latest("a/+"), [3, 4]);
    assert_eq!(latest("none"), [0; 0]);
}

#[test]
fn a_shard_sleeps_until_a_batch_is_due_if_all_its_channels_have_a_pace() {
    let mut bench = bench();
    let now = bench.now();
    let cap = Duration::from_millis(50);
    assert_eq!(bench.shard.quiet_until(now), Some(cap), "no client at all");
    let client = bench.reader(Encoding::Json);
    let slow = (Mode::Latest, Some(100.0));
    bench.subscribe(&client, "#", slow, None);
    bench.settle();
    assert_eq!(
        bench.shard.quiet_until(now),
        None,
        "the first value is sent at once"
    );
    bench.publish(&[("a", 1.0)]);
    bench.settle();
    let ms = Duration::from_millis;
    assert_eq!(bench.shard.quiet_until(now), Some(ms(10)));
    assert_eq!(bench.shard.next_due(), None);
    bench.pass(ms(4));
    bench.publish(&[("a", 2.0)]);
    // Its timer is set, so that only a poll remains.
    let now = bench.now();
    assert_eq!(bench.shard.next_due(), Some(ms(10)));
    assert_eq!(bench.shard.quiet_until(now), Some(ms(54)));
    bench.pass(ms(6));
    bench.settle();
    let now = bench.now();
    assert_eq!(bench.shard.quiet_until(now), Some(ms(20)));
    bench.pass(ms(10));
    let now = bench.now();
    assert_eq!(
        bench.shard.quiet_until(now),
        None,
        "a value would be due now"
    );
    // A channel without a pace takes the sleep from all, until it has ended.
    bench.pass(ms(10));
    bench.publish(&[("a", 3.0)]);
    let now = bench.now();
    assert!(bench.shard.quiet_until(now).is_some());
    let other = bench.reader(Encoding::Json);
    bench.subscribe(&other, "b", EVERY, None);
    assert_eq!(bench.shard.quiet_until(now), None);
    bench.shard.disconnect(other.key);
    assert!(bench.shard.quiet_until(now).is_some());
}

#[test]
fn slow_clients_are_listed_with_what_they_lack() {
    let mut bench = bench();
    let clients = [(); 4].map(|()| bench.reader(Encoding::Json));
    for client in &clients {
        bench.subscribe(client, "#", EVERY, None);
        bench.subscribe(client, "b", (Mode::Latest, Some(2.0)), None);
    }
    bench.settle();
    let all = |bench: &Bench, limit| {
        let now = bench.now();
        bench.shard.slowest(limit, now)
    };
    assert!(all(&bench, 10).is_empty());
    clients[1].pipe.set_room(0);
    bench.publish(&[("a", 1.0)]);
    bench.pass(Duration::from_millis(30));
    clients[2].pipe.set_room(0);
    bench.publish(&[("a", 2.0)]);
    bench.pass(Duration::from_millis(20));
    bench.publish(&[("a", 3.0)]);
    bench.pass(Duration::from_millis(10));
    let slow = all(&bench, 10);
    let keys: Vec<_> = slow.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, [clients[1].key, clients[2].key], "slowest first");
    let (_, first) = &slow[0];
    assert_eq!(
        (first.shard, first.connection),
        (3, clients[1].key.to_u64())
    );
    assert_eq!((first.subscriptions, first.blocked_ms), (2, 60));
    assert!(first.unsent_bytes > 100);
    let slowest = first.slowest.as_ref().unwrap();
    assert_eq!((slowest.filter.as_str(), slowest.mode), ("#", Mode::Every));
    assert_eq!((slowest.lag_updates, slowest.max_rate_hz), (2, None));
    // The first update that it lacks came 30 ms ago.
    assert_eq!(slowest.lag_ms, 30);
    let (_, second) = &slow[1];
    let slowest = second.slowest.as_ref().unwrap();
    assert_eq!(
        (slowest.lag_updates, slowest.lag_ms, second.blocked_ms),
        (1, 10, 30)
    );
    assert_eq!(all(&bench, 1).len(), 1);
    for client in &clients {
        bench.unblock(client);
    }
    let slow = all(&bench, 10);
    let blocked: Vec<_> = slow.iter().map(|(_, client)| client.blocked_ms).collect();
    assert_eq!(blocked, [0, 0], "they read, and are still behind");
    bench.settle();
    assert!(all(&bench, 10).is_empty());
}

#[test]
fn a_client_that_does_not_read_its_answers_is_slow_without_any_lag() {
    let mut bench = bench();
    let idle = bench.reader(Encoding::Json);
    let subscribed = bench.reader(Encoding::Json);
    bench.subscribe(&subscribed, "b", EVERY, None);
    bench.settle();
    let now = bench.now();
    for client in [&idle, &subscribed] {
        client.pipe.set_room(0);
        bench.shard.pong(client.key, b"x", now);
    }
    bench.publish(&[("a", 1.0)]);
    bench.pass(Duration::from_millis(5));
    let now = bench.now();
    let mut slow = bench.shard.slowest(10, now);
    slow.sort_by_key(|(_, client)| client.subscriptions);
    assert_eq!(slow.len(), 2);
    let (_, client) = &slow[0];
    assert_eq!((client.blocked_ms, client.unsent_bytes), (5, 3));
    assert_eq!((client.subscriptions, &client.slowest), (0, &None));
    let (_, client) = &slow[1];
    let slowest = client.slowest.as_ref().unwrap();
    // The update after its position is of another topic.
    assert_eq!((slowest.lag_updates, slowest.lag_ms), (0, 0));
}

#[test]
fn a_write_that_a_signal_interrupts_is_tried_again() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    client.pipe.interrupt(3);
    bench.publish(&[("a", 1.0)]);
    assert_eq!(client.updates().len(), 1);
    assert_eq!(bench.shard.take_events(), []);
}

#[test]
fn a_whole_round_writes_to_every_connection() {
    let mut bench = bench();
    let clients: Vec<_> = (0..200).map(|_| bench.reader(Encoding::Json)).collect();
    for client in &clients {
        bench.subscribe(client, "#", EVERY, None);
    }
    bench.settle();
    let now = bench.now();
    let update = NewUpdate::live(Topic::new("a").unwrap(), Value::Reading(1.0));
    let submission = Submission {
        updates: [update].into_iter().collect(),
        ..Submission::default()
    };
    bench.sequencer.push(submission, now);
    let strip = bench.sequencer.take_strip().unwrap();
    bench.shard.round(&[strip], now);
    assert!(!bench.shard.has_unsent());
    assert!(clients.iter().all(|client| client.updates().len() == 1));
}

#[test]
fn a_client_with_too_many_unread_answers_is_not_read() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    client.pipe.set_room(0);
    let now = bench.now();
    let payload = [0; 125];
    // Each pong is 127 bytes: 516 of them are 4 bytes below 64 KiB.
    for _ in 0..516 {
        bench.shard.pong(client.key, &payload, now);
    }
    assert!(!bench.is_clogged(client.key));
    bench.shard.pong(client.key, &payload[..2], now);
    assert!(!bench.is_clogged(client.key), "64 KiB exactly");
    bench.shard.pong(client.key, &[], now);
    assert!(bench.is_clogged(client.key));
    client.pipe.set_room(1_000);
    bench.shard.on_writable(client.key, now);
    assert!(!bench.is_clogged(client.key));
    bench.shard.disconnect(client.key);
    assert!(!bench.is_clogged(client.key));
}

#[test]
fn a_client_does_not_read_while_frames_wait_for_its_socket_or_if_it_was_closed_for_that() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let state = |bench: &mut Bench| {
        let shard = &mut bench.shard;
        (
            shard.has_unsent_frames(client.key),
            shard.is_unread(client.key),
        )
    };
    assert_eq!(state(&mut bench), (false, false));
    client.pipe.set_room(0);
    let now = bench.now();
    bench.shard.pong(client.key, b"x", now);
    assert_eq!(state(&mut bench), (true, true));
    bench.unblock(&client);
    assert_eq!(state(&mut bench), (false, false));
    bench.shard.disconnect(client.key);
    assert_eq!(state(&mut bench), (false, false));
}

#[test]
fn a_socket_does_not_know_the_way_to_its_client_unless_it_says_so() {
    assert_eq!(Pipe::default().path(), None);
}

#[test]
fn a_full_socket_is_reported_once_until_it_has_taken_everything() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    client.pipe.set_room(5);
    bench.publish(&[("a", 1.0)]);
    bench.publish(&[("a", 2.0)]);
    assert_eq!(bench.shard.take_events(), [Event::Blocked(client.key)]);
    assert_eq!(bench.stats.blocked.get(), 1);
    let now = bench.now();
    client.pipe.set_room(5);
    assert!(bench.shard.on_writable(client.key, now), "wait again");
    assert_eq!(bench.shard.take_events(), []);
    client.pipe.set_room(AMPLE_BYTES);
    assert!(!bench.shard.on_writable(client.key, now));
    assert!(bench.shard.has_catching_up());
    bench.settle();
    assert_eq!(client.updates().len(), 2);
    assert!(!bench.shard.on_writable(client.key, now));
    assert!(!bench.shard.has_catching_up());
    client.pipe.break_off();
    bench.publish(&[("a", 3.0)]);
    assert_eq!(bench.shard.take_events(), [Event::Broken(client.key)]);
    bench.shard.disconnect(client.key);
    assert!(!bench.shard.on_writable(client.key, now));
}

#[test]
fn a_gap_and_its_updates_are_counted() {
    let mut bench = Bench::new(CoreSettings {
        tape_bytes: 2_000,
        ..CoreSettings::default()
    });
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "a", EVERY, None);
    bench.settle();
    client.pipe.set_room(1);
    bench.publish(&[("a", 0.0)]);
    for n in 0..100 {
        bench.publish(&[("a", f64::from(n)), ("b", 0.0)]);
    }
    client.pipe.set_room(AMPLE_BYTES);
    let now = bench.now();
    bench.shard.on_writable(client.key, now);
    bench.settle();
    let (batches, gaps) = client.received();
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    let live: usize = batches
        .iter()
        .filter(|b| !b.snapshot)
        .map(|b| b.updates.len())
        .sum();
    assert_eq!(live as u64 + gap.lost.unwrap(), 101);
    let counts = (bench.stats.gaps.get(), bench.stats.gap_updates.get());
    assert_eq!(counts, (1, gap.lost.unwrap()));
}
