use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::{
    own_words::{FORBIDDEN, own_words},
    schema::{Kind, Object, Presence, REQUESTS},
    *,
};
use crate::codec::{decode_client, encode_client};

/// Every request with all of its members.
fn requests() -> Vec<Value> {
    let token = json!({
        "epoch": "18c504b1f00d0001", "position": 4713, "count": 615, "snapshot": 250,
    });
    let trade = json!({"price": "39432.48", "size": "0.01", "side": "sell"});
    let quote = json!({"bid": "1.1", "ask": "1.2", "bid_size": "100", "ask_size": "200"});
    let update = |topic: &str, value: Value| json!({"topic": topic, "value": value});
    vec![
        json!({
            "type": "subscribe", "id": 7, "mode": "every", "max_rate_hz": 2.5,
            "filters": ["market/#", {"filter": "home/#", "resume": token}],
        }),
        json!({"type": "unsubscribe", "id": 7, "channels": [3, 400]}),
        json!({"type": "publish", "id": 7, "updates": [
            {"topic": "a/b", "value": {"reading": 21.5}, "source_time_ns": "1610064000278000000"},
            update("a/c", json!({"trade": trade})),
            update("a/d", json!({"quote": quote})),
            update("a/e", json!({"text": "tare"})),
            update("a/f", json!({"bytes": "AAECAw=="})),
            update("a/g", json!({"reading": "NaN"})),
            update("a/h", json!({"absent": "unavailable"})),
            update("a/i", json!({"quote": {"ask": "1.2"}})),
        ]}),
        json!({"type": "time", "id": 7, "client_time_ns": "1610064000278450001"}),
        json!({"type": "list", "id": 7}),
        json!({"type": "change", "id": 7, "channel": 3, "mode": "latest", "max_rate_hz": 10}),
        json!({"type": "authenticate", "id": 7, "token": "tct_example"}),
        json!({
            "type": "publish_once", "id": 7, "publisher": "00c504b1f00d0001", "number": 3,
            "updates": [update("a/c", json!({"text": "tare"}))],
        }),
        json!({"type": "history", "id": 7, "topic": "a/b", "limit": 100, "before": 4713}),
        json!({
            "type": "candles", "id": 7, "topic": "a/b", "interval": "5m", "limit": 100,
            "from_ns": "1610064000278450001", "before_ns": "1610064000278450002",
        }),
    ]
}

fn bincode_of(request: &Value) -> Vec<u8> {
    let json = request.to_string();
    let message = decode_client(json.as_bytes(), Encoding::Json);
    let message = message.unwrap_or_else(|error| panic!("{error}: {json}"));
    encode_client(&message, Encoding::Bincode)
}

#[track_caller]
fn check(bytes: &[u8], encoding: Encoding) {
    let decoded = decode_client(bytes, encoding);
    let shown = || bytes.escape_ascii().to_string();
    assert_eq!(
        decoded.is_ok(),
        is_readable(bytes, encoding),
        "the decoder says {decoded:?}, the table {:?}: {}",
        explain_request(bytes, encoding),
        shown()
    );
    if decoded.is_err() {
        let reason = explain_request(bytes, encoding).reason;
        let own = own_words(&reason);
        for text in FORBIDDEN {
            assert!(!own.contains(text), "{reason}: {}", shown());
        }
        assert!(reason.len() < 1000, "{reason}");
    }
}

#[track_caller]
fn explain(text: &str, id: Option<RequestId>, reason: &str) {
    check(text.as_bytes(), Encoding::Json);
    let explained = explain_request(text.as_bytes(), Encoding::Json);
    assert_eq!((explained.id, explained.reason.as_str()), (id, reason));
}

#[test]
fn a_wrong_request_in_json_is_answered_with_its_id_and_the_member_that_is_wrong() {
    let value = "an object with one member, which is reading, trade, quote, text, bytes or absent, \
                 such as {\"reading\":21.5}";
    let types = "\"subscribe\", \"unsubscribe\", \"publish\", \"time\", \"list\", \"change\", \
                 \"history\", \"candles\", \"authenticate\" or \"publish_once\"";
    explain(
        r#"{"type":"publish","id":7,"updates":[{"topic":"a","value":21.5}]}"#,
        Some(7),
        &format!("updates[0].value is 21.5: it must be {value}"),
    );
    explain(
        r#"{"type":"publish","updates":[{"topic":"a","value":{}}],"id":7}"#,
        Some(7),
        &format!("updates[0].value is an object with 0 members: it must be {value}"),
    );
    explain(
        r#"{"id":8,"type":"publsh","updates":[]}"#,
        Some(8),
        &format!("type is \"publsh\": it must be {types}; did you mean publish?"),
    );
    explain(
        r#"{"id":8,"type":"dance"}"#,
        Some(8),
        &format!("type is \"dance\": it must be {types}"),
    );
    explain(
        r#"{"id":8}"#,
        Some(8),
        &format!("type is missing: it must be {types}"),
    );
    explain(
        r#"{"id":8,"type":null}"#,
        Some(8),
        &format!("type is null: it must be {types}"),
    );
    explain(
        r#"{"type":"change","id":4,"channel":5}"#,
        Some(4),
        "mode is missing: it must be \"every\" or \"latest\"",
    );
    explain(
        r#"{"type":"change","id":4,"channel":5,"mode":null}"#,
        Some(4),
        "mode is null: it must be \"every\" or \"latest\"",
    );
    explain(
        r#"{"type":"subscribe","id":1,"filter":["a/#"]}"#,
        Some(1),
        "filter is not a member of subscribe; did you mean filters?",
    );
    explain(
        r#"{"type":"subscribe","id":1,"filters":["a/#"],"maxRateHz":2}"#,
        Some(1),
        "maxRateHz is not a member of subscribe; did you mean max_rate_hz?",
    );
    explain(
        r#"{"type":"subscribe","id":1,"filters":["a/#"],"mode":"Every"}"#,
        Some(1),
        "mode is \"Every\": it must be \"every\" or \"latest\"; did you mean every?",
    );
    explain(
        r#"{"type":"subscribe","id":1,"filters":"a/#"}"#,
        Some(1),
        "filters is \"a/#\": it must be a list",
    );
    explain(
        r#"{"type":"subscribe","id":1,"filters":[["a/#"]]}"#,
        Some(1),
        "filters[0] is a list: it must be a string, or an object with filter",
    );
    explain(
        r#"{"type":"subscribe","id":1,"filters":[{"filter":"a","resume":{"epoch":"x"}}]}"#,
        Some(1),
        "filters[0].resume.epoch is \"x\": it must be a string of 16 hexadecimal digits",
    );
    explain(
        r#"{"type":"list","id":1,"":2}"#,
        Some(1),
        "\"\" is not a member of list",
    );
    explain(
        r#"{"type":"list","id":"7"}"#,
        None,
        "id is \"7\": it must be a whole number from 0 to 4294967295",
    );
    explain(
        r#"{"type":"publish","id":7,"updates":[["a",{"reading":1},null]]}"#,
        Some(7),
        "updates[0] is a list: it must be an object with topic and value",
    );
    let decimal = "it must be a string such as \"39432.48\", with at most 18 digits after the \
                   point and all digits together within 64 bits";
    for wrong in ["1.5", "\".5\"", "\"+1\"", "\"1e3\"", "\"NaN\""] {
        let trade = format!(r#"{{"trade":{{"price":{wrong},"size":"1"}}}}"#);
        let update = format!(r#"{{"topic":"a","value":{trade}}}"#);
        explain(
            &format!(r#"{{"type":"publish","id":7,"updates":[{update}]}}"#),
            Some(7),
            &format!("updates[0].value.trade.price is {wrong}: {decimal}"),
        );
    }
    explain(
        r#"{"type":"time","id":3,"client_time_ns":"+5"}"#,
        Some(3),
        "client_time_ns is \"+5\": it must be nanoseconds as a string of digits, such as \
         \"1610064000278450001\"",
    );
}

#[test]
fn a_text_that_is_not_json_is_answered_with_the_place_and_the_id_before_or_after_it() {
    explain("", None, "the message is empty");
    explain(
        "hello",
        None,
        "the message is not JSON from byte 0 on, near \"hello\"",
    );
    explain(
        "[\"list\",7]",
        None,
        "the message is a list: it must be an object with a type",
    );
    explain(
        r#"{"type":"list","id":7}}"#,
        Some(7),
        "there are 1 trailing bytes after the message",
    );
    // Not every white space of ASCII is one of JSON.
    explain(
        "{\"type\":\"list\",\"id\":7}\n\x0c",
        Some(7),
        "there are 1 trailing bytes after the message",
    );
    explain(
        r#"{"type":"list","id":7,"#,
        Some(7),
        "the message is not complete JSON: it ends after 22 bytes",
    );
    explain(
        r#"{"type":"list","id":7"#,
        None,
        "the message is not complete JSON: it ends after 21 bytes",
    );
    explain(
        r#"{"type":"publish","updates":[{"topic":"a","value":{"reading":NaN}}],"id":7}"#,
        Some(7),
        "the message is not JSON from byte 61 on, near \"NaN}}],\\\"id\\\":7}\"; write NaN in quotes",
    );
    for text in [
        r#"{"type":"publish","updates":[{"topic":"a","value":{"reading":-1e999}}],"id":7}"#,
        r#"{"type":"publish","updates":[{"topic":"a","value":{"reading":-1e999 }}],"id":7}"#,
    ] {
        explain(
            text,
            Some(7),
            "the number \"-1e999\" at byte 61 is too large for 64 bits",
        );
    }
    let deep = format!(r#"{{"type":"list","id":7,"x":{}"#, "[".repeat(200));
    let levels = "the message has 128 or more levels of lists and objects";
    explain(&deep, Some(7), levels);
}

#[test]
fn the_first_id_of_the_outermost_object_is_the_id() {
    let id = |text: &str| json_id::find(text.as_bytes());
    for (text, expected) in [
        (r#"{"id":7,"id":8}"#, Some(7)),
        (r#"{"id":"x","id":8}"#, None),
        (r#"{"x":{"id":1},"id":7}"#, Some(7)),
        (r#"{"x":[{"id":1}]}"#, None),
        (r#"{"x":"id","y":7}"#, None),
        (r#"{"x":"\"id\":5,","id":7}"#, Some(7)),
        (r#"{"i\u0064":7}"#, Some(7)),
        (" \n{ \"id\" : 7 }", Some(7)),
        (r#"{"id":4294967295}"#, Some(u32::MAX)),
        (r#"{"id":4294967296}"#, None),
        (r#"{"id":-1}"#, None),
        (r#"{"id":07}"#, None),
        (r#"{"id":7.0}"#, None),
        (r#"{"id":7e0}"#, None),
        (r#"[{"id":7}]"#, None),
        (r#"{"x":1}{"id":7}"#, None),
        (r#"{"x":"a\"#, None),
    ] {
        assert_eq!(id(text), expected, "{text}");
    }
}

#[test]
fn null_is_a_missing_member_wherever_a_member_may_be_missing() {
    for text in [
        r#"{"type":"subscribe","id":null,"filters":["a"],"mode":null,"max_rate_hz":null}"#,
        r#"{"type":"subscribe","filters":[{"filter":"a","resume":null}]}"#,
        r#"{"type":"publish","id":null,"updates":[{"topic":"a","value":{"text":""},"source_time_ns":null}]}"#,
        r#"{"type":"history","id":null,"topic":"a","limit":null,"before":null}"#,
        r#"{"type":"candles","id":null,"topic":"a","interval":"1s","limit":null,"from_ns":null,"before_ns":null}"#,
        r#"{"type":"list","id":null}"#,
    ] {
        check(text.as_bytes(), Encoding::Json);
        let decoded = decode_client(text.as_bytes(), Encoding::Json);
        assert!(decoded.is_ok(), "{text}: {decoded:?}");
    }
    for text in [
        r#"{"type":"subscribe","filters":null}"#,
        r#"{"type":"subscribe","filters":[null]}"#,
        r#"{"type":"change","channel":null,"mode":"every"}"#,
        r#"{"type":"publish","updates":[{"topic":"a","value":null}]}"#,
    ] {
        check(text.as_bytes(), Encoding::Json);
        let decoded = decode_client(text.as_bytes(), Encoding::Json);
        assert!(decoded.is_err(), "{text}: {decoded:?}");
    }
}

#[test]
fn a_wrong_request_in_bincode_is_answered_with_its_id_and_the_member_that_is_wrong() {
    #[track_caller]
    fn explain(bytes: &[u8], id: Option<RequestId>, reason: &str) {
        check(bytes, Encoding::Bincode);
        let explained = explain_request(bytes, Encoding::Bincode);
        assert_eq!((explained.id, explained.reason.as_str()), (id, reason));
    }
    explain(
        b"",
        None,
        "the message is not complete: 1 bytes belong to it from byte 0 on, and the message has 0 \
         more",
    );
    explain(
        &[99, 7],
        None,
        "the message has number 99: the requests have 0 to 9",
    );
    explain(
        &[4, 7, 0, 0],
        Some(7),
        "there are 2 trailing bytes after the message",
    );
    explain(
        &[4, 253, 7, 0, 0, 0, 0, 0, 0, 0],
        None,
        "id at byte 1 begins with 253: an integer of 32 bits begins with 252 at most",
    );
    // publish with id 7 and one update: topic, kind of value.
    explain(
        &[2, 1, 7, 1, 1, b'a', 9],
        Some(7),
        "updates[0].value at byte 6 has number 9: it must be 0 (reading), 1 (trade), 2 (quote), \
         3 (text), 4 (bytes) or 5 (absent)",
    );
    explain(
        &[2, 1, 7, 1, 5, b'a'],
        Some(7),
        "updates[0].topic is not complete: 5 bytes belong to it from byte 5 on, and the message \
         has 1 more",
    );
    explain(
        &[2, 1, 7, 1, 1, 0xff],
        Some(7),
        "updates[0].topic at byte 4 is not UTF-8",
    );
    explain(
        &[2, 5, 7, 0],
        None,
        "id at byte 1 begins with 5: it must begin with 0 (missing) or 1 (present)",
    );
    explain(
        &[2, 1, 7, 1, 1, b'a', 1, 2, 19, 2, 0, 0, 0],
        Some(7),
        "updates[0].value.trade.price at byte 8 has 19 digits after the point (limit 18)",
    );
    explain(
        &[5, 7, 3, 2, 0],
        Some(7),
        "mode at byte 3 has number 2: it must be 0 (every) or 1 (latest)",
    );
}

#[test]
fn an_integer_in_a_longer_form_is_read_up_to_the_width_of_its_type() {
    let list = |id: &[u8]| [&[4], id].concat();
    for id in [&[7][..], &[251, 7, 0], &[252, 7, 0, 0, 0]] {
        let bytes = list(id);
        check(&bytes, Encoding::Bincode);
        let decoded = decode_client(&bytes, Encoding::Bincode).unwrap();
        assert_eq!(encode_client(&decoded, Encoding::Bincode), [4, 7]);
    }
    // The number of the message is an integer as well.
    let decoded = decode_client(&[251, 4, 0, 7], Encoding::Bincode).unwrap();
    assert_eq!(encode_client(&decoded, Encoding::Bincode), [4, 7]);
    for id in [&[253, 7, 0, 0, 0, 0, 0, 0, 0][..], &[254], &[255]] {
        assert!(decode_client(&list(id), Encoding::Bincode).is_err());
    }
}

/// Values that take the place of others.
fn odd_value() -> impl Strategy<Value = Value> {
    let odd = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(7.0),
        json!(1e300),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("every"),
        json!("sell"),
        json!("+1"),
        json!(".5"),
        json!("1e3"),
        json!("007"),
        json!("-5"),
        json!("NaN"),
        json!("AA="),
        json!("18C504B1F00D0001"),
        json!("a/#"),
        json!([]),
        json!([7]),
        json!({}),
        json!({"reading": 1}),
        json!({"every": null}),
        json!({"text": "x", "reading": 1}),
        json!({"filter": "a"}),
        json!([[[]]]),
    ];
    proptest::sample::select(odd)
}

#[derive(Debug, Clone)]
enum Change {
    Remove,
    Rename(String),
    Replace(Value),
    /// An object becomes the list of its members' values, a name an object.
    Reshape,
    Add(String, Value),
}

fn change() -> impl Strategy<Value = (Index, Change)> {
    let change = prop_oneof![
        Just(Change::Remove),
        "[a-z_]{0,3}".prop_map(Change::Rename),
        odd_value().prop_map(Change::Replace),
        Just(Change::Reshape),
        ("[a-z_]{0,8}", odd_value()).prop_map(|(name, value)| Change::Add(name, value)),
    ];
    (any::<Index>(), change)
}

/// The places of all values in a tree, as pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let at = format!("{at}/{name}");
                places(value, &at, found);
                found.push(at);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let at = format!("{at}/{index}");
                places(value, &at, found);
                found.push(at);
            }
        }
        _ => {}
    }
}

fn apply(request: &mut Value, index: Index, change: &Change) {
    let mut found = Vec::new();
    places(request, "", &mut found);
    found.retain(|place| !place.contains('~'));
    let Some(place) = (!found.is_empty()).then(|| index.get(&found)) else {
        return;
    };
    let (parent, name) = place.rsplit_once('/').unwrap();
    if let (Change::Remove | Change::Rename(_), Some(Value::Object(members))) =
        (change, request.pointer_mut(parent))
    {
        let value = members.remove(name);
        if let (Change::Rename(end), Some(value)) = (change, value) {
            members.insert(format!("{name}{end}"), value);
        }
        return;
    }
    let Some(target) = request.pointer_mut(place) else {
        return;
    };
    match (change, &mut *target) {
        (Change::Replace(value), _) => *target = value.clone(),
        (Change::Reshape, Value::Object(members)) => {
            *target = members.values().cloned().collect();
        }
        (Change::Reshape, Value::String(name)) => *target = json!({name.as_str(): null}),
        (Change::Add(name, value), Value::Object(members)) => {
            members.insert(name.clone(), value.clone());
        }
        _ => {}
    }
}

/// Changes of bytes: cuts, flipped bits, and pieces that are difficult in one of the encodings.
fn change_bytes(bytes: &mut Vec<u8>, changes: &[(Index, Index, u8)]) {
    const PIECES: &[&[u8]] = &[
        b"\"id\":1,",
        b"{",
        b"[",
        b"}",
        b"]",
        b"\"",
        b",",
        b":",
        b"\\",
        b"NaN",
        b"1e999",
        b"-0",
        b"\xff",
        b"\xfb\x05\x00",
        b"\xfc\xff\xff\xff\xff",
        b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for (at, piece, what) in changes {
        let at = at.index(bytes.len() + 1);
        match what % 4 {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << (what >> 5),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => drop(bytes.splice(at..at, piece.get(PIECES).iter().copied())),
        }
    }
}

#[test]
fn the_table_agrees_with_the_decoders_on_every_request() {
    for request in requests() {
        let json = request.to_string();
        let bincode = bincode_of(&request);
        assert!(is_readable(json.as_bytes(), Encoding::Json), "{json}");
        assert!(is_readable(&bincode, Encoding::Bincode), "{json}");
        for end in 0..bincode.len() {
            check(&bincode[..end], Encoding::Bincode);
        }
        for end in 0..json.len() {
            check(&json.as_bytes()[..end], Encoding::Json);
        }
        for at in 0..bincode.len() {
            for bit in 0..8 {
                let mut bytes = bincode.clone();
                bytes[at] ^= 1 << bit;
                check(&bytes, Encoding::Bincode);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases * 16))]

    #[test]
    fn the_table_agrees_with_the_decoder_of_json_on_changed_requests(
        request in any::<Index>(),
        changes in proptest::collection::vec(change(), 0..4),
        bytes in proptest::collection::vec(any::<(Index, Index, u8)>(), 0..3),
    ) {
        let mut request = request.get(&requests()).clone();
        for (index, change) in &changes {
            apply(&mut request, *index, change);
        }
        let id = request.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let mut text = request.to_string().into_bytes();
        if bytes.is_empty() {
            prop_assert_eq!(explain_request(&text, Encoding::Json).id, id);
        }
        change_bytes(&mut text, &bytes);
        check(&text, Encoding::Json);
    }

    #[test]
    fn the_table_agrees_with_the_decoder_of_bincode_on_changed_requests(
        request in any::<Index>(),
        bytes in proptest::collection::vec(any::<(Index, Index, u8)>(), 0..4),
    ) {
        let mut message = bincode_of(request.get(&requests()));
        change_bytes(&mut message, &bytes);
        check(&message, Encoding::Bincode);
    }
}

/// Compares an object with the first table after a line of docs/protocol.md.
#[track_caller]
fn check_table(document: &str, line: &str, object: &Object) {
    let (_, rest) = document
        .split_once(&format!("\n{line}\n"))
        .unwrap_or_else(|| panic!("no line {line:?}"));
    let rows: Vec<(&str, &str, &str)> = rest
        .lines()
        .skip_while(|line| !line.starts_with("| `"))
        .map_while(|line| {
            let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            let (kind, text) = rest.split_once(" |")?;
            Some((name, kind, text))
        })
        .collect();
    let names: Vec<_> = rows.iter().map(|(name, ..)| *name).collect();
    let members: Vec<_> = object.members.iter().map(|member| member.name).collect();
    assert_eq!(names, members, "{line}");
    for ((name, kind, text), member) in rows.iter().zip(object.members) {
        let plain = kind.strip_prefix("optional ");
        assert_eq!(
            plain.is_some(),
            member.presence == Presence::Optional,
            "{line}: {name}"
        );
        if *name != "id" {
            let may_be_missing = text.contains("may be missing in JSON");
            assert_eq!(
                may_be_missing,
                member.presence == Presence::Defaulted,
                "{line}: {name}"
            );
        }
        let is_right = match member.kind {
            Kind::List(_) => kind.starts_with("list"),
            Kind::Name(names) => names.iter().all(|name| kind.contains(&format!("`{name}`"))),
            Kind::OneOf(_) => *kind == "[value](#values)",
            Kind::Hex => ["epoch", "publisher"].contains(&plain.unwrap_or(kind)),
            Kind::Object(object) => object.name.contains(plain.unwrap_or(kind)),
            simple => {
                let known = match simple {
                    Kind::U32 => "u32",
                    Kind::U64 => "u64",
                    Kind::F64 => "f64",
                    Kind::Text => "string",
                    Kind::Time => "time",
                    Kind::Decimal => "decimal",
                    _ => "none",
                };
                plain.unwrap_or(kind) == known
            }
        };
        assert!(is_right, "{line}: {name} is {kind}, {:?}", member.kind);
    }
}

/// An object inside a request.
fn inner(request: &str, member: &str) -> &'static Object {
    let request = REQUESTS.iter().find(|object| object.name == request);
    let mut members = request.unwrap().members.iter();
    match members.find(|found| found.name == member).unwrap().kind {
        Kind::List(Kind::Object(object) | Kind::ObjectOrText(object)) => object,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_document_describes_every_member_of_every_request() {
    let document = include_str!("../../../../docs/protocol.md");
    for (number, request) in REQUESTS.iter().enumerate() {
        check_table(
            document,
            &format!("### `{}` ({number})", request.name),
            request,
        );
    }
    let filter = inner("subscribe", "filters");
    check_table(document, "A filter request:", filter);
    let Kind::Object(token) = filter.members[1].kind else {
        panic!("{filter:?}");
    };
    check_table(document, "[resume](#resume)):", token);
    check_table(
        document,
        "Each of the `updates`:",
        inner("publish", "updates"),
    );
}
