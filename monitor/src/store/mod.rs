//! What came in: topics with their newest values, and their history within a memory limit.
//!
//! Nothing in here knows of windows, colours, sockets or clocks: times are passed in.

mod history;
mod pyramid;
mod rate;
mod ring;
mod series;
mod topic;

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use tickcast_protocol::{
    message::{Position, Status, TopicInfo, Update},
    topic::Topic,
};

use self::topic::Lossless;
pub use self::{
    history::Past,
    pyramid::Summary,
    rate::Rate,
    ring::CHUNK_SAMPLES,
    series::{
        GAPS_MAX, Gap, GapCause, LANE_MAIN, LANE_SECOND, Series, SeriesId, SeriesKind, TimeNs,
    },
    topic::{Direction, Latest, Missing, TopicState},
};

/// Memory for history if the settings say nothing else.
pub const MEMORY_LIMIT_DEFAULT_BYTES: usize = 512 * 1024 * 1024;

/// Most topics that are kept: a server may offer a million by mistake, and a list of more than
/// this helps nobody. Updates of further topics are counted and dropped.
pub const TOPICS_MAX: usize = 250_000;

/// Eviction goes this far below the limit (one part in so many), so that it is not needed again
/// with the next update.
const EVICT_SLACK_DIVISOR: usize = 64;

/// A series that nobody looks at is evicted as if it were so many times as large.
const UNWATCHED_WEIGHT: usize = 4;

/// Names a topic within one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicKey(u32);

/// How an update came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By a subscription to newest values.
    Latest,
    /// By a subscription to every update.
    Every,
}

/// What happened over all topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Updates that came here, those of both kinds of subscription.
    pub received: u64,
    /// Updates that the tape got, as far as seqs tell: received or left out.
    pub updates: u64,
    /// See [`Missing::lost`].
    pub lost: u64,
    /// See [`Missing::gaps`].
    pub gaps: u64,
    /// How often the server began anew: what was lost then nobody knows.
    pub restarts: u64,
    /// See [`Missing::conflated`].
    pub conflated: u64,
    /// Updates dropped here, because there are more than [`TOPICS_MAX`] topics.
    pub dropped: u64,
    /// Samples forgotten to stay within the memory limit.
    pub evicted: u64,
}

/// Topics and their history.
///
/// Input: [`Self::introduce`], [`Self::apply`], [`Self::connection_opened`],
/// [`Self::epoch_changed`]. Commands: [`Self::want_every`], [`Self::set_memory_limit`]. Output: the
/// rest.
#[derive(Debug)]
pub struct Store {
    topics: Vec<TopicState>,
    by_name: HashMap<Topic, TopicKey>,
    totals: Totals,
    /// Counts connections.
    connection: u32,
    memory_limit: usize,
    bytes: usize,
    moved_ns: TimeNs,
    newest_ns: Option<TimeNs>,
    valued: Vec<TopicKey>,
    /// Topics that are not live.
    troubled: BTreeSet<TopicKey>,
    statuses_changed: u64,
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
            topics: Vec::new(),
            by_name: HashMap::new(),
            totals: Totals::default(),
            connection: 0,
            memory_limit,
            bytes: 0,
            moved_ns: 0,
            newest_ns: None,
            valued: Vec::new(),
            troubled: BTreeSet::new(),
            statuses_changed: 0,
        }
    }

    /// Takes in what the server tells about a topic.
    pub fn introduce(&mut self, info: &TopicInfo) {
        if let Some(key) = self.key_or_new(&info.topic) {
            let unit = info.unit.as_deref().map(Arc::from);
            if unit.is_some() {
                self.topics[key.0 as usize].unit = unit;
            }
        }
    }

    fn key_or_new(&mut self, name: &Topic) -> Option<TopicKey> {
        if let Some(&key) = self.by_name.get(name) {
            return Some(key);
        }
        if self.topics.len() >= TOPICS_MAX {
            return None;
        }
        let key = TopicKey(self.topics.len() as u32);
        self.topics.push(TopicState::new(name.clone()));
        self.by_name.insert(name.clone(), key);
        Some(key)
    }

    /// Whether [`Self::apply`] would add the update to its topic's history.
    pub fn wants(&self, update: &Update<Topic>, via: Via) -> bool {
        let Some(topic) = self.topic_named(update.topic.as_str()) else {
            return true;
        };
        topic.wants(via) && update.position > topic.series_at.0
    }

    /// Takes in an update. An update that came before, by another subscription, does no harm.
    pub fn apply(&mut self, update: Update<Topic>, via: Via) {
        let Some(key) = self.key_or_new(&update.topic) else {
            self.totals.dropped += 1;
            return;
        };
        let topic = &mut self.topics[key.0 as usize];
        topic.received += 1;
        self.totals.received += 1;
        if topic.wants(via) && update.position > topic.series_at.0 {
            let before = topic.series.as_ref().map_or(0, Series::bytes);
            if via == Via::Every {
                topic.join(&update);
            }
            append(topic, &update, self.connection, &mut self.totals);
            let after = topic.series.as_ref().map_or(0, Series::bytes);
            self.bytes = self.bytes - before + after;
        }
        if update.position > topic.position {
            // What a topic had before it was first seen is not news.
            self.totals.updates += match topic.seq {
                // What the topic had before it was first seen is not news.
                0 => 1,
                seq_before => update.seq.saturating_sub(seq_before),
            };
            topic.position = update.position;
            topic.seq = update.seq;
            topic.ingest_ns = update.ingest_time_ns;
            self.newest_ns = self.newest_ns.max(Some(update.ingest_time_ns));
            topic.source_ns = update.source_time_ns;
            topic.quality = update.quality;
            topic.rate.update(update.ingest_time_ns, update.seq);
            if topic.latest.is_none() {
                self.valued.push(key);
            }
            topic.show(update.value, update.ingest_time_ns);
            self.moved_ns = self.moved_ns.max(topic.moved.0);
        }
        if self.bytes > self.memory_limit {
            self.evict();
        }
    }

    /// The server says whether a topic's source is heard of, and since when.
    pub fn set_status(&mut self, name: &Topic, status: Status, since_ns: TimeNs) {
        let Some(key) = self.key_or_new(name) else {
            return;
        };
        let topic = &mut self.topics[key.0 as usize];
        topic.status = status;
        topic.status_since_ns = since_ns;
        if status == Status::Live {
            self.troubled.remove(&key);
        } else {
            self.troubled.insert(key);
        }
        self.statuses_changed += 1;
    }

    /// A new connection stands: what came in between was not received. All topics count as live
    /// until the server says otherwise.
    pub fn connection_opened(&mut self) {
        self.connection += 1;
        for key in std::mem::take(&mut self.troubled) {
            self.topics[key.0 as usize].status = Status::Live;
        }
        self.statuses_changed += 1;
    }

    /// The server has another epoch: positions and seqs start anew, and what happened since the
    /// last update is not known.
    pub fn epoch_changed(&mut self) {
        self.totals.restarts += 1;
        for topic in &mut self.topics {
            topic.position = 0;
            topic.seq = 0;
            topic.series_at = (0, 0);
            topic.forget_past();
            topic.rate.reset();
            if let Some(series) = &mut topic.series
                && !series.is_empty()
            {
                series.mark_gap(None, GapCause::Restart);
            }
        }
    }

    /// A subscription to every update of a topic stands: all that come after `position` come here.
    pub fn every_accepted(&mut self, name: &Topic, position: Position) {
        if let Some(key) = self.key_or_new(name) {
            self.topics[key.0 as usize].every_from(position);
        }
    }

    /// Takes in a page of a topic's history: what the server holds before [`TopicState::past`],
    /// ascending and without holes. `more` is whether it holds older ones.
    pub fn fill(&mut self, name: &Topic, updates: &[Update<Topic>], more: bool) {
        let Some(key) = self.find(name.as_str()) else {
            return;
        };
        let topic = &mut self.topics[key.0 as usize];
        let before = topic.series.as_ref().map_or(0, Series::bytes);
        topic.fill(updates, more);
        let after = topic.series.as_ref().map_or(0, Series::bytes);
        self.bytes = self.bytes - before + after;
        if self.bytes > self.memory_limit {
            self.evict();
        }
    }

    /// The history of a topic cannot be had.
    pub fn no_history(&mut self, name: &Topic) {
        if let Some(key) = self.find(name.as_str()) {
            self.topics[key.0 as usize].past = Past::Unavailable;
        }
    }

    /// Says whether every update of a topic is asked for, which makes a skipped seq a loss. Before
    /// the topic is known it is created.
    pub fn want_every(&mut self, name: &Topic, wanted: bool) {
        if let Some(key) = self.key_or_new(name) {
            let topic = &mut self.topics[key.0 as usize];
            topic.lossless = match (wanted, topic.lossless) {
                (false, _) => Lossless::No,
                (true, Lossless::No) => Lossless::Asked,
                (true, state) => state,
            };
        }
    }

    /// Changes how much history may be kept.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.memory_limit = bytes;
        if self.bytes > self.memory_limit {
            self.evict();
        }
    }

    /// Forgets the oldest samples of the largest series until there is some room again.
    fn evict(&mut self) {
        let target = self.memory_limit - self.memory_limit / EVICT_SLACK_DIVISOR;
        let weight = |topic: &TopicState| {
            let bytes = topic.series.as_ref().map_or(0, Series::bytes);
            match topic.lossless {
                Lossless::No => bytes * UNWATCHED_WEIGHT,
                Lossless::Asked | Lossless::Yes => bytes,
            }
        };
        let mut heaviest: std::collections::BinaryHeap<_> = self
            .topics
            .iter()
            .enumerate()
            .map(|(at, topic)| (weight(topic), Reverse(at)))
            .collect();
        while self.bytes > target
            && let Some((_, Reverse(at))) = heaviest.pop()
        {
            let topic = &mut self.topics[at];
            let Some(series) = &mut topic.series else {
                continue;
            };
            let (bytes, evicted) = (series.bytes(), series.evicted());
            if series.evict_chunk() {
                self.bytes = self.bytes - bytes + series.bytes();
                self.totals.evicted += series.evicted() - evicted;
                heaviest.push((weight(topic), Reverse(at)));
            }
        }
    }

    /// The topic of that name.
    pub fn find(&self, name: &str) -> Option<TopicKey> {
        self.by_name.get(name).copied()
    }

    /// What is known of a topic.
    pub fn topic(&self, key: TopicKey) -> &TopicState {
        &self.topics[key.0 as usize]
    }

    /// What is known of the topic of that name.
    pub fn topic_named(&self, name: &str) -> Option<&TopicState> {
        self.find(name).map(|key| self.topic(key))
    }

    /// All topics, in the order in which they appeared.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = (TopicKey, &TopicState)> {
        self.topics
            .iter()
            .enumerate()
            .map(|(at, topic)| (TopicKey(at as u32), topic))
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// The topics that have a value, in the order in which they got their first.
    pub fn valued(&self) -> &[TopicKey] {
        &self.valued
    }

    /// The topics that are not live.
    pub fn troubled(&self) -> impl ExactSizeIterator<Item = TopicKey> {
        self.troubled.iter().copied()
    }

    /// Another number whenever the status of any topic has changed.
    pub fn statuses_changed(&self) -> u64 {
        self.statuses_changed
    }

    /// Whether there is no topic.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The sums over all topics.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// When any number last changed.
    pub fn moved_ns(&self) -> TimeNs {
        self.moved_ns
    }

    /// When the newest update of all was put on the tape.
    pub fn newest_ns(&self) -> Option<TimeNs> {
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

/// Adds an update to its topic's series, with what the seq says about those before it.
fn append(topic: &mut TopicState, update: &Update<Topic>, connection: u32, totals: &mut Totals) {
    let (_, seq_before) = topic.series_at;
    topic.series_at = (update.position, update.seq);
    let reconnected = std::mem::replace(&mut topic.connection, connection) != connection;
    let lossless = topic.lossless == Lossless::Yes;
    if topic.lossless == Lossless::Asked {
        topic.lossless = Lossless::Yes;
    }
    let Some((kind, values)) = topic::sample(&update.value) else {
        return;
    };
    let series = match &mut topic.series {
        Some(series) if series.kind() == kind => series,
        // What was a reading and is a trade now shares nothing with what it was.
        series => series.insert(Series::new(kind)),
    };
    if seq_before > 0 {
        let skipped = update.seq.saturating_sub(seq_before + 1);
        if skipped > 0 && (lossless || reconnected) {
            series.mark_gap(Some(skipped), GapCause::Lost);
            topic.missing.lost += skipped;
            topic.missing.gaps += 1;
            totals.lost += skipped;
            totals.gaps += 1;
        } else {
            topic.missing.conflated += skipped;
            totals.conflated += skipped;
        }
    }
    if history::is_number(kind, values) {
        series.append(update.ingest_time_ns, values);
    } else {
        series.mark_gap(Some(0), GapCause::NotANumber);
    }
}
