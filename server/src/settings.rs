//! What can be set, as the parts of the server take it. `config` reads it from flags, environment
//! and file.

use std::{net::SocketAddr, time::Duration};

use tickcast_protocol::{
    codec::CLIENT_MESSAGE_MAX_BYTES,
    message::Limits,
    topic::{Filter, TOPIC_MAX_BYTES},
};

use crate::history::HistorySettings;

/// Settings of everything but the feeds.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSettings {
    /// Where to listen, for WebSocket and HTTP. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where operators ask, if there is such an address: then only there for the metrics.
    pub admin: Option<SocketAddr>,
    /// Threads that serve connections. At least 1.
    pub shards: usize,
    /// Whether several clients are written to in one system call, where the kernel allows it.
    pub io_uring: bool,
    /// Memory for recent updates, in bytes.
    pub tape_bytes: usize,
    /// What is kept of the past for those who ask.
    pub history: HistorySettings,
    /// Topics the server holds, at most: each costs memory in every shard for ever.
    pub topics_max: usize,
    /// Subscriptions of one connection, at most.
    pub subscriptions_max: usize,
    /// Connections from one address, at most; loopback is not counted.
    pub connections_per_address_max: usize,
    /// Requests of one connection per second, publishes not counted.
    pub requests_per_s: u32,
    /// Requests of one connection that may come at once.
    pub request_burst: u32,
    /// A heartbeat is sent to a connection to which nothing else was sent for so long.
    pub heartbeat: Duration,
    /// A ping is sent to a connection from which nothing came for so long.
    pub ping: Duration,
    /// A connection that does not answer a ping for so long is closed.
    pub pong_timeout: Duration,
    /// A connection that takes no byte for so long is closed.
    pub write_timeout: Duration,
    /// Time to finish the handshake.
    pub handshake_timeout: Duration,
    /// Over how long connections are closed when the server ends.
    pub drain: Duration,
    /// What clients may subscribe to.
    pub subscribe_allow: Vec<Filter>,
    /// What clients may publish to.
    pub publish_allow: Vec<Filter>,
    /// From where clients may publish.
    pub publish_from: PublishFrom,
    /// Values of the `Origin` header that are let in besides the server's own; `*` for any.
    pub origins: Vec<String>,
}

/// From where clients may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishFrom {
    /// From nowhere.
    Nobody,
    /// From this machine.
    Loopback,
    /// From everywhere.
    Anybody,
}

impl ServerSettings {
    /// Whether clients may read all topics that a filter matches.
    pub fn may_subscribe(&self, filter: &Filter) -> bool {
        let allow = &self.subscribe_allow;
        allow.iter().any(|allowed| allowed.includes(filter))
    }

    /// What clients are told about their limits.
    pub fn limits(&self) -> Limits {
        Limits {
            message_bytes: CLIENT_MESSAGE_MAX_BYTES as u32,
            topic_bytes: TOPIC_MAX_BYTES as u32,
            subscriptions: self.subscriptions_max as u32,
            requests_per_s: self.requests_per_s,
            request_burst: self.request_burst,
            write_timeout_ms: self.write_timeout.as_millis() as u32,
            tape_bytes: self.tape_bytes as u64,
        }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            admin: None,
            shards: 1,
            io_uring: true,
            tape_bytes: 64 * 1024 * 1024,
            history: HistorySettings {
                updates: 2_000,
                bytes: 128 * 1024 * 1024,
            },
            topics_max: 1_000_000,
            subscriptions_max: 1024,
            connections_per_address_max: 256,
            requests_per_s: 20,
            request_burst: 100,
            heartbeat: Duration::from_secs(10),
            ping: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            drain: Duration::from_secs(2),
            subscribe_allow: vec![Filter::all()],
            publish_allow: vec![Filter::all()],
            publish_from: PublishFrom::Loopback,
            origins: Vec::new(),
        }
    }
}
