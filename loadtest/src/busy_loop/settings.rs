//! What a load on one thread connects to and publishes.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tickcast_protocol::{message::Mode, tls::TlsClient};

use crate::dialect::{Dialect, TopicSelection};

/// See the module.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// The server.
    pub address: SocketAddr,
    /// What speaks TLS, if the server does.
    pub tls: Option<Arc<TlsClient>>,
    /// The server's protocol.
    pub dialect: Dialect,
    /// What subscribers ask for.
    pub mode: Mode,
    /// Update `i` belongs to topic `i % topics`.
    pub topics: u64,
    /// Bytes of each payload.
    pub payload_bytes: usize,
    /// The subscribers.
    pub subscribers: Vec<SubscriberSettings>,
    /// The publisher's local address.
    pub publisher_source: IpAddr,
}

/// One subscriber.
#[derive(Debug, Clone, Copy)]
pub struct SubscriberSettings {
    /// The topics to subscribe to.
    pub topics: TopicSelection,
    /// The local address.
    pub source: IpAddr,
    /// Whether it stops reading while the load stalls.
    pub is_to_stall: bool,
}

/// How many updates are published when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PublishRate {
    /// This many per second, on an absolute schedule, regardless of the server.
    PerSecond(f64),
    /// As many as possible, with at most this many on the way to the slowest subscriber.
    Window(u64),
    /// None.
    Silent,
}
