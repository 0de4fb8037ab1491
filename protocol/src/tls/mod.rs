//! TLS of clients: the one place for trusted authorities, certificates and keys.
//!
//! It uses rustls with ring, and knows no protocol above it. The files in reading order:
//!
//! * `options`: what a client trusts, and who it is
//! * `client`: connections; files are read again for each, so that renewed certificates are used
//! * [`pem`]: certificates and keys from files, and what is wrong with them
//! * `failure`: the reason of a failed handshake in one sentence
//! * `unverified`: what accepts any certificate, if an option says so

mod client;
mod failure;
mod options;
pub mod pem;
mod unverified;

pub use client::TlsClient;
pub use options::{BadOption, TlsOption, TlsOptions};
