//! The sequencer: the only writer of the tape. It gives each update its position, its seq and its
//! ingest time, and encodes it once.
//!
//! The files in reading order:
//!
//! * this file: [`Sequencer`], which turns submissions into strips
//! * `facts`: units and names of topics
//! * `known_topics`: the topics so far, by name
//! * `history`: the recent past of each topic, for charts
//! * `liveness`: which topics are live, stale or dead
//! * `snapshot`: all of it as data, for another server that goes on with it
//! * `publishers`: which publishes are on the tape already
//! * `new_topics`: how many topics a client may introduce
//!
//! The sequencer knows the tape and the [`work`](crate::work) types. It knows no shard, no
//! connection and no client.

mod facts;
mod history;
mod known_topics;
pub mod liveness;
mod new_topics;
mod publishers;
mod snapshot;

use std::sync::Arc;

use hashbrown::HashSet;
use tickcast_protocol::{
    message::{Position, TimeNs, TopicId, TopicInfo, Update},
    topic::Topic,
};

use self::{facts::Facts, known_topics::KnownTopics, liveness::Liveness, publishers::Publication};
use crate::{
    candles::{FeedSpans, LongHistory},
    now::Now,
    restored::Restored,
    tape::{AckResult, PublishedOnce, Strip, StripBuilder},
    work::{
        Ack, Asked, FeedId, HistoryAnswer, HistoryQuestion, NewUpdate, Once, Past, Submission,
        TopicFacts, Unpublished,
    },
};

pub use facts::{FACTS_WAITING_MAX, NAME_MAX_BYTES, STATE_CLASS_MAX_BYTES, UNIT_MAX_BYTES};
pub use history::{HISTORY_ANSWER_MAX_BYTES, HISTORY_ANSWER_MAX_UPDATES, History, HistorySettings};
pub use new_topics::{NewTopicLimits, NewTopics};
pub use publishers::{PUBLISHERS_MAX, Publishers};
pub use snapshot::SequencerSnapshot;

pub use crate::tape::STRIP_MAX_BYTES;

/// Maximum number of status changes in one strip, for the same reasons.
const STRIP_MAX_STATUSES: usize = 4096;

/// Puts submissions in order.
///
/// Call [`push`](Self::push) for each submission. Call [`take_strip`](Self::take_strip) when
/// [`is_full`](Self::is_full), and, when no more work waits, until it returns `None`.
#[derive(Debug)]
pub struct Sequencer {
    topics: KnownTopics,
    topics_max: usize,
    open: StripBuilder,
    liveness: Liveness,
    history: History,
    long_history: LongHistory,
    /// The last update of before.
    remembered: Position,
    new_topics: NewTopics,
    facts: Facts,
    publishers: Publishers,
    refused: u64,
    refused_new_topics: u64,
    repeats: u64,
    too_old: u64,
}

impl Sequencer {
    /// A sequencer at position 1 without topics.
    pub fn new(topics_max: usize) -> Self {
        Self {
            topics: KnownTopics::default(),
            topics_max,
            open: StripBuilder::new(1),
            liveness: Liveness::default(),
            history: History::default(),
            long_history: LongHistory::default(),
            remembered: 0,
            new_topics: NewTopics::default(),
            facts: Facts::default(),
            publishers: Publishers::default(),
            refused: 0,
            refused_new_topics: 0,
            repeats: 0,
            too_old: 0,
        }
    }

    /// Sets the rules for the status of topics.
    pub fn with_liveness(self, liveness: Liveness) -> Self {
        Self { liveness, ..self }
    }

    /// Sets the history to fill.
    pub fn with_history(self, history: History) -> Self {
        Self { history, ..self }
    }

    /// Sets the candles and rows to fill.
    pub fn with_long_history(self, long_history: LongHistory) -> Self {
        Self {
            long_history,
            ..self
        }
    }

    /// Limits how fast each client introduces topics.
    pub fn with_new_topics(self, limits: NewTopicLimits) -> Self {
        Self {
            new_topics: NewTopics::new(limits),
            ..self
        }
    }

    /// Takes an update of before into the histories. To be called before
    /// [`restore`](Self::restore), for the updates that are left, in their order.
    pub fn remember(&mut self, update: &Update<TopicId>, bincode: &[u8]) {
        self.history.push(update.topic, update.position, bincode);
        self.remembered = update.position;
        self.long_history.begins_at(update.position);
        let Update { value, quality, .. } = update;
        self.long_history
            .remember(update.topic, value, *quality, update.ingest_time_ns);
    }

    /// Updates are missing between two that are remembered, with these times.
    pub fn remember_missing(&mut self, from: TimeNs, to: TimeNs) {
        self.long_history.was_off(from, to);
    }

    /// Takes a publish of before that is on the tape once. To be called for those that are left, in
    /// their order.
    pub fn remember_publish(&mut self, publish: PublishedOnce) {
        self.publishers.restore(publish.once, publish.position);
    }

    /// Forgets all publishes so far, because some are missing between them and the next.
    pub fn forget_publishes(&mut self) {
        self.publishers = Publishers::default();
    }

    /// Goes on where the sequencer of another server has stopped. To be called before the first
    /// [`push`](Self::push).
    pub fn restore(&mut self, restored: &Restored, now: Now) {
        for topic in &restored.topics {
            self.topics
                .restore(topic.info.topic.clone(), None, topic.seq);
            self.facts.restore(&topic.info);
            self.liveness.restore(topic, now);
        }
        self.long_history.begins_at(restored.next);
        for (from, to) in &restored.outages {
            self.long_history.was_off(*from, *to);
        }
        for (feed, spans) in &restored.feeds {
            self.long_history.feed_was_down(*feed, spans);
        }
        self.long_history.restarted(now.wall_ns);
        self.open = StripBuilder::new(restored.next);
    }

    /// Appends the updates of a submission to the open strip.
    ///
    /// If the updates would exceed the maximum number of topics, or the client introduces topics
    /// too fast, a client's publish is refused as a whole. A feed loses only its updates on new
    /// topics above the maximum. All refused updates are counted.
    ///
    /// A publish that is to be put on the tape once, and is there, is only answered.
    pub fn push(&mut self, submission: Submission, now: Now) {
        let Submission {
            updates,
            ack,
            feed,
            once,
        } = submission;
        if let Some(once) = once
            && let Some(result) = self.repeated(once)
        {
            if let Some(ack) = ack {
                self.open.acknowledge(AckResult { ack, result });
            }
            return;
        }
        if feed.is_none()
            && let Err(reason) = self.admit(ack, &updates, now)
        {
            let refused = match reason {
                Unpublished::TooManyNewTopics { .. } => &mut self.refused_new_topics,
                Unpublished::TooManyTopics | Unpublished::TooLong | Unpublished::NumberTooOld => {
                    &mut self.refused
                }
            };
            *refused += updates.len() as u64;
            if let Some(ack) = ack {
                let result = Err(reason);
                self.open.acknowledge(AckResult { ack, result });
            }
            return;
        }
        for update in updates {
            self.append(update, feed, now);
        }
        if let Some(once) = once {
            let position = self.open.next() - 1;
            self.publishers.note(once, position);
            self.open.publish_once(PublishedOnce { once, position });
        }
        if let Some(ack) = ack.filter(|ack| ack.id.is_some()) {
            self.open.acknowledge(AckResult {
                ack,
                result: Ok(self.open.next() - 1),
            });
        }
    }

    /// The answer to a publish that is on the tape, or may be; `None` if it is new.
    fn repeated(&mut self, once: Once) -> Option<Result<Position, Unpublished>> {
        match self.publishers.find(once) {
            Publication::New => None,
            Publication::Known(position) => {
                self.repeats += 1;
                Some(Ok(position))
            }
            Publication::Forgotten => {
                self.too_old += 1;
                Some(Err(Unpublished::NumberTooOld))
            }
        }
    }

    /// Checks whether a client may introduce the new topics of its publish.
    fn admit(
        &mut self,
        ack: Option<Ack>,
        updates: &[NewUpdate],
        now: Now,
    ) -> Result<(), Unpublished> {
        let new = self.unknown_topics(updates);
        if new == 0 {
            return Ok(());
        }
        if self.topics.len() + new > self.topics_max {
            return Err(Unpublished::TooManyTopics);
        }
        let Some(ack) = ack else {
            return Ok(());
        };
        let taken = self.new_topics.take(ack, new, now.uptime);
        taken.map_err(|retry_after_ms| Unpublished::TooManyNewTopics { retry_after_ms })
    }

    /// Number of topics of some updates that are not known yet.
    pub fn unknown_topics(&self, updates: &[NewUpdate]) -> usize {
        let topics = updates.iter().map(|update| &update.topic);
        let mut new = topics.filter(|topic| self.topics.get(topic).is_none());
        match new.next() {
            Some(first) => new.chain([first]).collect::<HashSet<_>>().len(),
            None => 0,
        }
    }

    /// Records that a feed has lost its source or has finished.
    pub fn feed_down(&mut self, feed: FeedId, now: Now) {
        self.liveness.feed_down(feed, now);
        self.long_history.feed_down(feed, now.wall_ns);
    }

    /// Records that a feed has lost updates since a time.
    pub fn feed_lost(&mut self, feed: FeedId, since: TimeNs, now: Now) {
        self.long_history.feed_lost(feed, since, now.wall_ns);
    }

    /// When updates of each feed are missing, if that has changed since the last call.
    pub fn take_feed_outages(&mut self) -> Option<Vec<FeedSpans>> {
        self.long_history.take_feed_outages()
    }

    /// Records that the sources of a feed's topics are gone.
    pub fn topics_dead(&mut self, feed: FeedId, topics: &[Topic], now: Now) {
        for topic in topics {
            if let Some(known) = self.topics.get(topic) {
                self.liveness.topic_dead(known.id, feed, now);
            }
        }
    }

    /// Finds the topics that have been silent for too long.
    pub fn poll(&mut self, now: Now) {
        self.liveness.poll(now);
    }

    fn append(&mut self, mut update: NewUpdate, feed: Option<FeedId>, now: Now) {
        if let Some(facts) = update.facts.take() {
            for (topic, facts) in facts {
                self.tell(topic, facts);
            }
        }
        let known = match self.topics.get_mut(&update.topic) {
            Some(known) => known,
            None => {
                let is_introduced = self.introduce(&update, now);
                match self.topics.get_mut(&update.topic) {
                    Some(known) if is_introduced => known,
                    _ => {
                        self.refused += 1;
                        return;
                    }
                }
            }
        };
        known.seq += 1;
        let (topic, seq) = (known.id, known.seq);
        if let Some(unit) = &update.unit
            && known.is_other(unit)
            && let Some(unit) = self.facts.own_unit(Arc::clone(unit))
        {
            known.unit = Some(Arc::clone(&unit));
            let info = info(topic, &update.topic, Some(unit), self.facts.of(topic));
            self.open.introduce(info);
        }
        self.liveness.heard(topic, &update, feed, now);
        let position = self.open.next();
        let update = Update {
            topic,
            position,
            seq,
            source_time_ns: update.source_time_ns,
            ingest_time_ns: now.wall_ns,
            quality: update.quality,
            value: update.value,
        };
        self.history.push(topic, position, self.open.push(&update));
        let Update { quality, value, .. } = &update;
        self.long_history
            .push(topic, feed, value, *quality, now.wall_ns);
    }

    /// Takes what is told about a topic. If the topic has a value, the strip announces it again.
    fn tell(&mut self, topic: Topic, facts: TopicFacts) {
        let known = self.topics.get(&topic);
        let id = known.map(|known| known.id);
        let own_unit = known.and_then(|known| known.unit.clone());
        if self.facts.tell(id, topic.clone(), facts)
            && let Some(id) = id
        {
            let info = info(id, &topic, own_unit, self.facts.of(id));
            self.open.introduce(info);
        }
    }

    /// Answers a question about the past, up to the newest update.
    pub fn answer(&mut self, question: HistoryQuestion, now: Now) -> HistoryAnswer {
        let HistoryQuestion { from, topic, asked } = question;
        let id = self.topics.get(&topic).map(|known| known.id);
        let past = match asked {
            Asked::Updates { limit, before } => {
                let stretch = id.map(|id| self.history.before(id, before, limit));
                Past::Updates(stretch.unwrap_or_default())
            }
            Asked::Candles(question) => {
                let position = self.position();
                let history = &mut self.long_history;
                Past::Candles(Box::new(history.excerpt(
                    id,
                    &question,
                    position,
                    now.wall_ns,
                )))
            }
        };
        HistoryAnswer {
            to: from,
            topic: id,
            past,
        }
    }

    /// Assigns an id to a new topic. Returns false if the limit is reached.
    fn introduce(&mut self, update: &NewUpdate, now: Now) -> bool {
        if self.topics.len() >= self.topics_max {
            return false;
        }
        let unit = update.unit.clone();
        let unit = unit.and_then(|unit| self.facts.own_unit(unit));
        let id = self.topics.add(update.topic.clone(), unit.clone());
        self.facts.introduce(id, &update.topic);
        self.open
            .introduce(info(id, &update.topic, unit, self.facts.of(id)));
        self.liveness.introduce(update, now);
        true
    }

    /// Whether the open strip must be taken before the next push.
    pub fn is_full(&self) -> bool {
        self.open.len_bytes() >= STRIP_MAX_BYTES || self.liveness.changes() >= STRIP_MAX_STATUSES
    }

    /// Takes the open strip, unless it is empty.
    pub fn take_strip(&mut self) -> Option<Arc<Strip>> {
        self.open
            .change_statuses(self.liveness.take_changes(STRIP_MAX_STATUSES));
        if self.open.is_empty() {
            return None;
        }
        let next = StripBuilder::new(self.open.next());
        Some(Arc::new(std::mem::replace(&mut self.open, next).build()))
    }

    /// The position of the newest update; 0 if there was none.
    pub fn position(&self) -> Position {
        self.open.next() - 1
    }

    /// Number of topics.
    pub fn topics(&self) -> usize {
        self.topics.len()
    }

    /// The status of the topics.
    pub fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// The recent past of the topics.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The candles and rows of the topics.
    pub fn long_history(&self) -> &LongHistory {
        &self.long_history
    }

    /// What is known about topics besides their values.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Which publishes are on the tape already.
    pub fn publishers(&self) -> &Publishers {
        &self.publishers
    }

    /// Number of publishes that were on the tape already.
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Number of publishes refused because they may have been on the tape already.
    pub fn too_old(&self) -> u64 {
        self.too_old
    }

    /// Number of updates refused because there were too many topics.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Number of updates refused because a client introduced topics too fast.
    pub fn refused_new_topics(&self) -> u64 {
        self.refused_new_topics
    }
}

/// What clients are told about a topic. Its own unit comes before one that others tell.
fn info(
    id: TopicId,
    topic: &Topic,
    own_unit: Option<Arc<str>>,
    told: Option<&TopicFacts>,
) -> TopicInfo {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(Into::into);
    TopicInfo {
        id,
        topic: topic.clone(),
        unit: text(&own_unit).or_else(|| text(&told?.unit)),
        name: told.and_then(|told| text(&told.name)),
        state_class: told.and_then(|told| text(&told.state_class)),
    }
}

#[cfg(test)]
mod tests;
