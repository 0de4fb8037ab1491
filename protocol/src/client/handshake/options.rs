//! What to connect to, and how.

use std::{net::IpAddr, time::Duration};

use super::header::ExtraHeader;
use crate::{codec::Encoding, message::BearerToken, tls::TlsOptions};

/// Time from the first packet to the end of the handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What to connect to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// The server, as `ws://host:port/path`, or `wss://host:port/path` with TLS.
    pub url: String,
    /// Negotiated as the subprotocol.
    pub encoding: Encoding,
    /// Source address of the connection. By default the system chooses.
    pub local_address: Option<IpAddr>,
    /// Time from the first packet to the end of the handshake.
    pub timeout: Duration,
    /// Proves an identity, in the header `Authorization` (RFC 6750, section 2.1).
    pub token: Option<BearerToken>,
    /// Headers of the handshake besides its own ones, for a proxy in front of the server.
    /// `Authorization` cannot be among them if there is a token.
    pub headers: Vec<ExtraHeader>,
    /// What is trusted, and who the client is, if the URL is with TLS.
    pub tls: TlsOptions,
}

impl ConnectOptions {
    /// Connects from any address within [`CONNECT_TIMEOUT`].
    pub fn new(url: impl Into<String>, encoding: Encoding) -> Self {
        Self {
            url: url.into(),
            encoding,
            local_address: None,
            timeout: CONNECT_TIMEOUT,
            token: None,
            headers: Vec::new(),
            tls: TlsOptions::default(),
        }
    }
}
