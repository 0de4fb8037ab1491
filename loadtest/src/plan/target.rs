//! The server's address, and the publisher.

use std::{net::SocketAddr, sync::Arc};

use tickcast_protocol::{message::BearerToken, tls::TlsClient};

use crate::publish::PublishTarget;

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The URL as it was given.
    pub url: String,
    /// The resolved address.
    pub address: SocketAddr,
    /// Name and port.
    pub host: String,
    /// Path of the WebSocket.
    pub path: String,
    /// What speaks TLS, if the URL is with TLS.
    pub tls: Option<Arc<TlsClient>>,
    /// Prove identities: subscribers have them in turn, and the publisher has the first one.
    pub tokens: Vec<BearerToken>,
}

/// The publisher.
#[derive(Debug, Clone)]
pub enum UpdateSource {
    /// The load tester.
    Own(PublishTarget),
    /// The server's own feed. Updates are timed from ingest on.
    Server,
}
