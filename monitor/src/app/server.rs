//! What the server has sent, and what follows from it.

use std::collections::HashSet;

use tickcast_protocol::{
    message::{Epoch, Mode, Position, TimeNs, TopicInfo, TopicStatus, Update},
    topic::Topic,
};

use crate::{
    data::{
        access::Access,
        alerts::Alerts,
        connection_state::ConnectionState,
        derived::DerivedTopics,
        health::Health,
        history::{GapCause, SeriesKind},
        login::Login,
        topics::{MonitoredTopic, PastHistory, Store},
    },
    net::{IncomingQueue, Requests},
};

/// A topic with more than this many updates per second may be charted at the first start.
const LIVELY_HZ: f64 = 0.2;

/// Older history is requested only while the history held is smaller than this part of the memory
/// limit (one in this many), because it must not evict newer history.
const HISTORY_MAX_PART: usize = 2;

/// The two directions of the connection: received items and requests.
pub(super) struct ServerLine {
    /// The address of the server.
    pub(super) url: String,
    pub(super) queue: IncomingQueue,
    pub(super) requests: Requests,
    /// For this server alone.
    pub(super) login: Login,
    /// What the server was shown to renew it; it counts when the server has accepted it.
    pub(super) renewal: Option<Login>,
}

/// What the server has sent.
pub(super) struct ServerData {
    pub(super) store: Store,
    /// Topics that are computed from others.
    pub(super) derived: DerivedTopics,
    pub(super) health: Health,
    pub(super) alerts: Alerts,
    pub(super) connection: ConnectionState,
    /// What the server allows.
    pub(super) access: Access,
    epoch: Option<Epoch>,
    /// Whether the server has said on this connection that it has lost updates.
    is_truncated: bool,
    first_update_ns: Option<TimeNs>,
}

/// The effect of a new state of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionChange {
    /// No effect beside the state.
    None,
    /// The connection was lost: open requests will not be answered.
    Lost,
    /// The server has another epoch than before.
    NewEpoch,
    /// The server has another epoch, which continues the one before.
    ContinuedEpoch,
}

impl ServerData {
    pub(super) fn new(memory_limit: usize, alerts: Alerts) -> Self {
        Self {
            store: Store::new(memory_limit),
            derived: DerivedTopics::default(),
            health: Health::default(),
            alerts,
            connection: ConnectionState::Connecting { attempt: 1 },
            access: Access::default(),
            epoch: None,
            is_truncated: false,
            first_update_ns: None,
        }
    }

    /// Forgets all topics and their history. Every update of `wanted` stays subscribed.
    pub(super) fn forget(&mut self, memory_limit: usize, wanted: &HashSet<Topic>) {
        self.store = Store::new(memory_limit);
        self.derived.restart();
        self.health = Health::default();
        self.epoch = None;
        self.access = Access::default();
        for topic in wanted {
            self.store.want_every(topic, true);
        }
        self.health.watch(wanted.iter());
    }

    /// Changes the topics of which every update is subscribed.
    pub(super) fn want_every(&mut self, before: &HashSet<Topic>, wanted: &HashSet<Topic>) {
        for topic in before.difference(wanted) {
            self.store.want_every(topic, false);
        }
        for topic in wanted {
            self.store.want_every(topic, true);
        }
        self.health.watch(wanted.iter());
    }

    /// Applies a new state of the connection.
    pub(super) fn connection_changed(
        &mut self,
        state: ConnectionState,
        now_ns: TimeNs,
    ) -> ConnectionChange {
        let mut change = ConnectionChange::None;
        match state {
            ConnectionState::Connected { ref lineage, .. } => {
                let epoch = lineage.epoch;
                self.is_truncated = false;
                match self.epoch.replace(epoch).filter(|before| *before != epoch) {
                    Some(before) if lineage.kept(before).is_some() => {
                        change = ConnectionChange::ContinuedEpoch;
                    }
                    Some(_) => {
                        self.store.epoch_changed(GapCause::Restart);
                        change = ConnectionChange::NewEpoch;
                    }
                    None => {}
                }
                // A server that was silent continues on the same connection.
                if !matches!(self.connection, ConnectionState::Silent { .. }) {
                    self.store.connection_opened();
                } else if let Some(since_ns) = self.health.disconnected_ns {
                    self.health.silences.add(since_ns, now_ns);
                }
                self.health.disconnected_ns = None;
            }
            ConnectionState::Silent { since } => {
                let silence_ns = i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX);
                self.health.disconnected_ns = Some(now_ns.saturating_sub(silence_ns));
            }
            ConnectionState::Connecting { .. }
            | ConnectionState::BackingOff { .. }
            | ConnectionState::Ended { .. } => {
                let was_open = matches!(
                    self.connection,
                    ConnectionState::Connected { .. } | ConnectionState::Silent { .. }
                );
                if was_open {
                    self.health.disconnected_ns.get_or_insert(now_ns);
                    self.store.connection_lost();
                    change = ConnectionChange::Lost;
                }
            }
        }
        self.connection = state;
        change
    }

    /// The server has lost updates that are shown here. All subscriptions of the connection may say
    /// so; the first one counts. Returns whether this is it.
    pub(super) fn truncated(&mut self) -> bool {
        let is_first = !std::mem::replace(&mut self.is_truncated, true);
        if is_first {
            self.store.epoch_changed(GapCause::Truncated);
        }
        is_first
    }

    /// Applies an update, and the alerts of its topic.
    pub(super) fn apply(&mut self, update: Update<Topic>, mode: Mode, has_alerts: bool) {
        let ingest_ns = update.ingest_time_ns;
        let watched = has_alerts && self.alerts.watches(&update.topic);
        let watched = watched.then(|| update.topic.clone());
        self.store.apply(update, mode);
        if let Some(topic) = watched
            && let Some(topic) = self.store.topic_named(topic.as_str())
        {
            self.alerts.updated(topic, ingest_ns);
        }
    }

    /// Brings the derived topics up to date, and the alerts on them.
    pub(super) fn derive(&mut self, has_alerts: bool) {
        let alerts = &mut self.alerts;
        let store = &mut self.store;
        self.derived.advance(store, |store, topic, time_ns| {
            if has_alerts
                && alerts.watches(topic)
                && let Some(topic) = store.topic_named(topic.as_str())
            {
                alerts.updated(topic, time_ns);
            }
        });
    }

    /// Takes over the derived topics of another server.
    pub(super) fn set_derived(&mut self, derived: &DerivedTopics) {
        if self.derived.saved() != derived.saved() {
            let gone = self.derived.all();
            let gone: Vec<Topic> = gone.map(|(topic, _)| topic.clone()).collect();
            for topic in gone.iter().filter(|topic| !derived.has(topic)) {
                self.store.forget_derived(topic);
            }
            self.derived = derived.clone();
            self.derived.restart();
        }
    }

    /// Applies introductions and statuses.
    pub(super) fn apply_statuses(&mut self, topics: &[TopicInfo], statuses: &[TopicStatus<Topic>]) {
        for info in topics {
            self.store.introduce(info);
        }
        for status in statuses {
            self.store
                .set_status(&status.topic, status.status, status.since_ns);
        }
    }

    /// Notes that an update came at this time.
    pub(super) fn saw_update(&mut self, received_ns: TimeNs) {
        self.first_update_ns.get_or_insert(received_ns);
    }

    /// When the first update came.
    pub(super) fn first_update_ns(&self) -> Option<TimeNs> {
        self.first_update_ns
    }

    /// The position before which history of a topic may be requested, if memory allows.
    pub(super) fn missing_before(&self, topic: &Topic) -> Option<Position> {
        let known = self.store.topic_named(topic.as_str());
        let has_room = self.store.bytes() < self.store.memory_limit() / HISTORY_MAX_PART;
        match known.map(MonitoredTopic::past) {
            Some(PastHistory::Before(before)) if has_room => Some(before),
            _ => None,
        }
    }

    /// The busiest market, or else the busiest topic, if it has enough updates.
    pub(super) fn busiest(&self, now_ns: TimeNs) -> Option<&Topic> {
        let is_trade = |topic: &MonitoredTopic| {
            topic.series.as_ref().map(|series| series.kind()) == Some(SeriesKind::Trade)
        };
        let topics = self.store.topics().map(|(_, topic)| topic);
        topics
            .filter(|topic| topic.series.is_some())
            .filter_map(|topic| Some((topic.rate.per_second(now_ns)?, topic)))
            .filter(|(rate, _)| *rate > LIVELY_HZ)
            .max_by(|(a, first), (b, second)| {
                is_trade(first).cmp(&is_trade(second)).then(a.total_cmp(b))
            })
            .map(|(_, topic)| &topic.name)
    }
}
