//! Any message survives both encodings, and no bytes make a decoder panic.
//!
//! No bytes make a decoder allocate without bounds either: bincode checks the codec's limit before
//! it reserves memory. A test of declared lengths shows it here by its result and its duration.
//! JSON declares no lengths.

use proptest::{collection::vec, prelude::*};
use tickcast_protocol::{
    codec::{self, CLIENT_MESSAGE_MAX_BYTES, CodecError, Encoding, SERVER_MESSAGE_MAX_BYTES},
    decimal::{Decimal, SCALE_MAX},
    message::{ClientMessage, Mode, Quality, ServerMessage, Subscribe, TopicId, Update},
    topic::Filter,
    value::{Trade, Value},
};

use crate::{
    random_messages::{client_message, decimal, server_message, topic, update},
    second_implementation,
};

/// A way to damage bytes.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Truncate(prop::sample::Index),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let index = any::<prop::sample::Index>;
    // Bytes with a meaning: tags of long integers, quotes and brackets.
    let byte = || {
        prop_oneof![
            any::<u8>(),
            250..=255u8,
            proptest::sample::select(b"\"{}[]:,0e-\\".as_slice())
        ]
    };
    let mutation = prop_oneof![
        (index(), byte()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (index(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        index().prop_map(Mutation::Remove),
        index().prop_map(Mutation::Truncate),
    ];
    vec(mutation, 1..4)
}

fn mutate(bytes: &mut Vec<u8>, mutations: &[Mutation]) {
    for mutation in mutations {
        let len = bytes.len();
        match mutation {
            Mutation::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
            _ if len == 0 => {}
            Mutation::Replace(at, byte) => bytes[at.index(len)] = *byte,
            Mutation::Remove(at) => drop(bytes.remove(at.index(len))),
            Mutation::Truncate(at) => bytes.truncate(at.index(len)),
        }
    }
}

/// Decodes with every decoder. An accepted message must survive another round trip.
fn decode_everything(bytes: &[u8]) {
    for encoding in [Encoding::Bincode, Encoding::Json] {
        if let Ok(message) = codec::decode_client(bytes, encoding) {
            let again = codec::decode_client(&codec::encode_client(&message, encoding), encoding);
            assert_eq!(
                format!("{again:?}"),
                format!("{:?}", Ok::<_, CodecError>(message))
            );
        }
    }
    if let Ok(message) = codec::decode_server_bincode(bytes) {
        let again = codec::decode_server_bincode(&codec::encode_server_bincode(&message));
        assert_eq!(
            format!("{again:?}"),
            format!("{:?}", Ok::<_, CodecError>(message))
        );
    }
    if let Ok(message) = codec::decode_server_json(bytes) {
        let again = codec::decode_server_json(&codec::encode_server_json(&message));
        assert_eq!(
            format!("{again:?}"),
            format!("{:?}", Ok::<_, CodecError>(message))
        );
    }
    let _ = codec::decode_update_bincode(bytes);
}

/// Compares the debug output: decimals compare by value, and NaN does not equal itself.
#[track_caller]
fn assert_same<M: std::fmt::Debug>(decoded: Result<M, CodecError>, message: &M) {
    assert_eq!(format!("{:?}", decoded.unwrap()), format!("{message:?}"));
}

proptest! {
    #[test]
    fn every_client_message_survives_both_encodings(message in client_message()) {
        for encoding in [Encoding::Bincode, Encoding::Json] {
            let bytes = codec::encode_client(&message, encoding);
            assert_same(codec::decode_client(&bytes, encoding), &message);
        }
    }

    #[test]
    fn every_server_message_survives_bincode(message in server_message(any::<TopicId>())) {
        let bytes = codec::encode_server_bincode(&message);
        assert_same(codec::decode_server_bincode(&bytes), &message);
    }

    #[test]
    fn every_server_message_survives_json(message in server_message(topic())) {
        let bytes = codec::encode_server_json(&message);
        assert_same(codec::decode_server_json(&bytes), &message);
    }

    #[test]
    fn a_second_implementation_agrees_on_every_message(
        request in client_message(),
        message in server_message(any::<TopicId>()),
    ) {
        second_implementation::check_client(&request);
        second_implementation::check_server(&message);
    }

    #[test]
    fn one_update_survives_bincode(update in update(any::<TopicId>())) {
        let mut bytes = vec![];
        codec::append_update_bincode(&update, &mut bytes);
        assert_same(codec::decode_update_bincode(&bytes), &update);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        decode_everything(&bytes);
    }

    #[test]
    fn damaged_requests_never_panic(message in client_message(), mutations in mutations()) {
        for encoding in [Encoding::Bincode, Encoding::Json] {
            let mut bytes = codec::encode_client(&message, encoding);
            mutate(&mut bytes, &mutations);
            decode_everything(&bytes);
        }
    }

    #[test]
    fn damaged_messages_of_a_server_never_panic(
        numbered in server_message(any::<TopicId>()),
        named in server_message(topic()),
        mutations in mutations(),
    ) {
        for mut bytes in [
            codec::encode_server_bincode(&numbered),
            codec::encode_server_json(&named),
        ] {
            mutate(&mut bytes, &mutations);
            decode_everything(&bytes);
        }
    }

    #[test]
    fn a_topic_name_is_matched_by_itself_by_its_parents_and_by_a_plus_at_each_level(
        name in "[a-z]{0,3}(/[a-z]{0,3}){0,4}",
    ) {
        prop_assume!(!name.is_empty());
        let matches = |filter: &str| Filter::new(filter).unwrap().matches(&name);
        assert!(matches(&name));
        assert!(matches("#"));
        let levels: Vec<&str> = name.split('/').collect();
        for i in 0..levels.len() {
            let mut with_plus = levels.clone();
            with_plus[i] = "+";
            assert!(matches(&with_plus.join("/")));
            let parent = [&levels[..=i], &["#"]].concat().join("/");
            assert!(matches(&parent));
            let too_long = [&levels[..], &["+"]].concat().join("/");
            assert!(!matches(&too_long));
        }
    }

    #[test]
    fn decimals_survive_their_text(decimal in decimal()) {
        let text = decimal.to_string();
        let parsed: Decimal = text.parse().unwrap();
        assert_eq!(parsed.mantissa(), decimal.mantissa(), "{text}");
        assert_eq!(parsed.scale(), decimal.scale(), "{text}");
    }
}

/// The longest `subscribe` with empty filters, and the longest batch of the shortest updates.
#[test]
fn the_longest_messages_of_the_smallest_parts_are_decoded() {
    let subscribe = |filters| {
        ClientMessage::Subscribe(Subscribe {
            id: 1,
            filters: vec!["".into(); filters],
            mode: Mode::Every,
            max_rate_hz: None,
        })
    };
    let message = subscribe((CLIENT_MESSAGE_MAX_BYTES - 16) / 2);
    let bytes = codec::encode_client(&message, Encoding::Bincode);
    assert!(bytes.len() > CLIENT_MESSAGE_MAX_BYTES - 16);
    assert!(codec::decode_client(&bytes, Encoding::Bincode) == Ok(message));

    let update = Update {
        topic: 0,
        position: 0,
        seq: 0,
        source_time_ns: None,
        ingest_time_ns: 0,
        quality: Quality::Live,
        value: Value::Text(String::new()),
    };
    let mut one = vec![];
    codec::append_update_bincode(&update, &mut one);
    let count = (SERVER_MESSAGE_MAX_BYTES - 32) / one.len();
    let mut bytes = vec![];
    codec::append_batch(
        &codec::BatchHead {
            channel: 0,
            from: 0,
            to: 0,
            snapshot: false,
            topics: &[],
        },
        codec::EncodedUpdates {
            count,
            bytes: &one.repeat(count),
        },
        Encoding::Bincode,
        &mut bytes,
    );
    match codec::decode_server_bincode(&bytes) {
        Ok(ServerMessage::Batch(batch)) => assert_eq!(batch.updates.len(), count),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_one_byte_too_long_is_reported_as_too_long() {
    let too_long = |limit| {
        Err(CodecError::TooLong {
            actual: limit + 1,
            limit,
        })
    };
    let bytes = vec![b' '; SERVER_MESSAGE_MAX_BYTES + 1];
    let request = &bytes[..CLIENT_MESSAGE_MAX_BYTES + 1];
    for encoding in [Encoding::Bincode, Encoding::Json] {
        let result = codec::decode_client(request, encoding).map(drop);
        assert_eq!(result, too_long(CLIENT_MESSAGE_MAX_BYTES));
    }
    let result = codec::decode_server_bincode(&bytes).map(drop);
    assert_eq!(result, too_long(SERVER_MESSAGE_MAX_BYTES));
    let result = codec::decode_server_json(&bytes).map(drop);
    assert_eq!(result, too_long(SERVER_MESSAGE_MAX_BYTES));
}

#[test]
fn a_declared_length_without_bytes_reserves_memory_in_proportion_to_the_input() {
    // A terabyte and more: no machine could reserve it.
    let lengths = [1u64 << 40, u64::MAX];
    for length in lengths {
        let mut length_bytes = vec![253];
        length_bytes.extend(length.to_le_bytes());
        let check = |head: &[u8]| {
            let bytes = [head, &length_bytes].concat();
            let client = codec::decode_client(&bytes, Encoding::Bincode);
            assert!(
                matches!(client, Err(CodecError::Malformed(_))),
                "{client:?}"
            );
            let server = codec::decode_server_bincode(&bytes);
            assert!(
                matches!(server, Err(CodecError::Malformed(_))),
                "{server:?}"
            );
        };
        // The length of filters or of the server's name; of channels or results; of updates or
        // topics.
        check(&[0, 1]);
        check(&[0]);
        check(&[1, 1]);
        check(&[2, 0]);
        check(&[2, 1, 1, 1, 0]);
    }
}

#[test]
fn a_server_is_strict_and_a_client_is_not() {
    let request = br#"{"type":"list","id":1,"colour":"red"}"#;
    let result = codec::decode_client(request, Encoding::Json);
    assert!(
        matches!(result, Err(CodecError::Malformed(_))),
        "{result:?}"
    );
    let answer = br#"{"type":"published","id":1,"position":2,"colour":"red"}"#;
    assert!(codec::decode_server_json(answer).is_ok());
}

#[test]
fn deeply_nested_json_is_refused_without_a_stack_overflow() {
    let deep = "[".repeat(CLIENT_MESSAGE_MAX_BYTES);
    for json in [
        deep.clone(),
        format!(r#"{{"type":"list","id":{}"#, &deep[..60_000]),
        format!(r#"{{"x":{}"#, &deep[..60_000]),
    ] {
        let result = codec::decode_client(json.as_bytes(), Encoding::Json);
        assert!(matches!(result, Err(CodecError::Malformed(_))));
    }
}

#[test]
fn a_decimal_with_an_impossible_scale_is_refused_in_bincode() {
    let update = Update {
        topic: 0,
        position: 1,
        seq: 1,
        source_time_ns: None,
        ingest_time_ns: 0,
        quality: Quality::Live,
        value: Value::Trade(Trade {
            price: Decimal::new(1, SCALE_MAX).unwrap(),
            size: Decimal::new(1, 0).unwrap(),
            side: None,
        }),
    };
    let mut bytes = vec![];
    codec::append_update_bincode(&update, &mut bytes);
    let scale_at = bytes.len() - 4;
    assert_eq!(bytes[scale_at], SCALE_MAX);
    bytes[scale_at] += 1;
    let error = codec::decode_update_bincode(&bytes)
        .unwrap_err()
        .to_string();
    assert!(error.contains("decimal of scale 19"), "{error}");
}
