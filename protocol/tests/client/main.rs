//! The client against a WebSocket server that does what the test tells it.

#![allow(clippy::unwrap_used)]

mod connection;
mod examples;
mod reconnecting;
mod server;
