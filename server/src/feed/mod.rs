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
//! | `lines` | lines become updates |
//! | `stdin` | lines on standard input |
//! | [`program`] | lines that a program prints |
//! | [`websocket`] | messages of any WebSocket server |
//! | [`replay`] | recorded files |
//! | [`mqtt`] | topics of an MQTT broker |
//! | [`sparkplug`] | Sparkplug B, whose messages the feed `mqtt` receives |
//!
//! A feed knows the queue of [`ingest`](crate::ingest) and the metrics. It knows no shard and no
//! client, and feeds do not know each other.

pub mod decode;
mod handover;
pub mod lines;
pub(crate) mod mqtt;
pub mod program;
pub mod replay;
pub mod simulated;
pub mod sparkplug;
mod stdin;
pub mod websocket;

#[cfg(test)]
mod faults;

use std::sync::Arc;

use clap::Subcommand;
use handover::Handover;
use mqtt::MqttFeed;
use program::{ProgramEnd, ProgramFeed};
use stdin::StdinFeed;
use tokio::{sync::watch, time::sleep};
use websocket::WebsocketFeed;

use crate::{
    feed::decode::Decoder,
    ingest::{Ended, Ingest},
    metrics::FeedStats,
    tasks::{Restarts, Task},
};

pub use crate::metrics::{FeedMetrics, FeedState, SparkplugMetrics};

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
#[allow(
    clippy::large_enum_variant,
    reason = "a server has a few, made at the start"
)]
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
    /// Lines that a program prints.
    Program(program::ProgramSettings),
    /// Messages of any WebSocket server.
    Websocket(Box<websocket::WebsocketSettings>),
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
            Self::Program(_) => "program",
            Self::Websocket(_) => "websocket",
        }
    }
}

impl FeedSettings {
    /// Its counters, which are all 0.
    pub(crate) fn stats(&self) -> FeedStats {
        FeedStats {
            name: self.name.clone(),
            kind: self.source.kind(),
            metrics: Arc::default(),
        }
    }

    /// Finds the problems that can be found before the start: an unreadable file, an invalid
    /// number. An unreachable broker is not an error, because it may become reachable.
    pub fn check(&self) -> Result<(), FeedError> {
        let result = match &self.source {
            Source::Simulated(settings) => settings.check(),
            Source::Mqtt(settings) => settings.check(),
            Source::Replay(settings) => settings.check(),
            Source::Stdin => Ok(()),
            Source::Program(settings) => settings.check(),
            Source::Websocket(settings) => settings.check(&self.name),
        };
        result.map_err(|(key, reason)| FeedError {
            name: self.name.clone(),
            key,
            reason,
        })
    }
}

/// Runs a feed until its source ends, the server ends, or `shutdown` completes. If it fails, it is
/// started again after a while. Until then its topics are down.
pub async fn run(
    settings: FeedSettings,
    decoder: Decoder,
    ingest: Ingest,
    metrics: Arc<FeedMetrics>,
    task: Task,
    shutdown: impl Future<Output = ()>,
) {
    let name = settings.name;
    let kind = settings.source.kind();
    let handover = Handover::new(name.clone(), ingest, Arc::clone(&metrics));
    let mut feed = Feed::new(settings.source, decoder, &handover);
    let (stop, stopped) = watch::channel(false);
    tracing::info!(feed = %name, kind, "feed starts");
    let stopping = async {
        shutdown.await;
        stop.send_replace(true);
    };
    let (result, ()) = tokio::join!(run_again(&mut feed, task, &handover, stopped), async {
        tokio::select! {
            () = stopping => {}
            () = stop.closed() => {}
        }
    });
    match result {
        Ok(()) => tracing::info!(feed = %name, "feed has finished"),
        Err(ended) => tracing::debug!(feed = %name, "feed stops: {ended}"),
    }
    metrics.set_state(FeedState::Finished);
}

/// Runs a feed, again after each failure.
async fn run_again(
    feed: &mut Feed,
    task: Task,
    handover: &Handover,
    stopped: watch::Receiver<bool>,
) -> Result<(), Ended> {
    let mut restarts = Restarts::new(task.clone());
    loop {
        let reason = match restarts.attempt(feed.run(&stopped)).await {
            Ok(End::Stopped) => return Ok(()),
            Ok(End::Finished) => return handover.tell_down().await,
            Ok(End::SequencerGone) => return Err(Ended),
            Ok(End::Failed(reason)) | Err(reason) => reason,
        };
        handover.set_state(FeedState::Down);
        let wait = restarts.failed(reason);
        let lost = feed.recover(&task).await?;
        handover
            .clone()
            .count_rest_as_lost(lost, "the feed has failed");
        handover.tell_down().await?;
        tokio::select! {
            () = sleep(wait) => {}
            () = ended(stopped.clone()) => return Ok(()),
        }
    }
}

/// How a feed has ended.
enum End {
    /// The server ends.
    Stopped,
    /// The source has ended.
    Finished,
    /// The sequencer accepts nothing any more.
    SequencerGone,
    /// The feed has failed, for this reason.
    Failed(String),
}

impl From<Result<(), Ended>> for End {
    fn from(result: Result<(), Ended>) -> Self {
        match result {
            Ok(()) => Self::Finished,
            Err(Ended) => Self::SequencerGone,
        }
    }
}

/// A feed, with what must outlast a failure.
enum Feed {
    Mqtt(Box<MqttFeed>),
    /// It begins again from its seed.
    Simulated(simulated::SimulatedSettings, Handover),
    /// It begins again with its first row.
    Replay(replay::ReplaySettings, Handover),
    Stdin(StdinFeed),
    Program(Box<ProgramFeed>),
    Websocket(Box<WebsocketFeed>),
}

impl Feed {
    fn new(source: Source, decoder: Decoder, handover: &Handover) -> Self {
        let handover = handover.clone();
        match source {
            Source::Mqtt(settings) => {
                Self::Mqtt(Box::new(MqttFeed::new(settings, decoder, handover)))
            }
            Source::Simulated(settings) => Self::Simulated(settings, handover),
            Source::Replay(settings) => Self::Replay(settings, handover),
            Source::Stdin => Self::Stdin(StdinFeed::new(decoder, handover)),
            Source::Program(settings) => {
                Self::Program(Box::new(ProgramFeed::new(settings, decoder, handover)))
            }
            Source::Websocket(settings) => {
                Self::Websocket(Box::new(WebsocketFeed::new(*settings, decoder, handover)))
            }
        }
    }

    async fn run(&mut self, stopped: &watch::Receiver<bool>) -> End {
        let stop = ended(stopped.clone());
        match self {
            Self::Mqtt(feed) => match feed.run(stop).await {
                Ok(()) if *stopped.borrow() => End::Stopped,
                Ok(()) => End::Failed("it ended although the server did not".into()),
                Err(Ended) => End::SequencerGone,
            },
            Self::Simulated(settings, handover) => {
                until(stop, simulated::run(settings.clone(), handover.clone())).await
            }
            Self::Replay(settings, handover) => {
                until(stop, replay::run(settings.clone(), handover.clone())).await
            }
            Self::Stdin(feed) => {
                let feed = async {
                    match feed.run().await {
                        Ok(Err(reason)) => End::Failed(reason),
                        Ok(Ok(())) => End::Finished,
                        Err(Ended) => End::SequencerGone,
                    }
                };
                until(stop, feed).await
            }
            Self::Program(feed) => match feed.run(stop).await {
                Ok(ProgramEnd::Stopped) => End::Stopped,
                Ok(ProgramEnd::Finished) => End::Finished,
                Err(Ended) => End::SequencerGone,
            },
            Self::Websocket(feed) => match feed.run(stop).await {
                Ok(()) if *stopped.borrow() => End::Stopped,
                Ok(()) => End::Failed("it ended although the server did not".into()),
                Err(Ended) => End::SequencerGone,
            },
        }
    }

    /// Hands over what was received before a failure. Returns the number of updates that still
    /// wait.
    async fn recover(&mut self, task: &Task) -> Result<usize, Ended> {
        match self {
            Self::Program(feed) => return Ok(feed.waiting()),
            Self::Websocket(feed) => return feed.recover().await.map(|()| 0),
            _ => {}
        }
        if let Self::Mqtt(feed) = self {
            for _ in 0..RECOVERIES_MAX {
                match task.caught(feed.recover()).await {
                    Ok(result) => return result.map(|()| feed.waiting()),
                    Err(panic) => task.count(panic),
                }
            }
            return Ok(feed.waiting());
        }
        Ok(0)
    }
}

/// Maximum number of attempts to hand over what was received before a failure. Each gets past one
/// more message, and a client holds about ten that it has received.
const RECOVERIES_MAX: usize = 32;

/// Completes when the feed is to stop.
async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error means that its owner is gone, which ends the feed as well.
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}

/// Drops `feed` when `stop` completes. Only for feeds that hold no acknowledged updates.
async fn until<T: Into<End>>(stop: impl Future<Output = ()>, feed: impl Future<Output = T>) -> End {
    tokio::select! {
        result = feed => result.into(),
        () = stop => End::Stopped,
    }
}
