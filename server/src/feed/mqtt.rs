//! The MQTT feed: subscribes at a broker, 3.1.1 or 5, and stays subscribed whatever happens to it.
//!
//! If the sequencer's queue is full, what the broker sends first gathers in a bounded buffer; when
//! that is full too, the feed stops reading, which holds the broker back by TCP. But pings and
//! their answers travel in the same stream as messages: a feed that does not read for too long
//! loses its connection. So it waits for a few seconds at most; then it goes on reading and
//! gives up the oldest updates in the buffer, which are counted as lost.

mod backoff;
mod link;
mod pending;
mod url;

use std::{
    mem::take,
    ops::RangeInclusive,
    pin::{Pin, pin},
    time::Duration,
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use tickcast_protocol::{message::Quality, topic::Filter};
use tokio::time::{Instant, sleep_until, timeout};

use super::{FeedState, outlet::Outlet};
use crate::{
    decode::Decoder,
    ingest::Ended,
    settings::values::{defaults, number, size, time},
};
use backoff::Backoff;
use link::{Incoming, Link, LinkError};
use pending::Pending;
pub use url::{HIDDEN, MqttUrl, Secret};

/// Which broker, and what of it. Each field is a setting, see [`crate::settings`].
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Feed mqtt")]
pub struct MqttSettings {
    /// The broker: mqtt://[user[:password]@]host[:port].
    #[arg(value_name = "URL", default_value = "mqtt://localhost:1883")]
    pub url: MqttUrl,
    /// What to subscribe to.
    #[arg(id = "filter", value_name = "FILTER", default_value = "#")]
    pub filters: Vec<Filter>,
    /// Version of the protocol.
    #[arg(value_name = "VERSION", default_value = "3.1.1")]
    pub version: MqttVersion,
    /// Highest quality of service that the broker may use.
    #[arg(value_name = "NUMBER", default_value = "1", value_parser = number(0..=2_u8))]
    pub qos: u8,
    /// User name. It has precedence over the one in the URL.
    #[arg(value_name = "NAME")]
    pub user: Option<String>,
    /// Password. It has precedence over the one in the URL. Other users of the machine see flags:
    /// use the environment or the file.
    #[arg(value_name = "TEXT")]
    pub password: Option<Secret>,
    /// The server's name at the broker [default: random].
    #[arg(value_name = "NAME")]
    pub client_id: Option<String>,
    /// How long the broker keeps messages (of quality of service 1 and 2) while the server is not
    /// connected; needs a client id. With 3.1.1 every time but 0s means for ever.
    #[arg(value_name = "TIME", default_value = "0s", value_parser = time(EXPIRY))]
    pub session_expiry: Duration,
    /// Longest packet that is accepted. A longer one ends a 3.1.1 connection; a broker of version 5
    /// leaves it out.
    #[arg(id = "max_packet", value_name = "SIZE", default_value = "256KiB")]
    #[arg(value_parser = size(1..=PACKET_MAX_BYTES))]
    pub max_packet_bytes: usize,
}

/// MQTT 5.0, 3.1.2.11.2: a whole number of seconds in 32 bits.
const EXPIRY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(u32::MAX as u64);

impl Default for MqttSettings {
    fn default() -> Self {
        defaults()
    }
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MqttVersion {
    /// 3.1.1, which every broker speaks.
    #[value(name = "3.1.1")]
    V3,
    /// 5.0
    #[value(name = "5")]
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
    outlet: Outlet,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Ended> {
    let mut link = Link::new(&settings);
    let mut intake = Intake::new(settings, decoder, outlet.clone());
    let mut sending: Option<Sending<'_>> = None;
    let mut shutdown = pin!(shutdown);
    loop {
        let received = {
            // One future until it is done: what the link does must not be cancelled.
            let mut next = pin!(link.next(intake.backoff.take_wait()));
            let mut read_on_at = Instant::now() + PUSH_BACK_MAX;
            loop {
                if sending.is_none() && intake.pending.take_down() {
                    sending = Some(Box::pin(outlet.tell_down()));
                } else if sending.is_none() && !intake.pending.is_empty() {
                    let batch = intake.pending.take_batch();
                    sending = Some(Box::pin(outlet.submit(batch)));
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
            outlet.submit(intake.pending.take_batch()).await?;
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
    outlet: Outlet,
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
    fn new(settings: MqttSettings, decoder: Decoder, outlet: Outlet) -> Self {
        Self {
            settings,
            decoder,
            outlet,
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
                    self.outlet.metrics().reconnects.add(1);
                }
                self.has_connected = true;
                self.is_connected = true;
                self.backoff.connected(Instant::now());
                tracing::info!(
                    feed = self.outlet.name(), broker = %self.settings.url, has_session,
                    "connected"
                );
                // A session from before our start may lack filters that are new in the settings.
                if has_session && self.has_subscribed {
                    self.outlet.set_state(FeedState::Up);
                } else {
                    link.subscribe();
                }
            }
            Incoming::Subscribed(answers) => self.take_answers(&answers),
            Incoming::Other => {}
        }
    }

    fn take_message(&mut self, topic: &str, payload: &Bytes, is_retained: bool) {
        self.outlet.count_received(1);
        match self.decoder.decode(topic, payload) {
            Ok(mut update) => {
                if is_retained {
                    update.quality = Quality::Retained;
                }
                self.pending.push(update, topic.len() + payload.len());
            }
            Err(error) => self.outlet.undecodable(topic, error),
        }
    }

    /// One refused filter does not stop the others, but nobody shall overlook it.
    fn take_answers(&mut self, answers: &[Result<(), String>]) {
        for (filter, answer) in self.settings.filters.iter().zip(answers) {
            if let Err(reason) = answer {
                tracing::error!(
                    feed = self.outlet.name(), %filter, reason,
                    "the broker refuses a subscription"
                );
            }
        }
        self.has_subscribed = true;
        if answers.iter().any(Result::is_ok) {
            self.outlet.set_state(FeedState::Up);
        } else {
            self.outlet.set_state(FeedState::Down);
        }
    }

    fn lose_link(&mut self, error: &LinkError) {
        if self.has_connected {
            self.outlet.set_state(FeedState::Down);
        }
        if take(&mut self.is_connected) {
            self.pending.push_down();
        }
        if let Some(bytes) = error.too_long_bytes {
            let max = self.settings.max_packet_bytes;
            let reason = format!("a packet has {bytes} bytes, {max} are allowed");
            self.outlet.count_received(1);
            self.outlet.undecodable(&self.settings.url, reason);
        }
        let retry_in = self.backoff.lost(Instant::now());
        tracing::warn!(
            feed = self.outlet.name(), broker = %self.settings.url, reason = error.reason,
            ?retry_in, "no connection"
        );
    }

    /// Counts what has neither been handed over nor counted yet.
    fn give_up_rest(&mut self) {
        let metrics = self.outlet.metrics();
        let settled = metrics.submitted.get() + metrics.undecodable.get() + metrics.lost.get();
        let rest = metrics.received.get().saturating_sub(settled);
        self.count_lost(usize::try_from(rest).unwrap_or(usize::MAX));
    }

    fn count_lost(&mut self, lost: usize) {
        if lost > 0 {
            self.outlet
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
