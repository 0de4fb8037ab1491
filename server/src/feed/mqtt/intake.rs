//! Messages of the broker on their way to the sequencer.

use std::{mem::take, time::Duration};

use bytes::Bytes;
use tickcast_protocol::message::Quality;
use tokio::time::Instant;

use super::{
    backoff::Backoff,
    client::{ClientError, Incoming, MqttClient},
    pending::Pending,
    settings::MqttSettings,
};
use crate::{
    feed::{decode::Decoder, handover::Handover},
    metrics::FeedState,
};

/// Longest time for which the broker is held back, and for which an answer to a ping may be under way
/// before the feed reads on at all cost. Well below the time between two pings: an answer must
/// have arrived when the next ping is due.
pub(super) const PUSH_BACK_MAX: Duration = Duration::from_secs(5);

/// Messages on their way from the broker to the sequencer, and the state of both.
pub(super) struct Intake {
    settings: MqttSettings,
    decoder: Decoder,
    handover: Handover,
    pub(super) pending: Pending,
    pub(super) backoff: Backoff,
    /// Whether the sequencer has taken nothing for too long, so that the feed must read on.
    pub(super) is_stalled: bool,
    /// Since when the answer to a ping is under way.
    pinged_at: Option<Instant>,
    has_connected: bool,
    is_connected: bool,
    has_subscribed: bool,
}

impl Intake {
    pub(super) fn new(settings: MqttSettings, decoder: Decoder, handover: Handover) -> Self {
        Self {
            settings,
            decoder,
            handover,
            pending: Pending::default(),
            backoff: Backoff::default(),
            is_stalled: false,
            pinged_at: None,
            has_connected: false,
            is_connected: false,
            has_subscribed: false,
        }
    }

    /// Whether to take more from the broker.
    pub(super) fn may_read(&self) -> bool {
        !self.pending.is_full() || self.must_read()
    }

    /// Whether to take more at all cost.
    fn must_read(&self) -> bool {
        let is_late = |pinged_at: Instant| pinged_at.elapsed() > PUSH_BACK_MAX;
        self.is_stalled || self.pinged_at.is_some_and(is_late)
    }

    /// Takes what the client received, and everything that it received with it.
    pub(super) fn take(
        &mut self,
        client: &mut MqttClient,
        received: Result<Incoming, ClientError>,
    ) {
        let mut next = Some(received);
        while let Some(received) = next {
            match received {
                Ok(incoming) => self.take_incoming(client, incoming),
                Err(error) => self.lose_connection(&error),
            }
            next = client.buffered().map(Ok);
        }
        self.pinged_at = match (client.is_pinging(), self.pinged_at) {
            (true, None) => Some(Instant::now()),
            (true, since) => since,
            (false, _) => None,
        };
        if self.must_read() {
            let lost = self.pending.drop_oldest();
            self.count_lost(lost);
        }
    }

    fn take_incoming(&mut self, client: &MqttClient, incoming: Incoming) {
        match incoming {
            Incoming::Message {
                topic,
                payload,
                is_retained,
            } => self.take_message(&topic, &payload, is_retained),
            Incoming::Connected { has_session } => {
                if self.has_connected {
                    self.handover.metrics().reconnects.add(1);
                }
                self.has_connected = true;
                self.is_connected = true;
                self.backoff.connected(Instant::now());
                tracing::info!(
                    feed = self.handover.name(), broker = %self.settings.url, has_session,
                    "connected"
                );
                // A session from before the start may lack filters that are new in the settings.
                if has_session && self.has_subscribed {
                    self.handover.set_state(FeedState::Up);
                } else {
                    client.subscribe();
                }
            }
            Incoming::Subscribed(answers) => self.take_answers(&answers),
            Incoming::Other => {}
        }
    }

    fn take_message(&mut self, topic: &str, payload: &Bytes, is_retained: bool) {
        self.handover.count_received(1);
        match self.decoder.decode(topic, payload) {
            Ok(mut update) => {
                if is_retained {
                    update.quality = Quality::Retained;
                }
                self.pending.push(update, topic.len() + payload.len());
            }
            Err(error) => self.handover.undecodable(topic, error),
        }
    }

    /// One refused filter does not stop the others, but it must be seen.
    fn take_answers(&mut self, answers: &[Result<(), String>]) {
        for (filter, answer) in self.settings.filters.iter().zip(answers) {
            if let Err(reason) = answer {
                tracing::error!(
                    feed = self.handover.name(), %filter, reason,
                    "the broker refuses a subscription"
                );
            }
        }
        self.has_subscribed = true;
        if answers.iter().any(Result::is_ok) {
            self.handover.set_state(FeedState::Up);
        } else {
            self.handover.set_state(FeedState::Down);
        }
    }

    fn lose_connection(&mut self, error: &ClientError) {
        if self.has_connected {
            self.handover.set_state(FeedState::Down);
        }
        if take(&mut self.is_connected) {
            self.pending.push_down();
        }
        if let Some(bytes) = error.too_long_bytes {
            let max = self.settings.max_packet_bytes;
            let reason = format!("a packet has {bytes} bytes (limit {max})");
            self.handover.count_received(1);
            self.handover.undecodable(&self.settings.url, reason);
        }
        let retry_in = self.backoff.lost(Instant::now());
        tracing::warn!(
            feed = self.handover.name(), broker = %self.settings.url, reason = error.reason,
            ?retry_in, "no connection"
        );
    }

    /// Counts the messages that have been neither handed over nor counted.
    pub(super) fn give_up_rest(&mut self) {
        let metrics = self.handover.metrics();
        let settled = metrics.submitted.get() + metrics.undecodable.get() + metrics.lost.get();
        let rest = metrics.received.get().saturating_sub(settled);
        self.count_lost(usize::try_from(rest).unwrap_or(usize::MAX));
    }

    fn count_lost(&mut self, lost: usize) {
        if lost > 0 {
            self.handover
                .lost(lost, "the sequencer was too slow for the broker");
        }
    }
}
