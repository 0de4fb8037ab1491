//! The limits of a connection that publishes: it is read later, and nothing is refused.

use std::time::Duration;

use tickcast_core::{permissions::Access, settings::CoreSettings, wire};
use tickcast_protocol::{codec::Encoding, error::CloseCode};

use crate::bench::{Bench, Client};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A bench with one client that may publish.
fn bench(updates_per_s: u32, bytes_per_s: u32) -> (Bench, Client) {
    let mut bench = Bench::new(CoreSettings {
        publish_updates_per_s: updates_per_s,
        publish_bytes_per_s: bytes_per_s,
        ping: MS(1_000),
        pong_timeout: MS(1_000),
        ..CoreSettings::default()
    });
    let client = bench.connect(Encoding::Json, Access { may_publish: true });
    client.messages();
    (bench, client)
}

impl Bench {
    fn charge(&mut self, client: &Client, updates: usize, bytes: usize) {
        let now = self.now();
        self.shard.charge_publish(client.key, updates, bytes, now);
    }

    fn pause(&mut self, client: &Client) -> Option<Duration> {
        let now = self.now();
        self.shard.reading_pause(client.key, now)
    }
}

#[test]
fn a_client_that_publishes_too_much_is_read_when_its_rate_allows_it() {
    for (limits, (updates, bytes)) in [
        ((1_000, 0), (1_100, 9_999_999)),
        ((0, 1_000), (9_999_999, 1_100)),
    ] {
        let (mut bench, client) = bench(limits.0, limits.1);
        assert_eq!(bench.pause(&client), None);
        bench.charge(&client, 0, 0);
        bench.pass(MS(1_000));
        bench.charge(&client, updates, bytes);
        assert_eq!(bench.pause(&client), Some(MS(100)), "{limits:?}");
        assert_eq!(bench.stats.publish_pauses.get(), 1);
        bench.pass(MS(99));
        assert_eq!(bench.pause(&client), Some(MS(1)));
        bench.pass(MS(1));
        assert_eq!(bench.pause(&client), None);
        bench.charge(&client, 1, 1);
        assert_eq!(bench.stats.publish_pauses.get(), 2);
    }
}

#[test]
fn another_client_is_read_meanwhile() {
    let (mut bench, client) = bench(1_000, 0);
    let other = bench.connect(Encoding::Json, Access { may_publish: true });
    bench.charge(&client, 5_000, 0);
    bench.charge(&other, 1_000, 0);
    assert_eq!(
        (bench.pause(&other), bench.stats.publish_pauses.get()),
        (None, 1)
    );
}

#[test]
fn a_long_pause_is_checked_four_times_a_second_and_the_client_is_not_silent_in_it() {
    let (mut bench, client) = bench(1_000, 0);
    // A debt of nine seconds.
    bench.charge(&client, 10_000, 0);
    for _ in 0..36 {
        assert_eq!(bench.pause(&client), Some(MS(250)));
        bench.pass(MS(250));
        let now = bench.now();
        bench.shard.tick(now);
    }
    assert_eq!(bench.pause(&client), None);
    // Its pongs waited unread: it was neither pinged nor closed.
    let frames = client.frames();
    assert!(frames.iter().all(|frame| frame.opcode == 1), "{frames:?}");
    assert_eq!(bench.broken(), []);
}

#[test]
fn a_client_that_is_being_closed_is_read_and_one_that_has_gone_is_not_charged() {
    let (mut bench, client) = bench(1_000, 0);
    bench.charge(&client, 10_000, 0);
    let frame = wire::close_with(CloseCode::GoingAway, "");
    let (now, code) = (bench.now(), CloseCode::GoingAway.number());
    bench.shard.close(client.key, frame, Some(code), now);
    assert_eq!(bench.pause(&client), None, "its close frame must be read");
    bench.shard.disconnect(client.key);
    bench.charge(&client, 10_000, 0);
    assert_eq!(
        (bench.pause(&client), bench.stats.publish_pauses.get()),
        (None, 1)
    );
}
