//! The work that the sequencer accepts, and its answers.

use std::sync::Arc;

use bincode::{Decode, Encode};
use smallvec::SmallVec;
use tickcast_protocol::{
    error::ErrorCode,
    message::{Position, PublishNumber, PublisherId, Quality, RequestId, TimeNs, TopicId},
    topic::Topic,
    value::Value,
};

use crate::{
    candles::{CandlesQuestion, Excerpt},
    refusal::Refusal,
    tape::Stretch,
};

pub use crate::feed_id::FeedId;

/// An update that is not on the tape yet.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct NewUpdate {
    /// Its topic.
    pub topic: Topic,
    /// What happened.
    pub value: Value,
    /// When it happened, by the source's clock, in ns since the Unix epoch.
    pub source_time_ns: Option<TimeNs>,
    /// How far it can be trusted.
    pub quality: Quality,
    /// The unit of the topic's readings, if the source names it. Without one the topic keeps the
    /// unit that it has.
    pub unit: Option<Arc<str>>,
    /// What the update tells about other topics: a message of a device that describes its series.
    pub facts: Option<Box<[(Topic, TopicFacts)]>>,
}

impl NewUpdate {
    /// A live update without a source time, a unit and facts.
    pub fn live(topic: Topic, value: Value) -> Self {
        Self {
            topic,
            value,
            source_time_ns: None,
            quality: Quality::Live,
            unit: None,
            facts: None,
        }
    }
}

/// What is known about a topic besides its values. A missing fact is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct TopicFacts {
    /// The unit of its readings.
    pub unit: Option<Arc<str>>,
    /// Its name for people.
    pub name: Option<Arc<str>>,
    /// Home Assistant's word for what its readings add up to, such as `measurement` and
    /// `total_increasing`.
    pub state_class: Option<Arc<str>>,
}

/// Where the answer to a client's request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The shard that has the connection.
    pub shard: usize,
    /// The connection's serial number in its shard.
    pub connection: u64,
    /// The client's request. Without an id, a publish is answered only if it is refused.
    pub id: Option<RequestId>,
}

/// Why a client's publish is not on the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpublished {
    /// The server holds as many topics as its settings allow.
    TooManyTopics,
    /// The client introduced too many topics in a short time.
    TooManyNewTopics {
        /// How long to wait at least.
        retry_after_ms: u32,
    },
    /// Its updates are too long together for the stream that the nodes of a cluster share.
    TooLong,
    /// It may be on the tape already, or not: its number is too old.
    NumberTooOld,
}

/// What tells a publish that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Once {
    /// The instance of a client that publishes.
    pub publisher: PublisherId,
    /// Which of its publishes it is.
    pub number: PublishNumber,
}

impl Once {
    /// Whether its number is one that a publisher counts. If 0 were called too old, a client that
    /// counts from 0 would draw one publisher after another.
    pub fn check(&self) -> Result<(), Refusal> {
        match self.number {
            0 => Err(Refusal::new(
                ErrorCode::Malformed,
                "number is 0: it must be at least 1, since publishes are counted from 1",
            )),
            _ => Ok(()),
        }
    }
}

/// Updates that belong together, their origin, and where to send the acknowledgement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Submission {
    /// The updates, in order.
    pub updates: SmallVec<[NewUpdate; 1]>,
    /// Where to send the acknowledgement once the updates are on the tape, or the refusal; `None`
    /// for a feed.
    pub ack: Option<Ack>,
    /// The feed that submitted them; `None` for a client's publish.
    pub feed: Option<FeedId>,
    /// If they are to be put on the tape once, however often they are submitted.
    pub once: Option<Once>,
}

/// A client's question about a topic's past.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryQuestion {
    /// Where the answer goes.
    pub from: Ack,
    /// The topic.
    pub topic: Topic,
    /// What of its past.
    pub asked: Asked,
}

/// What a question about a topic's past asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Single updates.
    Updates {
        /// Maximum number of updates in the answer.
        limit: usize,
        /// Only updates before this position.
        before: Option<Position>,
    },
    /// Candles or rows.
    Candles(CandlesQuestion),
}

/// The answer to a [`HistoryQuestion`].
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryAnswer {
    /// Where it goes.
    pub to: Ack,
    /// The topic's id; `None` if the topic is not known.
    pub topic: Option<TopicId>,
    /// The requested part of the topic's past.
    pub past: Past,
}

/// A part of a topic's past.
#[derive(Debug, Clone, PartialEq)]
pub enum Past {
    /// Single updates.
    Updates(Stretch),
    /// Candles or rows.
    Candles(Box<Excerpt>),
}

impl HistoryAnswer {
    /// Bytes of the part.
    pub fn bytes(&self) -> usize {
        match &self.past {
            Past::Updates(stretch) => stretch.bincode.len(),
            Past::Candles(excerpt) => excerpt.bytes(),
        }
    }
}

/// One piece of work for the sequencer.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Updates to put on the tape.
    Updates(Submission),
    /// A feed has lost its source or has finished: its topics are no longer live.
    FeedDown(FeedId),
    /// The sources of these topics of a feed are gone, as the feed's source says.
    TopicsDead(FeedId, Vec<Topic>),
    /// A question about the past. The answer includes everything submitted before it.
    History(HistoryQuestion),
}

impl Work {
    /// The client's request that this work came from, if the client waits for an answer.
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Updates(submission) => submission.ack.and_then(|ack| ack.id),
            Self::FeedDown(_) | Self::TopicsDead(..) => None,
            Self::History(question) => question.from.id,
        }
    }
}
