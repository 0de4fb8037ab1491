//! The client and the examples against a scripted WebSocket server.

#![allow(clippy::unwrap_used)]

mod connection;
mod examples;
mod reconnecting;
mod requests;
mod scene;
mod server;
