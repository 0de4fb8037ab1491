//! Payloads of feeds.

use std::sync::Arc;

use tickcast_protocol::topic::Filter;
use tickcast_server::testing::decode::{
    Conditions, DecodeRule, Decoder, FieldsFormat, Format, Hints, JsonFormat, MissingPolicy,
    Numerals, Shape, SidePointer,
    time::{TimeRule, TimeUnit},
};

use super::delivery::check_delivery;

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW_NS: i64 = 1_767_225_600_000_000_000;

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
        name: None,
        when: Conditions::default(),
    };
    let mut decoder = Decoder::new(Arc::new([rule]));
    let is_short = |text: &str| assert!(text.len() < 1000 + payload.len().min(1000));
    match decoder.decode("t", payload, NOW_NS) {
        Ok(decoded) => {
            for update in &decoded.updates {
                check_delivery(&update.value, update.source_time_ns);
            }
            for error in &decoded.errors {
                is_short(&error.to_string());
            }
        }
        Err(error) => is_short(&error.to_string()),
    }
}

/// A time at a pointer, without a zone, and numbers with commas.
fn hints() -> Hints {
    Hints {
        time: Some("/a/t".parse().expect("a valid pointer")),
        numerals: Numerals::Comma,
        ..Hints::default()
    }
}

/// All formats of a rule, with every kind of pointer.
fn formats() -> Vec<Format> {
    let pointer = |text: &str| text.parse().expect("a valid pointer");
    let json = |shape, time: Option<TimeUnit>| {
        let rule = |unit| TimeRule {
            unit,
            ..TimeRule::default()
        };
        Format::Json(Box::new(JsonFormat {
            each: None,
            topic: None,
            shape,
            time: time.map(|unit| (pointer("/t"), rule(unit))),
            missing: MissingPolicy::Absent,
            round: None,
            numerals: Numerals::Usual,
        }))
    };
    let each = |missing| {
        Format::Json(Box::new(JsonFormat {
            each: Some(pointer("/a")),
            topic: Some("t/{/n}/x".parse().expect("a valid template")),
            shape: Shape::Value(pointer("/v")),
            time: None,
            missing,
            round: Some(2),
            numerals: Numerals::Comma,
        }))
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
        Format::Automatic(None),
        Format::Number(Numerals::Usual),
        Format::Number(Numerals::Comma),
        Format::Fields(Box::new(FieldsFormat {
            include: ["a".into(), "b/c".into()].into(),
            exclude: ["a/d".into()].into(),
            keep_text: true,
            hints: Hints::default(),
        })),
        Format::Automatic(Some(Box::new(hints()))),
        each(MissingPolicy::Error),
        each(MissingPolicy::Skip),
        Format::Text,
        Format::Bytes,
        Format::Skip,
        Format::Error(Some(pointer("/a"))),
        json(trade(None), None),
        json(
            trade(Some(SidePointer::Side {
                pointer: pointer("/s"),
                is_makers: true,
                buy: ["0".into()].into(),
                sell: [].into(),
            })),
            None,
        ),
        json(trade(Some(SidePointer::BuyerMaker(pointer("/s")))), None),
        json(quote, None),
        json(Shape::Value(pointer("")), None),
    ];
    let with_time = |(_, unit)| json(Shape::Value(pointer("/v")), Some(unit));
    formats.extend(TimeUnit::NAMES.map(with_time));
    formats
}
