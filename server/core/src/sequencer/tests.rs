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
    id: Some(1),
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
        result: Err(Unpublished::TooManyTopics),
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

#[test]
fn a_client_that_introduces_topics_too_fast_is_refused_with_or_without_an_id() {
    let limits = NewTopicLimits { per_s: 1, burst: 2 };
    let mut sequencer = Sequencer::new(10).with_new_topics(limits);
    // A topic that occurs twice is one.
    sequencer.push(submission(&["a", "b", "a"], Some(ACK)), at(0));
    sequencer.push(submission(&["c", "a"], Some(ACK)), at(0));
    sequencer.push(submission(&["a", "b"], Some(ACK)), at(0));
    let silent = Ack { id: None, ..ACK };
    sequencer.push(submission(&["d"], Some(silent)), at(0));
    sequencer.push(submission(&["b"], Some(silent)), at(0));
    let other = Ack {
        connection: 8,
        ..ACK
    };
    sequencer.push(submission(&["e"], Some(other)), at(0));
    // A feed has no such limit.
    sequencer.push(submission(&["f", "g", "h"], None), at(0));
    let refused = Err(Unpublished::TooManyNewTopics {
        retry_after_ms: 1000,
    });
    let strip = sequencer.take_strip().unwrap();
    let results = [
        (ACK, Ok(3)),
        (ACK, refused),
        (ACK, Ok(5)),
        (silent, refused),
        (other, Ok(7)),
    ];
    assert_eq!(
        strip.acks(),
        results.map(|(ack, result)| AckResult { ack, result })
    );
    assert_eq!(sequencer.refused_new_topics(), 3);
    assert_eq!(sequencer.refused(), 0);
    assert_eq!(sequencer.position(), 10);
    assert_eq!(sequencer.topics(), 6);
}

#[test]
fn a_publish_without_an_id_is_refused_as_a_whole_and_answered() {
    let mut sequencer = Sequencer::new(1);
    let silent = Ack { id: None, ..ACK };
    sequencer.push(submission(&["a", "b"], Some(silent)), at(0));
    assert_eq!((sequencer.position(), sequencer.refused()), (0, 2));
    let refused = AckResult {
        ack: silent,
        result: Err(Unpublished::TooManyTopics),
    };
    assert_eq!(sequencer.take_strip().unwrap().acks(), [refused]);
}
