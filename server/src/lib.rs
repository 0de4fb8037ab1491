//! # The Tickcast server
//!
//! The server takes updates from feeds and pushes them to many subscribers. An update passes
//! through the rooms in this order:
//!
//! | room | job |
//! |---|---|
//! | [`config`] | reads the settings from flags, environment and file |
//! | `feed` | receives updates from sources, decodes them, and hands them over |
//! | `mqtt` | the client of an MQTT broker, for feeds and outputs |
//! | `auth` | roles, tokens and their keys: which identity a client has proved |
//! | `ingest` | runs the sequencer, and hands its strips to the shards |
//! | `data` | writes the strips to the log on disk, before they are delivered |
//! | `cluster` | runs the sequencer of a node instead, whose work goes through a shared stream |
//! | `net` | accepts clients, reads their requests, and writes what the shards send |
//! | `output` | sends the newest values to brokers and to Grafana |
//! | `tls` | trusted authorities, certificates, keys and sessions, for feeds and listeners with TLS |
//! | `metrics` | the counters of all rooms, and their text form for Prometheus |
//! | `tasks` | notices tasks that end before the server, and starts them again |
//! | [`log`] | writes the program's log, without ever holding a task up |
//!
//! `server` starts the threads of these rooms and ends them in order; `beginning` knows what a
//! server begins with: nothing, a log, or a cluster; `again` starts it again. `entrances` binds the
//! listeners, `passed` takes sockets that a service manager has bound, and `start_error` says why a
//! server does not start. `settings` holds the settings in the form in which the rooms use them,
//! `clock` reads the system's clocks, and `cpu_time` tells what threads do with the time.
//! `accounts` counts what several connections do together, and `hang_up` knows the errors of a
//! connection that the other side has ended. `testing` exports what the tests, benches and fuzz
//! targets need of the rooms.
//!
//! The crate `tickcast-core` decides what each client is sent, and when. It has no sockets and no
//! clock, so the rooms here make no such decision.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tickcast_server::{Server, config};
//!
//! let arguments = ["tickcast-server", "--feed", "none"].map(Into::into);
//! if let config::Command::Run(settings) = config::load(arguments, [])? {
//!     let server = Server::start(*settings)?;
//!     println!("ws://{}/ws", server.address());
//!     server.shutdown();
//! }
//! # Ok(())
//! # }
//! ```

pub mod config;
mod settings;

mod audit;
mod auth;
mod cluster;
mod data;
mod feed;
mod ingest;
mod mqtt;
mod net;
mod output;

pub mod log;

mod accounts;
mod again;
mod beginning;
mod changing;
mod clock;
mod cpu_time;
mod entrances;
mod hang_up;
mod metrics;
mod passed;
mod server;
mod start_error;
mod tasks;
mod threads;
mod tls;

#[cfg(test)]
mod simulation;

#[doc(hidden)]
pub mod testing;

pub use entrances::Listening;
pub use passed::PassedSockets;
pub use server::Server;
pub use settings::endpoint::Endpoint;
pub use settings::listen::{ListenSettings, OffPath, TrustedProxy};
pub use start_error::StartError;
pub use tasks::Failure;
pub use tls::ServerTls;
