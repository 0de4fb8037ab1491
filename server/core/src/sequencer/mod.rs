//! The sequencer: the only writer of the tape. It gives each update its position, its seq and its
//! ingest time, and encodes it once.
//!
//! The files in reading order:
//!
//! * this file: [`Sequencer`], which turns submissions into strips
//! * `history`: the recent past of each topic, for charts
//! * `liveness`: which topics are live, stale or dead
//!
//! The sequencer knows the tape and the [`work`](crate::work) types. It knows no shard, no
//! connection and no client.

mod history;
pub mod liveness;

use std::sync::Arc;

use hashbrown::HashMap;
use tickcast_protocol::{
    error::ErrorCode,
    message::{Position, Seq, TopicId, TopicInfo, Update},
    topic::Topic,
};

use self::liveness::Liveness;
use crate::{
    now::Now,
    tape::{AckResult, Stretch, Strip, StripBuilder},
    work::{FeedId, HistoryAnswer, HistoryQuestion, NewUpdate, Submission},
};

pub use history::{HISTORY_ANSWER_MAX_BYTES, HISTORY_ANSWER_MAX_UPDATES, History, HistorySettings};

/// Length at which a strip is closed, so that shards can begin with it and the tape can drop old
/// updates in small steps.
pub const STRIP_MAX_BYTES: usize = 64 * 1024;

/// Maximum number of status changes in one strip, for the same reasons.
const STRIP_MAX_STATUSES: usize = 4096;

#[derive(Debug)]
struct KnownTopic {
    id: TopicId,
    seq: Seq,
}

/// Puts submissions in order.
///
/// Call [`push`](Self::push) for each submission. Call [`take_strip`](Self::take_strip) when
/// [`is_full`](Self::is_full), and, when no more work waits, until it returns `None`.
#[derive(Debug)]
pub struct Sequencer {
    topics: HashMap<Topic, KnownTopic>,
    topics_max: usize,
    open: StripBuilder,
    liveness: Liveness,
    history: History,
    refused: u64,
}

impl Sequencer {
    /// A sequencer at position 1 without topics.
    pub fn new(topics_max: usize) -> Self {
        Self {
            topics: HashMap::new(),
            topics_max,
            open: StripBuilder::new(1),
            liveness: Liveness::default(),
            history: History::default(),
            refused: 0,
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

    /// Appends the updates of a submission to the open strip.
    ///
    /// If the updates would exceed the maximum number of topics, a client's publish is refused as a
    /// whole. A feed loses only its updates on new topics, which are counted.
    pub fn push(&mut self, submission: Submission, now: Now) {
        let Submission { updates, ack, feed } = submission;
        if let Some(ack) = ack
            && self.exceeds_topics(&updates)
        {
            self.refused += updates.len() as u64;
            self.open.acknowledge(AckResult {
                ack,
                result: Err(ErrorCode::TooManyTopics),
            });
            return;
        }
        for update in updates {
            self.append(update, feed, now);
        }
        if let Some(ack) = ack {
            self.open.acknowledge(AckResult {
                ack,
                result: Ok(self.open.next() - 1),
            });
        }
    }

    fn exceeds_topics(&self, updates: &[NewUpdate]) -> bool {
        // A new topic that occurs twice is counted twice, which matters only right at the limit.
        let is_new = |update: &&NewUpdate| !self.topics.contains_key(&update.topic);
        self.topics.len() + updates.iter().filter(is_new).count() > self.topics_max
    }

    /// Records that a feed has lost its source or has finished.
    pub fn feed_down(&mut self, feed: FeedId, now: Now) {
        self.liveness.feed_down(feed, now);
    }

    /// Finds the topics that have been silent for too long.
    pub fn poll(&mut self, now: Now) {
        self.liveness.poll(now);
    }

    fn append(&mut self, update: NewUpdate, feed: Option<FeedId>, now: Now) {
        if !self.topics.contains_key(&update.topic) && !self.introduce(&update, now) {
            self.refused += 1;
            return;
        }
        let Some(known) = self.topics.get_mut(&update.topic) else {
            return;
        };
        known.seq += 1;
        let (topic, seq) = (known.id, known.seq);
        self.liveness.heard(topic, &update, feed, now);
        let position = self.open.next();
        let bincode = self.open.push(&Update {
            topic,
            position,
            seq,
            source_time_ns: update.source_time_ns,
            ingest_time_ns: now.wall_ns,
            quality: update.quality,
            value: update.value,
        });
        self.history.push(topic, position, bincode);
    }

    /// Answers a question about the past, up to the newest update.
    pub fn answer(&self, question: HistoryQuestion) -> HistoryAnswer {
        let HistoryQuestion {
            from,
            topic,
            limit,
            before,
        } = question;
        let id = self.topics.get(&topic).map(|known| known.id);
        let stretch = id.map_or_else(Stretch::default, |id| {
            self.history.before(id, before, limit)
        });
        HistoryAnswer {
            to: from,
            topic: id,
            stretch,
        }
    }

    /// Assigns an id to a new topic. Returns false if the limit is reached.
    fn introduce(&mut self, update: &NewUpdate, now: Now) -> bool {
        if self.topics.len() >= self.topics_max {
            return false;
        }
        let id = TopicId::try_from(self.topics.len()).expect("topics_max fits a TopicId");
        self.open.introduce(TopicInfo {
            id,
            topic: update.topic.clone(),
            unit: update.unit.as_deref().map(Into::into),
        });
        self.topics
            .insert(update.topic.clone(), KnownTopic { id, seq: 0 });
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

    /// Number of updates refused because there were too many topics.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use smallvec::smallvec;
    use tickcast_protocol::{codec, value::Value};

    use super::*;
    use crate::work::Ack;

    fn update(topic: &str) -> NewUpdate {
        NewUpdate::live(Topic::new(topic).unwrap(), Value::Reading(1.0))
    }

    fn submission(topics: &[&str], ack: Option<Ack>) -> Submission {
        Submission {
            updates: topics.iter().map(|topic| update(topic)).collect(),
            ack,
            feed: None,
        }
    }

    fn at(wall_ns: i64) -> Now {
        Now {
            uptime: Duration::ZERO,
            wall_ns,
        }
    }

    const ACK: Ack = Ack {
        shard: 0,
        connection: 7,
        id: 1,
    };

    #[test]
    fn positions_count_all_updates_and_seqs_those_of_a_topic() {
        let mut sequencer = Sequencer::new(10);
        sequencer.push(submission(&["a"], None), at(100));
        sequencer.push(submission(&["b", "a"], Some(ACK)), at(200));
        let strip = sequencer.take_strip().unwrap();
        let seen: Vec<_> = strip
            .updates()
            .map(|raw| codec::decode_update_bincode(raw.bincode).unwrap())
            .map(|update| {
                (
                    update.topic,
                    update.position,
                    update.seq,
                    update.ingest_time_ns,
                )
            })
            .collect();
        assert_eq!(seen, [(0, 1, 1, 100), (1, 2, 1, 200), (0, 3, 2, 200)]);
        assert_eq!(strip.topics().len(), 2);
        let ack = AckResult {
            ack: ACK,
            result: Ok(3),
        };
        assert_eq!(strip.acks(), [ack]);
        assert!(sequencer.take_strip().is_none());
    }

    #[test]
    fn too_many_topics_are_refused_and_counted() {
        let mut sequencer = Sequencer::new(1);
        sequencer.push(submission(&["a"], None), at(0));
        sequencer.push(submission(&["b"], None), at(0));
        sequencer.push(submission(&["a", "c"], Some(ACK)), at(0));
        assert_eq!(sequencer.refused(), 3);
        assert_eq!(sequencer.position(), 1);
        let strip = sequencer.take_strip().unwrap();
        let refused = AckResult {
            ack: ACK,
            result: Err(ErrorCode::TooManyTopics),
        };
        assert_eq!(strip.acks(), [refused]);
        sequencer.push(
            Submission {
                updates: smallvec![update("a")],
                ..Submission::default()
            },
            at(0),
        );
        assert_eq!(sequencer.position(), 2);
    }
}
