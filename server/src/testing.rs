//! What tests, benches and fuzz targets need of the rooms. Not part of the public surface.

pub use crate::{
    clock::Clock,
    feed::{FeedMetrics, FeedSettings, FeedState, Source, decode, mqtt, replay, run, simulated},
    ingest::{Arrival, Ended, Ingest},
    net::ws_reader::{Inbound, InboundError, MessageReader, Violation},
    settings::{PublishFrom, ServerSettings},
};
