//! Liveness: which topics are live, stale or dead. It is decided once, beside the sequencer.
//!
//! A quiet topic is live unless one of these holds. A topic is **stale** when it has been silent
//! for longer than a rule expects, or when its feed is down. A topic is **dead** when a will says
//! so (MQTT 5.0, section 3.1.2.5), when its feed knows that its source is gone, or when it has been
//! silent for longer than its rule allows. The next live update makes it live again. A retained or
//! historical value does not, because it says nothing about now.
//!
//! This module has no clock: the time is passed in. An update costs one comparison. Each topic with
//! a rule has one entry in a heap of deadlines. The entry is touched about once per expected
//! interval and not once per update: an entry that comes up too early is put back with its new
//! deadline.
//!
//! The files in reading order:
//!
//! * this file: [`Liveness`], which follows every topic
//! * `rules`: the rules that an operator writes
//! * `snapshot`: all of it as data, for another server that goes on with it

mod rules;
mod snapshot;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    time::Duration,
};

use bincode::{Decode, Encode};
use rules::{levels, wildcards};
use tickcast_protocol::{
    message::{Quality, Status, TopicId},
    topic::Topic,
    value::Value,
};

use crate::{
    growth::Pages,
    now::Now,
    restored::RestoredTopic,
    tape::StatusChange,
    work::{FeedId, NewUpdate},
};

pub(super) use snapshot::LivenessSnapshot;

pub use rules::{Expected, LivenessSettings, SilenceRule, WillRule};

/// A topic is stale after this many expected intervals without an update. One update may be late
/// and one may be lost on the way without an alarm.
pub const STALE_AFTER_INTERVALS: u32 = 3;

/// Minimum number of gaps between updates from which an interval is learned.
pub const LEARN_GAPS_MIN: u8 = 10;

/// Shortest learned interval: a source that sends bursts is not silent between two of them.
pub const LEARNED_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Decay of a learned interval towards a shorter gap: the share of the difference taken per gap.
const LEARNED_DECAY: f32 = 1.0 / 64.0;

/// Maximum growth factor of a learned interval per gap that had made the topic stale. The gap may
/// have been an outage, but a slower source is accepted after a few of them.
const LEARNED_GROWTH_MAX: f32 = 2.0;

/// A topic that was live before a restart stays so for this long without an update: most sources
/// have sent again by then, and a value of a source that is gone is not taken for a fresh one.
pub const RESTORED_SILENCE_MAX: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, PartialEq, Encode, Decode)]
struct Tracked {
    /// Uptime of the last live update; before the first one, of the topic's introduction.
    heard: Duration,
    /// The feed of its newest update.
    feed: Option<FeedId>,
    /// Index of its rule.
    rule: Option<u16>,
    /// The learned interval, in seconds.
    interval_s: f32,
    /// Number of gaps it was learned from, up to [`LEARN_GAPS_MIN`].
    gaps: u8,
    status: Status,
    has_been_live: bool,
    /// Whether the heap has an entry for this topic.
    is_armed: bool,
    /// Whether this topic may carry a will.
    has_wills: bool,
    /// Whether its status is that of before a restart, and nothing was heard of it since.
    is_restored: bool,
}

/// A will rule and the topics it affects, by the levels that its wildcards stand for.
#[derive(Debug)]
struct Will {
    rule: WillRule,
    reaches: HashMap<String, Reach>,
}

#[derive(Debug, Default)]
struct Reach {
    topics: Vec<TopicId>,
    /// Whether the newest value here is the will.
    is_over: bool,
}

/// The status of all topics; see the module.
///
/// Input: [`introduce`](Self::introduce), [`heard`](Self::heard), [`feed_down`](Self::feed_down),
/// [`topic_dead`](Self::topic_dead), and [`poll`](Self::poll) when it is
/// [`next_due`](Self::next_due). Output: [`take_changes`](Self::take_changes).
#[derive(Debug, Default)]
pub struct Liveness {
    rules: Vec<SilenceRule>,
    wills: Vec<Will>,
    /// Indexed by topic id.
    topics: Pages<Tracked>,
    /// Number of topics, by status.
    counts: [u64; 3],
    due: BinaryHeap<Reverse<(Duration, TopicId)>>,
    changes: VecDeque<StatusChange>,
    /// Uptime at which restored topics of which nothing was heard are stale.
    restored_until: Option<Duration>,
}

impl Liveness {
    /// A tracker without topics.
    pub fn new(settings: LivenessSettings) -> Self {
        let wills = settings.wills.into_iter().map(|rule| Will {
            rule,
            reaches: HashMap::new(),
        });
        Self {
            rules: settings.silence,
            wills: wills.collect(),
            ..Self::default()
        }
    }

    /// Adds the next topic. Must be called before its first update is [`heard`](Self::heard).
    pub fn introduce(&mut self, first: &NewUpdate, now: Now) {
        let id = self.topics.len() as TopicId;
        let is_over = self.add(&first.topic, now);
        if is_over {
            self.set(id, Status::Dead, now);
        }
        self.arm(id, now);
    }

    /// Adds the next topic as it was before a restart. What was learned about its intervals is
    /// learned again.
    pub fn restore(&mut self, restored: &RestoredTopic, now: Now) {
        let id = self.topics.len() as TopicId;
        self.add(&restored.info.topic, now);
        let topic = &mut self.topics[id as usize];
        topic.status = restored.status;
        topic.is_restored = true;
        self.counts[Status::Live as usize] -= 1;
        self.counts[restored.status as usize] += 1;
        self.restored_until = Some(now.uptime + RESTORED_SILENCE_MAX);
        self.arm(id, now);
    }

    /// Adds a live topic. Returns whether a will says that its source is gone.
    fn add(&mut self, topic: &Topic, now: Now) -> bool {
        let name = topic.as_str();
        let id = self.topics.len() as TopicId;
        let rule = self
            .rules
            .iter()
            .position(|rule| rule.filter.matches(name))
            .and_then(|index| u16::try_from(index).ok());
        let mut is_over = false;
        for Will { rule, reaches } in &mut self.wills {
            if rule.topics.matches(name) {
                let reach = reaches.entry(levels(&rule.topics, name, usize::MAX));
                let reach = reach.or_default();
                reach.topics.push(id);
                is_over |= reach.is_over;
            }
        }
        let has_wills = |will: &Will| will.rule.topic.matches(name);
        self.topics.push(Tracked {
            heard: now.uptime,
            feed: None,
            rule,
            interval_s: 0.0,
            gaps: 0,
            status: Status::Live,
            has_been_live: false,
            is_armed: false,
            has_wills: self.wills.iter().any(has_wills),
            is_restored: false,
        });
        self.counts[Status::Live as usize] += 1;
        is_over
    }

    /// Records an update of a topic.
    pub fn heard(&mut self, id: TopicId, update: &NewUpdate, feed: Option<FeedId>, now: Now) {
        let topic = &mut self.topics[id as usize];
        topic.feed = feed;
        topic.is_restored = false;
        if update.quality == Quality::Live {
            if topic.has_been_live {
                topic.learn(now.uptime.saturating_sub(topic.heard));
            }
            topic.has_been_live = true;
            topic.heard = now.uptime;
            if topic.status != Status::Live {
                self.set(id, Status::Live, now);
            }
            if !self.topics[id as usize].is_armed {
                self.arm(id, now);
            }
        }
        if self.topics[id as usize].has_wills {
            self.read_will(&update.topic, &update.value, now);
        }
    }

    /// Applies a will. A broker may keep a will for any time: it applies until it is replaced.
    fn read_will(&mut self, topic: &Topic, value: &Value, now: Now) {
        let mut dead = Vec::new();
        for Will { rule, reaches } in &mut self.wills {
            if rule.topic.matches(topic.as_str()) {
                let levels = levels(&rule.topic, topic.as_str(), wildcards(&rule.topics));
                let reach = reaches.entry(levels).or_default();
                reach.is_over = rule.is_end(value);
                if reach.is_over {
                    dead.extend_from_slice(&reach.topics);
                }
            }
        }
        for id in dead {
            self.set(id, Status::Dead, now);
        }
    }

    /// Makes a feed's topics stale, because it has lost its source or has finished.
    pub fn feed_down(&mut self, feed: FeedId, now: Now) {
        for id in 0..self.topics.len() {
            let topic = &self.topics[id];
            if topic.feed == Some(feed) && topic.status == Status::Live {
                self.set(id as TopicId, Status::Stale, now);
            }
        }
    }

    /// Makes a topic dead, because the source of its newest update is gone, as its feed says.
    pub fn topic_dead(&mut self, id: TopicId, feed: FeedId, now: Now) {
        if self.topics[id as usize].feed == Some(feed) {
            self.set(id, Status::Dead, now);
        }
    }

    /// Finds the topics that have been silent for too long.
    pub fn poll(&mut self, now: Now) {
        if self.restored_until.is_some_and(|until| until <= now.uptime) {
            self.restored_until = None;
            for id in 0..self.topics.len() {
                let topic = &self.topics[id];
                if topic.is_restored && topic.status == Status::Live {
                    self.set(id as TopicId, Status::Stale, now);
                }
            }
        }
        while let Some(&Reverse((due, id))) = self.due.peek()
            && due <= now.uptime
        {
            self.due.pop();
            self.topics[id as usize].is_armed = false;
            if let Some((deadline, status)) = self.deadline(id)
                && deadline <= now.uptime
            {
                self.set(id, status, now);
            }
            self.arm(id, now);
        }
    }

    /// Uptime by which [`poll`](Self::poll) must be called.
    pub fn next_due(&self) -> Option<Duration> {
        let due = self.due.peek().map(|&Reverse((due, _))| due);
        due.into_iter().chain(self.restored_until).min()
    }

    /// Puts an entry for the topic's next deadline into the heap. The entry comes up no later than
    /// a deadline that starts now could, because the topic may become live again or learn a shorter
    /// interval before its present deadline.
    fn arm(&mut self, id: TopicId, now: Now) {
        if let Some((deadline, _)) = self.deadline(id)
            && let Some(rule) = self.topics[id as usize].rule
        {
            let nearest = match self.rules[usize::from(rule)].expect_every {
                Expected::Every(interval) => silence(interval),
                Expected::Learned => silence(LEARNED_INTERVAL_MIN),
            };
            let due = deadline.min(now.uptime.saturating_add(nearest));
            self.topics[id as usize].is_armed = true;
            self.due.push(Reverse((due, id)));
        }
    }

    /// The topic's next status and the time of the change, if no update comes before.
    fn deadline(&self, id: TopicId) -> Option<(Duration, Status)> {
        let topic = &self.topics[id as usize];
        let rule = &self.rules[usize::from(topic.rule?)];
        let dead = (topic.status != Status::Dead)
            .then_some(rule.dead_after)
            .flatten()
            .map(|after| (topic.heard.saturating_add(after), Status::Dead));
        let stale = (topic.status == Status::Live)
            .then(|| topic.interval(rule))
            .flatten()
            .map(|interval| (topic.heard.saturating_add(silence(interval)), Status::Stale));
        match (stale, dead) {
            (Some(stale), Some(dead)) => Some(if stale.0 < dead.0 { stale } else { dead }),
            (stale, dead) => stale.or(dead),
        }
    }

    fn set(&mut self, id: TopicId, status: Status, now: Now) {
        let topic = &mut self.topics[id as usize];
        if topic.status == status {
            return;
        }
        self.counts[topic.status as usize] -= 1;
        self.counts[status as usize] += 1;
        topic.status = status;
        self.changes.push_back(StatusChange {
            topic: id,
            status,
            since_ns: now.wall_ns,
        });
    }

    /// Takes up to `max` changes, oldest first.
    pub fn take_changes(&mut self, max: usize) -> impl Iterator<Item = StatusChange> + '_ {
        self.changes.drain(..max.min(self.changes.len()))
    }

    /// Number of changes that wait to be taken.
    pub fn changes(&self) -> usize {
        self.changes.len()
    }

    /// The status of a topic.
    pub fn status(&self, id: TopicId) -> Status {
        self.topics[id as usize].status
    }

    /// Number of live, stale and dead topics.
    pub fn counts(&self) -> [u64; 3] {
        self.counts
    }
}

impl Tracked {
    /// The expected interval, if one is set or learned.
    fn interval(&self, rule: &SilenceRule) -> Option<Duration> {
        match rule.expect_every {
            Expected::Every(interval) => Some(interval),
            Expected::Learned => (self.gaps >= LEARN_GAPS_MIN).then(|| {
                Duration::try_from_secs_f32(self.interval_s)
                    .unwrap_or(Duration::MAX)
                    .max(LEARNED_INTERVAL_MIN)
            }),
        }
    }

    /// Learns like a peak meter: up at once, down slowly. With a mean, every second gap of an
    /// uneven source would be too long.
    fn learn(&mut self, gap: Duration) {
        let mut gap_s = gap.as_secs_f32();
        if self.status != Status::Live {
            let known_s = self.interval_s.max(LEARNED_INTERVAL_MIN.as_secs_f32());
            gap_s = gap_s.min(known_s * LEARNED_GROWTH_MAX);
        }
        if gap_s >= self.interval_s {
            self.interval_s = gap_s;
        } else {
            self.interval_s -= (self.interval_s - gap_s) * LEARNED_DECAY;
        }
        self.gaps = self.gaps.saturating_add(1);
    }
}

/// The silence after which a topic is stale.
fn silence(interval: Duration) -> Duration {
    interval.saturating_mul(STALE_AFTER_INTERVALS)
}

#[cfg(test)]
mod tests;
