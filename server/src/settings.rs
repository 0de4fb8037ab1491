//! Settings in the form in which the rooms of the server use them. `config` reads them from flags,
//! environment and file.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tickcast_core::settings::CoreSettings;

/// All settings except those of the feeds.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSettings {
    /// Address to listen on, for WebSocket and HTTP. Port 0 chooses a free port.
    pub listen: SocketAddr,
    /// The address for operators, if there is one. Metrics are then served only there.
    pub admin: Option<SocketAddr>,
    /// Number of threads that serve connections, at least 1.
    pub shards: usize,
    /// Whether one system call may write to several clients, where the kernel allows it.
    pub io_uring: bool,
    /// Maximum number of connections from one address. Loopback is not counted.
    pub connections_per_address_max: usize,
    /// Maximum time for the handshake.
    pub handshake_timeout: Duration,
    /// The addresses that may publish.
    pub publish_from: PublishFrom,
    /// Values of the `Origin` header that are accepted besides the server's own; `*` accepts any.
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
