//! The Tickcast server: takes updates in from feeds and pushes them to many subscribers.

pub mod channel;
pub mod clock;
pub mod config;
pub mod connection;
pub mod decode;
pub mod feed;
pub mod frame;
pub mod head;
pub mod http;
pub mod inbound;
pub mod ingest;
pub mod listener;
pub mod metrics;
mod requests;
pub mod sequencer;
pub mod server;
pub mod session;
pub mod settings;
pub mod shard;
pub mod state;
pub mod subscription;
pub mod tape;
pub mod topics;
