//! What servers send.

use tickcast_protocol::{
    error::ErrorCode,
    message::{
        Accepted, Authenticated, Batch, Candle, CandleState, Candles, Changed, ChannelPosition,
        Draining, EndedEpoch, Epoch, ErrorMessage, Expiring, Gap, Heartbeat, History, Interval,
        Limits, Mode, Published, Quality, Refused, Row, ServerMessage, Start, Status, Statuses,
        SubscribeResult, Subscribed, SubscriptionInfo, Subscriptions, TimeAnswer, TopicInfo,
        TopicStatus, Unsubscribed, Update, Welcome,
    },
    topic::Topic,
    value::Value,
};

use super::{
    BTC, BTC_ID, EPOCH, KITCHEN, KITCHEN_ID, Name, SERVER_TIME_NS, SOURCE_TIME_NS, decimal, values,
};

fn update<T: Name>(value: Value) -> Update<T> {
    Update {
        topic: T::name(BTC_ID, BTC),
        position: 70_001,
        seq: 88,
        source_time_ns: Some(SOURCE_TIME_NS),
        ingest_time_ns: SERVER_TIME_NS,
        quality: Quality::Live,
        value,
    }
}

fn accepted(start: Start) -> Accepted {
    Accepted {
        filter: "market/#".into(),
        channel: 3,
        mode: Mode::Every,
        max_rate_hz: None,
        epoch: EPOCH,
        position: 70_000,
        count: 4_711,
        snapshot: None,
        start,
        lost: None,
    }
}

pub(crate) fn server_messages<T: Name>() -> Vec<(String, ServerMessage<T>)> {
    let mut messages = vec![];
    let mut add = |name: &str, message| messages.push((format!("server-{name}"), message));
    add("welcome", ServerMessage::Welcome(welcome()));
    let continuing = welcome_after_power_cuts();
    add("welcome-continuing", ServerMessage::Welcome(continuing));
    add("subscribed", ServerMessage::Subscribed(subscribed()));
    for (kind, value) in values() {
        let batch = Batch {
            channel: 3,
            from: 70_000,
            to: 70_001,
            snapshot: false,
            topics: vec![],
            updates: vec![update(value)],
        };
        add(&format!("batch-{kind}"), ServerMessage::Batch(batch));
    }
    add("batch-snapshot", ServerMessage::Batch(snapshot()));
    let gap = |lost| Gap {
        channel: 3,
        from: 70_000,
        to: 900_000,
        lost,
        snapshot: 70_000,
    };
    add("gap", ServerMessage::Gap(gap(Some(1_204))));
    add("gap-uncounted", ServerMessage::Gap(gap(None)));
    add("heartbeat", ServerMessage::Heartbeat(heartbeat()));
    add(
        "unsubscribed",
        ServerMessage::Unsubscribed(Unsubscribed {
            id: Some(3),
            channels: vec![3],
            position: None,
            reason: None,
        }),
    );
    add(
        "unsubscribed-forbidden",
        ServerMessage::Unsubscribed(Unsubscribed {
            id: None,
            channels: vec![3],
            position: Some(70_001),
            reason: Some("not allowed any more".into()),
        }),
    );
    add(
        "authenticated",
        ServerMessage::Authenticated(authenticated()),
    );
    add(
        "authenticated-anonymous",
        ServerMessage::Authenticated(Authenticated {
            id: None,
            subject: String::new(),
            role: "guest".into(),
            expires_ns: None,
            subscribe: vec!["market/#".into()],
            history: vec![],
            publish: vec![],
            max_rate_hz: Some(0.5),
        }),
    );
    add(
        "expiring",
        ServerMessage::Expiring(Expiring {
            expires_ns: SERVER_TIME_NS,
        }),
    );
    add(
        "published",
        ServerMessage::Published(Published {
            id: 4,
            position: 70_002,
        }),
    );
    add(
        "time",
        ServerMessage::Time(TimeAnswer {
            id: 5,
            client_time_ns: SOURCE_TIME_NS,
            receive_time_ns: SERVER_TIME_NS,
            send_time_ns: SERVER_TIME_NS + 1_500,
        }),
    );
    add("error", ServerMessage::Error(error()));
    add(
        "draining",
        ServerMessage::Draining(Draining {
            reconnect_within_ms: 5_000,
        }),
    );
    add(
        "subscriptions",
        ServerMessage::Subscriptions(subscriptions()),
    );
    add(
        "changed",
        ServerMessage::Changed(Changed {
            id: 7,
            previous: 3,
            channel: 4,
            mode: Mode::Latest,
            max_rate_hz: Some(0.5),
            position: 70_001,
            count: 4_712,
        }),
    );
    add("status", ServerMessage::Status(statuses()));
    add(
        "status-known-topic",
        ServerMessage::Status(Statuses {
            channel: 3,
            topics: vec![],
            statuses: vec![TopicStatus {
                topic: T::name(BTC_ID, BTC),
                status: Status::Live,
                since_ns: SERVER_TIME_NS,
            }],
        }),
    );
    add("history", ServerMessage::History(history()));
    add("candles", ServerMessage::Candles(candles()));
    add("candles-rows", ServerMessage::Candles(rows()));
    add(
        "history-empty",
        ServerMessage::History(History {
            id: 9,
            topics: vec![],
            updates: vec![],
            more: false,
        }),
    );
    messages
}

fn authenticated() -> Authenticated {
    Authenticated {
        id: Some(10),
        subject: "alice".into(),
        role: "trader".into(),
        expires_ns: Some(SERVER_TIME_NS),
        subscribe: vec!["market/#".into(), "desk/alice/+".into()],
        history: vec!["market/#".into()],
        publish: vec!["desk/alice/+".into()],
        max_rate_hz: None,
    }
}

fn statuses<T: Name>() -> Statuses<T> {
    let all = [
        (KITCHEN_ID, KITCHEN, Status::Stale),
        (BTC_ID, BTC, Status::Dead),
    ];
    Statuses {
        channel: 3,
        topics: all
            .iter()
            .map(|(id, name, _)| TopicInfo::new(*id, Topic::new(name).unwrap()))
            .collect(),
        statuses: all
            .iter()
            .map(|(id, name, status)| TopicStatus {
                topic: T::name(*id, name),
                status: *status,
                since_ns: SERVER_TIME_NS,
            })
            .collect(),
    }
}

fn candles() -> Candles {
    let candle = |start_ns, state, prices: [&str; 4], volume: Option<&str>, count| {
        let [open, high, low, close] = prices.map(decimal);
        Candle {
            start_ns,
            state,
            open,
            high,
            low,
            close,
            volume: volume.map(decimal),
            count,
        }
    };
    Candles {
        id: 10,
        topics: vec![TopicInfo::new(BTC_ID, Topic::new(BTC).unwrap())],
        interval: Interval::Minute,
        position: 70_001,
        candles: vec![
            candle(
                1_610_063_940_000_000_000,
                CandleState::Complete,
                ["39430.10", "39440.00", "39420.50", "39432.48"],
                Some("12.500263"),
                1_812,
            ),
            candle(
                1_610_064_000_000_000_000,
                CandleState::Open,
                ["39432.48", "39432.48", "39432.48", "39432.48"],
                Some("0.000263"),
                1,
            ),
        ],
        rows: vec![],
        more: true,
    }
}

fn rows() -> Candles {
    Candles {
        id: 11,
        topics: vec![TopicInfo {
            unit: Some("°C".into()),
            ..TopicInfo::new(KITCHEN_ID, Topic::new(KITCHEN).unwrap())
        }],
        interval: Interval::Day,
        position: 70_001,
        candles: vec![],
        rows: vec![Row {
            start_ns: 1_610_064_000_000_000_000,
            state: CandleState::Incomplete,
            first: 21.25,
            max: 21.5,
            min: -0.25,
            last: 21.5,
            sum: 42.5,
            count: 3,
        }],
        more: false,
    }
}

fn history<T: Name>() -> History<T> {
    let older = Update {
        position: 69_000,
        seq: 87,
        source_time_ns: None,
        ..update(Value::Reading(21.25))
    };
    History {
        id: 8,
        topics: vec![TopicInfo {
            unit: Some("USDT".into()),
            ..TopicInfo::new(BTC_ID, Topic::new(BTC).unwrap())
        }],
        updates: vec![older, update(Value::Reading(21.5))],
        more: true,
    }
}

fn welcome() -> Welcome {
    Welcome {
        server: concat!("tickcast-server ", env!("CARGO_PKG_VERSION")).into(),
        epoch: EPOCH,
        position: 70_000,
        server_time_ns: SERVER_TIME_NS,
        heartbeat_ms: 5_000,
        limits: Limits {
            message_bytes: 65_536,
            topic_bytes: 256,
            subscriptions: 1_024,
            requests_per_s: 20,
            request_burst: 100,
            write_timeout_ms: 10_000,
            tape_bytes: 67_108_864,
            rate_min_hz: 0.01,
            rate_max_hz: 1_000.0,
            publish_updates_per_s: 200_000,
            publish_bytes_per_s: 67_108_864,
            new_topics_per_s: 1_000,
            new_topics_burst: 20_000,
        },
        continues: vec![],
    }
}

fn welcome_after_power_cuts() -> Welcome {
    let ended = |epoch, last| EndedEpoch {
        epoch: Epoch(epoch),
        last,
    };
    Welcome {
        continues: vec![
            ended(0x18c5_0490_0000_0001, 4_711),
            ended(0x18c5_04a0_0000_0002, 69_990),
        ],
        ..welcome()
    }
}

fn subscribed() -> Subscribed {
    let starts = [
        Start::Fresh,
        Start::Resumed,
        Start::EpochChanged,
        Start::PositionAhead,
        Start::Existing,
        Start::Truncated,
    ];
    let mut results: Vec<_> = starts
        .into_iter()
        .map(|start| SubscribeResult::Accepted(accepted(start)))
        .collect();
    results.push(SubscribeResult::Accepted(Accepted {
        mode: Mode::Latest,
        max_rate_hz: Some(10.0),
        snapshot: Some(0),
        ..accepted(Start::Fresh)
    }));
    results.push(SubscribeResult::Accepted(Accepted {
        snapshot: Some(0),
        lost: Some(12),
        ..accepted(Start::Truncated)
    }));
    results.push(SubscribeResult::Refused(Refused {
        filter: "secret/#".into(),
        code: ErrorCode::SubscribeForbidden,
        reason: "subscribing not allowed".into(),
    }));
    Subscribed { id: 1, results }
}

pub(super) fn snapshot<T: Name>() -> Batch<T> {
    let info = |id, name: &str, unit: Option<&str>| TopicInfo {
        unit: unit.map(Into::into),
        ..TopicInfo::new(id, Topic::new(name).unwrap())
    };
    Batch {
        channel: 3,
        from: 0,
        to: 70_000,
        snapshot: true,
        topics: vec![
            TopicInfo {
                name: Some("Kitchen temperature".into()),
                state_class: Some("measurement".into()),
                ..info(KITCHEN_ID, KITCHEN, Some("°C"))
            },
            info(BTC_ID, BTC, None),
        ],
        updates: vec![
            Update {
                topic: T::name(KITCHEN_ID, KITCHEN),
                position: 250,
                seq: 1,
                source_time_ns: None,
                quality: Quality::Retained,
                ..update(Value::Reading(-0.25))
            },
            Update {
                topic: T::name(BTC_ID, BTC),
                position: 69_999,
                quality: Quality::Stale,
                ..update(Value::Reading(f64::INFINITY))
            },
            Update {
                topic: T::name(BTC_ID, BTC),
                position: 70_000,
                quality: Quality::Historical,
                ..update(Value::Reading(0.5))
            },
        ],
    }
}

fn heartbeat() -> Heartbeat {
    Heartbeat {
        server_time_ns: SERVER_TIME_NS,
        position: 70_003,
        channels: vec![ChannelPosition {
            channel: 3,
            position: 70_001,
        }],
    }
}

fn error() -> ErrorMessage {
    ErrorMessage {
        id: Some(8),
        code: ErrorCode::TooManyRequests,
        reason: "too many requests".into(),
        temporary: true,
        retry_after_ms: Some(50),
    }
}

fn subscriptions() -> Subscriptions {
    Subscriptions {
        id: 6,
        subscriptions: vec![SubscriptionInfo {
            channel: 3,
            filter: "market/#".into(),
            mode: Mode::Latest,
            max_rate_hz: Some(10.0),
            position: 70_001,
            topics: 2,
        }],
    }
}
