//! The store: applies what the server sends about topics, and answers the panels.
//!
//! Knows no window, colour, socket or clock: times are arguments.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
};

use tickcast_protocol::{
    message::{Mode, Position, Status, TimeNs, TopicInfo, Update},
    topic::Topic,
};

use super::{
    appending::append,
    keys::{TopicKey, TopicTable},
    latest::Latest,
    past::PastHistory,
    sample,
    settings::TopicSettings,
    topic_state::{Lossless, MonitoredTopic},
    totals::UpdateTotals,
};
use crate::data::history::{GapCause, SampleSeries};

/// The default memory limit for history.
pub(crate) const MEMORY_LIMIT_DEFAULT_BYTES: usize = 512 * 1024 * 1024;

/// The most topics: a server may offer a million by mistake, and no user reads a longer list.
/// Updates of further topics are counted and dropped.
pub const TOPICS_MAX: usize = 250_000;

/// The most bytes of newest values that are kept whole, beyond those that rows show: all texts and
/// small pictures of a large broker. Of further ones only the beginning is kept.
const PAYLOADS_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Eviction frees this part of the limit (one in this many), so that the next update does not evict
/// again.
const EVICT_SLACK_DIVISOR: usize = 64;

/// A series that is not charted is evicted as if it were this many times larger.
const UNWATCHED_WEIGHT: usize = 4;

/// Topics and their history.
///
/// Input: `introduce`, [`Self::apply`], `connection_opened`,
/// `epoch_changed`. Commands: `want_every`, `set_memory_limit`. Output: the
/// rest.
#[derive(Debug)]
pub struct Store {
    pub(super) topics: TopicTable,
    by_name: HashMap<Topic, TopicKey>,
    totals: UpdateTotals,
    /// The number of connections so far.
    connection: u32,
    pub(super) memory_limit: usize,
    pub(super) bytes: usize,
    pub(super) moved_ns: TimeNs,
    newest_ns: Option<TimeNs>,
    pub(super) with_value: Vec<TopicKey>,
    /// How many topics were taken off that list.
    pub(super) unlisted: u64,
    /// Topics that are not live.
    not_live: BTreeSet<TopicKey>,
    status_changes: u64,
    /// Bytes of newest values beyond those that rows show.
    payload_bytes: usize,
    /// The topics of which states are kept, and whether their messages are.
    pub(super) watched: HashMap<Topic, bool>,
    /// Whether samples by source time are kept.
    pub(super) has_by_source: bool,
    /// What the user has set, also for topics that have not come yet.
    settings: BTreeMap<Topic, TopicSettings>,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(MEMORY_LIMIT_DEFAULT_BYTES)
    }
}

impl Store {
    /// An empty store that keeps at most `memory_limit` bytes of history.
    pub fn new(memory_limit: usize) -> Self {
        Self {
            topics: TopicTable::default(),
            by_name: HashMap::new(),
            totals: UpdateTotals::default(),
            connection: 0,
            memory_limit,
            bytes: 0,
            moved_ns: 0,
            newest_ns: None,
            with_value: Vec::new(),
            unlisted: 0,
            not_live: BTreeSet::new(),
            status_changes: 0,
            payload_bytes: 0,
            watched: HashMap::new(),
            has_by_source: false,
            settings: BTreeMap::new(),
        }
    }

    /// Applies the introduction of a topic, or what is known about it anew.
    pub(crate) fn introduce(&mut self, info: &TopicInfo) {
        if let Some(key) = self.key_or_new(&info.topic) {
            self.topics[key].tell(info.unit.as_deref(), info.name.as_deref());
        }
    }

    pub(super) fn key_or_new(&mut self, name: &Topic) -> Option<TopicKey> {
        if let Some(&key) = self.by_name.get(name) {
            return Some(key);
        }
        if self.topics.len() >= TOPICS_MAX {
            return None;
        }
        let mut topic = MonitoredTopic::new(name.clone());
        if let Some(settings) = self.settings.get(name) {
            topic.set(Some(settings));
        }
        if let Some(&is_inspected) = self.watched.get(name) {
            topic.watch(is_inspected);
        }
        let key = self.topics.push(topic);
        self.by_name.insert(name.clone(), key);
        Some(key)
    }

    /// Whether [`Self::apply`] would add the update to its topic's history.
    pub(crate) fn wants(&self, update: &Update<Topic>, mode: Mode) -> bool {
        let Some(topic) = self.topic_named(update.topic.as_str()) else {
            return true;
        };
        topic.wants(mode) && update.position > topic.series_at.0
    }

    /// Counts an update that a derived topic of the same name hides.
    pub(crate) fn hide_update(&mut self) {
        self.totals.hidden += 1;
    }

    /// Applies an update. An update that came before, by another subscription, has no effect.
    pub fn apply(&mut self, update: Update<Topic>, mode: Mode) {
        let Some(key) = self.key_or_new(&update.topic) else {
            self.totals.dropped += 1;
            return;
        };
        let topic = &mut self.topics[key];
        topic.received += 1;
        self.totals.received += 1;
        if mode == Mode::Every
            && let Some(long) = topic.long_mut()
        {
            long.update(&update);
        }
        if topic.wants(mode) && update.position > topic.series_at.0 {
            let before = topic.series.as_ref().map_or(0, SampleSeries::bytes);
            if mode == Mode::Every {
                topic.join(&update);
            }
            if let Some(watched) = &mut topic.watched {
                if topic.status == Status::Live {
                    // A new connection does not say so.
                    watched.status(update.ingest_time_ns, Status::Live);
                }
                watched.update(&update);
            }
            append(topic, &update, self.connection, &mut self.totals);
            let after = topic.series.as_ref().map_or(0, SampleSeries::bytes);
            self.bytes = self.bytes - before + after;
        }
        if update.position > topic.position {
            self.totals.updates += match topic.seq {
                // Updates before the topic was first seen do not count.
                0 => 1,
                seq_before => update.seq.saturating_sub(seq_before),
            };
            topic.seq = topic.seq.max(update.seq);
            self.newest_ns = self.newest_ns.max(Some(update.ingest_time_ns));
            topic.rate.update(update.ingest_time_ns, topic.seq);
            if topic.latest.is_none() || !sample::is_past(&update) {
                topic.position = update.position;
                topic.ingest_ns = update.ingest_time_ns;
                topic.source_ns = update.source_time_ns;
                topic.quality = update.quality;
                if topic.latest.is_none() {
                    self.with_value.push(key);
                }
                let held = topic.latest.as_ref().map_or(0, Latest::extra_bytes);
                self.payload_bytes -= held;
                let room = PAYLOADS_MAX_BYTES.saturating_sub(self.payload_bytes);
                let latest = Latest::of(update.value, room);
                self.payload_bytes += latest.extra_bytes();
                topic.show(latest, update.ingest_time_ns);
                self.moved_ns = self.moved_ns.max(topic.moved.0);
            }
        }
        if self.bytes > self.memory_limit {
            self.evict();
        }
    }

    /// Applies a status of a topic, which holds since `since_ns`.
    pub(crate) fn set_status(&mut self, name: &Topic, status: Status, since_ns: TimeNs) {
        let Some(key) = self.key_or_new(name) else {
            return;
        };
        let topic = &mut self.topics[key];
        if topic.status != status
            && let Some(long) = topic.long_mut()
        {
            // Updates may have been lost.
            long.doubt();
        }
        topic.status_changed(status, since_ns);
        topic.status = status;
        topic.status_since_ns = since_ns;
        if let Some(watched) = &mut topic.watched {
            watched.status(since_ns, status);
        }
        if status == Status::Live {
            self.not_live.remove(&key);
        } else {
            self.not_live.insert(key);
        }
        self.status_changes += 1;
    }

    /// A new connection is open: updates in between were not received. All topics count as live
    /// until the server says otherwise.
    pub(crate) fn connection_opened(&mut self) {
        self.connection += 1;
        for key in std::mem::take(&mut self.not_live) {
            self.topics[key].status = Status::Live;
        }
        self.status_changes += 1;
    }

    /// The server has another epoch: positions and seqs start again, and what happened since the
    /// last update is unknown.
    pub(crate) fn epoch_changed(&mut self, cause: GapCause) {
        self.totals.restarts += 1;
        for topic in self.topics.iter_mut() {
            topic.position = 0;
            topic.seq = 0;
            topic.series_at = (0, 0);
            topic.forget_past();
            topic.rate.reset();
            if let Some(watched) = &mut topic.watched {
                watched.epoch_changed();
            }
            if let Some(series) = &mut topic.series
                && !series.is_empty()
            {
                series.mark_gap(None, cause);
            }
        }
    }

    /// A subscription to every update of a topic was accepted: it delivers all updates after
    /// `position`.
    pub(crate) fn every_accepted(&mut self, name: &Topic, position: Position) {
        if let Some(key) = self.key_or_new(name) {
            self.topics[key].every_from(position);
        }
    }

    /// Applies a page of a topic's history: the updates before [`MonitoredTopic::past`], ascending
    /// and without gaps. `more` is whether the server holds older ones.
    pub(crate) fn fill(&mut self, name: &Topic, updates: &[Update<Topic>], more: bool) {
        let Some(key) = self.find(name.as_str()) else {
            return;
        };
        self.change_series(key, |topic| {
            topic.fill(updates, more);
            if let Some(watched) = &mut topic.watched {
                watched.fill(updates);
            }
        });
    }

    /// Changes the history of a topic, and keeps the memory limit.
    pub(super) fn change_series(
        &mut self,
        key: TopicKey,
        change: impl FnOnce(&mut MonitoredTopic),
    ) {
        let topic = &mut self.topics[key];
        let before = topic.series.as_ref().map_or(0, SampleSeries::bytes);
        change(topic);
        let after = topic.series.as_ref().map_or(0, SampleSeries::bytes);
        self.bytes = self.bytes - before + after;
        if self.bytes > self.memory_limit {
            self.evict();
        }
    }

    /// The server cannot deliver the history of a topic.
    pub(crate) fn no_history(&mut self, name: &Topic) {
        if let Some(key) = self.find(name.as_str()) {
            self.topics[key].past = PastHistory::Unavailable;
        }
    }

    /// Sets whether every update of a topic is subscribed, in which case a skipped seq is a loss.
    /// Creates the topic if it is unknown.
    pub(crate) fn want_every(&mut self, name: &Topic, wanted: bool) {
        if let Some(key) = self.key_or_new(name) {
            let topic = &mut self.topics[key];
            if !wanted {
                topic.every_after = None;
                if let Some(long) = topic.long_mut() {
                    long.newest_only();
                }
            }
            topic.lossless = match (wanted, topic.lossless) {
                (false, _) => Lossless::No,
                (true, Lossless::No) => Lossless::Asked,
                (true, state) => state,
            };
        }
    }

    /// Sets what the user has set for all topics.
    pub(crate) fn set_settings(&mut self, settings: &BTreeMap<Topic, TopicSettings>) {
        if self.settings == *settings {
            return;
        }
        let changed = self.settings.keys().chain(settings.keys());
        let changed = changed.filter(|name| self.settings.get(*name) != settings.get(*name));
        for key in changed
            .filter_map(|name| self.find(name.as_str()))
            .collect::<Vec<_>>()
        {
            let set = settings.get(&self.topics[key].name);
            self.topics[key].set(set);
        }
        self.settings.clone_from(settings);
    }

    /// Changes the memory limit.
    pub(crate) fn set_memory_limit(&mut self, bytes: usize) {
        self.memory_limit = bytes;
        if self.bytes > self.memory_limit {
            self.evict();
        }
    }

    /// Evicts the oldest samples of the largest series until there is some space again.
    pub(super) fn evict(&mut self) {
        let target = self.memory_limit - self.memory_limit / EVICT_SLACK_DIVISOR;
        let weight = |topic: &MonitoredTopic| {
            let bytes = topic.series.as_ref().map_or(0, SampleSeries::bytes);
            let bytes = bytes + topic.by_source_bytes();
            match topic.lossless {
                Lossless::No => bytes * UNWATCHED_WEIGHT,
                Lossless::Asked | Lossless::Yes => bytes,
            }
        };
        let topics = self.topics.iter();
        let mut heaviest: BinaryHeap<_> = topics
            .map(|(key, topic)| (weight(topic), Reverse(key)))
            .collect();
        while self.bytes > target
            && let Some((_, Reverse(key))) = heaviest.pop()
        {
            let topic = &mut self.topics[key];
            let Some(series) = &mut topic.series else {
                continue;
            };
            let (bytes, evicted) = (series.bytes(), series.evicted());
            if series.evict_chunk() {
                self.bytes = self.bytes - bytes + series.bytes();
                self.totals.evicted += series.evicted() - evicted;
                let bytes = topic.by_source_bytes();
                topic.evict_by_source();
                self.bytes = self.bytes - bytes + topic.by_source_bytes();
                heaviest.push((weight(topic), Reverse(key)));
            }
        }
    }

    /// The topic with this name.
    pub(crate) fn find(&self, name: &str) -> Option<TopicKey> {
        self.by_name.get(name).copied()
    }

    pub(super) fn topic_mut(&mut self, name: &Topic) -> Option<&mut MonitoredTopic> {
        let key = self.by_name.get(name.as_str())?;
        Some(&mut self.topics[*key])
    }

    pub(super) fn topic_at_mut(&mut self, key: TopicKey) -> &mut MonitoredTopic {
        &mut self.topics[key]
    }

    pub(super) fn all_topics_mut(&mut self) -> impl Iterator<Item = &mut MonitoredTopic> {
        self.topics.iter_mut()
    }

    /// The state of a topic.
    pub(crate) fn topic(&self, key: TopicKey) -> &MonitoredTopic {
        &self.topics[key]
    }

    /// The state of the topic with this name.
    pub fn topic_named(&self, name: &str) -> Option<&MonitoredTopic> {
        self.find(name).map(|key| self.topic(key))
    }

    /// All topics, in the order in which they appeared.
    pub(crate) fn topics(&self) -> impl ExactSizeIterator<Item = (TopicKey, &MonitoredTopic)> {
        self.topics.iter()
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// The topics with a value, in the order of their first values.
    pub(crate) fn with_value(&self) -> &[TopicKey] {
        &self.with_value
    }

    /// The topics that are not live.
    pub(crate) fn not_live(&self) -> impl ExactSizeIterator<Item = TopicKey> {
        self.not_live.iter().copied()
    }

    /// A number that changes whenever the status of a topic changes.
    pub(crate) fn status_changes(&self) -> u64 {
        self.status_changes
    }

    /// Whether there are no topics.
    pub fn is_empty(&self) -> bool {
        self.topics.len() == 0
    }

    /// The sums over all topics.
    pub fn totals(&self) -> UpdateTotals {
        self.totals
    }

    /// When a number last changed.
    pub(crate) fn moved_ns(&self) -> TimeNs {
        self.moved_ns
    }

    /// When the newest update of all topics was put on the tape.
    pub(crate) fn newest_ns(&self) -> Option<TimeNs> {
        self.newest_ns
    }

    /// Bytes of history held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of history that may be held.
    pub fn memory_limit(&self) -> usize {
        self.memory_limit
    }
}
