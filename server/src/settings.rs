//! Settings as the parts of the server take them. `config` reads them from flags, environment and
//! file.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tickcast_core::settings::CoreSettings;

/// Settings of everything but the feeds.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSettings {
    /// Where to listen, for WebSocket and HTTP. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address for operators, if there is one: then the metrics are only there.
    pub admin: Option<SocketAddr>,
    /// Threads that serve connections. At least 1.
    pub shards: usize,
    /// Whether several clients are written to in one system call, where the kernel allows it.
    pub io_uring: bool,
    /// Connections from one address, at most; loopback is not counted.
    pub connections_per_address_max: usize,
    /// Time to finish the handshake.
    pub handshake_timeout: Duration,
    /// The addresses that may publish.
    pub publish_from: PublishFrom,
    /// Values of the `Origin` header that are let in besides the server's own; `*` for any.
    pub origins: Vec<String>,
    /// Settings of the sequencer and the shards.
    pub core: CoreSettings,
}

/// The addresses that may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishFrom {
    /// No address.
    Nobody,
    /// This machine.
    Loopback,
    /// Every address.
    Anybody,
}

impl PublishFrom {
    /// Whether clients at an address may publish.
    pub(crate) fn includes(self, address: IpAddr) -> bool {
        match self {
            Self::Nobody => false,
            Self::Loopback => address.to_canonical().is_loopback(),
            Self::Anybody => true,
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
            connections_per_address_max: 256,
            handshake_timeout: Duration::from_secs(5),
            publish_from: PublishFrom::Loopback,
            origins: Vec::new(),
            core: CoreSettings::default(),
        }
    }
}
