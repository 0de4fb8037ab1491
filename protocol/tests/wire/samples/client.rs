//! What clients send.

use tickcast_protocol::{
    message::{
        Authenticate, BearerToken, CandlesRequest, Change, ClientMessage, FilterRequest,
        HistoryRequest, Interval, List, Mode, Publication, Publish, PublishOnce, Resume, Subscribe,
        TimeRequest, Unsubscribe,
    },
    value::Value,
};

use super::{BTC, EPOCH, KITCHEN, SOURCE_TIME_NS, values};

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
