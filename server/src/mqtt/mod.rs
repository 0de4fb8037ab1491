//! A client of an MQTT broker (3.1.1 or 5), as feeds and outputs need one.
//!
//! The files in reading order:
//!
//! * `version`, `url`: what an operator configures
//! * `packet`: packets and bytes; only this room names the MQTT library
//! * `transport`: TCP, TLS and WebSocket
//! * `publishing`: what a client publishes, and its will
//! * `settings`, `client`: the connection to the broker
//! * `endings`: what the end of a connection means, by how those before it ended

mod client;
mod endings;
mod packet;
mod publishing;
mod settings;
mod transport;
mod url;
mod version;

pub(crate) use client::{ClientError, Incoming, MqttClient};
pub(crate) use endings::Endings;
pub(crate) use packet::{Outgoing, Publish, Skipped, Will};
pub use packet::{Walked, walk};
pub(crate) use publishing::{MakeWill, Publisher};
pub(crate) use settings::ClientSettings;
pub use url::{HIDDEN, MqttUrl, Scheme, Secret};
pub use version::MqttVersion;
