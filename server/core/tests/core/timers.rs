//! Heartbeats, pings, timeouts and drains: each at its time, to the nanosecond.

use std::time::Duration;

use tickcast_core::{
    permissions::Access, settings::CoreSettings, shard::CLOSE_TIMEOUT, wire::Wire,
};
use tickcast_protocol::{
    codec::Encoding,
    error::CloseCode,
    message::{ClientMessage, Mode, Publication, Publish, ServerMessage},
    value::Value,
};

use crate::{
    bench::{Bench, Client},
    pipe::{AMPLE_BYTES, Frame},
};

const EVERY: (Mode, Option<f64>) = (Mode::Every, None);

/// The smallest step of time.
const INSTANT: Duration = Duration::from_nanos(1);

fn settings() -> CoreSettings {
    CoreSettings {
        heartbeat: Duration::from_secs(10),
        ping: Duration::from_secs(20),
        pong_timeout: Duration::from_secs(7),
        write_timeout: Duration::from_secs(9),
        drain: Duration::from_secs(4),
        ..CoreSettings::default()
    }
}

impl Bench {
    /// Passes a time and runs the timers.
    fn tick_after(&mut self, time: Duration) {
        self.pass(time);
        let now = self.now();
        self.shard.tick(now);
    }

    fn hears(&mut self, client: &Client) {
        let now = self.now();
        self.shard.heard(client.key, now);
    }
}

fn is_ping(frames: &[Frame]) -> bool {
    let ping = Frame {
        opcode: 9,
        payload: Vec::new(),
    };
    frames.contains(&ping)
}

#[test]
fn a_silent_client_is_pinged_once_and_closed_when_the_pong_is_late() {
    let mut bench = Bench::new(settings());
    let client = bench.reader(Encoding::Json);
    bench.tick_after(settings().ping);
    assert!(!is_ping(&client.frames()), "not yet");
    bench.tick_after(INSTANT);
    assert!(is_ping(&client.frames()));
    bench.tick_after(settings().pong_timeout);
    assert!(!is_ping(&client.frames()), "one ping is enough");
    bench.tick_after(INSTANT);
    client.is_closed_with(CloseCode::PongTimeout);
    assert_eq!(bench.closes("4001"), 1);
    assert_eq!(bench.broken(), [], "the close handshake has begun");
}

#[test]
fn a_client_that_answers_its_ping_is_pinged_again_after_the_same_time() {
    let mut bench = Bench::new(settings());
    let client = bench.reader(Encoding::Json);
    for _ in 0..3 {
        bench.tick_after(settings().ping + INSTANT);
        assert!(is_ping(&client.frames()));
        bench.pass(settings().pong_timeout);
        bench.hears(&client);
        bench.tick_after(settings().ping);
        assert!(!is_ping(&client.frames()));
        bench.hears(&client);
    }
    assert_eq!(bench.closes("4001"), 0);
}

#[test]
fn an_event_stream_is_never_pinged() {
    let mut bench = Bench::new(settings());
    let client = bench.connect(Wire::Events, Access::READER);
    client.pipe.take_bytes();
    for _ in 0..20 {
        bench.tick_after(settings().heartbeat / 2);
        let bytes = client.pipe.take_bytes();
        assert!(bytes.is_empty() || bytes.starts_with(b": {\"type\":\"heartbeat\""));
    }
    assert_eq!(bench.broken(), []);
}

#[test]
fn a_client_that_reads_nothing_is_closed_after_the_write_timeout() {
    let mut bench = Bench::new(settings());
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    client.pipe.set_room(10);
    bench.publish(&[("a", 1.0)]);
    bench.tick_after(settings().write_timeout);
    assert_eq!(bench.broken(), []);
    assert_eq!(bench.closes("4000"), 0);
    bench.tick_after(INSTANT);
    assert_eq!(bench.closes("4000"), 1);
    // It may still find the close frame.
    assert_eq!(bench.broken(), []);
    bench.tick_after(CLOSE_TIMEOUT + INSTANT);
    assert_eq!(bench.broken(), [client.key]);
}

#[test]
fn the_write_timeout_starts_again_with_every_byte_that_the_client_reads() {
    let mut bench = Bench::new(settings());
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    client.pipe.set_room(0);
    bench.publish(&[("a", 1.0)]);
    for _ in 0..3 {
        bench.tick_after(settings().write_timeout);
        client.pipe.set_room(1);
        let now = bench.now();
        assert!(bench.shard.on_writable(client.key, now));
        assert_eq!(bench.broken(), []);
    }
    // A socket that takes nothing, whatever it is asked, does not start it again.
    bench.pass(settings().write_timeout);
    let now = bench.now();
    assert!(bench.shard.on_writable(client.key, now));
    assert_eq!(bench.closes("4000"), 0);
    bench.tick_after(INSTANT);
    assert_eq!(bench.closes("4000"), 1);
}

#[test]
fn a_client_that_does_not_answer_a_close_frame_is_cut_off_after_five_seconds() {
    let mut bench = Bench::new(settings());
    let client = bench.reader(Encoding::Json);
    let now = bench.now();
    let code = CloseCode::Normal;
    bench.shard.close_with(client.key, code, code.text(), now);
    client.is_closed_with(code);
    bench.tick_after(Duration::from_secs(5));
    assert_eq!(bench.broken(), []);
    bench.tick_after(INSTANT);
    assert_eq!(bench.broken(), [client.key]);
    assert!(client.frames().is_empty(), "nothing follows a close frame");
}

#[test]
fn a_heartbeat_comes_after_its_time_without_another_message() {
    let mut bench = Bench::new(settings());
    let client = bench.reader(Encoding::Json);
    let accepted = bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    bench.pass(settings().heartbeat / 2);
    bench.publish(&[("a", 1.0)]);
    assert_eq!(client.updates().len(), 1);
    bench.tick_after(settings().heartbeat / 2);
    assert_eq!(client.messages(), []);
    // It comes in time, so a tick sends it if the next tick would be too late.
    bench.tick_after(settings().heartbeat / 2 - INSTANT);
    let messages = client.messages();
    let [ServerMessage::Heartbeat(heartbeat)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!(heartbeat.server_time_ns, bench.now().wall_ns);
    assert_eq!(heartbeat.position, 1);
    let channels: Vec<_> = heartbeat
        .channels
        .iter()
        .map(|c| (c.channel, c.position))
        .collect();
    assert_eq!(channels, [(accepted.channel, 1)]);
}

#[test]
fn a_blocked_client_gets_neither_heartbeat_nor_ping() {
    let mut bench = Bench::new(CoreSettings {
        write_timeout: Duration::from_secs(1_000),
        ..settings()
    });
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    client.pipe.set_room(0);
    bench.publish(&[("a", 1.0)]);
    let writes = client.pipe.writes();
    bench.tick_after(settings().ping * 3);
    assert_eq!(client.pipe.writes(), writes);
    client.pipe.set_room(AMPLE_BYTES);
    let now = bench.now();
    bench.shard.on_writable(client.key, now);
    bench.settle();
    assert_eq!(client.updates().len(), 1, "and nothing else");
}

#[test]
fn a_drain_closes_idle_clients_one_after_another_over_its_window() {
    let mut bench = Bench::new(settings());
    let clients: Vec<_> = (0..4).map(|_| bench.reader(Encoding::Json)).collect();
    let window = Duration::from_secs(4);
    let now = bench.now();
    bench.shard.drain(window, now);
    for client in &clients {
        let messages = client.messages();
        let [ServerMessage::Draining(draining)] = &messages[..] else {
            panic!("{messages:?}");
        };
        assert_eq!(draining.reconnect_within_ms, 4_000);
    }
    for (nth, client) in (1..).zip(&clients) {
        bench.tick_after(Duration::from_secs(1) - INSTANT);
        assert_eq!(client.frames(), [], "client {nth} is not due");
        bench.tick_after(INSTANT);
        client.is_closed_with(CloseCode::ServiceRestart);
        assert_eq!(bench.closes("1012"), nth);
    }
}

#[test]
fn a_client_that_comes_during_a_drain_is_told_and_closed_at_its_end() {
    let mut bench = Bench::new(settings());
    let now = bench.now();
    bench.shard.drain(Duration::from_secs(4), now);
    bench.pass(Duration::from_secs(1));
    let client = bench.connect(Encoding::Json, Access::READER);
    let messages = client.messages();
    let [ServerMessage::Welcome(_), ServerMessage::Draining(_)] = &messages[..] else {
        panic!("{messages:?}");
    };
    bench.tick_after(Duration::from_secs(3) - INSTANT);
    assert_eq!(client.frames(), []);
    bench.tick_after(INSTANT);
    client.is_closed_with(CloseCode::ServiceRestart);
}

#[test]
fn a_drain_waits_for_a_client_that_has_updates_to_receive_until_its_window_ends() {
    let mut bench = Bench::new(settings());
    let slow = bench.reader(Encoding::Json);
    bench.subscribe(&slow, "#", EVERY, None);
    bench.settle();
    let idle = bench.reader(Encoding::Json);
    slow.pipe.set_room(0);
    bench.publish(&[("a", 1.0)]);
    let now = bench.now();
    bench.shard.drain(Duration::from_secs(4), now);
    bench.tick_after(Duration::from_secs(4) - INSTANT);
    assert_eq!(bench.closes("1012"), 0);
    assert_eq!(idle.messages().len(), 1);
    bench.tick_after(INSTANT);
    assert_eq!(bench.closes("1012"), 2);
    idle.is_closed_with(CloseCode::ServiceRestart);
    slow.pipe.set_room(AMPLE_BYTES);
    let now = bench.now();
    bench.shard.on_writable(slow.key, now);
    slow.is_closed_with(CloseCode::ServiceRestart);
}

#[test]
fn a_drain_waits_for_unread_answers_and_for_snapshots_until_its_window_ends() {
    let mut bench = Bench::new(settings());
    bench.publish(&[("a", 1.0)]);
    let [unread, new, _idle] = [(); 3].map(|()| bench.reader(Encoding::Json));
    let now = bench.now();
    unread.pipe.set_room(0);
    bench.shard.pong(unread.key, b"x", now);
    bench.subscribe(&new, "#", EVERY, None);
    bench.shard.drain(Duration::from_secs(4), now);
    bench.tick_after(Duration::from_secs(4) - INSTANT);
    assert_eq!(bench.closes("1012"), 0);
    bench.tick_after(INSTANT);
    assert_eq!(bench.closes("1012"), 3);
}

#[test]
fn a_drain_waits_for_a_client_whose_next_values_are_not_due() {
    let mut bench = Bench::new(settings());
    let paced = bench.reader(Encoding::Json);
    bench.publish(&[("a", 1.0)]);
    bench.subscribe(&paced, "#", (Mode::Latest, Some(0.5)), None);
    bench.settle();
    bench.publish(&[("a", 2.0)]);
    bench.publish(&[("a", 3.0)]);
    paced.pipe.take_bytes();
    let now = bench.now();
    bench.shard.drain(Duration::from_secs(4), now);
    bench.turn();
    let positions: Vec<_> = paced.updates().iter().map(|update| update.1).collect();
    assert_eq!(positions, [3], "a drain makes the last values due");
}

#[test]
fn the_counts_of_blocked_clients_and_their_lag_are_renewed_by_the_timers() {
    let mut bench = Bench::new(settings());
    let clients: Vec<_> = (0..3).map(|_| bench.reader(Encoding::Json)).collect();
    for client in &clients {
        bench.subscribe(client, "#", EVERY, None);
    }
    bench.settle();
    for client in &clients[1..] {
        client.pipe.set_room(0);
        bench.publish(&[("a", 1.0)]);
    }
    bench.publish(&[("a", 2.0)]);
    assert_eq!(
        (bench.stats.behind.get(), bench.stats.blocked.get()),
        (0, 2)
    );
    let now = bench.now();
    bench.shard.tick_part(1, 2, now);
    assert_eq!(bench.stats.behind.get(), 0, "counted with the first part");
    bench.shard.tick_part(0, 2, now);
    assert_eq!(bench.stats.behind.get(), 2);
    assert_eq!(bench.stats.lag_updates.get(), 2, "the slowest has 2 to get");
    bench.shard.on_writable(clients[1].key, now);
    for client in &clients {
        client.pipe.set_room(AMPLE_BYTES);
        bench.shard.on_writable(client.key, now);
    }
    bench.settle();
    bench.shard.tick(now);
    let behind = (bench.stats.behind.get(), bench.stats.lag_updates.get());
    assert_eq!(behind, (0, 0));
}

#[test]
fn a_pong_repeats_its_ping() {
    let mut bench = Bench::new(settings());
    let client = bench.reader(Encoding::Bincode);
    let now = bench.now();
    let payload = [b'x'; 125];
    bench.shard.pong(client.key, &payload, now);
    let pong = Frame {
        opcode: 10,
        payload: payload.to_vec(),
    };
    assert_eq!(client.frames(), [pong]);
}

#[test]
fn a_request_after_a_close_frame_is_not_carried_out() {
    let mut bench = Bench::new(settings());
    let client = bench.connect(Encoding::Json, Access { may_publish: true });
    let now = bench.now();
    let code = CloseCode::Normal;
    bench.shard.close_with(client.key, code, code.text(), now);
    client.is_closed_with(code);
    let publish = Publish {
        id: Some(1),
        updates: vec![Publication {
            topic: "a".to_owned(),
            value: Value::Reading(1.0),
            source_time_ns: None,
        }],
    };
    bench.ask(&client, ClientMessage::Publish(publish));
    bench.turn();
    assert_eq!(bench.sequencer.position(), 0);
    assert_eq!(client.frames(), []);
}
