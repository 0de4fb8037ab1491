//! MQTT messages.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tickcast_core::{
    Now,
    sequencer::Sequencer,
    work::{NewUpdate, Submission},
};
use tickcast_protocol::{codec, message::TopicId, topic::Topic};
use tickcast_server::testing::decode::Decoder;

use super::{delivery::check_delivery, payload::NOW_NS};

/// MQTT messages from the broker to the tape. Zero bytes divide the messages; the first newline of
/// each divides topic and payload.
pub fn mqtt(bytes: &[u8]) {
    let mut decoder = Decoder::new(Arc::new([]));
    let mut sequencer = Sequencer::new(3);
    let mut decoded: Vec<NewUpdate> = Vec::new();
    for message in bytes.split(|byte| *byte == 0) {
        let end = message.iter().position(|byte| *byte == b'\n');
        let (topic, payload) = message.split_at(end.unwrap_or(message.len()));
        // rumqttc checks that a topic is UTF-8, and nothing else.
        let topic = String::from_utf8_lossy(topic);
        let payload = payload.get(1..).unwrap_or_default();
        let Ok(parts) = decoder.decode(&topic, payload, NOW_NS) else {
            continue;
        };
        decoded.extend(parts.updates.iter().cloned());
        let submission = Submission {
            updates: parts.updates,
            ..Submission::default()
        };
        let now = Now {
            uptime: Duration::ZERO,
            wall_ns: 5,
        };
        sequencer.push(submission, now);
    }
    let known = sequencer.position() + sequencer.refused();
    assert_eq!(
        known,
        decoded.len() as u64,
        "each update is on the tape or counted as refused"
    );
    let Some(strip) = sequencer.take_strip() else {
        return;
    };
    // A topic whose unit is known later is told twice.
    let told = strip.topics().iter();
    let names: BTreeMap<TopicId, &Topic> = told.map(|info| (info.id, &info.topic)).collect();
    let mut expected = decoded.iter();
    for update in strip.updates() {
        let read = codec::decode_update_bincode(update.bincode)
            .expect("the encoder writes what the decoder reads");
        let name = names[&update.topic];
        let same = expected
            .find(|new| new.topic == *name)
            .expect("updates keep their order");
        assert_eq!(read.source_time_ns, same.source_time_ns);
        check_delivery(&same.value, same.source_time_ns);
    }
}
