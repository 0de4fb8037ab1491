//! The Tickcast server: takes updates in from feeds and pushes them to many subscribers.

pub mod ingest;
pub mod settings;
