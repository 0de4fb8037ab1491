//! What a request must be before it is answered: to whom it is addressed, from which page it comes,
//! whether it is a handshake, and what its query says.
//!
//! The files in reading order:
//!
//! * `host`: the host that a request names, and whether this server answers for it
//! * `origin`: the page that a browser sends a request for
//! * `handshake`: the opening handshake of a WebSocket
//! * `bearer`: the token that a request shows
//! * `forwarded`: the client that proxies name
//! * `query`: the parameters of `/v1/...`
//! * `encoding`: whether a client accepts compressed files
//!
//! All of them are functions of the request's header: they do no I/O and know no connection, so a
//! fuzz target runs them on any bytes.

pub mod bearer;
pub(crate) mod encoding;
pub(crate) mod forwarded;
pub mod handshake;
pub mod host;
pub mod origin;
pub mod query;

#[cfg(test)]
mod tests;
