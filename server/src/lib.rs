//! The Tickcast server: takes updates in from feeds and pushes them to many subscribers.
//!
//! Read in the order in which an update goes through it. The core knows no sockets and no clock;
//! `ARCHITECTURE.md` says who may know of whom, and a test checks it.

// Settings.
pub mod config;
pub mod settings;

// In: feeds hand updates to one queue.
pub mod decode;
pub mod feed;
pub mod ingest;

// The core: the sequencer writes the tape; shards read it.
pub mod history;
pub mod liveness;
pub mod sequencer;
pub mod tape;

pub mod channel;
mod levels;
pub mod subscription;
pub mod topics;

mod catch_up;
pub mod connection;
mod recall;
mod requests;
pub mod shard;
pub mod slow;
pub mod statuses;
mod upkeep;

// Out: threads, sockets, HTTP.
pub mod admin;
pub mod event_stream;
pub mod frame;
pub mod head;
pub mod http;
pub mod inbound;
mod ingest_thread;
pub mod listener;
pub mod outlet;
pub mod page;
pub mod server;
pub mod session;
mod shard_thread;

pub mod clock;
pub mod metrics;
pub mod state;
