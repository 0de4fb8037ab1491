//! Out and in over the network: listeners, HTTP, WebSocket and event streams, and the shards' threads.
//!
//! A [`shard_thread`] accepts connections with its [`listener`]; [`routes`] answers requests; a
//! WebSocket or an event stream becomes a [`session`], which calls the shard through its
//! [`shard_handle`]. The shard writes to an [`outlet`].

pub(crate) mod listener;
pub(crate) mod permits;

mod answer;
mod assets;
mod echo;
mod event_stream;
mod handshake;
mod routes;

pub(crate) mod admin;
pub(crate) mod slow_clients;

mod outlet;
mod pipe;
mod ring_writer;
mod session;
mod shard_handle;
pub(crate) mod shard_thread;
pub(crate) mod state;
pub(crate) mod ws_reader;
