//! One update and the introduction of its topic.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{Position, Seq, TimeNs, TopicId};
use crate::{
    json::{decimal_string, opt_decimal_string},
    topic::Topic,
    value::Value,
};

/// Introduces a topic, or says anew what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TopicInfo {
    /// Its number in this epoch.
    pub id: TopicId,
    /// Its name.
    pub topic: Topic,
    /// The unit of its readings, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Its name for people, if the source gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its readings add up to, in Home Assistant's words (`measurement`, `total`,
    /// `total_increasing`), if the source says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_class: Option<String>,
}

impl TopicInfo {
    /// A topic of which nothing else is known.
    pub fn new(id: TopicId, topic: Topic) -> Self {
        Self {
            id,
            topic,
            unit: None,
            name: None,
            state_class: None,
        }
    }
}

/// One update of one topic.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Update<T> {
    /// The topic.
    pub topic: T,
    /// Its place on the tape.
    pub position: Position,
    /// Sequence number within its topic, from 1.
    pub seq: Seq,
    /// When it happened, by the source's clock, if the source gives a time.
    #[serde(
        default,
        with = "opt_decimal_string",
        skip_serializing_if = "Option::is_none"
    )]
    pub source_time_ns: Option<TimeNs>,
    /// When it was put on the tape, by the server's clock.
    #[serde(with = "decimal_string")]
    pub ingest_time_ns: TimeNs,
    /// How far it can be trusted.
    pub quality: Quality,
    /// The value.
    pub value: Value,
}

/// How far an update can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// It reached the server when it happened.
    Live,
    /// A retained value of MQTT. Its age is unknown.
    Retained,
    /// The source itself marks it as old or doubtful.
    Stale,
    /// It happened before values that came earlier: the source kept it while it was cut off. It is
    /// part of the history, and does not replace the newest value.
    Historical,
}
