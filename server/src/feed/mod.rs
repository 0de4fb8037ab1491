//! Where updates come from. Each feed is one task that hands updates to the sequencer's queue; if
//! that is full, the feed waits, which holds its source back.

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
    /// Tells it from the others in logs and metrics.
    pub name: String,
    /// What it is.
    pub source: Source,
}

/// What a feed takes its updates from. Each variant is a kind in the settings; its alias is what its
/// flags begin with.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Source {
    /// Made up, but believable.
    #[command(alias = "sim")]
    Simulated(simulated::SimulatedSettings),
    /// An MQTT broker.
    Mqtt(mqtt::MqttSettings),
    /// Recorded files.
    Replay(replay::ReplaySettings),
    /// Lines on standard input.
    Stdin,
}

/// Why a feed cannot start as it is set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("feed {name}: {reason}")]
pub struct FeedError {
    /// Which feed.
    pub name: String,
    /// What is wrong, and where.
    pub reason: String,
}

impl Source {
    /// The name it has in the settings.
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
    /// What can be found wrong before the start: an unreadable file, a bad number. A broker that
    /// is not there is no such thing, because it may come.
    pub fn check(&self) -> Result<(), FeedError> {
        let result = match &self.source {
            Source::Simulated(settings) => settings.check(),
            Source::Mqtt(settings) => settings.check(),
            Source::Replay(settings) => settings.check(),
            Source::Stdin => Ok(()),
        };
        result.map_err(|reason| FeedError {
            name: self.name.clone(),
            reason,
        })
    }
}

/// Runs a feed until it has nothing more, the server is ending, or `shutdown` is done.
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

/// A feed that has no more is as silent as one whose source is gone.
async fn to_its_end(
    end: &Handover,
    feed: impl Future<Output = Result<(), Ended>>,
) -> Result<(), Ended> {
    let result = feed.await;
    end.tell_down().await?;
    result
}

/// Drops `feed` when `shutdown` is done: for feeds that hold nothing that has been promised.
async fn until(
    shutdown: impl Future<Output = ()>,
    feed: impl Future<Output = Result<(), Ended>>,
) -> Result<(), Ended> {
    tokio::select! {
        result = feed => result,
        () = shutdown => Ok(()),
    }
}
