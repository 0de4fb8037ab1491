//! Publishes at a broker.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem::take,
    pin::{Pin, pin},
    rc::Rc,
    time::Duration,
};

use tickcast_protocol::{
    backoff::Backoff,
    codec::decode_update_bincode,
    message::{Status, TopicId},
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    discovery::{self, Component, Places},
    newest::{Next, Slot},
    payload::payload,
    settings::{MqttTarget, Updates},
    shared::{END_MAX, Shared},
};
use crate::{
    mqtt::{
        ClientError, ClientSettings, Endings, Incoming, MakeWill, MqttClient, MqttVersion,
        Outgoing, Publish, Publisher, RECONNECT, Will,
    },
    tls::ClientTls,
};

/// Longest packet that is read: the status of Home Assistant has some bytes.
const PACKET_MAX_BYTES: usize = 64 * 1024;

/// How often it is seen at the end whether the client has taken everything.
const END_POLL: Duration = Duration::from_millis(5);

/// How long a broker keeps what an output has begun to publish with quality of service 2. A longer
/// outage ends that life of the session, and then its last messages may come twice.
const SESSION: Duration = Duration::from_secs(3600);

/// The level below the prefix with the status of the output, and below it those of topics.
const STATUS: &str = "status";

/// An output to a broker.
pub(super) struct MqttOutput {
    shared: Rc<Shared>,
    target: MqttTarget,
    /// Whether each update is sent, and none twice.
    sends_every: bool,
    tls: ClientTls,
    /// What is to be published next: all of one topic.
    waiting: VecDeque<Message>,
    /// What Home Assistant was told that a topic is.
    components: HashMap<TopicId, Component>,
    /// Topics whose status was published.
    told: HashSet<TopicId>,
    is_connected: bool,
    has_connected: bool,
    is_refusal_told: bool,
    /// Whether nothing more will come.
    is_ending: bool,
}

/// A message, and whether it is a value.
struct Message {
    outgoing: Outgoing,
    is_value: bool,
}

impl MqttOutput {
    pub(super) fn new(
        shared: Rc<Shared>,
        target: MqttTarget,
        updates: Updates,
        tls: ClientTls,
    ) -> Self {
        Self {
            shared,
            target,
            sends_every: matches!(updates, Updates::Every { .. }),
            tls,
            waiting: VecDeque::new(),
            components: HashMap::new(),
            told: HashSet::new(),
            is_connected: false,
            has_connected: false,
            is_refusal_told: false,
            is_ending: false,
        }
    }

    /// Publishes until `stop` completes, and then what is left.
    pub(super) async fn run(&mut self, stop: impl Future<Output = ()>) {
        let mut client = MqttClient::new(self.client());
        let publisher = client.publishing.publisher();
        let mut stop = pin!(stop);
        let mut backoff = Backoff::new(RECONNECT);
        let mut endings = Endings::default();
        let mut connected_at = None;
        let mut wait = Duration::ZERO;
        self.lose();
        loop {
            let received = self.turn(&mut client, &publisher, take(&mut wait), stop.as_mut());
            match received.await {
                None => break,
                Some(Ok(incoming)) => {
                    if matches!(incoming, Incoming::Connected { .. }) {
                        connected_at = Some(Instant::now());
                    }
                    self.receive(&mut client, incoming);
                }
                Some(Err(error)) => {
                    let lasted = connected_at.take().map(|at| at.elapsed());
                    backoff.connection_lasted(lasted.unwrap_or_default());
                    wait = backoff.next_wait(rand::random());
                    self.fail(&mut endings, error, lasted, client.id(), wait);
                }
            }
        }
        if self.is_connected {
            let ended = timeout(END_MAX, self.end(&mut client, &publisher)).await;
            if ended.is_err() {
                let output = &self.shared.name;
                tracing::warn!(%output, "the broker did not take the last values in time");
            }
        }
        self.lose();
        self.give_up(publisher.unsettled());
    }

    /// Counts the updates that wait for nothing any more.
    fn give_up(&mut self, unacknowledged: usize) {
        if !self.sends_every {
            return;
        }
        let mut newest = self.shared.newest.borrow_mut();
        let unsent = newest.counts().waiting + self.waiting.len() as u64;
        self.waiting.clear();
        newest.give_up();
        drop(newest);
        self.shared.count();
        if unsent > 0 || unacknowledged > 0 {
            let output = &self.shared.name;
            tracing::warn!(%output, unsent, unacknowledged, "updates are lost at the end");
        }
    }

    fn client(&self) -> ClientSettings {
        let target = &self.target;
        let will = |topic: String| -> MakeWill {
            Box::new(move |_| Will {
                topic: topic.clone(),
                payload: "offline".into(),
            })
        };
        // Only version 5 can end a session that stays otherwise.
        let has_session = self.sends_every && target.qos == 2 && target.version == MqttVersion::V5;
        ClientSettings {
            url: target.url.clone(),
            version: target.version,
            user: target.user.clone(),
            password: target.password.clone(),
            client_id: target.client_id.clone(),
            session_expiry: match has_session {
                true => SESSION,
                false => Duration::ZERO,
            },
            keeps_outgoing: self.sends_every,
            packet_max_bytes: PACKET_MAX_BYTES,
            qos: 0,
            tls: self.tls.clone(),
            make_will: self.status_topic().map(will),
        }
    }

    /// Receives a packet, and publishes meanwhile. `None` when `stop` completes, and at the end
    /// when the client has taken everything.
    async fn turn(
        &mut self,
        client: &mut MqttClient,
        publisher: &Publisher,
        wait: Duration,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Option<Result<Incoming, ClientError>> {
        // One future until it is done: the client's work must not be cancelled.
        let mut next = pin!(client.next(wait));
        let shared = Rc::clone(&self.shared);
        loop {
            self.fill();
            let has_next = !self.waiting.is_empty();
            let may_wait = self.is_connected && !has_next;
            let due = may_wait.then(|| shared.next_due()).flatten();
            if self.is_ending && !has_next && publisher.is_idle() {
                return None;
            }
            tokio::select! {
                received = &mut next => return Some(received),
                place = publisher.place(), if has_next => {
                    if let (Some(place), Some(message)) = (place, self.waiting.pop_front()) {
                        self.count(&message);
                        place.send(message.outgoing);
                    }
                }
                () = shared.changed.notified() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = sleep(END_POLL), if self.is_ending => {}
                () = &mut stop => return None,
            }
        }
    }

    /// Publishes what is left, that the output is gone, and says goodbye.
    async fn end(&mut self, client: &mut MqttClient, publisher: &Publisher) {
        self.is_ending = true;
        self.shared.newest.borrow_mut().finish();
        let mut never = pin!(std::future::pending());
        let offline = self.status_topic();
        let offline = offline.map(|topic| retained(topic, "offline".into()));
        for last in [None, offline] {
            self.waiting.extend(last.map(|outgoing| Message {
                outgoing,
                is_value: false,
            }));
            loop {
                let wait = Duration::ZERO;
                match self.turn(client, publisher, wait, never.as_mut()).await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return,
                    None => break,
                }
            }
        }
        if client.disconnect() {
            while client.next(Duration::ZERO).await.is_ok() {}
        }
    }

    fn receive(&mut self, client: &mut MqttClient, incoming: Incoming) {
        let output = &self.shared.name;
        match incoming {
            Incoming::Connected { .. } => {
                tracing::info!(%output, broker = %self.target.url, "connected");
                let metrics = &self.shared.metrics;
                metrics.connected.set(1);
                metrics.reconnects.add(u64::from(self.has_connected));
                (self.is_connected, self.has_connected) = (true, true);
                self.is_refusal_told = false;
                if let Some(prefix) = &self.target.discovery {
                    client.subscribe(0, &birth_topic(prefix), None);
                }
                self.begin();
            }
            Incoming::Message(message) if self.is_birth(&message) => {
                tracing::info!(%output, "Home Assistant has started: all topics are sent again");
                self.begin();
            }
            Incoming::Subscribed {
                answer: Err(reason),
                ..
            } => tracing::warn!(
                %output,
                reason,
                "the broker refuses the subscription to the status of Home Assistant: restart the \
                 output after Home Assistant, or allow it"
            ),
            Incoming::Refused => {
                self.shared.metrics.refused.add(1);
                if !std::mem::replace(&mut self.is_refusal_told, true) {
                    tracing::warn!(
                        %output,
                        "the broker refuses messages: check what the user may publish"
                    );
                }
            }
            Incoming::Message(_)
            | Incoming::Subscribed { .. }
            | Incoming::Unsubscribed(_)
            | Incoming::TooLong(_) => {}
        }
    }

    fn fail(
        &mut self,
        endings: &mut Endings,
        error: ClientError,
        lasted: Option<Duration>,
        id: &str,
        wait: Duration,
    ) {
        let output = &self.shared.name;
        if let Some(warning) = &error.warning {
            tracing::warn!(%output, "{warning}");
        }
        let reason = endings.reason(error, lasted, id);
        let broker = &self.target.url;
        tracing::warn!(%output, %broker, reason, connect_in = ?wait, "no connection to the broker");
        self.lose();
    }

    fn lose(&mut self) {
        self.is_connected = false;
        self.shared.metrics.connected.set(0);
        self.forget();
    }

    /// Forgets what is said again on the next connection, which an update is not.
    fn forget(&mut self) {
        let keeps = self.sends_every;
        self.waiting.retain(|message| keeps && message.is_value);
    }

    /// Whether Home Assistant says that it has started. A retained message is from before.
    fn is_birth(&self, message: &Publish) -> bool {
        let topic = self.target.discovery.as_deref().map(birth_topic);
        let topic = topic.filter(|topic| topic.as_bytes() == &message.topic[..]);
        topic.is_some() && !message.is_retained && &message.payload[..] == b"online"
    }

    /// All is sent: that the output is there, and then each topic.
    fn begin(&mut self) {
        self.forget();
        if let Some(topic) = self.status_topic() {
            self.push(retained(topic, "online".into()));
        }
        self.shared.newest.borrow_mut().begin();
    }

    /// Takes the messages of the next topics, until there is one.
    fn fill(&mut self) {
        let shared = Rc::clone(&self.shared);
        let mut newest = shared.newest.borrow_mut();
        while self.is_connected && self.waiting.is_empty() {
            let Some(next) = newest.next(shared.now()) else {
                break;
            };
            self.take(&next);
        }
    }

    fn take(&mut self, next: &Next<'_>) {
        let Next { slot, .. } = next;
        let metrics = Rc::clone(&self.shared);
        let metrics = &metrics.metrics;
        let Some((state, status)) = self.places(slot) else {
            metrics.dropped.add(u64::from(next.value));
            return;
        };
        // The sequencer has encoded it.
        let Ok(update) = decode_update_bincode(&slot.newest) else {
            metrics.dropped.add(u64::from(next.value));
            return;
        };
        if let (Some(discovery), Some(output_status)) =
            (self.target.discovery.clone(), self.status_topic())
        {
            let (group, _) = discovery::group(slot.info.topic.as_str());
            let device = self.target.topic.place(group);
            let places = Places {
                discovery: &discovery,
                state: &state,
                device: device.as_deref().unwrap_or(group),
                status: &status,
                output_status: &output_status,
            };
            self.announce(slot, Component::of(&update.value), next.info, places);
        }
        if next.status {
            self.tell_status(slot, status);
        }
        if next.value {
            let form = self.target.payload;
            let payload = payload(form, &slot.info.topic, &update.value, &slot.newest);
            self.waiting.push_back(Message {
                outgoing: Outgoing {
                    topic: state,
                    payload: payload.into(),
                    // A broker keeps the newest.
                    is_retained: self.target.is_retained && !next.is_historical,
                    qos: self.target.qos,
                },
                is_value: true,
            });
        }
    }

    /// Tells Home Assistant what a topic is, if that is new.
    fn announce(
        &mut self,
        slot: &Slot,
        component: Option<Component>,
        is_info_new: bool,
        places: Places<'_>,
    ) {
        let former = self.components.get(&slot.info.id).copied();
        let component = match (former, component) {
            (Some(former), Some(now)) => former.and(now),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return,
        };
        if former == Some(component) && !is_info_new {
            return;
        }
        self.components.insert(slot.info.id, component);
        let topic = discovery::config_topic(component, places);
        if let Some(former) = former.map(|former| discovery::config_topic(former, places))
            && former != topic
        {
            // An empty config removes it.
            self.push(retained(former, Vec::new()));
        }
        let config = discovery::config(component, &slot.info, places);
        self.push(retained(topic, config));
    }

    /// Publishes a status, unless the topic was always live, which needs no words.
    fn tell_status(&mut self, slot: &Slot, topic: String) {
        let is_told = self.told.contains(&slot.info.id);
        let is_needed = self.target.discovery.is_some() || is_told || slot.status != Status::Live;
        if !is_needed || self.target.prefix.is_empty() {
            return;
        }
        self.told.insert(slot.info.id);
        self.push(retained(topic, slot.status.as_str().into()));
    }

    fn push(&mut self, outgoing: Outgoing) {
        self.waiting.push_back(Message {
            outgoing,
            is_value: false,
        });
    }

    fn count(&self, message: &Message) {
        let metrics = &self.shared.metrics;
        metrics.sent.add(u64::from(message.is_value));
        metrics.bytes.add(message.outgoing.payload.len() as u64);
    }

    fn status_topic(&self) -> Option<String> {
        let prefix = &self.target.prefix;
        (!prefix.is_empty()).then(|| format!("{prefix}/{STATUS}"))
    }

    /// Where value and status of a topic are. `None` if there is no such place, or if the statuses
    /// are there.
    fn places(&self, slot: &Slot) -> Option<(String, String)> {
        let topic = slot.info.topic.as_str();
        let state = self.target.topic.place(topic)?;
        let Some(statuses) = self.status_topic() else {
            return Some((state, String::new()));
        };
        let rest = state.strip_prefix(&statuses);
        let is_taken = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (!is_taken).then(|| (state, format!("{statuses}/{topic}")))
    }
}

/// Where Home Assistant says that it has started.
fn birth_topic(discovery: &str) -> String {
    format!("{discovery}/{STATUS}")
}

/// A message that the broker keeps and acknowledges.
fn retained(topic: String, payload: Vec<u8>) -> Outgoing {
    Outgoing {
        topic,
        payload: payload.into(),
        is_retained: true,
        qos: 1,
    }
}
