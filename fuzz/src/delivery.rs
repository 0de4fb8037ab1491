//! The last step of every feed: its values arrive at subscribers unchanged.

use tickcast_protocol::{
    codec::{self, Encoding},
    message::{Quality, ServerMessage, Update},
    topic::Topic,
    value::Value,
};

/// Checks that a subscriber gets the same value, in either encoding.
pub(super) fn check_delivery(value: &Value, source_time_ns: Option<i64>) {
    let update = Update {
        topic: 7,
        position: 1,
        seq: 1,
        source_time_ns,
        ingest_time_ns: 5,
        quality: Quality::Live,
        value: value.clone(),
    };
    let mut written = Vec::new();
    codec::append_update_bincode(&update, &mut written);
    let read =
        codec::decode_update_bincode(&written).expect("the encoder writes what the decoder reads");
    assert_eq!(read.source_time_ns, source_time_ns);
    let has_same_value = |other: &Value| match (value, other) {
        (Value::Reading(one), Value::Reading(other)) => {
            one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan()
        }
        (one, other) => one == other,
    };
    assert!(has_same_value(&read.value), "{value:?} is {:?}", read.value);

    let named = Update {
        topic: Topic::new("t").expect("a valid topic"),
        position: 1,
        seq: 1,
        source_time_ns,
        ingest_time_ns: 5,
        quality: Quality::Live,
        value: value.clone(),
    };
    let mut written =
        br#"{"type":"batch","channel":1,"from":0,"to":1,"snapshot":false,"updates":["#.to_vec();
    codec::append_update_json(&named, &mut written);
    written.extend_from_slice(codec::batch_tail(Encoding::Json));
    let read =
        codec::decode_server_json(&written).expect("the encoder writes what the decoder reads");
    let ServerMessage::Batch(batch) = read else {
        panic!("a batch was decoded as {read:?}");
    };
    assert_eq!(batch.updates[0].source_time_ns, source_time_ns);
    let read = &batch.updates[0].value;
    assert!(has_same_value(read), "{value:?} is {read:?}");
}
