//! The lag report for operators: the connections of a shard that are behind the tape.

use std::{cmp::Reverse, time::Duration};

use serde::Serialize;
use tickcast_protocol::{
    codec,
    message::{ChannelId, Mode, Position},
};

use super::{
    Shard,
    connection::Connection,
    keys::{ConnectionKey, SubscriptionKey},
    socket::Socket,
};
use crate::now::Now;

/// A connection that is behind, and its slowest subscription.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowClient {
    /// Its shard.
    pub shard: usize,
    /// Its number in the shard, which is never reused.
    pub connection: u64,
    /// Number of its subscriptions.
    pub subscriptions: usize,
    /// Its slowest subscription, if it has any.
    pub slowest: Option<SlowSubscription>,
    /// Bytes that wait for the kernel to accept them.
    pub unsent_bytes: usize,
    /// Time in ms since the kernel accepted a byte; 0 if it accepts them.
    pub blocked_ms: u64,
}

/// A subscription that is behind its channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowSubscription {
    /// Its channel.
    pub channel: ChannelId,
    /// Its filter.
    pub filter: String,
    /// Whether it gets all updates or the newest values.
    pub mode: Mode,
    /// Maximum number of batches per second.
    pub max_rate_hz: Option<f64>,
    /// Updates on the tape, of all topics, after its cursor.
    pub lag_updates: u64,
    /// Age in ms of the first of these updates that is still on the tape.
    pub lag_ms: u64,
}

impl<S: Socket> Shard<S> {
    /// Up to `limit` connections with the largest lag, slowest first.
    pub fn slowest(&self, limit: usize, now: Now) -> Vec<(ConnectionKey, SlowClient)> {
        let behind = self.connections.iter().filter_map(|(key, connection)| {
            let slowest = self.slowest_subscription(connection);
            let lag = slowest.map_or(0, |(lag, _)| lag);
            let output = &connection.output;
            let is_behind = lag > 0 || output.is_blocked();
            is_behind.then_some(((lag, output.unsent_bytes()), key, slowest))
        });
        let mut behind: Vec<_> = behind.collect();
        behind.sort_unstable_by_key(|&(lag, key, _)| Reverse((lag, key.slot)));
        behind.truncate(limit);
        let client = |(_, key, slowest): (_, ConnectionKey, Option<(u64, SubscriptionKey)>)| {
            let connection = &self.connections[key.slot];
            let blocked_since = connection.output.blocked_since;
            let blocked = blocked_since.map(|then| now.uptime.saturating_sub(then));
            let client = SlowClient {
                shard: self.index,
                connection: key.to_u64(),
                subscriptions: connection.subscriptions.len(),
                slowest: slowest.map(|slowest| self.slow_subscription(slowest, now)),
                unsent_bytes: connection.output.unsent_bytes(),
                blocked_ms: ms(blocked.unwrap_or_default()),
            };
            (key, client)
        };
        behind.into_iter().map(client).collect()
    }

    /// A connection's slowest subscription, and the number of updates on the tape after its cursor.
    pub(super) fn slowest_subscription(
        &self,
        connection: &Connection<S>,
    ) -> Option<(u64, SubscriptionKey)> {
        let lags = connection.subscriptions.iter().map(|&key| {
            let subscription = &self.subscriptions[key];
            let channel = &self.channels[subscription.channel];
            let position = subscription.position(channel);
            (channel.flushed().saturating_sub(position), key)
        });
        lags.max()
    }

    fn slow_subscription(&self, (lag, key): (u64, SubscriptionKey), now: Now) -> SlowSubscription {
        let subscription = &self.subscriptions[key];
        let channel = &self.channels[subscription.channel];
        let (mode, max_rate_hz) = channel.spec.pace.granted();
        let lag_ms = if lag == 0 {
            0
        } else {
            self.age_ms(subscription.position(channel), now)
        };
        SlowSubscription {
            channel: channel.key.id(),
            filter: channel.spec.filter.as_str().to_owned(),
            mode,
            max_rate_hz,
            lag_updates: lag,
            lag_ms,
        }
    }

    /// Age in ms of the first update after a position that is still on the tape.
    fn age_ms(&self, position: Position, now: Now) -> u64 {
        let next = self.tape.between(position, self.tape.head()).next();
        let update = next
            .and_then(|(strip, index)| codec::decode_update_bincode(strip.get(index).bincode).ok());
        let age_ns = update.map_or(0, |update| {
            // The clock may have been set since.
            now.wall_ns.saturating_sub(update.ingest_time_ns)
        });
        u64::try_from(age_ns / 1_000_000).unwrap_or(0)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
