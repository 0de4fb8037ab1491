//! TLS: one place for trusted authorities, certificates and keys.
//!
//! So far this is the client side, for feeds that connect to a server of their own. It uses rustls
//! with ring, and knows no feed and no protocol.
//!
//! The files in reading order:
//!
//! * `settings`: what an operator configures, one group of keys for each kind of feed that has TLS
//! * `client`: connections as configured; files are read again for each, so that renewed
//!   certificates are used
//! * `pem`: certificates and keys from files, and what is wrong with them
//! * `failure`: the reason of a failed handshake in one sentence
//! * `unverified`: what accepts any certificate, if a setting says so

mod client;
mod failure;
mod pem;
mod settings;
mod unverified;

pub(crate) use client::TlsClient;
pub use settings::ClientTls;

#[cfg(test)]
mod tests;
