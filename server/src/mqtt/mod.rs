//! A client of an MQTT broker (3.1.1 or 5), as feeds and outputs need one.
//!
//! The files in reading order:
//!
//! * `version`, `url`: what an operator configures
//! * `packet`: packets and bytes; only this room names the MQTT library
//! * `transport`: TCP, TLS and WebSocket
//! * `publishing`: what a client publishes, and its will
//! * `settings`, `link`, `client`: the connection to the broker
//! * `endings`: what the end of a connection means, by how those before it ended

mod client;
mod endings;
mod link;
mod packet;
mod publishing;
mod settings;
mod transport;
mod url;
mod version;

use std::time::Duration;

use tickcast_protocol::backoff::{BackoffPolicy, Jitter};

pub(crate) use client::{ClientError, Incoming, MqttClient};
pub(crate) use endings::Endings;
pub(crate) use packet::{Outgoing, Publish, Skipped, Will};
pub use packet::{Walked, walk};
pub(crate) use publishing::{MakeWill, Publisher};
pub(crate) use settings::ClientSettings;
pub use url::{HIDDEN, MqttUrl, Scheme, Secret};
pub use version::MqttVersion;

/// When to connect again. Brokers restart quickly, and after a repair a client should be back soon.
/// Half of each wait is random, so that the clients of a broker do not all come back at once. Two
/// clients with the same id, which throw each other out, never have a good connection.
pub(crate) const RECONNECT: BackoffPolicy = BackoffPolicy {
    first_bound: Duration::from_millis(250),
    max_bound: Duration::from_secs(15),
    reset_after: Duration::from_secs(10),
    jitter: Jitter::Equal,
};
