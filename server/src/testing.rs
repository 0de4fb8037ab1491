//! Exports for tests, benches and fuzz targets. Not part of the public API.

pub use crate::{
    clock::Clock,
    feed::{FeedMetrics, FeedSettings, FeedState, Source, decode, mqtt, replay, run, simulated},
    ingest::{Arrival, Ended, Ingest},
    net::ws_reader::{Inbound, InboundError, MessageReader, Violation},
    settings::{PublishFrom, ServerSettings},
};

/// The checks of a request, which are functions of its header.
pub mod request {
    pub use crate::{
        net::request::{handshake, host, origin, query},
        settings::site::{Authority, Host, HostRule, Origin, OriginRule},
    };
}
