//! The broker's messages on their way to the sequencer.

use std::{collections::HashSet, mem::take, time::Duration};

use tickcast_protocol::{backoff::Backoff, message::Quality};
use tokio::time::{Instant, timeout};

use super::{
    pending::Pending,
    retained::{self, Remembered},
    settings::MqttSettings,
    sparkplug::Sparkplug,
    subscriptions::{Subscriptions, Verdict, filters_matching},
};
use crate::{
    feed::{decode::Decoder, handover::Handover, sparkplug::is_own_filter},
    metrics::FeedState,
    mqtt::{ClientError, Endings, Incoming, MqttClient, Publish, RECONNECT, Skipped},
};

/// Longest time for which the feed holds the broker back, and for which the answer to a ping may be
/// missing before the feed must read on. It is well below the time between two pings, because an
/// answer must have arrived when the next ping is due.
pub(super) const PUSH_BACK_MAX: Duration = Duration::from_secs(5);

/// Maximum time for a disconnect.
const DISCONNECT_MAX: Duration = Duration::from_millis(200);

/// Topics of removed filters that are remembered until the next connection. A broker that goes on
/// sending them, whatever is unsubscribed from, is not asked again.
const REMOVED_MAX_TOPICS: usize = 1_024;

/// Why updates are dropped.
const TOO_SLOW: &str = "the sequencer was too slow for the broker";

/// The messages between the broker and the sequencer, and the state of both.
pub(super) struct Intake {
    settings: MqttSettings,
    decoder: Decoder,
    handover: Handover,
    pub(super) pending: Pending,
    backoff: Backoff,
    /// The wait before the next attempt to connect.
    wait: Duration,
    connected_at: Option<Instant>,
    /// Whether the sequencer has accepted nothing for too long, so that the feed must read on.
    pub(super) is_stalled: bool,
    /// Time of a ping that is not answered yet.
    pinged_at: Option<Instant>,
    has_connected: bool,
    is_connected: bool,
    has_subscribed: bool,
    subscriptions: Subscriptions,
    /// Number of subscriptions that the broker has not answered.
    unanswered: usize,
    is_granted: bool,
    remembered: Remembered,
    removed: HashSet<String>,
    endings: Endings,
    lost_at: Option<Instant>,
    sparkplug: Option<Sparkplug>,
    /// Whether the log says that there are messages of Sparkplug, which the feed does not read.
    is_sparkplug_told: bool,
}

impl Intake {
    pub(super) fn new(settings: MqttSettings, decoder: Decoder, handover: Handover) -> Self {
        let sparkplug = settings.sparkplug.as_deref();
        Self {
            sparkplug: sparkplug.map(|host| Sparkplug::new(host, settings.max_packet_bytes)),
            is_sparkplug_told: false,
            subscriptions: Subscriptions::new(&settings.subscriptions()),
            unanswered: 0,
            is_granted: false,
            remembered: Remembered::default(),
            removed: HashSet::new(),
            endings: Endings::default(),
            lost_at: None,
            settings,
            decoder,
            handover,
            pending: Pending::default(),
            backoff: Backoff::new(RECONNECT),
            wait: Duration::ZERO,
            connected_at: None,
            is_stalled: false,
            pinged_at: None,
            has_connected: false,
            is_connected: false,
            has_subscribed: false,
        }
    }

    /// Publishes by this client from now on.
    pub(super) fn publish_with(&mut self, client: &MqttClient) {
        if let Some(sparkplug) = &mut self.sparkplug {
            sparkplug.publish_with(client.publishing.publisher());
        }
    }

    /// When [`poll`](Self::poll) is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.sparkplug.as_ref()?.next_due()?;
        Some(self.handover.instant(due).into())
    }

    /// Does what is due without a packet.
    pub(super) fn poll(&mut self) {
        if let Some(sparkplug) = &mut self.sparkplug {
            sparkplug.poll(&mut self.handover, &mut self.pending);
        }
    }

    /// Disconnects cleanly, if the broker still reads. What it sent before is taken: it may have
    /// its acknowledgement.
    pub(super) async fn disconnect(&mut self, client: &mut MqttClient) {
        let has_ended = match &mut self.sparkplug {
            Some(sparkplug) if self.is_connected => sparkplug.end(&self.handover),
            _ => true,
        };
        if self.is_connected && has_ended && client.disconnect() {
            let until_closed = async {
                while !self.pending.is_full()
                    && let Ok(incoming) = client.next(Duration::ZERO).await
                {
                    self.take_incoming(client, incoming);
                }
            };
            let _ = timeout(DISCONNECT_MAX, until_closed).await;
        }
        if let Some(sparkplug) = &mut self.sparkplug {
            sparkplug.lose(&mut self.handover, &mut self.pending);
        }
    }

    /// Takes the wait before the next attempt to connect.
    pub(super) fn take_wait(&mut self) -> Duration {
        take(&mut self.wait)
    }

    /// Whether the feed may read from the broker.
    pub(super) fn may_read(&self) -> bool {
        !self.pending.is_full() || self.must_read()
    }

    /// Whether the feed must read from the broker, even if it has to drop updates.
    fn must_read(&self) -> bool {
        let is_late = |pinged_at: Instant| pinged_at.elapsed() > PUSH_BACK_MAX;
        self.is_stalled || self.pinged_at.is_some_and(is_late)
    }

    /// Processes a received packet and all packets received together with it.
    pub(super) fn take(
        &mut self,
        client: &mut MqttClient,
        received: Result<Incoming, ClientError>,
    ) {
        match received {
            Ok(incoming) => self.take_incoming(client, incoming),
            Err(error) => self.lose_connection(client, error),
        }
        self.take_buffered(client);
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

    /// Processes all packets that the client has already received.
    pub(super) fn take_buffered(&mut self, client: &mut MqttClient) {
        while let Some(incoming) = client.buffered() {
            self.take_incoming(client, incoming);
        }
    }

    /// Records that the client is replaced by another one.
    pub(super) fn replace_client(&mut self) {
        self.pinged_at = None;
        self.connected_at = None;
        self.is_stalled = false;
        if take(&mut self.is_connected) {
            self.push_down();
        }
    }

    /// Records the loss of the connection, after the updates that came before.
    fn push_down(&mut self) {
        if let Some(sparkplug) = &mut self.sparkplug {
            sparkplug.lose(&mut self.handover, &mut self.pending);
        }
        self.pending.push_down();
    }

    fn take_incoming(&mut self, client: &mut MqttClient, incoming: Incoming) {
        match incoming {
            Incoming::Message(message) => self.take_message(client, message),
            Incoming::TooLong(skipped) => self.take_too_long(&skipped),
            Incoming::Refused => {
                let reason =
                    "the broker refuses a message of this client: check what it may publish";
                tracing::warn!(feed = self.handover.name(), "{reason}");
            }
            Incoming::Connected {
                has_session,
                has_identifiers,
            } => {
                self.connect(has_session);
                if let Some(sparkplug) = &mut self.sparkplug {
                    sparkplug.connect(client.publishing.will_ms());
                }
                // A session from before the start may lack filters that are new in the settings.
                if has_session && self.has_subscribed {
                    self.begin();
                } else {
                    self.subscribe(client, has_identifiers);
                }
            }
            Incoming::Subscribed { number, answer } => self.take_answer(number, answer),
            Incoming::Unsubscribed(filters) => {
                for filter in filters {
                    tracing::info!(feed = self.handover.name(), filter, "unsubscribed");
                }
            }
        }
    }

    fn connect(&mut self, has_session: bool) {
        let has_kept = !self.settings.session_expiry.is_zero();
        tracing::info!(
            feed = self.handover.name(), broker = %self.settings.url, has_session,
            "connected"
        );
        if self.has_connected {
            self.handover.metrics().reconnects.add(1);
            if !has_session {
                let away = self.lost_at.map(|at| at.elapsed()).unwrap_or_default();
                let reason = match has_kept {
                    true => "the broker has forgotten the session",
                    false => "no session is kept (--mqtt-session-expiry)",
                };
                tracing::warn!(
                    feed = self.handover.name(),
                    ?away,
                    reason,
                    "messages that were published meanwhile are missing"
                );
            }
        }
        self.has_connected = true;
        self.is_connected = true;
        self.connected_at = Some(Instant::now());
        self.removed.clear();
    }

    fn subscribe(&mut self, client: &mut MqttClient, has_identifiers: bool) {
        self.unanswered = self.subscriptions.len();
        self.is_granted = false;
        let subscriptions = self.subscriptions.begin(has_identifiers).enumerate();
        for (number, (filter, identifier)) in subscriptions {
            client.subscribe(number, filter.as_str(), identifier);
        }
    }

    fn take_message(&mut self, client: &mut MqttClient, message: Publish) {
        self.handover.count_received(1);
        let topic = match str::from_utf8(&message.topic) {
            Ok(topic) => topic,
            Err(error) => {
                let topic = String::from_utf8_lossy(&message.topic);
                let reason = format!("the topic is not UTF-8: {error}");
                return self.handover.undecodable(topic, reason);
            }
        };
        match self.subscriptions.verdict(topic, &message.identifiers) {
            Verdict::Take => self.take_wanted(topic, &message),
            Verdict::Repeated => self.count_repeated(),
            Verdict::Unwanted => self.take_unwanted(client, topic),
        }
    }

    fn take_wanted(&mut self, topic: &str, message: &Publish) {
        let payload = &message.payload;
        if let Some(sparkplug) = &mut self.sparkplug
            && sparkplug.take(
                topic,
                payload,
                message.is_retained,
                &mut self.handover,
                &mut self.pending,
            )
        {
            return;
        }
        if self.sparkplug.is_none() && !self.is_sparkplug_told && is_own_filter(topic) {
            self.is_sparkplug_told = true;
            tracing::info!(
                feed = self.handover.name(),
                topic,
                "there are messages of Sparkplug, whose payloads are passed on as bytes: set \
                 --mqtt-sparkplug HOST to read them"
            );
        }
        let now_ns = self.handover.now_ns();
        let mut decoded = match self.decoder.decode(topic, payload, now_ns) {
            Ok(decoded) => decoded,
            Err(error) => return self.handover.undecodable(topic, error),
        };
        let times = decoded.updates.iter().map(|update| update.source_time_ns);
        let seen = retained::Message {
            topic,
            payload,
            time_ns: times.max().flatten(),
        };
        if !message.is_retained {
            self.remembered.live(seen);
        } else if !self.remembered.retained(seen) {
            return self.count_repeated();
        }
        self.handover.count_decoded(topic, &mut decoded);
        let updates = decoded.updates.len();
        let bytes = (topic.len() * updates + payload.len()) / updates.max(1);
        for mut update in decoded.updates {
            if message.is_retained {
                update.quality = Quality::Retained;
            }
            self.pending.push(update, bytes);
        }
    }

    fn count_repeated(&self) {
        self.handover.metrics().repeated.add(1);
        self.handover.metrics().silent.add(1);
    }

    /// A kept session has a filter that is not in the settings any more. It is one of those that
    /// match the topic.
    fn take_unwanted(&mut self, client: &mut MqttClient, topic: &str) {
        self.handover.metrics().unwanted.add(1);
        self.handover.metrics().silent.add(1);
        let is_full = self.removed.len() >= REMOVED_MAX_TOPICS;
        if client.is_unsubscribing() || is_full || !self.removed.insert(topic.to_owned()) {
            return;
        }
        let feed = self.handover.name();
        match filters_matching(topic) {
            Some(filters) => {
                client.unsubscribe(&filters);
                let what = "the session has a filter that is not in the settings: it is removed";
                tracing::info!(feed, topic, "{what}");
            }
            None => tracing::warn!(
                feed,
                topic,
                "the session has a filter that is not in the settings, and the topic has too many \
                 levels to find it: use another --mqtt-client-id"
            ),
        }
    }

    fn take_too_long(&mut self, skipped: &Skipped) {
        self.handover.count_received(1);
        let (bytes, max) = (skipped.bytes, self.settings.max_packet_bytes);
        let reason =
            format!("the message has {bytes} bytes (limit {max}): raise --mqtt-max-packet");
        let topic = String::from_utf8_lossy(&skipped.head.topic);
        self.handover.undecodable(topic, reason);
    }

    /// A refused filter does not stop the others, but it is logged.
    fn take_answer(&mut self, number: usize, answer: Result<u8, String>) {
        let feed = self.handover.name();
        let Some(filter) = self.subscriptions.filter(number) else {
            return;
        };
        let wanted = self.settings.qos;
        match &answer {
            Err(reason) => {
                tracing::error!(feed, %filter, reason, "the broker refused a subscription");
            }
            Ok(granted) if *granted < wanted => tracing::warn!(
                feed, %filter, granted, wanted,
                "the broker grants a lower quality of service: messages may be lost"
            ),
            Ok(_) => {}
        }
        self.subscriptions.answered(number, answer.is_err());
        self.is_granted |= answer.is_ok();
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.unanswered == 0 {
            self.has_subscribed = true;
            match self.is_granted {
                true => self.begin(),
                false => self.handover.set_state(FeedState::Down),
            }
        }
    }

    /// Messages will come from now on.
    fn begin(&mut self) {
        self.handover.set_state(FeedState::Up);
        if let Some(sparkplug) = &mut self.sparkplug {
            sparkplug.begin(&mut self.handover, &mut self.pending);
        }
    }

    fn lose_connection(&mut self, client: &MqttClient, error: ClientError) {
        if self.has_connected {
            self.handover.set_state(FeedState::Down);
        }
        if take(&mut self.is_connected) {
            self.push_down();
            self.lost_at = Some(Instant::now());
        }
        let lasted = self.connected_at.take().map(|at| at.elapsed());
        if let Some(lasted) = lasted {
            self.backoff.connection_lasted(lasted);
        }
        let feed = self.handover.name();
        if let Some(warning) = &error.warning {
            tracing::warn!(feed, warning, "TLS");
        }
        self.wait = self.backoff.next_wait(rand::random());
        let retry_in = self.wait;
        let reason = self.endings.reason(error, lasted, client.id());
        tracing::warn!(
            feed, broker = %self.settings.url, reason, ?retry_in,
            "no connection to the broker"
        );
    }

    /// Counts the updates that were neither handed over nor counted.
    pub(super) fn count_rest_as_lost(&mut self) {
        self.handover.count_rest_as_lost(0, TOO_SLOW);
    }

    fn count_lost(&mut self, lost: usize) {
        if lost > 0 {
            self.handover.lost(lost, TOO_SLOW);
        }
    }
}
