//! Exports for tests, benches and fuzz targets. Not part of the public API.

use crate::server::Server;

pub use crate::{
    clock::Clock,
    feed::{
        FeedMetrics, FeedSettings, FeedState, Source, SparkplugMetrics, decode, lines, program,
        replay, run, simulated, sparkplug, websocket,
    },
    ingest::{Arrival, Ended, Ingest},
    metrics::TaskState,
    net::ws_reader::{Inbound, InboundError, MessageReader, Violation},
    settings::{OnFailure, PublishFrom, ServerSettings},
    tasks::Task,
    tls::ClientTls,
};

/// The MQTT feed, and the packets of its client.
pub mod mqtt {
    pub use crate::{
        feed::mqtt::MqttSettings,
        mqtt::{HIDDEN, MqttUrl, MqttVersion, Scheme, Secret, Walked, walk},
    };
}

/// The checks of a request, which are functions of its header.
pub mod request {
    pub use crate::{
        net::request::{handshake, host, origin, query},
        settings::site::{Authority, Host, HostRule, Origin, OriginRule},
    };
}

/// What clients of Socket.IO send.
pub mod socket_io {
    pub use crate::net::socket_io::{Auth, Step, Talk, request};
}

/// The session of a TLS client.
pub mod tls {
    use std::sync::Arc;

    pub use rustls::ServerConfig;

    pub use crate::{
        net::acceptor::HANDSHAKE_MAX_BYTES,
        tls::{Arena, ServerTls, TlsSession},
    };

    /// What handshakes use. An error names the setting that is wrong.
    pub fn config(settings: &ServerTls) -> Result<Arc<ServerConfig>, String> {
        let loaded = crate::tls::load(settings);
        loaded
            .map(|loaded| loaded.config)
            .map_err(|(key, reason)| format!("{key}: {reason}"))
    }
}

/// Tokens, tickets, and the files of identities.
pub mod identities {
    use std::{path::Path, sync::Arc};

    use tickcast_core::identity::{Authority, Claims, Identity, Limits, Role, Source};

    pub use crate::{
        auth::{State, TICKET_LIFE, TOKEN_MAX_BYTES, TicketError, Tickets},
        net::request::bearer,
    };

    /// The number of revocations in a file, and the file as it would be written.
    pub fn read_revocations(path: &Path) -> Result<(usize, String), String> {
        crate::auth::read_revocations(path)
    }

    /// The identity of a subject whose role allows nothing.
    ///
    /// # Panics
    ///
    /// If the subject is empty or too long.
    pub fn identity(subject: &str) -> Arc<Identity> {
        let name = Arc::<str>::from("reader");
        let role = Role {
            name: Arc::clone(&name),
            subscribe: Vec::new(),
            history: None,
            publish: Vec::new(),
            limits: Limits::default(),
        };
        let authority = Authority {
            roles: [(Arc::clone(&name), role)].into(),
            ..Authority::default()
        };
        let claims = Claims {
            source: Source::Listed,
            subject: subject.into(),
            ..Claims::anonymous(name)
        };
        let identity = authority.admit(claims, 0);
        Arc::new(identity.expect("there is the role"))
    }
}

/// The header of the PROXY protocol.
pub mod proxy_protocol {
    pub use crate::net::proxy_protocol::{
        FIXED_BYTES, Header, HeaderError, Parsed, REST_MAX_BYTES, SIGNATURE, parse,
    };
}

/// The names of a server's long-lived tasks.
pub fn tasks(server: &Server) -> Vec<String> {
    let tasks = server.metrics().tasks.iter();
    tasks.map(|task| task.name.clone()).collect()
}

/// Makes a task panic when it works next.
///
/// # Panics
///
/// If the server has no such task.
pub fn panic_in(server: &Server, task: &str) {
    let mut tasks = server.metrics().tasks.iter();
    let task = tasks.find(|known| known.name == task);
    task.expect("the server has the task").order_panic();
}
