//! Payloads of feeds.

use std::sync::Arc;

use tickcast_protocol::topic::Filter;
use tickcast_server::testing::decode::{
    DecodeRule, Decoder, Format, JsonFormat, Shape, SidePointer, time::TimeUnit,
};

use super::delivery::check_delivery;

/// A payload of a feed. The first byte selects the format.
pub fn payload(bytes: &[u8]) {
    thread_local! {
        static FORMATS: Vec<Format> = formats();
    }
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    let format = FORMATS.with(|formats| formats[usize::from(*choice) % formats.len()].clone());
    let rule = DecodeRule {
        filter: Filter::all(),
        format,
        unit: None,
    };
    let mut decoder = Decoder::new(Arc::new([rule]));
    match decoder.decode("t", payload) {
        Ok(update) => check_delivery(&update.value, update.source_time_ns),
        Err(error) => assert!(error.to_string().len() < 1000 + payload.len().min(1000)),
    }
}

/// All formats of a rule, with every kind of pointer.
fn formats() -> Vec<Format> {
    let pointer = |text: &str| text.parse().expect("a valid pointer");
    let json = |shape, time: Option<TimeUnit>| {
        let time = time.map(|unit| (pointer("/t"), unit));
        Format::Json(Box::new(JsonFormat { shape, time }))
    };
    let trade = |side| Shape::Trade {
        price: pointer("/p"),
        size: pointer("/a/0"),
        side,
    };
    let quote = Shape::Quote {
        bid: pointer("/b"),
        ask: pointer("/a/b"),
        bid_size: Some(pointer("/s/0")),
        ask_size: Some(pointer("/s/1")),
    };
    let mut formats = vec![
        Format::Automatic,
        Format::Number,
        Format::Text,
        Format::Bytes,
        json(trade(None), None),
        json(trade(Some(SidePointer::Side(pointer("/s")))), None),
        json(trade(Some(SidePointer::BuyerMaker(pointer("/s")))), None),
        json(quote, None),
        json(Shape::Value(pointer("")), None),
    ];
    let with_time = |(_, unit)| json(Shape::Value(pointer("/v")), Some(unit));
    formats.extend(TimeUnit::NAMES.map(with_time));
    formats
}
