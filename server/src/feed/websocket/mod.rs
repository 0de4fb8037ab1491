//! The WebSocket feed: connects to the WebSocket of any server, sends what subscribes, and takes
//! each message to the rules. It connects again, and subscribes again, whenever the connection
//! ends.
//!
//! While the sequencer's queue is full, the feed reads nothing, so TCP holds the server back. Pings
//! go on meanwhile. A server that does not wait ends the connection, which is counted.
//!
//! The files in reading order:
//!
//! * `settings`, `address`: what an operator configures
//! * `connect`: opens a connection
//! * `link`: an open connection with its timers
//! * this file: the loop that joins them with the sequencer

mod address;
mod connect;
mod link;
mod settings;

use std::{collections::VecDeque, pin::Pin, pin::pin, time::Duration};

use tickcast_core::work::NewUpdate;
use tickcast_protocol::{
    backoff::{Backoff, BackoffPolicy, Jitter},
    websocket::Message,
};
use tokio::time::{sleep, timeout};

use self::{
    connect::Connector,
    link::{Link, LinkEvent},
};
use super::{
    decode::Decoder,
    handover::{BATCH_MAX_UPDATES, Handover},
};
use crate::{ingest::Ended, metrics::FeedState};

pub use address::{Header, WebsocketUrl};
pub use settings::WebsocketSettings;

/// When to connect again. Exchanges lock out addresses that connect some hundred times in five
/// minutes, and after a repair the feed should be back soon. Half of each wait is random, so that
/// the clients of a server do not all come back at once.
const RECONNECT: BackoffPolicy = BackoffPolicy {
    first_bound: Duration::from_millis(500),
    max_bound: Duration::from_secs(30),
    reset_after: Duration::from_secs(10),
    jitter: Jitter::Equal,
};

/// Updates that may wait for the sequencer. Above it the feed reads nothing. A message adds 4,096
/// at most.
const PENDING_MAX_UPDATES: usize = 4096;

/// Longest time at shutdown for received updates to reach the sequencer.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// The feed. What it has received is kept here, so that a failure loses at most the message that it
/// failed at.
pub(super) struct WebsocketFeed {
    settings: WebsocketSettings,
    topic: String,
    decoder: Decoder,
    handover: Handover,
    connector: Option<Connector>,
    backoff: Backoff,
    link: Option<Link>,
    pending: VecDeque<NewUpdate>,
    has_connected: bool,
}

impl WebsocketFeed {
    pub(super) fn new(settings: WebsocketSettings, decoder: Decoder, handover: Handover) -> Self {
        let topic = settings.topic.as_ref();
        let topic = topic.map_or(handover.name(), |topic| topic.as_str());
        Self {
            topic: topic.to_owned(),
            settings,
            decoder,
            handover,
            connector: None,
            backoff: Backoff::new(RECONNECT),
            link: None,
            pending: VecDeque::new(),
            has_connected: false,
        }
    }

    /// Receives messages until `stop` completes.
    pub(super) async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<(), Ended> {
        let mut stop = pin!(stop);
        loop {
            if self.link.is_none() {
                let connected = tokio::select! {
                    connected = self.connect() => connected,
                    () = &mut stop => return Ok(()),
                };
                match connected {
                    Ok(link) => self.link = Some(link),
                    Err(reason) => {
                        if !self.wait(&reason, stop.as_mut()).await {
                            return Ok(());
                        }
                        continue;
                    }
                }
            }
            self.handover.set_state(FeedState::Up);
            let lost = self.follow(stop.as_mut()).await?;
            let link = self.link.take();
            let Some(reason) = lost else {
                if let Some(link) = link {
                    link.close().await;
                }
                return timeout(FLUSH_MAX, self.flush()).await.unwrap_or(Ok(()));
            };
            if let Some(link) = link {
                self.backoff.connection_lasted(link.opened_at.elapsed());
            }
            self.flush().await?;
            self.handover.tell_down().await?;
            if !self.wait(&reason, stop.as_mut()).await {
                return Ok(());
            }
        }
    }

    /// Hands over what was received before a failure.
    pub(super) async fn recover(&mut self) -> Result<(), Ended> {
        self.flush().await
    }

    async fn connect(&mut self) -> Result<Link, String> {
        let connector = match &mut self.connector {
            Some(connector) => connector,
            None => {
                let connector = Connector::new(&self.settings)?;
                if self.settings.tls.insecure {
                    self.handover.metrics().tls_unverified.set(1);
                    tracing::warn!(
                        feed = self.handover.name(),
                        "the server's certificate is not verified (setting tls_insecure)"
                    );
                }
                self.connector.insert(connector)
            }
        };
        let feed = self.handover.name();
        let warn = |reason: String| tracing::warn!(feed, reason, "a file of the settings");
        let link = Link::new(connector.connect(warn).await?, &self.settings);
        if self.has_connected {
            self.handover.metrics().reconnects.add(1);
        }
        self.has_connected = true;
        tracing::info!(
            feed = self.handover.name(),
            server = self.shown(),
            "connected"
        );
        Ok(link)
    }

    fn shown(&self) -> String {
        let url = self.settings.url.as_ref();
        url.map(ToString::to_string).unwrap_or_default()
    }

    /// Receives until the connection is lost, and returns the reason; `None` if the feed is to
    /// stop.
    async fn follow(
        &mut self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Option<String>, Ended> {
        loop {
            let may_read = self.pending.len() < PENDING_MAX_UPDATES;
            let Some(link) = &mut self.link else {
                return Ok(Some("there is no connection".to_owned()));
            };
            let event = tokio::select! {
                biased;
                () = &mut stop => return Ok(None),
                room = self.handover.room(), if !self.pending.is_empty() => {
                    let updates = self.pending.len().min(BATCH_MAX_UPDATES);
                    let batch = self.pending.drain(..updates).collect();
                    self.handover.submit_into(room?, batch);
                    continue;
                }
                event = link.next(&self.settings, may_read) => event,
            };
            match event {
                LinkEvent::Message(message) => self.take(&message),
                LinkEvent::Timer => {}
                LinkEvent::Ended(error) => {
                    let connector = self.connector.as_ref();
                    let reason = connector.map(|connector| connector.ended(&error));
                    return Ok(Some(reason.unwrap_or_else(|| error.to_string())));
                }
                LinkEvent::Lost(reason) => return Ok(Some(reason)),
            }
        }
    }

    fn take(&mut self, message: &Message) {
        self.handover.count_received(1);
        let now_ns = self.handover.now_ns();
        match self.decoder.decode(&self.topic, &message.payload, now_ns) {
            Ok(mut decoded) => {
                self.handover.count_decoded(&self.topic, &mut decoded);
                self.pending.extend(decoded.updates);
            }
            Err(error) => self.handover.undecodable(&self.topic, error),
        }
    }

    /// Hands over all updates that wait.
    async fn flush(&mut self) -> Result<(), Ended> {
        while !self.pending.is_empty() {
            let room = self.handover.room().await?;
            let updates = self.pending.len().min(BATCH_MAX_UPDATES);
            let batch = self.pending.drain(..updates).collect();
            self.handover.submit_into(room, batch);
        }
        Ok(())
    }

    /// Waits before the next attempt to connect. Returns `false` if the feed is to stop.
    async fn wait(&mut self, reason: &str, stop: Pin<&mut impl Future<Output = ()>>) -> bool {
        if self.has_connected {
            self.handover.set_state(FeedState::Down);
        }
        let retry_in = self.backoff.next_wait(rand::random());
        tracing::warn!(
            feed = self.handover.name(),
            server = self.shown(),
            reason,
            ?retry_in,
            "no connection to the server"
        );
        tokio::select! {
            () = sleep(retry_in) => true,
            () = stop => false,
        }
    }
}
