use super::*;
use crate::{
    error::ErrorCode,
    message::{
        Accepted, Batch, Candle, CandleState, Candles, Epoch, History, Interval, List, Mode,
        Quality, Refused, Row, Start, SubscribeResult, Subscribed, TopicInfo,
    },
    value::{Side, Trade, Value},
};

fn update<T>(topic: T) -> Update<T> {
    Update {
        topic,
        position: 4709,
        seq: 88,
        source_time_ns: Some(1_610_064_000_278_000_000),
        ingest_time_ns: 1_795_222_000_000_000_001,
        quality: Quality::Live,
        value: Value::Trade(Trade {
            price: "39432.48".parse().unwrap(),
            size: "0.000263".parse().unwrap(),
            side: Some(Side::Sell),
        }),
    }
}

#[test]
fn a_spliced_batch_equals_one_that_is_encoded_whole() {
    let topic = Topic::new("market/BTC-USDT/trade").unwrap();
    for topics in [
        vec![],
        vec![TopicInfo {
            unit: Some("USDT".into()),
            ..TopicInfo::new(7, topic.clone())
        }],
    ] {
        let head = BatchHead {
            channel: 3,
            from: 300,
            to: 70_000,
            snapshot: false,
            topics: &topics,
        };
        let mut bytes = Vec::new();
        append_update_bincode(&update(7), &mut bytes);
        append_update_bincode(&update(300), &mut bytes);
        let mut spliced = Vec::new();
        let updates = EncodedUpdates {
            count: 2,
            bytes: &bytes,
        };
        append_batch(&head, updates, Encoding::Bincode, &mut spliced);
        let whole = Batch {
            channel: 3,
            from: 300,
            to: 70_000,
            snapshot: false,
            topics: topics.clone(),
            updates: vec![update(7), update(300)],
        };
        assert_eq!(spliced, encode_server_bincode(&ServerMessage::Batch(whole)));

        let mut bytes = Vec::new();
        append_update_json(&update(topic.clone()), &mut bytes);
        bytes.push(b',');
        append_update_json(&update(topic.clone()), &mut bytes);
        let mut spliced = Vec::new();
        let updates = EncodedUpdates {
            count: 2,
            bytes: &bytes,
        };
        append_batch(&head, updates, Encoding::Json, &mut spliced);
        let whole = Batch {
            channel: 3,
            from: 300,
            to: 70_000,
            snapshot: false,
            topics,
            updates: vec![update(topic.clone()), update(topic.clone())],
        };
        assert_eq!(
            String::from_utf8(spliced).unwrap(),
            String::from_utf8(encode_server_json(&ServerMessage::Batch(whole))).unwrap()
        );
    }
}

#[test]
fn a_spliced_history_equals_one_that_is_encoded_whole() {
    let topic = Topic::new("market/BTC-USDT/trade").unwrap();
    let info = TopicInfo::new(300, topic.clone());
    for (topics, count, more) in [(vec![], 0, false), (vec![info], 2, true)] {
        let head = HistoryHead {
            id: 70_000,
            topics: &topics,
            more,
        };
        let mut bytes = Vec::new();
        (0..count).for_each(|_| append_update_bincode(&update(300), &mut bytes));
        let updates = EncodedUpdates {
            count,
            bytes: &bytes,
        };
        let mut spliced = Vec::new();
        append_history(&head, updates, Encoding::Bincode, &mut spliced);
        let whole = History {
            id: 70_000,
            topics: topics.clone(),
            updates: vec![update(300); count],
            more,
        };
        assert_eq!(
            spliced,
            encode_server_bincode(&ServerMessage::History(whole))
        );

        let mut bytes = Vec::new();
        for i in 0..count {
            if i > 0 {
                bytes.push(b',');
            }
            append_update_json(&update(topic.clone()), &mut bytes);
        }
        let updates = EncodedUpdates {
            count,
            bytes: &bytes,
        };
        let mut spliced = Vec::new();
        append_history(&head, updates, Encoding::Json, &mut spliced);
        let whole = History {
            id: 70_000,
            topics: topics.clone(),
            updates: vec![update(topic.clone()); count],
            more,
        };
        assert_eq!(
            String::from_utf8(spliced).unwrap(),
            String::from_utf8(encode_server_json(&ServerMessage::History(whole))).unwrap()
        );
    }
}

#[test]
fn spliced_candles_and_rows_equal_those_that_are_encoded_whole() {
    let candle = Candle {
        start_ns: 1_610_064_000_000_000_000,
        state: CandleState::Open,
        open: "1.50".parse().unwrap(),
        high: "3.00".parse().unwrap(),
        low: "1.50".parse().unwrap(),
        close: "2.25".parse().unwrap(),
        volume: None,
        count: 70_000,
    };
    let row = Row {
        start_ns: -1,
        state: CandleState::Complete,
        first: 1.5,
        max: f64::INFINITY,
        min: 1e-12,
        last: 2.0,
        sum: 7.0,
        count: 2,
    };
    let info = TopicInfo::new(300, Topic::new("market/BTC-USDT/trade").unwrap());
    for (topics, candles, rows) in [
        (vec![], 0, 0),
        (vec![info.clone()], 1, 0),
        (vec![info.clone()], 2, 0),
        (vec![info], 0, 2),
    ] {
        let whole = Candles {
            id: 70_000,
            topics,
            interval: Interval::Hours4,
            position: 4_713,
            candles: vec![candle.clone(); candles],
            rows: vec![row.clone(); rows],
            more: candles == 2,
        };
        let head = CandlesHead {
            id: whole.id,
            topics: &whole.topics,
            interval: whole.interval,
            position: whole.position,
            more: whole.more,
        };
        for encoding in [Encoding::Bincode, Encoding::Json] {
            let mut bytes = Vec::new();
            for nth in 0..candles + rows {
                if nth > 0 && encoding == Encoding::Json {
                    bytes.push(b',');
                }
                match nth < candles {
                    true => append_candle(&candle, encoding, &mut bytes),
                    false => append_row(&row, encoding, &mut bytes),
                }
            }
            let intervals = EncodedIntervals {
                are_candles: candles > 0,
                count: candles + rows,
                bytes: &bytes,
            };
            let mut spliced = Vec::new();
            append_candles(&head, intervals, encoding, &mut spliced);
            let message = ServerMessage::Candles(whole.clone());
            assert_eq!(spliced, encode_server(&message, encoding));
        }
    }
}

#[test]
fn spliced_results_equal_encoded_ones() {
    let accepted = SubscribeResult::Accepted(Accepted {
        filter: "a/\"+".into(),
        channel: 300,
        mode: Mode::Latest,
        max_rate_hz: Some(2.5),
        epoch: Epoch(7),
        position: 70_000,
        count: 3,
        snapshot: Some(0),
        start: Start::Fresh,
        lost: None,
    });
    let refused = SubscribeResult::Refused(Refused {
        filter: "é".into(),
        code: ErrorCode::BadFilter,
        reason: "why".into(),
    });
    for results in [vec![], vec![accepted.clone()], vec![refused, accepted]] {
        let whole = ServerMessage::Subscribed(Subscribed {
            id: 70_000,
            results: results.clone(),
        });
        for encoding in [Encoding::Bincode, Encoding::Json] {
            let encoded: Vec<Vec<u8>> = results
                .iter()
                .map(|result| {
                    let mut bytes = Vec::new();
                    append_result(result, encoding, &mut bytes);
                    bytes
                })
                .collect();
            let mut spliced = Vec::new();
            let encoded = encoded.iter().map(Vec::as_slice);
            append_subscribed(70_000, encoded, encoding, &mut spliced);
            assert_eq!(spliced, encode_server(&whole, encoding));
        }
    }
}

#[test]
fn trailing_bytes_and_unknown_messages_are_refused() {
    let message = ClientMessage::List(List { id: 1 });
    let mut bytes = encode_client(&message, Encoding::Bincode);
    bytes.push(0);
    assert_eq!(
        decode_client(&bytes, Encoding::Bincode),
        Err(CodecError::TrailingBytes(1))
    );
    assert_eq!(
        decode_client(&[99], Encoding::Bincode),
        Err(CodecError::UnknownMessage("99".into()))
    );
    assert_eq!(
        decode_client(br#"{"type":"dance","id":1}"#, Encoding::Json),
        Err(CodecError::UnknownMessage("\"dance\"".into()))
    );
    assert!(matches!(
        decode_client(br#"{"type":"list"} x"#, Encoding::Json),
        Err(CodecError::Malformed(_))
    ));
}

#[test]
fn a_declared_length_without_bytes_allocates_nothing() {
    // Subscribe with 2^60 filters in 12 bytes.
    let mut bytes = vec![0, 1, 253];
    bytes.extend_from_slice(&(1u64 << 60).to_le_bytes());
    assert!(matches!(
        decode_client(&bytes, Encoding::Bincode),
        Err(CodecError::Malformed(_))
    ));
}

/// Compares a list of types with the variants that serde and bincode know.
fn check_types<T: ::bincode::Decode<()> + serde::de::DeserializeOwned + std::fmt::Debug>(
    types: &[&str],
) {
    let error = serde_json::from_str::<T>(r#"{"type":"?"}"#).unwrap_err();
    let expected: Vec<_> = types.iter().map(|name| format!("`{name}`")).collect();
    let expected = format!("expected one of {}", expected.join(", "));
    assert!(error.to_string().contains(&expected), "{error}");
    let one_more = u8::try_from(types.len()).unwrap();
    let error = bincode::decode::<T>(&[one_more]).unwrap_err();
    assert!(
        format!("{error:?}").contains("UnexpectedVariant"),
        "{error:?}"
    );
    let last = bincode::decode::<T>(&[one_more - 1]).unwrap_err();
    assert!(
        !format!("{last:?}").contains("UnexpectedVariant"),
        "{last:?}"
    );
}

#[test]
fn the_lists_of_types_equal_the_variants() {
    check_types::<ClientMessage>(ClientMessage::TYPES);
    check_types::<ServerMessage<Topic>>(ServerMessage::<Topic>::TYPES);
}

#[test]
fn a_message_is_unknown_by_its_type_and_not_by_its_content() {
    let decode = |json: &str| decode_client(json.as_bytes(), Encoding::Json);
    let unknown = |name: &str| Err(CodecError::UnknownMessage(format!("{name:?}")));
    assert_eq!(decode(r#"{"id":1,"type":"dance"}"#), unknown("dance"));
    assert_eq!(decode(r#"{"type":"\u0064ance"}"#), unknown("dance"));
    assert_eq!(
        decode(r#"{"x":{"type":"list"},"type":"dance"}"#),
        unknown("dance")
    );
    let list = ClientMessage::List(List { id: 1 });
    assert_eq!(decode(r#"{"id":1,"type":"l\u0069st"}"#), Ok(list));
    for malformed in [
        r#"{"type":"subscribe","filters":[],"mode":"subscribe"}"#,
        r#"{"type":"dance","id":"#,
        r#"{"type":"dance"} x"#,
        r#"{"type":1}"#,
        r#"{"id":1}"#,
        r#"["dance"]"#,
        "",
    ] {
        let result = decode(malformed);
        assert!(
            matches!(result, Err(CodecError::Malformed(_))),
            "{malformed}: {result:?}"
        );
    }
    // An unknown quality inside a batch. The tag of the batch is known.
    let mut batch = encode_server_bincode(&ServerMessage::Batch(Batch {
        channel: 1,
        from: 1,
        to: 2,
        snapshot: false,
        topics: vec![],
        updates: vec![update(7)],
    }));
    let at = batch.len() - 14;
    assert_eq!(batch[at..at + 2], [0, 1], "quality and value");
    batch[at] = 99;
    assert!(matches!(
        decode_server_bincode(&batch),
        Err(CodecError::Malformed(_))
    ));
}
