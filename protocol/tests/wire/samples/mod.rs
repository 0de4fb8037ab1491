//! One message of every kind, with the name of its golden file.

mod client;
mod server;

use tickcast_protocol::{
    decimal::Decimal,
    message::{Epoch, TopicId},
    topic::Topic,
    value::{Quote, Side, Trade, Value},
};

pub(crate) use client::client_messages;
pub(crate) use server::server_messages;

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
