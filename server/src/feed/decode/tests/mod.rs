//! What payloads become without a rule, and the bounds on it.

mod numbers;

use tickcast_protocol::{
    message::TimeNs,
    value::{Trade, Value},
};

use super::*;

/// 2026-01-01T00:00:00Z.
const NOW_NS: TimeNs = 1_767_225_600_000_000_000;

/// One line for each update: topic, value, and source time or unit if it has them.
fn lines(decoded: &Decoded) -> Vec<String> {
    let updates = decoded.updates.iter().map(|update| {
        let time = update
            .source_time_ns
            .map(|time_ns| format!(" at {time_ns}"));
        let unit = update.unit.as_ref().map(|unit| format!(" in {unit}"));
        let value = match &update.value {
            Value::Reading(number) => format!("{number}"),
            Value::Trade(Trade { price, size, side }) => match side {
                Some(side) => format!("{size} x {price} {side:?}"),
                None => format!("{size} x {price}"),
            },
            Value::Quote(quote) => format!("{:?} / {:?}", quote.bid, quote.ask),
            other => format!("{other:?}"),
        };
        let (time, unit) = (time.unwrap_or_default(), unit.unwrap_or_default());
        format!("{} = {value}{time}{unit}", update.topic)
    });
    let errors = decoded.errors.iter().map(|error| format!("error: {error}"));
    updates.chain(errors).collect()
}

fn decoded(payload: impl AsRef<[u8]>) -> Decoded {
    let mut decoder = Decoder::new([].into());
    decoder.decode("t", payload.as_ref(), NOW_NS).unwrap()
}

#[track_caller]
fn check<const N: usize>(payload: impl AsRef<[u8]>, expected: [&str; N]) {
    let decoded = decoded(payload.as_ref());
    let payload = String::from_utf8_lossy(payload.as_ref()).into_owned();
    assert_eq!(lines(&decoded), expected, "{payload}");
}

#[test]
fn a_number_is_a_reading() {
    for (payload, line) in [
        ("21.5", "t = 21.5"),
        ("-3", "t = -3"),
        (" 1e3\r\n", "t = 1000"),
        ("+.5", "t = 0.5"),
        ("\u{feff}21.5", "t = 21.5"),
        ("\"21.5\"", "t = 21.5"),
    ] {
        check(payload, [line]);
    }
}

#[test]
fn other_utf8_is_text_and_all_else_is_bytes() {
    for payload in [
        "closed", "nan", "inf", "1,5", "1e999", "{broken", "{}", "[]", " padded ", "true",
    ] {
        check(payload, [format!("t = Text({payload:?})").as_str()]);
    }
    check(b"21.5\0", ["t = Text(\"21.5\\0\")"]);
    check(b"\xff\x00", ["t = Bytes([255, 0])"]);
    check("\"2024-01-01\"", ["t = Text(\"2024-01-01\")"]);
}

#[test]
fn an_object_is_one_value_if_its_members_say_so() {
    const T: &str = "at 1700000000000000000";
    check(r#"{"value":21.5}"#, ["t = 21.5"]);
    check(r#"{"Value":21.5,"unit":"°C"}"#, ["t = 21.5 in °C"]);
    check(
        r#"{"v":"21.5","ts":1700000000}"#,
        [format!("t = 21.5 {T}").as_str()],
    );
    check(
        r#"{"val":21.5,"ack":true,"ts":1652442323100,"q":0}"#,
        ["t = 21.5 at 1652442323100000000"],
    );
    check(r#"{"value":true}"#, ["t = Text(\"true\")"]);
    check(r#"{"value":1,"value":2}"#, ["t = 2"]);
    check(
        r#"{"price":"39432.480","qty":0.00026300,"side":"SELL","time":"2023-11-14T22:13:20Z"}"#,
        [format!("t = 0.00026300 x 39432.480 Sell {T}").as_str()],
    );
    check(
        r#"{"bid":1.12120,"ask":"1.12172"}"#,
        ["t = Some(1.12120) / Some(1.12172)"],
    );
    check(
        r#"{"trade":{"price":"1.10","size":"2","side":"buy"}}"#,
        ["t = 2 x 1.10 Buy"],
    );
    check(r#"{"bytes":"AP8="}"#, ["t = Bytes([0, 255])"]);
}

#[test]
fn a_side_that_is_neither_buy_nor_sell_is_no_side() {
    for side in ["\"\"", "\"unknown\"", "0", "null", "true"] {
        check(
            format!(r#"{{"price":1,"size":2,"side":{side}}}"#),
            ["t = 2 x 1"],
        );
    }
}

#[test]
fn a_quote_may_have_one_side() {
    check(r#"{"bid":"1.0","ask":null}"#, ["t = Some(1.0) / None"]);
    check(r#"{"bid":"NaN","ask":"1.1"}"#, ["t = None / Some(1.1)"]);
    check(r#"{"bid":null,"ask":null}"#, ["t = Absent(\"null\")"]);
}

#[test]
fn other_objects_become_one_series_for_each_member() {
    check(
        r#"{"battery":null,"last_seen":"2022-01-28T20:12:49+01:00","occupancy":true,"temperature":21.5}"#,
        [
            "t/battery = Absent(\"null\") at 1643397169000000000",
            "t/occupancy = Text(\"true\") at 1643397169000000000",
            "t/temperature = 21.5 at 1643397169000000000",
        ],
    );
    check(
        r#"{"Time":"2024-03-31T01:30:00","ENERGY":{"Total":1.234,"Power":18}}"#,
        [
            "t/Time = Text(\"2024-03-31T01:30:00\")",
            "t/ENERGY/Total = 1.234",
            "t/ENERGY/Power = 18",
        ],
    );
    check(
        r#"{"value":{"temp":1},"time":1}"#,
        ["t/value/temp = 1", "t/time = 1"],
    );
    check(
        r#"{"a":{"value":1,"unit":"V"},"by_minute":[1,2]}"#,
        ["t/a = 1 in V", "t/by_minute/0 = 1", "t/by_minute/1 = 2"],
    );
}

#[test]
fn names_that_no_topic_can_have_are_changed_and_told_once() {
    let mut decoder = Decoder::new([].into());
    let payload = br#"{"a/b":1,"a_b":2,"c+#":3,"":4}"#;
    let first = decoder.decode("t", payload, NOW_NS).unwrap();
    assert_eq!(
        lines(&first),
        ["t/a_b = 1", "t/a_b_2 = 2", "t/c__ = 3", "t/_ = 4"]
    );
    assert!(first.renamed.is_some());
    let second = decoder.decode("t", payload, NOW_NS).unwrap();
    assert_eq!(lines(&second), lines(&first));
    assert_eq!(second.renamed, None);
}

#[test]
fn the_elements_of_an_array_are_samples() {
    check("[1,2.5]", ["t = 1", "t = 2.5"]);
    check(
        r#"[{"t":1700000000,"v":1.0},{"t":1700000001,"v":2.0}]"#,
        [
            "t = 1 at 1700000000000000000",
            "t = 2 at 1700000001000000000",
        ],
    );
    check(
        r#"[{"a":1},{"a":2,"b":3}]"#,
        ["t/a = 1", "t/a = 2", "t/b = 3"],
    );
    check(
        r#"{"channel":"trade","data":[{"price":1,"qty":2,"side":"buy"},{"price":3,"qty":4}]}"#,
        [
            "t/channel = Text(\"trade\")",
            "t/data = 2 x 1 Buy",
            "t/data = 4 x 3",
        ],
    );
}

#[test]
fn an_array_of_pairs_is_a_series_with_times() {
    let pairs = "[[1700000000000,1.5],[1700000001000,null]]";
    let expected = |topic: &str| {
        [
            format!("{topic} = 1.5 at 1700000000000000000"),
            format!("{topic} = Absent(\"null\") at 1700000001000000000"),
        ]
    };
    assert_eq!(lines(&decoded(pairs)), expected("t"));
    let inner = decoded(format!(r#"{{"data":{pairs}}}"#));
    assert_eq!(lines(&inner), expected("t/data"));
    check(
        r#"{"bids":[["1.5","2"]]}"#,
        ["t/bids/0/0 = 1.5", "t/bids/0/1 = 2"],
    );
}

#[test]
fn elements_with_names_are_series_of_their_own() {
    check(
        r#"{"timestamp":1700000000,"values":[{"id":"a/b","v":1,"q":true},{"id":"c","v":2}]}"#,
        [
            "t/values/a_b = 1 at 1700000000000000000",
            "t/values/c = 2 at 1700000000000000000",
        ],
    );
    check(
        r#"[{"name":"a","x":1,"y":2},{"name":"b","x":3}]"#,
        [
            "t/a/name = Text(\"a\")",
            "t/a/x = 1",
            "t/a/y = 2",
            "t/b/name = Text(\"b\")",
            "t/b/x = 3",
        ],
    );
    // The number of a trade is no series, and neither is a number of any kind.
    check(
        r#"[{"id":"17","price":1,"size":2},{"id":18,"value":3}]"#,
        ["t = 2 x 1", "t = 3"],
    );
    check(
        r#"[{"symbol":"A/B","price":1,"size":2}]"#,
        ["t/A_B = 2 x 1"],
    );
}

#[test]
fn an_object_with_further_numbers_is_not_one_value() {
    check(
        r#"{"value":21.5,"humidity":40,"time":1700000000}"#,
        [
            "t/value = 21.5 at 1700000000000000000",
            "t/humidity = 40 at 1700000000000000000",
        ],
    );
    // Open, high, low, close and volume.
    check(
        r#"{"t":1700000000,"o":1,"v":100}"#,
        [
            "t/o = 1 at 1700000000000000000",
            "t/v = 100 at 1700000000000000000",
        ],
    );
    check(r#"{"t":21.5,"h":40}"#, ["t/t = 21.5", "t/h = 40"]);
    check(r#"{"v":3.3,"t":21.5}"#, ["t/v = 3.3", "t/t = 21.5"]);
    // A message of an exchange, with numbers in quotes.
    check(
        r#"{"s":"BTC","v":"0.001","p":"16578.50"}"#,
        ["t/s = Text(\"BTC\")", "t/v = 0.001", "t/p = 16578.5"],
    );
    check(
        r#"{"val":21.5,"ack":true,"q":0,"id":7,"ts":1700000000}"#,
        ["t = 21.5 at 1700000000000000000"],
    );
}

#[test]
fn digits_that_begin_with_zero_are_a_code_if_they_are_in_quotes() {
    check(
        r#"{"serial":"0201","power":"0.5","count":"0","total":"10"}"#,
        [
            "t/serial = Text(\"0201\")",
            "t/power = 0.5",
            "t/count = 0",
            "t/total = 10",
        ],
    );
    check("0201", ["t = 201"]);
}

#[test]
fn sensor_measurement_lists_are_read_as_their_standard_says() {
    // RFC 8428, section 5.1.3, shortened.
    check(
        r#"[{"bn":"urn:dev:1/","bt":1700000000,"bu":"%RH","v":20},
            {"u":"lon","v":24.30621},
            {"n":"door","vb":true,"t":60}]"#,
        [
            "t/urn:dev:1/_ = 20 at 1700000000000000000 in %RH",
            "t/urn:dev:1/_ = 24.30621 at 1700000000000000000 in lon",
            "t/urn:dev:1/door = Text(\"true\") at 1700000060000000000 in %RH",
        ],
    );
    check(
        r#"[{"n":"a","v":1,"t":-5}]"#,
        ["t/a = 1 at 1767225595000000000"],
    );
}

#[test]
fn a_series_of_numbers_is_absent_while_its_source_says_so() {
    let mut decoder = Decoder::new([].into());
    let mut line = |payload: &str| {
        let decoded = decoder.decode("t", payload.as_bytes(), NOW_NS).unwrap();
        lines(&decoded).concat()
    };
    assert_eq!(
        line("unavailable"),
        "t = Text(\"unavailable\")",
        "not yet a series"
    );
    assert_eq!(line("21.5"), "t = 21.5");
    for word in ["unavailable", "unknown", "nan", "NaN", "inf", "-inf"] {
        assert_eq!(line(word), format!("t = Absent({word:?})"));
    }
    assert_eq!(
        line(r#"{"temperature":NaN,"value":NaN}"#),
        "t = Absent(\"null\")"
    );
    assert_eq!(line("open"), "t = Text(\"open\")");
    assert_eq!(line(""), "t = Absent(\"\")");
    assert_eq!(line("null"), "t = Absent(\"null\")");
    assert_eq!(line(r#"{"value":null}"#), "t = Absent(\"null\")");
}

#[test]
fn no_value_is_refused_for_its_time() {
    for time in [
        "0",
        "-5",
        "43200.5",
        "\"12:30\"",
        "\"yesterday\"",
        "false",
        "9999999999",
        "\"2024-01-01 12:00:00\"",
        "{}",
    ] {
        let decoded = decoded(format!(r#"{{"value":21.5,"time":{time}}}"#));
        assert_eq!(lines(&decoded), ["t = 21.5"], "{time}");
        assert_eq!(decoded.times_ignored, 1, "{time}");
    }
    for time in [
        "\"Mon, 01 Jan 2024 00:00:00 GMT\"",
        "1704067200",
        "\"2024-01-01T01:00:00+01:00\"",
    ] {
        check(
            format!(r#"{{"value":21.5,"time":{time}}}"#),
            ["t = 21.5 at 1704067200000000000"],
        );
    }
}

#[test]
fn integers_beyond_a_readings_digits_are_told() {
    for (payload, rounded) in [
        ("9007199254740993", 1),
        ("18446744073709551615", 1),
        ("9007199254740992", 0),
        ("18446744073709551616", 0),
        ("0.1", 0),
    ] {
        assert_eq!(decoded(payload).rounded, rounded, "{payload}");
    }
    assert_eq!(decoded(r#"{"value":9007199254740993}"#).rounded, 1);
}

#[test]
fn topics_that_describe_others_are_never_split() {
    let mut decoder = Decoder::new([].into());
    for topic in [
        "homeassistant/sensor/a/config",
        "zigbee2mqtt/bridge/info",
        "$SYS/broker/load",
    ] {
        let decoded = decoder.decode(topic, br#"{"a":1,"b":2}"#, NOW_NS).unwrap();
        assert_eq!(decoded.updates.len(), 1, "{topic}");
    }
}

#[test]
fn an_invalid_part_is_an_error_that_names_the_part_and_the_reason() {
    check(
        r#"{"price":"1,5","size":1}"#,
        [r#"error: price "1,5": it is not a decimal number"#],
    );
    check(
        r#"{"price":1,"size":0.12345678901234567890123}"#,
        [
            r#"error: size "0.12345678901234567890123": it has more digits than an exact decimal holds (about 18)"#,
        ],
    );
    check(
        r#"{"value":1e400}"#,
        [r#"error: value "1e400": it is too large for a reading"#],
    );
    check(
        r#"[1,1e400,2]"#,
        [
            "t = 1",
            "t = 2",
            r#"error: value "1e400": it is too large for a reading"#,
        ],
    );
}

#[test]
fn a_flood_of_topics_or_members_does_not_grow_the_cache_without_limit() {
    let mut decoder = Decoder::new([].into());
    for index in 0..TOPICS_CACHED_MAX + 10 {
        decoder.decode(&format!("t/{index}"), b"1", NOW_NS).unwrap();
    }
    assert!(decoder.topics.len() <= TOPICS_CACHED_MAX);
    let members: Vec<String> = (0..300).map(|index| format!("\"m{index}\":1")).collect();
    let wide = format!("{{{}}}", members.join(","));
    let decoded = decoder.decode("wide", wide.as_bytes(), NOW_NS).unwrap();
    assert_eq!((decoded.updates.len(), decoded.left_out), (256, 44));
    let deep = format!("{}1{}", "{\"a\":".repeat(20), "}".repeat(20));
    let decoded = decoder.decode("deep", deep.as_bytes(), NOW_NS).unwrap();
    assert_eq!((decoded.updates.len(), decoded.left_out), (0, 1));
    let long = format!("[{}1]", "1,".repeat(9_999));
    let decoded = decoder.decode("long", long.as_bytes(), NOW_NS).unwrap();
    assert_eq!((decoded.updates.len(), decoded.left_out), (4_096, 5_904));
}
