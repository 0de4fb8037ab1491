//! TLS: certificates and keys of listeners and of outgoing connections.
//!
//! It uses rustls with ring, and knows no feed, no socket and no protocol. What clients of any kind
//! need is in `tickcast_protocol::tls`: authorities, certificates and keys from files, and what is
//! wrong with them.
//!
//! The files in reading order:
//!
//! * `settings`: what an operator configures, one group of keys for each kind of feed that has TLS,
//!   and for each listener
//! * `client`: outgoing connections as configured
//! * `server`: listeners as configured
//! * `current`: what a listener shows now, which can be replaced
//! * `session`, `arena`: the session of one client of a listener, without I/O
//! * `validity`: when certificates are valid

mod arena;
mod client;
mod current;
mod server;
mod session;
mod settings;
mod validity;

pub use arena::Arena;
pub(crate) use client::TlsClient;
pub(crate) use current::CurrentTls;
pub(crate) use server::{check, load};
pub(crate) use session::RECORD_MAX_BYTES;
pub use session::TlsSession;
pub use settings::{ClientTls, ServerTls};

#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod tests;
