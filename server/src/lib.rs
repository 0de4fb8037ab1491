//! The Tickcast server: takes updates in from feeds and pushes them to many subscribers.
//!
//! The rooms, in the order in which an update goes through them: [`feed`] hands updates over,
//! [`ingest`] sequences them, and [`net`] sends them out. What is sent to which client, and when, is
//! decided in the crate `tickcast-core`, which knows no sockets and no clock.
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

mod feed;
mod ingest;
mod net;

mod clock;
mod metrics;
mod server;

#[doc(hidden)]
pub mod testing;

pub use server::{Server, StartError};
