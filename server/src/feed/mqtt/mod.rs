//! The MQTT feed: subscribes at a broker, 3.1.1 or 5, and stays subscribed whatever happens to it.
//!
//! If the sequencer's queue is full, what the broker sends first gathers in a bounded buffer; when
//! that is full too, the feed stops reading, which holds the broker back by TCP. But pings and
//! their answers travel in the same stream as messages: a feed that does not read for too long
//! loses its connection. So it waits for a few seconds at most; then it goes on reading and
//! gives up the oldest updates in the buffer, which are counted as lost.

mod backoff;
mod client;
mod pending;
mod url;

use std::{
    mem::take,
    pin::{Pin, pin},
    time::Duration,
};

use backoff::Backoff;
use bytes::Bytes;
use client::{Incoming, Link, LinkError};
use pending::Pending;
use tickcast_protocol::{message::Quality, topic::Filter};
use tokio::time::{Instant, sleep_until, timeout};

use super::{FeedState, handover::Handover};
use crate::{feed::decode::Decoder, ingest::Ended};

pub use url::{HIDDEN, MqttUrl, Secret};

/// Which broker, and what of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttSettings {
    /// Where the broker is.
    pub url: MqttUrl,
    /// What to subscribe to.
    pub filters: Vec<Filter>,
    /// The version of the protocol.
    pub version: MqttVersion,
    /// The highest quality of service that the broker may use, 0 to 2.
    pub qos: u8,
    /// Our name at the broker; a random one if there is none.
    pub client_id: Option<String>,
    /// The user name; goes before the one in the URL.
    pub user: Option<String>,
    /// The password; goes before the one in the URL.
    pub password: Option<Secret>,
    /// Longest packet that is accepted, in bytes. A longer one ends a 3.1.1 connection; a broker
    /// of version 5 is told and leaves it out.
    pub max_packet_bytes: usize,
    /// How long the broker keeps messages (of quality of service 1 and 2) for us while we are not
    /// connected; with 3.1.1 every time but zero means for ever. Needs a client id.
    pub session_expiry: Duration,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self {
            url: MqttUrl {
                host: "localhost".into(),
                port: MqttUrl::DEFAULT_PORT,
                user: None,
                password: None,
            },
            filters: vec![Filter::all()],
            version: MqttVersion::V3,
            qos: 1,
            client_id: None,
            user: None,
            password: None,
            max_packet_bytes: 256 * 1024,
            session_expiry: Duration::ZERO,
        }
    }
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttVersion {
    /// 3.1.1, which every broker speaks.
    V3,
    /// 5.0
    V5,
}

/// Filters in one feed, at most: they go out in one packet, which no broker should refuse.
const FILTERS_MAX: usize = 1_024;

/// MQTT 5.0, 1.5.5: the longest packet there can be.
pub(crate) const PACKET_MAX_BYTES: usize = 268_435_455;

impl MqttSettings {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.filters.is_empty() || self.filters.len() > FILTERS_MAX {
            return Err(format!(
                "{} filters, 1 to {FILTERS_MAX} are allowed",
                self.filters.len()
            ));
        }
        if self.qos > 2 {
            return Err(format!("quality of service {} is not 0, 1 or 2", self.qos));
        }
        if self.max_packet_bytes == 0 || self.max_packet_bytes > PACKET_MAX_BYTES {
            return Err(format!(
                "a maximum packet of {} bytes is not between 1 and {PACKET_MAX_BYTES}",
                self.max_packet_bytes
            ));
        }
        if self.session_expiry.as_secs() > u64::from(u32::MAX) {
            return Err("the session expiry is longer than 136 years".into());
        }
        if !self.session_expiry.is_zero() && self.client_id.is_none() {
            return Err("a session that outlives its connection needs a client id".into());
        }
        Ok(())
    }
}

/// So long the broker is held back, at most, and so long an answer to a ping may be under way
/// before we read on at all cost. Well below the time between two pings: an answer must have
/// arrived when the next one is due.
const PUSH_BACK_MAX: Duration = Duration::from_secs(5);

/// At the end, what has been acknowledged to the broker still goes to the sequencer if that takes
/// no longer.
const FLUSH_MAX: Duration = Duration::from_secs(1);

type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Ended>> + Send + 'a>>;

/// Receives from the broker until `shutdown` is done.
pub(super) async fn run(
    settings: MqttSettings,
    decoder: Decoder,
    handover: Handover,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Ended> {
    let mut link = Link::new(&settings);
    let mut intake = Intake::new(settings, decoder, handover.clone());
    let mut sending: Option<Sending<'_>> = None;
    let mut shutdown = pin!(shutdown);
    loop {
        let received = {
            // One future until it is done: what the link does must not be cancelled.
            let mut next = pin!(link.next(intake.backoff.take_wait()));
            let mut read_on_at = Instant::now() + PUSH_BACK_MAX;
            loop {
                if sending.is_none() && intake.pending.take_down() {
                    sending = Some(Box::pin(handover.tell_down()));
                } else if sending.is_none() && !intake.pending.is_empty() {
                    let batch = intake.pending.take_batch();
                    sending = Some(Box::pin(handover.submit(batch)));
                }
                tokio::select! {
                    received = &mut next, if intake.may_read() => break Some(received),
                    result = finish(&mut sending) => {
                        result?;
                        sending = None;
                        intake.is_stalled = false;
                        read_on_at = Instant::now() + PUSH_BACK_MAX;
                    }
                    () = sleep_until(read_on_at), if !intake.may_read() => intake.is_stalled = true,
                    () = &mut shutdown => break None,
                }
            }
        };
        let Some(received) = received else {
            break;
        };
        intake.take(&mut link, received);
    }
    let flush = async {
        if sending.is_some() {
            finish(&mut sending).await?;
        }
        while !intake.pending.is_empty() {
            // The server ends: nobody needs to know that the source was gone.
            intake.pending.take_down();
            handover.submit(intake.pending.take_batch()).await?;
        }
        Ok(())
    };
    let flushed = timeout(FLUSH_MAX, flush).await;
    intake.give_up_rest();
    link.say_farewell().await;
    flushed.unwrap_or(Ok(()))
}

/// Waits for ever if there is nothing to finish.
async fn finish(sending: &mut Option<Sending<'_>>) -> Result<(), Ended> {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}

/// What came from the broker and has not gone to the sequencer yet, and how it stands with both.
struct Intake {
    settings: MqttSettings,
    decoder: Decoder,
    handover: Handover,
    pending: Pending,
    backoff: Backoff,
    /// The sequencer has taken nothing for so long that we must read on.
    is_stalled: bool,
    /// Since when the answer to a ping is under way.
    pinged_at: Option<Instant>,
    has_connected: bool,
    is_connected: bool,
    has_subscribed: bool,
}

impl Intake {
    fn new(settings: MqttSettings, decoder: Decoder, handover: Handover) -> Self {
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
    fn may_read(&self) -> bool {
        !self.pending.is_full() || self.must_read()
    }

    /// Whether to take more whatever it costs.
    fn must_read(&self) -> bool {
        let is_late = |pinged_at: Instant| pinged_at.elapsed() > PUSH_BACK_MAX;
        self.is_stalled || self.pinged_at.is_some_and(is_late)
    }

    /// Takes what the link received, and what it has received together with that.
    fn take(&mut self, link: &mut Link, received: Result<Incoming, LinkError>) {
        let mut next = Some(received);
        while let Some(received) = next {
            match received {
                Ok(incoming) => self.take_incoming(link, incoming),
                Err(error) => self.lose_link(&error),
            }
            next = link.buffered().map(Ok);
        }
        self.pinged_at = match (link.is_pinging(), self.pinged_at) {
            (true, None) => Some(Instant::now()),
            (true, since) => since,
            (false, _) => None,
        };
        if self.must_read() {
            let lost = self.pending.drop_oldest();
            self.count_lost(lost);
        }
    }

    fn take_incoming(&mut self, link: &Link, incoming: Incoming) {
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
                // A session from before our start may lack filters that are new in the settings.
                if has_session && self.has_subscribed {
                    self.handover.set_state(FeedState::Up);
                } else {
                    link.subscribe();
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

    /// One refused filter does not stop the others, but nobody shall overlook it.
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

    fn lose_link(&mut self, error: &LinkError) {
        if self.has_connected {
            self.handover.set_state(FeedState::Down);
        }
        if take(&mut self.is_connected) {
            self.pending.push_down();
        }
        if let Some(bytes) = error.too_long_bytes {
            let max = self.settings.max_packet_bytes;
            let reason = format!("a packet has {bytes} bytes, {max} are allowed");
            self.handover.count_received(1);
            self.handover.undecodable(&self.settings.url, reason);
        }
        let retry_in = self.backoff.lost(Instant::now());
        tracing::warn!(
            feed = self.handover.name(), broker = %self.settings.url, reason = error.reason,
            ?retry_in, "no connection"
        );
    }

    /// Counts what has neither been handed over nor counted yet.
    fn give_up_rest(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let check = |change: fn(&mut MqttSettings), part: &str| {
            let mut settings = MqttSettings::default();
            settings.check().unwrap();
            change(&mut settings);
            let error = settings.check().unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check(|s| s.filters.clear(), "0 filters");
        check(|s| s.qos = 3, "quality of service 3");
        check(|s| s.max_packet_bytes = 0, "0 bytes");
        check(
            |s| s.session_expiry = Duration::from_secs(60),
            "needs a client id",
        );
    }
}
