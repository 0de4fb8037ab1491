//! Who is behind, for operators: the connections of a shard that have not got what is on the tape.

use std::time::Duration;

use serde::Serialize;
use tickcast_protocol::{
    codec,
    message::{ChannelId, Mode, Position},
};

use crate::{
    clock::Now,
    connection::{Connection, ConnectionKey, Socket},
    shard::Shard,
    subscription::SubscriptionKey,
};

/// A connection that is behind, with that of its subscriptions that is furthest behind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowClient {
    /// Its shard.
    pub shard: usize,
    /// Its number in the shard, which is never used twice.
    pub connection: u64,
    /// How many subscriptions it has.
    pub subscriptions: usize,
    /// The slowest of them, if there is one.
    pub slowest: Option<SlowSubscription>,
    /// Bytes that wait for the kernel to take them.
    pub unsent_bytes: usize,
    /// For how long the kernel has taken none; 0 if it takes them.
    pub blocked_ms: u64,
}

/// A subscription that is behind its channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowSubscription {
    /// Its channel.
    pub channel: ChannelId,
    /// What it is to.
    pub filter: String,
    /// Whether it gets all updates or the newest values.
    pub mode: Mode,
    /// So many times per second at most.
    pub max_rate_hz: Option<f64>,
    /// Updates on the tape, of all topics, that came since its cursor.
    pub lag_updates: u64,
    /// For how long the first of them has been on the tape, or the oldest one that is still there.
    pub lag_ms: u64,
}

impl<S: Socket> Shard<S> {
    /// Those of the connections that are furthest behind, the slowest first, at most `limit`.
    pub fn slowest(&self, limit: usize, now: Now) -> Vec<(ConnectionKey, SlowClient)> {
        let behind = self.connections.iter().filter_map(|(index, connection)| {
            let slowest = self.slowest_subscription(connection);
            let lag = slowest.map_or(0, |(lag, _)| lag);
            let is_behind = lag > 0 || connection.is_blocked();
            is_behind.then_some(((lag, connection.unsent_bytes()), index, slowest))
        });
        let mut behind: Vec<_> = behind.collect();
        behind.sort_unstable_by(|a, b| b.cmp(a));
        behind.truncate(limit);
        let client = |(_, index, slowest): (_, usize, Option<(u64, SubscriptionKey)>)| {
            let connection = &self.connections[index];
            let key = ConnectionKey {
                index: index as u32,
                generation: connection.generation,
            };
            let since = |then| now.uptime.saturating_sub(then);
            let client = SlowClient {
                shard: self.index,
                connection: key.to_u64(),
                subscriptions: connection.subscriptions.len(),
                slowest: slowest.map(|slowest| self.slow_subscription(slowest, now)),
                unsent_bytes: connection.unsent_bytes(),
                blocked_ms: ms(connection.blocked_since.map_or(Duration::ZERO, since)),
            };
            (key, client)
        };
        behind.into_iter().map(client).collect()
    }

    /// Updates on the tape that the slowest of a connection's subscriptions has not got, and which
    /// one that is.
    pub(crate) fn slowest_subscription(
        &self,
        connection: &Connection<S>,
    ) -> Option<(u64, SubscriptionKey)> {
        let lags = connection.subscriptions.iter().map(|&key| {
            let subscription = &self.subscriptions[key as usize];
            let channel = &self.channels[subscription.channel as usize];
            let position = subscription.position(channel);
            (channel.flushed().saturating_sub(position), key)
        });
        lags.max()
    }

    fn slow_subscription(&self, (lag, key): (u64, SubscriptionKey), now: Now) -> SlowSubscription {
        let subscription = &self.subscriptions[key as usize];
        let channel = &self.channels[subscription.channel as usize];
        let (mode, max_rate_hz) = channel.spec.pace.granted();
        let lag_ms = if lag == 0 {
            0
        } else {
            self.age_ms(subscription.position(channel), now)
        };
        SlowSubscription {
            channel: channel.key,
            filter: channel.spec.filter.as_str().to_owned(),
            mode,
            max_rate_hz,
            lag_updates: lag,
            lag_ms,
        }
    }

    /// How long ago the first update that is still on the tape behind a position came in.
    fn age_ms(&self, position: Position, now: Now) -> u64 {
        let next = self.tape.between(position, self.tape.head()).next();
        let update = next
            .and_then(|(strip, index)| codec::decode_update_bincode(strip.get(index).bincode).ok());
        let age_ns = update.map_or(0, |update| now.wall_ns - update.ingest_time_ns);
        u64::try_from(age_ns / 1_000_000).unwrap_or(0)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
