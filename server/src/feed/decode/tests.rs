use proptest::prelude::*;
use tickcast_protocol::{
    decimal::Decimal,
    message::TimeNs,
    value::{Quote, Side, Trade, Value},
};

use super::{json::Pointer, time::TimeUnit, *};

fn decimal_of(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn pointer(text: &str) -> Pointer {
    text.parse().unwrap()
}

fn trade(price: &str, size: &str, side: Option<Side>) -> Value {
    Value::Trade(Trade {
        price: decimal_of(price),
        size: decimal_of(size),
        side,
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Compares decimals by their digits: here `1.10` differs from `1.1`.
#[track_caller]
fn check_content(format: &Format, payload: &[u8], value: &Value, time_ns: Option<TimeNs>) {
    let content = format.read(payload).unwrap();
    let payload = String::from_utf8_lossy(payload);
    assert_eq!(
        format!("{:?}", content.value),
        format!("{value:?}"),
        "{payload}"
    );
    assert_eq!(content.time_ns, time_ns, "{payload}");
}

#[track_caller]
fn check(payload: &str, value: &Value, time_ns: Option<TimeNs>) {
    check_content(&Format::Automatic, payload.as_bytes(), value, time_ns);
}

#[track_caller]
fn check_error(format: &Format, payload: &str, expected: &str) {
    let error = format.read(payload.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), expected, "{payload}");
}

#[test]
fn a_number_is_a_reading() {
    for (payload, number) in [
        ("21.5", 21.5),
        ("-3", -3.0),
        (" 1e3\r\n", 1000.0),
        ("+.5", 0.5),
    ] {
        check(payload, &Value::Reading(number), None);
    }
}

#[test]
fn a_flat_object_is_read_by_the_names_of_its_fields() {
    const T: Option<TimeNs> = Some(1_700_000_000_000_000_000);
    check(r#"{"value":21.5}"#, &Value::Reading(21.5), None);
    check(r#"{"v":"21.5","ts":1700000000}"#, &Value::Reading(21.5), T);
    check(
        r#"{"timestamp":1700000000000,"value":"open"}"#,
        &text("open"),
        T,
    );
    check(r#"{"value":true}"#, &text("true"), None);
    check(r#"{"value":"a\u00e4\n"}"#, &text("aä\n"), None);
    check(
        r#"{"price":"39432.480","qty":0.00026300,"side":"SELL","time":"2023-11-14T22:13:20Z"}"#,
        &trade("39432.480", "0.00026300", Some(Side::Sell)),
        T,
    );
    check(
        r#"{"price":1.10,"size":2,"side":null}"#,
        &trade("1.10", "2", None),
        None,
    );
    check(
        r#"{"bid":1.12120,"ask":"1.12172","bid_size":3,"time":null}"#,
        &Value::Quote(Quote {
            bid: decimal_of("1.12120"),
            ask: decimal_of("1.12172"),
            bid_size: Some(decimal_of("3")),
            ask_size: None,
        }),
        None,
    );
}

#[test]
fn a_value_in_tickcasts_own_json_is_that_value() {
    check(r#"{"reading":21.5}"#, &Value::Reading(21.5), None);
    check(
        r#"{"trade":{"price":"1.10","size":"2","side":"buy"}}"#,
        &trade("1.10", "2", Some(Side::Buy)),
        None,
    );
    check(r#"{"bytes":"AP8="}"#, &Value::Bytes(vec![0, 255]), None);
    check(
        r#"{"quote":"to be or not"}"#,
        &text(r#"{"quote":"to be or not"}"#),
        None,
    );
}

#[test]
fn other_utf8_is_text_and_all_else_is_bytes() {
    for payload in [
        "closed",
        "",
        "nan",
        "inf",
        "1,5",
        "1e999",
        "{broken",
        r#"{"price":1}"#,
        r#"{"colour":"red","shade":2}"#,
        "[1,2]",
        " padded ",
    ] {
        check(payload, &text(payload), None);
    }
    check_content(
        &Format::Automatic,
        b"\xff\x00",
        &Value::Bytes(vec![255, 0]),
        None,
    );
}

#[test]
fn an_invalid_part_is_an_error_that_names_the_part_and_the_reason() {
    let automatic = &Format::Automatic;
    check_error(
        automatic,
        r#"{"value":null}"#,
        r#"value "null": there is no value"#,
    );
    check_error(
        automatic,
        r#"{"value":{"a":1}}"#,
        r#"value "{\"a\":1}": it is neither a number nor a string"#,
    );
    check_error(
        automatic,
        r#"{"value":1,"time":"yesterday"}"#,
        r#"time "\"yesterday\"": it is not a time in ISO 8601"#,
    );
    check_error(
        automatic,
        r#"{"price":"1,5","size":1}"#,
        r#"price "1,5": it is not a decimal number"#,
    );
    check_error(
        automatic,
        r#"{"price":1,"size":0.12345678901234567890123}"#,
        r#"size "0.12345678901234567890123": it has more digits than an exact decimal holds (about 18)"#,
    );
    check_error(
        automatic,
        r#"{"price":1,"size":1,"side":"long"}"#,
        r#"side "long": it is neither buy nor sell"#,
    );
    check_error(
        &Format::Number,
        "closed, because it rained the whole night long",
        r#"number "closed, because it rained the whole nigh…": it is not a number"#,
    );
}

#[test]
fn json_pointers_find_nested_parts_exactly() {
    let trades = Format::Json(Box::new(JsonFormat {
        shape: Shape::Trade {
            price: pointer("/data/p"),
            size: pointer("/data/q"),
            side: Some(SidePointer::BuyerMaker(pointer("/data/m"))),
        },
        time: Some((pointer("/data/T"), TimeUnit::Milliseconds)),
    }));
    check_content(
        &trades,
        br#"{"stream":"x","data":{"p":"39432.4800","q":"0.000263","m":true,"T":1610064000278}}"#,
        &trade("39432.4800", "0.000263", Some(Side::Sell)),
        Some(1_610_064_000_278_000_000),
    );
    check_error(
        &trades,
        r#"{"data":{"p":1,"T":1}}"#,
        r#"there is no size at "/data/q""#,
    );
    check_error(
        &trades,
        "{",
        "it is not JSON: EOF while parsing an object at line 1 column 1",
    );

    let quotes = Format::Json(Box::new(JsonFormat {
        shape: Shape::Quote {
            bid: pointer("/b/0"),
            ask: pointer("/a/0"),
            bid_size: Some(pointer("/b/1")),
            ask_size: None,
        },
        time: None,
    }));
    check_content(
        &quotes,
        br#"{"b":[1.10,5],"a":[1.20,7]}"#,
        &Value::Quote(Quote {
            bid: decimal_of("1.10"),
            ask: decimal_of("1.20"),
            bid_size: Some(decimal_of("5")),
            ask_size: None,
        }),
        None,
    );

    let whole = Format::Json(Box::new(JsonFormat {
        shape: Shape::Value(pointer("")),
        time: None,
    }));
    check_content(&whole, b" \"on\" ", &text("on"), None);
}

#[test]
fn the_first_matching_rule_applies_with_its_unit() {
    let rule = |filter: &str, format, unit: Option<&str>| DecodeRule {
        filter: filter.parse().unwrap(),
        format,
        unit: unit.map(Into::into),
    };
    let mut decoder = Decoder::new(
        [
            rule("plant/+/raw", Format::Bytes, None),
            rule("plant/#", Format::Number, Some("bar")),
        ]
        .into(),
    );
    let raw = decoder.decode("plant/a/raw", b"1").unwrap();
    assert_eq!(raw.value, Value::Bytes(b"1".to_vec()));
    let pressure = decoder.decode("plant/a/pressure", b"1").unwrap();
    assert_eq!(pressure.value, Value::Reading(1.0));
    assert_eq!(pressure.unit.as_deref(), Some("bar"));
    let other = decoder
        .decode("house", br#"{"value":1,"unit":"lx"}"#)
        .unwrap();
    assert_eq!(other.unit.as_deref(), Some("lx"));
    assert_eq!(
        decoder.decode("a/#", b"1").unwrap_err().to_string(),
        "the topic cannot be used: the wildcard at byte 2 is allowed in filters only"
    );
}

#[test]
fn a_flood_of_topics_does_not_grow_the_cache_without_limit() {
    let mut decoder = Decoder::new([].into());
    for index in 0..TOPICS_CACHED_MAX + 10 {
        decoder.decode(&format!("t/{index}"), b"1").unwrap();
    }
    assert!(decoder.topics.len() <= TOPICS_CACHED_MAX);
}

proptest! {
    #[test]
    fn no_payload_makes_any_format_panic(payload in prop::collection::vec(any::<u8>(), 0..64)) {
        for format in [Format::Automatic, Format::Number, Format::Text, Format::Bytes] {
            let _ = format.read(&payload);
        }
    }

    #[test]
    fn no_json_like_text_makes_a_format_panic(payload in r#"[{}\[\]":,a-dpv0-9.eE+\\ u~/-]{0,48}"#) {
        let json = Format::Json(Box::new(JsonFormat {
            shape: Shape::Value(pointer("/v/0")),
            time: Some((pointer("/a"), TimeUnit::Automatic)),
        }));
        let _ = json.read(payload.as_bytes());
        let _ = Format::Automatic.read(payload.as_bytes());
    }

    #[test]
    fn every_decimal_in_json_keeps_its_digits(
        mantissa in any::<i64>(), scale in 0u8..=18, quoted in any::<bool>()
    ) {
        let price = Decimal::new(mantissa, scale).unwrap();
        let quote = if quoted { "\"" } else { "" };
        let payload = format!(r#"{{"size":1,"price":{quote}{price}{quote}}}"#);
        let content = Format::Automatic.read(payload.as_bytes()).unwrap();
        let Value::Trade(trade) = content.value else { panic!("no trade: {payload}") };
        prop_assert_eq!((trade.price.mantissa(), trade.price.scale()), (mantissa, scale));
    }

    #[test]
    fn every_finite_number_is_a_reading_of_exactly_that_number(number in any::<f64>()) {
        prop_assume!(number.is_finite());
        let bare = number.to_string();
        let object = format!(r#"{{"value":{number:e}}}"#);
        for payload in [bare, object] {
            let content = Format::Automatic.read(payload.as_bytes()).unwrap();
            prop_assert_eq!(content.value, Value::Reading(number));
        }
    }
}
