//! Feeds: the sources of updates. Each feed is one task that hands updates to the sequencer's
//! queue. While the queue is full the feed waits, which holds its source back.
//!
//! This file holds the settings of a feed and runs it. The others, in reading order:
//!
//! | room or file | job |
//! |---|---|
//! | `handover` | hands updates to the sequencer, counts, and limits the log |
//! | [`decode`] | turns the bytes of a payload into a value, by rules per topic |
//! | [`simulated`] | simulated markets and sensors |
//! | `stdin` | lines on standard input |
//! | [`replay`] | recorded files |
//! | [`mqtt`] | topics of an MQTT broker |
//!
//! A feed knows the queue of [`ingest`](crate::ingest) and the metrics. It knows no shard and no
//! client, and feeds do not know each other.

pub mod decode;
mod handover;
pub mod mqtt;
pub mod replay;
pub mod simulated;
mod stdin;

use std::sync::Arc;

use clap::Subcommand;
use handover::Handover;

use crate::{
    feed::decode::Decoder,
    ingest::{Ended, Ingest},
};

pub use crate::metrics::{FeedMetrics, FeedState};

/// One feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedSettings {
    /// Distinguishes the feed in logs and metrics.
    pub name: String,
    /// The source of its updates.
    pub source: Source,
}

/// The source of a feed's updates. Each variant is a kind in the settings; the flags of a kind
/// begin with its alias.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Source {
    /// Synthetic but realistic data.
    #[command(alias = "sim")]
    Simulated(simulated::SimulatedSettings),
    /// An MQTT broker.
    Mqtt(mqtt::MqttSettings),
    /// Recorded files.
    Replay(replay::ReplaySettings),
    /// Lines on standard input.
    Stdin,
}

/// The reason why a feed cannot start with its settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("feed {name}: {reason}")]
pub struct FeedError {
    /// The feed's name.
    pub name: String,
    /// The setting that must change.
    pub key: &'static str,
    /// The problem and its place.
    pub reason: String,
}

impl Source {
    /// The name of this kind of feed in the settings.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Simulated(_) => "simulated",
            Self::Mqtt(_) => "mqtt",
            Self::Replay(_) => "replay",
            Self::Stdin => "stdin",
        }
    }
}

impl FeedSettings {
    /// Finds the problems that can be found before the start: an unreadable file, an invalid
    /// number. An unreachable broker is not an error, because it may become reachable.
    pub fn check(&self) -> Result<(), FeedError> {
        let result = match &self.source {
            Source::Simulated(settings) => settings.check(),
            Source::Mqtt(settings) => settings.check(),
            Source::Replay(settings) => settings.check(),
            Source::Stdin => Ok(()),
        };
        result.map_err(|(key, reason)| FeedError {
            name: self.name.clone(),
            key,
            reason,
        })
    }
}

/// Runs a feed until its source ends, the server ends, or `shutdown` completes.
pub async fn run(
    settings: FeedSettings,
    decoder: Decoder,
    ingest: Ingest,
    metrics: Arc<FeedMetrics>,
    shutdown: impl Future<Output = ()>,
) {
    let name = settings.name;
    let handover = Handover::new(name.clone(), ingest, Arc::clone(&metrics));
    let end = handover.clone();
    tracing::info!(feed = %name, kind = settings.source.kind(), "feed starts");
    let result = match settings.source {
        Source::Mqtt(settings) => mqtt::run(settings, decoder, handover, shutdown).await,
        Source::Simulated(settings) => until(shutdown, simulated::run(settings, handover)).await,
        Source::Replay(settings) => {
            let feed = to_its_end(&end, replay::run(settings, handover));
            until(shutdown, feed).await
        }
        Source::Stdin => {
            let feed = to_its_end(&end, stdin::run(decoder, handover));
            until(shutdown, feed).await
        }
    };
    match result {
        Ok(()) => tracing::info!(feed = %name, "feed has finished"),
        Err(ended) => tracing::debug!(feed = %name, "feed stops: {ended}"),
    }
    metrics.set_state(FeedState::Finished);
}

/// Reports a finished feed as down: it is as silent as one whose source is gone.
async fn to_its_end(
    end: &Handover,
    feed: impl Future<Output = Result<(), Ended>>,
) -> Result<(), Ended> {
    let result = feed.await;
    end.tell_down().await?;
    result
}

/// Drops `feed` when `shutdown` completes. Only for feeds that hold no acknowledged updates.
async fn until(
    shutdown: impl Future<Output = ()>,
    feed: impl Future<Output = Result<(), Ended>>,
) -> Result<(), Ended> {
    tokio::select! {
        result = feed => result,
        () = shutdown => Ok(()),
    }
}
