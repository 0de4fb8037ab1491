//! The contenders: the servers that are compared, and the floors that they are measured by.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tickcast_loadtest::dialect::{Dialect, SubscribeParams};
use tickcast_protocol::{codec::Encoding, message::Mode};

/// A server that takes part, or a program that others are measured by.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// Ready-made frames, one `send` per subscriber and update: the floor.
    Raw,
    /// As raw, with all waiting frames of a subscriber in one `send`.
    RawBatching,
    /// As raw, batching, with many subscribers in one system call.
    RawRing,
    /// Tickcast, binary.
    TickcastBincode,
    /// Tickcast, JSON.
    TickcastJson,
    /// Another build of Tickcast, binary, if a program is given; see [`other_build`].
    TickcastOther,
    /// nats-server's own WebSocket listener.
    Nats,
    /// Node with the package ws.
    NodeWs,
    /// tokio-tungstenite with tokio's broadcast channel.
    Tungstenite,
    /// uWebSockets, if a program is given; see [`uwebsockets_program`].
    #[serde(rename = "uwebsockets")]
    #[value(name = "uwebsockets")]
    UWebSockets,
    /// Tickcast, binary, with TLS.
    TickcastBincodeTls,
    /// nats-server's own WebSocket listener, with TLS.
    NatsTls,
    /// uWebSockets with TLS, if a program is given.
    #[serde(rename = "uwebsockets-tls")]
    #[value(name = "uwebsockets-tls")]
    UWebSocketsTls,
    /// Tickcast, binary, with its log on disk.
    TickcastBincodeLog,
    /// Tickcast, for clients of Socket.IO.
    TickcastSocketIo,
}

impl Contender {
    /// All contenders without TLS, in the order of the tables.
    pub const PLAIN: [Self; 10] = [
        Self::Raw,
        Self::RawBatching,
        Self::RawRing,
        Self::TickcastBincode,
        Self::TickcastJson,
        Self::TickcastOther,
        Self::Nats,
        Self::NodeWs,
        Self::Tungstenite,
        Self::UWebSockets,
    ];

    /// Contenders with TLS, and Tickcast without it.
    pub const TLS: [Self; 4] = [
        Self::TickcastBincode,
        Self::TickcastBincodeTls,
        Self::NatsTls,
        Self::UWebSocketsTls,
    ];

    /// Tickcast with and without its log.
    pub const LOG: [Self; 2] = [Self::TickcastBincode, Self::TickcastBincodeLog];

    /// Tickcast's two forms of JSON.
    pub const SOCKET_IO: [Self; 2] = [Self::TickcastJson, Self::TickcastSocketIo];

    /// All contenders, in the order of the tables.
    pub fn all() -> impl Iterator<Item = Self> {
        let ([_, tls @ ..], [_, log @ ..]) = (Self::TLS, Self::LOG);
        let others = tls.into_iter().chain(log).chain([Self::TickcastSocketIo]);
        Self::PLAIN.into_iter().chain(others)
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawBatching => "raw, batching",
            Self::RawRing => "raw, io_uring",
            Self::TickcastBincode => "Tickcast bincode",
            Self::TickcastJson => "Tickcast JSON",
            Self::TickcastOther => "Tickcast bincode, other build",
            Self::Nats => "nats-server",
            Self::NodeWs => "Node ws",
            Self::Tungstenite => "tokio-tungstenite",
            Self::UWebSockets => "uWebSockets",
            Self::TickcastBincodeTls => "Tickcast bincode, TLS",
            Self::NatsTls => "nats-server, TLS",
            Self::UWebSocketsTls => "uWebSockets, TLS",
            Self::TickcastBincodeLog => "Tickcast bincode, log",
            Self::TickcastSocketIo => "Tickcast Socket.IO",
        }
    }

    /// Its name on a command line.
    pub fn argument(self) -> String {
        let value = self.to_possible_value().expect("none is hidden");
        value.get_name().to_owned()
    }

    /// Whether it can be measured on this machine. Most are built here or installed.
    pub fn is_available(self) -> bool {
        match self {
            Self::UWebSockets | Self::UWebSocketsTls => uwebsockets_program().is_some(),
            Self::TickcastOther => other_build().is_some(),
            _ => true,
        }
    }

    /// Whether it is a program that others are measured by, and no server.
    pub fn is_raw(self) -> bool {
        matches!(self, Self::Raw | Self::RawBatching | Self::RawRing)
    }

    /// Whether it is a server that can be used in place of Tickcast.
    pub fn is_peer(self) -> bool {
        !self.is_raw() && !self.is_tickcast()
    }

    /// Whether it is Tickcast.
    pub fn is_tickcast(self) -> bool {
        matches!(
            self,
            Self::TickcastBincode
                | Self::TickcastJson
                | Self::TickcastOther
                | Self::TickcastBincodeTls
                | Self::TickcastBincodeLog
                | Self::TickcastSocketIo
        )
    }

    /// Whether it writes what it delivers to a disk.
    pub fn has_log(self) -> bool {
        self == Self::TickcastBincodeLog
    }

    /// Whether it speaks TLS.
    pub fn has_tls(self) -> bool {
        matches!(
            self,
            Self::TickcastBincodeTls | Self::NatsTls | Self::UWebSocketsTls
        )
    }

    /// Its protocol, and how subscribers ask for updates.
    pub fn dialect(self, mode: Mode, max_rate_hz: Option<f64>) -> Dialect {
        let params = |encoding| SubscribeParams {
            encoding,
            mode,
            max_rate_hz,
        };
        let tickcast = |encoding| Dialect::Tickcast(params(encoding));
        match self {
            Self::Raw
            | Self::RawBatching
            | Self::RawRing
            | Self::NodeWs
            | Self::Tungstenite
            | Self::UWebSockets
            | Self::UWebSocketsTls => Dialect::Plain,
            Self::TickcastBincode
            | Self::TickcastOther
            | Self::TickcastBincodeTls
            | Self::TickcastBincodeLog => tickcast(Encoding::Bincode),
            Self::TickcastJson => tickcast(Encoding::Json),
            Self::TickcastSocketIo => Dialect::SocketIo(params(Encoding::Json)),
            Self::Nats | Self::NatsTls => Dialect::Nats,
        }
    }
}

const OTHER: &str = "TICKCAST_OTHER";
const UWEBSOCKETS: &str = "TICKCAST_UWEBSOCKETS";

/// Environment variables that name contenders. They are not for the contenders: Tickcast's server
/// warns of settings that it does not know.
pub const VARIABLES: [&str; 2] = [OTHER, UWEBSOCKETS];

/// Another build of `tickcast-server`, named by `TICKCAST_OTHER`, such as that of an earlier
/// commit. It shows what a change costs: both builds are measured in the same turns.
pub fn other_build() -> Option<String> {
    std::env::var(OTHER).ok()
}

/// A broadcast server made with uWebSockets, named by `TICKCAST_UWEBSOCKETS`. uWebSockets is C++
/// and not in the package registries that the project uses. The program's arguments are the port
/// and, with TLS, the files of the certificate and of its key. It must send what comes from
/// `/publish` to all other clients.
pub fn uwebsockets_program() -> Option<String> {
    std::env::var(UWEBSOCKETS).ok()
}
