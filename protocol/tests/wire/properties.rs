//! Any message survives both encodings, and no bytes make a decoder panic.
//!
//! No bytes make a decoder allocate without bounds either: bincode checks the codec's limit before
//! it reserves memory. A test of declared lengths shows it here by its result and its duration.
//! JSON declares no lengths.

use proptest::{collection::vec, option, prelude::*};
use tickcast_protocol::{
    codec::{self, CLIENT_MESSAGE_MAX_BYTES, CodecError, Encoding, SERVER_MESSAGE_MAX_BYTES},
    decimal::{Decimal, SCALE_MAX},
    error::ErrorCode,
    message::{
        Accepted, Authenticate, Authenticated, Batch, BearerToken, Candle, CandleState, Candles,
        CandlesRequest, Change, Changed, ChannelPosition, ClientMessage, Draining, EndedEpoch,
        Epoch, ErrorMessage, Expiring, FilterRequest, Gap, Heartbeat, History, HistoryRequest,
        Interval, Limits, List, Mode, Publication, Publish, PublishOnce, Published, Quality,
        Refused, Resume, Row, ServerMessage, Start, Status, Statuses, Subscribe, SubscribeResult,
        Subscribed, SubscriptionInfo, Subscriptions, TimeAnswer, TimeRequest, TopicId, TopicInfo,
        TopicStatus, Unsubscribe, Unsubscribed, Update, Welcome,
    },
    topic::{Filter, Topic},
    value::{Quote, Side, Trade, Value},
};

use crate::second_implementation;

/// Longest list in a message. All lengths then fit one byte.
const LIST_MAX: usize = 5;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", "[a-z/+#]{0,300}"]
}

fn topic() -> impl Strategy<Value = Topic> + Clone {
    "[^\\p{Cc}+#]{1,40}".prop_map(|name| Topic::new(&name).unwrap())
}

fn epoch() -> impl Strategy<Value = Epoch> {
    any::<u64>().prop_map(Epoch)
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Every), Just(Mode::Latest)]
}

/// JSON has only finite numbers.
fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |number| number.is_finite())
}

fn rate() -> impl Strategy<Value = Option<f64>> {
    option::of(finite())
}

fn decimal() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0..=SCALE_MAX)
        .prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale).unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let trade = (decimal(), decimal(), option::of(side));
    let quote = (
        option::of(decimal()),
        option::of(decimal()),
        option::of(decimal()),
        option::of(decimal()),
    );
    prop_oneof![
        any::<f64>().prop_map(Value::Reading),
        trade.prop_map(|(price, size, side)| Value::Trade(Trade { price, size, side })),
        quote.prop_map(|(bid, ask, bid_size, ask_size)| Value::Quote(Quote {
            bid,
            ask,
            bid_size,
            ask_size
        })),
        text().prop_map(Value::Text),
        vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        text().prop_map(Value::Absent),
    ]
}

fn filter_request() -> impl Strategy<Value = FilterRequest> {
    let resume = (
        epoch(),
        any::<u64>(),
        option::of(any::<u64>()),
        option::of(any::<u64>()),
    )
        .prop_map(|(epoch, position, count, snapshot)| Resume {
            epoch,
            position,
            count,
            snapshot,
        });
    (text(), option::of(resume)).prop_map(|(filter, resume)| FilterRequest { filter, resume })
}

fn publication() -> impl Strategy<Value = Publication> {
    (text(), value(), option::of(any::<i64>())).prop_map(|(topic, value, source_time_ns)| {
        Publication {
            topic,
            value,
            source_time_ns,
        }
    })
}

fn interval() -> impl Strategy<Value = Interval> {
    proptest::sample::select(Interval::ALL.as_slice())
}

fn client_message() -> impl Strategy<Value = ClientMessage> {
    let filters = vec(filter_request(), 0..LIST_MAX);
    let channels = vec(any::<u32>(), 0..LIST_MAX);
    let updates = || vec(publication(), 0..LIST_MAX);
    let publish_once = (any::<u32>(), any::<u64>(), any::<u64>(), updates());
    prop_oneof![
        publish_once.prop_map(|(id, publisher, number, updates)| {
            ClientMessage::PublishOnce(PublishOnce {
                id,
                publisher,
                number,
                updates,
            })
        }),
        (any::<u32>(), filters, mode(), rate()).prop_map(|(id, filters, mode, max_rate_hz)| {
            ClientMessage::Subscribe(Subscribe {
                id,
                filters,
                mode,
                max_rate_hz,
            })
        }),
        (any::<u32>(), channels)
            .prop_map(|(id, channels)| ClientMessage::Unsubscribe(Unsubscribe { id, channels })),
        (option::of(any::<u32>()), updates())
            .prop_map(|(id, updates)| ClientMessage::Publish(Publish { id, updates })),
        (any::<u32>(), any::<i64>()).prop_map(|(id, client_time_ns)| {
            ClientMessage::Time(TimeRequest { id, client_time_ns })
        }),
        any::<u32>().prop_map(|id| ClientMessage::List(List { id })),
        (any::<u32>(), text()).prop_map(|(id, token)| {
            let token = BearerToken::new(token);
            ClientMessage::Authenticate(Authenticate { id, token })
        }),
        (any::<u32>(), any::<u32>(), mode(), rate()).prop_map(
            |(id, channel, mode, max_rate_hz)| ClientMessage::Change(Change {
                id,
                channel,
                mode,
                max_rate_hz,
            })
        ),
        (
            any::<u32>(),
            text(),
            option::of(any::<u32>()),
            option::of(any::<u64>())
        )
            .prop_map(|(id, topic, limit, before)| ClientMessage::History(
                HistoryRequest {
                    id,
                    topic,
                    limit,
                    before,
                }
            )),
        (
            any::<u32>(),
            text(),
            interval(),
            option::of(any::<u32>()),
            any::<[Option<i64>; 2]>()
        )
            .prop_map(|(id, topic, interval, limit, [from_ns, before_ns])| {
                ClientMessage::Candles(CandlesRequest {
                    id,
                    topic,
                    interval,
                    limit,
                    from_ns,
                    before_ns,
                })
            }),
    ]
}

fn welcome() -> impl Strategy<Value = Welcome> {
    let limits = (any::<[u32; 10]>(), any::<u64>(), finite(), finite());
    let limits = limits.prop_map(|(limits, tape_bytes, rate_min_hz, rate_max_hz)| Limits {
        message_bytes: limits[0],
        topic_bytes: limits[1],
        subscriptions: limits[2],
        requests_per_s: limits[3],
        request_burst: limits[4],
        write_timeout_ms: limits[5],
        tape_bytes,
        rate_min_hz,
        rate_max_hz,
        publish_updates_per_s: limits[6],
        publish_bytes_per_s: limits[7],
        new_topics_per_s: limits[8],
        new_topics_burst: limits[9],
    });
    (
        text(),
        epoch(),
        any::<u64>(),
        any::<i64>(),
        any::<u32>(),
        limits,
        vec(ended_epoch(), 0..3),
    )
        .prop_map(
            |(server, epoch, position, server_time_ns, heartbeat_ms, limits, continues)| Welcome {
                server,
                epoch,
                position,
                server_time_ns,
                heartbeat_ms,
                limits,
                continues,
            },
        )
}

fn ended_epoch() -> impl Strategy<Value = EndedEpoch> {
    (epoch(), any::<u64>()).prop_map(|(epoch, last)| EndedEpoch { epoch, last })
}

fn error_code() -> impl Strategy<Value = ErrorCode> {
    proptest::sample::select(ErrorCode::ALL)
}

fn subscribe_result() -> impl Strategy<Value = SubscribeResult> {
    let start = prop_oneof![
        Just(Start::Fresh),
        Just(Start::Resumed),
        Just(Start::EpochChanged),
        Just(Start::PositionAhead),
        Just(Start::Existing),
        Just(Start::Truncated),
    ];
    let place = (
        epoch(),
        any::<u64>(),
        any::<u64>(),
        option::of(any::<u64>()),
        option::of(any::<u64>()),
    );
    let accepted = (text(), any::<u32>(), mode(), rate(), place, start).prop_map(
        |(filter, channel, mode, max_rate_hz, place, start)| {
            let (epoch, position, count, snapshot, lost) = place;
            SubscribeResult::Accepted(Accepted {
                filter,
                channel,
                mode,
                max_rate_hz,
                epoch,
                position,
                count,
                snapshot,
                start,
                lost,
            })
        },
    );
    let refused = (text(), error_code(), text()).prop_map(|(filter, code, reason)| {
        SubscribeResult::Refused(Refused {
            filter,
            code,
            reason,
        })
    });
    prop_oneof![accepted, refused]
}

fn update<T: std::fmt::Debug>(topic: impl Strategy<Value = T>) -> impl Strategy<Value = Update<T>> {
    let quality = prop_oneof![
        Just(Quality::Live),
        Just(Quality::Retained),
        Just(Quality::Stale),
        Just(Quality::Historical)
    ];
    let times = (option::of(any::<i64>()), any::<i64>());
    (topic, any::<u64>(), any::<u64>(), times, quality, value()).prop_map(
        |(topic, position, seq, (source_time_ns, ingest_time_ns), quality, value)| Update {
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

fn topic_info() -> impl Strategy<Value = TopicInfo> {
    (
        any::<u32>(),
        topic(),
        [option::of(text()), option::of(text()), option::of(text())],
    )
        .prop_map(|(id, topic, [unit, name, state_class])| TopicInfo {
            id,
            topic,
            unit,
            name,
            state_class,
        })
}

fn batch<T: std::fmt::Debug>(topic: impl Strategy<Value = T>) -> impl Strategy<Value = Batch<T>> {
    (
        any::<u32>(),
        any::<[u64; 2]>(),
        any::<bool>(),
        vec(topic_info(), 0..LIST_MAX),
        vec(update(topic), 0..LIST_MAX),
    )
        .prop_map(|(channel, [from, to], snapshot, topics, updates)| Batch {
            channel,
            from,
            to,
            snapshot,
            topics,
            updates,
        })
}

fn statuses<T: std::fmt::Debug>(
    topic: impl Strategy<Value = T>,
) -> impl Strategy<Value = Statuses<T>> {
    let status = prop_oneof![Just(Status::Live), Just(Status::Stale), Just(Status::Dead)];
    let status = (topic, status, any::<i64>()).prop_map(|(topic, status, since_ns)| TopicStatus {
        topic,
        status,
        since_ns,
    });
    let topics = vec(topic_info(), 0..LIST_MAX);
    (any::<u32>(), topics, vec(status, 0..LIST_MAX)).prop_map(|(channel, topics, statuses)| {
        Statuses {
            channel,
            topics,
            statuses,
        }
    })
}

fn history<T: std::fmt::Debug>(
    topic: impl Strategy<Value = T>,
) -> impl Strategy<Value = History<T>> {
    let topics = vec(topic_info(), 0..LIST_MAX);
    let updates = vec(update(topic), 0..LIST_MAX);
    (any::<u32>(), topics, updates, any::<bool>()).prop_map(|(id, topics, updates, more)| History {
        id,
        topics,
        updates,
        more,
    })
}

fn candles() -> impl Strategy<Value = Candles> {
    let state = || {
        proptest::sample::select(vec![
            CandleState::Complete,
            CandleState::Open,
            CandleState::Incomplete,
        ])
    };
    let prices = (decimal(), decimal(), decimal(), decimal());
    let candle = (
        any::<i64>(),
        state(),
        prices,
        option::of(decimal()),
        any::<u64>(),
    );
    let candle = candle.prop_map(
        |(start_ns, state, (open, high, low, close), volume, count)| Candle {
            start_ns,
            state,
            open,
            high,
            low,
            close,
            volume,
            count,
        },
    );
    let row = (any::<i64>(), state(), any::<[f64; 5]>(), any::<u64>());
    let row = row.prop_map(
        |(start_ns, state, [first, max, min, last, sum], count)| Row {
            start_ns,
            state,
            first,
            max,
            min,
            last,
            sum,
            count,
        },
    );
    (
        (any::<u32>(), interval(), any::<u64>(), any::<bool>()),
        vec(topic_info(), 0..LIST_MAX),
        vec(candle, 0..LIST_MAX),
        vec(row, 0..LIST_MAX),
    )
        .prop_map(
            |((id, interval, position, more), topics, candles, rows)| Candles {
                id,
                topics,
                interval,
                position,
                candles,
                rows,
                more,
            },
        )
}

fn state_message<T: std::fmt::Debug>() -> impl Strategy<Value = ServerMessage<T>> {
    let positions = vec(any::<(u32, u64)>(), 0..LIST_MAX).prop_map(|channels| {
        channels
            .into_iter()
            .map(|(channel, position)| ChannelPosition { channel, position })
            .collect()
    });
    let info = (
        any::<u32>(),
        text(),
        mode(),
        rate(),
        any::<u64>(),
        any::<u32>(),
    )
        .prop_map(
            |(channel, filter, mode, max_rate_hz, position, topics)| SubscriptionInfo {
                channel,
                filter,
                mode,
                max_rate_hz,
                position,
                topics,
            },
        );
    prop_oneof![
        (any::<u32>(), any::<[u64; 3]>(), option::of(any::<u64>())).prop_map(
            |(channel, [from, to, snapshot], lost)| ServerMessage::Gap(Gap {
                channel,
                from,
                to,
                lost,
                snapshot,
            })
        ),
        (any::<i64>(), any::<u64>(), positions).prop_map(|(server_time_ns, position, channels)| {
            ServerMessage::Heartbeat(Heartbeat {
                server_time_ns,
                position,
                channels,
            })
        }),
        (any::<u32>(), vec(info, 0..LIST_MAX)).prop_map(|(id, subscriptions)| {
            ServerMessage::Subscriptions(Subscriptions { id, subscriptions })
        }),
        any::<u32>().prop_map(|reconnect_within_ms| ServerMessage::Draining(Draining {
            reconnect_within_ms
        })),
    ]
}

fn answer<T: std::fmt::Debug>() -> impl Strategy<Value = ServerMessage<T>> {
    let error = (
        option::of(any::<u32>()),
        error_code(),
        text(),
        any::<bool>(),
        option::of(any::<u32>()),
    );
    prop_oneof![
        (any::<u32>(), vec(subscribe_result(), 0..LIST_MAX))
            .prop_map(|(id, results)| ServerMessage::Subscribed(Subscribed { id, results })),
        (
            option::of(any::<u32>()),
            vec(any::<u32>(), 0..LIST_MAX),
            option::of(any::<u64>()),
            option::of(text())
        )
            .prop_map(
                |(id, channels, position, reason)| ServerMessage::Unsubscribed(Unsubscribed {
                    id,
                    channels,
                    position,
                    reason,
                })
            ),
        (any::<u32>(), any::<u64>())
            .prop_map(|(id, position)| ServerMessage::Published(Published { id, position })),
        (any::<u32>(), any::<[i64; 3]>()).prop_map(|(id, [client, receive, send])| {
            ServerMessage::Time(TimeAnswer {
                id,
                client_time_ns: client,
                receive_time_ns: receive,
                send_time_ns: send,
            })
        }),
        error.prop_map(|(id, code, reason, temporary, retry_after_ms)| {
            ServerMessage::Error(ErrorMessage {
                id,
                code,
                reason,
                temporary,
                retry_after_ms,
            })
        }),
        (any::<[u32; 3]>(), mode(), rate(), any::<[u64; 2]>()).prop_map(
            |([id, previous, channel], mode, max_rate_hz, [position, count])| {
                ServerMessage::Changed(Changed {
                    id,
                    previous,
                    channel,
                    mode,
                    max_rate_hz,
                    position,
                    count,
                })
            }
        ),
    ]
}

fn authenticated() -> impl Strategy<Value = Authenticated> {
    let filters = || vec(text(), 0..LIST_MAX);
    let ends = (option::of(any::<u32>()), option::of(any::<i64>()), rate());
    (ends, text(), text(), filters(), filters(), filters()).prop_map(
        |((id, expires_ns, max_rate_hz), subject, role, subscribe, history, publish)| {
            Authenticated {
                id,
                subject,
                role,
                expires_ns,
                subscribe,
                history,
                publish,
                max_rate_hz,
            }
        },
    )
}

fn server_message<T: std::fmt::Debug + 'static>(
    topic: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = ServerMessage<T>> {
    prop_oneof![
        welcome().prop_map(ServerMessage::Welcome),
        batch(topic.clone()).prop_map(ServerMessage::Batch),
        statuses(topic.clone()).prop_map(ServerMessage::Status),
        history(topic).prop_map(ServerMessage::History),
        candles().prop_map(ServerMessage::Candles),
        state_message(),
        answer(),
        authenticated().prop_map(ServerMessage::Authenticated),
        any::<i64>().prop_map(|expires_ns| ServerMessage::Expiring(Expiring { expires_ns })),
    ]
}

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
