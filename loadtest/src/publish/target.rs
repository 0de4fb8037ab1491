//! Where updates are published, and what is published.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tickcast_protocol::{message::BearerToken, tls::TlsClient};

use crate::dialect::Dialect;

/// Where updates are published.
#[derive(Debug, Clone)]
pub enum PublishTarget {
    /// To a server, as a client.
    WebSocket {
        /// The server's address.
        address: SocketAddr,
        /// The server's name and port, for the handshake.
        host: String,
        /// The path, for the handshake.
        path: String,
        /// The server's protocol.
        dialect: Dialect,
        /// The local address, if it is not the system's choice.
        source: Option<IpAddr>,
        /// What speaks TLS, if the server does.
        tls: Option<Arc<TlsClient>>,
        /// Proves an identity.
        token: Option<BearerToken>,
    },
    /// To an MQTT broker from which the server reads, with QoS 0.
    Mqtt {
        /// The broker's address.
        address: SocketAddr,
        /// User and password.
        login: Option<(String, String)>,
    },
}

impl PublishTarget {
    /// The address of the server or broker.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::WebSocket { address, .. } | Self::Mqtt { address, .. } => *address,
        }
    }
}

/// What is published.
#[derive(Debug, Clone)]
pub struct PublishContent {
    /// The run's number, for the stamps.
    pub run: u32,
    /// Topics. Update `i` belongs to topic `i % topics.len()`.
    pub topics: Vec<String>,
    /// Bytes of each payload, at least a stamp's.
    pub payload_bytes: usize,
}
