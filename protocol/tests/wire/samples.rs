//! One message of every kind, with the name of its golden file.

use tickcast_protocol::{
    decimal::Decimal,
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
    topic::Topic,
    value::{Quote, Side, Trade, Value},
};

pub(crate) const EPOCH: Epoch = Epoch(0x18c5_04b1_f00d_0001);

pub(crate) const BTC_ID: TopicId = 7;
pub(crate) const BTC: &str = "market/BTC-USDT/trade";
const KITCHEN_ID: TopicId = 300;
const KITCHEN: &str = "home/kitchen/temperature";

/// 2021-01-08T00:00:00.278Z
const SOURCE_TIME_NS: i64 = 1_610_064_000_278_000_000;

/// 2021-01-08T00:00:00.278450001Z
const SERVER_TIME_NS: i64 = 1_610_064_000_278_450_001;

/// How updates name their topic: by number in bincode, by name in JSON.
pub(crate) trait Name: Sized {
    fn name(id: TopicId, name: &str) -> Self;
}

impl Name for TopicId {
    fn name(id: TopicId, _: &str) -> Self {
        id
    }
}

impl Name for Topic {
    fn name(_: TopicId, name: &str) -> Self {
        Self::new(name).unwrap()
    }
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn values() -> Vec<(&'static str, Value)> {
    vec![
        ("reading", Value::Reading(21.5)),
        (
            "trade",
            Value::Trade(Trade {
                price: decimal("39432.48"),
                size: decimal("0.000263"),
                side: Some(Side::Sell),
            }),
        ),
        (
            "trade-buy",
            Value::Trade(Trade {
                price: decimal("64000"),
                size: decimal("9223372036.854775807"),
                side: Some(Side::Buy),
            }),
        ),
        (
            "trade-without-side",
            Value::Trade(Trade {
                price: decimal("-0.50"),
                size: decimal("1000000"),
                side: None,
            }),
        ),
        (
            "quote",
            Value::Quote(Quote {
                bid: Some(decimal("39432.47")),
                ask: Some(decimal("39432.49")),
                bid_size: Some(decimal("1.5")),
                ask_size: None,
            }),
        ),
        (
            "quote-one-sided",
            Value::Quote(Quote {
                bid: None,
                ask: Some(decimal("25.3652")),
                bid_size: None,
                ask_size: Some(decimal("40.66")),
            }),
        ),
        ("text", Value::Text("zu, ≤ 1 °C".into())),
        ("bytes", Value::Bytes(vec![0x00, 0x7f, 0xfb, 0xff])),
        ("absent", Value::Absent("unavailable".into())),
    ]
}

pub(crate) fn client_messages() -> Vec<(&'static str, ClientMessage)> {
    let resume = |filter: &str, count, snapshot| FilterRequest {
        filter: filter.into(),
        resume: Some(Resume {
            epoch: EPOCH,
            position: 70_000,
            count,
            snapshot,
        }),
    };
    let publication = |topic: &str, value, source_time_ns| Publication {
        topic: topic.into(),
        value,
        source_time_ns,
    };
    vec![
        (
            "client-subscribe",
            ClientMessage::Subscribe(Subscribe {
                id: 1,
                filters: vec!["market/#".into(), "home/+/temperature".into()],
                mode: Mode::Latest,
                max_rate_hz: Some(10.0),
            }),
        ),
        (
            "client-subscribe-resume",
            ClientMessage::Subscribe(Subscribe {
                id: 2,
                filters: vec![
                    resume("market/#", Some(4_711), None),
                    resume("home/#", None, Some(251)),
                ],
                mode: Mode::Every,
                max_rate_hz: None,
            }),
        ),
        (
            "client-unsubscribe",
            ClientMessage::Unsubscribe(Unsubscribe {
                id: 3,
                channels: vec![3, 70_000],
            }),
        ),
        (
            "client-publish",
            ClientMessage::Publish(Publish {
                id: Some(4),
                updates: values()
                    .into_iter()
                    .map(|(_, value)| publication("lab/all", value, None))
                    .collect(),
            }),
        ),
        (
            "client-publish-without-id",
            ClientMessage::Publish(Publish {
                id: None,
                updates: vec![publication(
                    "home/door",
                    Value::Text("open".into()),
                    Some(SOURCE_TIME_NS),
                )],
            }),
        ),
        (
            "client-publish-once",
            ClientMessage::PublishOnce(PublishOnce {
                id: 13,
                publisher: 0x0dd5_04b1_f00d_0002,
                number: 300,
                updates: vec![publication("lab/scale", Value::Reading(21.5), None)],
            }),
        ),
        (
            "client-time",
            ClientMessage::Time(TimeRequest {
                id: 5,
                client_time_ns: SOURCE_TIME_NS,
            }),
        ),
        ("client-list", ClientMessage::List(List { id: 6 })),
        (
            "client-change",
            ClientMessage::Change(Change {
                id: 7,
                channel: 3,
                mode: Mode::Latest,
                max_rate_hz: Some(0.5),
            }),
        ),
        (
            "client-history",
            ClientMessage::History(HistoryRequest {
                id: 8,
                topic: BTC.into(),
                limit: Some(500),
                before: Some(70_001),
            }),
        ),
        (
            "client-candles",
            ClientMessage::Candles(CandlesRequest {
                id: 10,
                topic: BTC.into(),
                interval: Interval::Minute,
                limit: Some(2),
                from_ns: Some(1_610_063_400_000_000_000),
                before_ns: Some(1_610_064_060_000_000_000),
            }),
        ),
        (
            "client-candles-newest",
            ClientMessage::Candles(CandlesRequest {
                id: 11,
                topic: KITCHEN.into(),
                interval: Interval::Day,
                limit: None,
                from_ns: None,
                before_ns: None,
            }),
        ),
        (
            "client-history-newest",
            ClientMessage::History(HistoryRequest {
                id: 9,
                topic: BTC.into(),
                limit: None,
                before: None,
            }),
        ),
        (
            "client-authenticate",
            ClientMessage::Authenticate(Authenticate {
                id: 10,
                token: BearerToken::new("tct_example"),
            }),
        ),
    ]
}

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

fn snapshot<T: Name>() -> Batch<T> {
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
