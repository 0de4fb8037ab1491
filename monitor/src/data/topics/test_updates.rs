//! The updates of one topic, for tests of its history.

use std::ops::RangeInclusive;

use tickcast_protocol::{
    message::{Quality, Seq, Update},
    topic::Topic,
    value::Value,
};

/// The topic.
pub(super) fn topic() -> Topic {
    Topic::new("t").unwrap()
}

/// The `seq`-th update of the topic; others lie between on the tape.
pub(super) fn update(seq: Seq) -> Update<Topic> {
    Update {
        topic: topic(),
        position: seq * 10,
        seq,
        source_time_ns: None,
        ingest_time_ns: seq as i64 * 1_000,
        quality: Quality::Live,
        value: Value::Reading(seq as f64),
    }
}

/// Updates that follow each other in the topic.
pub(super) fn page(seqs: RangeInclusive<Seq>) -> Vec<Update<Topic>> {
    seqs.map(update).collect()
}
