//! Any message of the protocol, for properties.

use proptest::{collection::vec, option, prelude::*};
use tickcast_protocol::{
    decimal::{Decimal, SCALE_MAX},
    error::ErrorCode,
    message::{
        Accepted, Authenticate, Authenticated, Batch, BearerToken, Candle, CandleState, Candles,
        CandlesRequest, Change, Changed, ChannelPosition, ClientMessage, Draining, EndedEpoch,
        Epoch, ErrorMessage, Expiring, FilterRequest, Gap, Heartbeat, History, HistoryRequest,
        Interval, Limits, List, Mode, Publication, Publish, PublishOnce, Published, Quality,
        Refused, Resume, Row, ServerMessage, Start, Status, Statuses, Subscribe, SubscribeResult,
        Subscribed, SubscriptionInfo, Subscriptions, TimeAnswer, TimeRequest, TopicInfo,
        TopicStatus, Unsubscribe, Unsubscribed, Update, Welcome,
    },
    topic::Topic,
    value::{Quote, Side, Trade, Value},
};

/// Longest list in a message. All lengths then fit one byte.
const LIST_MAX: usize = 5;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", "[a-z/+#]{0,300}"]
}

pub(crate) fn topic() -> impl Strategy<Value = Topic> + Clone {
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

pub(crate) fn decimal() -> impl Strategy<Value = Decimal> {
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

pub(crate) fn client_message() -> impl Strategy<Value = ClientMessage> {
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

pub(crate) fn update<T: std::fmt::Debug>(
    topic: impl Strategy<Value = T>,
) -> impl Strategy<Value = Update<T>> {
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

pub(crate) fn server_message<T: std::fmt::Debug + 'static>(
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
