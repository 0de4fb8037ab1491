//! The scanners against the full decoder.

use proptest::prelude::*;
use tickcast_protocol::{
    codec,
    decimal::Decimal,
    message::{Batch, Heartbeat, Quality, ServerMessage, TopicId, TopicInfo, Update},
    topic::Topic,
    value::{Quote, Side, Trade, Value},
};

use super::*;
use crate::schedule::Stamp;

#[derive(Debug, Default, PartialEq)]
struct Found {
    head: Option<BatchHead>,
    topics: Vec<(TopicId, String)>,
    updates: Vec<(String, Facts)>,
}

impl BatchSink<TopicId> for Found {
    fn head(&mut self, head: BatchHead) {
        self.head = Some(head);
    }
    fn topic(&mut self, id: TopicId, name: &str) {
        self.topics.push((id, name.to_owned()));
    }
    fn update(&mut self, topic: TopicId, facts: &Facts) {
        self.updates.push((format!("t/{topic}"), *facts));
    }
}

impl BatchSink<&str> for Found {
    fn head(&mut self, head: BatchHead) {
        self.head = Some(head);
    }
    fn topic(&mut self, _: TopicId, _: &str) {}
    fn update(&mut self, topic: &str, facts: &Facts) {
        self.updates.push((topic.to_owned(), *facts));
    }
}

fn decimal() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0u8..=18).prop_map(|(m, s)| Decimal::new(m, s).unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    let stamped = (any::<(u32, u64, i64, i64)>(), 32usize..80).prop_map(|(parts, len)| {
        let (run, index, due_ns, sent_ns) = parts;
        let mut payload = vec![0; len];
        let stamp = Stamp {
            run,
            index,
            due_ns,
            sent_ns,
        };
        stamp.write(&mut payload);
        Value::Bytes(payload)
    });
    let side = proptest::option::of(prop_oneof![Just(Side::Buy), Just(Side::Sell)]);
    let trade = (decimal(), decimal(), side)
        .prop_map(|(price, size, side)| Value::Trade(Trade { price, size, side }));
    let size = || proptest::option::of(decimal());
    let quote = (size(), size(), size(), size()).prop_map(|(bid, ask, bid_size, ask_size)| {
        Value::Quote(Quote {
            bid,
            ask,
            bid_size,
            ask_size,
        })
    });
    prop_oneof![
        stamped,
        any::<f64>().prop_map(Value::Reading),
        trade,
        quote,
        ".*".prop_map(Value::Text),
        ".*".prop_map(Value::Absent),
        proptest::collection::vec(any::<u8>(), 0..80).prop_map(Value::Bytes),
    ]
}

fn update() -> impl Strategy<Value = Update<TopicId>> {
    let quality = prop_oneof![
        Just(Quality::Live),
        Just(Quality::Retained),
        Just(Quality::Stale),
        Just(Quality::Historical)
    ];
    (any::<(u32, u64, u64, Option<i64>, i64)>(), quality, value()).prop_map(
        |((topic, position, seq, source_time_ns, ingest_time_ns), quality, value)| Update {
            topic,
            position,
            seq,
            source_time_ns,
            ingest_time_ns,
            quality,
            value,
        },
    )
}

fn batch() -> impl Strategy<Value = Batch<TopicId>> {
    let topic = any::<(u32, Option<String>)>().prop_map(|(id, unit)| TopicInfo {
        unit,
        ..TopicInfo::new(id, Topic::new(&format!("t/{id}")).unwrap())
    });
    (
        any::<(u32, u64, u64, bool)>(),
        proptest::collection::vec(topic, 0..4),
        proptest::collection::vec(update(), 0..6),
    )
        .prop_map(|((channel, from, to, snapshot), topics, updates)| Batch {
            channel,
            from,
            to,
            snapshot,
            topics,
            updates,
        })
}

fn found_by_decoder(batch: &Batch<TopicId>) -> Found {
    let stamp = |value: &Value| match value {
        Value::Bytes(bytes) => Stamp::read(bytes),
        _ => None,
    };
    Found {
        head: Some(BatchHead {
            channel: batch.channel,
            from: batch.from,
            to: batch.to,
            snapshot: batch.snapshot,
        }),
        topics: batch
            .topics
            .iter()
            .map(|info| (info.id, info.topic.to_string()))
            .collect(),
        updates: batch
            .updates
            .iter()
            .map(|update| {
                let facts = Facts {
                    position: update.position,
                    seq: update.seq,
                    ingest_time_ns: update.ingest_time_ns,
                    stamp: stamp(&update.value),
                };
                (format!("t/{}", update.topic), facts)
            })
            .collect(),
    }
}

fn named(update: Update<TopicId>) -> Update<Topic> {
    Update {
        topic: Topic::new(&format!("t/{}", update.topic)).unwrap(),
        position: update.position,
        seq: update.seq,
        source_time_ns: update.source_time_ns,
        ingest_time_ns: update.ingest_time_ns,
        quality: update.quality,
        value: update.value,
    }
}

proptest! {
    #[test]
    fn the_binary_scanner_finds_what_the_decoder_finds(batch in batch()) {
        let expected = found_by_decoder(&batch);
        let bytes = codec::encode_server_bincode(&ServerMessage::Batch(batch));
        let mut found = Found::default();
        prop_assert_eq!(scan_bincode(&bytes, &mut found), Ok(()));
        prop_assert_eq!(found, expected);
        for len in 0..bytes.len() {
            let cut = scan_bincode(&bytes[..len], &mut Found::default());
            prop_assert!(cut.is_err(), "cut at {}", len);
        }
    }

    #[test]
    fn the_json_scanner_finds_what_the_decoder_finds(batch in batch()) {
        let mut expected = found_by_decoder(&batch);
        expected.topics.clear();
        let batch = Batch {
            channel: batch.channel,
            from: batch.from,
            to: batch.to,
            snapshot: batch.snapshot,
            topics: batch.topics,
            updates: batch.updates.into_iter().map(named).collect(),
        };
        let bytes = codec::encode_server_json(&ServerMessage::Batch(batch));
        let mut found = Found::default();
        prop_assert_eq!(scan_json(&bytes, &mut found), Ok(()));
        prop_assert_eq!(&found, &expected);
        let mut stamps = Vec::new();
        prop_assert_eq!(stamps_in_json(&bytes, |stamp| stamps.push(stamp)), Ok(()));
        prop_assert_eq!(is_json_snapshot(&bytes), Ok(expected.head.unwrap().snapshot));
        let expected = expected.updates.iter().filter_map(|(_, facts)| facts.stamp);
        prop_assert_eq!(stamps, expected.collect::<Vec<_>>());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut batch = vec![2];
        batch.extend(bytes);
        let _ = scan_bincode(&batch, &mut Found::default());
        let _ = scan_json(&batch, &mut Found::default());
    }
}

#[test]
fn other_messages_are_left_to_the_decoder() {
    let heartbeat = Heartbeat {
        server_time_ns: 1,
        position: 2,
        channels: vec![],
    };
    let bytes = codec::encode_server_bincode(&ServerMessage::Heartbeat(heartbeat.clone()));
    let found = scan_bincode(&bytes, &mut Found::default());
    assert_eq!(found, Err(ScanError::OtherMessage));
    let bytes = codec::encode_server_json(&ServerMessage::Heartbeat(heartbeat));
    let found = scan_json(&bytes, &mut Found::default());
    assert_eq!(found, Err(ScanError::OtherMessage));
}
