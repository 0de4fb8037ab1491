//! Wrong requests, each with its explanation.

use super::*;
use crate::codec::{decode_client, encode_client};

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
fn json_of_another_form_is_told_apart_from_a_text_that_is_none() {
    let why = |text: &str| {
        let error = serde_json::from_str::<Vec<u8>>(text).unwrap_err();
        explain_form("a list of bytes", text.as_bytes(), &error)
    };
    assert_eq!(why("{}"), "a list of bytes");
    assert_eq!(why("[true]"), "a list of bytes");
    let incomplete = "a list of bytes: it is not complete JSON: it ends after 2 bytes";
    assert_eq!(why("[1"), incomplete);
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
