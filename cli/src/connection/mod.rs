//! The connection to the server.
//!
//! * `options`: what the command line says about it
//! * `link`: the WebSocket client, for programs that end when it fails
//! * `http`: requests over HTTP, with the same login and the same trust

mod options;

mod http;
mod link;

pub(crate) use http::{Lines, get};
pub(crate) use link::Link;
pub(crate) use options::{ConnectionArgs, TOKEN_VARIABLE, parse_duration};
