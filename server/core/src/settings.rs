//! The settings of the core. The server reads them from flags, environment and file.

use std::{ops::RangeInclusive, time::Duration};

use tickcast_protocol::{
    codec::CLIENT_MESSAGE_MAX_BYTES,
    message::{Limits, RATE_MIN_HZ},
    topic::TOPIC_MAX_BYTES,
};

use crate::{
    candles::LongHistorySettings,
    permissions::Permissions,
    sequencer::{HistorySettings, NewTopicLimits},
    shard::RATE_MAX_HZ,
    totals::TotalLimits,
};

/// Settings of the sequencer and the shards.
#[derive(Debug, Clone, PartialEq)]
pub struct CoreSettings {
    /// Memory for recent updates, in bytes.
    pub tape_bytes: usize,
    /// How much of each topic's past is kept.
    pub history: HistorySettings,
    /// How many candles and rows are kept.
    pub long_history: LongHistorySettings,
    /// Maximum number of topics. A topic is never removed, and costs memory in every shard.
    pub topics_max: usize,
    /// Maximum number of subscriptions per connection.
    pub subscriptions_max: usize,
    /// Maximum requests per connection and second. Publishes are not counted.
    pub requests_per_s: u32,
    /// Maximum requests of one connection in a burst.
    pub request_burst: u32,
    /// Maximum updates that one connection publishes per second, and in a burst; 0 for no limit.
    pub publish_updates_per_s: u32,
    /// Maximum bytes of one connection's publishes per second, and in a burst; 0 for no limit.
    pub publish_bytes_per_s: u32,
    /// How fast one connection may introduce topics.
    pub new_topics: NewTopicLimits,
    /// A connection gets a heartbeat at most this long after the last message.
    pub heartbeat: Duration,
    /// A connection gets a ping after this long without a message from it.
    pub ping: Duration,
    /// A connection is closed if it has not answered a ping for this long.
    pub pong_timeout: Duration,
    /// A connection is closed if its socket has accepted no byte for this long.
    pub write_timeout: Duration,
    /// A shutdown closes the connections one after another over this time.
    pub drain: Duration,
    /// What clients may read and publish.
    pub permissions: Permissions,
    /// Limits of all connections of an address together.
    pub of_address: TotalLimits,
    /// Whether other nodes have the same tape. A client may then come from one that is further.
    pub is_node: bool,
}

/// Shortest and longest time between two calls of [`Shard::tick`](crate::shard::Shard::tick).
const TICK: RangeInclusive<Duration> = Duration::from_millis(5)..=Duration::from_millis(500);

impl CoreSettings {
    /// Time between two calls of [`Shard::tick`](crate::shard::Shard::tick). It is short enough
    /// that no heartbeat is late.
    pub fn tick(&self) -> Duration {
        (self.heartbeat / 4).clamp(*TICK.start(), *TICK.end())
    }

    /// The limits that the welcome message announces to a client.
    pub fn limits(&self) -> Limits {
        Limits {
            message_bytes: CLIENT_MESSAGE_MAX_BYTES as u32,
            topic_bytes: TOPIC_MAX_BYTES as u32,
            subscriptions: self.subscriptions_max as u32,
            requests_per_s: self.requests_per_s,
            request_burst: self.request_burst,
            write_timeout_ms: self.write_timeout.as_millis() as u32,
            tape_bytes: self.tape_bytes as u64,
            rate_min_hz: RATE_MIN_HZ,
            rate_max_hz: RATE_MAX_HZ,
            publish_updates_per_s: self.publish_updates_per_s,
            publish_bytes_per_s: self.publish_bytes_per_s,
            new_topics_per_s: self.new_topics.per_s,
            new_topics_burst: self.new_topics.burst,
        }
    }
}

impl Default for CoreSettings {
    fn default() -> Self {
        Self {
            tape_bytes: 64 * 1024 * 1024,
            history: HistorySettings {
                updates: 2_000,
                bytes: 128 * 1024 * 1024,
            },
            long_history: LongHistorySettings {
                bytes: 128 * 1024 * 1024,
            },
            topics_max: 1_000_000,
            subscriptions_max: 1024,
            requests_per_s: 20,
            request_burst: 100,
            publish_updates_per_s: 200_000,
            publish_bytes_per_s: 64 * 1024 * 1024,
            new_topics: NewTopicLimits {
                per_s: 1_000,
                burst: 20_000,
            },
            heartbeat: Duration::from_secs(10),
            ping: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(2),
            permissions: Permissions::default(),
            of_address: TotalLimits::default(),
            is_node: false,
        }
    }
}
